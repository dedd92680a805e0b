"""own-sender and helo-own for each of the domains that the site declares: all where there is room, else in turn."""

import contextlib
import sqlite3

import pytest

from lab import Config, Dns, Postfix, probe
from site_of_tests import CLOSED, endpoint

OTHERS = [f"shop{number}.example" for number in range(1, 20)]


class Server:
    def __init__(self, lab):
        self.outside = lab.host("outside")
        Dns(lab).start()
        self.postfix = Postfix(lab, lab.host("mx"), main={"in_flow_delay": "0s"}).start()

    def trust_greeting(self, *domains):
        """Becomes a server that lets who greets so send to anybody."""
        names = "inline:{ " + ", ".join(f"{domain}=OK" for domain in domains) + " }"
        self.postfix.set({"smtpd_relay_restrictions": f"check_helo_access {names}, {CLOSED}"})

    def trust(self, *domains):
        """Becomes a server that lets these senders send to anybody."""
        senders = "inline:{ " + ", ".join(f"{domain}=OK" for domain in domains) + " }"
        self.postfix.set({"smtpd_relay_restrictions":
                          f"check_sender_access {senders}, {CLOSED}" if domains else CLOSED})


@pytest.fixture(scope="module")
def server(shared_lab):
    return Server(shared_lab)


def config(domains, folder, **settings):
    return Config(site={"domains": ["example.org", *domains]}, probe=settings,
                  targets={"mx": {"host": "203.0.113.25"}}, state_directory=str(folder))


def asked(entry):
    """The domains that own-sender was asked for, and whether it was granted."""
    return {row["sender"].split("@")[1].rstrip(">"): row["outcome"] == "accepted"
            for row in entry["techniques"] if row["id"] == "own-sender" and row["outcome"]}


def refusals(entry):
    return len([row for row in entry["techniques"] if row["code"] and row["code"] >= 400])


def test_sixteen_are_asked_for_at_a_time_and_the_others_are_named_and_have_their_turn(
        server, tmp_path):
    server.trust(OTHERS[-1])
    settings = config(OTHERS, tmp_path)
    first = endpoint(probe(server.outside, "mx", config=settings))
    assert (first["verdict"], first["cause"]) == ("closed", None), first["why"]
    assert list(asked(first)) == ["example.org", *OTHERS[:15]]
    assert refusals(first) <= 64
    note, = [note for note in first["notes"] if "Not asked in the name of" in note]
    assert all(domain in note for domain in OTHERS[15:])
    assert OTHERS[14] not in note

    second = endpoint(probe(server.outside, "mx", config=settings))
    assert (second["verdict"], second["cause"]) == ("open", "sender-trusted"), second["why"]
    assert asked(second)[OTHERS[-1]]
    assert OTHERS[-1] in second["why"]

    # While it lasts, each audit sees it; and when it is over, the next one says so.
    third = endpoint(probe(server.outside, "mx", config=settings))
    assert (third["verdict"], third["cause"]) == ("open", "sender-trusted"), third["why"]
    server.trust()
    fourth = endpoint(probe(server.outside, "mx", config=settings))
    assert fourth["verdict"] == "closed"
    assert asked(fourth)[OTHERS[-1]] is False


def test_they_have_what_max_refusals_leaves_and_keep_no_technique_from_its_answer(
        server, tmp_path):
    server.trust()
    plain = endpoint(probe(server.outside, "mx", config=config([], tmp_path / "plain")))
    needed = refusals(plain)
    numbers = set()
    for limit in range(needed + 3, needed + 14, 2):
        entry = endpoint(probe(server.outside, "mx", config=config(
            OTHERS, tmp_path / str(limit), max_refusals=limit)))
        assert entry["verdict"] == "closed", entry["why"]
        assert refusals(entry) <= limit
        assert {row["id"] for row in entry["techniques"] if row["outcome"]} == {
            row["id"] for row in plain["techniques"] if row["outcome"]}
        numbers.add(len(asked(entry)))
    assert max(numbers) > min(numbers)


def test_domains_of_a_file_come_in_turn_too(server, tmp_path):
    """A million, of which the last is trusted: it is asked for as soon as its turn comes."""
    names = tmp_path / "domains"
    names.write_text("".join(f"d{number}.example\n" for number in range(1_000_000)))
    names.chmod(0o640)
    server.trust("d20.example")
    settings = config([], tmp_path)
    settings.site["domain_files"] = [str(names)]
    first = endpoint(probe(server.outside, "mx", config=settings))
    assert first["verdict"] == "closed"
    assert "999985 more" not in first["why"]
    note, = [note for note in first["notes"] if "Not asked in the name of" in note]
    assert "d15.example" in note and " more" in note
    second = endpoint(probe(server.outside, "mx", config=settings))
    assert (second["verdict"], second["cause"]) == ("open", "sender-trusted"), second["why"]
    with contextlib.closing(sqlite3.connect(tmp_path / "probe/relaywarden.db")) as database:
        (place,), = database.execute("SELECT number FROM fact WHERE kind = 'sender'")
    assert place > 0


def greeted(entry):
    """The domains that helo-own was asked for, and whether it was granted."""
    return {row["helo"]: row["outcome"] == "accepted"
            for row in entry["techniques"] if row["id"] == "helo-own" and row["outcome"]}


def test_a_server_that_trusts_another_domain_in_a_greeting_is_open(server, tmp_path):
    server.trust_greeting("shop.example")
    settings = config(["shop.example"], tmp_path)
    entry = endpoint(probe(server.outside, "mx", config=settings))
    assert (entry["verdict"], entry["cause"]) == ("open", "helo-trusted"), entry["why"]
    assert greeted(entry) == {"example.org": False, "shop.example": True}
    assert [row["id"] for row in entry["techniques"]
            if row["outcome"] == "accepted" and not row["control"]] == ["helo-own"]
    assert "(shop.example) in its greeting" in entry["why"]
    assert "check_helo_access" in entry["fix"]
    server.trust()
    entry = endpoint(probe(server.outside, "mx", config=settings))
    assert entry["verdict"] == "closed", entry["why"]
    assert greeted(entry) == {"example.org": False, "shop.example": False}


def test_greetings_have_their_turn_where_senders_take_all_that_max_refusals_leaves(server, tmp_path):
    """Each of twenty domains is greeted by in a few audits; and one that was let in is seen by each."""
    server.trust()
    settings = config(OTHERS, tmp_path)
    seen = {}
    for _ in range(4):
        entry = endpoint(probe(server.outside, "mx", config=settings))
        assert entry["verdict"] == "closed", entry["why"]
        assert refusals(entry) <= 64
        assert len(greeted(entry)) <= 8
        if len(seen) < len(OTHERS):
            assert any("Not greeted in the name of" in note for note in entry["notes"])
        seen.update(greeted(entry))
    assert sorted(seen) == sorted(["example.org", *OTHERS])
    assert not any(seen.values())

    server.trust_greeting(OTHERS[9])
    found = [endpoint(probe(server.outside, "mx", config=settings)) for _ in range(4)]
    verdicts = [(entry["verdict"], entry["cause"]) for entry in found]
    first = verdicts.index(("open", "helo-trusted"))
    assert verdicts[first:] == [("open", "helo-trusted")] * (4 - first), verdicts
