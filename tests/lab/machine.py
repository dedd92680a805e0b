"""A host of the lab that systemd runs: units with their whole sandbox, on a root that is its own."""

import os
import signal
import subprocess

from . import folder
from .enter import MARK
from .servers import ROOT
from .process import HANG, LabError, LogFile, alive, run, wait_until

# An operator's shell has these whatever the machine is.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "LANG": "C.UTF-8", "SYSTEMD_PAGER": ""}
SUDO = """#!/bin/sh
# The lab's operator is root already.
if [ "$1" = -u ]; then
    user=$2
    shift 2
    exec setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
fi
exec "$@"
"""


class Machine:
    """systemd, booted on a host of the lab.

    Its files are this machine's, under an overlay: installing and removing there changes nothing
    here. The tree under test is at /src. possible() tells whether this can be done here.
    """

    def __init__(self, lab, host):
        self.lab = lab
        self.host = host
        self.folder = host.new_folder("machine")
        self.log = LogFile(os.path.join(self.folder, "boot.log"))
        lab.logs[self.folder] = self.log
        self.process = None
        self.pid = None
        lab.on_exit(self.stop)

    @staticmethod
    def possible():
        """Why systemd cannot be booted in namespaces here; None if it can."""
        with open("/proc/filesystems", encoding="ascii") as file:
            known = file.read().split()
        for name in ("overlay", "cgroup2"):
            if name not in known:
                return f"this kernel has no {name}"
        if not os.path.exists("/lib/systemd/systemd"):
            return "systemd is not installed"
        if os.environ.get(MARK):
            return "in a plain chroot systemd can make no user namespaces"
        return None

    def start(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "machine.sh")
        with open(self.log.path, "ab") as log:
            self.process = self.host.popen(
                ["unshare", "--mount", "sh", script, "begin", self.folder,
                 os.path.join(self.host.folder, "etc"), ROOT, self.group], stdout=log, stderr=log)
        wait_until(self._booted, HANG, lambda: f"systemd's boot: {self.log.tail()}")
        self.write("/usr/local/bin/sudo", SUDO, mode=0o755)
        return self

    @property
    def group(self):
        return f"{folder.PREFIX}{self.lab.id}-{self.host.name}"

    def _booted(self):
        if self.process.poll() is not None:
            raise LabError(f"systemd ended with {self.process.returncode}:\n{self.log.tail()}")
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as file:
            children = file.read().split()
        # Before systemd there are the commands of machine.sh, which end as we look.
        try:
            with open(f"/proc/{children[0]}/comm", encoding="ascii") as file:
                if file.read() != "systemd\n":
                    return False
        except (IndexError, FileNotFoundError, ProcessLookupError):
            return False
        self.pid = int(children[0])
        done = self.run(["systemctl", "is-active", "basic.target"], check=False)
        return done.stdout == "active\n"

    def _enter(self, argv, directory="/root"):
        return ["nsenter", f"--target={self.pid}", "--all", "--root", f"--wdns={directory}", "--",
                "env", "-i", *(f"{name}={value}" for name, value in ENVIRONMENT.items()), *argv]

    def run(self, argv, check=True, timeout=60, directory="/root", **keywords):
        """Runs a command as root there; see process.run."""
        return run(self._enter(argv, directory), check=check, timeout=timeout, **keywords)

    def shell(self, script, **keywords):
        """Runs lines of bash that end at the first failure."""
        return self.run(["bash", "-eu", "-c", script], **keywords)

    def path(self, name):
        """Where a file of the machine is seen from outside."""
        return f"/proc/{self.pid}/root{name}"

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def systemctl(self, *arguments, check=True):
        return self.run(["systemctl", "--no-pager", *arguments], check=check)

    def show(self, unit, name):
        """A property of a unit: show("x.service", "ActiveState")."""
        return self.systemctl("show", "--value", "-p", name, unit).stdout.strip()

    def journal(self, *arguments):
        return self.run(["journalctl", "--no-pager", "-o", "cat", *arguments]).stdout

    def stop(self):
        """Pulls the plug."""
        if not self.process:
            return
        if self.pid and alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait(15)
        self.process = None
        self._remove_group()

    def _remove_group(self):
        """The control groups that systemd made are empty now, and stay until they are removed."""
        script = """
            mount -n -t cgroup2 cgroup2 "$1" && cd "$1" || exit
            find "$2" -depth -type d -exec rmdir {} + 2>/dev/null
            test ! -e "$2"
        """
        place = os.path.join(self.folder, "cgroup")

        def removed():
            return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", place, self.group],
                                  stderr=subprocess.DEVNULL, check=False).returncode == 0

        wait_until(removed, HANG, f"the removal of control group {self.group}")
