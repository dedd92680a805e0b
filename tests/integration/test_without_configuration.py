"""`check` without any configuration, at a real Postfix: the verdict, and what was taken for granted."""

import json
import os
import re
import xml.etree.ElementTree

import jsonschema
import pytest

from lab import junit, program, sarif
from lab.servers import ROOT
from site_of_tests import Site

USUAL = "/etc/relaywarden/relaywarden.conf"


@pytest.fixture(scope="module")
def site(shared_lab):
    assert not os.path.exists(USUAL)
    return Site(shared_lab)


@pytest.fixture(scope="module")
def nameless(shared_lab):
    return shared_lab.host("nameless", hostname="localhost", addresses=["198.51.100.90"])


@pytest.fixture(scope="module")
def sibling(shared_lab):
    """A host of the site's own, outside of its networks."""
    return shared_lab.host("sibling", hostname="vm7.example.org", addresses=["198.51.100.91"])


def check(host, *arguments):
    return host.run([program("relaywarden-probe"), "check", *arguments], check=False)


def techniques(host):
    listed = json.loads(host.run([program("relaywarden-probe"), "techniques", "--json"]).stdout)
    return [row["id"] for row in listed["techniques"]]


def test_a_closed_server_is_told_on_one_screen_without_a_technique(site):
    site.set_up()
    done = check(site.outside, "mx.example.org")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("RELAY OK - 2 endpoints closed | endpoints=2 open=0 ")
    assert "mx.example.org [203.0.113.25]:25" in lines and "mx.example.org [2001:db8:113::25]:25" in lines
    assert len(lines) <= 40, done.stdout
    words = " ".join(done.stdout.split())
    for told in ("Your domain: example.org, from the target", "Canary: postmaster@example.net",
                 "probe.example.net", "Nobody but the mail host itself may relay", USUAL,
                 "no state is kept", "next step relaywarden-probe init writes"):
        assert told in words, told
    assert not [name for name in techniques(site.outside) if "-" in name and name in done.stdout]
    assert not os.path.exists("/var/lib/relaywarden")


def test_more_is_told_where_it_is_asked_for(site):
    site.set_up()
    done = check(site.outside, "-v", "mx.example.org")
    assert done.returncode == 0
    assert {"percent-hack", "own-sender", "bang-path"} <= set(re.findall(r"[a-z-]+", done.stdout))


def test_an_open_server_is_told_with_what_to_change(site):
    site.set_up({"mynetworks": "0.0.0.0/0"})
    done = check(site.outside, "203.0.113.25", "--domain", "example.org")
    assert done.returncode == 2
    assert done.stdout.startswith("RELAY CRITICAL - 1 endpoint open: 203.0.113.25:25 (")
    assert "OPEN RELAY" in done.stdout and "mynetworks" in done.stdout
    assert "/none" not in done.stdout
    assert re.search(r"next step\n  Change what is named above", done.stdout)


def test_domains_of_mx_hosts_and_networks_are_taken_from_the_options(site):
    site.set_up()
    done = check(site.outside, "domain:example.org", "--canary", "canary@outside.example.net", "--trusted",
                 "198.51.100.0/24", "--json")
    report = json.loads(done.stdout)
    assert {entry["host"] for entry in report["endpoints"]} == {"mx.example.org"}
    # A vantage in a trusted network: it says that it is one.
    assert "vantage-inside" in {finding["kind"] for entry in report["endpoints"]
                                for finding in entry["findings"]}
    assert "taken for granted: Your domain: example.org" in done.stderr
    assert "Nobody but" not in done.stderr
    assert {technique["recipient"] for entry in report["endpoints"] for technique in entry["techniques"]
            if technique["id"] == "plain"} == {"<canary@outside.example.net>"}


def test_a_host_without_a_name_of_its_own_is_asked_to_name_a_canary(site, nameless):
    done = check(nameless, "mx.example.org")
    assert done.returncode == 3
    assert done.stdout.startswith("RELAY UNKNOWN - no canary can be assumed")
    assert "--canary" in done.stdout
    site.set_up()
    assert check(nameless, "mx.example.org", "--canary", "canary@outside.example.net").returncode == 0


def test_a_canary_in_the_own_domain_is_none(site, sibling):
    done = check(sibling, "mx.example.org")
    assert done.returncode == 3
    assert "vm7.example.org, is in your own domain example.org" in done.stdout
    done = check(site.outside, "mx.example.org", "--canary", "canary@lists.example.org")
    assert done.returncode == 3 and "is in your own domain example.org" in done.stdout


@pytest.mark.parametrize("arguments, told", [
    ([], "name a TARGET"),
    (["mx.example.org", "--domian", "example.org"], 'unknown option "--domian"'),
    (["203.0.113.25"], "name one with --domain"),
    (["mx.example.org", "--domain", "exa mple"], "--domain: "),
    (["mx.example.org", "--domain", "-"], '--domain: "-" is no domain'),
    (["mx.example.org", "--canary", "nobody"], "--canary: "),
    (["mx.example.org", "--trusted", "10.0.0.1/8"], "--trusted: "),
    (["mx.example.org", "--trusted", "0.0.0.0/0"], "trusts strangers"),
    (["mx.example.org", "--config", "/nonexistent/x.conf"], "/nonexistent/x.conf"),
    (["mx.example.org", "--domain", "example.org", "--config", "x.conf"], "leave --config out"),
    (["mx.example.org", "--json", "--format", "sarif"], "contradict"),
    (["mx.example.org", "--format", "xml"], "it is one of text|json|junit|sarif"),
], ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_a_mistake_is_told_with_its_remedy_and_nothing_is_asked(site, arguments, told):
    done = check(site.outside, *arguments)
    assert done.returncode == 3
    assert told in done.stdout + done.stderr
    assert "endpoints=" not in done.stdout


def test_junit_has_a_case_an_endpoint_and_technique(site):
    site.set_up({"mynetworks": "0.0.0.0/0"})
    done = check(site.outside, "mx.example.org", "--format", "junit")
    assert done.returncode == 2
    assert junit.complaints(done.stdout) == []
    suites = xml.etree.ElementTree.fromstring(done.stdout)
    assert [suite.get("name") for suite in suites] == [
        "mx.example.org [203.0.113.25]:25", "mx.example.org [2001:db8:113::25]:25"]
    opened, closed = suites
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests")) == len(cases) == len({case.get("name") for case in cases})
        for outcome in ("failure", "error", "skipped"):
            counted = suite.get({"failure": "failures", "error": "errors"}.get(outcome, outcome))
            assert int(counted) == len(suite.findall(f"testcase/{outcome}"))
    assert int(closed.get("failures")) == int(closed.get("errors")) == 0
    failed = opened.find("testcase[@name='plain']/failure")
    assert failed.get("type") == "open" and failed.get("message").startswith("accepted: 250")
    assert "mynetworks" in failed.text


@pytest.mark.skipif(not sarif.CAN_RUN, reason="the validator is a program for x86-64")
@pytest.mark.parametrize("networks", ["0.0.0.0/0", "127.0.0.0/8"])
def test_sarif_is_valid(site, networks):
    site.set_up({"mynetworks": networks})
    assert sarif.complaints(check(site.outside, "mx.example.org", "--format", "sarif").stdout) == []


def test_sarif_has_a_result_a_finding(site):
    site.set_up({"mynetworks": "0.0.0.0/0"})
    done = check(site.outside, "mx.example.org", "--format", "sarif")
    assert done.returncode == 2
    run, = json.loads(done.stdout)["runs"]
    result, = [one for one in run["results"] if one["ruleId"] == "open-relay"]
    assert result["level"] == "error" and "mynetworks" in result["message"]["text"]
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == \
        "mx.example.org [203.0.113.25]:25"
    assert {one["ruleId"] for one in run["results"]} <= {rule["id"] for rule in run["tool"]["driver"]["rules"]}


def test_colour_is_used_where_it_is_asked_for(site):
    site.set_up()
    assert "\033[" not in check(site.outside, "mx.example.org").stdout
    assert "\033[1;32mCLOSED" in check(site.outside, "mx.example.org", "--color=always").stdout
    assert "\033[" not in check(site.outside, "mx.example.org", "--color=never").stdout


def test_the_json_is_what_its_schema_says(site):
    with open(os.path.join(ROOT, "conf/share/schemas/check.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    site.set_up({"mynetworks": "0.0.0.0/0"})
    for arguments in (["mx.example.org"], ["mx.example.org:26"], ["nowhere.example.org"], ["203.0.113.25"]):
        report = json.loads(check(site.outside, *arguments, "--json").stdout)
        assert [error.message for error in validator.iter_errors(report)] == [], arguments
        assert report["schema"] == 1
    # It refuses what is not so.
    report["exit"] = 7
    assert not validator.is_valid(report)
