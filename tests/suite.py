#!/usr/bin/python3
"""Builds the programs on another Debian suite or architecture, and runs the unit tests there.

The suite is debootstrapped into build/suites/SUITE-ARCH once, and kept; each run copies the tree that git
knows into it. Both compilers build with -Werror. One line for each step, and `N passed, N failed`.
"""

import argparse
import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MIRROR = "http://deb.debian.org/debian"
# Beside the packages for building, which the Makefile lists.
TESTING = ["clang", "libcmocka-dev", "python3", "procps", "iproute2", "netbase", "openssl", "rsyslog"]
# In a container there may be less to allow; the tests that need a namespace of their own say so.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
               "DEBIAN_FRONTEND": "noninteractive", "WERROR": "-Werror"}


def run(argv, log, **more):
    """True if it ended well. All that it says goes to the log."""
    log.write(f"$ {' '.join(argv)}\n")
    log.flush()
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False,
                          **more).returncode == 0


def output_of(argv):
    return subprocess.run(argv, check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.strip()


def make_root(root, suite, architecture, log, mirror):
    """Debootstraps the suite into an empty folder. Packages are installed there without anything being started."""
    if not run(["debootstrap", "--variant=minbase", f"--arch={architecture}", "--include=ca-certificates", suite, root,
                mirror], log):
        return False
    policy = os.path.join(root, "usr/sbin/policy-rc.d")
    with open(policy, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexit 101\n")
    os.chmod(policy, 0o755)
    return True


class Suite:
    """One root file system with one suite. Its mounts are in a mount namespace of each command."""

    def __init__(self, suite, architecture, root=None):
        self.name = f"{suite}-{architecture}"
        self.suite, self.architecture = suite, architecture
        self.root = root or os.path.join(ROOT, "build/suites", self.name)

    def make(self, log, mirror):
        """Debootstraps it, unless it is there whole."""
        if os.path.exists(os.path.join(self.root, ".complete")):
            return True
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        if not make_root(self.root, self.suite, self.architecture, log, mirror):
            return False
        with open(os.path.join(self.root, ".complete"), "w", encoding="utf-8"):
            pass
        return True

    def inside(self, script, log):
        """A shell's line in the copied tree there, with /proc and /dev."""
        shutil.copy("/etc/resolv.conf", os.path.join(self.root, "etc/resolv.conf"))
        return run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec",
                    'mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; mount -t tmpfs tmpfs "$1/run"; '
                    'exec chroot "$1" sh -c "mkdir -p /tree; cd /tree && $2"', "sh", self.root, script],
                   log, env=ENVIRONMENT)

    def copy_tree(self):
        """The files that git knows, as they are now. One that is the same stays, and one that is not is new: by its
        own time it may be older than what was built of the one before."""
        tree = os.path.join(self.root, "tree")
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, text=True,
                               stdout=subprocess.PIPE).stdout.rstrip("\0").split("\0")
        for folder, folders, files in os.walk(tree):
            if folder == tree and "build" in folders:
                folders.remove("build")
            for name in files:
                path = os.path.join(folder, name)
                if os.path.relpath(path, tree) not in names:
                    os.remove(path)
        for name in names:
            source, target = os.path.join(ROOT, name), os.path.join(tree, name)
            if not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(source, target)
            shutil.copymode(source, target)


def packages():
    """Those for building, as the Makefile lists them."""
    text = open(os.path.join(ROOT, "Makefile"), encoding="utf-8").read().replace("\\\n", " ")
    return re.search(r"(?m)^DEPS_BUILD :=(.*)$", text).group(1).split()


def steps(suite):
    """Name and shell line of each."""
    install = " ".join([*packages(), *TESTING])
    yield "packages", f"apt-get -q update && apt-get -q -y install --no-install-recommends {install}"
    for compiler in ("gcc", "clang"):
        yield f"build {compiler}", (f"make -k -j2 CC={compiler} BUILD=build/{compiler} all unit-programs "
                                    "bench-programs")
    for compiler in ("gcc", "clang"):
        yield f"unit {compiler}", f"python3 tests/check.py --unit '' --build build/{compiler}"
    yield "runs", "build/gcc/relaywarden-probe --version && build/gcc/relaywarden-milter --version"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", help="bookworm, trixie, sid, ...")
    parser.add_argument("--arch", default=subprocess.run(["dpkg", "--print-architecture"], check=True, text=True,
                                                         stdout=subprocess.PIPE).stdout.strip())
    parser.add_argument("--mirror", default=MIRROR)
    options = parser.parse_args()
    suite = Suite(options.suite, options.arch)
    passed = failed = 0
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        if not suite.make(log, options.mirror):
            log.seek(0)
            sys.exit(f"debootstrap failed:\n{log.read()[-4000:]}")
        suite.copy_tree()
        for name, script in steps(suite):
            begin = log.tell()
            well = suite.inside(script, log)
            log.seek(begin)
            said = log.read()
            counts = re.findall(r"(?m)^(\d+ passed, \d+ failed.*)$", said)
            print(f"{'ok' if well else 'FAILED'} {suite.name} {name}{': ' + counts[-1] if counts else ''}", flush=True)
            passed, failed = passed + well, failed + (not well)
            if not well:
                print(said[-20000:], flush=True)
                if name == "packages":
                    break
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
