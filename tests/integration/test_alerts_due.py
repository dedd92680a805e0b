"""An alert that its only sink cannot take stays due: over restarts, until a sink took it."""

import contextlib
import json
import os
import resource
import sqlite3
import subprocess

import pytest

from lab import Config, Milter, Postfix, Sink, probe, wait_until
from lab.programs import read_alerts
from site_of_tests import Site
from test_alert_mail import sendmail_of
from test_alert_pipelines import Journal

OPEN = {"mynetworks": "0.0.0.0/0 [::]/0"}
NO_SYSLOG = {"syslog": {"format": "none"}, "journal": "no"}  # and no JSON file unless it is named
OUTSIDER = "<b@outside.example.net>"


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


@pytest.fixture(scope="module")
def mailbox(site):
    sink = Sink(site.lab).start()
    yield sink
    sink.stop()


def incidents_of(mailbox, name):
    """The states of this incident of which mail came."""
    return [message["X-Relaywarden-State"] for message in mailbox.messages()
            if message["X-Relaywarden-Incident"] == name]


def database(milter):
    return os.path.join(milter.config.top["state_directory"], "milter/relaywarden.db")


def not_marked(path):
    connection = sqlite3.connect(path, timeout=10)
    try:
        return [row[0] for row in connection.execute("SELECT id FROM incident WHERE NOT announced")]
    finally:
        connection.close()


def again(site, alert=None):
    """The same filter, which has stopped, started anew."""
    milter = site.milter
    config = Config(alert=alert or milter.config.alert, **milter.config.top)
    site.milters += 1
    site.milter = Milter(site.lab, site.mx, config, postfix=site.postfix,
                         name=f"milter{site.milters}").start()
    site.postfix.reload()
    return site.milter


def shown(milter):
    return milter.log.find("CRITICAL open-relay incident=[0-9a-f]{16} state=opened")


def test_a_json_file_that_cannot_be_written_gets_the_alert_when_it_can(site):
    folder = site.mx.new_folder("json")
    path = os.path.join(folder, "alerts.json")
    site.set_up(OPEN, alert={**NO_SYSLOG, "json": path})
    os.rename(folder, folder + ".gone")
    assert site.ask(OUTSIDER) == [250]
    wait_until(lambda: len(shown(site.milter)) == 1)
    assert len(not_marked(database(site.milter))) == 1
    os.rename(folder + ".gone", folder)
    alert, = wait_until(lambda: os.path.exists(path) and read_alerts(path), 15)
    assert alert["state"] == "opened"
    wait_until(lambda: not not_marked(database(site.milter)))
    assert len(shown(site.milter)) == 1
    assert not site.milter.log.find("[1-9][0-9]* (was|were) lost")


@pytest.mark.parametrize("program", ["exit 1", "kill -9 $$", "missing"])
def test_a_command_that_fails_gets_the_alert_after_a_restart(site, program):
    folder = site.mx.new_folder("command")
    path, got = os.path.join(folder, "run"), os.path.join(folder, "got")

    def script(text):
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)

    script(f"cat >> {got}")
    site.set_up(OPEN, alert={**NO_SYSLOG, "command": [path], "json": ""})
    if program == "missing":
        os.unlink(path)
    else:
        script(program)
    assert site.ask(OUTSIDER) == [250]
    wait_until(lambda: len(shown(site.milter)) == 1)
    assert site.milter.stop() == 0
    name, = not_marked(database(site.milter))
    script(f"cat >> {got}")
    again(site)
    alert, = wait_until(lambda: os.path.exists(got) and read_alerts(got), 15)
    assert (alert["incident"], alert["state"]) == (name, "repeated")
    wait_until(lambda: not not_marked(database(site.milter)))


def test_a_check_leaves_its_alert_to_the_next_one(site):
    site.set_up(OPEN)
    folder = site.outside.new_folder("check")
    path = os.path.join(folder, "missing/alerts.json")
    config = Config(alert={**NO_SYSLOG, "json": path}, state_directory=os.path.join(folder, "state"))
    first = probe(site.outside, config=config)
    assert first.code == 2
    assert "CRITICAL open-relay incident=" in first.err
    saved = os.path.join(folder, "state/probe/relaywarden.db")
    due = not_marked(saved)
    assert due
    # Healed meanwhile: the end is announced with the same id.
    site.postfix.set({"mynetworks": "127.0.0.0/8"})
    os.mkdir(os.path.dirname(path))
    assert probe(site.outside, config=config).code in (0, 1)
    told = read_alerts(path)
    assert {alert["incident"] for alert in told} >= set(due)
    assert [alert["state"] for alert in told if alert["kind"] == "open-relay"][-1] == "resolved"
    assert not not_marked(saved)


# ---- each sink alone, each with what may become of it ----

RECEIVER = """
import http.server, sys
class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[1], "ab") as file:
            file.write(body + b"\\n")
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8080), Taker).serve_forever()
"""


class Alone:
    """One sink and nothing else: `alert` configures it, `break_it` and `mend` it, `took` what it got."""

    def __init__(self, site):
        self.site = site
        self.host = site.mx
        self.folder = self.host.new_folder("alone")
        self.got = os.path.join(self.folder, "got")
        self.script = os.path.join(self.folder, "run")
        with open(self.script, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\nexec cat >> {self.got}\n")
        os.chmod(self.script, 0o755)

    def start(self):
        """Before the filter starts."""

    def stop(self):
        """At the end."""

    def took(self):
        return [(alert["incident"], alert["state"]) for alert in read_alerts(self.got)] \
            if os.path.exists(self.got) else []


class FileOnReadOnlyDisk(Alone):
    @property
    def alert(self):
        return {"json": self.got}

    def break_it(self):
        if os.path.exists(self.got):
            os.unlink(self.got)
        self.host.run(["mount", "-n", "--bind", self.folder, self.folder])
        self.host.run(["mount", "-n", "-o", "remount,bind,ro", self.folder])

    def mend(self):
        self.host.run(["umount", "-n", self.folder])


class ProgramWithoutDescriptors(Alone):
    """Of the filter's descriptors, only the next is free: enough for the MTA, and for no pipe."""

    @property
    def alert(self):
        return {"command": [self.script]}

    def break_it(self):
        number = self.site.milter.process.pid
        used = max(int(name) for name in os.listdir(f"/proc/{number}/fd"))
        _, hard = resource.prlimit(number, resource.RLIMIT_NOFILE)
        resource.prlimit(number, resource.RLIMIT_NOFILE, (used + 2, hard))

    def mend(self):
        """The next filter has its own limit."""


class JournalThatIsGone(Alone):
    journal = None
    alert = {"journal": "yes"}

    def start(self):
        self.journal = Journal(self.host)

    def break_it(self):
        self.journal.stop()

    mend = start

    def stop(self):
        self.journal.stop()

    def took(self):
        entry = self.journal.wait_for(RELAYWARDEN_INCIDENT=".")
        return [(entry["RELAYWARDEN_INCIDENT"], entry["RELAYWARDEN_STATE"])]


class MailThatIsRefused(Alone):
    @property
    def alert(self):
        return {"mail": {"to": ["root"], "program": [self.script]}}

    def break_it(self):
        os.rename(self.script, self.script + ".good")
        with open(self.script, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nexit 75\n")
        os.chmod(self.script, 0o755)

    def mend(self):
        os.rename(self.script + ".good", self.script)

    def took(self):
        """From the headers."""
        if not os.path.exists(self.got):
            return []
        with open(self.got, encoding="utf-8") as file:
            lines = dict(line.rstrip("\n").split(": ", 1) for line in file if line.startswith("X-Relaywarden-"))
        return [(lines["X-Relaywarden-Incident"], lines["X-Relaywarden-State"])] if lines else []


class WebhookThatIsAway(Alone):
    receiver = None
    alert = {"webhook": {"url": "http://127.0.0.1:8080/"}}

    def start(self):
        self.receiver = self.host.popen(["/usr/bin/python3", "-c", RECEIVER, self.got],
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: self.host.listening(8080))

    def stop(self):
        self.receiver.kill()
        self.receiver.wait()

    break_it, mend = stop, start

    def took(self):
        if not os.path.exists(self.got):
            return []
        with open(self.got, encoding="utf-8") as file:
            alerts = [json.loads(line) for line in file if line.strip()]
        return [(alert["incident"], alert["state"]) for alert in alerts]


@pytest.mark.parametrize("kind", [FileOnReadOnlyDisk, ProgramWithoutDescriptors, JournalThatIsGone,
                                  MailThatIsRefused, WebhookThatIsAway])
def test_a_sink_that_is_alone_gets_after_a_restart_what_it_could_not_take(site, kind):
    alone = kind(site)
    alone.start()
    with contextlib.ExitStack() as end:
        end.callback(alone.stop)
        site.set_up(OPEN, alert={**NO_SYSLOG, "json": "", **alone.alert})
        alone.break_it()
        assert site.ask(OUTSIDER, data=False) == [250]
        wait_until(lambda: len(shown(site.milter)) == 1, 20, lambda: site.milter.log.tail())
        # Down and up once more while it is broken: it is still due, and shown.
        name, = not_marked(database(site.milter))
        assert site.milter.stop() == 0
        assert not_marked(database(site.milter)) == [name]
        alone.mend()
        again(site)
        assert wait_until(alone.took, 20, lambda: site.milter.log.tail()) == [(name, "repeated")]
        wait_until(lambda: not not_marked(database(site.milter)))


SUBMIT = """
import smtplib, sys
try:
    with smtplib.SMTP("127.0.0.1", 2525) as server:
        server.sendmail("relaywarden@example.org", ["ops@outside.example.net"], sys.stdin.buffer.read())
except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
    sys.exit(f"the mail server does not take it: {error}")
"""


class FullPostfix:
    """A second Postfix on the mail host, for the alerts, whose queue has a small disk of its own."""

    def __init__(self, site):
        self.host = site.mx
        self.postfix = Postfix(site.lab, site.mx, name="mailer", listen=("127.0.0.1:2525",), main={
            "default_transport": "smtp", "inet_interfaces": "loopback-only", "message_size_limit": "200000",
            "smtp_bind_address": site.mx.address})
        self.spool = self.postfix.spool
        pid = self.host.new_folder("pid")  # the lab finds the process there, on its own disk
        self.host.run(["cp", "-a", self.spool, self.spool + ".empty"])
        self.host.run(["mount", "-n", "--bind", f"{self.spool}/pid", pid])
        self.host.run(["mount", "-n", "-t", "tmpfs", "-o", "size=4m,mode=755", "lab", self.spool])
        self.host.run(["cp", "-a", self.spool + ".empty/.", self.spool])
        self.host.run(["mount", "-n", "--bind", pid, f"{self.spool}/pid"])
        self.postfix.start()
        self.submit = os.path.join(self.host.new_folder("submit"), "submit.py")
        with open(self.submit, "w", encoding="ascii") as file:
            file.write(SUBMIT)

    def program(self, way):
        if way == "smtp":
            return ["/usr/bin/python3", self.submit]
        return [sendmail_of(self.host, self.postfix), "-t", "-i"]

    def fill(self):
        self.host.run(["dd", "if=/dev/zero", f"of={self.spool}/filler", "bs=4k"], check=False)

    def make_room(self):
        self.host.run(["rm", f"{self.spool}/filler"])

    def stop(self):
        self.postfix.stop()
        self.host.run(["umount", "-n", f"{self.spool}/pid", self.spool])


@pytest.fixture(scope="module")
def full_postfix(site):
    mailer = FullPostfix(site)
    yield mailer
    mailer.stop()


@pytest.mark.parametrize("way", ["sendmail", "smtp"])
def test_mail_waits_for_room_in_the_queue_of_the_server_that_takes_it(site, mailbox, full_postfix, way):
    """Postfix's sendmail cannot write to its queue; its smtpd says 452. Down and up once meanwhile."""
    site.set_up(OPEN, alert={**NO_SYSLOG, "json": "", "mail": {
        "to": ["ops@outside.example.net"], "from": "relaywarden@example.org",
        "program": full_postfix.program(way)}})
    mark = full_postfix.postfix.logfile.mark()
    full_postfix.fill()
    assert site.ask(OUTSIDER, data=False) == [250]
    wait_until(lambda: len(shown(site.milter)) == 1, 20, site.milter.log.tail)
    name, = not_marked(database(site.milter))
    assert site.milter.stop() == 0
    assert not_marked(database(site.milter)) == [name]
    milter = again(site)
    wait_until(lambda: milter.log.find("alerts do not reach mail"), 60, milter.log.tail)
    assert not_marked(database(milter)) == [name]
    assert not incidents_of(mailbox, name)
    if way == "smtp":
        assert full_postfix.postfix.logfile.find("452 4.3.1 Insufficient system storage", mark)
    full_postfix.make_room()
    assert wait_until(lambda: incidents_of(mailbox, name), 90, milter.log.tail) == ["repeated"]
    wait_until(lambda: not not_marked(database(milter)), 20, milter.log.tail)
    assert incidents_of(mailbox, name) == ["repeated"]


COUNT_DUE = """
import sqlite3, sys
print(sqlite3.connect(sys.argv[1] + "/milter/relaywarden.db", timeout=10).execute(
    "SELECT count(*) FROM incident WHERE NOT announced").fetchone()[0])
"""


def test_with_the_database_full_as_well_each_alert_comes_when_there_is_room(site):
    state, told = site.mx.new_folder("full"), site.mx.new_folder("full")
    for folder in (state, told):
        site.mx.run(["mount", "-n", "-t", "tmpfs", "-o", "size=2m", "lab", folder])
    path = os.path.join(told, "alerts.json")
    site.set_up(OPEN, alert={**NO_SYSLOG, "json": path})
    site.mx.run(["mkdir", "-p", os.path.join(state, "milter")])
    site.milter.stop()
    site.milter.config.top["state_directory"] = state
    milter = again(site)

    def alerts():
        text = site.mx.run(["cat", path], check=False).stdout
        found = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        return [alert for alert in found if alert["kind"] == "open-relay"]

    def due():
        """As the filter's own host has it."""
        return site.mx.run(["/usr/bin/python3", "-c", COUNT_DUE, state]).stdout.strip() != "0"

    assert site.ask(OUTSIDER, data=False) == [250]
    first, = wait_until(alerts, 20)
    wait_until(lambda: not due())
    site.mx.run(["mv", path, path + ".1"])  # its last page had room for another alert
    for folder in (state, told):
        site.mx.run(["dd", "if=/dev/zero", f"of={folder}/filler", "bs=4k"], check=False)
    replies = site.outside.smtp("2001:db8:113::25", [
        "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>", f"RCPT TO:{OUTSIDER}", "QUIT"])
    assert replies[3].code == 250
    wait_until(lambda: len(shown(milter)) == 1, 20, milter.log.tail)
    assert not alerts()
    site.mx.run(["rm", f"{state}/filler", f"{told}/filler"])
    second, = wait_until(alerts, 20, milter.log.tail)
    assert second["state"] == "opened" and second["incident"] != first["incident"]
    wait_until(lambda: not due(), 20, milter.log.tail)
    assert len(shown(milter)) == 1
    assert milter.stop() == 0
    again(site)
    assert site.milter.stop() == 0
    site.milter = None
    site.mx.run(["umount", "-n", state, told])
