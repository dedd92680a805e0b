"""Alerts by mail: through a real Postfix to a real mailbox host, in threads, whatever a client said."""

import email
import email.policy
import os
import re
import shutil
import subprocess
import tempfile

import pytest

from lab import Config, Sink, wait_until
from site_of_tests import Site
from test_alert_crash import driver
from test_alert_receivers import Driven

OPEN = {"mynetworks": "0.0.0.0/0"}


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


@pytest.fixture(scope="module")
def mailbox(site):
    sink = Sink(site.lab).start()
    yield sink
    sink.stop()


def sendmail_of(host, postfix):
    """A script that is this Postfix's sendmail, since a host of the lab may have several."""
    path = os.path.join(host.new_folder("sendmail"), "sendmail")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\nLD_LIBRARY_PATH={postfix.programs.libraries} "
                   f"exec {postfix.programs.commands}/sendmail -C {postfix.etc} \"$@\"\n")
    os.chmod(path, 0o755)
    return path


def alerts_of(mailbox):
    return [message for message in mailbox.messages() if message["X-Relaywarden-Incident"]]


def test_an_open_relay_is_in_the_operators_mailbox_and_so_is_its_end(site, mailbox):
    site.set_up({**OPEN, "default_transport": "smtp"}, alert={"quiet_after": "2s", "mail": {
        "to": ["ops@outside.example.net"], "from": "relaywarden@example.org",
        "program": [sendmail_of(site.mx, site.postfix), "-t", "-i"]}})
    site.ask("<b@outside.example.net>", data=False)
    wait_until(lambda: len(alerts_of(mailbox)) == 2, 60, lambda: site.milter.log.tail())
    first, last = alerts_of(mailbox)
    assert "CRITICAL open-relay" in first["Subject"] and "RESOLVED open-relay" in last["Subject"]
    assert first["Auto-Submitted"] == last["Auto-Submitted"] == "auto-generated"
    assert last["In-Reply-To"] == last["References"] == first["Message-ID"]
    assert first["X-Relaywarden-Incident"] == last["X-Relaywarden-Incident"]
    assert "ops@outside.example.net" in first["X-Rcpt-Args"]
    text = first.get_payload(decode=True).decode()
    assert f"client         {site.outside.address}\n" in text
    assert "Do this:\n" in text
    opened, *_ = site.alerts("open-relay")
    assert text.startswith(opened["why"] + "\n")
    # Each server's remedy has a line of its own.
    assert opened["fix"] in " ".join(text.split("Do this:\n")[1].split())


def test_a_service_that_may_gain_no_privilege_is_told_where_the_way_out_is(tmp_path):
    os.makedirs(tmp_path / "probe")
    config = Config(alert={"syslog": {"format": "none"}, "mail": {
        "to": ["root"], "program": ["/bin/false"]}}, state_directory=str(tmp_path))
    path = config.write(str(tmp_path / "relaywarden.conf"))
    for prefix, told in ((), False), (("setpriv", "--no-new-privs"), True):
        done = subprocess.run([*prefix, driver(), path, "probe", "/nonexistent"], input="+ x\n",
                              check=True, encoding="utf-8", stderr=subprocess.PIPE)
        line, = [line for line in done.stderr.splitlines() if "do not reach mail" in line]
        assert "/bin/false ended with code 1" in line
        assert ("NoNewPrivileges" in line) == told


def test_mail_that_its_program_does_not_take_waits_for_it(tmp_path):
    took = tmp_path / "took"
    program = tmp_path / "keep"
    program.write_text(f"#!/bin/sh\ntest -e {took} || exit 75\nexec cat >> {took}\n", encoding="utf-8")
    program.chmod(0o755)
    with Driven(tmp_path, {"json": str(tmp_path / "alerts.json"), "mail": {
            "to": ["root"], "program": [str(program)]}}) as driven:
        driven.order("+ one", "- one", "flush")
        wait_until(lambda: "ended with code 75" in driven.said(), 10, driven.said)
        took.touch()
        wait_until(lambda: "alerts reach mail again; 0 were lost" in driven.said(), 30, driven.said)
    assert re.findall(r"^X-Relaywarden-State: (.*)$", took.read_text("utf-8"), re.M) == [
        "opened", "resolved"]


@pytest.mark.parametrize("groups", [["--clear-groups"], ["--groups", "postdrop"]])
def test_postfix_takes_mail_of_a_service_without_privileges_that_is_in_its_group(groups):
    """The real sendmail of this machine, with a queue of its own; only postdrop's group may write there."""
    if not os.path.exists("/usr/sbin/postdrop"):
        pytest.skip("this machine's Postfix is only unpacked")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        config = Config(alert={"syslog": {"format": "none"}, "mail": {"to": ["root"]}},
                        state_directory=folder)
        path = config.write(os.path.join(folder, "relaywarden.conf"))
        os.chmod(path, 0o644)
        os.makedirs(os.path.join(folder, "probe"))
        shutil.chown(os.path.join(folder, "probe"), "nobody")
        shutil.copy(driver(), folder)
        stage = """
            mkdir -p /etc/postfix /var/spool/postfix && mount -t tmpfs none /etc/postfix || exit 1
            mount -t tmpfs -o mode=755 none /var/spool/postfix && cd /var/spool/postfix || exit 1
            printf 'compatibility_level = 3.6\n' > /etc/postfix/main.cf
            install -d -o postfix -g postdrop -m 1730 maildrop
            install -d -o postfix -g postdrop -m 2710 public
            setpriv --reuid nobody --regid nogroup --no-new-privs "$@"
            cat maildrop/* 2>/dev/null
            """
        done = subprocess.run(
            ["unshare", "--mount", "bash", "-c", stage, "bash", *groups,
             os.path.join(folder, "alerts"), path, "probe", "/nonexistent"],
            input="+ one\n" if "--groups" in groups else "", check=False, encoding="utf-8",
            capture_output=True, timeout=60)
    told = "/usr/sbin/sendmail is Postfix's and needs the group of postdrop" in done.stderr
    assert told == ("--clear-groups" in groups), done.stderr
    assert ("Subject: [" in done.stdout) == (not told)


# As a client might say it, in a place that the subject and the body show.
SAID = {
    "words": "plain words",
    "letters": "äöü€ 😀 " * 5,
    "a header of its own": "x\r\nBcc: victim@example.net\r\n\r\nhello",
    "an encoded word of its own": "=?utf-8?Q?forged?=",
    "an end of input of its own": "x\n.\nQUIT",
    "a long word": "0123456789" * 20,
    "an mbox of its own": "x\n\nFrom a@example.net Mon Nov 23 01:02:03 2026\n",
}


@pytest.mark.parametrize("said", SAID)
def test_a_message_is_sound_whatever_a_client_said(tmp_path, said):
    mail = tmp_path / "mail"
    program = tmp_path / "keep"
    program.write_text(f"#!/bin/sh\nexec cat > {mail}\n", encoding="utf-8")
    program.chmod(0o755)
    os.makedirs(tmp_path / "probe")
    config = Config(alert={"syslog": {"format": "none"}, "mail": {
        "to": ["root"], "program": [str(program)]}}, state_directory=str(tmp_path))
    path = config.write(str(tmp_path / "relaywarden.conf"))
    # The driver reads lines, so the line ends that a client sends are tried in the unit tests.
    subject = re.sub("[\r\n]", "\x1b", SAID[said])
    subprocess.run([driver(), path, "probe", "/nonexistent"], input=f"+ {subject}\n", check=True,
                   encoding="utf-8")
    raw = mail.read_bytes()
    assert all(len(line) <= 76 for line in raw.split(b"\n"))
    assert max(raw) < 0x7f
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert not message.defects
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding", "Auto-Submitted", "X-Auto-Response-Suppress",
        "X-Relaywarden-Incident", "X-Relaywarden-State", "X-Relaywarden-Kind",
        "X-Relaywarden-Severity", "Importance"}
    shown = subject.replace("\x1b", "\\x1B")
    assert f"network {shown}"[:100].strip() in message["Subject"]
    assert f"network        {shown}" in message.get_content()
