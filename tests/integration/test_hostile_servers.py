"""Servers that are silent, slow, endless, broken or lying, at every step of the dialogue.

Each is audited by a probe of its own, many at a time. The audit of each server ends in time, in bounded
memory, with the verdict that its answers allow, and none of its words reach a terminal or a log
unescaped. The programs are those of RELAYWARDEN_BUILD; `make check` runs this file
with the sanitizers', too.
"""

import concurrent.futures
import contextlib
import functools
import json
import os
import pty
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from lab import Config, Server, Syslog, probe
from lab.programs import SANITIZER, build_folder, program

LIMIT = 3  # seconds: `timeout` of the configuration
# An audit may take so much beside: the process, QUIT's own second, a machine with much to do.
SLACK = 6
AT_ONCE = 12
MEBI = 1 << 20
SANITIZED = "asan" in os.path.basename(build_folder())
MEMORY_MEBI = 200 if SANITIZED else 24  # a polite server's audit takes 9, or with TLS 12

CONFIG = """\
site {{ domains = {{ "example.org" }} trusted_networks = {{ "10.9.0.0/16" }} }}
probe {{ source = {{ "127.0.0.9" }} canary = "canary@outside.example.net" timeout = "{limit}s" proof = {proof}
    target "mx" {{ host = "127.0.0.1" ports = {{ {port} }} tls = {tls} expect_milter = false }} }}
alert {{ syslog {{ format = none }} json = "{folder}/alerts.json" }}
state_directory = "{folder}"
"""

DENIED = b"554 5.7.1 <canary@outside.example.net>: Relay access denied\r\n"
OK = b"250 2.0.0 ok\r\n"
# A clear screen, a title, an 8-bit control, half a character, a bidirectional override, a backspace.
NASTY = b"\x1b[2J\x1b]0;owned\x07 \x9b31m \xe2\x82 \xe2\x80\xaecba \x08\x08\x7f\x00 \xff\xfe"
UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Gone(Exception):
    """The client has hung up."""


class Peer:
    """One connection, as the server sees it."""

    def __init__(self, connection):
        self.connection = connection
        self.tls = None
        self.pending = b""

    def say(self, octets):
        try:
            self.connection.sendall(octets)
        except OSError as error:
            raise Gone from error

    def hear(self):
        """The next line, in upper case."""
        while b"\n" not in self.pending:
            try:
                octets = self.connection.recv(65536)
            except OSError as error:
                raise Gone from error
            if not octets:
                raise Gone
            self.pending += octets
        line, self.pending = self.pending.split(b"\n", 1)
        return line.upper()

    def start_tls(self):
        try:
            self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        except OSError as error:
            raise Gone from error


# ---- what a server does when its moment has come ----


def stalls(peer):
    """Until the client goes."""
    while True:
        peer.hear()


def drips(peer, octets=b"250-a server that has all the time in the world\r\n" * 9):
    for octet in octets:
        peer.say(bytes([octet]))
        time.sleep(0.3)  # what it does, not what is waited for


def resets(peer):
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def closes(_):
    raise Gone


def floods(peer, block):
    """As much as is taken, for as long as somebody takes it."""
    while True:
        peer.say(block * (65536 // len(block)))


def says(*octets):
    """Says it, and goes on as if that had been the reply."""

    def deed(peer):
        for part in octets:
            peer.say(part)

    return deed


DEEDS = {
    "stalls": stalls,
    "drips": drips,
    "resets": resets,
    "closes": closes,
    "endless-line": functools.partial(floods, block=b"2"),
    "endless-reply": functools.partial(floods, block=b"250-and more\r\n"),
    "endless-nuls": functools.partial(floods, block=b"\0"),
    "endless-lines-of-nothing": functools.partial(floods, block=b"\r\n"),
    "mebibyte-line": says(b"250 " + b"x" * MEBI + b"\r\n"),
    "mebibyte-then-denied": says(b"250-" + b"x" * MEBI + b"\r\n" + DENIED),
    "code-changes": says(b"250-first\r\n550-second\r\n220 third\r\n"),
    "code-changes-to-denied": says(b"250-first\r\n" + DENIED),
    "no-code": says(b"ok ok ok\r\n"),
    "code-000": says(b"000 5.7.1 Relay access denied\r\n"),
    "code-999": says(b"999 5.7.1 Relay access denied\r\n"),
    "code-of-four-digits": says(b"5540 Relay access denied\r\n"),
    "code-354": says(b"354 go on\r\n"),
    "not-ended": says(b"250-go on\r\n250-and on\r\n"),
    "nasty-and-no-code": says(NASTY + b"\r\n"),
}


# ---- a polite server, but for one deed ----


def polite(peer, deeds, offers=()):
    """deeds: by stage, the verb in upper case or GREETING. Refuses to relay."""

    def at(stage, usual):
        deeds.get(stage, says(usual))(peer)

    at("GREETING", b"220 mx.example.org ESMTP\r\n")
    while True:
        verb = peer.hear().split()[0].split(b":")[0]
        if verb == b"DATA":
            at("DATA", b"354 go on\r\n")
            while peer.hear().rstrip(b"\r") != b".":
                pass
            at("TEXT", b"250 2.0.0 taken\r\n")
        elif verb == b"EHLO":
            offered = [b"mx.example.org", *offers]
            if peer.connection.__class__ is ssl.SSLSocket:
                offered = [word for word in offered if word != b"STARTTLS"]
            lines = [b"250-" + word for word in offered[:-1]] + [b"250 " + offered[-1]]
            at("EHLO", b"\r\n".join(lines) + b"\r\n")
        elif verb == b"STARTTLS":
            if "STARTTLS" in deeds:
                deeds["STARTTLS"](peer)
            else:
                peer.say(b"220 2.0.0 go ahead\r\n")
                peer.start_tls()
        elif verb == b"RCPT":
            at("RCPT", DENIED)
        elif verb in (b"XCLIENT", b"AUTH"):
            at(verb.decode("ascii"), b"550 5.7.0 no\r\n")
        elif verb == b"QUIT":
            at("QUIT", b"221 2.0.0 bye\r\n")
            raise Gone
        else:
            at(verb.decode("ascii"), OK)


class Case:
    """A server, and what the probe must make of it."""

    def __init__(self, name, deeds, verdicts, *, offers=(), tls="none", first=False, proof="rcpt"):
        self.name = name
        self.deeds = deeds
        self.verdicts = {verdicts} if isinstance(verdicts, str) else set(verdicts)
        self.offers = offers
        self.tls = tls
        self.first = first  # TLS comes before the greeting
        self.proof = proof

    def serve(self, context, connection):
        peer = Peer(connection)
        peer.tls = context
        try:
            if "PROXY" in self.deeds:
                self.want_proxy(peer)
            if self.first:
                if "HANDSHAKE" in self.deeds:
                    self.deeds["HANDSHAKE"](peer)
                else:
                    peer.start_tls()
            polite(peer, self.deeds, self.offers)
        except Gone:
            pass
        finally:
            with contextlib.suppress(OSError):
                peer.connection.close()

    def want_proxy(self, peer):
        """A listener that hangs up on whoever brings no PROXY header."""
        peer.connection.settimeout(0.2)
        try:
            header = peer.connection.recv(4096)  # it comes alone: the client waits for a greeting
        except OSError:
            header = b""
        if not header.startswith((b"PROXY ", b"\r\n\r\n\0")):
            raise Gone
        peer.connection.settimeout(None)
        self.deeds["PROXY"](peer)


def once(deed, usual):
    """The first time on any connection, and then the usual."""
    done = threading.Event()

    def either(peer):
        if done.is_set():
            peer.say(usual)
        else:
            done.set()
            deed(peer)

    return either


def cases():
    yield Case("polite", {}, "closed")
    yield Case("polite-with-pipelining", {}, "closed", offers=(b"PIPELINING",))
    # All that comes before the first request to relay has an answer leaves everything open, and so
    # does an answer that is none. On the way out, nothing depends on it any more.
    for stage in ("GREETING", "EHLO", "MAIL", "RCPT"):
        for name, deed in DEEDS.items():
            # A reset may come before the connection was seen to be made.
            early = {"unreachable"} if (stage, name) == ("GREETING", "resets") else set()
            yield Case(f"{stage.lower()}-{name}", {stage: deed}, {"inconclusive"} | early)
    for name, deed in DEEDS.items():
        yield Case(f"quit-{name}", {"QUIT": deed}, "closed")
        yield Case(f"pipelined-rcpt-{name}", {"RCPT": deed}, "inconclusive", offers=(b"PIPELINING",))
    for stage, usual in (("MAIL", OK), ("RCPT", DENIED)):
        for name in ("resets", "closes", "no-code"):
            yield Case(f"{stage.lower()}-{name}-once", {stage: once(DEEDS[name], usual)}, "closed")
    # Unsaid words, before or behind what was asked for.
    yield Case("greets-with-more", {"GREETING": says(b"220 mx ESMTP\r\n250 ok\r\n250 ok\r\n")},
               "inconclusive")
    yield Case("answers-ahead", {"EHLO": says(b"250 mx\r\n", OK * 100)}, "inconclusive")
    yield Case("says-each-twice", {"MAIL": says(OK + OK), "RCPT": says(DENIED + DENIED)},
               "inconclusive")
    yield Case("greets-421", {"GREETING": lambda peer: (
        peer.say(b"421 4.3.2 not now\r\n"), closes(peer))}, "inconclusive")
    yield Case("greets-554", {"GREETING": says(b"554 no SMTP service here\r\n")}, "inconclusive")
    yield Case("speaks-http", {"GREETING": says(b"HTTP/1.1 400 Bad Request\r\n\r\n")}, "inconclusive")
    yield Case("ehlo-refused", {"EHLO": says(b"502 5.5.1 what?\r\n")}, "closed")
    yield Case("nothing-is-known", {verb: says(b"500 5.5.2 what?\r\n")
                                    for verb in ("EHLO", "HELO", "MAIL", "RCPT")}, "inconclusive")
    yield Case("rset-stalls", {"RSET": stalls}, {"closed", "inconclusive"})
    # Nasty words in well-formed replies are words like others.
    yield Case("nasty-words", {
        "GREETING": says(b"220 mx" + NASTY + b"\r\n"),
        "EHLO": says(b"250-mx" + NASTY + b"\r\n250-X" + NASTY + b"\r\n250 AUTH " + NASTY + b"\r\n"),
        "MAIL": says(b"250 2.1.0 " + NASTY + b"\r\n"),
        "RCPT": says(b"554 5.7.1 " + NASTY + b" Relay access denied\r\n")}, "closed")
    yield Case("nasty-refusal", {
        "RCPT": says(b"550-5.1.1 " + NASTY + b"\r\n550 5.1.1 " + NASTY + b"\r\n")}, "inconclusive")
    yield Case("many-capabilities", {
        "EHLO": says(b"".join(b"250-X%d " % at + b"y" * 200 + b"\r\n" for at in range(120))
                     + b"250 PIPELINING\r\n")}, "closed")
    # A server that takes everything is an open relay for all that can be known of it.
    yield Case("accepts-all", {"RCPT": says(OK)}, "open")
    yield Case("accepts-all-pipelined", {"RCPT": says(OK)}, "open", offers=(b"PIPELINING",))
    yield Case("accepts-all-and-hangs-up", {"RCPT": lambda peer: (peer.say(OK), closes(peer))}, "open")
    yield Case("says-250-to-all", {verb: says(OK) for verb in ("EHLO", "MAIL", "RCPT", "QUIT")}, "open")
    yield from tls_cases()
    yield from later_cases()


def later_cases():
    """Requests beside, or after, the usual techniques say nothing against their answers."""
    for name, deed in DEEDS.items():
        for verb, offer in (("XCLIENT", b"XCLIENT NAME ADDR PROTO"), ("AUTH", b"AUTH ANONYMOUS PLAIN")):
            # 354 is an answer, though to something else: it leaves open whether there is a way in.
            verdict = "inconclusive" if name == "code-354" else "closed"
            yield Case(f"{verb.lower()}-{name}", {verb: deed}, verdict, offers=(b"PIPELINING", offer))
        yield Case(f"data-{name}", {"RCPT": says(OK), "DATA": deed}, "open", proof="data")
        yield Case(f"text-{name}", {"RCPT": says(OK), "TEXT": deed}, "open", proof="data")
        yield Case(f"proxied-{name}", {"PROXY": deed}, "inconclusive")
    yield Case("auth-goes-on-asking", {"AUTH": lambda peer: floods(peer, b"334 \r\n")}, "closed",
               offers=(b"PIPELINING", b"AUTH ANONYMOUS"))
    yield Case("xclient-greets-and-accepts", {
        "XCLIENT": says(b"220 mx.example.org ESMTP\r\n")}, "closed", offers=(b"XCLIENT ADDR NAME",))


def tls_cases():
    starttls = {"offers": (b"STARTTLS",), "tls": "auto"}
    yield Case("starttls", {}, "closed", **starttls)
    # Where TLS does not come about, the same is asked in the clear, unless there is no time left.
    for name in ("resets", "closes", "no-code", "code-999", "code-changes", "mebibyte-line"):
        yield Case(f"starttls-{name}", {"STARTTLS": DEEDS[name]}, "closed", **starttls)
    for name in ("stalls", "drips"):
        yield Case(f"starttls-{name}", {"STARTTLS": DEEDS[name]}, "inconclusive", **starttls)
    yield Case("starttls-refused", {"STARTTLS": says(b"454 4.7.0 not now\r\n")}, "closed", **starttls)
    ahead = b"220 go ahead\r\n"
    for name, deed in {
        "goes-on-in-the-clear": says(ahead, b"250 mx\r\n"),
        "injects": says(ahead + b"250 injected\r\n"),
        "speaks-no-tls": says(ahead, b"\x16\x03\x01\xff\xff" + b"\xff" * 65535),
        "alerts": says(ahead, b"\x15\x03\x01\x00\x02\x02\x28"),
        "closes-behind-220": lambda peer: (peer.say(ahead), closes(peer)),
    }.items():
        # It then speaks in the clear to a client that begins TLS, and hears what is no command.
        yield Case(f"starttls-{name}", {"STARTTLS": lambda peer, deed=deed: (deed(peer), closes(peer))},
                   "closed", **starttls)
    yield Case("starttls-stalls-in-handshake", {
        "STARTTLS": lambda peer: (peer.say(ahead), stalls(peer))}, "inconclusive", **starttls)
    yield Case("starttls-endless-handshake", {
        "STARTTLS": lambda peer: (peer.say(ahead), floods(peer, b"\x16\x03\x03\x40\x00" + b"\0" * 16384))},
        "closed", **starttls)
    implicit = {"tls": "implicit", "first": True}
    yield Case("implicit", {}, "closed", **implicit)
    for name in ("stalls", "drips", "resets", "closes", "endless-nuls", "mebibyte-line", "no-code"):
        yield Case(f"implicit-handshake-{name}", {"HANDSHAKE": lambda peer, name=name: (
            DEEDS[name](peer), closes(peer))}, {"inconclusive", "unreachable"}, **implicit)
    for stage in ("GREETING", "EHLO", "RCPT"):
        for name in ("stalls", "resets", "closes", "endless-line", "endless-reply", "mebibyte-line",
                     "nasty-and-no-code"):
            yield Case(f"implicit-{stage.lower()}-{name}", {stage: DEEDS[name]}, "inconclusive",
                       **implicit)


CASES = {case.name: case for case in cases()}


# ---- the audits ----


class Audit:
    """One run of the probe against one case's server."""

    def __init__(self, case, folder, context, prefix=(), limit=LIMIT, as_json=True):
        os.makedirs(os.path.join(folder, "probe"))
        self.case = case
        self.limit = limit
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.context = context
        self.open = set()
        self.alerts = os.path.join(folder, "alerts.json")
        config = os.path.join(folder, "relaywarden.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=self.listener.getsockname()[1], tls=case.tls,
                                     limit=limit, folder=folder, proof=case.proof))
        threading.Thread(target=self._accept, daemon=True).start()
        self._run([*prefix, program("relaywarden-probe"), "check", "--config", config,
                   *(["--json"] if as_json else [])])
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.case.serve, args=(self.context, connection),
                             daemon=True).start()

    def _run(self, argv):
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=8"}
        began = time.monotonic()
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment) as process:
            # Both are small: the pipes hold them until the end.
            self.memory = 0
            while process.poll() is None:
                self.memory = max(self.memory, peak(process.pid))
                time.sleep(0.02)
            self.seconds = time.monotonic() - began
            self.out, self.err = (stream.read().decode("utf-8") for stream in
                                  (process.stdout, process.stderr))
            self.code = process.returncode

    def endpoint(self):
        return json.loads(self.out)["endpoints"][0]


def peak(pid):
    """The most memory that a process has had so far, in octets; 0 when it is gone."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            match = re.search(r"VmHWM:\s*(\d+) kB", file.read())
            return int(match.group(1)) * 1024 if match else 0
    return 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A context for servers, with a certificate that nobody signed."""
    folder = tmp_path_factory.mktemp("certificate")
    key, chain = str(folder / "key"), str(folder / "chain")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", chain, "-subj", "/CN=mx.example.org"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


@pytest.fixture(scope="module")
def audits(tmp_path_factory, certificate):
    """All cases, AT_ONCE at a time; audits[NAME]."""
    folder = tmp_path_factory.mktemp("audits")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        done = {name: pool.submit(Audit, case, str(folder / name), certificate)
                for name, case in CASES.items()}
        return {name: future.result() for name, future in done.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_server_costs_little_and_gets_the_verdict_that_it_earns(audits, name):
    audit = audits[name]
    assert not SANITIZER.search(audit.err), audit.err
    assert audit.code in range(4), audit.err
    entry = audit.endpoint()
    assert entry["verdict"] in audit.case.verdicts, entry
    assert audit.seconds < LIMIT + SLACK
    assert audit.memory < MEMORY_MEBI * MEBI
    assert not UNPRINTABLE.search(audit.out) and not UNPRINTABLE.search(audit.err)
    if os.path.exists(audit.alerts):
        with open(audit.alerts, encoding="utf-8") as file:
            assert not UNPRINTABLE.search(file.read())


# valgrind sees what no sanitizer does: reading what was never written, in the libraries, too.
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect"]
WATCHED = () if SANITIZED else ("nasty-words", "rcpt-endless-reply", "pipelined-rcpt-resets",
                                "starttls-goes-on-in-the-clear", "starttls-endless-handshake",
                                "implicit-rcpt-nasty-and-no-code")


@pytest.fixture(scope="module")
def watched(tmp_path_factory, certificate):
    folder = tmp_path_factory.mktemp("watched")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = {name: pool.submit(Audit, CASES[name], str(folder / name), certificate, VALGRIND, 60)
                for name in WATCHED}
        return {name: future.result() for name, future in done.items()}


if WATCHED:
    @pytest.mark.parametrize("name", WATCHED)
    def test_valgrind_has_nothing_to_say(watched, name):
        audit = watched[name]
        assert audit.code in range(4), audit.err
        assert audit.endpoint()["verdict"] in audit.case.verdicts


# ---- terminals and logs ----

# Accepts everything, so that there is an incident, and says nasty words all the time.
NASTY_OPEN = Case("nasty-open", {
    "GREETING": says(b"220 mx" + NASTY + b"\r\n"),
    "EHLO": says(b"250-mx" + NASTY + b"\r\n250 X" + NASTY + b"\r\n"),
    "MAIL": says(b"250 2.1.0 " + NASTY + b"\r\n"),
    "RCPT": says(b"250 2.1.5 " + NASTY + b"\r\n")}, "open")


@pytest.fixture
def nasty(lab):
    """An open relay on the lab's host mx; the configuration whose target it is."""
    host = lab.host("mx")
    with Server(host, 25, functools.partial(NASTY_OPEN.serve, None)):
        yield Config(targets={"mx": {"host": host.address, "ports": [25]}})


def test_a_terminal_sees_colours_of_ours_and_nothing_else(lab, nasty):
    outside = lab.host("outside")
    path = nasty.write(os.path.join(outside.folder, "relaywarden.conf"))
    master, slave = pty.openpty()
    process = outside.popen([program("relaywarden-probe"), "check", "--config", path],
                            stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while octets := os.read(master, 65536):
            shown += octets
    os.close(master)
    assert process.wait(30) == 2
    text = shown.decode("utf-8").replace("\r\n", "\n")
    assert "owned" in text and "\x1b[" in text
    # Colours, a cleared line and a return to its start.
    assert not UNPRINTABLE.search(re.sub("\x1b\\[[0-9;]*[mK]|\r", "", text)), repr(text)


def test_a_log_line_is_one_line_whatever_a_server_says(lab, nasty):
    syslog = Syslog(lab).start()
    checked = probe(lab.host("outside"), "mx", config=nasty)
    assert checked.code == 2
    syslog.wait_for("open-relay")
    lines = syslog.lines()
    assert not [line for line in lines if UNPRINTABLE.search(line)]
    assert not [line for line in lines if " relaywarden-probe[" not in line and " rsyslogd:" not in line]
    assert [alert["kind"] for alert in checked.alerts].count("open-relay") == 1
    assert not UNPRINTABLE.search(json.dumps(checked.alerts, ensure_ascii=False))
