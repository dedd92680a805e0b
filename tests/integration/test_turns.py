"""A server that cuts the battery off each time is asked all of it in a few audits, without an alarm at each."""

import contextlib
import os
import sqlite3

import pytest

from lab import Config, Dns, Lab, Postfix, probe

# So many connections a client may have in a minute; then each is greeted with 421.
BANS = {"mynetworks": "127.0.0.9/32", "smtpd_client_connection_rate_limit": "5",
        "anvil_rate_time_unit": "600s", "smtpd_hard_error_limit": "3"}
TARGETS = {"mx": {"host": "203.0.113.25"}}


@pytest.fixture(name="site")
def make_site():
    with Lab() as lab:
        outside, mx = lab.host("outside"), lab.host("mx")
        Dns(lab).start()
        yield outside, Postfix(lab, mx, main=BANS).start()


def audit(site, **probe_options):
    """One audit, behind a ban that has run out."""
    outside, postfix = site
    postfix.command("postfix", "stop")
    postfix.start()
    checked = probe(outside, "mx", config=Config(targets=TARGETS, probe=probe_options))
    entry, = checked.report["endpoints"]
    kinds = {finding["kind"] for finding in entry["findings"]}
    answered = [asked["id"] for asked in entry["techniques"] if asked["outcome"]]
    return checked, entry, kinds, answered


def database_of(site):
    return os.path.join(site[0].folder, "probe/state/probe/relaywarden.db")


def test_what_was_left_over_is_asked_first_and_the_alarm_is_over_when_all_was_answered(site):
    checked, entry, kinds, answered = audit(site)
    assert entry["verdict"] == "closed"
    assert "probe-blocked" in kinds and checked.code == 1
    seen = set(answered)
    audits = 1
    while True:
        checked, entry, kinds, answered = audit(site)
        assert entry["verdict"] == "closed"
        audits += 1
        assert audits < 12
        # All but plain are new, until there are no new ones.
        new = set(answered) - seen
        if "probe-blocked" not in kinds:
            break
        assert len(new) >= len(answered) - 2, (answered, seen)  # plain, and one that two connections wanted
        seen |= set(answered)
    assert checked.code == 0
    assert any("answered not long ago" in note for note in entry["notes"])
    assert len(answered) < 30
    # And so it stays.
    checked, entry, kinds, _ = audit(site)
    assert "probe-blocked" not in kinds and checked.code == 0
    # The last of them came from a connection of its own.
    with contextlib.closing(sqlite3.connect(database_of(site))) as database:
        known = {name for name, in database.execute("SELECT name FROM fact WHERE kind = 'turn'")}
    assert {"helo-own", "helo-literal"} <= known


def test_answers_of_long_ago_do_not_count(site):
    audit(site)
    for _ in range(12):
        _, _, kinds, _ = audit(site, interval="1m")
        if "probe-blocked" not in kinds:
            break
    assert "probe-blocked" not in kinds
    with contextlib.closing(sqlite3.connect(database_of(site))) as database:
        assert database.execute("UPDATE fact SET time = time - 360 WHERE kind = 'turn'").rowcount > 9
        database.commit()
    _, _, kinds, _ = audit(site, interval="1m")
    assert "probe-blocked" in kinds


def test_what_was_granted_is_asked_again_at_once_whoever_has_waited_longer(site):
    site[1].set({**BANS, "smtpd_relay_restrictions":
                 "check_sender_access inline:{ example.org=OK }, reject_unauth_destination"})
    for _ in range(4):
        checked, entry, _, answered = audit(site)
        assert (entry["verdict"], entry["cause"], checked.code) == ("open", "sender-trusted", 2), answered


def test_other_declared_domains_have_their_turn_as_senders_behind_a_ban(site):
    outside, postfix = site
    postfix.set({**BANS, "smtpd_relay_restrictions":
                 "check_sender_access inline:{ shop.example=OK }, reject_unauth_destination"})
    for _ in range(12):
        postfix.command("postfix", "stop")
        postfix.start()
        checked = probe(outside, "mx", config=Config(
            targets=TARGETS, site={"domains": ["example.org", "shop.example"]}))
        entry, = checked.report["endpoints"]
        if entry["verdict"] != "closed":
            break
    assert (entry["verdict"], entry["cause"], checked.code) == ("open", "sender-trusted", 2)
