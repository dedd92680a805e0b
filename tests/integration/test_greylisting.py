"""Servers that put the probe off, with a real postgrey: now, later, and at the next audit."""

import contextlib
import fcntl
import os
import pty
import select
import sqlite3
import termios
import time

import pytest

from lab import Config, Dns, Milter, Postfix, Postgrey, probe, program
from site_of_tests import CLOSED, endpoint, outcomes

SAYS_WHEN = "Greylisted for %s seconds"
# Forms whose local part is an ordinary one: any catch-all takes them.
ANY_USER = ("srs0", "srs0-plus", "srs0-minus", "srs1", "batv", "equals")


@pytest.fixture
def server(lab):
    """A Postfix behind a postgrey; `greylist(...)` chooses its manners."""
    Dns(lab).start()

    class Server:
        mx = lab.host("mx")
        outside = lab.host("outside")
        grey = None

        def greylist(self, restrictions, **manners):
            self.grey = Postgrey(lab, self.mx, **manners).start()
            self.postfix = Postfix(lab, self.mx, main={
                "in_flow_delay": "0s",
                "smtpd_relay_restrictions": restrictions.format(grey=self.grey.restriction)})
            self.postfix.start()
            return self

        def probe(self, *arguments, target="mx", **top):
            config = Config(probe={"max_refusals": 200},
                            targets={"mx": {"host": "203.0.113.25", "ports": [25]}}, **top)
            checked = probe(self.outside, target, *arguments, config=config)
            self.memory = os.path.join(config.top["state_directory"], "probe/relaywarden.db")
            return checked

        def at_terminal(self, *arguments):
            """The last audit's configuration again, with a terminal for input and outputs."""
            ours, theirs = pty.openpty()
            path = os.path.join(self.outside.folder, "probe", "relaywarden.conf")
            process = self.outside.popen(
                [program("relaywarden-probe"), "check", "--config", path, *arguments],
                stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0))
            os.close(theirs)
            return process, ours

    return Server()


def read_until(terminal, words, timeout=30):
    """The terminal's content until it shows these words; None: until it is left."""
    seen, end = b"", time.monotonic() + timeout
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:  # nobody has it open any more
                return seen
        if words and words in seen:
            return seen
    raise AssertionError(f"not seen in {timeout} s: {words} in {seen}")


def test_a_closed_server_behind_greylisting_is_inconclusive_until_it_is_waited_for(server):
    server.greylist("{grey} " + CLOSED, text=SAYS_WHEN)
    entry = endpoint(server.probe())
    assert entry["verdict"] == "inconclusive"
    assert set(outcomes(entry).values()) - {None} == {"greylisted"}
    checked = server.probe("--wait", "30s")
    entry = endpoint(checked)
    assert entry["verdict"] == "closed"
    # The server takes any user of the site's; of those forms the greylisted control tells nothing yet.
    relayed = {name: outcome for name, outcome in outcomes(entry).items() if name not in ANY_USER}
    assert set(relayed.values()) - {None} == {"relay-denied"}
    assert len([one for one in relayed.values() if one]) >= 30


def test_an_open_server_behind_greylisting_is_open_once_it_is_waited_for(server):
    server.greylist("{grey} permit_mynetworks reject_unauth_destination", text=SAYS_WHEN)
    server.postfix.set({"mynetworks": "0.0.0.0/0 [::]/0"})
    entry = endpoint(server.probe("--wait", "30s"))
    assert entry["verdict"] == "open"
    assert entry["cause"] == "unconditional"
    assert outcomes(entry)["plain"] == "accepted"


def test_one_trusted_sender_behind_greylisting_is_found(server):
    server.greylist("{grey} check_sender_access inline:{{postmaster@example.org=OK}} " + CLOSED,
                    text=SAYS_WHEN)
    entry = endpoint(server.probe("--wait", "30s"))
    assert entry["verdict"] == "open"
    assert entry["cause"] == "sender-trusted"
    assert outcomes(entry)["plain"] == "relay-denied"
    assert outcomes(entry)["own-sender"] == "accepted"


def test_a_delay_that_is_not_named_is_found_out_and_costs_one_refusal_a_try(server):
    server.greylist("{grey} " + CLOSED, delay=8)
    mark = server.postfix.logfile.mark()
    checked = server.probe("--wait", "6s")
    assert endpoint(checked)["verdict"] == "inconclusive"
    asked = len([one for one in outcomes(endpoint(checked)).values() if one])
    refused = [line for line in server.postfix.log(mark) if ": reject: " in line]
    assert len(refused) == asked + 1
    assert checked.report["seconds"] >= 6


def test_a_delay_beyond_the_wait_is_not_waited_for(server):
    server.greylist("{grey} " + CLOSED, delay=600, text=SAYS_WHEN)
    checked = server.probe("--wait", "5s")
    assert endpoint(checked)["verdict"] == "inconclusive"
    assert checked.report["seconds"] < 5


# ---- from audit to audit ----

def test_the_next_audit_asks_as_the_one_before_was_put_off(server):
    # The canary as a sender is refused, so the other sender is what the server was told to expect.
    server.greylist("check_sender_access inline:{{canary@outside.example.net=REJECT}} {grey} "
                    + CLOSED, delay=1)
    entry = endpoint(server.probe())
    assert entry["verdict"] == "inconclusive"
    with contextlib.closing(sqlite3.connect(server.memory)) as database:
        assert database.execute("SELECT count(*) FROM fact WHERE kind = 'put-off'").fetchone()[0] > 0
    time.sleep(1.1)  # postgrey's clock must move on
    mark = server.postfix.logfile.mark()
    entry = endpoint(server.probe())
    assert entry["verdict"] == "closed"
    plain = next(one for one in entry["techniques"] if one["id"] == "plain")
    assert plain["sender"] == "<relaywarden@outside.example.net>"
    # Another connection, with the null sender, may overtake it.
    first = next(line for line in server.postfix.log(mark) if ": reject: " in line and "from=<>" not in line)
    assert "from=<relaywarden@outside.example.net> to=<canary@outside.example.net>" in first


def test_no_state_is_kept_of_a_server_that_was_only_named(server):
    server.greylist("{grey} " + CLOSED, text=SAYS_WHEN)
    assert endpoint(server.probe(target="mx.example.org"))["verdict"] == "inconclusive"
    assert not os.path.exists(server.memory)


# ---- at a terminal ----

def test_a_terminal_sees_what_is_waited_for_and_ctrl_c_tells_what_is_known(server):
    server.greylist("{grey} " + CLOSED, delay=600, text="Greylisted for 30 seconds")
    server.probe()
    process, terminal = server.at_terminal("--wait", "5m")
    seen = read_until(terminal, b"asking again in 2")
    assert b"0 of 1 endpoints done; put off" in seen
    os.write(terminal, b"\x03")
    seen = read_until(terminal, None)
    assert process.wait(15) == 3
    assert b"RELAY UNKNOWN - 1 endpoint inconclusive" in seen
    assert b"the audit was interrupted" in seen


def test_a_quiet_check_shows_no_progress(server):
    server.greylist("{grey} " + CLOSED, text=SAYS_WHEN)
    server.probe()
    process, terminal = server.at_terminal("--wait", "20s", "--quiet")
    seen = read_until(terminal, None)
    assert process.wait(15) == 0
    assert seen.startswith(b"RELAY OK - 1 endpoint closed")
    assert seen.count(b"\n") == 1 and b"endpoints done" not in seen


# ---- with the site's filter ----

@pytest.mark.parametrize("networks, verdict", [("127.0.0.0/8", "closed"), ("0.0.0.0/0", "open")])
def test_with_a_filter_too_the_same_recipients_come_back(server, networks, verdict):
    key = os.path.join(server.outside.lab.folder, "token.key")
    with open(key, "wb") as file:
        file.write(bytes(range(64)))
    os.chmod(key, 0o600)
    server.greylist("{grey} " + CLOSED, text=SAYS_WHEN)
    Milter(server.outside.lab, server.mx, Config(token_key_file=key),
           postfix=server.postfix).start()
    server.postfix.set({"mynetworks": networks})
    server.postfix.attach()
    mark = server.postfix.logfile.mark()
    checked = server.probe("--wait", "30s", token_key_file=key)
    entry = endpoint(checked)
    assert entry["verdict"] == verdict
    assert entry["milter"]["observed"] is True
    plain = next(one for one in entry["techniques"] if one["id"] == "plain")
    assert plain["recipient"] == "<canary@outside.example.net>"
    # One wait was enough: what came back is what was told to.
    put_off = ["Greylisted" in line for line in server.postfix.log(mark)
               if ": reject: " in line and "to=<canary@outside.example.net>" in line]
    assert put_off == sorted(put_off, reverse=True) and put_off[0]
