"""Both halves on a real Postfix: what the probe and the filter find together."""

import os

import pytest

from lab import Config, Dns, Milter, Postfix, Server, probe, relay, wait_until

KEY = bytes(range(32, 96))
CLOSED = "permit_mynetworks permit_sasl_authenticated reject_unauth_destination"


def key_file(lab):
    path = os.path.join(lab.folder, "token.key")
    with open(path, "wb") as file:
        file.write(KEY)
    os.chmod(path, 0o600)
    return path


def bracketed(network):
    """As mynetworks has it."""
    address, slash, length = network.partition("/")
    return f"[{address}]{slash}{length}" if ":" in address else network


class Halves:
    """A Postfix on `host` with the filter, and the probe's configuration, both with one key."""

    def __init__(self, lab, host, networks=("127.0.0.0/8", "::1/128")):
        self.lab = lab
        self.networks = list(networks)
        self.key = key_file(lab)
        Dns(lab).start()
        self.postfix = Postfix(lab, lab.host(host), main={
            "mynetworks": " ".join(map(bracketed, self.networks)),
            "smtpd_relay_restrictions": CLOSED,
            "in_flow_delay": "0s"})
        self.milter = Milter(lab, lab.host(host), self.config(), postfix=self.postfix).start()
        self.postfix.start()
        self.postfix.attach()

    def config(self, **keywords):
        return Config(site={"trusted_networks": self.networks}, token_key_file=self.key, **keywords)

    def probe(self, *arguments, config=None, host="outside", **keywords):
        checked = probe(self.lab.host(host), *(arguments or ("203.0.113.25",)),
                        config=config or self.config(), **keywords)
        return checked, checked.report["endpoints"][0]


def kinds(entry):
    return {finding["kind"]: finding["severity"] for finding in entry["findings"]}


def test_a_closed_server_that_sees_its_clients_is_closed_and_says_so(lab):
    checked, entry = Halves(lab, "mx").probe()
    assert checked.code == 0, checked.out
    assert entry["verdict"] == "closed"
    assert entry["milter"]["observed"] is True
    assert entry["milter"]["client"] == "198.51.100.7"
    assert entry["milter"]["permission"] == "none"
    assert entry["milter"]["vantage"] == "verified"
    assert kinds(entry) == {}


def test_behind_a_masquerading_gateway_the_hidden_address_is_named(lab):
    lab.host("gateway")
    halves = Halves(lab, "mta", ["127.0.0.0/8", "172.22.0.0/16"])
    lab.nat(masquerade=True)
    checked, entry = halves.probe()
    assert checked.code == 2, checked.out
    assert (entry["verdict"], entry["proof"], entry["cause"]) == (
        "open", "observed", "client-address-hidden")
    assert entry["milter"]["client"] == "172.22.1.1"
    assert entry["milter"]["permission"] == "trusted-network"
    assert "172.22.0.0/16" in entry["why"]
    assert "masquerade" in entry["fix"]
    assert kinds(entry)["client-address-hidden"] == "critical"
    assert halves.postfix.queue() == []


def test_a_wide_open_server_is_proved_open_and_nothing_is_queued(lab):
    halves = Halves(lab, "mx")
    halves.postfix.set({"mynetworks": "0.0.0.0/0 [::]/0"})
    checked, entry = halves.probe()
    assert (checked.code, entry["verdict"], entry["proof"]) == (2, "open", "observed")
    assert entry["milter"]["client"] == "198.51.100.7"
    assert halves.postfix.queue() == []


def test_a_gateway_that_nobody_trusts_is_a_warning_and_is_asked_once(lab):
    lab.host("gateway")
    halves = Halves(lab, "mta")
    lab.nat(masquerade=True)
    checked, entry = halves.probe()
    assert entry["verdict"] == "inconclusive", checked.out
    assert kinds(entry)["client-address-hidden"] == "warning"
    assert [technique["id"] for technique in entry["techniques"] if technique["code"]] == ["plain"]
    assert "probe-blocked" not in kinds(entry)


def test_without_masquerading_the_same_gateway_is_closed_and_quiet(lab):
    lab.host("gateway")
    halves = Halves(lab, "mta", ["127.0.0.0/8", "172.22.0.0/16"])
    lab.nat(masquerade=False)
    checked, entry = halves.probe()
    assert (checked.code, entry["verdict"], entry["milter"]["vantage"]) == (0, "closed", "verified")
    assert kinds(entry) == {}


def test_from_inside_nothing_is_concluded_of_strangers(lab):
    halves = Halves(lab, "mx", ["127.0.0.0/8", "198.51.100.0/24"])
    checked, entry = halves.probe()
    assert entry["verdict"] == "inconclusive", checked.out
    assert kinds(entry) == {"vantage-inside": "warning"}
    assert entry["milter"]["vantage"] == "inside"


MX = {"mx": {"host": "203.0.113.25"}}


def test_a_filter_that_has_answered_and_is_silent_now_is_missing(lab):
    halves = Halves(lab, "mx")
    assert kinds(halves.probe("mx", config=halves.config(targets=MX))[1]) == {}
    halves.postfix.set({"smtpd_milters": ""})
    checked, entry = halves.probe("mx", config=halves.config(targets=MX))
    assert (checked.code, entry["verdict"]) == (1, "closed")
    assert kinds(entry) == {"milter-missing": "warning"}
    assert entry["milter"] == {"observed": False}
    alert, = [alert for alert in checked.alerts if alert["kind"] == "milter-missing"]
    assert alert["state"] == "opened"
    halves.postfix.attach()
    checked, entry = halves.probe("mx", config=halves.config(targets=MX))
    assert (checked.code, entry["milter"]["observed"]) == (0, True)
    assert checked.alerts[-1]["state"] == "resolved"


@pytest.mark.parametrize("expected, found", [
    ("true", {"milter-missing": "warning"}), ("false", {}), ("auto", {})])
def test_a_filter_that_never_answered_is_missing_only_where_it_is_expected(lab, expected, found):
    halves = Halves(lab, "mx")
    halves.postfix.set({"smtpd_milters": ""})
    targets = {"mx": {"host": "203.0.113.25", "expect_milter": expected}}
    assert kinds(halves.probe("mx", config=halves.config(targets=targets))[1]) == found


def test_with_another_key_nothing_is_believed(lab):
    halves = Halves(lab, "mx")
    other = os.path.join(lab.folder, "other.key")
    with open(other, "wb") as file:
        file.write(bytes(64))
    os.chmod(other, 0o600)
    checked, entry = halves.probe(config=Config(token_key_file=other))
    assert (checked.code, entry["verdict"], entry["milter"]["observed"]) == (0, "closed", False)


def test_an_address_of_ours_that_is_declared_is_no_hidden_one(lab):
    """The probe is behind NAT of its own: the MTA sees its gateway, which it knows."""
    lab.host("gateway")
    halves = Halves(lab, "mta")
    lab.nat(masquerade=True)
    config = halves.config(probe={"public_addresses": ["203.0.113.99"]})
    assert halves.probe(config=config)[1]["milter"]["vantage"] == "hidden"
    # 172.22.1.1 cannot be declared, for the internet cannot reach it; the probe's own can.
    lab.nat(masquerade=False)
    config = halves.config(probe={"public_addresses": ["198.51.100.7"]})
    assert halves.probe(config=config)[1]["milter"]["vantage"] == "verified"


def test_a_discarded_recipient_is_suspected_and_not_open(lab):
    halves = Halves(lab, "mx")
    table = halves.postfix.table("recipients", {"outside.example.net": "DISCARD"})
    halves.postfix.set({"smtpd_relay_restrictions":
                        f"permit_mynetworks check_recipient_access {table} reject_unauth_destination"})
    checked, entry = halves.probe()
    assert (checked.code, entry["verdict"], entry["cause"]) == (
        1, "suspected", "discarded-or-hidden"), checked.out


def test_soft_bounce_and_a_footer_do_not_hide_the_filters_word(lab):
    halves = Halves(lab, "mx")
    halves.postfix.set({"mynetworks": "0.0.0.0/0 [::]/0", "soft_bounce": "yes",
                        "smtpd_reject_footer": "\\c; see https://www.example.org/"})
    assert halves.probe()[1]["proof"] == "observed"


def test_ipv6_tells_the_same(lab):
    halves = Halves(lab, "mx")
    entry = halves.probe("[2001:db8:113::25]:25")[1]
    assert entry["milter"]["client"] == "2001:db8:51::7"
    assert (entry["verdict"], entry["milter"]["vantage"]) == ("closed", "verified")


def test_what_both_ends_counted_agrees(lab):
    halves = Halves(lab, "mx")
    halves.postfix.set({"mynetworks": "0.0.0.0/0 [::]/0"})
    notes = halves.probe()[1]["notes"]
    assert not [note for note in notes if "changes replies" in note]


def test_a_proxy_that_rewrites_the_filters_word_is_named(lab):
    """Something between takes the MTA's acceptance for itself and says that relaying is denied."""
    halves = Halves(lab, "mx")
    halves.postfix.set({"mynetworks": "0.0.0.0/0 [::]/0"})

    def lie(near):
        with lab.host("mx").connect("203.0.113.25", 25) as far:
            far.settimeout(30)
            near.settimeout(30)
            for request, answer in conversation(near, far):
                if request.upper().startswith(b"RCPT") and b"rwo1,ask" in answer:
                    answer = b"550 5.7.1 Relay access denied\r\n"
                near.sendall(answer)

    with Server(lab.host("mx"), 2525, lie):
        checked, entry = halves.probe("203.0.113.25:2525")
    assert (checked.code, entry["verdict"], entry["cause"]) == (
        1, "suspected", "discarded-or-hidden"), (entry["why"], entry["notes"], entry["milter"])
    assert "changes replies" in entry["why"]


def conversation(near, far):
    """Requests one at a time, each with its answer; the greeting comes first, EHLO offers nothing."""
    replies = far.makefile("rb")
    yield b"", replies.readline()
    for request in near.makefile("rb"):
        far.sendall(request)
        lines = [replies.readline()]
        while lines[-1][3:4] == b"-":
            lines.append(replies.readline())
        if request.upper().startswith(b"EHLO"):
            lines = [b"250 " + lines[0][4:]]
        yield request, b"".join(lines)


# ---- what stands in front of the MTA ----------------------------------------------------------

TRUSTING = ["127.0.0.0/8", "::1/128", "172.22.0.0/16", "fd22:1::/64"]


class Hidden(Halves):
    """An MTA that trusts the network of the gateway, which is how strangers reach it."""

    def __init__(self, lab, milter=None):
        lab.host("gateway")
        self.extra = milter or {}
        super().__init__(lab, "mta", TRUSTING)

    def config(self, **keywords):
        keywords.setdefault("milter", self.extra)
        return super().config(**keywords)


def in_front(lab, how):
    """Returns the endpoint that strangers use, and the address that the MTA then sees."""
    gateway, mta = lab.host("gateway"), lab.host("mta")
    if how == "masquerade":
        lab.nat(masquerade=True)
        return "203.0.113.25", "172.22.1.1"
    if how == "masquerade on IPv6 only":
        lab.nat(masquerade=True, families=(6,))
        return "[2001:db8:113::25]:25", "fd22:1::1"
    if how == "proxy in user space":
        relay(gateway, 25, (mta.address, 25))
        return "203.0.113.25", "172.22.1.1"
    relay(gateway, 25, (mta.address, 25), address="2001:db8:113::25")
    return "[2001:db8:113::25]:25", "172.22.1.1"


@pytest.mark.parametrize("how", [
    "masquerade", "masquerade on IPv6 only", "proxy in user space", "IPv6 to IPv4"])
def test_whatever_hides_strangers_both_ends_name_it(lab, how):
    halves = Hidden(lab)
    target, seen = in_front(lab, how)
    checked, entry = halves.probe(target)
    assert (checked.code, entry["verdict"], entry["proof"], entry["cause"]) == (
        2, "open", "observed", "client-address-hidden"), checked.out
    assert entry["milter"]["client"] == seen
    assert ("fd22:1::/64" if ":" in seen else "172.22.0.0/16") in entry["why"]
    assert kinds(entry)["client-address-hidden"] == "critical"
    alert = halves.milter.wait_for_alert(kind="client-address-hidden")
    assert (alert["severity"], alert["state"]) == ("critical", "opened")
    assert seen in str(alert["evidence"]) + str(alert["subject"])
    wait_until(lambda: seen in halves.milter.run("--masked").stdout, 10, "the mask to be kept")
    assert halves.postfix.queue() == []
    # Nothing is reported of the probe's own requests beyond what they prove.
    assert {alert["kind"] for alert in halves.milter.alerts()} == {"client-address-hidden"}


def test_what_is_asked_before_tls_is_known_for_the_probes_too(lab):
    halves = Hidden(lab)
    certificate, key = lab.certificate()
    halves.postfix.set({"smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key,
                        "smtpd_tls_security_level": "may"})
    target, seen = in_front(lab, "masquerade")
    _, entry = halves.probe(target)
    asked = {technique["id"]: technique["outcome"] for technique in entry["techniques"]}
    assert (asked["plain"], asked["before-starttls"]) == ("accepted", "accepted")
    wait_until(lambda: seen in halves.milter.run("--masked").stdout, 10, "the mask to be kept")
    assert {alert["kind"] for alert in halves.milter.alerts()} == {"client-address-hidden"}


def test_once_masked_strangers_are_held_and_an_insider_is_not(lab):
    halves = Hidden(lab, {"enforce_masked": "hold"})
    target, _ = in_front(lab, "masquerade")
    halves.probe(target)
    halves.milter.wait_for_alert(kind="client-address-hidden")
    insider = lab.host("insider", addresses=["172.22.1.20", "fd22:1::20"], network="inside")
    message = ["EHLO client.example.net", "MAIL FROM:<a@example.org>",
               "RCPT TO:<b@outside.example.net>", "DATA", "Subject: test\n\nHello.\n", "QUIT"]
    assert [reply.code for reply in lab.host("outside").smtp("203.0.113.25", message)][-2] == 250
    held = [entry for entry in halves.postfix.queue() if entry["queue_name"] == "hold"]
    assert len(held) == 1
    assert [reply.code for reply in insider.smtp("172.22.1.10", message)][-2] == 250
    assert [entry for entry in halves.postfix.queue() if entry["queue_name"] == "hold"] == held


def test_an_address_that_strangers_no_longer_come_from_heals(lab):
    halves = Hidden(lab)
    target, seen = in_front(lab, "masquerade")
    config = halves.config(targets={"mx": {"host": "203.0.113.25"}})
    halves.probe("mx", config=config)
    halves.milter.wait_for_alert(kind="client-address-hidden")
    lab.nat(masquerade=False)
    checked, entry = halves.probe("mx", config=config)
    assert (entry["verdict"], entry["milter"]["vantage"]) == ("closed", "verified")
    wait_until(lambda: seen not in halves.milter.run("--masked").stdout, 10, "the mask to heal")
    assert {alert["state"] for alert in checked.alerts if alert["kind"] == "client-address-hidden"} == {
        "opened", "resolved"}


@pytest.mark.parametrize("host, target", [("mx", "203.0.113.25"), ("mx", "127.0.0.1")])
def test_on_the_mail_host_itself_nothing_is_concluded_and_nothing_masked(lab, host, target):
    halves = Halves(lab, "mx")
    checked, entry = halves.probe(target, host=host)
    assert entry["verdict"] in ("inconclusive", "closed"), checked.out
    assert kinds(entry)["vantage-inside"] == "warning"
    assert halves.milter.run("--masked").stdout.strip() in ("", "no address is masked")
    assert halves.milter.alerts() == []


# ---- who makes up a client ---------------------------------------------------------------------

class Claimed(Halves):
    """A closed MTA that trusts its own address, which the site has not declared."""

    def __init__(self, lab):
        super().__init__(lab, "mx")
        self.postfix.set({"mynetworks": "127.0.0.0/8 203.0.113.25/32"})

    def alerts(self):
        """All that the filter has to tell."""
        self.milter.stop()
        return self.milter.alerts()


def test_what_xclient_opens_is_proved_and_is_no_finding_of_the_filters(lab):
    halves = Claimed(lab)
    halves.postfix.set({"smtpd_authorized_xclient_hosts": "0.0.0.0/0"})
    checked, entry = halves.probe()
    assert (checked.code, entry["verdict"], entry["proof"], entry["cause"]) == (
        2, "open", "observed", "xclient"), checked.out
    asked = {technique["id"]: technique["outcome"] for technique in entry["techniques"]}
    assert (asked["plain"], asked["xclient-loopback"], asked["xclient-server"]) == (
        "relay-denied", "accepted", "accepted")
    # Whom the filter saw behind the claim says nothing of where the probe stands.
    assert (entry["milter"]["client"], entry["milter"]["vantage"]) == ("198.51.100.7", "verified")
    assert kinds(entry)["xclient-exposed"] == "critical"
    assert not {"client-address-hidden", "milter-missing"} & set(kinds(entry))
    assert halves.postfix.queue() == []
    assert halves.alerts() == []


def test_what_a_proxy_header_opens_is_proved_and_is_no_finding_of_the_filters(lab):
    halves = Claimed(lab)
    halves.postfix.set({"smtpd_upstream_proxy_protocol": "haproxy"})
    checked, entry = halves.probe()
    assert (checked.code, entry["verdict"], entry["proof"], entry["cause"]) == (
        2, "open", "observed", "proxy-protocol"), checked.out
    assert "milter-missing" not in kinds(entry)
    assert halves.postfix.queue() == []
    assert halves.alerts() == []
