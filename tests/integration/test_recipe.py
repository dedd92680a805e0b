"""relaywarden-probe recipe: what a person is told to say is what the probe says."""

import json

import pytest

from lab import Config, Dns, Postfix, probe


@pytest.fixture(scope="module")
def site(shared_lab):
    Dns(shared_lab).start()
    Postfix(shared_lab, shared_lab.host("mx")).start()
    return shared_lab


def recipe(lab, *arguments, as_json=True):
    return probe(lab.host("outside"), *arguments, config=Config(), verb="recipe", as_json=as_json)


def test_the_recipe_asks_what_the_audit_asks(site):
    audited = probe(site.host("outside"), "mx", config=Config()).report["endpoints"][0]
    recipes = json.loads(recipe(site, "mx").out)["endpoints"]
    told = next(entry for entry in recipes if entry["address"] == audited["address"])
    told = {technique["id"]: technique for technique in told["techniques"]}
    asked = [technique for technique in audited["techniques"] if technique["code"]]
    assert len(asked) > 30
    for technique in asked:
        lines = told[technique["id"]]["ask"]
        assert f"MAIL FROM:{technique['sender']}" in lines
        assert lines[-2:] == [f"RCPT TO:{technique['recipient']}", "RSET"]
        assert told[technique["id"]]["open"][-1] == f"EHLO {technique['helo']}"


def test_the_recipe_followed_by_hand_gets_the_same_answers(site):
    outside, mx = site.host("outside"), site.host("mx")
    told = json.loads(recipe(site, "mx", "plain", "percent-hack", "after-local").out)["endpoints"][0]
    for technique in told["techniques"]:
        lines = [*technique["open"], *technique["ask"], "QUIT"]
        replies = outside.smtp(mx.address, lines)
        # The greeting is the first; RSET and QUIT are the last.
        assert replies[-3].code == 454, technique["id"]


def test_it_connects_to_nothing(site):
    mx = site.host("mx")
    before = mx.run(["cat", "/proc/net/snmp"]).stdout
    told = recipe(site, "mx", as_json=False)
    assert told.code == 0
    assert "telnet 203.0.113.25 25" in told.out
    assert "openssl s_client -quiet -crlf -starttls smtp -connect [2001:db8:113::25]:25" in told.out
    assert passive_opens(mx.run(["cat", "/proc/net/snmp"]).stdout) == passive_opens(before)


def passive_opens(snmp):
    names, values = [line.split() for line in snmp.splitlines() if line.startswith("Tcp:")]
    return values[names.index("PassiveOpens")]


def test_a_technique_that_there_is_not_is_told(site):
    told = recipe(site, "mx", "percent-hak", as_json=False)
    assert told.code == 3
    assert 'no technique "percent-hak"' in told.err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_target_without_any_address_is_told_and_is_an_error(site, as_json):
    told = recipe(site, "nowhere.example.org", as_json=as_json)
    assert told.code == 3
    if as_json:
        assert all(entry["trouble"] for entry in json.loads(told.out)["endpoints"])
    else:
        assert "==== nowhere.example.org: " in told.out
