"""relaywarden-probe run, many of them: one roster, one history, one alert, on Debian's PostgreSQL."""

import collections
import os
import random

import pytest

from fleet_of_tests import (  # noqa: F401  (three are fixtures)  pylint: disable=unused-import
    MX, fleet_maker, fleet_postfix, fleet_server, host_of, ids, open_for)
from lab import Config, Pgbouncer, Server, probe, wait_until
from lab.many import LightServers, address

KILLS = 20
LIGHT = 40


@pytest.mark.parametrize("pooled", [False, True])
def test_open_from_two_of_three_vantages_is_one_alert_that_names_them(make_fleet, postfix, server, shared_lab, pooled):
    open_for(postfix, 1, 2)
    if pooled:
        Pgbouncer(shared_lab, server).start()
    fleet = make_fleet(MX, port=6432 if pooled else 5432)
    fleet.begin(0, 1, 2)
    opened = fleet.wait_for_alerts(1, kind="open-relay", state="opened")
    assert opened[0]["evidence"]["vantages"] == "east, west"
    assert "seen from 2 of 3 vantages" in opened[0]["why"]
    rows = server.sql("SELECT vantages, vantages_in_all FROM relaywarden.incident_now WHERE kind = 'open-relay'")
    assert rows == [["{east,west}", "3"]]
    # One of the two is closed now: that is no end.
    with fleet.quiet():
        open_for(postfix, 2)
    wait_until(lambda: server.value("SELECT vantages FROM relaywarden.incident_now WHERE kind = 'open-relay'")
               == "{west}", 60, fleet.log)
    fleet.wait_for_round()
    assert not fleet.alerts(kind="open-relay", state="resolved")
    with fleet.quiet():
        open_for(postfix)
    resolved = fleet.wait_for_alerts(1, kind="open-relay", state="resolved")
    fleet.wait_for_round()
    told = [(alert["state"], alert["incident"], alert["subject"], alert["time"]) for alert in
            fleet.alerts(kind="open-relay")]
    assert sorted(state for state, *_ in told) == ["opened", "resolved"], \
        f"{told}\n{server.sql('SELECT id, key, count, opened, ended, vantages FROM relaywarden.incident_now')}"
    assert ids(opened) == ids(resolved)


def test_killed_workers_lose_nothing_and_record_nothing_twice(make_fleet, shared_lab, server):
    seen_open = (3, 17, 29)
    servers = shared_lab.host("light", addresses=("203.0.113.99", "2001:db8:113::99"))
    light = LightServers(servers, host_of(shared_lab, 0), seen_open)
    for vantage in (1, 2):
        host_of(shared_lab, vantage).run(["ip", "-6", "route", "add", "2001:db8:1000::/64", "via",
                                          servers.address6])
    light.start()
    fleet = make_fleet({f"t{number}": {"host": address(number), "ports": [25]} for number in range(1, LIGHT + 1)})
    for vantage in range(3):
        for number in range(2):
            fleet.add(vantage, number)
    chance = random.Random(20261130)
    for _ in range(KILLS):
        victim = chance.choice(fleet.workers)
        moved = server.value("SELECT sum(epoch) FROM relaywarden.turn")
        wait_until(lambda moved=moved: server.value("SELECT sum(epoch) FROM relaywarden.turn") != moved, 60, fleet.log)
        victim.kill()
        victim.start()
    fleet.wait_for_round()
    fleet.wait_for_round()
    # Nothing was recorded that was not claimed, and nothing twice.
    assert server.value("SELECT count(*) FROM relaywarden.endpoint_now") == str(3 * LIGHT)
    assert server.sql("SELECT h.key FROM relaywarden.audit_history AS h JOIN relaywarden.target AS t"
                      " ON t.name = h.target JOIN relaywarden.turn ON turn.target = t.id AND turn.vantage = h.vantage"
                      " GROUP BY h.key, h.vantage, turn.epoch HAVING sum(h.audits) > turn.epoch") == []
    # One incident of each, one id of each, and no alert is lost.
    opened = fleet.wait_for_alerts(len(seen_open), kind="open-relay", state="opened")
    told = collections.defaultdict(set)
    for alert in opened:
        told[alert["subject"]["endpoint"]].add(alert["incident"])
    assert sorted(map(len, told.values())) == [1] * len(seen_open), told
    assert server.value("SELECT count(*) FROM relaywarden.incident_now WHERE kind = 'open-relay'") == "3"
    wait_until(lambda: server.value("SELECT count(*) FROM relaywarden.outbox WHERE sent IS NULL") == "0", 150,
               fleet.log)
    status = fleet.run("status", fleet.url, code=2)
    assert len(status["vantages"]) == 3 and status["critical"] == 3


def test_each_vantage_asks_everything(make_fleet, postfix, server):
    """An audit cannot call closed a form that it does not ask."""
    open_for(postfix)
    fleet = make_fleet(MX)
    for vantage in range(2):
        fleet.add(vantage)
    fleet.wait_for_round()
    details = [row[0] for row in server.sql("SELECT jsonb_array_length(detail::jsonb->'techniques')"
                                            " FROM relaywarden.endpoint_now")]
    assert len(details) == 2 and min(map(int, details)) > 20, details
    assert {row[0] for row in server.sql("SELECT verdict FROM relaywarden.endpoint_now")} == {"closed"}


def test_a_silent_vantage_is_told_and_ends_nothing(make_fleet, postfix, server):
    open_for(postfix, 1, 2)
    fleet = make_fleet(MX)
    east, west = fleet.begin(1, 2)
    opened, = fleet.wait_for_alerts(1, kind="open-relay", state="opened")
    assert opened["evidence"]["vantages"] == "east, west"
    west.kill()
    open_for(postfix)
    fleet.wait_for_round_at("east")
    server.sql("UPDATE relaywarden.vantage SET last_seen = now() - interval '6 minutes' WHERE name = 'west'")
    silent, = fleet.wait_for_alerts(1, kind="vantage-silent", state="opened")
    assert silent["subject"] == {"vantage": "west"} and silent["severity"] == "warning"
    assert "fleet retire west" in silent["fix"]
    assert not fleet.alerts(kind="open-relay", state="resolved")
    assert east.process.poll() is None
    fleet.run("retire", fleet.url, "west")
    fleet.wait_for_alerts(1, kind="vantage-silent", state="resolved")
    fleet.wait_for_alerts(1, kind="open-relay", state="resolved")


def test_a_batch_is_taken_once_and_a_lost_claim_not_at_all(make_fleet, server):
    make_fleet({"a": {"host": "192.0.2.1", "ports": [25]}})
    server.sql("SELECT relaywarden.hello('one', 'north', 'h', '0'), relaywarden.hello('two', 'north', 'h', '0')")

    def claimed(worker):
        return server.sql(f"SELECT target_id, claim_epoch FROM relaywarden.claim('{worker}', 'north', 64)")

    def record(worker, number, target, epoch, found=""):
        batch = ('[{"id": %s, "epoch": %s, "name": "a", "age": 1, "through": true, "findings": [%s], "over": [],'
                 ' "results": [{"key": "k", "host": "h", "session": "none", "verdict": "closed", "cause": "",'
                 ' "seconds": 1, "detail": "{}"}]}]' % (target, epoch, found))
        return server.value(f"SELECT relaywarden.record('{worker}', 'north', {number}, '{batch}', '{{}}')")

    (target, epoch), = claimed("one")
    assert claimed("two") == []
    server.sql("UPDATE relaywarden.turn SET leased_until = now() - interval '1 s'")
    (_, later), = claimed("two")
    found = '{"kind": "open-relay", "key": "k", "fold": "", "severity": "critical", "body": "{}"}'
    assert record("one", 1, target, epoch, found) == "0"
    assert server.sql("SELECT vantages FROM relaywarden.incident_now") == [["{north}"]]
    assert record("two", 1, target, later) == "1"
    assert record("two", 1, target, later) == "0"
    assert server.sql("SELECT verdict, audits FROM relaywarden.audit_history") == [["closed", "1"]]


def test_a_batch_that_its_worker_told_ends_nothing_without_a_word(make_fleet, server):
    """It names no sinks. Somebody else's transaction had the incident when its last vantage saw that it is over."""
    make_fleet({"a": {"host": "192.0.2.1", "ports": [25]}})
    found = '{"kind": "open-relay", "key": "k", "fold": "", "severity": "critical", "body": "{}"}'
    server.sql("SELECT relaywarden.hello('one', 'north', 'h', '0')")
    server.sql(f"SELECT relaywarden.sight('north', id, 'a', '{found}', '{{json}}') FROM relaywarden.target")
    server.sql("UPDATE relaywarden.sighting SET gone = now()")
    server.sql("SELECT relaywarden.record('one', 'north', 1, '[]', '{}')")
    assert server.value("SELECT count(*) FROM relaywarden.incident_now WHERE ended IS NULL") == "1"
    server.sql("SELECT relaywarden.tick(86400, 864000, '{json}')")
    assert server.value("SELECT count(*) FROM relaywarden.incident_now WHERE ended IS NULL") == "0"
    assert server.sql("SELECT state, sink FROM relaywarden.outbox ORDER BY id") == [["opened", "json"],
                                                                                    ["resolved", "json"]]


def banners():
    """A stranger's words: made to be SQL, JSON or an array, then octets by chance."""
    made = [b"'; DROP SCHEMA relaywarden CASCADE; --", b'"}]\'::jsonb); SELECT 1 --', b"\\u0000 $1 $$ E'\\'' %s {a,b}",
            b"\\", b"\xff\xfe\x00\xed\xa0\x80", b"x" * 400 + b"'"]
    chance = random.Random(14)
    return made + [bytes(chance.choice(octets) for _ in range(60)) for octets in
                   (bytes(range(1, 256)).replace(b"\n", b"").replace(b"\r", b""), b"'\"\\;-$(){}[],:u0 ") * 10]


def test_a_strangers_words_are_no_sql(make_fleet, shared_lab, server):
    words = banners()

    def handle(connection, banner):
        connection.sendall(b"220 " + banner + b"\r\n")
        for line in connection.makefile("rb"):
            if line.upper().startswith((b"EHLO", b"HELO")):
                connection.sendall(b"250-" + banner + b"\r\n250 " + banner + b"\r\n")
            else:
                good = b"250 2.1.0 " if line.upper().startswith(b"MAIL") else b"250 2.1.5 "
                connection.sendall(good + banner + b"\r\n")

    host = shared_lab.host("words", addresses=("203.0.113.77", "2001:db8:113::77"))
    for number, banner in enumerate(words):
        Server(host, 2600 + number, lambda connection, banner=banner: handle(connection, banner))
    fleet = make_fleet({f"w{number}": {"host": host.address, "ports": [2600 + number]} for number in range(len(words))})
    worker = fleet.add(0)
    fleet.wait_for_round()
    assert worker.log.find("refused|database:") == []
    rows = server.sql("SELECT verdict, (detail::jsonb->>'banner') IS NOT NULL FROM relaywarden.endpoint_now")
    assert len(rows) == len(words) and {row[1] for row in rows} == {"t"}, rows
    found = int(server.value("SELECT count(*) FROM relaywarden.incident_now WHERE kind = 'open-relay'"))
    assert found > 0
    fleet.wait_for_alerts(found, kind="open-relay", state="opened")


def test_run_says_why_it_cannot_begin_with_the_database(shared_lab, server):
    server.sql("DROP DATABASE IF EXISTS relaywarden WITH (FORCE)", "postgres")
    server.sql("CREATE DATABASE relaywarden")
    config = Config(database=server.url(), vantage_name="north", targets={})
    done = probe(host_of(shared_lab, 0), config=config, verb="run", as_json=False, name="refused")
    assert done.code == 78 and "fleet migrate" in done.err, done.err


def test_results_that_the_database_refuses_are_set_aside_and_told(make_fleet, postfix, server):
    open_for(postfix)
    fleet = make_fleet(MX)
    worker = fleet.add(0)
    fleet.wait_for_round()
    server.sql("ALTER TABLE relaywarden.endpoint ADD CONSTRAINT never CHECK (verdict <> 'closed') NOT VALID")
    worker.log.wait_for("results were refused: .* set aside")
    server.sql("ALTER TABLE relaywarden.endpoint DROP CONSTRAINT never")
    server.sql("UPDATE relaywarden.turn SET leased_until = now() - interval '1 s'")
    fleet.wait_for_round()
    server.stop()
    worker.log.wait_for("audits go on")
    server.start()
    worker.log.wait_for("the database is back")
    fleet.wait_for_round()
    folder = os.path.join(worker.host.folder, worker.folder, "state", "probe", "fleet")
    assert [name for name in os.listdir(folder) if name.endswith(".refused")], os.listdir(folder)


def test_an_alert_of_a_kind_that_is_not_known_waits_for_a_newer_worker(make_fleet, postfix, server):
    open_for(postfix)
    fleet = make_fleet(MX)
    worker = fleet.add(0)
    fleet.wait_for_round()
    server.sql("INSERT INTO relaywarden.incident (id, kind, key, severity, body)"
               " VALUES ('later', 'of-a-later-version', 'k', 'critical', '{}')")
    server.sql("INSERT INTO relaywarden.sighting (incident, vantage) VALUES ('later', 'north')")
    server.sql("SELECT relaywarden.announce('later', 'opened', ARRAY['syslog', 'json'], now())")
    worker.log.wait_for("incident later of the database is of a kind that this version does not know")
    assert server.value("SELECT count(*) FROM relaywarden.outbox WHERE sent IS NOT NULL") == "0"


def test_a_lasting_incident_that_was_taken_over_is_reminded_of(make_fleet, server):
    make_fleet({"a": {"host": "192.0.2.1", "ports": [25]}})
    server.sql("INSERT INTO relaywarden.incident (id, kind, key, severity, body, told, opened)"
               " VALUES ('old', 'open-relay', 'k', 'critical', '{}', now() - interval '2 d', now() - interval '2 d')")
    server.sql("INSERT INTO relaywarden.sighting (incident, vantage) VALUES ('old', 'north')")
    server.sql("SELECT relaywarden.tick(86400, 8640000, ARRAY['json'])")
    assert server.sql("SELECT state FROM relaywarden.outbox") == [["repeated"]]


def test_a_slow_question_for_metrics_costs_no_connection_and_is_told_once(make_fleet, postfix, server):
    fleet = make_fleet(MX)
    worker, = fleet.begin(0)
    was = server.value("SELECT translate(pg_get_viewdef('relaywarden.fleet_now'::regclass), E'\\n', ' ')").rstrip(";")
    server.sql("DO $do$ BEGIN CREATE OR REPLACE VIEW relaywarden.fleet_now AS SELECT slow.* FROM"
               f" ({was}) AS slow, pg_sleep(60); END $do$")
    worker.log.wait_for("the fleet's metrics are not read: .*; audits go on")
    fleet.wait_for_round()
    assert worker.log.find("results are kept here|is back") == []
    assert len(worker.log.find("metrics are not read")) == 1
