"""kill -9 at any instant: no announced incident is lost, none announced twice as opened, none stuck."""

import json
import os
import random
import sqlite3
import subprocess
import time

import pytest

from lab import Config, LabError, build_folder, wait_until
from site_of_tests import Site

KILLS = int(os.environ.get("RELAYWARDEN_CRASHES", "200"))
SECONDS = 100  # and no more kills after that
OPEN = {"mynetworks": "0.0.0.0/0"}


def driver():
    """tests/bench/alerts.c, built with the programs."""
    path = os.path.join(build_folder(), "bench/alerts")
    if not os.path.exists(path):
        raise LabError(f"{path} is not there; run 'make BUILD={build_folder()} bench-programs'")
    return path


def announcements(path):
    """The whole lines. A kill in the middle of a write leaves half a line, which was no announcement."""
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            try:
                found.append(json.loads(line))
            except ValueError:
                assert not line.endswith("}\n"), line
    return found


def rows(path):
    """id to (state, announced) of the database's incidents."""
    database = sqlite3.connect(path, timeout=10)
    try:
        return {row[0]: (row[1], row[2])
                for row in database.execute("SELECT id, state, announced FROM incident")}
    finally:
        database.close()


def expect_a_sound_story(told):
    """Each incident opens once at most and first, ends once it has ended, and is alone with its subject."""
    state, alone = {}, {}
    for alert in told:
        name, subject = alert["incident"], (alert["kind"], json.dumps(alert["subject"]))
        before = state.get(name)
        if alert["state"] == "opened":
            assert before is None, f"{name} opened again after {before}"
        if before == "resolved":
            assert alert["state"] == "resolved", f"{name} goes on after its end"
        if alert["state"] == "resolved":
            if alone.get(subject) == name:
                del alone[subject]
        else:
            assert alone.setdefault(subject, name) == name, f"{subject} has two incidents"
        state[name] = alert["state"]
    return state


def expect_all_over(told, database):
    state = expect_a_sound_story(told)
    stuck = [name for name, last in state.items() if last != "resolved"]
    assert not stuck, f"not resolved: {stuck}"
    saved = rows(database)
    assert set(state) <= set(saved), "an announced incident is not in the database"
    assert set(saved.values()) == {("resolved", 1)}


class Driven:
    """The path of alerts of one program, with a JSON file alone."""

    def __init__(self, folder, program):
        self.program = program
        self.json = os.path.join(folder, "alerts.json")
        self.database = os.path.join(folder, program, "relaywarden.db")
        os.makedirs(os.path.dirname(self.database))
        config = Config(alert={"json": self.json, "syslog": {"format": "none"}, "remind": "1s",
                               "quiet_after": "1s"}, state_directory=folder)
        self.path = config.write(os.path.join(folder, "relaywarden.conf"))
        self.process = None

    def start(self):
        self.process = subprocess.Popen([driver(), self.path, self.program, "/nonexistent"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def say(self, *orders):
        self.process.stdin.write("".join(order + "\n" for order in orders))
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def stop(self):
        self.process.communicate()
        assert self.process.returncode == 0


def test_the_probes_incidents_survive_kills_at_any_instant(tmp_path):
    driven = Driven(str(tmp_path), "probe")
    chance = random.Random()
    seed = chance.randrange(1 << 32)
    chance.seed(seed)
    print(f"seed {seed}")
    # How long a life takes that nobody ends, on this machine, now.
    began = time.monotonic()
    unhurt = Driven(str(tmp_path / "unhurt"), "probe").start()
    unhurt.say("+ net-0", "- net-0")
    unhurt.stop()
    life = max(0.06, time.monotonic() - began)
    end = time.monotonic() + SECONDS
    kills = 0
    while kills < KILLS and time.monotonic() < end:
        driven.start()
        for _ in range(chance.randrange(1, 40)):
            driven.say(f"{chance.choice('++-')} net-{chance.randrange(5)}")
        # The instant is the point: somewhere from the start to after all is done.
        time.sleep(chance.uniform(0, life))
        driven.kill()
        kills += 1
        if os.path.exists(driven.json):
            told = announcements(driven.json)
            expect_a_sound_story(told)
            # The first lives may end before the database has its tables; then nothing was told, either.
            if told:
                assert {alert["incident"] for alert in told} <= set(rows(driven.database))
    assert kills >= KILLS / 4
    driven.start().say(*[f"- net-{number}" for number in range(5)])
    driven.stop()
    told = announcements(driven.json)
    expect_all_over(told, driven.database)
    counted = {state: sum(alert["state"] == state for alert in told)
               for state in ("opened", "repeated", "resolved")}
    print(f"{kills} kills, {counted}")
    assert min(counted.values()) > 0


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


def test_the_milters_incidents_survive_kills_at_any_instant(site):
    site.set_up(OPEN, alert={"remind": "1s", "quiet_after": "1s"})
    milter = site.milter
    database = os.path.join(milter.config.top["state_directory"], "milter/relaywarden.db")
    hosts = [site.outside, site.lab.host("second", addresses=["192.0.2.1"]), None]
    chance = random.Random()
    seed = chance.randrange(1 << 32)
    chance.seed(seed)
    print(f"seed {seed}")
    end = time.monotonic() + SECONDS
    kills = 0
    while kills < KILLS and time.monotonic() < end:
        host = chance.choice(hosts)
        if host:
            site.ask(*["<b@outside.example.net>"] * chance.randrange(1, 4), host=host)
        # Mostly while an incident opens, now and then about when it is repeated or over.
        time.sleep(chance.uniform(0, 0.05) if chance.random() < 0.8 else chance.uniform(0.9, 1.3))
        milter.kill()
        kills += 1
        milter.start()
    told = announcements(milter.config.alert["json"])
    expect_a_sound_story(told)
    assert kills >= KILLS / 4

    def is_over():
        saved = rows(database)
        return saved and set(saved.values()) == {("resolved", 1)}

    wait_until(is_over, 30, lambda: f"the end of {rows(database)}")
    told = announcements(milter.config.alert["json"])
    expect_all_over(told, database)
    assert milter.stop() == 0
    site.milter = None
    counted = {state: sum(alert["state"] == state for alert in told)
               for state in ("opened", "repeated", "resolved")}
    print(f"{kills} kills, {counted}")
    assert min(counted.values()) > 0
