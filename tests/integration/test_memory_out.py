"""check and report, with each of a sample of their allocations failing in turn: once, and from then on.

RELAYWARDEN_MEMORY_OUT=all tries every one of them (hours, and needs a higher TIME_LIMIT in conftest.py).
"""

import os
import random
import shutil
import sqlite3
import subprocess
import time

import pytest

from lab import Config, Dns, Postfix, build_folder, probe
from lab.programs import read_alerts

SAMPLE = 16  # of each kind of failure in each scenario, as far as they fit into SECONDS
SECONDS = 18
NO_SYSLOG = {"syslog": {"format": "none"}, "journal": "no"}
PROBE = os.path.join(build_folder(), "relaywarden-probe")

pytestmark = pytest.mark.skipif("san" in os.path.basename(build_folder()) or "valgrind" in build_folder(),
                                reason="the sanitizers and valgrind have allocators of their own")


class Place:
    """An open and a closed server, and what a check of the open one left behind."""

    def __init__(self, lab, folder):
        self.outside, mx = lab.host("outside"), lab.host("mx")
        Dns(lab).start()
        Postfix(lab, mx, listen=("203.0.113.25:25", ("203.0.113.25:2525", {"mynetworks": "0.0.0.0/0"})),
                main={"default_transport": "discard"}).start()
        self.folder = str(folder)
        self.state, self.json = os.path.join(self.folder, "state"), os.path.join(self.folder, "alerts")
        self.library = os.path.join(self.folder, "failing_calls.so")
        source = os.path.join(os.path.dirname(__file__), "../torture/failing_calls.c")
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-fno-builtin", "-o", self.library,
                        source], check=True)
        self.open, self.closed = self.config("open", 2525), self.config("closed", 25)

    def config(self, name, port):
        config = Config(alert={**NO_SYSLOG, "json": self.json}, state_directory=self.state,
                        targets={"mx": {"host": "203.0.113.25", "ports": [port]}})
        return config.write(os.path.join(self.folder, name + ".conf"))

    def run(self, *arguments, **environment):
        return self.outside.run([PROBE, *arguments], check=False, timeout=60, env={
            "PATH": os.environ["PATH"], "LD_PRELOAD": self.library, "FAIL_KIND": "memory", **environment})

    def fresh(self, kept):
        """State and alerts as they were kept, or none."""
        for path in (self.state, self.json):
            shutil.rmtree(path, ignore_errors=True)
            if os.path.isfile(path):
                os.unlink(path)
        if kept:
            shutil.copytree(kept, self.state)
        else:
            os.mkdir(self.state)

    def incident(self):
        """The state of the incident about the open relay; None: there is none."""
        try:
            with sqlite3.connect(os.path.join(self.state, "probe/relaywarden.db"), timeout=10) as database:
                rows = database.execute("SELECT state FROM incident WHERE kind = 'open-relay'"
                                        " ORDER BY opened DESC, rowid DESC").fetchall()
        except sqlite3.OperationalError:
            return None
        return rows[0][0] if rows else None

    def told(self):
        return [alert["state"] for alert in (read_alerts(self.json) if os.path.exists(self.json) else [])
                if alert["kind"] == "open-relay"]


@pytest.fixture(scope="module")
def place(shared_lab, tmp_path_factory):
    return Place(shared_lab, tmp_path_factory.mktemp("memory"))


@pytest.fixture(scope="module")
def known(place):
    """The state after a check of the open server."""
    place.fresh(None)
    done = place.run("check", "--config", place.open)
    assert done.returncode == 2, done.stderr
    assert place.incident() == "opened" and place.told() == ["opened"], (
        done, list(os.walk(place.folder)), place.told())
    kept = os.path.join(place.folder, "kept")
    shutil.copytree(place.state, kept)
    return kept


def failures(place, kept, *arguments):
    """Runs it once to count, then with failures; yields which and what became of it. Half of the
    sample is of the last eighth, where alerts are."""
    place.fresh(kept)
    counted = os.path.join(place.folder, "count")
    place.run(*arguments, COUNT_TO=counted)
    with open(counted, encoding="ascii") as file:
        count = int(file.read())
    late = count - count // 8
    half = SAMPLE // 2
    numbers = range(1, count + 1) if os.environ.get("RELAYWARDEN_MEMORY_OUT") == "all" else (
        [1 + late * i // half for i in range(half)] + [late + (count - late) * i // half for i in range(half)])
    every = os.environ.get("RELAYWARDEN_MEMORY_OUT") == "all"
    began = time.monotonic()
    for number in numbers if every else random.Random(10).sample(numbers, len(numbers)):
        for once in ({"FAIL_ONCE": "1"}, {}):
            if not every and time.monotonic() - began > SECONDS:
                return
            place.fresh(kept)
            done = place.run(*arguments, FAIL_AT=str(number), **once)
            yield (number, bool(once), done.returncode, done.stdout[:300], done.stderr[-1500:]), done


def test_a_configuration_is_read_or_memory_is_said_to_be_out(place):
    config = Config(alert={**NO_SYSLOG, "json": place.json}, state_directory=place.state,
                    milter={"socket": "inet:9999@127.0.0.1", "socket_group": "", "user": ""})
    path = config.write(os.path.join(place.folder, "milter.conf"))
    place.fresh(None)
    command = [os.path.join(build_folder(), "relaywarden-milter"), "-t", "--config", path]
    counted = os.path.join(place.folder, "count")

    def run(**environment):
        return subprocess.run(command, env={"LD_PRELOAD": place.library, "FAIL_KIND": "memory", **environment}, timeout=60,
                              capture_output=True, text=True, errors="replace", check=False)

    assert run(COUNT_TO=counted).returncode == 0
    with open(counted, encoding="ascii") as file:
        count = int(file.read())
    codes = []
    began = time.monotonic()
    cases = [(number, once) for number in range(1, count + 1) for once in ({"FAIL_ONCE": "1"}, {})]
    for number, once in random.Random(15).sample(cases, len(cases)):
        if os.environ.get("RELAYWARDEN_MEMORY_OUT") != "all" and time.monotonic() - began > SECONDS:
            break
        done = run(FAIL_AT=str(number), **once)
        codes.append(done.returncode)
        if done.returncode == os.EX_OSERR:
            assert "emory" in done.stderr, (number, once, done)
    # glibc's first question about a user, which is not the configuration's, crashes in nss_database.
    assert sum(code < 0 for code in codes) <= 4, codes
    assert {code for code in codes if code >= 0} == {0, os.EX_OSERR}, codes


def test_an_open_server_with_an_open_incident_is_never_told_as_over(place, known):
    for what, done in failures(place, known, "check", "--config", place.open):
        assert done.returncode in (2, 3), what
        assert "resolved" not in place.told(), what
        assert place.incident() in ("opened", "repeated"), what
        if "RELAY" in done.stdout:
            assert "RELAY OK" not in done.stdout and "RELAY WARNING" not in done.stdout, what


def test_an_open_server_is_alerted_or_the_loss_is_told(place):
    for what, done in failures(place, None, "check", "--config", place.open):
        assert done.returncode in (2, 3), what
        assert "resolved" not in place.told(), what
        if "RELAY CRITICAL" in done.stdout:
            assert place.told() or done.stderr, what


def test_a_closed_server_is_never_open(place, known):
    for what, done in failures(place, None, "check", "--config", place.closed):
        assert done.returncode in (0, 3), what
        assert "CRITICAL" not in done.stdout, what
        assert not place.told(), what


def test_a_report_of_an_open_server_says_so_or_that_it_cannot(place, known):
    for what, done in failures(place, known, "report", "--config", place.open):
        assert done.returncode in (0, 3), what
        if done.returncode == 0:
            assert "\n  open, " in done.stdout, what
        elif done.returncode == 3:
            assert done.stderr, what


def test_without_memory_no_command_ends_without_a_word(place):
    place.fresh(None)
    probe_only = [("-t",), ("report",), ("receive",), ("recipe", "mx"), ("fleet", "status"), ("check",), ("techniques",)]
    commands = [(PROBE, *words) for words in probe_only]
    commands += [(PROBE.replace("-probe", "-milter"), word) for word in ("-t", "--masked", "--version")]
    for command in commands:
        for number in (1, 2, 3, 5, 30, 120):
            done = subprocess.run([*command, "--config", place.open], timeout=60, check=False, capture_output=True,
                                  env={"LD_PRELOAD": place.library, "FAIL_KIND": "memory", "FAIL_AT": str(number)})
            assert done.returncode >= 0 and (done.stdout or done.stderr or done.returncode == 0), (command, number, done)
