#!/bin/sh
# boot.sh GROUP ROOT: boots the tree ROOT with its own systemd as process 1 of namespaces
# of its own. GROUP is an empty folder of cgroup2, all that it sees of control groups.
set -eu
if [ "${3:-}" != inside ]; then
	echo $$ >"$1/cgroup.procs"
	exec unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child sh "$0" "$1" "$2" inside
fi
cd "$2"
mount --make-rprivate /
ip link set lo up
mount -t proc proc proc
# What is the host's stays as it is: neither its settings nor its SysRq.
for name in sys sysrq-trigger; do
	if [ -e "proc/$name" ]; then mount --bind "proc/$name" "proc/$name" && mount -o remount,bind,ro "proc/$name"; fi
done
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
	: >"dev/$name"
	mount --bind "/dev/$name" "dev/$name"
done
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
: >dev/console # no terminal, so nobody can log in there
ln -sf /dev/null etc/systemd/system/console-getty.service
mkdir dev/shm dev/pts run/host
mount -t tmpfs tmpfs dev/shm
pivot_root . run/host
umount -l /run/host
# Services have mount namespaces that hear of those of process 1, as their credentials.
mount --make-rshared /
exec env -i container=understudy-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target --show-status=no
