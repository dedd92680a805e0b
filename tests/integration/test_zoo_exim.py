"""The zoo's Exim: every row of zoo_exim.py, asked from outside."""

import pytest

import zoo
import zoo_exim
from lab import Exim


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab)


@pytest.fixture(scope="module")
def exim(world):
    made = Exim(world.lab, world.mx)
    yield made
    made.stop()


@pytest.mark.parametrize("row", [*zoo_exim.CORRECT, *zoo_exim.OPEN], ids=zoo.title)
def test_zoo_exim(world, exim, row):
    zoo_exim.become(exim, row)
    world.ask("Exim", row)


REASON = ["No mail is taken here.", "This host has moved.", "Write to the postmaster, code 4711."]
REFUSED_AT_ONCE = {
    "main": ["acl_smtp_connect = acl_check_connect"],
    "edits": [("acl_check_mail:\n", "acl_check_connect:\n  deny\n    message = "
               + "\\n".join(REASON) + "\n\nacl_check_mail:\n")],
}


def test_every_line_of_a_greeting_that_refuses_is_told(world, exim):
    exim.set_up(**REFUSED_AT_ONCE)
    exim.restart()
    checked = zoo.probe(world.outside, "zoo", config=zoo.Config(
        targets={"zoo": {"domain": "example.org", "ports": [25]}}))
    entry = checked.report["endpoints"][0]
    refused = next(found for found in entry["findings"] if found["kind"] == "service-refused")
    assert entry["banner"] == " ".join(REASON)
    assert all(line in refused["why"] for line in REASON), refused
    text = zoo.probe(world.outside, "zoo", as_json=False, config=zoo.Config(
        targets={"zoo": {"domain": "example.org", "ports": [25]}}))
    assert REASON[-1] in " ".join(text.out.split())


def test_every_line_of_a_refused_recipient_is_read(world, exim):
    lines = ["One moment, please.", "You are a stranger to us.", "So relaying is denied."]
    exim.set_up(acl_relay="  deny\n    !domains = +local_domains\n    message = "
                + "\\n".join(lines) + "\n")
    exim.restart()
    result = zoo.ask("Exim", world.outside, zoo.case("", "closed"))
    zoo.verify(result)
    plain = next(asked for asked in result.endpoints[zoo.FAMILIES[4]]["techniques"]
                 if asked["id"] == "plain")
    assert plain["text"] == " ".join(lines) and plain["outcome"] == "relay-denied"
