"""The filter raises no finding about the probe's own requests beyond what they prove, those of them included
that cannot carry a token and come first on their connection. The verdict is what it would be without the filter."""

import time

import pytest

from lab import Postgrey, Server
from test_halves import Claimed, Halves, Hidden, conversation, in_front, kinds

TARGETS = {"mx": {"host": "203.0.113.25", "ports": [25]}}
NO_TOKEN = ["no-brackets", "upper-case", "spaces"]
GREY = "{} permit_mynetworks permit_sasl_authenticated reject_unauth_destination"


def techniques(entry):
    return {technique["id"]: technique for technique in entry["techniques"]}


def told(halves):
    """The kinds of all that the filter has to tell, which is asked to end."""
    halves.milter.stop()
    return {alert["kind"] for alert in halves.milter.alerts()}


class Greylisted(Hidden):
    """Behind a masquerading gateway, and a postgrey that asks even those whom the MTA trusts for patience."""

    def __init__(self, lab, **manners):
        super().__init__(lab)
        self.grey = Postgrey(lab, lab.host("mta"), **manners).start()
        self.postfix.set({"smtpd_relay_restrictions": GREY.format(self.grey.restriction)})
        in_front(lab, "masquerade")


def test_greylisted_behind_a_masked_address_it_is_open_and_no_strangers_finding(lab):
    halves = Greylisted(lab, text="Greylisted for %s seconds")
    checked, entry = halves.probe("mx", "--wait", "30s", config=halves.config(targets=TARGETS))
    assert (checked.code, entry["verdict"], entry["proof"], entry["cause"]) == (
        2, "open", "observed", "client-address-hidden"), checked.out
    assert kinds(entry)["client-address-hidden"] == "critical"
    plain = techniques(entry)["plain"]
    assert (plain["outcome"], plain["recipient"]) == ("accepted", "<canary@outside.example.net>")
    assert told(halves) == {"client-address-hidden"}
    assert halves.postfix.queue() == []


def test_what_an_earlier_audit_was_told_to_come_back_for_is_no_strangers_finding_either(lab):
    halves = Greylisted(lab, delay=1)
    config = halves.config(targets=TARGETS)
    # A slow audit is past the delay before its end: then there are grants already.
    assert techniques(halves.probe("mx", config=config)[1])["plain"]["outcome"] == "greylisted"
    time.sleep(1.1)  # postgrey's clock must move on
    entry = halves.probe("mx", config=config)[1]
    assert (entry["verdict"], entry["proof"]) == ("open", "observed"), entry["why"]
    assert told(halves) == {"client-address-hidden"}


@pytest.mark.parametrize("vantage", [{}, {"vantage": "claimed", "claim": "198.51.100.99"}])
def test_the_ask_that_comes_first_leaves_refusals_enough_for_all_techniques(lab, vantage):
    """With the max_refusals that there are if nobody sets it, and nobody is taken for somebody else."""
    halves = Halves(lab, "mx")
    grey = Postgrey(lab, lab.host("mx"), text="Greylisted for %s seconds").start()
    halves.postfix.set({"smtpd_relay_restrictions": GREY.format(grey.restriction),
                        "smtpd_authorized_xclient_hosts": "198.51.100.7" if vantage else ""})
    config = halves.config(targets=TARGETS, probe=vantage)
    _, entry = halves.probe("mx", "--wait", "30s", config=config)
    assert entry["verdict"] == "closed", entry["why"]
    assert entry["milter"]["asks"] > 0
    assert told(halves) == set()


def slow_after(lab, refusals):
    """A proxy on the gateway that hides its clients, and is quick with so many refusals a connection."""
    gateway, mta = lab.host("gateway"), lab.host("mta")

    def pass_on(near):
        refused = 0
        with gateway.connect(mta.address, 25) as far:
            far.settimeout(30)
            near.settimeout(30)
            for _, answer in conversation(near, far):
                refused += answer.startswith((b"4", b"5"))
                if refused > refusals:
                    time.sleep(0.7)  # as servers do that have had enough
                near.sendall(answer)

    return Server(gateway, 25, pass_on)


def test_a_connection_that_bears_no_ask_beside_it_leaves_a_technique_unasked(lab):
    """Two refusals a connection: a hello, and what can carry a token. A request that cannot would come to the filter alone."""
    halves = Hidden(lab)
    halves.postfix.set({"smtpd_peername_lookup": "no",  # DNS is not to be had from there
                         "local_recipient_maps": "inline:{ postmaster=x }"})
    with slow_after(lab, 2):
        _, entry = halves.probe(config=halves.config(probe={"max_refusals": 200}))
    assert (entry["verdict"], entry["proof"], entry["cause"]) == (
        "open", "observed", "client-address-hidden")
    asked = techniques(entry)
    assert [asked[name]["outcome"] for name in NO_TOKEN] == [None, None, None]
    assert asked["percent-hack"]["outcome"] == "accepted"
    assert told(halves) == {"client-address-hidden"}


def test_a_claimed_client_whose_hello_would_be_one_refusal_too_many_is_not_asked(lab):
    """The address that the MTA trusts and the site has not declared is not ours, but claimed with XCLIENT."""
    halves = Claimed(lab)
    halves.postfix.set({"smtpd_authorized_xclient_hosts": "0.0.0.0/0"})
    outcomes = set()
    for refusals in range(44, 60):
        _, entry = halves.probe(config=halves.config(probe={"max_refusals": refusals}))
        claimed = {one["outcome"] for name, one in techniques(entry).items() if "xclient" in name}
        assert entry["verdict"] == ("open" if "accepted" in claimed else "inconclusive")
        outcomes |= claimed
    assert outcomes == {"accepted", "relay-denied", None}  # that is how far these get
    assert halves.alerts() == []
