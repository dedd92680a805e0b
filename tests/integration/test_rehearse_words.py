"""Where `rehearse` cannot begin it says whose fault that is, and names the operator's own paths and lines."""

import json
import os
import pty
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

import rehearse_cases
import rehearse_sendmail_cases
from lab import junit, sarif
from lab.installed import installed, package
from lab.programs import program

pytestmark = pytest.mark.skipif(shutil.which("postconf", path="/usr/sbin:/usr/bin") is None,
                                reason="the candidate is run by the machine's own Postfix")

HOST = ["--domain", "example.org", "--address", "eth0=192.0.2.25/24"]
STAGE = "/run/relaywarden-rehearsal"
SENDMAIL = os.path.join(package("sendmail-bin"), "usr/libexec/sendmail/sendmail")
with_sendmail = pytest.mark.skipif(not os.path.exists(SENDMAIL), reason="Sendmail is not unpacked; run 'sudo make deps'")


def run(*words, before=(), cwd=None):
    done = subprocess.run([*before, program("relaywarden-probe"), "rehearse", *words, *HOST], capture_output=True,
                          text=True, timeout=300, check=False, cwd=cwd)
    assert STAGE not in done.stdout + done.stderr
    return done


def refusal(*words, cwd=None):
    """The sentence of an error of the command line."""
    done = run(*words, cwd=cwd)
    assert done.returncode == 3
    return done.stdout.removeprefix("RELAY UNKNOWN - ").rstrip("\n")


@pytest.mark.parametrize("mta, sentence", [
    ("postfix", "cannot read {}/main.cf: No such file or directory"),
    ("exim", "{} has neither exim4.conf nor update-exim4.conf.conf nor exim.conf"),
    ("sendmail", "cannot read {}/sendmail.cf, nor a sendmail.mc that makes it"),
])
def test_an_empty_folder_is_named_with_the_file_that_it_lacks(mta, sentence, tmp_path):
    assert refusal(str(tmp_path), "--mta", mta) == sentence.format(tmp_path)


@pytest.mark.parametrize("missing", ["main.cf", "master.cf"])
def test_a_folder_without_one_of_postfixs_files_is_named_as_the_operator_did(missing, tmp_path):
    folder = rehearse_cases.write(str(tmp_path), "debian")
    os.remove(os.path.join(folder, missing))
    assert refusal(folder) == f"cannot read {folder}/{missing}: No such file or directory"


def test_a_file_in_place_of_a_folder_names_the_folder_that_it_lies_in(tmp_path):
    (tmp_path / "sendmail.mc").touch()
    file = str(tmp_path / "sendmail.mc")
    assert refusal(file) == f"{file} is no folder: name the one that it lies in, {tmp_path}"
    assert refusal("sendmail.mc", cwd=tmp_path) == "sendmail.mc is no folder: name the one that it lies in, ."


@pytest.mark.parametrize("words, sentence", [
    (["--as", "etc/postfix"], '--as: "etc/postfix" does not begin with /; give the whole path, as in --as /etc/postfix'),
    (["--as", ""], '--as: "" does not begin with /; give the whole path, as in --as /etc/postfix'),
    (["--reach", "run/x"], '--reach: "run/x" does not begin with /; give the socket\'s whole path'),
])
def test_a_path_that_is_not_whole_is_refused(words, sentence, tmp_path):
    assert refusal(rehearse_cases.write(str(tmp_path), "debian"), *words) == sentence


def test_a_folder_without_a_name_is_refused():
    assert refusal("") == "the folder to rehearse has no name: give it as in rehearse /etc/postfix"


def test_who_waits_at_a_terminal_sees_how_far_it_is(tmp_path):
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with os.fdopen(theirs, "wb", buffering=0) as other:
            done = subprocess.run([program("relaywarden-probe"), "rehearse", rehearse_cases.write(str(tmp_path), "client-hash"),
                                   "--as", "/etc/postfix", *HOST], stdout=subprocess.PIPE, stderr=other, check=False,
                                  timeout=300)
        said = terminal.read(65536).decode()
    assert done.returncode == 2 and done.stdout.startswith(b"REHEARSAL OPEN")
    assert "asking as strangers: start 1 of the server" in said
    assert "looking for the lines that let them in: start " in said
    assert said.endswith("\r\033[K")


def report(*words, before=()):
    done = run(*words, "--json", before=before)
    assert done.stderr == "", done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("file, text, place, words", [
    ("main.cf", "nonsense\n", "main.cf:{}", "missing '=' after attribute name"),
    ("main.cf", "a = $b\nb = $a\nmydestination = $a\n", "", "unreasonable macro call nesting"),
    ("master.cf", "25 inet\n", "master.cf:{}", "bad field count"),
    ("master.cf", "587 inet n - n - - smtpd -o smtpd_relay_restrictions=permit -o smtpd_recipient_restrictions=permit\n",
     "master.cf:{}", "specify at least one working instance"),
    ("master.cf", "587 inet n - n - - smtpd -o smtpd_client_connection_count_limit=no\n", "master.cf:{}", "numerical"),
    ("main.cf", "smtpd_relay_restrictions = permit\nsmtpd_recipient_restrictions = permit\n", "main.cf:{}",
     "specify at least one working instance"),
])
def test_files_that_postfix_does_not_read_are_broken_with_its_words_and_the_line(file, text, place, words, tmp_path):
    path = os.path.join(rehearse_cases.write(str(tmp_path), "debian"), file)
    with open(path, encoding="utf-8") as before:
        line = before.read().count("\n") + 1
    with open(path, "a", encoding="utf-8") as out:
        out.write(text)
    said = report(os.path.dirname(path))
    assert (said["exit"], said["verdict"]) == (3, "broken"), said
    assert words in said["broken"][0]["why"]
    assert said["broken"][0]["place"] == (f"/etc/postfix/{place.format(line)}" if place else "")


def test_a_program_that_this_host_has_elsewhere_is_unknown_and_not_broken(tmp_path):
    folder = rehearse_cases.write(str(tmp_path), "debian")
    with open(os.path.join(folder, "main.cf"), "a", encoding="utf-8") as file:
        file.write("daemon_directory = /usr/libexec/elsewhere\n")
    said = report(folder)
    assert (said["exit"], said["verdict"], said["broken"]) == (3, "unknown", []), said
    assert said["unknown"][0]["why"].startswith("daemon_directory has no program here, /usr/libexec/elsewhere/master:")


# The verdict of each report, by what its readers count: all cases, failures, errors.
@pytest.mark.parametrize("name, more, counts", [
    ("debian", "", (1, 0, 0)),
    ("client-hash", "", (1, 1, 0)),
    ("debian", "nonsense\n", (1, 0, 1)),
    ("debian", "daemon_directory = /usr/libexec/elsewhere\n", (1, 0, 1)),
    ("debian", "smtpd_relay_restrictions = check_sender_access inline:{example.org=450 4.7.1 <&\"]]>later}, "
     "reject_unauth_destination\n", (2, 0, 2)),
])
def test_junit_is_what_its_readers_take_and_fails_where_the_exit_code_does(name, more, counts, tmp_path):
    folder = rehearse_cases.write(str(tmp_path), name)
    with open(os.path.join(folder, "main.cf"), "a", encoding="utf-8") as file:
        file.write(more)
    done = run(folder, "--format", "junit")
    assert junit.complaints(done.stdout) == [], done.stdout
    suites = ElementTree.fromstring(done.stdout).findall("testsuite")
    assert tuple(sum(int(suite.get(count)) for suite in suites) for count in ("tests", "failures", "errors")) == counts
    assert (counts[1:] == (0, 0)) == (done.returncode == 0)


def test_the_schema_of_junit_finds_what_is_wrong():
    good = ('<testsuites name="a"><testsuite name="b" tests="1" failures="0" errors="0" skipped="0" time="1.0">'
            '<testcase classname="c" name="d"/></testsuite></testsuites>')
    assert junit.complaints(good) == []
    for wrong in (good.replace(' tests="1"', ""), good.replace('classname="c" ', ""), good[:-1],
                  good.replace('name="d"/>', 'name="d"><failure/></testcase>'), '<testsuites name="a"/>'):
        assert junit.complaints(wrong) != [], wrong


@pytest.mark.skipif(not sarif.CAN_RUN, reason="the validator is a program for x86-64")
def test_sarif_tells_of_an_unknown_verdict(tmp_path):
    folder = rehearse_cases.write(str(tmp_path), "debian")
    with open(os.path.join(folder, "main.cf"), "a", encoding="utf-8") as file:
        file.write("daemon_directory = /usr/libexec/elsewhere\n")
    text = run(folder, "--format", "sarif").stdout
    assert sarif.complaints(text) == []
    assert [(result["ruleId"], result["level"]) for result in json.loads(text)["runs"][0]["results"]] == [
        ("unanswered-question", "error")]


# One's own number alone: the files of a mail server's users cannot be made.
LITTLE = ["unshare", "--user", "--map-root-user"]
NONE = ["setpriv", "--reuid", "65534", "--clear-groups"]


@pytest.mark.parametrize("before", [LITTLE, NONE])
def test_a_stage_that_this_host_does_not_let_us_lay_is_unknown_with_the_cause(before, tmp_path):
    folder = rehearse_cases.write(str(tmp_path), "client-hash")
    for path, _, _ in os.walk(tmp_path):
        os.chmod(path, 0o755)
    os.chmod(os.path.dirname(tmp_path), 0o755)
    os.chmod(os.path.dirname(os.path.dirname(tmp_path)), 0o755)
    said = report(folder, before=before)
    assert (said["exit"], said["verdict"], said["broken"], said["findings"]) == (3, "unknown", [], []), said
    assert said["unknown"][0]["why"]


@with_sendmail
def test_what_makemap_says_of_a_line_is_told_with_file_and_line(tmp_path):
    folder = rehearse_sendmail_cases.write(str(tmp_path), "stock")
    with open(os.path.join(folder, "access"), "w", encoding="utf-8") as file:
        file.write("192.0.2.99\tREJECT\n192.0.2.98\n192.0.2.99\tOK\n")
    said = report(folder, before=installed("sendmail-bin", []))
    assert [(warning["place"], warning["why"]) for warning in said["warnings"]] == [
        ("/etc/mail/access:2", "access: makemap leaves this line out of the map: no RHS for LHS 192.0.2.98"),
        ("/etc/mail/access:3", "access: makemap leaves this line out of the map: key 192.0.2.99: duplicate key")], said


@with_sendmail
def test_a_carriage_return_is_not_shown_in_sendmails_words(tmp_path):
    folder = rehearse_sendmail_cases.write(str(tmp_path), "stock")
    with open(os.path.join(folder, "sendmail.mc"), "a", encoding="utf-8", newline="") as file:
        file.write("LOCAL_CONFIG\r\nnonsense here\r\n")
    done = run(folder, before=installed("sendmail-bin", []))
    assert done.stdout.startswith("REHEARSAL BROKEN"), done.stdout
    assert "nonsense" in done.stdout
    assert "\\x0D" not in done.stdout and "\r" not in done.stdout
