# Becomes systemd, with the system's bus, logind and what users' managers need, and the job as a service. Only the units named here can
# be found: to read all of the machine's would take 5 s and more, and to run them would change what the tests see.
s=/run/systemd
units="dbus.socket dbus.service user.slice user@.service user-runtime-dir@.service systemd-logind.service sysinit.target basic.target
	sockets.target shutdown.target umount.target final.target"

$b mkdir -p $s/system $s/system.conf.d $s/system-generators /run/dbus /run/user
for generator in /usr/lib/systemd/system-generators/*; do
	$b ln -s /dev/null "$s/system-generators/${generator##*/}"
done
for unit in $units user-.slice; do
	for file in $unit $unit.d; do
		[ ! -e "/usr/lib/systemd/system/$file" ] || $b cp -r "/usr/lib/systemd/system/$file" $s/system/
	done
done
$b ln -s systemd-logind.service $s/system/dbus-org.freedesktop.login1.service
[ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef > /etc/machine-id

# Neither sysinit.target nor journald nor udev: the bus needs none of them.
for unit in dbus.socket dbus.service systemd-logind.service user-runtime-dir@.service; do
	$b mkdir -p "$s/system/$unit.d"
	printf '[Unit]\nDefaultDependencies=no\n' > "$s/system/$unit.d/vm.conf"
done
cat > $s/system.conf.d/vm.conf << END
[Manager]
DefaultStandardOutput=null
DefaultStandardError=null
DefaultTimeoutStartSec=180s
DefaultTimeoutStopSec=20s
END
cat > $s/system/vm.target << END
[Unit]
DefaultDependencies=no
Requires=dbus.socket dbus.service vm-job.service
END
cat > $s/system/vm-job.service << END
[Unit]
DefaultDependencies=no
Requires=dbus.service
After=dbus.socket dbus.service
[Service]
Type=exec
Delegate=yes
TasksMax=infinity
LimitNOFILE=524288
LimitCORE=infinity
ExecStart=/run/vm/busybox sh /run/vm/guest/job.sh
END

export SYSTEMD_UNIT_PATH=$s/system.control:$s/transient:$s/system
exec /lib/systemd/systemd --unit=vm.target --log-target=kmsg --log-level=warning --show-status=0 < /dev/console > /dev/console 2>&1
