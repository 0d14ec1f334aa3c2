# Process 1 after init.sh: mounts what a machine has, then runs the job itself, or becomes systemd, which does.
. /run/vm/guest/common.sh

# The kernel guesses at boot how fast the processor's own clock ticks. Where others kept the emulator waiting at that moment it may
# be wrong by a factor, and every limit of time with it: then the slower clock of the machine's board counts.
read -r board < /sys/class/rtc/rtc0/since_epoch
ahead=$(($($b date +%s) - board))
if [ "$ahead" -gt 3 ] || [ "$ahead" -lt -3 ]; then
	echo acpi_pm > /sys/devices/system/clocksource/clocksource0/current_clocksource
	$b date -s "@$board" > /dev/null
	echo "vm: the clock was $ahead s ahead"
fi

$b hostname vm
$b ip link set lo up

$b mkdir -p /dev/shm /dev/pts /dev/mqueue /dev/net /run/lock
$b mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
$b mount -t mqueue mqueue /dev/mqueue
$b ln -sf /proc/self/fd /dev/fd
for n in 0:stdin 1:stdout 2:stderr; do
	$b ln -sf "/proc/self/fd/${n%%:*}" "/dev/${n##*:}"
done
$b mount -t securityfs securityfs /sys/kernel/security
$b mount -t bpf bpf /sys/fs/bpf
$b mount -t tracefs tracefs /sys/kernel/tracing

# The kernel's modules, where modprobe and the kernel itself look for them; opening these devices loads theirs.
$b mkdir -p "/lib/modules/$release"
$b mount --bind "$modules" "/lib/modules/$release"
$b mknod -m 666 /dev/fuse c 10 229
$b mknod -m 666 /dev/net/tun c 10 200
modprobe -a virtio_blk ext4 loop

# A root that is an overlay takes neither upper folders of overlays nor mapped mounts: temporary files have a disk of their own.
$b mkdir -p "$disk"
$b mount -t ext4 /dev/vda "$disk" || echo "vm: no disk"
$b chmod 1777 "$disk"
# Nor may engines believe that they are in a container.
$b rm -f /.dockerenv /run/.containerenv
unset container

. /run/vm/guest/cgroups.sh
[ "$systemd" != 1 ] || . /run/vm/guest/systemd.sh

$b setsid $b sh /run/vm/guest/job.sh < /dev/null &
wait $!
echo "vm: the job's shell was killed"
exec $b poweroff -f
