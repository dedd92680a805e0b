"""From npm comes whatever is no Debian package: axe-core, Haraka, smtp-server, a validator of SARIF. A folder of tests/ each, named as
here, pins every package with its version and digest; npm fetches just these, once, into build/."""

import fcntl
import os
import shutil

from .process import LabError, run
from .servers import ROOT

FOLDERS = ("axe", "haraka", "sarif", "smtp-server")
PINS = ("package.json", "package-lock.json")
# Node.js has its own; a network that has an authority of its own tells the system about it.
SYSTEMS_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def node():
    """The program that runs what was fetched."""
    found = shutil.which("node")
    if not found:
        raise LabError("node, which runs what npm fetches, is not installed; run 'sudo make deps'")
    return found


def _pins(name):
    texts = []
    for pin in PINS:
        with open(os.path.join(ROOT, "tests", name, pin), encoding="utf-8") as file:
            texts.append(file.read())
    return "".join(texts)


def _fetch(name, folder):
    """Removes what npm left there before. npm runs nothing of a package to install it."""
    if not shutil.which("npm"):
        raise LabError(f"npm, which fetches {name}, is not installed; run 'sudo make deps'")
    for pin in PINS:
        shutil.copy(os.path.join(ROOT, "tests", name, pin), folder)
    done = run(["npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund",
                "--no-update-notifier", "--fetch-retries=1", "--fetch-retry-mintimeout=1000",
                "--fetch-timeout=20000", "--prefer-offline", f"--cache={folder}/cache"],
               check=False, timeout=300, cwd=folder,
               env={"NODE_EXTRA_CA_CERTS": SYSTEMS_AUTHORITIES, **os.environ})
    if done.returncode != 0:
        raise LabError(f"{name} could not be fetched: npm must reach its registry, and what it gets "
                       f"must be what tests/{name}/package-lock.json pins\n{done.stdout}{done.stderr}")


def packages(name):
    """The folder node_modules with what tests/NAME pins. Fetched once for each state of the pins."""
    folder = os.path.join(ROOT, "build", name)
    os.makedirs(folder, exist_ok=True)
    complete = os.path.join(folder, "complete")
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pins = _pins(name)
        try:
            with open(complete, encoding="utf-8") as file:
                there = file.read() == pins
        except FileNotFoundError:
            there = False
        if not there:
            _fetch(name, folder)
            with open(complete, "w", encoding="utf-8") as file:
                file.write(pins)
    return os.path.join(folder, "node_modules")
