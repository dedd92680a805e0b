"""Receivers of alerts read their fields: rsyslog, syslog-ng, the journal's protocol, a webhook."""

import json
import os
import re
import subprocess
import time

import pytest

from lab import Config, Server, wait_until
from lab.process import LogFile, alive
from lab.servers import SERVERS
from site_of_tests import Site
from test_alert_crash import driver

OPEN = {"mynetworks": "0.0.0.0/0"}
LISTENER = "203.0.113.25:25"
# A client's words, and the text that every receiver is to read.
SAID = {
    "plain": "plain",
    "a pair of its own": 'x" state=resolved incident=0000000000000000 why="',
    "an object of its own": '@cee: {"kind":"none"}',
    "backslashes and quotes": 'a\\" b\\',
    "escape sequences": "\x1b[2J\x07",
    "bidirectional controls": "a\u202eb\u2028c\u0085",
    "spaces and signs": " = = ",
    "nothing but letters": "äöü€",
    "nothing": "",
}


def shown(text):
    """As lib/printable.h has it."""
    def escape(match):
        character = match.group()
        if character == "\\":
            return "\\\\"
        if ord(character) < 0x20 or ord(character) == 0x7F:
            return f"\\x{ord(character):02X}"
        return f"\\u{{{ord(character):X}}}"
    return re.sub("[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", escape, text)


class Receiver:
    """A daemon that writes one JSON object for each line that it took apart."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.socket = os.path.join(self.folder, "log")
        self.out = LogFile(os.path.join(self.folder, "out"))
        self.process = None

    def start(self, argv, environment=None):
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL,
                                        env={**os.environ, **(environment or {})})
        wait_until(lambda: os.path.exists(self.socket), 15, f"the socket of {argv[0]}")
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def objects(self, count):
        wait_until(lambda: len(self.out.lines()) >= count, 10,
                   lambda: f"{count} objects in {self.out.text()}")
        return [json.loads(line) for line in self.out.lines()]

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def token(name):
    """The field of a kv line, by a regular expression that takes every token before it whole."""
    before = r'( [a-z_]+=("([^"\\]|\\.)*"|[^" ]*))*'
    return rf'^ ?[A-Z]+ [a-z-]+{before} {name}=("([^"\\]|\\.)*"|[^" ]*)'


def rsyslog(receiver, form):
    if form == "cee":
        parse = 'action(type="mmjsonparse")'
    else:
        names = ("incident", "state", "client", "listener", "count", "why")
        patterns = {name: token(name).replace("\\", "\\\\") for name in names}
        parse = "\n".join(f"set $!{name} = re_extract($msg, '{pattern}', 0, 4, '');"
                          for name, pattern in patterns.items())
    path = receiver.write("rsyslog.conf", f"""
global(workDirectory="{receiver.folder}" maxMessageSize="64k"
       parser.escapeControlCharactersOnReceive="off")
module(load="imuxsock" SysSock.Use="off")
module(load="mmjsonparse")
input(type="imuxsock" Socket="{receiver.socket}" CreatePath="off" RateLimit.Interval="0")
template(name="out" type="string" string="%$!%\\n")
{parse}
action(type="omfile" file="{receiver.out.path}" template="out" asyncWriting="off")
""")
    return receiver.start(["rsyslogd", "-n", "-f", path, "-i", os.path.join(receiver.folder, "pid")])


def syslog_ng(receiver, form):
    root = os.path.join(SERVERS, "syslog-ng-core")
    library = os.path.join(root, "usr/lib/syslog-ng")
    parser = "json-parser(marker('@cee:') prefix('rw.'))" if form == "cee" else "kv-parser(prefix('rw.'))"
    path = receiver.write("syslog-ng.conf", f"""@version: 3.38
source s {{ unix-dgram("{receiver.socket}"); }};
parser p {{ {parser}; }};
destination d {{ file("{receiver.out.path}" template("$(format-json rw.*)\\n")); }};
log {{ source(s); parser(p); destination(d); }};
""")
    return receiver.start(
        [os.path.join(root, "usr/sbin/syslog-ng"), "-F", "--no-caps", "-f", path,
         f"--module-path={library}/3.38", "-R", os.path.join(receiver.folder, "persist"),
         "-p", os.path.join(receiver.folder, "pid"), "-c", os.path.join(receiver.folder, "control")],
        {"LD_LIBRARY_PATH": library})


def tell(folder, receiver, form):
    """A finding of each of SAID."""
    os.makedirs(os.path.join(folder, "probe"))
    config = Config(alert={"syslog": {"format": form}}, state_directory=str(folder))
    path = config.write(os.path.join(folder, "relaywarden.conf"))
    orders = "".join(f"+ {text}\n" for text in SAID.values())
    done = subprocess.run([driver(), path, "probe", receiver.socket], input=orders, check=True,
                          encoding="utf-8", stderr=subprocess.PIPE)
    assert "not saved" not in done.stderr


def unquoted(text):
    """The value of a token of a kv line."""
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text


@pytest.mark.parametrize("form", ["kv", "cee"])
@pytest.mark.parametrize("daemon", [rsyslog, syslog_ng])
def test_a_syslog_daemon_reads_the_fields_whatever_a_client_said(tmp_path, daemon, form):
    (tmp_path / "daemon").mkdir()
    receiver = daemon(Receiver(tmp_path / "daemon"), form)
    try:
        tell(tmp_path, receiver, form)
        objects = receiver.objects(len(SAID))
    finally:
        receiver.stop()
    assert len(objects) == len(SAID)
    for said, read in zip(SAID.values(), objects):
        read = read.get("rw", read)
        fields = {**read, **read.get("subject", {}), **read.get("evidence", {})}
        if daemon is rsyslog and form == "kv":
            fields = {name: unquoted(value) for name, value in fields.items() if isinstance(value, str)}
            expected = shown(said)
        elif form == "kv":
            # Its parser undoes one layer of backslashes in what is quoted.
            quoted = any(sign in shown(said) for sign in ' "=') or not said
            expected = re.sub(r"\\(.)", r"\1", shown(said)) if quoted and "\\x" not in shown(said) \
                else shown(said)
        else:
            expected = shown(said)
        assert fields["client"] == expected
        assert (fields["state"], fields["listener"]) == ("opened", LISTENER)
        assert re.fullmatch("[0-9a-f]{16}", fields["incident"])
        assert fields["incident"] != "0" * 16
        assert int(fields["count"]) == 1
        assert "was granted relaying" in fields["why"]


# ---- with the real filter ----

@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


JOURNAL = """
import os, socket, sys
os.makedirs("/run/systemd/journal", exist_ok=True)
native = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
native.bind("/run/systemd/journal/socket")
syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
syslog.bind("/run/systemd/journal/dev-log")
os.rename("/dev/log", "/dev/log.before")
os.symlink("/run/systemd/journal/dev-log", "/dev/log")
print("ready", flush=True)
while True:
    print(native.recv(1 << 16).hex(), flush=True)
"""


def read_entry(octets):
    """Fields of an entry, by the Native Journal Protocol."""
    fields = {}
    while octets:
        line, _, octets = octets.partition(b"\n")
        name, sign, value = line.partition(b"=")
        if not sign:
            length = int.from_bytes(octets[:8], "little")
            value, octets = octets[8:8 + length], octets[9 + length:]
        fields[name.decode()] = value.decode()
    return fields


class Journal:
    """The sockets of systemd-journald on a host, recorded; /dev/log leads there."""

    def __init__(self, host):
        self.host = host
        self.process = host.popen(["/usr/bin/python3", "-c", JOURNAL], stdout=subprocess.PIPE,
                                  text=True)
        assert self.process.stdout.readline() == "ready\n"

    def wait_for(self, **wanted):
        """The next entry that has these fields."""
        while True:
            line = self.process.stdout.readline()
            assert line, "the journal is gone"
            entry = read_entry(bytes.fromhex(line))
            if all(re.search(value, entry.get(name, "")) for name, value in wanted.items()):
                return entry

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.host.run(["mv", "-T", "/dev/log.before", "/dev/log"])
        self.host.run(["rm", "-r", "/run/systemd/journal"])


@pytest.fixture
def journal(site):
    recorded = Journal(site.mx)
    yield recorded
    recorded.stop()


def test_the_journal_gets_native_fields_in_syslogs_place(site, journal):
    site.set_up(OPEN, alert={"journal": "auto"})
    site.ask("<b@outside.example.net>")
    entry = journal.wait_for(MESSAGE_ID=".")
    alert = site.milter.wait_for_alert(kind="open-relay")
    assert entry["RELAYWARDEN_INCIDENT"] == alert["incident"]
    assert entry["RELAYWARDEN_CLIENT"] == site.outside.address
    assert entry["RELAYWARDEN_LISTENER"] == LISTENER
    assert entry["RELAYWARDEN_FIX"] == alert["fix"]
    assert (entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"]) == ("2", "relaywarden-milter")
    assert entry["MESSAGE"].startswith("CRITICAL open-relay incident=" + alert["incident"])
    assert all(re.fullmatch("[A-Z][A-Z0-9_]{0,63}", name) for name in entry)
    site.alerts()


def test_a_line_is_in_the_journal_once_though_standard_error_leads_there_too(site, journal, monkeypatch):
    site.set_up(OPEN, alert={"journal": "auto"})
    milter = site.milter
    journal.wait_for(MESSAGE="is ready on")
    assert len(milter.log.find("is ready on")) == 1
    assert milter.stop() == 0
    status = os.stat(milter.log.path)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    milter.start(wait=False)
    journal.wait_for(MESSAGE="is ready on")
    assert milter.stop() == 0
    site.milter = None
    journal.wait_for(MESSAGE="stopped")
    assert len(milter.log.find("is ready on")) == 1


def test_journalctl_takes_the_catalog(tmp_path):
    catalog = os.path.join(os.path.dirname(SERVERS), "..", "conf/share/relaywarden.catalog")
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    with open(catalog, encoding="utf-8") as file:
        text = file.read()
    (folder / "relaywarden.catalog").write_text(text)
    subprocess.run(["journalctl", f"--root={tmp_path}", "--update-catalog"], check=True)
    ids = re.findall("^-- ([0-9a-f]{32})$", text, re.MULTILINE)
    listed = subprocess.run(["journalctl", f"--root={tmp_path}", "--list-catalog"], check=True,
                            capture_output=True, text=True).stdout
    assert len(ids) == len(set(ids)) == 21
    assert all(name in listed for name in ids)


def test_a_webhook_that_curl_calls_gets_the_finding(site):
    got = []

    def handle(connection):
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        head, _, body = request.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        while len(body) < length:
            body += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        got.append((head.decode(), json.loads(body)))

    with Server(site.mx, 8080, handle, "127.0.0.1"):
        site.set_up(OPEN, alert={"command": [
            "/usr/bin/curl", "--silent", "--show-error", "--fail", "--max-time", "10", "--header",
            "Content-Type: application/json", "--data-binary", "@-", "http://127.0.0.1:8080/alert"]})
        site.ask("<b@outside.example.net>", sender='<"$(id)` ;\'"@sender.example.net>')
        wait_until(lambda: got, 15, lambda: site.milter.log.tail())
        alert, = site.alerts("open-relay")
    head, body = got[0]
    assert head.startswith("POST /alert HTTP/1.1\r\n")
    assert body == alert


# ---- failing sinks ----

def ask_timed(site, count):
    """Seconds that each RCPT took. Every connection is one finding, which the filter hands over."""
    seconds = []
    with site.outside.session(site.mx.address) as session:
        session.reply()
        session.command("EHLO client.example.net")
        for number in range(count):
            session.command("MAIL FROM:<a@sender.example.net>")
            before = time.monotonic()
            assert session.command(f"RCPT TO:<b{number}@outside.example.net>").code == 250
            seconds.append(time.monotonic() - before)
            session.command("RSET")
    return seconds


def script(site, text):
    path = os.path.join(site.mx.new_folder("command"), "run")
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n" + text + "\n")
    os.chmod(path, 0o755)
    return path


def lock_database(milter):
    """Another process that writes and does not come to an end."""
    path = os.path.join(milter.config.top["state_directory"], "milter/relaywarden.db")
    holder = subprocess.Popen(
        ["/usr/bin/python3", "-c", "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]);"
         "d.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()", path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "locked\n"
    return holder


def spoil_database(milter):
    folder = os.path.join(milter.config.top["state_directory"], "milter")
    assert milter.stop() == 0
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"no database" * 1000)
    milter.start()


def remove_command(milter):
    os.unlink(milter.config.alert["command"][0])


# Fault: alert settings, what is done to the running filter, what it then says once.
FAULTS = {
    "no syslog daemon": ({}, None, "alerts do not reach syslog: cannot connect"),
    "a command that fails": ({"command": "echo down >&2; exit 3"}, None,
                             "alerts do not reach command: .* ended with code 3: down"),
    "a command that hangs": ({"command": "exec sleep 1000"}, None, None),
    "a command that is missing": ({"command": "exit 0"}, remove_command,
                                  "alerts do not reach command: cannot run"),
    # Without the command no sink would work, and the filter would not start.
    "a json file in no folder": ({"json": "/nonexistent/alerts.json", "command": "exit 0"}, None,
                                 "alerts do not reach json: cannot open"),
    "a full disk": ({"json": "/run/full/alerts.json"}, None, "alerts do not reach json: cannot write"),
    "a read-only disk": ({"metrics_directory": "/run/read-only"}, None,
                         "alerts do not reach metrics: cannot write"),
    "a locked database": ({}, lock_database, "incidents are not saved .*another process holds it"),
    "a corrupt database": ({}, spoil_database, "incidents are not saved .*move the file away"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_sink_is_told_once_and_delays_no_recipient(site, fault):
    settings, strike, told = FAULTS[fault]
    settings = dict(settings)
    if "command" in settings:
        settings["command"] = [script(site, settings["command"])]
    site.mx.run(["sh", "-c", "mkdir -p /run/full /run/read-only; mountpoint -q /run/full ||"
                 " { mount -t tmpfs -o size=4k lab /run/full; head -c 8192 /dev/zero > /run/full/x; };"
                 " mountpoint -q /run/read-only || mount -t tmpfs -o ro lab /run/read-only"],
                check=False)
    site.set_up(OPEN)
    before = ask_timed(site, 50)
    site.set_up(OPEN, alert=settings)
    milter = site.milter
    holder = strike(milter) if strike else None
    during = ask_timed(site, 50)
    # The next subject is announced, too: where a sink hangs, that has to do without it.
    milter.log.wait_for("CRITICAL open-relay|ready", 10)
    if told:
        milter.log.wait_for(told, 10)
        assert len(milter.log.find(told)) == 1
    children = [pid for pid in site.mx.processes() if b"sleep\x001000" in read(f"/proc/{pid}/cmdline")]
    assert milter.stop() == 0
    site.milter = None
    if holder:
        holder.communicate("")
    wait_until(lambda: not any(alive(pid) for pid in children), 10, "the end of the command")
    for which, seconds in (("before", before), ("during", during)):
        print(f"{fault}: {which} median {sorted(seconds)[25] * 1000:.2f} ms, most {max(seconds) * 1000:.2f} ms")
    # A sink that is waited for would cost a second and more.
    assert sorted(during)[45] < max(sorted(before)[45] + 0.25, 0.5)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
