"""A server that is only unpacked, installed for one command: in a mount namespace of its own, which ends with it.

Programs of ours that look for the installed server find it where its package puts it; nothing of this machine changes.
"""

import os

from .servers import SERVERS

# $1: the unpacked package; $2: folders to make, and that any user may write; then the command.
SCRIPT = """
package=$1 folders=$2; shift 2
for folder in /usr/sbin /usr/libexec /usr/share /etc; do
    [ -d "$package$folder" ] || continue
    mount -t overlay overlay -o "lowerdir=$package$folder:$folder" "$folder" || exit 125
done
for folder in $folders; do
    mount -t tmpfs -o mode=1777 tmpfs "$(dirname "$folder")" && mkdir -p "$folder" && chmod 1777 "$folder" || exit 125
done
exec "$@"
"""
FOLDERS = {"exim4-daemon-heavy": "/var/spool/exim4 /var/log/exim4"}


def package(name):
    return os.path.join(SERVERS, name)


def installed(name, command):
    """The words of a command that runs where the package is installed."""
    return ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", package(name), FOLDERS.get(name, ""), *command]


# $1: paths; then the command.
HIDE = """
paths=$1; shift
for path in $paths; do
    [ ! -e "$path" ] || mount --bind /dev/null "$path" || exit 125
done
exec "$@"
"""


def without(paths, command):
    """The words of a command that runs where these programs are not installed; within `installed`, or alone."""
    return ["unshare", "--mount", "sh", "-c", HIDE, "sh", " ".join(paths), *command]
