#!/bin/busybox sh
# The guest's first program, in the kernel's first root file system: makes the machine's own / visible, read-only by 9p and with a
# tmpfs above that takes what is written, and goes there.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
exec > /dev/console 2>&1 < /dev/console
. /vm/settings

fail() {
	echo "vm: $*"
	$b poweroff -f
}

for module in /vm/modules/*; do
	$b insmod "$module" || fail "cannot load $module"
done

$b mkdir -p /host /above /root
$b mount -t 9p -o "trans=virtio,version=9p2000.L,msize=$msize,cache=loose,access=any,ro" root /host || fail "no 9p"
$b mount -t tmpfs -o mode=755,size=75% tmpfs /above
$b mkdir /above/upper /above/work
$b mount -t overlay -o lowerdir=/host,upperdir=/above/upper,workdir=/above/work,xino=off root /root || fail "no overlay"
for place in dev proc sys; do
	$b mount --move /$place /root/$place
done
$b mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /root/run
$b mkdir /root/run/vm
$b cp -r /bin/busybox /vm/settings /vm/job /vm/guest /root/run/vm/
exec $b switch_root /root /run/vm/busybox sh /run/vm/guest/main.sh
