"""Tokens out of place: what a mail log holds is tried at an MTA with the same key, from outside
and from the trusted network, and MTAs carry tokens on by themselves. Nothing is gained."""

import os
import re
import time

import pytest

from lab import Config, Dns, Milter, Postfix, Sink, relay, tokens, wait_until
from prober import CANARY, Prober, make_key

# Transactions that are given up are no mail that arrives faster than it is delivered.
OPEN = {"smtpd_relay_restrictions": "permit_mynetworks reject_unauth_destination",
        "mynetworks": "0.0.0.0/0 [::]/0", "default_transport": "smtp", "in_flow_delay": "0"}
LOOPBACK = ["127.0.0.0/8", "::1/128"]
BEHIND = ["172.22.0.0/16", "fd22:1::/64"]
HIDER = "172.22.1.1"
INSIDER = "172.22.1.77"
ROUTE = b"rt01"
ROUNDS_SECONDS = 2.5  # the filter looks at the probe's visits once a second


class Site:
    """One mail host that relays whatever comes, with its filter."""

    def __init__(self, lab, host, key_file, trusted=()):
        self.lab = lab
        self.host = host
        self.key_file = key_file
        self.trusted = [*LOOPBACK, *trusted]
        self.postfix = Postfix(lab, host, main=OPEN)
        self.postfix.main["smtpd_milters"] = self.postfix.milter_setting(
            "unix:" + self.postfix.milter_socket)
        self.postfix.start()
        self.milter = None
        self.milters = 0
        self.begin()

    def begin(self, **options):
        """A filter that knows nothing yet."""
        if self.milter:
            assert self.milter.stop() == 0
        self.milters += 1
        self.metrics_folder = self.host.new_folder(f"metrics{self.milters}")
        config = Config(site={"trusted_networks": self.trusted}, milter=options,
                        alert={"metrics_directory": self.metrics_folder},
                        token_key_file=self.key_file)
        self.milter = Milter(self.lab, self.host, config, postfix=self.postfix,
                             name=f"milter{self.milters}").start()

    def masked(self):
        done = self.milter.run("--masked")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def alerts(self, kind):
        return [alert for alert in self.milter.alerts() if alert["kind"] == kind]

    def states(self, kind):
        return [alert["state"] for alert in self.alerts(kind)]

    def end(self):
        """Asks the filter to end and returns its counters: {name: {labels' values: count}}."""
        assert self.milter.stop() == 0
        self.milter = None
        with open(os.path.join(self.metrics_folder, "relaywarden-milter.prom"),
                  encoding="utf-8") as file:
            text = file.read()
        self.begin()
        return {name: counts(text, f"relaywarden_milter_{name}_total")
                for name in ("hellos", "asks", "recipients")}


def counts(text, name):
    """The counts that are not 0, by the values of their labels."""
    found = {}
    for labels, count in re.findall(rf"^{name}\{{(.*)\}} (\d+)$", text, re.MULTILINE):
        values = re.findall(r'(\w+)="([^"]*)"', labels)
        if int(count):
            found[",".join(value for label, value in values if label != "program")] = int(count)
    return found


@pytest.fixture(scope="module")
def sites(shared_lab):
    """The audited mail host; its sibling, behind a gateway whose network it trusts; and who calls.
    """
    lab = shared_lab
    Dns(lab).start()
    Sink(lab).start()
    lab.nat(masquerade=True)
    key_file, key = make_key(lab)
    audited = Site(lab, lab.host("mx1", hostname="mx1.example.org", addresses=["203.0.113.26"]),
                   key_file)
    sibling = Site(lab, lab.host("mta"), key_file, BEHIND)
    lab.host("insider", addresses=[INSIDER, "fd22:1::77"], network="inside")
    audited.key = sibling.key = key
    return audited, sibling


def audit(site, roles=(tokens.HIDDEN, tokens.TRUE)):
    """A visit, and every address and observation that the mail log has of it."""
    mark = site.postfix.logfile.mark()
    with Prober(site.lab.host("outside"), site.host.address, site.key) as prober:
        for recipient in ("<{}@" + CANARY + ">", "<{}%" + CANARY + "@example.org>"):
            assert prober.hello(route=ROUTE)[1].kind == "hello"
            prober.mail()
            for role in roles:
                assert prober.ask(role, recipient=recipient)[1].kind == "ask"
            prober.say("RSET")
    site.postfix.logfile.wait_for("disconnect from", since=mark)
    log = "\n".join(site.postfix.log(mark))
    hellos = re.findall(r"from=(<rw1\.[^>]*>)", log)
    asks = re.findall(r"to=(<rw1\.[^>]*>)", log)
    observations = re.findall(r"rwo1,[a-z0-9.:,=\[\]-]+", log)
    assert (len(hellos), len(asks), len(observations)) == (2, 2 * len(roles), 2 + 2 * len(roles))
    return hellos, asks, observations


class Thief:
    """Who says what was read in a log, each time on a new connection unless told otherwise. Its
    `relayed` are the recipients that the MTA took from it and that lead elsewhere."""

    def __init__(self, lab, who, address):
        self.host = lab.host(who)
        self.address = address
        self.relayed = 0

    def say(self, *lines):
        with self.host.session(self.address) as session:
            session.hello()
            replies = [session.command(line) for line in lines]
            session.command("QUIT")
        self.relayed += sum(reply.code == 250 for line, reply in zip(lines, replies)
                            if line.startswith("RCPT"))
        return [reply.code for reply in replies]

    def replay(self, log):
        """All of it: each line in each place, and the visit in its order. Returns how the hellos
        were answered."""
        hellos, asks, observations = log
        stranger = "MAIL FROM:<sender@example.net>"
        other = f"RCPT TO:<other@{CANARY}>"
        first = []
        for hello in hellos:
            # As it was: the hello, and then the asks after it.
            first.append(self.say(f"MAIL FROM:{hello}")[0])
            assert self.say(f"MAIL FROM:{hello}", "RSET", stranger, other)[1:] == [250] * 3
            for ask in asks:
                replies = self.say(f"MAIL FROM:{hello}", "RSET", stranger, f"RCPT TO:{ask}", other)
                assert replies[1:] == [250] * 4
            assert self.say(stranger, f"RCPT TO:{hello}") == [250, 250]
        for ask in asks:
            assert self.say(f"MAIL FROM:{ask}", other) == [250, 250]
            assert self.say(stranger, f"RCPT TO:{ask}", other) == [250] * 3
        for observation in observations:
            quoted = f'<"{observation}"@{CANARY}>'
            assert self.say(f"MAIL FROM:{quoted}", other) == [250, 250]
            assert self.say(stranger, f"RCPT TO:{quoted}", other) == [250] * 3
            self.say(f"EHLO {observation}", stranger, other)
        return first


@pytest.mark.parametrize("who, masquerade, seen_as", [
    ("outside", False, "none"), ("outside", True, HIDER), ("insider", True, INSIDER)])
def test_a_log_replayed_at_a_sibling_with_the_same_key_gains_nothing(sites, who, masquerade,
                                                                     seen_as):
    """From a stranger's address, from the gateway that hides strangers, and from an insider's. The
    asks say that the client's address is hidden: believed from a trusted one, they would mask it.
    """
    audited, sibling = sites
    lab = sibling.lab
    lab.nat(masquerade=masquerade)
    log = audit(audited)
    sibling.begin(probe_expected="1s")
    sibling.milter.wait_for_alert(kind="probe-missing", state="opened")
    entrance = sibling.host.address if who == "insider" else lab.host("gateway").address
    thief = Thief(lab, who, entrance)
    until = time.monotonic() + ROUNDS_SECONDS
    first = thief.replay(log)
    rounds = 1
    while time.monotonic() < until:
        assert thief.replay(log) == [250, 250]
        rounds += 1
    # It knows the key and not the nonce: the first time, it answers, to the replayer alone.
    assert first == [550, 550]
    assert sibling.masked() == ""
    assert sibling.states("probe-missing") == ["opened"]
    assert sibling.alerts("client-address-hidden") == []
    counted = sibling.end()
    assert counted["hellos"] == {"answered": 2, "repeated": 2 * rounds * (2 + len(log[1])) - 2}
    # Those on connections where the hello was repeated were not even asks.
    assert counted["asks"] == {}
    relayed = {"none,external,accepted": thief.relayed} if seen_as == "none" else {}
    assert counted["recipients"] == relayed


@pytest.mark.parametrize("who, masquerade", [("outside", False), ("outside", True),
                                             ("insider", True)])
def test_asks_after_an_answered_replay_are_forged_and_leave_the_probe_missing(sites, who,
                                                                              masquerade):
    """The sibling answers a hello that it does not know: what was asked after it elsewhere is
    bound to another challenge."""
    audited, sibling = sites
    lab = sibling.lab
    lab.nat(masquerade=masquerade)
    (hello, other_hello), asks, _ = audit(audited)
    sibling.begin(probe_expected="1s")
    sibling.milter.wait_for_alert(kind="probe-missing", state="opened")
    entrance = sibling.host.address if who == "insider" else lab.host("gateway").address
    thief = Thief(lab, who, entrance)
    sender = "MAIL FROM:<sender@example.net>"
    other = f"RCPT TO:<other@{CANARY}>"
    replies = thief.say(f"MAIL FROM:{hello}", sender, *[f"RCPT TO:{ask}" for ask in asks], other)
    assert replies == [550] + [250] * (len(asks) + 2)
    replies = thief.say(f"MAIL FROM:{other_hello}", sender, f"RCPT TO:{asks[-1]}", other)
    assert replies == [550, 250, 250, 250]
    assert sibling.masked() == ""
    assert sibling.states("probe-missing") == ["opened"]
    # The probe itself is heard at once.
    with Prober(thief.host, entrance, sibling.key) as prober:
        assert prober.hello()[1]["masked"] == "0"
        prober.mail()
        assert prober.ask(tokens.TRUE)[1].kind == "ask"
    sibling.milter.wait_for_alert(kind="probe-missing", state="resolved")
    assert sibling.alerts("client-address-hidden") == []
    # After three wrong ones nothing is checked.
    assert sibling.end()["asks"] == {"answered": 1, "forged": 4, "unchecked": 1}


def test_each_token_that_is_not_believed_is_counted_by_its_kind(sites):
    audited, _ = sites
    audited.begin()
    outside = audited.lab.host("outside")
    now = int(time.time())

    def said(path):
        with Prober(outside, audited.host.address, audited.key) as prober:
            return prober.say(f"MAIL FROM:{path}").code

    good = audited.key.hello(CANARY)[0]
    local = good[1:].split("@")[0]
    for path, code in [
            (good, 550),
            (good, 250),                                          # repeated
            (audited.key.hello(CANARY, time=now - 700)[0], 550),  # its clock
            (audited.key.hello(CANARY, time=now + 200)[0], 550),
            (tokens.Key(b"x" * 32).hello(CANARY)[0], 250),        # forged
            (f"<{local}@example.net>", 250),                      # forged: another domain
            (f"<{local[:-1]}@{CANARY}>", 250),                    # no token at all
            (good.upper(), 250)]:
        assert said(path) == code, path
    with Prober(outside, audited.host.address, audited.key) as prober:
        prober.hello()
        prober.mail()
        ask = prober.path()
    with Prober(outside, audited.host.address, audited.key) as prober:
        prober.hello()
        prober.mail()
        own = prober.path(recipient="<{}@example.org>")
        # Another connection's, and one of this for another domain.
        for wrong in (ask, own.replace("example.org", CANARY)):
            assert prober.say(f"RCPT TO:{wrong}").code == 250
        assert prober.say(f"RCPT TO:{own}").code == 250
        # Now it is audited, so nothing leads outside any more; still these are no asks.
        for wrong in (ask, ask):
            assert prober.rcpt(wrong)[0].code == 550
    counted = audited.end()
    assert counted["hellos"] == {"answered": 3, "repeated": 1, "clock": 2, "forged": 2}
    assert counted["asks"] == {"accepted": 1, "forged": 3, "unchecked": 1}


def test_a_call_out_that_carries_tokens_on_gains_nothing(sites):
    """Another MTA asks ours whether addresses exist, which are tokens: those of the sender and the
    recipient that somebody named to it. It calls from the trusted network."""
    audited, sibling = sites
    lab = sibling.lab
    (hello, _), (ask, *_), _ = audit(audited)
    caller = Postfix(lab, lab.host("insider"), name="caller", main={
        **OPEN, "transport_maps": f"inline:{{{CANARY}=smtp:[{sibling.host.address}]}}",
        "smtpd_sender_restrictions": "", "address_verify_poll_count": "20",
        "address_verify_poll_delay": "1s", "unverified_sender_reject_code": "550",
        "smtpd_recipient_restrictions": "reject_unverified_sender reject_unverified_recipient"})
    caller.start()
    sibling.begin(probe_expected="1s")
    sibling.milter.wait_for_alert(kind="probe-missing", state="opened")
    fresh = sibling.key.hello(CANARY, route=ROUTE)[0]
    mark = caller.logfile.mark()
    for sender in (fresh, hello, ask):
        with lab.host("mta").session(INSIDER) as session:
            session.hello()
            assert session.command(f"MAIL FROM:{sender}").code == 250
            assert session.command(f"RCPT TO:{ask}").code == 250
        caller.logfile.wait_for(re.escape(f"to={sender}") + ".*status=deliverable", since=mark)
    # Where the caller's own name for itself is a token, it is answered, and nothing follows.
    caller.set({"address_verify_sender": fresh[1:-1]})
    with lab.host("mta").session(INSIDER) as session:
        session.hello()
        session.command(f"MAIL FROM:<new@{CANARY}>")
        session.command(f"RCPT TO:<new@{CANARY}>")
    caller.logfile.wait_for(f"to=<new@{CANARY}>.*status=undeliverable.*rwo1,hello,", since=mark)
    assert sibling.masked() == ""
    assert sibling.states("probe-missing") == ["opened"]
    assert sibling.alerts("client-address-hidden") == []
    counted = sibling.end()
    assert counted["hellos"].get("answered") == 1 and counted["asks"] == {}
    caller.stop()


def test_a_message_with_a_used_token_as_sender_passes_a_content_filter(sites):
    """It comes back from the content filter to the same MTA and the same filter: an ordinary
    message both times."""
    audited, _ = sites
    host = audited.host
    relay(host, 10025, ("127.0.0.1", 10026), address="127.0.0.1")
    audited.postfix.set({"content_filter": "smtp:[127.0.0.1]:10025"}, listen=[
        "25", ("127.0.0.1:10026", {"content_filter": ""})])
    host.wait_listening(10026)
    audited.begin(probe_expected="1s")
    audited.milter.wait_for_alert(kind="probe-missing", state="opened")
    with Prober(audited.lab.host("outside"), host.address, audited.key) as prober:
        prober.hello()
        used = prober.last_hello
        prober.mail()
        ask = prober.path(tokens.HIDDEN)
    mark = audited.postfix.logfile.mark()
    replies = audited.lab.host("outside").smtp(host.address, [
        "EHLO client.example.net", f"MAIL FROM:{used}", "RCPT TO:<u@example.org>",
        f"RCPT TO:{ask}", "DATA", "Subject: x\n\nx\n", "QUIT"])
    assert [reply.code for reply in replies[2:7]] == [250, 250, 250, 354, 250]
    log = audited.postfix.logfile
    log.wait_for(r"to=<u@example\.org>.*relay=127\.0\.0\.1.*status=sent", since=mark)
    log.wait_for(r"to=<u@example\.org>.*relay=none.*status=sent", since=mark)
    log.wait_for(re.escape(f"to={ask}") + r".*relay=outside\.example\.net.*status=sent", since=mark)
    wait_until(lambda: audited.postfix.queue() == [], 10, "the queue to be empty")
    assert audited.masked() == ""
    assert audited.states("probe-missing") == ["opened"]
    counted = audited.end()
    assert counted["hellos"] == {"answered": 1, "repeated": 2}
    assert counted["asks"] == {}
    # Told as what it is: a stranger's mail for elsewhere. The way back is the host's own.
    assert counted["recipients"]["none,external,accepted"] == 1
    audited.postfix.set({"content_filter": None}, listen=["25"])
