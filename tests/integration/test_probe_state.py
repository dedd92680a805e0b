"""The probe's state where it cannot be had: full, damaged, locked, later, not to be written; and what earlier versions left."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import time

import pytest

from lab import Config, Dns, Postfix, probe
from lab.servers import ROOT

FORMER = os.path.join(ROOT, "tests/unit/state-5")
NOBODY = 65534
OPEN = {"mynetworks": "0.0.0.0/0", "in_flow_delay": "0s"}


class Site:
    """An open relay at 203.0.113.25:25, and a probe whose state is looked at."""

    def __init__(self, lab):
        self.outside = lab.host("outside")
        Dns(lab).start()
        Postfix(lab, lab.host("mx"), main=OPEN).start()
        self.folder = os.path.join(self.outside.folder, "state")
        self.database = os.path.join(self.folder, "probe/relaywarden.db")
        os.makedirs(os.path.dirname(self.database))

    def config(self, **keywords):
        keywords.setdefault("targets", {"mx": {"host": "203.0.113.25"}})
        return Config(state_directory=self.folder, **keywords)

    def check(self, **keywords):
        return probe(self.outside, config=self.config(), **keywords)

    def report(self, **keywords):
        return probe(self.outside, verb="report", config=self.config(), **keywords)

    def connect(self):
        return contextlib.closing(sqlite3.connect(self.database, isolation_level=None))

    @contextlib.contextmanager
    def locked(self):
        self.check()
        with self.connect() as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    @contextlib.contextmanager
    def damaged(self):
        with open(self.database, "w", encoding="ascii") as file:
            file.write("no database" * 1000)
        yield

    @contextlib.contextmanager
    def later(self):
        self.check()
        with self.connect() as database:
            database.execute("PRAGMA user_version = 99")
        yield

    @contextlib.contextmanager
    def foreign(self):
        with self.connect() as database:
            database.execute("CREATE TABLE song (title)")
        yield

    @contextlib.contextmanager
    def full(self):
        self.check()
        with self.disk("size=1m") as folder:
            self.outside.run(["dd", "if=/dev/zero", f"of={folder}/filler", "bs=4k"], check=False)
            yield

    @contextlib.contextmanager
    def read_only(self):
        if not os.path.exists(self.database):
            self.check()
        with self.disk("size=8m") as folder:
            self.outside.run(["mount", "-n", "-o", "remount,ro", folder])
            yield

    @contextlib.contextmanager
    def disk(self, options):
        """The probe's folder on a disk of its own, for who looks from this host."""
        folder = os.path.dirname(self.database)
        kept = folder + ".kept"
        shutil.copytree(folder, kept)
        self.outside.run(["mount", "-n", "-t", "tmpfs", "-o", options, "lab", folder])
        try:
            for name in os.listdir(kept):
                self.outside.run(["cp", os.path.join(kept, name), folder])
            yield folder
        finally:
            self.outside.run(["umount", "-n", folder])


@pytest.fixture
def site(lab):
    return Site(lab)


CASES = {
    "locked": r"database is locked \(another process holds it: stop that one\)",
    "damaged": r"file is not a database \(move the file away; a new one is then made\)",
    "later": r"has schema 99, and this version knows \d+ \(install the later version again, or move",
    "foreign": r"is another program's \(name another file, or move this one away\)",
    "full": r"(database or disk is full|disk I/O error) \(make room on the disk\)",
    "read_only": r"\((let this program's user write|the file system is read-only)",
}


@pytest.mark.parametrize("case", CASES)
def test_whatever_is_wrong_with_the_state_an_alert_goes_out_and_one_sentence_says_what_to_do(site, case):
    with getattr(site, case)():
        checked = site.check()
        assert checked.code == 2
        kinds = [alert["kind"] for alert in checked.alerts if alert["state"] != "resolved"]
        assert kinds[-1] == "open-relay"
        for beginning in ("the next audit will not know of this one: ",
                          "this audit will be missing in reports and later metrics: "):
            assert re.search(beginning + ".*relaywarden.db.*" + CASES[case], checked.err), checked.err


def test_a_report_reads_a_folder_that_it_cannot_write(site):
    site.check()
    expected = json.loads(site.report().out)
    with site.read_only():
        seen = json.loads(site.report().out)
    assert seen["endpoints"] == expected["endpoints"] and seen["endpoints"]
    assert seen["incidents"] == expected["incidents"] and seen["incidents"]


def former(name):
    """As that version wrote it, but some minutes ago."""
    now = int(time.time()) - 600
    with open(os.path.join(FORMER, name), encoding="utf-8") as file:
        return file.read().replace("1796016192", str(now - 1)).replace("1796016193", str(now))


def lay_former_state(site):
    folder = os.path.dirname(site.database)
    for name in ("memory.json", "metrics.json"):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(former(name))
    for name in ("memory.lock", "metrics.lock", "run.lock"):
        with open(os.path.join(folder, name), "wb"):
            pass
    with site.connect() as database:
        database.executescript(former("relaywarden.sql"))
    return folder


def test_what_an_earlier_version_left_is_taken_over_by_the_first_audit_and_said_once(site):
    folder = lay_former_state(site)
    first = site.check()
    assert first.err.count("is in relaywarden.db now; the old files are renamed to *.old") == 1
    assert {name for name in os.listdir(folder) if not name.startswith("relaywarden.db")} == {
        "memory.json.old", "metrics.json.old"}
    assert "relaywarden.db now" not in site.check().err
    report = json.loads(site.report().out)
    spans = {(entry["last"]["address"], entry["last"]["port"]): entry["history"]
             for entry in report["endpoints"]}
    assert [span["verdict"] for span in spans["203.0.113.25", 25]] == ["open", "closed", "open"]
    assert [(span["verdict"], span["audits"]) for span in spans["203.0.113.25", 2526]] == [("open", 2)]
    assert len(report["incidents"]) >= 6
    with site.connect() as database:
        facts = dict(database.execute("SELECT kind, count(*) FROM fact GROUP BY kind"))
    assert (facts["message"], facts["put-off"], facts["answered"]) == (2, 53, 1)
