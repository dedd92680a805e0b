"""Each technique against a real Postfix that falls for it, and for what it falls for alone."""

import pytest

from lab import Config, Dns, Postfix, probe
from site_of_tests import CLOSED, endpoint, outcomes

CANARY = "canary@outside.example.net"
TLS = {"smtpd_tls_security_level": "may"}


class Server:
    """A Postfix on the lab's internet that each test opens in its own way, and a probe outside."""

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab).start()
        self.postfix = Postfix(lab, self.mx, main={"smtpd_relay_restrictions": CLOSED})
        self.plain_main = dict(self.postfix.main)
        self.postfix.start()

    def set_up(self, main=None):
        self.postfix.main = {**self.plain_main, **(main or {})}
        self.postfix.write()
        self.postfix.reload()

    def open_to(self, restriction, table, kind="texthash", **main):
        """Closed, but that one lookup in front answers OK."""
        name = self.postfix.table("open", table, kind=kind)
        self.set_up({"smtpd_relay_restrictions": f"{restriction} {name} {CLOSED}", **main})

    def users(self, *more):
        """Local mailboxes: not every one is taken."""
        return self.postfix.table("users", {name: "x" for name in ("postmaster", *more)})

    def probe(self, target="mx"):
        targets = {"mx": {"domain": "example.org", "ports": [25]}}
        return endpoint(probe(self.outside, target, config=Config(targets=targets)))



def granted(entry):
    return sorted(technique["id"] for technique in entry["techniques"]
                  if technique["outcome"] == "accepted" and technique["control"] != "accepted")


@pytest.fixture(scope="module")
def server(shared_lab):
    return Server(shared_lab)


# ---- closed ----

# Users of the own domain to a server that does not know their form; this one takes any user.
USERS = {"srs0", "srs0-plus", "srs0-minus", "srs1", "batv", "equals"}


def test_a_closed_postfix_refuses_every_technique(server):
    server.set_up()
    mark = server.postfix.logfile.mark()
    entry = server.probe()
    assert entry["verdict"] == "closed"
    assert granted(entry) == []
    asked = [technique for technique in entry["techniques"] if technique["outcome"]]
    assert len(asked) >= 30
    assert {technique["outcome"] for technique in asked if technique["id"] not in USERS} == {
        "relay-denied"}
    log = server.postfix.log(mark)
    assert not [line for line in log if "lost connection" in line or "improper" in line]


def test_no_connection_has_more_than_eight_refusals(server):
    server.set_up()
    mark = server.postfix.logfile.mark()
    server.probe()
    refused, most = {}, 0
    for line in server.postfix.log(mark):
        if "postfix/smtpd[" not in line:
            continue
        process = line.split("postfix/smtpd[")[1].split("]")[0]
        if ": connect from" in line:
            refused[process] = 0
        if ": reject: " in line:
            refused[process] += 1
            most = max(most, refused[process])
    assert most == 8


def test_two_connections_at_once_and_no_more(server):
    server.set_up({"smtpd_client_connection_count_limit": 2})
    mark = server.postfix.logfile.mark()
    assert server.probe()["verdict"] == "closed"
    assert not [line for line in server.postfix.log(mark) if "Connection concurrency" in line]


def test_a_server_that_takes_one_connection_at_a_time_is_asked_on_one(server):
    server.set_up({"smtpd_client_connection_count_limit": 1})
    entry = server.probe()
    assert entry["verdict"] == "closed"
    assert len([one for one in entry["techniques"] if one["outcome"] == "relay-denied"]) >= 30
    assert [finding["kind"] for finding in entry["findings"]] == []


def test_without_pipelining_the_answers_are_the_same(server):
    server.set_up({"smtpd_discard_ehlo_keywords": "pipelining, dsn, smtputf8"})
    entry = server.probe()
    assert entry["verdict"] == "closed"
    asked = [technique for technique in entry["techniques"] if technique["outcome"]]
    assert len(asked) >= 30
    assert {technique["outcome"] for technique in asked if technique["id"] not in USERS} == {
        "relay-denied"}
    assert outcomes(entry)["notify"] is None


# ---- who writes ----

SENDERS = [
    ("<>", ["null-sender"]),
    ("postmaster@example.org", ["bang-sender", "own-sender"]),
    ("canary@example.org", ["own-user-sender"]),
    ("example.org", ["bang-sender", "bare-sender", "host-sender", "own-sender", "own-user-sender"]),
    ("postmaster@[203.0.113.25]", ["literal-sender"]),
    # An address without a domain gets $myorigin before it is looked up.
    ("postmaster@mx.example.org", ["bare-sender", "host-sender"]),
    ("postmaster@localhost", ["localhost-sender"]),
]


@pytest.mark.parametrize("sender, ids", SENDERS, ids=[sender for sender, _ in SENDERS])
def test_a_trusted_sender(server, sender, ids):
    server.open_to("check_sender_access", {sender: "OK"})
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("open", "sender-trusted")
    assert granted(entry) == ids
    assert "check_sender_access" in entry["fix"]


def test_a_trusted_sender_without_a_domain(server):
    server.open_to("check_sender_access", {"postmaster@origin.test": "OK"}, myorigin="origin.test")
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("open", "sender-trusted")
    assert granted(entry) == ["bare-sender"]


@pytest.mark.parametrize("name, host, ids", [
    ("mail.example.org", "mail.example.org", ["bare-sender", "greeted-sender"]),
    ("203.0.113.25", "mail.example.org", ["bare-sender", "host-sender"]),
], ids=["another name", "no other name"])
def test_a_trusted_sender_at_the_name_in_the_greeting(server, name, host, ids):
    server.open_to("check_sender_access", {f"postmaster@{host}": "OK"}, myhostname=host)
    entry = server.probe("mx" if name == host else name)
    assert (entry["verdict"], entry["cause"]) == ("open", "sender-trusted")
    assert granted(entry) == ids


def test_trust_in_the_outside_sender_alone(server):
    server.open_to("check_sender_access", {"outside.example.net": "OK"})
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("open", "sender-trusted")
    assert outcomes(entry)["plain"] == "accepted"
    assert outcomes(entry)["own-sender"] == "relay-denied"


# ---- who asks ----

GREETINGS = [("example.org", "helo-own"), ("mx.example.org", "helo-host"),
             ("localhost", "helo-localhost"), ("[203.0.113.25]", "helo-literal")]


@pytest.mark.parametrize("name, technique", GREETINGS, ids=[name for _, name in GREETINGS])
def test_a_trusted_greeting(server, name, technique):
    pattern = "/^" + name.replace(".", r"\.").replace("[", r"\[").replace("]", r"\]") + "$/"
    server.open_to("check_helo_access", {pattern: "OK"}, kind="regexp")
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("open", "helo-trusted")
    assert granted(entry) == [technique]
    assert "check_helo_access" in entry["fix"]


def test_trust_in_the_probes_own_greeting_alone(server):
    server.open_to("check_helo_access", {"probe.example.net": "OK"})
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("open", "helo-trusted")


# ---- the form of the recipient ----

HOSTED = "example.org, mx.example.org, localhost"
# Postfix unwraps each of these by itself, and asks whether what is inside may be relayed to. With
# that turned off, the form is a local mailbox, which it takes if it is told that there is one.
WRAPPED = {"allow_percent_hack": "no", "swap_bangpath": "no", "resolve_dequoted_address": "no",
           "resolve_null_domain": "yes", "allow_untrusted_routing": "yes",
           "mydestination": HOSTED}
PERCENT, BANG, AT = ("canary%outside.example.net", "outside.example.net!canary",
                     "canary@outside.example.net")
FORMS = [
    (f"{PERCENT}@example.org", ["percent-hack", "quoted-percent-own"]),
    (f"{PERCENT}@[203.0.113.25]", ["percent-literal"]),
    (f"{PERCENT}@mx.example.org", ["percent-bare", "percent-host", "quoted-percent"]),
    (f"{BANG}@example.org", ["bang-own"]),
    (f"{BANG}@[203.0.113.25]", ["bang-literal"]),
    (f"{BANG}@mx.example.org", ["bang-host", "bang-path"]),
    (f"{AT}@example.org", ["double-at", "quoted"]),
    (f"{AT}@[203.0.113.25]", ["double-at-literal", "quoted-literal"]),
    (f"{AT}@mx.example.org", ["double-at-host", "quoted-host", "trailing-at"]),
]


@pytest.mark.parametrize("mailbox, ids", FORMS, ids=[ids[0] for _, ids in FORMS])
def test_a_form_that_is_taken_where_its_twin_is_not(server, mailbox, ids):
    server.set_up({**WRAPPED, "local_recipient_maps": server.users(mailbox)})
    entry = server.probe()
    assert granted(entry) == ids
    assert (entry["verdict"], entry["cause"]) == ("open", "routing-form")
    assert outcomes(entry)["plain"] == "relay-denied"


def test_the_same_forms_where_every_mailbox_is_taken(server):
    server.set_up(WRAPPED)
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("suspected", "routing-form")
    assert granted(entry) == []


def test_a_form_that_passes_for_a_subdomain(server):
    # Postfix does not believe an OK for a routed address unless it is told to.
    server.open_to("check_recipient_access",
                   {r"/%outside\.example\.net@relaywarden\.example\.org$/": "OK"}, kind="regexp",
                   allow_untrusted_routing="yes")
    entry = server.probe()
    assert granted(entry) == ["percent-subdomain"]
    assert (entry["verdict"], entry["cause"]) == ("open", "routing-form")


def test_every_subdomain_taken_is_suspected_of_a_wide_destination(server):
    server.set_up({"relay_domains": "relaywarden.example.org", "allow_untrusted_routing": "yes"})
    entry = server.probe()
    assert outcomes(entry)["percent-subdomain"] == "accepted"
    assert entry["verdict"] == "suspected"


def test_routed_mail_for_a_second_host_is_suspected(server):
    # That host's treatment of it is not to be seen from here.
    server.set_up({"allow_untrusted_routing": "yes", "mydestination": "localhost",
                   "relay_domains": "example.org"})
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("suspected", "routing-form")
    assert outcomes(entry)["percent-hack"] == "accepted"
    assert outcomes(entry)["plain"] == "relay-denied"


def test_a_domain_that_takes_every_mailbox_is_no_open_relay(server):
    server.set_up({"allow_percent_hack": "no", "swap_bangpath": "no"})
    entry = server.probe()
    assert entry["verdict"] in ("closed", "suspected")
    assert not [technique["id"] for technique in entry["techniques"]
                if technique["outcome"] == "accepted" and technique["control"] != "accepted"]


# ---- the destination ----

def test_any_address_literal_for_a_destination(server):
    server.open_to("check_recipient_access", {r"/@\[198\.51\.100\.7\]$/": "OK"}, kind="regexp",
                   local_recipient_maps=server.users())
    entry = server.probe()
    assert granted(entry) == ["outside-literal"]
    assert (entry["verdict"], entry["cause"]) == ("open", "destination-too-wide")


@pytest.mark.parametrize("domains", [
    "static:all", r"inline:{ outside.example.net=x }", "example.net",
])
def test_relay_domains_that_are_too_wide(server, domains):
    server.set_up({"relay_domains": domains})
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("open", "destination-too-wide")
    assert outcomes(entry)["plain"] == "accepted"
    assert "relay_domains" in entry["fix"]


def test_trusting_the_client_is_told_from_a_wide_destination(server):
    server.set_up({"mynetworks": "0.0.0.0/0"})
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("open", "unconditional")


# ---- TLS ----

def with_tls(server, **main):
    certificate, key = server.lab.certificate()
    return {"smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key, **TLS, **main}


def test_a_closed_server_with_starttls_is_asked_in_the_clear_too(server):
    server.set_up(with_tls(server))
    entry = server.probe()
    assert (entry["verdict"], entry["tls"]) == ("closed", "starttls")
    assert outcomes(entry)["before-starttls"] == "relay-denied"


def test_a_server_that_demands_tls_is_closed_without_a_doubt(server):
    server.set_up(with_tls(server, smtpd_tls_security_level="encrypt"))
    entry = server.probe()
    assert entry["verdict"] == "closed"
    assert outcomes(entry)["before-starttls"] == "tls-required"
    assert "no clear answer" not in entry["why"]


def test_open_inside_tls_alone(server):
    server.set_up(with_tls(
        server, smtpd_sender_restrictions="reject_plaintext_session", mynetworks="0.0.0.0/0"))
    entry = server.probe()
    assert (entry["verdict"], entry["cause"]) == ("open", "unconditional")
