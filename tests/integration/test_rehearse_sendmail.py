"""A Sendmail configuration is rehearsed before it is live: the verdict, the guilty lines, and what they are worth."""

import json
import os
import shutil
import subprocess

import pytest

from lab import sarif
from lab.installed import installed, package
from lab.programs import program
from rehearse_sendmail_cases import CASES, HERE, break_map, guilty_lines, mend, write

import lab

SENDMAIL = os.path.join(package("sendmail-bin"), "usr/libexec/sendmail/sendmail")
pytestmark = pytest.mark.skipif(not os.path.exists(SENDMAIL), reason="Sendmail is not unpacked; run 'sudo make deps'")

EXIT = {"closed": 0, "conditional": 1, "open": 2, "broken": 3, "unknown": 3}
HOST = ["--address", "eth0=192.0.2.25/24", "--address", "eth0=2001:db8:25::25/64"]


def run(folder, *options):
    host = [] if "--address" in options else HOST
    return subprocess.run(
        installed("sendmail-bin", [program("relaywarden-probe"), "rehearse", folder, "--domain", "example.org", *host,
                                   *options]),
        capture_output=True, text=True, timeout=300, check=False)


def rehearse(folder, *options):
    """The exit code, and what --json says."""
    done = run(folder, "--json", *options)
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


def guilty(report):
    return sorted({f"{os.path.relpath(line['file'], HERE)}:{line['line']}" for finding in report["findings"]
                   for line in finding["guilty"]})


@pytest.mark.parametrize("name", CASES)
def test_verdict_and_guilty_lines_are_those_of_the_configuration(name, tmp_path):
    folder = write(str(tmp_path), name)
    code, report = rehearse(folder, *CASES[name].options)
    assert (report["verdict"], guilty(report)) == (CASES[name].verdict, guilty_lines(folder, name)), report
    assert code == report["exit"] == EXIT[CASES[name].verdict]


BY_HAND = os.path.join(os.path.dirname(lab.__file__), "sendmail_by_hand.py")


def ask_by_hand(folder, finding):
    """A real Sendmail's answer with that folder."""
    address = finding["listener"].rpartition(":")[0].strip("[]")
    done = subprocess.run(
        installed("sendmail-bin", ["unshare", "--net", "/usr/bin/python3", "-B", BY_HAND, folder, address,
                                   finding["client"], finding["client_name"], f"EHLO {finding['helo']}",
                                   f"MAIL FROM:<{finding['sender']}>", f"RCPT TO:<{finding['recipient']}>"]),
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", [name for name, wanted in CASES.items() if wanted.mend])
def test_without_the_lines_that_are_named_a_real_sendmail_refuses(name, tmp_path):
    folder = write(str(tmp_path), name)
    _, report = rehearse(folder, "--no-blame", *CASES[name].options)
    before = [ask_by_hand(folder, finding) for finding in report["findings"]]
    assert before and all(answer.startswith("250") for answer in before), before
    mend(folder, name)
    after = [ask_by_hand(folder, finding) for finding in report["findings"]]
    assert all(answer.startswith("55") for answer in after), after


def test_text_names_the_line_and_the_proof(tmp_path):
    lines = run(write(str(tmp_path), "network")).stdout.splitlines()
    assert lines[0].startswith("REHEARSAL OPEN - 1 of 1 listeners open")
    assert "guilty" in lines[2] and "/etc/mail/access:2   Connect:198.51 RELAY" in lines[2]
    assert any("550 5.7.1" in line and "mail for the site is taken as before" in line for line in lines), lines


@pytest.mark.parametrize(("name", "place"), [("broken-include", "sendmail.mc:11"), ("broken-class", "sendmail.mc:12")])
def test_a_broken_configuration_is_told_with_the_operators_line(name, place, tmp_path):
    _, report = rehearse(write(str(tmp_path), name))
    assert report["broken"][0]["place"] == f"{HERE}/{place}", report
    assert ".relaywarden" not in report["broken"][0]["why"]


@pytest.mark.skipif(not sarif.CAN_RUN, reason="the validator is a program for x86-64")
@pytest.mark.parametrize("name", ["two-lines", "based-on-mx", "stock", "map-of-before", "broken-include"])
def test_sarif_is_valid(name, tmp_path):
    assert sarif.complaints(run(write(str(tmp_path), name), "--format", "sarif").stdout) == []


@pytest.mark.parametrize("seconds", [-60, 60], ids=["older", "younger"])
def test_a_map_that_cannot_be_listed_leaves_the_verdict_unknown_whatever_its_text_has(seconds, tmp_path):
    folder = write(str(tmp_path), "map-of-before")
    break_map(folder)
    then = os.stat(os.path.join(folder, "access")).st_mtime + seconds
    os.utime(os.path.join(folder, "access.db"), (then, then))
    code, report = rehearse(folder, "--no-blame")
    assert code == 3 and report["verdict"] == "unknown", report
    assert any("makemap cannot list" in note["why"] for note in report["unknown"]), report


def test_what_m4_runs_changes_nothing_of_the_host(tmp_path):
    """An .mc can have m4 run commands: they run where nothing of this machine can be written."""
    folder = write(str(tmp_path), "stock")
    mark = "/var/tmp/relaywarden-rehearsal-wrote-this"
    with open(os.path.join(folder, "sendmail.mc"), "a", encoding="utf-8") as file:
        file.write(f"syscmd(`mount -o remount,rw,bind / /; echo > {mark}; echo > {folder}/wrote-this')dnl\n")
    code, _ = rehearse(folder, "--no-blame")
    assert code == 0
    assert not os.path.exists(mark) and not os.path.exists(os.path.join(folder, "wrote-this"))


def test_an_mc_that_makes_the_cf_beside_it_is_what_is_blamed_and_else_the_cf_is(tmp_path):
    folder = write(str(tmp_path), "local-from")
    shutil.copy(os.path.join(write(str(tmp_path / "made"), "made-local-from"), "sendmail.cf"), folder)
    _, report = rehearse(folder)
    assert guilty(report) == guilty_lines(folder, "local-from") and report["warnings"] == [], report
    with open(os.path.join(folder, "sendmail.mc"), "a", encoding="utf-8") as file:
        file.write("define(`confLOG_LEVEL', `8')dnl\nLOCAL_CONFIG\nCPexample\n")
    os.utime(os.path.join(folder, "sendmail.mc"), (1, 1))
    _, report = rehearse(folder)
    assert [line.split(":")[0] for line in guilty(report)] == ["sendmail.cf"], report
    assert any("m4 makes another sendmail.cf" in warning["why"] for warning in report["warnings"]), report


@pytest.mark.skipif(not sarif.CAN_RUN, reason="the validator is a program for x86-64")
def test_the_validator_of_sarif_finds_what_is_wrong():
    assert any("driver" in complaint for complaint in sarif.complaints('{"version":"2.1.0","runs":[{"tool":{}}]}'))
