"""The main job, from both ends, on a real Postfix."""

import pytest

from lab import Config
from site_of_tests import CLOSED, DEFERRED, Site, endpoint, outcomes

STRANGER_NETWORK = "198.51.100.0/24"


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


@pytest.mark.parametrize("restrictions, code", [(CLOSED, 554), (DEFERRED, 454)], ids=["554", "454"])
def test_a_closed_postfix_is_closed_and_quiet(site, restrictions, code):
    site.set_up({"smtpd_relay_restrictions": restrictions})
    checked = site.probe()
    assert checked.code == 0, checked.out
    assert {entry["verdict"] for entry in checked.report["endpoints"]} == {"closed"}
    assert {entry["address"] for entry in checked.report["endpoints"]} == {
        "203.0.113.25", "2001:db8:113::25"}
    plain = endpoint(checked)["techniques"][0]
    assert (plain["id"], plain["code"], plain["outcome"]) == ("plain", code, "relay-denied")
    assert [entry["findings"] for entry in checked.report["endpoints"]] == [[], []]
    assert checked.alerts == []
    assert site.alerts() == []


def test_trusting_everybody_is_found_by_both(site):
    site.set_up({"mynetworks": "0.0.0.0/0"})
    checked = site.probe()
    assert checked.code == 2
    entry = endpoint(checked)
    assert (entry["verdict"], entry["proof"]) == ("open", "rcpt")
    assert outcomes(entry)["plain"] == "accepted"
    assert "mynetworks" in entry["fix"]
    assert endpoint(checked, "2001:db8:113::25")["verdict"] == "closed"
    assert [(alert["kind"], alert["severity"], alert["state"]) for alert in checked.alerts] == [
        ("open-relay", "critical", "opened")]
    alerts = site.alerts("open-relay")
    assert [(alert["severity"], alert["state"]) for alert in alerts] == [("critical", "opened")]
    assert alerts[0]["subject"] == {"listener": "203.0.113.25:25", "network": STRANGER_NETWORK}
    assert alerts[0]["evidence"]["client"] == "198.51.100.7"


def test_open_on_ipv6_only_is_found_by_both(site):
    site.set_up({"mynetworks": "[::]/0"})
    checked = site.probe()
    assert checked.code == 2
    assert endpoint(checked)["verdict"] == "closed"
    assert endpoint(checked, "2001:db8:113::25")["verdict"] == "open"
    alert, = site.alerts("open-relay")
    assert alert["subject"]["network"] == "2001:db8:51::/48"


def test_a_client_access_map_that_says_ok_is_found_by_both(site):
    table = site.postfix.table("clients", {STRANGER_NETWORK: "OK"}, kind="cidr")
    site.set_up({"smtpd_relay_restrictions": f"check_client_access {table} {CLOSED}"})
    checked = site.probe()
    assert (checked.code, endpoint(checked)["verdict"]) == (2, "open")
    assert [alert["severity"] for alert in site.alerts("open-relay")] == ["critical"]


def test_trusting_the_own_domain_as_sender_is_found_by_both_and_named(site):
    table = site.postfix.table("senders", {"example.org": "OK"})
    site.set_up({"smtpd_relay_restrictions": f"check_sender_access {table} {CLOSED}"})
    checked = site.probe()
    entry = endpoint(checked)
    assert (checked.code, entry["verdict"], entry["cause"]) == (2, "open", "sender-trusted")
    assert (outcomes(entry)["plain"], outcomes(entry)["own-sender"]) == ("relay-denied", "accepted")
    assert "check_sender_access" in entry["fix"]
    alerts = site.alerts("open-relay")
    assert {alert["subject"]["listener"] for alert in alerts} == {
        "203.0.113.25:25", "[2001:db8:113::25]:25"}
    assert {alert["evidence"]["sender_class"] for alert in alerts} == {"own"}
    assert "check_sender_access" in alerts[0]["fix"]


def test_the_probe_sends_no_message(site):
    site.set_up({"mynetworks": "0.0.0.0/0 [::]/0"})
    mark = site.postfix.logfile.mark()
    assert site.probe().code == 2
    assert site.postfix.queue() == []
    assert not [line for line in site.postfix.log(mark) if "postfix/qmgr" in line]
    site.alerts()


def test_from_a_trusted_network_an_open_answer_is_no_open_relay(site):
    site.set_up({"mynetworks": "0.0.0.0/0"})
    config = Config(site={"trusted_networks": ["127.0.0.0/8", STRANGER_NETWORK]})
    checked = site.probe("203.0.113.25", config=config)
    assert checked.code == 3
    entry, = checked.report["endpoints"]
    assert entry["verdict"] == "inconclusive"
    assert "vantage-inside" in [finding["kind"] for finding in entry["findings"]]
    site.alerts()


def test_a_service_that_refuses_to_start_is_told_as_that(lab):
    # In a lab of its own: Postfix's master then keeps the service down for a minute.
    site = Site(lab)
    site.set_up({"smtpd_relay_restrictions": "permit", "smtpd_recipient_restrictions": ""})
    checked = site.probe("203.0.113.25")
    assert checked.code == 3
    entry, = checked.report["endpoints"]
    assert entry["verdict"] == "inconclusive"
    assert [finding["kind"] for finding in entry["findings"]] == ["service-refused"]
    assert "reject_unauth_destination" in entry["why"] + entry["fix"]
    site.postfix.logfile.wait_for("specify at least one working instance")
