#!/bin/sh
# The first process of a lab's host: gives it a machine of its own to see, then holds it open.
# Usage: ip netns exec NAMESPACE unshare --uts sh holder.sh LAB HOST_FOLDER HOSTNAME
#
# Mounts made here are private to this process and what is later started beside it by nsenter, and
# go away with them. The machine's own /dev, /run and /etc are never written to.
set -eu
lab=$1 folder=$2 hostname=$3

mount -n --make-rprivate /
hostname "$hostname"

# The machine's daemons cannot be reached: their sockets are under /run. The lab's folder can.
mkdir -p "$folder/run"
mount -n -t tmpfs -o mode=0755 lab "$folder/run"
mkdir -p "$folder/run/${lab#/run/}" "$folder/run/lock"
mount -n --rbind "$lab" "$folder/run/${lab#/run/}"
mount -n --move "$folder/run" /run

# /dev with the usual devices and a /dev/log of the lab.
mkdir -p /run/dev
mount -n -t tmpfs -o mode=0755 lab /run/dev
for device in null zero full random urandom tty; do
    [ -e "/dev/$device" ] || continue
    : > "/run/dev/$device"
    mount -n --bind "/dev/$device" "/run/dev/$device"
done
for directory in pts shm; do
    [ -d "/dev/$directory" ] || continue
    mkdir "/run/dev/$directory"
    mount -n --rbind "/dev/$directory" "/run/dev/$directory"
done
ln -s pts/ptmx /run/dev/ptmx
ln -s /proc/self/fd /run/dev/fd
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%%:*}" "/run/dev/${number#*:}"
done
ln -s "$lab/log" /run/dev/log
mount -n --move /run/dev /dev

# Names are looked up in the lab's DNS and in no other place.
for file in resolv.conf hosts nsswitch.conf; do
    target=$(readlink -m "/etc/$file")
    case $target in
    /run/*)
        mkdir -p "$(dirname "$target")"
        : > "$target"
        ;;
    esac
    [ -e "$target" ] || { echo "this machine has no /etc/$file; make an empty one" >&2; exit 1; }
    mount -n --bind "$folder/etc/$file" "$target"
done

set_kernel() { [ ! -e "/proc/sys/net/$1" ] || echo "$2" > "/proc/sys/net/$1"; }
for interface in all default; do
    set_kernel "ipv6/conf/$interface/disable_ipv6" 0
    set_kernel "ipv6/conf/$interface/accept_dad" 0
    set_kernel "ipv6/conf/$interface/accept_ra" 0
    set_kernel "ipv4/conf/$interface/rp_filter" 0
done
set_kernel ipv6/bindv6only 0

echo ready
exec cat > /dev/null
