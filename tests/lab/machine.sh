#!/bin/sh
# Boots systemd on a host of the lab. Usage, in the host's namespaces:
#   unshare --mount sh machine.sh begin FOLDER HOST_ETC SOURCE NAME
#
# FOLDER becomes the machine's: its root is an overlay of this machine's, so that whatever is installed,
# enabled or written there is seen nowhere else and is gone with it. SOURCE (the tree under test) is
# bound, read-only, to /src. NAME is a control group of its own.
set -eu
step=$1 folder=$2 etc=$3 source=$4 name=$5
root=$folder/root

if [ "$step" = begin ]; then
    mount -n --make-rprivate /
    mkdir -p "$folder/cgroup" "$root"
    # Version 2 whatever else the machine uses: systemd needs it for its own accounts alone.
    mount -n -t cgroup2 cgroup2 "$folder/cgroup"
    mkdir -p "$folder/cgroup/$name"
    echo $$ > "$folder/cgroup/$name/cgroup.procs"
    exec unshare --cgroup --pid --fork --kill-child --ipc --mount \
        sh "$0" boot "$folder" "$etc" "$source" "$name"
fi

umount -n "$folder/cgroup"
mkdir -p "$folder/layer"
mount -n -t tmpfs -o mode=0755 lab "$folder/layer"
mkdir "$folder/layer/upper" "$folder/layer/work"
mount -n -t overlay -o "lowerdir=/,upperdir=$folder/layer/upper,workdir=$folder/layer/work" \
    lab "$root"
mount -n -t proc proc "$root/proc"
# The kernel is everybody's: its settings stay as they are.
mount -n --bind "$root/proc/sys" "$root/proc/sys"
mount -n -o remount,bind,ro "$root/proc/sys"
mount -n -t sysfs -o ro sysfs "$root/sys"
mount -n -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -n -t tmpfs -o mode=0755 lab "$root/run"
mount -n -t tmpfs -o mode=1777 lab "$root/tmp"
mount -n -t tmpfs -o mode=0755 lab "$root/dev"
for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount -n --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -n -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%%:*}" "$root/dev/${number#*:}"
done
for file in resolv.conf hosts nsswitch.conf; do
    rm -f "$root/etc/$file"
    cp "$etc/$file" "$root/etc/$file"
done
uname -n > "$root/etc/hostname"
mkdir -p "$root/src"
mount -n --bind "$source" "$root/src"
mount -n -o remount,bind,ro "$root/src"
# Nothing that belongs to this machine's own boot: no file systems, no devices, no timers.
: > "$root/etc/fstab"
for unit in systemd-udevd.service systemd-udev-trigger.service timers.target \
    systemd-networkd.service systemd-resolved.service networking.service systemd-sysctl.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Not chroot: from there no user namespace can be made, which PrivateUsers= needs.
mkdir "$root/run/before"
cd "$root"
pivot_root . run/before
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin sh -c '
    umount -n -l /run/before && rmdir /run/before && exec /lib/systemd/systemd --unit=basic.target \
        --show-status=false --log-target=journal' < /dev/null
