"""Everything that leaves the probe's host during an audit: every packet, every command, every question of DNS.

Nothing goes to an address that was not configured, named or looked up for such a name, nobody is
asked for a mailbox but the canary's, as the techniques write it, and the site's own, and no message
is ever begun.
"""

import re

import pytest

from lab import Config, Dns, Postfix, Server, Sink, pointer, probe
from lab.dns import DEFAULT_RECORDS
from lab.wire import Wire, question

V4, V6 = "203.0.113.25", "2001:db8:113::25"
CANARY = "canary@outside.example.net"
ZONE = "bl.example.net"
LISTED = pointer(V4, "x")[0].rsplit(".", 2)[0] + "." + ZONE
# A host that servers and DNS speak of, and that nobody configured.
BYSTANDER, BYSTANDER_NAME = "192.0.2.66", "bystander.example.net"
RECORDS = [("2.0.0.127." + ZONE, "A", "127.0.0.2"), (LISTED, "A", "127.0.0.2"),
           (LISTED, "TXT", f'"see https://{BYSTANDER_NAME}/why"'),
           (BYSTANDER_NAME, "A", BYSTANDER), (BYSTANDER_NAME, "MX", f"10 {BYSTANDER_NAME}.")]
# ICMPv6 that a host says on its own link: neighbour discovery and group membership (RFC 4861, 3810).
LINK_TALK = {133, 134, 135, 136, 143}


class World:
    """A server, a nameserver, a sink where relayed mail would arrive, and a bystander."""

    def __init__(self, lab):
        self.outside, self.mx = lab.host("outside"), lab.host("mx")
        self.bystander = lab.host("bystander", addresses=[BYSTANDER])
        self.dns = Dns(lab, records=RECORDS).start()
        self.sink = Sink(lab).start()
        self.resolver = set(self.dns.host.addresses)
        # Postfix slows down by itself when it takes more envelopes than leave its queue.
        self.closed = {"mynetworks": "127.0.0.0/8", "default_transport": "smtp",
                       "in_flow_delay": "0"}
        self.postfix = Postfix(lab, self.mx, main=self.closed).start()

    def watch(self, *targets, name="probe", **keywords):
        """Audits, with state by name; returns the result and what left meanwhile."""
        probe_section = {"dnsbl": [ZONE], **keywords.pop("probe", {})}
        with Wire(self.outside) as wire:
            checked = probe(self.outside, *targets,
                            config=Config(probe=probe_section, **keywords), name=name)
        return checked, wire


@pytest.fixture(scope="module")
def world(shared_lab):
    return World(shared_lab)


def commands(wire):
    """Every line that was said to an SMTP server, in order a connection."""
    lines = []
    for (_, port, _), octets in wire.streams().items():
        if port != 53:
            assert octets.endswith(b"\r\n") and b"\n" not in octets.replace(b"\r\n", b"")
            lines += octets.decode("ascii").split("\r\n")[:-1]
    return lines


def check_places(world, wire, places):
    """Packets go to these (address, port) pairs and to the resolver alone."""
    asked = wire.destinations("tcp", "udp")
    smtp = {where for where in asked if where[1] != 53}
    assert smtp == set(places)
    assert {address for address, port in asked if port == 53} <= world.resolver
    known = {address for address, _ in places} | world.resolver
    assert {packet.destination for packet in wire.packets if packet.kind == "arp"} <= known
    strange = [packet for packet in wire.packets if packet.kind not in ("tcp", "udp", "arp")
               and not (packet.kind == "icmp6" and packet.number in LINK_TALK)]
    assert strange == []


def check_words(wire, own=("example.org",), hosts=("mx.example.org",), literals=(V4,)):
    """No message, and no domain but the canary's and those that are the target's."""
    said = commands(wire)
    verbs = {line.split()[0].upper().split(":")[0] for line in said}
    assert verbs <= {"EHLO", "HELO", "MAIL", "RCPT", "RSET", "STARTTLS", "QUIT"}
    paths = [line.split(":", 1)[1] for line in said if line.upper().startswith("RCPT TO:")]
    assert any("canary" in path for path in paths)
    domains = {"outside.example.net", *own, *hosts, *("relaywarden." + name for name in own),
               *(name + ".outside.example.net" for name in own)}
    # Also our own end's: an outside host is asked for by its literal, and this one is nobody else.
    numbers = {*literals, "198.51.100.7", "2001:db8:51::7"}
    for path in paths:
        for name in re.findall(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]+", path.lower()):
            assert name in domains, path
        for literal in re.findall(r"\[(?:ipv6:)?([^\]]+)\]", path.lower()):
            assert literal in numbers, path
        local = re.sub(r"^<@(\[[^\]]*\]|[^:]*):", "<", path)  # without a source route
        assert re.match(r'[ <"]*(canary|postmaster|outside\.example\.net[!=]canary|relaywarden-nobody|'
                        r'(SRS[01]|prvs)[=+-][^@]*=canary(=[^@]*)?@example\.org>)', local,
                        re.IGNORECASE), path


def check_questions(wire, *ends):
    """Names are asked of DNS only if they end in one of these."""
    asked = {question(packet.octets) for packet in wire.packets
             if packet.kind == "udp" and packet.port == 53}
    assert asked and {name for name in asked if not name.endswith(ends)} == set()


def test_an_audit_of_a_configured_target_reaches_it_and_the_resolver_alone(world):
    checked, wire = world.watch()
    assert {one["verdict"] for one in checked.report["endpoints"]} == {"closed"}
    assert "blocklisted" in {kind["kind"] for one in checked.report["endpoints"]
                             for kind in one["findings"]}
    check_places(world, wire, [(V4, 25), (V6, 25)])
    check_words(wire, literals=(V4, V6))
    check_questions(wire, "example.org", ".in-addr.arpa", ".ip6.arpa", "." + ZONE)


def test_an_open_relay_is_found_and_nothing_is_sent_through_it(world):
    world.postfix.set({"mynetworks": "0.0.0.0/0 [::]/0"})
    checked, wire = world.watch("mx")
    world.postfix.set(world.closed)
    assert {one["verdict"] for one in checked.report["endpoints"]} == {"open"}
    check_places(world, wire, [(V4, 25), (V6, 25)])
    check_words(wire, literals=(V4, V6))
    assert world.postfix.queue() == []
    assert world.sink.messages() == []


def messages(wire):
    """The recipients that every message which was begun had."""
    found = []
    for octets in wire.streams().values():
        recipients = []
        for line in octets.decode("ascii").split("\r\n"):
            verb = line.upper().split(":")[0]
            if verb == "RCPT TO":
                recipients.append(line.split(":", 1)[1].strip())
            elif verb == "DATA" or verb.startswith("BDAT"):
                found.append(recipients)
            elif verb.split(" ")[0] in ("MAIL FROM", "RSET", "EHLO", "MAIL"):
                recipients = []
    return found


def test_a_message_as_proof_goes_to_the_canary_alone(world):
    assert messages_of(world, "closed") == []
    world.postfix.set({"mynetworks": "0.0.0.0/0 [::]/0"})
    sent = messages_of(world, "open")
    world.postfix.set(world.closed)
    assert sent and {tuple(recipients) for recipients in sent} == {(f"<{CANARY}>",)}
    world.sink.wait_for_recipient(CANARY)
    assert set(world.sink.recipients()) == {CANARY}


def messages_of(world, verdict):
    checked, wire = world.watch("mx", probe={"proof": "data"}, name="proof")
    assert {one["verdict"] for one in checked.report["endpoints"]} == {verdict}
    check_places(world, wire, [(V4, 25), (V6, 25)])
    return messages(wire)


@pytest.mark.parametrize("word,places", [
    (V4, [(V4, 25)]),
    (f"{V4}:2525", [(V4, 2525)]),
    (f"[{V6}]:25", [(V6, 25)]),
    ("mx.example.org", [(V4, 25), (V6, 25)]),
    ("domain:example.org", [(V4, 25), (V6, 25)]),
])
def test_a_target_on_the_command_line_is_all_that_is_asked(world, word, places):
    """The configured one is not, nor any other port or address of its host."""
    others = {"other": {"host": BYSTANDER, "ports": [25]}}
    checked, wire = world.watch(word, targets=others)
    assert len(checked.report["endpoints"]) == len(places)
    check_places(world, wire, places)
    if checked.report["worst"] != "unreachable":
        assert checked.report["worst"] == "closed"
        check_words(wire, literals=(V4, V6))
    check_questions(wire, "example.org", ".in-addr.arpa", ".ip6.arpa", "." + ZONE)


def talkative(connection):
    """Speaks of a bystander wherever a server may name somebody."""
    replies = {"MAIL": "250 2.1.0 ok, see http://" + BYSTANDER,
               "RCPT": f"551 5.7.1 User not local; please try <canary@{BYSTANDER_NAME}>",
               "QUIT": "221 bye"}
    hello = [f"250-{BYSTANDER_NAME}", f"250-AUTH {BYSTANDER}", "250-PIPELINING", "250 DSN"]
    connection.sendall(f"220 {BYSTANDER_NAME} ESMTP {BYSTANDER_NAME}\r\n".encode())
    with connection.makefile("rb") as lines:
        for line in lines:
            verb = line.split()[0].decode().upper()
            answer = "\r\n".join(hello) if verb == "EHLO" else replies.get(verb, "250 ok")
            connection.sendall(answer.encode() + b"\r\n")


def test_what_a_server_or_dns_names_is_not_followed(world):
    records = [record for record in DEFAULT_RECORDS if record[0] != pointer(V4, "x")[0]]
    world.dns.replace([*records, *RECORDS, pointer(V4, BYSTANDER_NAME)], defaults=False)
    with Server(world.mx, 2526, talkative):
        _, wire = world.watch(targets={"talk": {"host": V4, "ports": [2526]}})
    world.dns.replace([*DEFAULT_RECORDS, *RECORDS], defaults=False)
    check_places(world, wire, [(V4, 2526)])
    # A target without a name is called what it calls itself, to itself.
    check_words(wire, hosts=(BYSTANDER_NAME,))
    check_questions(wire, "example.org", BYSTANDER_NAME, ".in-addr.arpa", "." + ZONE)


def test_a_configured_resolver_is_the_only_one_that_is_asked(world):
    own = world.dns.host.address
    _, wire = world.watch("mx", probe={"resolvers": [own + ":53"]})
    assert {address for address, port in wire.destinations("tcp", "udp") if port == 53} == {own}
