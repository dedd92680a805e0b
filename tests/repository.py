#!/usr/bin/python3
"""Makes a signed apt repository of the package for some suites, and tries it with apt in fresh roots.

The package is built in each suite: on this machine for its own, else in the suite's root (tests/suite.py). Its
version names the suite: 0.1.0-1~deb12. The repository is build/repo. --key names the signing key of gpg; without it a
key is made that serves this repository alone. --try debootstraps each suite anew, lets apt install the package from
there over HTTP, and has autopkgtest run debian/tests in that root. One line for each step.
"""

import argparse
import contextlib
import functools
import glob
import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from suite import MIRROR, ROOT, Suite, make_root, output_of, run

REPOSITORY = os.path.join(ROOT, "build/repo")
HOME = os.path.join(ROOT, "build/repo-key")
BUILDING = ["build-essential", "debhelper", "dpkg-dev", "fakeroot", "systemd-dev", "make", "lintian"]
# autopkgtest wants the first; debian/tests/control names the others.
TESTED_WITH = ["dpkg-dev", "postfix", "python3"]
# It takes machine code for misspelt words now and then.
LINTIAN = "lintian --allow-root --fail-on error,warning --suppress-tags spelling-error-in-binary build/deb/*.changes"


class Failed(Exception):
    """Its text is what the step said."""


def output(argv, **more):
    return subprocess.run(argv, check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **more).stdout


def codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        return dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', file.read(), re.MULTILINE)).get("VERSION_CODENAME")


def step(name, log, well):
    """One line; what was said meanwhile if it failed."""
    print(f"{'ok' if well else 'FAILED'} {name}", flush=True)
    if not well:
        log.seek(0)
        raise Failed(log.read()[-8000:])


def build(name, log):
    """Builds it in this suite; the folder of what came of it."""
    make = "make -o dist deb"
    if name == codename():
        step(f"{name}: the package", log, run(["sh", "-c", make], log, cwd=ROOT))
        step(f"{name}: lintian", log, run(["sh", "-c", LINTIAN], log, cwd=ROOT))
        return os.path.join(ROOT, "build/deb")
    suite = Suite(name, output_of(["dpkg", "--print-architecture"]))
    step(f"{name}: its root", log, suite.make(log, MIRROR))
    suite.copy_tree()
    dist = os.path.join(suite.root, "tree/build/dist")
    shutil.rmtree(dist, ignore_errors=True)
    shutil.copytree(os.path.join(ROOT, "build/dist"), dist)
    command = (f"apt-get -q update && apt-get -q -y install --no-install-recommends {' '.join(BUILDING)} && "
               f"apt-get -q -y build-dep --no-install-recommends ./ && {make}")
    step(f"{name}: the package", log, suite.inside(command, log))
    step(f"{name}: lintian", log, suite.inside(LINTIAN, log))
    return os.path.join(suite.root, "tree/build/deb")


def signing_key():
    """A key of this repository's own, in a folder of its own."""
    os.makedirs(HOME, mode=0o700, exist_ok=True)
    environment = {**os.environ, "GNUPGHOME": HOME}

    def fingerprints():
        return re.findall(r"^fpr:+(\w+):", output(["gpg", "--batch", "--with-colons", "--list-secret-keys"],
                                                   env=environment, stderr=subprocess.DEVNULL), re.MULTILINE)
    if not fingerprints():
        subprocess.run(["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key",
                        "relaywarden maintainers <maintainers@example.org>", "ed25519", "sign", "5y"],
                       check=True, env=environment)
    return fingerprints()[0], environment


def publish(built, key, environment, log):
    """The repository with these packages: suite to folder."""
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    conf = os.path.join(REPOSITORY, "conf")
    os.makedirs(conf)
    with open(os.path.join(conf, "distributions"), "w", encoding="utf-8") as file:
        for name in built:
            file.write("Origin: relaywarden\nLabel: relaywarden\n"
                       f"Codename: {name}\nArchitectures: amd64 arm64 i386 source\nComponents: main\n"
                       f"SignWith: {key}\n\n")
    for name, folder in built.items():
        for kind, pattern in (("includedeb", "relaywarden*.deb"), ("includedsc", "relaywarden_*.dsc")):
            paths = sorted(glob.glob(os.path.join(folder, pattern)))
            names = ", ".join(os.path.basename(path) for path in paths)
            step(f"{name}: {names}", log,
                 run(["reprepro", "--basedir", REPOSITORY, "--section", "mail", "--priority", "optional", kind, name,
                      *paths], log, env=environment))
    with open(os.path.join(REPOSITORY, "relaywarden.gpg"), "wb") as file:
        subprocess.run(["gpg", "--batch", "--export", key], check=True, env=environment, stdout=file)


@contextlib.contextmanager
def served():
    """The repository over HTTP; its address."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        """Writes no log."""
        def log_message(self, format, *args):  # pylint: disable=redefined-builtin
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=REPOSITORY))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def try_suite(name, log):
    """Apt in a fresh root without systemd, then autopkgtest in it."""
    architecture = output_of(["dpkg", "--print-architecture"])
    with tempfile.TemporaryDirectory(prefix="fresh.", dir=os.path.join(ROOT, "build")) as root, served() as address:
        os.chmod(root, 0o755)
        step(f"{name}: a fresh root", log, make_root(root, name, architecture, log, MIRROR))
        shutil.copy(os.path.join(REPOSITORY, "relaywarden.gpg"), os.path.join(root, "etc/apt/keyrings"))
        with open(os.path.join(root, "etc/apt/sources.list.d/relaywarden.list"), "w", encoding="utf-8") as file:
            file.write(f"deb [signed-by=/etc/apt/keyrings/relaywarden.gpg] {address} {name} main\n"
                       f"deb-src [signed-by=/etc/apt/keyrings/relaywarden.gpg] {address} {name} main\n")
        suite = Suite(name, architecture, root)
        step(f"{name}: apt installs it from there", log, suite.inside(
            "apt-get -q update && "
            "apt-get -q -y install --no-install-recommends systemd-standalone-sysusers relaywarden && "
            "apt-get -q source --download-only relaywarden", log))
        step(f"{name}: without systemd the user and the folders are there", log, suite.inside(
            "test ! -e /usr/bin/systemd-tmpfiles && "
            "stat -c '%U %G %a' /var/lib/relaywarden /var/lib/relaywarden/milter /var/lib/relaywarden/probe "
            "    /var/log/relaywarden /etc/relaywarden/relaywarden.conf > /tmp/found && "
            "printf '%s\\n' 'relaywarden relaywarden 750' 'relaywarden relaywarden 750' 'relaywarden relaywarden 750' "
            "    'relaywarden adm 2750' 'root relaywarden 640' | cmp - /tmp/found && "
            "relaywarden-probe -t && relaywarden-milter -t", log))
        step(f"{name}: what its tests need", log, suite.inside(
            f"apt-get -q -y install --no-install-recommends {' '.join(TESTED_WITH)}", log))
        source = os.path.join(root, "source")  # the tests alone: autopkgtest copies all that it is given
        shutil.copytree(os.path.join(ROOT, "debian"), os.path.join(source, "debian"))
        # In a network of its own, where port 25 is nobody's.
        step(f"{name}: autopkgtest", log, run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec",
             'ip link set lo up; mount -t proc proc "$1/proc"; mount -t proc proc /proc; mount --rbind /dev "$1/dev"; '
             'exec autopkgtest --no-built-binaries "$2" -- chroot "$1"', "sh", root, source], log))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="+", help="bookworm, trixie, ...")
    parser.add_argument("--key", help="the fingerprint of a key of gpg's")
    parser.add_argument("--try", action="store_true", dest="tried", help="with apt and autopkgtest, in fresh roots")
    options = parser.parse_args()
    wanted = ["reprepro", "gpg", *(["debootstrap", "autopkgtest"] if options.tried else [])]
    missing = [name for name in wanted if not shutil.which(name)]
    if missing:
        sys.exit(f"these programs are missing; install their packages: {' '.join(missing)}")
    key, environment = (options.key, dict(os.environ)) if options.key else signing_key()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            publish({name: build(name, log) for name in options.suites}, key, environment, log)
            for name in options.suites if options.tried else []:
                try_suite(name, log)
        except Failed as failure:
            sys.exit(str(failure))
    print(REPOSITORY)


if __name__ == "__main__":
    main()
