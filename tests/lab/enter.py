"""A root that is a mount point, wherever we are.

Network and mount namespaces need one, and /proc. In a plain chroot (a fresh Debian in a folder) neither may be there: then the
program is started again in a mount namespace of its own, on a bind mount of the same root.
"""

import os
import subprocess
import sys

MARK = "RELAYWARDEN_LAB_ENTERED"

# $1: where the program was started; then the program. Its mounts go away with it.
SCRIPT = """
root=/run/relaywarden-root.$$
mkdir -p "$root" || exit 1
leave() { cd /; umount -R -l "$root"; rmdir "$root"; }
mount --rbind / "$root" || { rmdir "$root"; exit 1; }
trap leave EXIT
test -e "$root/proc/self" || mount -t proc proc "$root/proc" || exit 1
chroot "$root" sh -c 'cd "$1" && shift && exec "$@"' sh "$@"
"""


def root_is_a_mount_point():
    try:
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            return any(line.split()[4] == "/" for line in file)
    except OSError:
        return False


def enter():
    """Returns where the lab can work; otherwise runs this very program there and exits as it did."""
    if os.geteuid() != 0 or os.environ.get(MARK) or root_is_a_mount_point():
        return
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", SCRIPT, "sh", os.getcwd(),
         sys.executable, *sys.argv], env={**os.environ, MARK: "1"}, check=False)
    sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)
