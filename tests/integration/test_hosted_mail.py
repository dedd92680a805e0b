"""MX hosts that are somebody else's, and addresses that only DNS names."""

import pytest

from lab import Config, Dns, Postfix, pointer, probe
from lab.wire import Wire

V4, V6 = "203.0.113.25", "2001:db8:113::25"
HOST = "mx.provider.test"
RECORDS = [("example.org", "MX", f"10 {HOST}."), (HOST, "A", V4), (HOST, "AAAA", V6),
           pointer(V4, HOST), pointer(V6, HOST)]
OUTSIDE = [("outside.example.net", "MX", "10 outside.example.net."),
           ("outside.example.net", "A", "198.51.100.80")]
PRIVATE, TRUSTED = "172.22.77.5", "10.77.0.5"


class Place:
    """A Postfix that is said to be the provider's, and a probe outside."""

    def __init__(self, lab):
        self.lab, self.outside = lab, lab.host("outside")
        self.dns = Dns(lab).start()
        self.postfix = Postfix(lab, lab.host("mx"), main={
            "smtpd_relay_restrictions": "permit_mynetworks reject_unauth_destination",
            "smtpd_banner": "$myhostname ESMTP $mail_name $mail_version",
            "in_flow_delay": "0"}).start()
        self.main = dict(self.postfix.main)

    def serve(self, records=(), **main):
        self.dns.replace([*OUTSIDE, *(records or RECORDS)], defaults=False)
        self.postfix.main = {**self.main, **main}
        self.postfix.write()
        self.postfix.reload()

    def check(self, *targets, site=None, target=None, **keywords):
        return probe(self.outside, *(targets or ("mx",)), config=Config(
            site=site, targets={"mx": target or {"domain": "example.org", "ports": [25]}},
            **keywords.pop("top", {})), **keywords)


@pytest.fixture(scope="module")
def place(shared_lab):
    return Place(shared_lab)


def asked(endpoint):
    return [one["id"] for one in endpoint["techniques"]]


def test_an_mx_host_of_somebody_elses_is_asked_plain_alone_and_that_is_said(place):
    place.serve()
    with Wire(place.outside) as wire:
        checked = place.check()
    assert checked.code == 0, checked.out
    assert len(checked.report["endpoints"]) == 2
    for endpoint in checked.report["endpoints"]:
        assert (endpoint["verdict"], endpoint["hosted"]) == ("closed", True)
        assert asked(endpoint) == ["plain"]
        assert "so the server is somebody else's" in endpoint["why"]
        assert endpoint["findings"] == []  # its banner is not ours to mend
    said = [octets.decode("ascii") for (_, port, _), octets in wire.streams().items() if port == 25]
    assert len(said) == 2
    assert all(one.count("RCPT TO:") == 1 and one.count("MAIL FROM:") == 1 for one in said)
    text = place.check(as_json=False).out
    assert "CLOSED: relaying is refused\n  hosted    somebody else's server: only plain" in text


def test_it_is_not_asked_for_the_sites_other_domains(place):
    place.serve()
    checked = place.check(site={"domains": ["example.org", "shop.example"]})
    for endpoint in checked.report["endpoints"]:
        assert (endpoint["verdict"], endpoint["hosted"]) == ("closed", True)
        assert asked(endpoint) == ["plain"]
        assert not any("shop.example" in note for note in endpoint["notes"])


@pytest.mark.parametrize("site, target", [
    ({"hosts": [HOST]}, None),
    ({"hosts": [".provider.test"]}, None),
    ({"domains": ["example.org", "mail.provider.test"]}, None),
    ({"trusted_networks": [V4 + "/32", V6 + "/128"]}, None),
    (None, {"host": HOST, "ports": [25]}),
], ids=["host", "pattern", "registrable", "trusted", "named"])
def test_a_host_that_is_the_sites_or_named_is_asked_in_full(place, site, target):
    place.serve()
    for endpoint in place.check(site=site, target=target).report["endpoints"]:
        assert (endpoint["verdict"], endpoint["hosted"]) == ("closed", False)
        assert len(asked(endpoint)) > 30


def test_a_host_named_on_the_command_line_is_asked_in_full(place):
    place.serve()
    for target in (HOST, V4):
        assert len(asked(place.check(target).report["endpoints"][0])) > 30
    assert asked(place.check("domain:example.org").report["endpoints"][0]) == ["plain"]


def test_a_providers_open_relay_is_open_and_gets_no_message(place):
    place.serve(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    checked = place.check(top={"probe": {"proof": "data", "canary": "canary@outside.example.net",
                                         "dnsbl": []}})
    assert checked.code == 2
    for endpoint in checked.report["endpoints"]:
        assert (endpoint["verdict"], endpoint["proof"]) == ("open", "rcpt")
        assert asked(endpoint) == ["plain"]
        assert "Only plain was asked" in endpoint["why"]
        assert endpoint["message"] is None


def test_no_token_is_shown_to_somebody_else(place, tmp_path):
    key = tmp_path / "token.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    place.serve()
    for site, hello in ((None, False), ({"hosts": [HOST]}, True)):
        with Wire(place.outside) as wire:
            place.check(site=site, top={"token_key_file": str(key)})
        assert hello == any(b"<rw1." in octets for octets in wire.streams().values())


def private(address):
    return [("example.org", "MX", "10 mx.example.org."), ("mx.example.org", "A", address)]


@pytest.mark.parametrize("target", [
    {"domain": "example.org", "ports": [25]}, {"host": "mx.example.org", "ports": [25, 587]}])
def test_a_private_address_that_only_dns_names_is_told_and_not_connected_to(place, target):
    place.serve([*private(PRIVATE), ("mx.example.org", "A", V4)])
    with Wire(place.outside) as wire:
        checked = place.check(target=target)
    assert checked.code == 3
    apart = [one for one in checked.report["endpoints"] if one["address"] == PRIVATE]
    assert [one["port"] for one in apart] == target["ports"]
    for endpoint in apart:
        assert (endpoint["verdict"], endpoint["techniques"]) == ("unreachable", [])
        assert f"{PRIVATE} is no address of the internet" in endpoint["why"]
        assert "trusted_networks" in endpoint["fix"]
    assert {address for address, _ in wire.destinations("tcp")} == {V4}
    text = place.check(target=target, as_json=False).out
    assert f"[{PRIVATE}]:25" in text.splitlines()[0] and "UNREACHABLE" in text


@pytest.mark.parametrize("record, address", [
    ("AAAA", "2002:ac16:4d05::1"), ("AAAA", "64:ff9b::172.22.77.5"), ("AAAA", "fd00::5"),
    ("A", "224.0.0.1"), ("A", "0.0.0.0"), ("AAAA", "::ffff:172.22.77.5"), ("A", "169.254.1.1")])
def test_other_addresses_that_no_server_has_are_not_connected_to_either(place, record, address):
    place.serve([("example.org", "MX", "10 mx.example.org."), ("mx.example.org", record, address)])
    with Wire(place.outside) as wire:
        endpoint, = place.check().report["endpoints"]
    assert endpoint["verdict"] == "unreachable" and "only DNS says" in endpoint["why"]
    assert wire.destinations("tcp") == set()


def test_a_private_address_that_is_trusted_or_named_is_connected_to(place):
    place.serve(private(TRUSTED))
    site = {"trusted_networks": ["10.77.0.0/16"]}
    for target in (None, {"host": TRUSTED, "ports": [25]}):
        endpoint, = place.check(site=site if target is None else None, target=target,
                                top={"probe": {"timeout": "3s", "dnsbl": [],
                                               "canary": "canary@outside.example.net"}}
                                ).report["endpoints"]
        assert endpoint["address"] == TRUSTED
        assert "no address of the internet" not in endpoint["why"]
        assert endpoint["why"].startswith(("No connection", "The probe's own host has no way"))
