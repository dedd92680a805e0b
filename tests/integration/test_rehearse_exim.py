"""An Exim configuration is rehearsed before it is live: the verdict, the guilty lines, and what they are worth."""

import base64
import json
import os
import subprocess
import tempfile

import pytest

from lab.exim import PROGRAM
from lab.installed import installed
from lab.programs import program
from lab.sample import is_proved
from rehearse_exim_cases import CASES, HERE, guilty_lines, mend, write

import lab

pytestmark = pytest.mark.skipif(not os.path.exists(PROGRAM), reason="Exim is not unpacked; run 'sudo make deps'")

EXIT = {"closed": 0, "conditional": 1, "open": 2, "broken": 3, "unknown": 3}
HOST = ["--address", "eth0=192.0.2.25/24", "--address", "eth0=2001:db8:25::25/64"]


def run(folder, *options):
    host = [] if "--address" in options else HOST
    return subprocess.run(
        installed("exim4-daemon-heavy", [program("relaywarden-probe"), "rehearse", folder, "--domain", "example.org",
                                         *host, *options]),
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


BY_HAND = os.path.join(os.path.dirname(lab.__file__), "exim_by_hand.py")
LOGIN = {"anonymous": ["AUTH ANONYMOUS " + base64.b64encode(b"x").decode()]}


def dialogue(finding, is_mended):
    """The dialogue of a finding's client. Without `hosts_proxy` Exim greets at once, and a header would be an error."""
    is_proxied = "proxy" in finding["technique"] and not is_mended
    claimed = ["PROXY TCP4 127.0.0.1 192.0.2.25 40000 25"] if is_proxied else []
    login = LOGIN["anonymous"] if "anonymous" in finding["technique"] else []
    return [*claimed, f"EHLO {finding['helo']}", *login, f"MAIL FROM:<{finding['sender']}>",
            f"RCPT TO:<{finding['recipient']}>"]


def ask_by_hand(folder, finding, is_mended=False):
    """A real Exim's answer with that folder."""
    address = finding["listener"].rpartition(":")[0].split()[-1].strip("[]")
    done = subprocess.run(
        installed("exim4-daemon-heavy", ["unshare", "--net", "/usr/bin/python3", "-B", BY_HAND, folder, address,
                                         finding["client"], *dialogue(finding, is_mended)]),
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", [name for name, wanted in CASES.items() if wanted.guilty and is_proved(name)])
def test_without_the_lines_that_are_named_a_real_exim_refuses(name, tmp_path):
    folder = write(str(tmp_path), name)
    _, report = rehearse(folder, "--no-blame", *CASES[name].options)
    before = [ask_by_hand(folder, finding) for finding in report["findings"]]
    assert before and not any(answer.startswith("5") for answer in before), before
    mend(folder, name)
    after = [ask_by_hand(folder, finding, is_mended=True) for finding in report["findings"]]
    assert all(answer.startswith("550") for answer in after), after


def test_text_names_the_item_its_list_and_the_proof(tmp_path):
    lines = run(write(str(tmp_path), "elsewhere")).stdout.splitlines()
    assert lines[0].startswith("REHEARSAL OPEN - 1 of 2 listeners open")
    assert "guilty" in lines[2] and "/etc/exim4/exim4.conf:4   203.0.0.0/16" in lines[2]
    assert lines[3].split() == ["in", "relay_from_hosts"]
    assert "550 relay not permitted" in lines[4]


@pytest.mark.parametrize(("name", "place"), [
    ("misspelt", "exim4.conf:6"), ("debian-misspelt", "conf.d/acl/30_exim4-config_check_rcpt:202")])
def test_a_broken_configuration_is_told_in_exims_words_with_the_operators_line(name, place, tmp_path):
    _, report = rehearse(write(str(tmp_path), name))
    assert report["broken"][0]["place"] == f"{HERE}/{place}", report
    assert "made.conf" not in report["broken"][0]["why"] and "Exim configuration error" in report["broken"][0]["why"]


SECRET = "hidden_word = of root alone\n"


@pytest.mark.parametrize("include", [".include {}\n", "HERE = {}\n.include HERE\n"])
def test_an_included_file_that_is_not_everybodys_to_read_is_not_shown(include, tmp_path):
    folder = write(str(tmp_path), "correct")
    with tempfile.NamedTemporaryFile("w", dir="/var/tmp") as secret:
        secret.write(SECRET)
        secret.flush()
        path = os.path.join(folder, "exim4.conf")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(include.format(secret.name) + text)
        done = run(folder, "--json")
    assert done.returncode == 3
    assert "hidden_word" not in done.stdout + done.stderr
    assert "not everybody's to read" in done.stderr, done


def test_a_list_that_is_a_link_is_read_as_exim_reads_it(tmp_path):
    folder = write(str(tmp_path), "senders-in-a-file")
    os.rename(os.path.join(folder, "senders"), os.path.join(folder, "partners"))
    os.symlink("partners", os.path.join(folder, "senders"))
    code, report = rehearse(folder, "--no-blame")
    assert (code, report["verdict"]) == (2, "open"), report


def test_a_folder_with_files_of_two_servers_wants_to_be_told_whose_it_is(tmp_path):
    folder = write(str(tmp_path), "correct")
    with open(os.path.join(folder, "main.cf"), "w", encoding="utf-8"):
        pass
    done = run(folder)
    assert done.returncode == 3 and "--mta" in done.stderr, done
    assert run(folder, "--mta", "exim", "--no-blame").returncode == 0


def test_a_program_of_the_settings_file_changes_nothing_of_the_host(tmp_path):
    """update-exim4.conf reads a shell's file: it runs where nothing of this machine can be written."""
    folder = write(str(tmp_path), "debian-split")
    mark = "/var/tmp/relaywarden-rehearsal-wrote-this"
    with open(os.path.join(folder, "update-exim4.conf.conf"), "a", encoding="utf-8") as file:
        file.write(f"mount -o remount,rw,bind / / || true\necho > {mark} || true\n"
                   f"echo > {folder}/wrote-this || true\n")
    code, _ = rehearse(folder, "--no-blame")
    assert code == 0
    assert not os.path.exists(mark) and not os.path.exists(os.path.join(folder, "wrote-this"))
