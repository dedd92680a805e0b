"""Hellos, asks and observations through a real Postfix, and what the filter makes of them. The probe
is played by another implementation of tokens, which believes only what has the right MAC."""

import re
import signal
import time

import pytest

from lab import Config, Dns, Milter, Postfix, Sink, tokens, wait_until
from prober import CANARY, Prober, make_key

CLOSED = {"smtpd_relay_restrictions": "permit_mynetworks reject_unauth_destination"}
OPEN = {**CLOSED, "mynetworks": "0.0.0.0/0 [::]/0"}
OWN = "<u@example.org>"


class Place:
    """A mail host with a filter that has a key; directly on the internet, or behind a gateway."""

    def __init__(self, lab, gateway):
        self.lab = lab
        self.behind = gateway
        self.host = lab.host("mta" if gateway else "mx")
        self.outside = lab.host("outside")
        Dns(lab).start()
        Sink(lab).start()
        self.address = lab.host("gateway" if gateway else "mx").address
        self.address6 = lab.host("gateway" if gateway else "mx").address6
        self.key_file, self.key = make_key(lab)
        self.also_file, self.also = make_key(lab, "also.key")
        self.postfix = Postfix(lab, self.host, main={"default_transport": "smtp"})
        self.plain_main = dict(self.postfix.main)
        self.postfix.main["smtpd_milters"] = self.setting()
        self.postfix.start()
        self.milter = None
        self.milters = 0

    def setting(self):
        return self.postfix.milter_setting("unix:" + self.postfix.milter_socket)

    def set_up(self, main=None, trusted=(), **milter):
        if self.milter:
            assert self.milter.stop() == 0
        self.milters += 1
        config = Config(site={"trusted_networks": ["127.0.0.0/8", "::1/128", *trusted]},
                        milter=milter, token_key_file=self.key_file,
                        token_key_also=self.also_file)
        self.milter = Milter(self.lab, self.host, config, postfix=self.postfix,
                             name=f"milter{self.milters}").start()
        self.postfix.main = {**self.plain_main, **CLOSED, **(main or {}),
                             "smtpd_milters": self.setting()}
        self.postfix.write()
        self.postfix.reload()

    def prober(self, key=None, address=None, host=None):
        return Prober(host or self.outside, address or self.address, key or self.key)

    def alerts(self, kind=None):
        """All alerts of the filter, which is asked to end."""
        assert self.milter.stop() == 0
        alerts = [alert for alert in self.milter.alerts() if kind in (None, alert["kind"])]
        self.milter = None
        return alerts

    def masked(self):
        """Address to the rest of its line, by --masked."""
        done = self.milter.run("--masked")
        assert done.returncode == 0, done.stderr
        return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.fixture(scope="module")
def place(shared_lab):
    """On the internet."""
    return Place(shared_lab, gateway=False)


# ---- what is recognised ----

def test_a_wide_open_postfix_is_observed_and_nothing_leaves(place):
    place.set_up(OPEN)
    before = int(time.time())
    with place.prober() as prober:
        reply, seen = prober.hello()
        assert reply.code == 550 and reply.text.startswith("5.7.0 rwo1,hello,")
        port = prober.session.connection.getsockname()[1]
        assert seen.fields | {"time": "", "challenge": ""} == {
            "client": "198.51.100.7", "port": str(port), "permission": "none", "masked": "0",
            "listener": "203.0.113.25:25", "mta": "mx.example.org", "time": "", "challenge": "",
            "seen": "0", "accepted": "0"}
        assert before <= int(seen["time"]) <= int(time.time())
        prober.mail()
        for recipient in ("<{}@" + CANARY + ">", "<@example.org:{}@" + CANARY + ">",
                          "<{}%" + CANARY + "@example.org>", '<"{}@' + CANARY + '"@example.org>',
                          "<" + CANARY + "!{}>"):
            reply, seen = prober.ask(recipient=recipient)
            assert reply.code == 550 and reply.text.startswith("5.7.1 rwo1,ask,"), recipient
            assert seen.fields == {"decision": "accepted", "destination": "external",
                                   "permission": "none"}
        # From now on nothing external passes, token or not; what is the site's own does.
        reply, seen = prober.rcpt("<other@" + CANARY + ">")
        assert reply.code == 550 and seen["destination"] == "external"
        assert prober.rcpt(OWN)[0].code == 250
        prober.say("RSET")
        reply, seen = prober.hello()
        assert (seen["seen"], seen["accepted"]) == ("5", "5")
        assert prober.hello(time=1800000000)[1].kind == "clock"
        prober.mail()
        assert prober.say(f"RCPT TO:<other@{CANARY}>").code == 550
    assert place.postfix.queue() == []
    alert, = place.alerts()
    assert (alert["kind"], alert["count"]) == ("open-relay", 5)
    # The operator who reads it at night knows that it was no stranger.
    assert alert["evidence"]["probe"] == "yes"
    assert alert["why"].startswith("your relaywarden-probe, seen as 198.51.100.7, is neither")
    assert "so that no mail left" in alert["why"]


def test_a_closed_postfix_refuses_asks_itself(place):
    place.set_up()
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        reply, seen = prober.ask()
        assert (reply.code, seen) == (554, None)
        assert prober.ask(recipient="<{}@example.org>")[0].code == 250
        prober.say("RSET")
        assert [prober.hello()[1][name] for name in ("seen", "accepted")] == ["2", "1"]
    assert place.alerts() == []


def test_mail_for_the_canary_by_an_own_mailer_is_observed_too(place):
    place.set_up({"relay_domains": CANARY})
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        reply, seen = prober.ask()
        assert reply.code == 550 and seen["destination"] == "mta-own"
    assert [alert["kind"] for alert in place.alerts()] == ["undeclared-destination"]


def test_both_keys_are_known_and_each_answers_with_itself(place):
    place.set_up(OPEN)
    for key in (place.key, place.also):
        with place.prober(key) as prober:
            assert prober.hello()[1].kind == "hello"
            prober.mail()
            assert prober.ask()[1].kind == "ask"


def test_clocks_that_differ_are_answered_by_the_time_alone(place):
    place.set_up(OPEN)
    now = int(time.time())
    with place.prober() as prober:
        for moment in (now - 700, now + 200):
            reply, seen = prober.hello(time=moment)
            assert (reply.code, seen.kind) == (550, "clock")
            assert abs(int(seen["time"]) - now) < 60
        prober.mail()
        prober.nonce, prober.challenge = b"0" * 11, b"0" * 10
        assert prober.ask()[0].code == 250


def test_soft_bounce_and_a_footer_do_not_spoil_an_observation(place):
    place.set_up({**OPEN, "soft_bounce": "yes",
                  "smtpd_reject_footer": ". For help see https://example.org/\\nand think"})
    with place.prober() as prober:
        reply, seen = prober.hello()
        assert (reply.code, seen.kind) == (450, "hello") and "For help" in reply.text
        prober.mail()
        reply, seen = prober.ask()
        assert (reply.code, seen.kind) == (450, "ask")


def test_a_trusted_client_that_is_the_probe_is_seen_to_the_end(place):
    place.set_up(trusted=["198.51.100.0/24"], main={"mynetworks": "198.51.100.0/24"})
    with place.prober() as prober:
        assert prober.hello()[1]["permission"] == "trusted-network"
        prober.mail()
        reply, seen = prober.ask(tokens.INSIDE)
        assert reply.code == 550 and seen["permission"] == "trusted-network"
    assert place.alerts() == []


def test_xclient_makes_another_connection_that_needs_a_hello_of_its_own(place):
    place.set_up({**OPEN, "smtpd_authorized_xclient_hosts": "198.51.100.7"})
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        claimed = prober.path(tokens.CLAIMED)
        assert prober.say("XCLIENT ADDR=192.0.2.99 NAME=other.example.net").code in (220, 503)
        prober.say("RSET")
        assert prober.say("XCLIENT ADDR=192.0.2.99 NAME=other.example.net").code == 220
        prober.say("EHLO other.example.net")
        prober.mail()
        assert prober.rcpt(claimed)[0].code == 250
        prober.say("RSET")
        assert prober.hello()[1]["client"] == "192.0.2.99"
        prober.mail()
        assert prober.ask(tokens.CLAIMED)[0].code == 550
    # The ask of another connection was an ordinary recipient; the claimed one proves nothing.
    alert, = place.alerts()
    assert (alert["kind"], alert["count"]) == ("open-relay", 1)
    assert "probe" not in alert["evidence"] and "took its mail for" in alert["why"]


# ---- what is not ----

def altered_hellos(key):
    path, _ = key.hello(CANARY)
    local, domain = path[1:-1].split("@")
    flipped = local[:20] + ("a" if local[20] != "a" else "b") + local[21:]
    return {
        "forged": tokens.Key(b"x" * 32).hello(CANARY)[0],
        "altered": f"<{flipped}@{domain}>",
        "cut short": f"<{local[:-1]}@{domain}>",
        "longer": f"<{local}a@{domain}>",
        "doubled": f"<{local}.{local}@{domain}>",
        "in upper case": path.upper(),
        "mark in upper case": f"<RW1{local[3:]}@{domain}>",
        "another domain": f"<{local}@example.net>",
        "quoted": f'<"{local}"@{domain}>',
        "routed": f"<@example.net:{local}@{domain}>",
        "like a token": f"<rw1.{'a' * 55}@{domain}>",
    }


def test_what_is_no_hello_is_an_ordinary_sender(place):
    place.set_up()
    for name, path in altered_hellos(place.key).items():
        with place.prober() as prober:
            assert prober.say(f"MAIL FROM:{path}").code in (250, 501), name
    assert place.alerts() == []


def test_after_three_wrong_macs_a_connection_is_not_checked_again(place):
    place.set_up(OPEN)
    stranger = tokens.Key(b"x" * 32)
    with place.prober() as prober:
        for _ in range(3):
            assert prober.say(f"MAIL FROM:{stranger.hello(CANARY)[0]}").code == 250
            prober.say("RSET")
        assert prober.hello()[0].code == 250
    with place.prober() as prober:
        assert prober.hello()[0].code == 550


def altered_asks(prober):
    path = prober.path()
    local, domain = path[1:-1].split("@")
    prober.sender, sender = "<other@example.net>", prober.sender
    other_sender = prober.path()
    prober.sender = sender
    return {
        "altered": f"<{local[:10]}{'a' if local[10] != 'a' else 'b'}{local[11:]}@{domain}>",
        "another sender": other_sender,
        "cut short": f"<{local[:-1]}@{domain}>",
        "doubled": f"<{local}{local[4:]}@{domain}>",
        "twice": f"<{local}%{local}@{domain}>",
        "in upper case": f"<{local.upper()}@{domain}>",
    }


@pytest.mark.parametrize("name", ["altered", "another sender", "cut short", "doubled", "twice",
                                  "in upper case"])
def test_what_is_no_ask_is_an_ordinary_recipient(place, name):
    place.set_up(OPEN)
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        reply, seen = prober.rcpt(altered_asks(prober)[name])
        assert (reply.code, seen) == (250, None)
    # A stranger's mail for outside was taken: that is told, as always.
    assert [alert["kind"] for alert in place.alerts()] == ["open-relay"]


def test_an_ask_without_a_hello_is_an_ordinary_recipient(place):
    place.set_up(OPEN)
    with place.prober() as prober:
        prober.nonce, prober.challenge = b"n" * 11, b"c" * 10
        prober.mail()
        assert prober.ask()[0].code == 250


def test_every_line_of_an_audit_replayed_gains_nothing(place):
    place.set_up(OPEN, trusted=["192.0.2.0/24"])
    insider = place.lab.host("insider", addresses=["192.0.2.1"])
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        ask = prober.path(tokens.HIDDEN)
        assert prober.rcpt(ask)[0].code == 550
        hello, nonce, challenge = prober.last_hello, prober.nonce, prober.challenge
    for host in (place.outside, insider):
        with place.prober(host=host) as thief:
            # The nonce was seen: an ordinary sender.
            assert thief.say(f"MAIL FROM:{hello}").code == 250
            assert thief.say(f"RCPT TO:{ask}").code == 250
            thief.say("RSET")
            # Even on a connection with a hello of its own, the ask belongs to another.
            assert thief.hello()[0].code == 550
            thief.mail()
            assert thief.say(f"RCPT TO:{ask}").code == 250
    assert place.masked() == {}
    assert nonce and challenge
    kinds = {alert["kind"]: alert for alert in place.alerts()}
    assert set(kinds) == {"client-address-hidden", "open-relay"}
    assert kinds["client-address-hidden"]["severity"] == "warning"


def test_where_a_nonce_is_not_remembered_a_replayed_hello_shows_the_replayer_alone(place):
    """After a restart, or at another mail host with the same key."""
    place.set_up(OPEN)
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        ask = prober.path()
        assert prober.rcpt(ask)[0].code == 550
    hello, nonce, challenge = prober.last_hello, prober.nonce, prober.challenge
    assert place.milter.stop() == 0
    place.milter.start()
    with place.prober() as thief:
        reply, seen = thief.say_hello(hello, nonce)
        assert reply.code == 550 and seen.challenge != challenge
        assert seen["port"] == str(thief.session.connection.getsockname()[1])
        thief.mail()
        assert thief.say(f"RCPT TO:{ask}").code == 250


def test_an_ordinary_message_whose_sender_looks_a_little_like_a_token_flows(place):
    place.set_up()
    mark = place.postfix.logfile.mark()
    replies = place.outside.smtp(place.address, [
        "EHLO client.example.net", f"MAIL FROM:<rw1.{'b' * 56}@example.net>", f"RCPT TO:{OWN}",
        "DATA", "Subject: x\n\nx\n", "QUIT"])
    assert [reply.code for reply in replies[2:6]] == [250, 250, 354, 250]
    place.postfix.logfile.wait_for("to=<u@example.org>.*status=sent", since=mark)


# ---- the probe's visits ----

def test_a_probe_that_does_not_come_is_missed_until_it_does(place):
    place.set_up(OPEN, probe_expected="1s")
    alert = place.milter.wait_for_alert(kind="probe-missing", state="opened")
    assert alert["severity"] == "warning"
    # A probe that is not believed has not visited.
    with place.prober(tokens.Key(b"x" * 32)) as prober:
        prober.say(f"MAIL FROM:{prober.key.hello(CANARY)[0]}")
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        prober.ask()
    place.milter.wait_for_alert(kind="probe-missing", state="resolved")


def test_what_was_missed_before_a_restart_ends_with_the_next_visit(place):
    place.set_up(OPEN, probe_expected="1s")
    opened = place.milter.wait_for_alert(kind="probe-missing", state="opened")
    place.milter.kill()
    # A visit that the filter of now need not miss first.
    config = place.milter.config
    config.milter["probe_expected"] = "1h"
    place.milter.configure(config)
    place.milter.start()
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        prober.ask()
    resolved = place.milter.wait_for_alert(kind="probe-missing", state="resolved")
    assert resolved["incident"] == opened["incident"]


@pytest.mark.parametrize("role", [tokens.TRUE, tokens.HIDDEN, tokens.UNKNOWN])
def test_only_an_ask_from_outside_ends_that_the_probe_is_missing(place, role):
    place.set_up(OPEN, probe_expected="1s")
    opened = place.milter.wait_for_alert(kind="probe-missing", state="opened")
    assert "None asked from inside meanwhile" in opened["why"]
    for inside in (tokens.INSIDE, tokens.CLAIMED):
        with place.prober() as prober:
            prober.hello()
            prober.mail()
            assert prober.ask(inside)[1].kind == "ask"
    place.milter.log.wait_for("a probe asked from inside: that does not end probe-missing")
    states = [alert["state"] for alert in place.milter.alerts() if alert["kind"] == "probe-missing"]
    assert "resolved" not in states
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        prober.ask(role)
    place.milter.wait_for_alert(kind="probe-missing", state="resolved")


def test_a_missing_probe_is_told_with_the_asks_from_inside(place):
    """Also when these came before a restart."""
    place.set_up(OPEN, probe_expected="1h")
    with place.prober() as prober:
        prober.hello()
        prober.mail()
        prober.ask(tokens.INSIDE)
    assert place.milter.stop() == 0
    config = place.milter.config
    config.milter["probe_expected"] = "1s"
    place.milter.configure(config)
    place.milter.start()
    opened = place.milter.wait_for_alert(kind="probe-missing", state="opened")
    assert "A probe asked from inside or under a claimed identity meanwhile" in opened["why"]
    assert opened["evidence"]["inside_last_seen"] >= opened["evidence"]["last_seen"]
    assert "vantage = inside" in opened["fix"]


# ---- masks ----

@pytest.fixture(scope="module")
def gateway(request):
    """Behind a gateway, which hides clients or does not."""
    from lab import Lab  # a lab has a gateway or an mx, and the module's has an mx
    with Lab() as lab:
        yield Place(lab, gateway=True)


TRUSTING = {"main": {"mynetworks": "127.0.0.0/8 172.22.0.0/16 [fd22:1::]/64"},
            "trusted": ["172.22.0.0/16", "fd22:1::/64"]}
ROUTE = b"rt01"


def visit(place, role, route=ROUTE, address=None):
    """An audit of one ask. Returns what its hello showed."""
    with place.prober(address=address) as prober:
        seen = prober.hello(route=route)[1]
        prober.mail()
        prober.ask(role)
    return seen


@pytest.mark.parametrize("version", [4, 6])
def test_a_hidden_client_masks_the_gateway_until_it_shows_its_own_address(gateway, version):
    gateway.lab.nat(masquerade=True)
    gateway.set_up(**TRUSTING)
    entrance = gateway.address if version == 4 else gateway.address6
    hider = "172.22.1.1" if version == 4 else "fd22:1::1"
    seen = visit(gateway, tokens.HIDDEN, address=entrance)
    assert (seen["client"], seen["permission"], seen["masked"]) == (hider, "trusted-network", "0")
    alert = gateway.milter.wait_for_alert(kind="client-address-hidden")
    assert alert["severity"] == "critical"
    assert alert["evidence"]["client"] == hider
    assert alert["evidence"]["trusted_network"] in ("172.22.0.0/16", "fd22:1::/64")
    seen = visit(gateway, tokens.HIDDEN, address=entrance)
    assert (seen["permission"], seen["masked"]) == ("trusted-network", "1")
    wait_until(lambda: hider in gateway.masked(), 10)

    # Kept over a restart.
    assert gateway.milter.stop() == 0
    gateway.milter.start()
    assert visit(gateway, tokens.HIDDEN, address=entrance)["masked"] == "1"

    # Another route that shows true heals nothing; this one does.
    gateway.lab.nat(masquerade=False)
    assert visit(gateway, tokens.TRUE, route=b"rt02", address=entrance)["permission"] == "none"
    assert hider in gateway.masked()
    visit(gateway, tokens.TRUE, address=entrance)
    gateway.milter.wait_for_alert(kind="client-address-hidden", state="resolved")
    wait_until(lambda: gateway.masked() == {}, 10)
    assert gateway.postfix.queue() == []


def stranger_mail(place):
    """The replies to a stranger's MAIL, RCPT and message."""
    with place.outside.session(place.address) as session:
        session.hello()
        replies = [session.command("MAIL FROM:<a@sender.example.net>"),
                   session.command(f"RCPT TO:<b@{CANARY}>")]
        if replies[-1].code == 250 and session.command("DATA").code == 354:
            replies.append(session.message("Subject: x\n\nx\n"))
        return [reply.code for reply in replies]


def test_enforce_masked_holds_a_strangers_mail_and_not_an_insiders(gateway):
    gateway.lab.nat(masquerade=True)
    gateway.set_up(**TRUSTING, enforce_masked="hold")
    assert stranger_mail(gateway) == [250, 250, 250]
    visit(gateway, tokens.HIDDEN)
    assert stranger_mail(gateway) == [250, 250, 250]
    held = [entry["queue_name"] for entry in gateway.postfix.queue()]
    assert held.count("hold") == 1

    insider = gateway.lab.host("insider", addresses=["172.22.1.77", "fd22:1::77"],
                               network="inside")
    mark = gateway.postfix.logfile.mark()
    replies = insider.smtp(gateway.host.address, [
        "EHLO insider.example.org", "MAIL FROM:<u@example.org>", f"RCPT TO:<c@{CANARY}>", "DATA",
        "Subject: x\n\nx\n", "QUIT"])
    assert replies[-2].code == 250
    gateway.postfix.logfile.wait_for(f"to=<c@{CANARY}>.*status=sent", since=mark)
    alert, = [alert for alert in gateway.alerts("open-relay") if alert["state"] == "opened"]
    assert alert["evidence"]["client"] == "172.22.1.1" and "masked" in alert["why"]
    gateway.postfix.command("postsuper", "-d", "ALL")


def test_an_operator_unmasks_an_address_while_the_filter_runs(gateway):
    gateway.lab.nat(masquerade=True)
    gateway.set_up(**TRUSTING)
    visit(gateway, tokens.HIDDEN)
    wait_until(lambda: "172.22.1.1" in gateway.masked(), 10)
    line = gateway.masked()["172.22.1.1"]
    assert re.fullmatch(r"listener=172\.22\.1\.10:25 last_hidden=\S+Z routes=1 healing=0", line)

    wrong = gateway.milter.run("--unmask", "172.22.1.2")
    assert wrong.returncode == 65 and "not masked" in wrong.stderr
    assert gateway.milter.run("--unmask", "gateway").returncode == 64
    done = gateway.milter.run("--unmask", "172.22.1.1")
    assert (done.returncode, done.stdout) == (0, "172.22.1.1 is not masked any more\n")
    assert gateway.masked() == {}
    gateway.milter.log.wait_for("172.22.1.1 is not masked any more: it was dropped by --unmask")
    with gateway.prober() as prober:
        assert prober.hello()[1]["masked"] == "0"

    # Masked again soon after: one visit that shows true is not enough any more.
    visit(gateway, tokens.HIDDEN)
    wait_until(lambda: "again=yes" in gateway.masked().get("172.22.1.1", ""), 10)
    gateway.lab.nat(masquerade=False)
    visit(gateway, tokens.TRUE)
    wait_until(lambda: "healing=1" in gateway.masked().get("172.22.1.1", ""), 10)


def test_a_gateway_outside_the_trusted_networks_is_a_warning_and_no_mask(gateway):
    gateway.lab.nat(masquerade=True)
    gateway.set_up()
    visit(gateway, tokens.HIDDEN)
    alert = gateway.milter.wait_for_alert(kind="client-address-hidden")
    assert (alert["severity"], gateway.masked()) == ("warning", {})


@pytest.mark.parametrize("role", [tokens.INSIDE, tokens.CLAIMED, tokens.UNKNOWN])
def test_only_the_role_hidden_masks(gateway, role):
    gateway.lab.nat(masquerade=True)
    gateway.set_up(**TRUSTING)
    visit(gateway, role)
    assert visit(gateway, role)["masked"] == "0"
    assert gateway.alerts() == []


# ---- keys, while the filter runs ----

def test_a_key_is_exchanged_without_a_gap(place):
    place.set_up(OPEN)
    new_file, new = make_key(place.lab, "new.key")

    def answered(key):
        with place.prober(key) as prober:
            return prober.hello()[0].code == 550

    assert answered(place.key) and not answered(new)
    config = place.milter.config
    for first, also, known in ((place.key_file, new_file, (place.key, new)),
                               (new_file, "", (new,))):
        config.top.update(token_key_file=first, token_key_also=also)
        place.milter.configure(config)
        mark = place.milter.log.mark()
        place.milter.signal(signal.SIGUSR1)
        place.milter.log.wait_for("was read again and is in force", since=mark)
        assert all(answered(key) for key in known)
    assert not answered(place.key)
