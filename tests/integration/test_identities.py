"""Identities that a stranger can choose: anonymous log-ins, XCLIENT, PROXY headers, against real servers."""

import select

import pytest

from lab import Config, Dns, Postfix, Sasl, Server as Played, probe
from site_of_tests import CLOSED, endpoint, outcomes

ANONYMOUS = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_security_options": ""}
HAPROXY = {"smtpd_upstream_proxy_protocol": "haproxy"}
XCLIENT = ["xclient-loopback", "xclient-server", "xclient-login"]
PROXY = ["proxy-v1", "proxy-v2", "proxy-v1-server", "proxy-v2-server"]


class Server:
    """A Postfix on the lab's internet that each test sets up in its own way, and a probe outside."""

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab).start()
        sasl = Sasl(lab, mechanisms="PLAIN ANONYMOUS").user("joe", "secret")
        self.postfix = Postfix(lab, self.mx, sasl=sasl, main={
            "smtpd_relay_restrictions": CLOSED, "smtpd_sasl_auth_enable": "no",
            # Recipients that are accepted and then reset count as mail that is not delivered.
            "in_flow_delay": "0"})
        self.plain_main = dict(self.postfix.main)
        self.postfix.start()

    def set_up(self, main=None, listen=None):
        self.postfix.main = {**self.plain_main, **(main or {})}
        options = listen or {}
        if self.postfix.listen != [("25", options)]:
            self.postfix.listen = [("25", options)]
        self.postfix.write()
        self.postfix.reload()

    def probe(self, host=None, target=None, **settings):
        target = target or {"domain": "example.org", "ports": [25]}
        config = Config(targets={"mx": target}, probe=settings)
        return probe(host or self.outside, "mx", config=config)


@pytest.fixture(scope="module")
def server(shared_lab):
    return Server(shared_lab)


def kinds(entry):
    return {finding["kind"]: finding["severity"] for finding in entry["findings"]}


# ---- AUTH ANONYMOUS ----

def test_an_anonymous_log_in_that_opens_nothing_is_a_note(server):
    server.set_up(ANONYMOUS)
    mark = server.postfix.logfile.mark()
    checked = server.probe()
    entry = endpoint(checked)
    assert entry["verdict"] == "closed"
    assert outcomes(entry)["auth-anonymous"] == "relay-denied"
    assert kinds(entry)["anonymous-auth"] == "info"
    # It was let in, and refused all the same.
    assert [line for line in server.postfix.log(mark) if "auth=1 mail=1 rcpt=0/1" in line]


def test_an_anonymous_log_in_that_opens_what_is_closed(server):
    users = server.postfix.table("users", {"/./": "permit"}, kind="regexp")
    server.set_up({**ANONYMOUS, "smtpd_relay_restrictions":
                   f"permit_mynetworks check_sasl_access {users} reject_unauth_destination"})
    checked = server.probe()
    entry = endpoint(checked)
    assert outcomes(entry)["plain"] == "relay-denied"
    assert outcomes(entry)["auth-anonymous"] == "accepted"
    assert (entry["verdict"], entry["cause"]) == ("open", "anonymous-auth")
    assert kinds(entry)["anonymous-auth"] == "critical"
    assert "noanonymous" in entry["fix"]
    assert checked.code == 2


def test_no_log_in_is_tried_that_is_not_offered(server):
    server.set_up({"smtpd_sasl_auth_enable": "yes"})
    entry = endpoint(server.probe())
    assert outcomes(entry)["auth-anonymous"] is None
    assert "anonymous-auth" not in kinds(entry)


# ---- XCLIENT ----

def test_xclient_for_strangers_opens_a_closed_server(server):
    server.set_up({"smtpd_authorized_xclient_hosts": "0.0.0.0/0", "smtpd_sasl_auth_enable": "yes"})
    checked = server.probe()
    entry = endpoint(checked)
    assert outcomes(entry)["plain"] == "relay-denied"
    assert [outcomes(entry)[name] for name in XCLIENT] == ["accepted", "relay-denied", "accepted"]
    assert (entry["verdict"], entry["cause"]) == ("open", "xclient")
    assert kinds(entry)["xclient-exposed"] == "critical"
    assert "smtpd_authorized_xclient_hosts" in entry["fix"]
    assert checked.code == 2


def test_the_servers_own_address_is_claimed_too(server):
    server.set_up({"smtpd_authorized_xclient_hosts": "0.0.0.0/0",
                   "mynetworks": "203.0.113.25/32"})
    entry = endpoint(server.probe())
    # The site takes any local part of its own, so a form with the canary in one shows nothing.
    granted = [asked["id"] for asked in entry["techniques"]
               if asked["outcome"] == "accepted" and asked["control"] != "accepted"]
    assert granted == ["xclient-server"]
    assert entry["why"].endswith("Granted: xclient-server.")
    assert (entry["verdict"], entry["cause"]) == ("open", "xclient")


def test_xclient_that_nobody_is_offered_is_not_said(server):
    server.set_up()
    entry = endpoint(server.probe())
    assert {outcomes(entry)[name] for name in XCLIENT} == {None}
    assert "xclient-exposed" not in kinds(entry)


def test_from_inside_xclient_is_left_alone(server):
    server.set_up({"smtpd_authorized_xclient_hosts": "198.51.100.7"})
    entry = endpoint(server.probe(vantage="inside"))
    assert entry["verdict"] == "closed"
    assert {outcomes(entry)[name] for name in XCLIENT} == {None}
    assert "xclient-exposed" not in kinds(entry)


# ---- a claimed vantage ----

CLAIMED = {"vantage": "claimed", "claim": "198.51.100.99"}
AUTHORISED = {"smtpd_authorized_xclient_hosts": "203.0.113.25, [2001:db8:113::25]"}


def test_a_claimed_stranger_is_refused_by_a_closed_server(server):
    server.set_up(AUTHORISED)
    mark = server.postfix.logfile.mark()
    checked = server.probe(server.mx, **CLAIMED)
    entry = endpoint(checked)
    assert entry["verdict"] == "closed"
    assert len([one for one in outcomes(entry).values() if one == "relay-denied"]) >= 30
    assert {outcomes(entry)[name] for name in XCLIENT} == {None}
    assert kinds(entry) == {}
    assert "claimed by XCLIENT" in entry["notes"][0]
    assert checked.report["vantage"] == {"declared": "claimed", "sources": ["198.51.100.99"]}
    rejected = [line for line in server.postfix.log(mark) if ": reject: RCPT" in line]
    assert rejected and all("from unknown[198.51.100.99]" in line for line in rejected)
    assert checked.code == 0


def test_a_claimed_stranger_is_let_in_by_an_open_server(server):
    server.set_up({**AUTHORISED, "mynetworks": "127.0.0.0/8 198.51.100.0/24"})
    checked = server.probe(server.mx, **CLAIMED)
    entry = endpoint(checked)
    assert (entry["verdict"], entry["cause"]) == ("open", "unconditional")
    assert "xclient-exposed" not in kinds(entry)
    assert checked.code == 2


def test_what_the_mail_host_itself_is_granted_is_not_what_strangers_are(server):
    server.set_up({"mynetworks": "127.0.0.0/8 203.0.113.25/32 [2001:db8:113::25]/128"})
    checked = server.probe(server.mx, **CLAIMED)
    entry = endpoint(checked)
    assert entry["verdict"] == "inconclusive"
    assert "XCLIENT is not offered to 203.0.113.25" in entry["why"]
    assert "smtpd_authorized_xclient_hosts" in entry["fix"]
    assert set(outcomes(entry).values()) == {None}
    assert checked.code == 3


def test_an_address_is_claimed_inside_tls_and_in_the_clear(server):
    certificate, key = server.lab.certificate()
    server.set_up({**AUTHORISED, "smtpd_tls_security_level": "may",
                   "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key,
                   "mynetworks": "203.0.113.25/32"})
    entry = endpoint(server.probe(server.mx, **CLAIMED))
    assert (entry["verdict"], entry["tls"]) == ("closed", "starttls")
    assert outcomes(entry)["before-starttls"] == "relay-denied"
    assert outcomes(entry)["helo-own"] == "relay-denied"


def test_an_ipv6_address_is_claimed_over_ipv4(server):
    server.set_up({**AUTHORISED, "mynetworks": "[2001:db8:77::]/64"})
    entry = endpoint(server.probe(server.mx, vantage="claimed", claim="2001:db8:77::9"))
    assert entry["verdict"] == "open"
    entry = endpoint(server.probe(server.mx, vantage="claimed", claim="2001:db8:78::9"))
    assert entry["verdict"] == "closed"


# ---- PROXY ----

def test_a_proxy_listener_for_strangers_is_open(server):
    server.set_up(listen=HAPROXY)
    checked = server.probe()
    entry = endpoint(checked)
    assert [outcomes(entry)[name] for name in PROXY] == ["accepted", "accepted",
                                                         "relay-denied", "relay-denied"]
    assert (entry["verdict"], entry["cause"]) == ("open", "proxy-protocol")
    assert kinds(entry)["proxy-protocol-exposed"] == "critical"
    assert outcomes(entry)["plain"] is None
    assert checked.code == 2
    assert checked.report["seconds"] < 9


def test_a_proxy_listener_that_trusts_neither_claim_is_exposed_all_the_same(server):
    server.set_up({"mynetworks": "10.1.2.3/32"}, listen=HAPROXY)
    checked = server.probe()
    entry = endpoint(checked)
    assert {outcomes(entry)[name] for name in PROXY} == {"relay-denied"}
    assert entry["verdict"] == "inconclusive"
    assert kinds(entry)["proxy-protocol-exposed"] == "critical"
    assert "service-refused" not in kinds(entry)
    assert checked.code == 2


def test_a_proxy_header_inside_which_tls_begins(server):
    certificate, key = server.lab.certificate()
    server.set_up(listen={**HAPROXY, "smtpd_tls_wrappermode": "yes",
                          "smtpd_tls_security_level": "encrypt",
                          "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key})
    checked = server.probe(target={"domain": "example.org", "ports": [25], "tls": "implicit"})
    entry = endpoint(checked)
    assert (entry["verdict"], entry["cause"], entry["tls"]) == ("open", "proxy-protocol", "implicit")


def test_a_greeting_server_is_sent_no_header(server):
    server.set_up()
    mark = server.postfix.logfile.mark()
    entry = endpoint(server.probe())
    assert {outcomes(entry)[name] for name in PROXY} == {None}
    assert not [line for line in server.postfix.log(mark) if "PROXY" in line or "improper" in line]


def test_a_proxy_listener_that_strangers_do_not_reach_is_not_exposed(server):
    server.set_up(listen=HAPROXY)
    server.mx.run(["nft", "-f", "-"], input="""table inet guard {
        chain input {
            type filter hook input priority 0
            tcp dport 25 drop
        }
    }
    """)
    try:
        entry = endpoint(server.probe(timeout="12s"))
    finally:
        server.mx.run(["nft", "delete", "table", "inet", "guard"])
    assert entry["verdict"] == "unreachable"
    assert "proxy-protocol-exposed" not in kinds(entry)


def test_a_postfix_without_relay_restrictions_takes_no_header_for_service(server):
    server.set_up({"smtpd_relay_restrictions": "permit_mynetworks",
                   "smtpd_recipient_restrictions": "permit_mynetworks"})
    try:
        entry = endpoint(server.probe())
    finally:
        server.set_up()
        server.postfix.restart()
    assert entry["verdict"] == "inconclusive"
    assert kinds(entry) == {"service-refused": "warning"}


# ---- servers that are played, for what no real one does ----

ANSWERS = {"EHLO": "250-slow.example.org\r\n250 HELP", "MAIL": "250 ok", "RSET": "250 ok",
           "RCPT": "554 5.7.1 Relay access denied", "QUIT": "221 bye"}


def slow_to_greet(seconds, heed=True):
    """A server that keeps its first client waiting: then the client's name is in its cache. Unless it
    heeds what comes before its greeting, it throws that away."""
    clients = []

    def handle(connection):
        clients.append(connection)
        if len(clients) == 1:
            select.select([], [], [], seconds)
        else:
            select.select([connection], [], [], 0.05)
        if not heed:
            connection.setblocking(False)
            try:
                connection.recv(4096)
            except BlockingIOError:
                pass
            connection.setblocking(True)
        connection.sendall(b"220 slow.example.org\r\n")
        for line in connection.makefile(encoding="latin-1", newline="\n"):
            answer = ANSWERS.get(line[:4], "502 5.5.2 what?")
            connection.sendall(answer.encode() + b"\r\n")

    return handle


@pytest.mark.parametrize("heed", [True, False], ids=["answers early words", "drops early words"])
def test_a_server_that_is_slow_to_greet_is_not_taken_for_a_proxy_listener(server, heed):
    second = server.lab.host("second", addresses=["192.0.2.1"])
    with Played(second, 25, slow_to_greet(3.5, heed)) as played:
        checked = probe(server.outside, "192.0.2.1", config=Config())
        assert not played.errors
    entry = endpoint(checked, "192.0.2.1")
    assert entry["verdict"] == "closed"
    assert {outcomes(entry)[name] for name in PROXY} == {None}
    assert "proxy-protocol-exposed" not in kinds(entry)
