"""The folder of one lab, who holds it, and the removal of everything that belongs to it.

A lab is a folder ROOT/ID with a file `lock` that its owner keeps locked, and network namespaces
named rwlab-ID-HOST. Every process of a lab lives in one of them, so whoever holds the lock can
remove a lab knowing nothing but its id. ROOT is under /run: nothing above it is writable by others,
as MTAs demand, and paths of sockets stay short.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time

ROOT = "/run/relaywarden-lab"
NETNS = "/run/netns"
PREFIX = "rwlab-"


@contextlib.contextmanager
def _registry():
    """One at a time, on the whole machine: makes creation and sweeping exclude each other."""
    os.makedirs(ROOT, mode=0o755, exist_ok=True)
    with open(os.path.join(ROOT, ".lock"), "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def create():
    """Makes a folder. Returns its id, its path and the open, locked file that says it is in use."""
    with _registry():
        while True:
            name = secrets.token_hex(3)
            path = os.path.join(ROOT, name)
            try:
                os.mkdir(path, 0o755)
            except FileExistsError:
                continue
            os.chmod(path, 0o755)
            lock = open(os.path.join(path, "lock"), "w", encoding="ascii")
            fcntl.flock(lock, fcntl.LOCK_EX)
            return name, path, lock


def sweep():
    """Removes the labs whose owners are gone."""
    with _registry():
        names = {entry.name for entry in os.scandir(ROOT) if entry.is_dir()}
        names |= {name.split("-")[1] for name in _all_namespaces()}
        for name in names:
            with contextlib.suppress(OSError):
                destroy_stale(name)


def destroy_stale(name, wait=False):
    """Removes a lab if nobody holds its lock (or, if `wait`, once nobody does)."""
    try:
        lock = open(os.path.join(ROOT, name, "lock"), "r", encoding="ascii")
    except FileNotFoundError:
        destroy(name)
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        destroy(name)


def destroy(name):
    """Kills every process of a lab, deletes its namespaces, and last of all its folder."""
    names = namespaces(name)
    kill_all(names)
    for namespace in names:
        subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL, check=False)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(NETNS, namespace))
    shutil.rmtree(os.path.join(ROOT, name), ignore_errors=True)


def _all_namespaces():
    with contextlib.suppress(FileNotFoundError):
        return [name for name in os.listdir(NETNS) if name.startswith(PREFIX)]
    return []


def namespaces(name):
    """The namespaces of one lab."""
    return [entry for entry in _all_namespaces() if entry.startswith(f"{PREFIX}{name}-")]


def processes(names):
    """The processes that live in these network namespaces, daemons and their children included."""
    wanted = set()
    for namespace in names:
        with contextlib.suppress(OSError):
            status = os.stat(os.path.join(NETNS, namespace))
            wanted.add((status.st_dev, status.st_ino))
    found = []
    for entry in os.listdir("/proc") if wanted else ():
        if entry.isdigit():
            with contextlib.suppress(OSError):
                status = os.stat(f"/proc/{entry}/ns/net")
                if (status.st_dev, status.st_ino) in wanted:
                    found.append(int(entry))
    return found


def kill_all(names, timeout=10):
    """Kills until nothing is left: a process may fork between being seen and being killed."""
    deadline = time.monotonic() + timeout
    while True:
        left = processes(names)
        if not left or time.monotonic() > deadline:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
