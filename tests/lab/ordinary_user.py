"""An ordinary user of this machine for one command: in a mount namespace of its own, which ends with it.

The user has ranges in /etc/subuid and /etc/subgid, or none; no file of this machine changes.
"""

NUMBER = "61234"  # nobody's

# $1: the user's number; $2: the ranges' first number, or ""; $3: a line of another's range, or ""; then the command.
SCRIPT = """
number=$1 first=$2 others=$3; shift 3
files=$(mktemp -d) && mount -t tmpfs -o mode=755 tmpfs "$files" || exit 125
for name in passwd group subuid subgid; do
    [ ! -e "/etc/$name" ] || cat "/etc/$name" > "$files/$name"
done
echo "mailadmin:x:$number:$number::/:/bin/sh" >> "$files/passwd"
echo "mailadmin:x:$number:" >> "$files/group"
for name in subuid subgid; do
    [ -z "$others" ] || echo "$others" >> "$files/$name"
    [ -z "$first" ] || echo "mailadmin:$first:65536" >> "$files/$name"
done
for name in passwd group subuid subgid; do
    [ ! -e "$files/$name" ] || [ ! -e "/etc/$name" ] || mount --bind "$files/$name" "/etc/$name" || exit 125
done
umount -l "$files" && rmdir "$files"
exec setpriv --reuid "$number" --regid "$number" --clear-groups "$@"
"""


def as_user(command, first="900000", others=""):
    """The words of a command that such a user runs."""
    return ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", NUMBER, first, others, *command]
