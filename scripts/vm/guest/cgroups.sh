# The layout of cgroups: the unified one with every controller, or as systemd makes it on machines with version 1. Where systemd is
# process 1 it makes version 1's itself.
c=/sys/fs/cgroup
all="cpu,cpuacct cpuset memory devices freezer blkio pids net_cls,net_prio perf_event hugetlb rdma misc"

case $cgroup$systemd in
v2*)
	$b mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 $c
	for controller in $($b cat $c/cgroup.controllers); do
		echo "+$controller" > $c/cgroup.subtree_control
	done
	;;
*0)
	$b mount -t tmpfs -o mode=755 cgroup $c
	for controllers in $all; do
		$b mkdir $c/$controllers
		$b mount -t cgroup -o $controllers cgroup $c/$controllers
	done
	for one in cpu cpuacct; do $b ln -s cpu,cpuacct $c/$one; done
	for one in net_cls net_prio; do $b ln -s net_cls,net_prio $c/$one; done
	$b mkdir $c/systemd
	$b mount -t cgroup -o none,name=systemd cgroup $c/systemd
	if [ "$cgroup" = hybrid ]; then
		$b mkdir $c/unified
		$b mount -t cgroup2 cgroup2 $c/unified
	fi
	;;
esac
