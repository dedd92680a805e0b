"""Somebody who is not root rehearses: with ranges of users the verdict is root's, and without them nobody knows."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import rehearse_cases
import rehearse_exim_cases
import rehearse_sendmail_cases
from lab.exim import PROGRAM as EXIM
from lab.installed import installed, package, without
from lab.ordinary_user import NUMBER, as_user
from lab.process import wait_until
from lab.programs import program

pytestmark = pytest.mark.skipif(shutil.which("newuidmap") is None or shutil.which("postconf", path="/usr/sbin") is None,
                                reason="uidmap or Postfix is not installed; run 'sudo make deps'")

SENDMAIL = os.path.join(package("sendmail-bin"), "usr/libexec/sendmail/sendmail")
with_servers = pytest.mark.skipif(not os.path.exists(SENDMAIL) or not os.path.exists(EXIM),
                                  reason="Sendmail and Exim are not unpacked; run 'sudo make deps'")
HOST = ["--domain", "example.org", "--address", "eth0=192.0.2.25/24", "--address", "eth0=2001:db8:25::25/64"]


@pytest.fixture(name="place")
def fixture_place():
    """A folder that everybody may look into, and the program in it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        shutil.copy(program("relaywarden-probe"), folder)
        yield folder


def words(place, folder, *options):
    for path, _, files in os.walk(folder):
        os.chmod(path, 0o755)
        for name in files:
            os.chmod(os.path.join(path, name), 0o644)
    return [os.path.join(place, "relaywarden-probe"), "rehearse", folder, "--json", *HOST, *options]


def report(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stderr == "", done.stderr
    said = json.loads(done.stdout)
    assert done.returncode == said["exit"]
    return said


def guilty(said):
    return sorted({f"{os.path.basename(line['file'])}:{line['line']}" for finding in said["findings"]
                   for line in finding["guilty"]})


@pytest.mark.parametrize("name", ["debian", "client-hash", "two-lines"])
def test_whoever_has_ranges_of_users_is_told_what_root_is(name, place):
    said = report(as_user(words(place, rehearse_cases.write(place, name), "--as", "/etc/postfix")))
    assert (said["verdict"], guilty(said)) == (rehearse_cases.CASES[name].verdict, rehearse_cases.guilty_lines(name)), said


@with_servers
@pytest.mark.parametrize("server, cases, name", [
    ("exim4-daemon-heavy", rehearse_exim_cases, "all-networks"),
    ("sendmail-bin", rehearse_sendmail_cases, "network"),
])
def test_other_servers_are_rehearsed_without_root_too(server, cases, name, place):
    folder = cases.write(place, name)
    said = report(installed(server, as_user(words(place, folder))))
    assert said["verdict"] == cases.CASES[name].verdict == "open", said


def test_whoever_has_no_range_is_told_of_one_that_is_nobodys(place):
    folder = rehearse_cases.write(place, "client-hash")
    free = 100000
    for path in ("/etc/subuid", "/etc/subgid"):
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            free = max([free, *(sum(map(int, line.split(":")[1:3])) for line in file if line.count(":") == 2)])
    for taken, first in ((None, free), (max(free, 900000), max(free, 900000) + 65536)):
        others = "" if taken is None else f"somebody:{taken}:65536"
        said = report(as_user(words(place, folder), first="", others=others))
        assert (said["exit"], said["verdict"], said["broken"]) == (3, "unknown", []), said
        assert said["unknown"][0]["why"] == (
            "no private stage can be laid: /etc/subuid has no range for mailadmin, and a mail server has users of its own; "
            f"run usermod --add-subuids {first}-{first + 65535} --add-subgids {first}-{first + 65535} mailadmin, "
            "or run this as root")


def test_without_newuidmap_the_package_that_has_it_is_named(place):
    folder = rehearse_cases.write(place, "client-hash")
    said = report(without([shutil.which("newuidmap")], as_user(words(place, folder))))
    assert (said["exit"], said["verdict"]) == (3, "unknown"), said
    assert "needs newuidmap for it; install the package uidmap" in said["unknown"][0]["why"]


def test_a_file_that_the_user_may_not_read_is_not_shown(place):
    """He is root on the stage, and nobody outside of it."""
    folder = rehearse_cases.write(place, "debian")
    with tempfile.NamedTemporaryFile("w", dir="/var/tmp") as secret:
        secret.write("0.0.0.0/0\n")
        secret.flush()
        with open(os.path.join(folder, "main.cf"), "a", encoding="utf-8") as file:
            file.write(f"mynetworks = {secret.name}\n")
        command = words(place, folder, "--as", "/etc/postfix")
        said = report(as_user(command))
    assert said["verdict"] in ("unknown", "broken"), said
    assert "0.0.0.0/0" not in json.dumps(said)


def processes_of_user():
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.stat(f"/proc/{entry}").st_uid in (int(NUMBER), *range(900000, 965536)):
                found.append(entry)
        except OSError:
            continue  # it has just ended
    return found


def test_a_rehearsal_without_root_that_is_killed_leaves_nothing(place):
    folder = rehearse_cases.write(place, "client-hash")
    chance = random.Random(12)
    command = words(place, folder, "--as", "/etc/postfix")
    for _ in range(6):
        with subprocess.Popen(as_user(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            time.sleep(chance.uniform(0.02, 1))
            running.send_signal(signal.SIGKILL)
            running.wait()
        wait_until(lambda: not processes_of_user(), what="the end of all that was started")
