"""axe-core, which finds what keeps people from using a page. It is no Debian package: npm fetches the
version of tests/axe, and checks that it has the digest that is written down there."""

import fcntl
import os
import shutil

from .process import LabError, run
from .servers import ROOT

PINNED = os.path.join(ROOT, "tests/axe")
FOLDER = os.path.join(ROOT, "build/axe")
# Node.js has its own; a network that has an authority of its own tells the system about it.
SYSTEMS_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def _pins():
    texts = []
    for name in ("package.json", "package-lock.json"):
        with open(os.path.join(PINNED, name), encoding="utf-8") as file:
            texts.append(file.read())
    return "".join(texts)


def _fetch(folder):
    """Whatever npm left there before goes first."""
    if not shutil.which("npm"):
        raise LabError("npm, which fetches axe-core, is not installed; run 'sudo make deps'")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(PINNED, name), folder)
    done = run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier",
                "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000",
                "--prefer-offline", f"--cache={folder}/cache"], check=False, timeout=90, cwd=folder,
               env={"NODE_EXTRA_CA_CERTS": SYSTEMS_AUTHORITIES, **os.environ})
    if done.returncode != 0:
        raise LabError("axe-core could not be fetched: npm must reach its registry, and what it gets "
                       f"must be what tests/axe/package-lock.json pins\n{done.stdout}{done.stderr}")


def axe_core():
    """The script's text. Fetched once for each version that is pinned."""
    os.makedirs(FOLDER, exist_ok=True)
    complete = os.path.join(FOLDER, "complete")
    with open(os.path.join(FOLDER, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pins = _pins()
        try:
            with open(complete, encoding="utf-8") as file:
                there = file.read() == pins
        except FileNotFoundError:
            there = False
        if not there:
            _fetch(FOLDER)
            with open(complete, "w", encoding="utf-8") as file:
                file.write(pins)
    with open(os.path.join(FOLDER, "node_modules/axe-core/axe.min.js"), encoding="utf-8") as file:
        return file.read()
