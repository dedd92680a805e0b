"""relaywarden-probe against servers on loopback that answer out of step, change their mind, or are too many."""

import json
import os
import socket
import subprocess
import threading
import time

import pytest

from lab.programs import program

CONFIG = """\
site {{ domains = {{ "example.org" }} trusted_networks = {{ "10.9.0.0/16" }} }}
probe {{ source = {{ "127.0.0.9" }} canary = "canary@outside.example.net"
    target "mx" {{ host = "127.0.0.1" ports = {{ {port} }} }} }}
{extra}
alert {{ syslog {{ format = none }} }}
state_directory = "{folder}"
"""
DENIED = b"554 5.7.1 <a@b>: Relay access denied\r\n"
OK = b"250 2.0.0 ok\r\n"


class Server(threading.Thread):
    """Says what answer(line, connection, say) says; connections are served one after another."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with client, client.makefile("rb") as lines:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    client.sendall(b"220 mx ESMTP\r\n")
                    for line in lines:
                        if self.answer(line.upper(), self.connections, client.sendall):
                            break
                except OSError:
                    pass


@pytest.fixture
def check(tmp_path):
    """check(answer) asks a server; check(arguments=...) whatever they name."""
    servers = []

    def run(answer=None, arguments=("mx",), extra=""):
        port = 1
        if answer:
            servers.append(Server(answer))
            port = servers[-1].port
        config = tmp_path / "relaywarden.conf"
        os.makedirs(tmp_path / "probe", exist_ok=True)
        config.write_text(CONFIG.format(port=port, folder=tmp_path, extra=extra), encoding="utf-8")
        done = subprocess.run(
            [program("relaywarden-probe"), "check", "--json", "--config", config, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False)
        report = json.loads(done.stdout)
        assert report["exit"] == done.returncode
        return report

    yield run
    for server in servers:
        server.listener.close()


def polite(line, say):
    """True when the connection is over."""
    say(DENIED if line.startswith(b"RCPT") else b"221 bye\r\n" if line.startswith(b"QUIT") else OK)
    return line.startswith(b"QUIT")


def outcomes(entry):
    """By technique; None is for those that have no place on this server."""
    return {technique["id"]: technique["outcome"] for technique in entry["techniques"]}


def test_one_late_reply_too_much_makes_no_open_relay(check):
    seen = set()

    def answer(line, connection, say):
        time.sleep(0.03)
        over = polite(line, say)
        if line.startswith(b"RCPT") and connection not in seen and connection == 1:
            seen.add(connection)
            time.sleep(0.005)
            say(OK)
        return over

    entry, = check(answer)["endpoints"]
    assert entry["verdict"] == "closed"
    in_step, = check(lambda line, _, say: polite(line, say))["endpoints"]
    assert outcomes(entry) == outcomes(in_step)
    assert set(outcomes(entry).values()) == {"relay-denied", None}


@pytest.mark.parametrize("replies", (OK + DENIED, DENIED + OK))
def test_more_replies_than_commands_sent_together_answer_none_of_them(check, replies):
    def answer(line, _, say):
        if line.startswith(b"EHLO"):
            say(b"250-mx.example.org\r\n250 PIPELINING\r\n")
            return False
        if line.startswith(b"RCPT"):
            say(replies)
            return False
        return polite(line, say)

    entry, = check(answer)["endpoints"]
    assert entry["verdict"] == "inconclusive"
    assert set(outcomes(entry).values()) == {None}


def test_a_server_that_is_always_a_reply_behind_is_never_open_or_closed(check):
    def answer(line, _, say):
        time.sleep(0.03)
        over = polite(line, say)
        if line.startswith(b"EHLO"):
            time.sleep(0.005)
            say(OK)
        return over

    entry, = check(answer)["endpoints"]
    assert entry["verdict"] == "inconclusive"


def test_an_acceptance_whose_control_was_cut_off_is_not_refused_by_the_second_try(check):
    def answer(line, connection, say):
        if connection == 1 and answer.accepted and line.startswith(b"MAIL"):
            return True
        if connection == 1 and line.startswith(b"RCPT") and b"%" in line:
            answer.accepted = True
            say(OK)
            return False
        return polite(line, say)

    answer.accepted = False
    report = check(answer)
    entry, = report["endpoints"]
    assert (entry["verdict"], report["exit"]) == ("suspected", 1)


@pytest.mark.parametrize("words, code, found", (
    (b"Your IP 127.0.0.9 is banned", 1, ["probe-blocked"]),
    (b"<a@b>: Relay access denied; from unknown[127.0.0.9]", 0, [])))
def test_a_ban_in_mid_battery_is_told_and_a_refusal_that_names_the_client_is_none(
        check, words, code, found):
    def answer(line, _connection, say):
        if not line.startswith(b"RCPT") or not answer.refused:
            answer.refused |= line.startswith(b"RCPT")
            return polite(line, say)
        return say(b"554 5.7.1 " + words + b"\r\n")

    answer.refused = False
    report = check(answer)
    entry, = report["endpoints"]
    assert (entry["verdict"], report["exit"]) == ("closed", code), entry["why"]
    assert [finding["kind"] for finding in entry["findings"]
            if finding["severity"] != "info"] == found


def test_a_technique_at_which_the_server_always_hangs_up_is_named(check):
    def answer(line, _connection, say):
        if line.startswith(b"MAIL FROM:<POSTMASTER@EXAMPLE.ORG>"):
            return True
        return polite(line, say)

    report = check(answer)
    entry, = report["endpoints"]
    assert (entry["verdict"], report["exit"]) == ("closed", 0), entry["why"]
    assert [note for note in entry["notes"] if "own-sender" in note]


def test_a_server_that_refuses_every_hello_is_asked_everything_all_the_same(check, tmp_path):
    key = tmp_path / "token.key"
    key.write_bytes(os.urandom(48))
    key.chmod(0o600)
    hellos = []

    def answer(line, _connection, say):
        if line.startswith(b"MAIL FROM:<RW1."):
            hellos.append(line)
            return say(b"550 5.1.8 <a@b>: Sender address rejected: undeliverable address\r\n")
        return polite(line, say)

    entry, = check(answer, extra=f'token_key_file = "{key}"')["endpoints"]
    assert entry["verdict"] == "closed", entry["why"]
    assert len(hellos) == 4  # of two domains, on two connections


def test_a_greylisted_technique_keeps_the_endpoint_from_being_closed(check):
    def answer(line, _, say):
        if line.startswith(b"MAIL"):
            answer.own = b"EXAMPLE.ORG" in line
        if answer.own and line.startswith(b"RCPT"):
            say(b"450 4.2.0 Greylisted, come back later\r\n")
            return False
        return polite(line, say)

    answer.own = False
    report = check(answer)
    entry, = report["endpoints"]
    assert (entry["verdict"], report["exit"]) == ("inconclusive", 3)
    assert "own-sender" in entry["why"]


def test_more_endpoints_than_an_audit_once_had_are_all_told(check):
    places = [f"127.1.{i // 250}.{i % 250 + 1}:1" for i in range(4200)]
    entries = check(arguments=places)["endpoints"]
    assert [f"{entry['address']}:{entry['port']}" for entry in entries] == places
    assert {entry["verdict"] for entry in entries} == {"unreachable"}


def test_a_word_that_is_no_target_is_told_which_there_are(check):
    entry, = check(arguments=["mxx"])["endpoints"]
    assert "no configured target (there are: mx)" in entry["why"]


def test_a_path_that_is_no_text_is_shown_in_json():
    for words, member in ((["-t"], "configuration"), (["check"], "error")):
        done = subprocess.run(
            [program("relaywarden-probe"), *words, "--json", "--config", b"/nonexistent/x\xff"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False)
        assert done.returncode == 3
        assert "/nonexistent/x\\xFF" in json.loads(done.stdout)[member]
