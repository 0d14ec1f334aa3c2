# Read by all that runs in the guest.
b=/run/vm/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8 TERM=dumb
. /run/vm/settings

# The device of a port of the machine, by its name.
port() {
	for p in /sys/class/virtio-ports/*; do
		read -r name < "$p/name"
		[ "$name" != "$1" ] || echo "/dev/${p##*/}"
	done
}
