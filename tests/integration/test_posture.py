"""The probe's word on a server's surroundings: reverse DNS, block lists, what it offers strangers."""

import time

import pytest

from lab import Config, Dns, Postfix, Sasl, pointer, probe
from lab.dns import DEFAULT_RECORDS

V4, V6 = "203.0.113.25", "2001:db8:113::25"
ZONE = "zen.spamhaus.org"
OTHER = "bl.example.net"


# RFC 5782 section 5: the entries that a working list has, and those that it must not have.
LISTED, UNLISTED = ("127.0.0.2", "::ffff:127.0.0.2"), ("127.0.0.1", "::ffff:127.0.0.1")


def working(zone, answer="127.0.0.2"):
    return [(owner(address, zone), "A", answer) for address in LISTED]


class Place:
    """A closed Postfix, a nameserver whose records a test sets, and a probe outside."""

    def __init__(self, lab):
        self.lab = lab
        self.outside = lab.host("outside")
        self.dns = Dns(lab).start()
        self.postfix = Postfix(lab, lab.host("mx"), main={
            "smtpd_banner": "$myhostname ESMTP",
            "smtpd_relay_restrictions": "permit_mynetworks reject_unauth_destination"}).start()
        self.main = dict(self.postfix.main)

    def set_up(self, records=(), without=(), main=None):
        """The world's records without those of some names, and others instead."""
        kept = [record for record in [*DEFAULT_RECORDS, *working(ZONE), *working(OTHER)]
                if record[0] not in without]
        self.dns.replace([*kept, *records], defaults=False)
        self.postfix.main = {**self.main, **(main or {})}
        self.postfix.write()
        self.postfix.reload()

    def check(self, *targets, zones=(), **keywords):
        return probe(self.outside, *(targets or ("mx",)),
                     config=Config(probe={"dnsbl": list(zones)}), **keywords)


@pytest.fixture(scope="module")
def place(shared_lab):
    return Place(shared_lab)


def owner(address, zone=None):
    """The name of an address's PTR record, or of its record in a block list."""
    name = pointer(address, "x")[0]
    return name if zone is None else name.rsplit(".", 2)[0] + "." + zone


def found(checked, address=V4):
    """Kind to severity of one endpoint's findings, which no test has twice of a kind."""
    return {finding["kind"]: finding["severity"] for finding in of(checked, address)["findings"]}


def of(checked, address=V4):
    return next(one for one in checked.report["endpoints"] if one["address"] == address)


def finding(checked, kind, address=V4):
    return next(one for one in of(checked, address)["findings"] if one["kind"] == kind)


def test_a_server_that_is_in_order_has_no_findings(place):
    place.set_up()
    checked = place.check(zones=[ZONE])
    assert checked.code == 0, checked.out
    assert [(one["verdict"], one["findings"], one["notes"])
            for one in checked.report["endpoints"]] == [("closed", [], [])] * 2
    assert checked.alerts == []


@pytest.mark.parametrize("address", [V4, V6])
def test_a_missing_ptr_is_told_and_leaves_the_exit_code(place, address):
    place.set_up(without=[owner(address)])
    checked = place.check(name=f"missing{':' in address}")
    assert (checked.code, found(checked, address)) == (0, {"ptr-missing": "info"})
    assert found(checked, V6 if address == V4 else V4) == {}
    assert address in finding(checked, "ptr-missing", address)["fix"]
    assert {one["verdict"] for one in checked.report["endpoints"]} == {"closed"}
    assert checked.alerts == []


@pytest.mark.parametrize("records, words", [
    ([pointer(V4, "mx.example.org")], "has no such address record"),
    ([pointer(V4, "mx.example.org"), ("mx.example.org", "A", "203.0.113.99")],
     "has other addresses")], ids=["none", "other"])
def test_a_name_that_does_not_lead_back_is_told_and_leaves_the_exit_code(place, records, words):
    place.set_up(records, without=[owner(V4), "mx.example.org"])
    checked = place.check(V4)
    assert (checked.code, found(checked)) == (0, {"fcrdns-mismatch": "info"})
    assert words in finding(checked, "fcrdns-mismatch")["why"]


def test_one_of_several_names_that_leads_back_is_enough(place):
    place.set_up([pointer(V4, "other.example.org")])
    checked = place.check(V4)
    assert (checked.code, found(checked)) == (0, {})


def test_a_generic_name_is_told_and_leaves_the_exit_code(place):
    name = "203-0-113-25.static.example.net"
    place.set_up([pointer(V4, name), (name, "A", V4)], without=[owner(V4)])
    checked = place.check(V4)
    assert (checked.code, found(checked)) == (0, {"generic-hostname": "info"})
    assert name in finding(checked, "generic-hostname")["why"]


def listed(address, zone, answers, text=None):
    records = [(owner(address, zone), "A", answer) for answer in answers]
    return records + ([(owner(address, zone), "TXT", f'"{text}"')] if text else [])


@pytest.mark.parametrize("address", [V4, V6])
def test_a_listing_for_abuse_is_a_warning_with_its_reason_and_where_to_ask(place, address):
    place.set_up(listed(address, ZONE, ["127.0.0.3"], "seen sending, see https://list.example"))
    checked = place.check(zones=[OTHER, ZONE], name=f"abuse{':' in address}")
    assert (checked.code, found(checked, address)) == (1, {"blocklisted": "warning"})
    listing = finding(checked, "blocklisted", address)
    for words in (ZONE, "Spamhaus CSS", "127.0.0.3", "for abuse", "seen sending"):
        assert words in listing["why"]
    assert "https://check.spamhaus.org/" in listing["fix"]
    alert, = checked.alerts
    assert alert["subject"]["zone"] == ZONE


def test_a_listing_by_policy_is_told_apart(place):
    place.set_up(listed(V4, ZONE, ["127.0.0.10"], "range"))
    checked = place.check(V4, zones=[ZONE])
    assert (checked.code, found(checked)) == (0, {"blocklisted": "info"})
    listing = finding(checked, "blocklisted")
    assert "by policy, not for abuse" in listing["why"] and "Spamhaus PBL" in listing["why"]
    assert "https://check.spamhaus.org/" in listing["fix"]


def test_abuse_outweighs_policy_in_one_list(place):
    place.set_up(listed(V4, ZONE, ["127.0.0.4", "127.0.0.11"]))
    checked = place.check(V4, zones=[ZONE])
    assert found(checked) == {"blocklisted": "warning"}
    assert "Spamhaus XBL 127.0.0.4" in finding(checked, "blocklisted")["why"]
    assert "Spamhaus PBL 127.0.0.11" in finding(checked, "blocklisted")["why"]


def test_two_lists_are_two_findings_with_keys_of_their_own(place):
    place.set_up(listed(V4, ZONE, ["127.0.0.2"]) + listed(V4, OTHER, ["127.0.0.2"]))
    checked = place.check(zones=[ZONE, OTHER], name="two")
    assert sorted(alert["subject"]["zone"] for alert in checked.alerts) == [OTHER, ZONE]


@pytest.mark.parametrize("answer, words", [
    ("127.255.255.254", "public resolvers"), ("127.255.255.255", "too often"),
    ("127.255.255.77", "refuses"), ("192.0.2.1", "no listing")])
def test_an_error_of_the_list_is_a_note_and_no_listing(place, answer, words):
    place.set_up(listed(V4, ZONE, [answer]))
    checked = place.check(V4, zones=[ZONE])
    assert (checked.code, found(checked)) == (0, {})
    note, = of(checked)["notes"]
    assert ZONE in note and answer in note and words in note


# Zone, what it answers for the server's address, and a word of the note; none of it is damage.
HARMLESS = [
    ("list.dnswl.org", "127.0.5.2", "speaks for"), ("wl.mailspike.net", "127.0.0.19", "speaks for"),
    ("score.senderscore.com", "127.0.4.95", "speaks for"),
    ("iadb.isipp.com", "127.2.255.2", "speaks for"),
    ("hostkarma.junkemailfilter.com", "127.0.0.5", "speaks for"),
    ("list.dnswl.org", "127.0.0.255", "asked too often"),
    ("dbl.spamhaus.org", "127.0.1.255", "domain names"),
    ("multi.uribl.com", "127.0.0.2", "domain names"),
    ("zen.spamhaus.org", "127.0.1.2", "not known here"),
    ("bl.example.net", "127.0.0.10", "not known here"),
    ("wl.example.net", "127.0.0.2", "not known here")]


@pytest.mark.parametrize("zone, answer, words", HARMLESS)
def test_what_is_no_listing_for_abuse_is_a_note_and_alarms_nobody(place, zone, answer, words):
    extra = [] if zone in (ZONE, OTHER) else working(zone)
    place.set_up(extra + listed(V4, zone, [answer]))
    checked = place.check(V4, zones=[zone])
    assert (checked.code, found(checked), checked.alerts) == (0, {}, [])
    note, = of(checked)["notes"]
    assert zone in note and answer in note and words in note


@pytest.mark.parametrize("answer", ["127.0.0.10", "127.0.0.11", "127.0.0.12"])
def test_a_bad_reputation_of_the_address_itself_is_no_policy(place, answer):
    place.set_up(working("bl.mailspike.net") + listed(V4, "bl.mailspike.net", [answer]))
    checked = place.check(V4, zones=["bl.mailspike.net"])
    assert (checked.code, found(checked)) == (1, {"blocklisted": "warning"})
    assert "bad reputation" in finding(checked, "blocklisted")["why"] or answer == "127.0.0.10"


@pytest.mark.parametrize("address", [V4, V6])
@pytest.mark.parametrize("wildcard, words", [
    ("127.0.0.2", "lists everything"), ("192.0.2.80", "outside 127.0.0.0/8")])
def test_a_list_that_answers_for_everything_is_not_believed(place, address, wildcard, words):
    place.set_up([("*.dead.example.net", "A", wildcard)])
    checked = place.check(zones=["dead.example.net"], name=f"every{':' in address}{wildcard}")
    assert (checked.code, found(checked, address), checked.alerts) == (0, {}, [])
    note, = of(checked, address)["notes"]
    assert "dead.example.net" in note and wildcard in note and words in note


@pytest.mark.parametrize("address", [V4, V6])
def test_a_list_without_its_test_entry_is_not_believed(place, address):
    place.set_up(listed(address, "gone.example.net", ["127.0.0.2"]))
    checked = place.check(zones=["gone.example.net"], name=f"gone{':' in address}")
    assert (checked.code, found(checked, address), checked.alerts) == (0, {}, [])
    note, = of(checked, address)["notes"]
    assert "no test entry" in note and "127.0.0.2" in note


def test_a_zone_that_is_only_above_lists_says_which(place):
    place.set_up(working("zen.spamhaus.org"))
    note, = of(place.check(V4, zones=["spamhaus.org"]))["notes"]
    assert "spamhaus.org is not believed" in note and "such as zen.spamhaus.org" in note


def test_a_list_that_answers_its_test_entry_with_an_error_is_told_as_that(place):
    place.set_up([(owner("127.0.0.2", ZONE), "A", "127.255.255.254")], without=[
        owner("127.0.0.2", ZONE)])
    checked = place.check(V4, zones=[ZONE])
    assert (checked.code, found(checked)) == (0, {})
    note, = of(checked)["notes"]
    assert "public resolvers" in note and "127.255.255.254" in note


def test_a_list_of_ipv4_addresses_says_nothing_of_ipv6(place):
    place.set_up(without=[owner("::ffff:127.0.0.2", ZONE)])
    checked = place.check(zones=[ZONE])
    assert [one["notes"] for one in checked.report["endpoints"]] == [[], []]


def test_a_list_that_goes_mad_ends_its_incident_and_one_that_refuses_does_not(place):
    def states(records):
        place.set_up(records)
        checked = place.check(zones=[ZONE], name="mad")
        return [alert["state"] for alert in checked.alerts]

    assert states(listed(V4, ZONE, ["127.0.0.3"])) == ["opened"]
    assert states(listed(V4, ZONE, ["127.255.255.254"])) == ["opened"]
    everything = [(owner(address, ZONE), "A", "127.0.0.2") for address in (V4, V6, *UNLISTED)]
    assert states(everything) == ["opened", "resolved"]


def test_dead_dns_delays_no_verdict(place):
    place.set_up()
    # Only to the probe DNS is dead, and silent: Postfix itself would wait for it.
    place.lab.host("dns").run(["nft", "-f", "-"], input="""
        table inet dead {
            chain silence { type filter hook input priority 0; udp dport 5353 drop; }
        }
        """)

    def seconds(config):
        start = time.monotonic()
        checked = probe(place.outside, V4, config=config)
        return time.monotonic() - start, checked

    dead = {"resolvers": ["203.0.113.53:5353"], "dnsbl": [ZONE, OTHER]}
    alive, _ = min((seconds(Config(probe={"dnsbl": [ZONE, OTHER]})) for _ in range(3)),
                   key=lambda pair: pair[0])
    late, checked = seconds(Config(probe=dead))
    assert (checked.code, of(checked)["verdict"], found(checked)) == (0, "closed", {})
    note, = of(checked)["notes"]
    assert note.endswith(f"left out: reverse DNS, {ZONE}, {OTHER}.")
    assert late < alive + 0.6


def test_a_banner_that_names_the_version_is_told(place):
    place.set_up(main={"smtpd_banner": "$myhostname ESMTP $mail_name $mail_version"})
    checked = place.check(V4)
    assert (checked.code, found(checked)) == (0, {"banner-version": "info"})
    assert "Postfix, and its version, 3." in finding(checked, "banner-version")["why"]


def test_auth_without_tls_is_a_warning(lab):
    Dns(lab).start()
    sasl = Sasl(lab, mechanisms="PLAIN LOGIN").user("joe", "secret")
    Postfix(lab, lab.host("mx"), sasl=sasl, main={"smtpd_banner": "$myhostname ESMTP"}).start()
    checked = probe(lab.host("outside"), V4)
    assert (checked.code, found(checked)) == (1, {"auth-without-tls": "warning"})
    assert "smtpd_tls_auth_only" in finding(checked, "auth-without-tls")["fix"]


def test_xclient_for_strangers_is_critical(place):
    # Nobody is trusted whom a stranger could make himself: that would be an open relay as well.
    place.set_up(main={"smtpd_authorized_xclient_hosts": "198.51.100.0/24",
                       "smtpd_relay_restrictions": "reject_unauth_destination"})
    checked = place.check(V4)
    assert (checked.code, found(checked)) == (2, {"xclient-exposed": "critical"})
    assert "smtpd_authorized_xclient_hosts" in finding(checked, "xclient-exposed")["fix"]


def test_xforward_for_strangers_is_a_warning(place):
    place.set_up(main={"smtpd_authorized_xforward_hosts": "198.51.100.0/24"})
    checked = place.check(V4)
    assert (checked.code, found(checked)) == (1, {"xclient-exposed": "warning"})
    assert "XFORWARD" in finding(checked, "xclient-exposed")["why"]


def test_the_readable_account_has_findings_and_notes(place):
    place.set_up(listed(V4, ZONE, ["127.0.0.3"]) + listed(V4, OTHER, ["127.255.255.254"]),
                 without=[owner(V4)])
    out = place.check("-v", V4, zones=[ZONE, OTHER], as_json=False).out
    assert out.startswith("RELAY WARNING - 1 endpoint closed, 1 warning: blocklisted |")
    assert "  finding   INFO ptr-missing\n" in out
    assert "  finding   WARNING blocklisted\n" in out
    assert "\n  note      Whether bl.example.net lists the address is not known" in out
