"""relaywarden-probe fleet: the database that many probes share, on Debian's PostgreSQL."""

import json
import os
import re
import shutil
import sqlite3

import pytest
import yaml

from lab import Config, Dns, Pgbouncer, Postfix, Postgresql, probe, program, run
from lab.postgresql import PASSWORD
from lab.servers import ROOT
from readme import read

TARGETS = {"mx": {"host": "203.0.113.25", "ports": [25]},
           "submission": {"domain": "example.org", "ports": [465, 587], "interval": "1h"}}


@pytest.fixture(scope="module")
def server(shared_lab):
    return Postgresql(shared_lab, shared_lab.host("db")).start()


@pytest.fixture
def database(server):
    """The server with an empty database."""
    server.sql("DROP DATABASE IF EXISTS relaywarden WITH (FORCE)", "postgres")
    server.sql("CREATE DATABASE relaywarden")
    return server


@pytest.fixture
def outside(shared_lab):
    return shared_lab.host("outside")


def config(url, **options):
    return Config(database=url, vantage_name=options.pop("vantage", "north"), targets=options.pop("targets", TARGETS),
                  **options)


def fleet(host, url, *words, **options):
    return probe(host, *words, config=config(url, **options), verb="fleet", name="fleet")


def migrate(host, server):
    done = fleet(host, server.owner_url(), "migrate")
    assert done.code == 0, done.err
    server.sql("GRANT relaywarden_worker TO probe")
    return done.report


def refused(done, *words):
    """Exit code 78, and one sentence with the remedy."""
    assert done.code == 78, done.err
    lines = done.err.splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0], lines[0]


def test_the_schema_is_made_once(outside, database):
    assert migrate(outside, database)["before"] == 0
    again = fleet(outside, database.owner_url(), "migrate")
    assert again.code == 0 and again.report["before"] == again.report["now"]
    text = probe(outside, "migrate", config=config(database.owner_url()), verb="fleet", as_json=False, name="fleet")
    assert text.out == f"the schema is of step {again.report['now']} already\n"


def test_two_migrations_at_once_make_one_schema(outside, database):
    path = config(database.owner_url()).write(os.path.join(outside.folder, "both.conf"))
    both = [outside.popen([program("relaywarden-probe"), "fleet", "migrate", "--config", path]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert database.value("SELECT count(*) = max(number) FROM relaywarden.step") == "t"


def test_the_roster_becomes_what_the_configuration_has(outside, database):
    migrate(outside, database)
    done = fleet(outside, database.url(), "sync")
    assert done.code == 0, done.err
    assert [done.report[name] for name in ("added", "changed", "dropped")] == [2, 0, 0]
    changed = {**TARGETS, "mx": {"host": "203.0.113.25", "ports": [25, 2525]}, "new": {"host": "192.0.2.1"}}
    del changed["submission"]
    done = fleet(outside, database.url(), "sync", targets=changed)
    assert [done.report[name] for name in ("added", "changed", "dropped")] == [1, 1, 1]
    rows = database.sql("SELECT name, spec->'ports', interval_seconds FROM relaywarden.target ORDER BY name")
    assert rows == [["mx", "[25, 2525]", "21600"], ["new", "[25]", "21600"]]


def test_a_configuration_without_targets_does_not_empty_the_roster(outside, database):
    migrate(outside, database)
    assert fleet(outside, database.url(), "sync").report["added"] == 2
    refused(fleet(outside, database.url(), "sync", targets={}), "has no target", "run fleet sync where the targets are")
    for nothing in ("'[]'", "NULL", "'{}'"):
        with pytest.raises(Exception, match="has no target, and the roster would be empty"):
            database.sql(f"SELECT relaywarden.sync({nothing})")
    assert database.value("SELECT count(*) FROM relaywarden.target") == "2"


def test_a_long_roster_is_one_call(outside, database):
    migrate(outside, database)
    path = os.path.join(outside.folder, "many")
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"t{number} host 10.{number >> 16}.{number >> 8 & 255}.{number & 255}\n"
                        for number in range(1, 20001))
    done = fleet(outside, database.url(), "sync", targets={}, probe={"target_files": [path]})
    assert done.code == 0 and done.report["added"] == 20000, done.err


def test_a_missing_schema_names_the_way_to_make_it(outside, database):
    refused(fleet(outside, database.url(), "status"), "fleet migrate")


def test_a_database_that_is_not_set_is_named(outside):
    refused(fleet(outside, "", "status"), "no database is set", "database = ")


def test_a_wrong_password_is_a_sentence_with_the_remedy(outside, database):
    migrate(outside, database)
    passfile = os.path.join(outside.folder, "wrong")
    with open(passfile, "w", encoding="ascii", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.write("*:*:*:*:wrong\n")
    url = database.url().replace(database.passfile, passfile)
    refused(fleet(outside, url, "status"), "password authentication failed", ".pgpass")


@pytest.mark.parametrize("change, words", [
    (("/relaywarden?", "/nothing?"), ('"nothing" does not exist', "create the database")),
    (("probe@", "nobody@"), ("password authentication failed", "role")),
])
def test_a_database_or_a_role_that_is_not_there_is_named(outside, database, change, words):
    refused(fleet(outside, database.url().replace(*change), "status"), *words)


def test_a_role_without_rights_is_told_what_it_lacks(outside, database):
    migrate(outside, database)
    database.sql("REVOKE relaywarden_worker FROM probe")
    refused(fleet(outside, database.url(), "status"), "permission denied", "GRANT relaywarden_worker TO")


def test_a_role_that_may_make_no_roles_is_told_so(outside, server):
    server.sql("DROP DATABASE IF EXISTS relaywarden WITH (FORCE)", "postgres")
    server.sql("DROP ROLE IF EXISTS relaywarden_worker, relaywarden_reader, relaywarden_milter", "postgres")
    server.sql("CREATE DATABASE relaywarden OWNER probe")
    refused(fleet(outside, server.url(), "migrate"), "CREATE ROLE relaywarden_worker")
    server.sql("CREATE ROLE relaywarden_worker", "postgres")
    server.sql("CREATE ROLE relaywarden_reader", "postgres")
    server.sql("CREATE ROLE relaywarden_milter", "postgres")
    assert fleet(outside, server.url(), "migrate").code == 0


@pytest.mark.parametrize("theirs", ["SCHEMA relaywarden", "TABLE relaywarden.step (number int, works_from int)"])
def test_what_another_role_made_before_is_not_migrated(outside, database, theirs):
    """Its owner could have put a trigger there, which would run with the rights of whoever migrates."""
    database.sql("DROP SCHEMA IF EXISTS relaywarden CASCADE")
    if theirs.startswith("TABLE"):
        database.sql("DO $$ BEGIN CREATE SCHEMA relaywarden; GRANT ALL ON SCHEMA relaywarden TO probe; END $$")
        database.sql(f"SET ROLE probe; CREATE {theirs}")
    else:
        database.sql("DO $$ BEGIN CREATE SCHEMA relaywarden AUTHORIZATION probe; END $$")
    refused(fleet(outside, database.owner_url(), "migrate"), "belongs to role probe", "run fleet migrate as probe")
    assert database.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'relaywarden'::regnamespace"
                          " AND relname = 'target'") == "0"


def test_a_notice_of_the_server_is_not_written(outside, database):
    migrate(outside, database)
    database.sql("DO $$ BEGIN CREATE OR REPLACE FUNCTION relaywarden.retire(at_vantage text) RETURNS bigint"
                 " LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RAISE WARNING ''loud''; RETURN 0; END'; END $$")
    done = fleet(outside, database.url(), "retire", "north")
    assert done.code == 0 and done.err == ""


def test_a_newer_schema_is_refused_and_one_that_serves_is_not(outside, database):
    now = migrate(outside, database)["now"]
    database.sql(f"INSERT INTO relaywarden.step VALUES ({now + 1}, {now})")
    assert fleet(outside, database.url(), "sync").code == 0
    database.sql(f"INSERT INTO relaywarden.step VALUES ({now + 2}, {now + 1})")
    refused(fleet(outside, database.url(), "status"), "newer version", "install")


def test_a_server_that_is_away_is_no_wrong_configuration(outside):
    done = fleet(outside, "postgresql://probe@203.0.113.25/relaywarden", "status")
    assert done.code == 71 and "start the server" in done.err, done.err


def test_a_server_that_is_too_old_is_refused(outside, shared_lab, database):
    """The real one, which is made to give itself another version: what a program asks before all else."""
    migrate(outside, database)
    library = os.path.join(shared_lab.folder, "old.so")
    run(["gcc", "-shared", "-fPIC", "-o", library, "-x", "c", "-"],
        input="int PQserverVersion(const void *link) { (void)link; return 120022; }\n")
    path = config(database.url()).write(os.path.join(outside.folder, "old.conf"))
    done = outside.run(["env", f"LD_PRELOAD={library}", program("relaywarden-probe"), "fleet", "status",
                        "--config", path], check=False)
    assert done.returncode == 78 and "PostgreSQL 12; 13 or newer is needed" in done.stderr, done.stderr


@pytest.mark.parametrize("other", [False, True])
def test_a_module_that_is_missing_or_another_one_is_named(outside, shared_lab, database, other):
    folder = os.path.join(shared_lab.folder, f"alone-{other}")
    os.mkdir(folder)
    shutil.copy(program("relaywarden-probe"), folder)
    if other:
        run(["gcc", "-shared", "-fPIC", "-o", os.path.join(folder, "relaywarden-postgresql.so"), "-x", "c", "-"],
            input='const char *const relaywarden_postgresql[] = { "0.0.9" };\n')
    path = config(database.url()).write(os.path.join(shared_lab.folder, "alone.conf"))
    done = outside.run([os.path.join(folder, "relaywarden-probe"), "fleet", "status", "--config", path], check=False)
    assert done.returncode == 78, done.stderr
    assert ("of version 0.0.9" if other else "cannot be loaded") in done.stderr
    assert "install the package relaywarden-postgresql" in done.stderr


@pytest.mark.parametrize("change", [(os.chmod, "folder", 0o777), (os.chmod, "module", 0o664),
                                    (lambda path, owner: os.chown(path, owner, owner), "module", 65534)])
def test_a_module_that_others_may_change_is_not_loaded(outside, shared_lab, database, change):
    folder = os.path.join(shared_lab.folder, "changed")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder, 0o755)
    module = os.path.join(folder, "relaywarden-postgresql.so")
    shutil.copy(program("relaywarden-probe"), folder)
    shutil.copy(program("relaywarden-postgresql.so"), module)
    path = config(database.url()).write(os.path.join(shared_lab.folder, "changed.conf"))
    argv = [os.path.join(folder, "relaywarden-probe"), "fleet", "status", "--config", path]
    assert "run relaywarden-probe fleet migrate" in outside.run(argv, check=False).stderr
    act, place, value = change
    act(folder if place == "folder" else module, value)
    done = outside.run(argv, check=False)
    assert done.returncode == 78 and "is not loaded, since others may change it" in done.stderr, done.stderr


def test_no_database_loads_no_module(outside, shared_lab):
    folder = os.path.join(shared_lab.folder, "no-libpq")
    os.mkdir(folder)
    shutil.copy(program("relaywarden-probe"), folder)
    done = run(["ldd", os.path.join(folder, "relaywarden-probe")])
    assert "libpq" not in done.stdout
    path = Config().write(os.path.join(folder, "relaywarden.conf"))
    assert outside.run([os.path.join(folder, "relaywarden-probe"), "-t", "--config", path]).returncode == 0


@pytest.mark.parametrize("words, told", [
    ((), "migrate, sync, import, status, retire VANTAGE"), (("migrate", "now"), 'an argument too many: "now"'),
    (("retire",), "VANTAGE is missing after \"retire\""), (("drop",), "migrate, sync, import, status, retire VANTAGE")])
def test_words_that_are_no_part_of_fleet_are_wrong_usage(outside, words, told):
    done = fleet(outside, "", *words)
    assert done.code == 64 and told in done.err


@pytest.fixture(scope="module")
def open_mx(shared_lab):
    Dns(shared_lab).start()
    return Postfix(shared_lab, shared_lab.host("mx"),
                   main={"mynetworks": "0.0.0.0/0, [::]/0", "in_flow_delay": "0s"}).start()


def test_what_one_machine_kept_is_taken_over_once(outside, database, open_mx):
    migrate(outside, database)
    targets = {"mx": {"host": "203.0.113.25", "ports": [25]}, "gone": {"host": "203.0.113.26", "ports": [25]}}
    settings = config(database.url(), targets=targets)
    for _ in range(2):
        assert probe(outside, config=settings, name="fleet").code in (2, 3)
    done = probe(outside, "import", config=settings, verb="fleet", name="fleet")
    assert done.code == 0 and done.report["endpoints"] == 2 and done.report["incidents"] >= 1, done.err
    assert done.report["left_out"] == 0
    again = probe(outside, "import", config=settings, verb="fleet", name="fleet")
    assert again.report["endpoints"] == 0 and again.report["incidents"] == 0
    kept = sqlite3.connect(os.path.join(outside.folder, "fleet", "state", "probe", "relaywarden.db"))
    runs = kept.execute("SELECT key, verdict, cause, run.first, run.last, audits FROM run JOIN endpoint"
                        " ON endpoint.id = run.endpoint ORDER BY key, run.first").fetchall()
    assert database.sql("SELECT key, verdict, cause, extract(epoch FROM first)::bigint, extract(epoch FROM last)"
                        "::bigint, audits FROM relaywarden.audit_history ORDER BY key, first") == \
        [[str(value) for value in row] for row in runs]
    details = dict(kept.execute("SELECT key, detail FROM endpoint").fetchall())
    assert dict(database.sql("SELECT key, detail FROM relaywarden.endpoint_now")) == details
    ids = {row[0] for row in kept.execute("SELECT id FROM incident")}
    assert {row[0] for row in database.sql("SELECT id FROM relaywarden.incident_now")} == ids
    status = probe(outside, "status", config=settings, verb="fleet", name="fleet").report
    assert status["incidents_open"] >= 1
    assert {incident["vantages"] for incident in status["incidents"]} == {"north"}
    fleet(outside, database.url(), "sync", targets=targets)
    south = Config(database=database.url(), vantage_name="south", targets=targets)
    done = probe(outside, "import", config=south, verb="fleet", name="fleet")
    assert done.code == 0 and done.report["endpoints"] == 2 and done.report["incidents"] == 0, done.err
    status = probe(outside, "status", config=settings, verb="fleet", name="fleet").report
    assert {incident["vantages"] for incident in status["incidents"]} == {"north, south"}
    assert database.sql("SELECT name, targets FROM relaywarden.vantage_now ORDER BY 1") == \
        [["north", "2"], ["south", "2"]]
    fleet(outside, database.url(), "retire", "south")
    refused(probe(outside, "import", config=south, verb="fleet", name="fleet"), "vantage south is retired")
    kept.execute("UPDATE incident SET kind = 'later'")
    kept.execute("DELETE FROM run")
    kept.commit()
    kept.close()
    done = probe(outside, "import", config=Config(database=database.url(), vantage_name="west", targets=targets),
                 verb="fleet", name="fleet")
    assert done.code == 3 and done.report["left_out"] == 2 + len(ids), done.report


def test_a_vantage_is_retired_and_status_tells(outside, database):
    migrate(outside, database)
    fleet(outside, database.url(), "sync")
    database.sql("INSERT INTO relaywarden.vantage (name, last_seen) VALUES ('north', now()), ('south', now())")
    assert fleet(outside, database.url(), "sync").code == 0
    assert database.value("SELECT count(*) FROM relaywarden.turn") == "4"
    assert fleet(outside, database.url(), "retire", "south").code == 0
    assert database.sql("SELECT DISTINCT vantage FROM relaywarden.turn") == [["north"]]
    refused(fleet(outside, database.url(), "retire", "south"), "no vantage south in service")
    status = fleet(outside, database.url(), "status")
    assert status.code == 0
    assert [(row["name"], row["retired"]) for row in status.report["vantages"]] == [("north", False), ("south", True)]
    database.sql("UPDATE relaywarden.vantage SET last_seen = now() - interval '1 hour', first_seen = last_seen")
    assert fleet(outside, database.url(), "status").code == 1
    text = probe(outside, "status", config=config(database.url()), verb="fleet", as_json=False, name="fleet")
    assert text.out.startswith("FLEET WARNING - 2 vantages, 0 workers, 0 late, 1 silent, 0 open incidents (0 critical)"
                               " | ")
    assert "vantage north: 0 workers, 2 targets, 0 late, last heard of " in text.out


def incident(database, number, severity="critical", **sightings):
    """An open incident of target mx; `sightings`: vantage to SQL of `gone`."""
    database.sql("INSERT INTO relaywarden.incident (id, kind, key, severity, body, told)"
                 f" VALUES ('{number}', 'open-relay', '{number}', '{severity}', '{{}}', now())")
    for vantage, gone in sightings.items():
        database.sql("INSERT INTO relaywarden.sighting (incident, vantage, target, gone)"
                     f" VALUES ('{number}', '{vantage}', 'mx', {gone})")


def ends(database):
    return dict((row[0], tuple(row[1:])) for row in database.sql(
        "SELECT id, ended IS NOT NULL, given_up FROM relaywarden.incident_now"))


def test_what_a_retired_vantage_saw_is_given_up_and_not_resolved(outside, database):
    """An end that nobody saw is not told; one that another vantage saw, or may still see, is not decided here."""
    migrate(outside, database)
    database.sql("INSERT INTO relaywarden.vantage (name, last_seen) VALUES ('north', now()), ('south', now())")
    fleet(outside, database.url(), "sync")
    incident(database, "alone", south="NULL")
    incident(database, "both", south="NULL", north="NULL")
    incident(database, "over-elsewhere", south="NULL", north="now()")
    incident(database, "over-here", south="now()")
    done = fleet(outside, database.url(), "retire", "south")
    assert done.code == 0 and done.report["given_up"] == 1, done.err
    assert ends(database) == {"alone": ("t", "t"), "both": ("f", "f"), "over-elsewhere": ("f", "f"),
                              "over-here": ("f", "f")}
    assert database.value("SELECT count(*) FROM relaywarden.outbox") == "0"
    assert database.sql("SELECT incident, gone IS NULL, given_up IS NULL FROM relaywarden.sighting"
                        " WHERE vantage = 'south' ORDER BY 1") == [
        ["alone", "t", "f"], ["both", "t", "f"], ["over-elsewhere", "t", "f"], ["over-here", "f", "t"]]
    assert database.sql("SELECT vantages FROM relaywarden.incident_now WHERE id = 'both'") == [["{north}"]]
    text = probe(outside, "retire", "north", config=config(database.url()), verb="fleet", as_json=False, name="fleet")
    assert "; 1 open incidents were given up, not resolved: no other vantage sees them" in text.out
    assert ends(database)["both"] == ("t", "t") and ends(database)["over-elsewhere"] == ("f", "f")


def test_alertmanager_alone_is_told_that_an_incident_was_given_up(outside, database):
    """It keeps an alert until it hears of its end; the others were told of an opening, and hear nothing false."""
    migrate(outside, database)
    database.sql("INSERT INTO relaywarden.vantage (name, last_seen) VALUES ('south', now())")
    fleet(outside, database.url(), "sync")
    incident(database, "one", south="NULL")
    database.sql("UPDATE relaywarden.incident SET body = '{\"why\": \"it relays\", \"fix\": [], \"fields\": []}'")
    database.sql("SELECT relaywarden.announce('one', 'opened', ARRAY['alertmanager', 'mail'], now())")
    database.sql("UPDATE relaywarden.outbox SET sent = now()")
    assert fleet(outside, database.url(), "retire", "south").report["given_up"] == 1
    assert database.sql("SELECT sink, state, incident_id, body::jsonb->>'why' FROM (SELECT to_sink AS sink, what AS state,"
                        " incident_id, body FROM relaywarden.outbox_take('w', ARRAY['alertmanager', 'mail'], 9)) AS t") == [
        ["alertmanager", "resolved", "one", "given up, since nobody looks at it any more: it relays"]]


def test_incidents_of_a_target_that_leaves_the_roster_are_given_up(outside, database):
    migrate(outside, database)
    database.sql("INSERT INTO relaywarden.vantage (name, last_seen) VALUES ('north', now()), ('south', now())")
    fleet(outside, database.url(), "sync")
    incident(database, "one", south="NULL", north="NULL")
    done = fleet(outside, database.url(), "sync", targets={"new": {"host": "192.0.2.1"}})
    assert done.report["given_up"] == 1 and ends(database) == {"one": ("t", "t")}
    assert database.value("SELECT count(*) FROM relaywarden.outbox") == "0"


def test_status_is_no_ok_where_nothing_is_asked_or_an_incident_is_open(outside, database):
    def status():
        done = probe(outside, "status", config=config(database.url()), verb="fleet", as_json=False, name="fleet")
        return done.code, done.out.split(" - ")[0], done.out

    migrate(outside, database)
    assert status()[:2] == (1, "FLEET WARNING") and "the roster is empty" in status()[2]
    fleet(outside, database.url(), "sync")
    assert status()[:2] == (1, "FLEET WARNING") and "no vantage is in service" in status()[2]
    assert " targets=2 unasked=2 " in status()[2]
    database.sql("INSERT INTO relaywarden.vantage (name, last_seen) VALUES ('north', now()), ('south', now())")
    assert status()[:2] == (1, "FLEET WARNING") and "2 targets are asked from no vantage" in status()[2]
    fleet(outside, database.url(), "sync")
    assert status()[:2] == (0, "FLEET OK")
    assert " targets=2 unasked=0 " in status()[2]
    incident(database, "note", "info", north="NULL")
    assert status()[:2] == (0, "FLEET OK")
    incident(database, "warned", "warning", north="NULL")
    assert status()[:2] == (1, "FLEET WARNING")
    incident(database, "open", north="NULL")
    assert status()[:2] == (2, "FLEET CRITICAL") and "3 open incidents (1 critical)" in status()[2]
    database.sql("UPDATE relaywarden.incident SET ended = now()")
    assert status()[:2] == (0, "FLEET OK")
    fleet(outside, database.url(), "retire", "north")
    fleet(outside, database.url(), "retire", "south")
    assert status()[:2] == (1, "FLEET WARNING") and "no vantage is in service" in status()[2]


@pytest.mark.parametrize("url", ["postgresql://me:se?ret@db.example.org/x", "postgresql://me:secret@db.example.org/x",
                                 "postgresql://db.example.org/x?%70assword=secret",
                                 "postgresql://db.example.org/x?sslmode=require&sslpassword=secret"])
def test_a_password_in_the_configuration_is_refused(outside, url):
    done = fleet(outside, url, "status")
    assert done.code == 78 and "a password does not belong in here" in done.err, done.err
    assert "secret" not in done.err and "se?ret" not in done.err


def test_what_the_milters_role_may_do(outside, database):
    """It inserts a snapshot, and can do nothing else: no reading, no other column, no other table."""
    migrate(outside, database)
    database.sql("CREATE ROLE mx LOGIN IN ROLE relaywarden_milter") if not database.sql(
        "SELECT FROM pg_roles WHERE rolname = 'mx'") else None
    as_mx = "SET ROLE mx; "
    database.sql(as_mx + "INSERT INTO relaywarden.milter_snapshot (host, snapshot) VALUES ('mx1', '{\"a\":1}')")
    assert database.sql("SELECT host, giver FROM relaywarden.milter_now") == [["mx1", "postgres"]]
    tables = [row[0] for row in database.sql("SELECT relname FROM pg_class WHERE relnamespace ="
                                             " 'relaywarden'::regnamespace AND relkind IN ('r', 'v')")]
    forbidden = [f"SELECT * FROM relaywarden.{table}" for table in tables if table != "step"]
    forbidden += [f"DELETE FROM relaywarden.{table}" for table in tables]
    forbidden += ["INSERT INTO relaywarden.milter_snapshot (host, snapshot, received) VALUES ('x', '{}', now())",
                  "UPDATE relaywarden.milter_snapshot SET host = 'x'", "CREATE TABLE relaywarden.mine (a int)"]
    functions = database.sql("SELECT oid::regprocedure::text, pronargs FROM pg_proc"
                             " WHERE pronamespace = 'relaywarden'::regnamespace AND prokind = 'f'")
    for name, count in functions:
        nulls = ", ".join(["NULL"] * int(count))
        forbidden.append(f"SELECT {name.split('(')[0]}({nulls})")
    for statement in forbidden:
        with pytest.raises(Exception, match="permission denied|cannot delete from view"):
            database.sql(as_mx + statement)


def test_a_mail_host_keeps_the_tick_of_nobody(outside, database):
    """A table stays as short as the hosts are many, whatever a role that may insert does with it."""
    migrate(outside, database)
    database.sql("DO $$ BEGIN CREATE ROLE mx LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    database.sql("GRANT relaywarden_milter TO mx")
    insert = "INSERT INTO relaywarden.milter_snapshot (host, snapshot) SELECT "
    database.sql(insert + "'other', '{}'")
    database.sql(f"SET SESSION AUTHORIZATION mx; {insert}'mx', '{{}}' FROM generate_series(1, 20000)")
    assert database.sql("SELECT giver, host, count(*) FROM relaywarden.milter_snapshot GROUP BY 1, 2 ORDER BY 1") == \
        [["mx", "mx", "1"], ["postgres", "other", "1"]]
    database.sql(f"SET SESSION AUTHORIZATION mx; {insert}'h' || n, '{{}}' FROM generate_series(1, 2000) AS n")
    database.sql(f"SET SESSION AUTHORIZATION mx; {insert}'h2000', '{{\"last\":1}}'")
    assert database.sql("SELECT giver, count(*), count(DISTINCT host), count(*) FILTER (WHERE snapshot <> '{}')"
                        " FROM relaywarden.milter_now GROUP BY 1 ORDER BY 1") == \
        [["mx", "1000", "1000", "1"], ["postgres", "1", "1", "0"]]
    database.sql("SELECT relaywarden.tick(0, 86400, '{}')")
    database.sql("UPDATE relaywarden.milter_snapshot SET received = now() - interval '2 d'")
    database.sql("SELECT relaywarden.tick(0, 86400, '{}')")
    assert database.value("SELECT count(*) FROM relaywarden.milter_snapshot") == "0"


def test_snapshots_that_do_not_fit_any_more_stop_no_migration(outside, database):
    """Of a schema at step 3, which took them."""
    migrate(outside, database)
    database.sql("DROP SCHEMA relaywarden CASCADE")
    made = "DO $$ BEGIN CREATE SCHEMA relaywarden; CREATE TABLE relaywarden.step (number int, works_from int); END $$;"
    inside = "SET search_path = relaywarden; "
    database.sql(made + inside + "".join(read(f"probe/fleet/schema_{number}.sql") for number in (1, 2, 3)))
    database.sql("INSERT INTO relaywarden.milter_snapshot (host, snapshot) SELECT host, snapshot::jsonb FROM (VALUES"
                 " ('a', '[]'), ('', '{}'), (repeat('x', 5000), '{}'), ('b', '{}'), ('b', '{\"n\":2}')) AS v (host, snapshot)")
    database.sql(inside + read("probe/fleet/schema_4.sql"))
    assert database.sql("SELECT host, snapshot FROM relaywarden.milter_snapshot") == [["b", '{"n": 2}']]


def test_what_the_readers_role_may_do(outside, database):
    migrate(outside, database)
    for view in ("endpoint_now", "vantage_now", "incident_now", "audit_history", "milter_now", "fleet_now"):
        database.sql(f"SET ROLE relaywarden_reader; SELECT * FROM relaywarden.{view}")
        with pytest.raises(Exception, match="permission denied|cannot delete from view"):
            database.sql(f"SET ROLE relaywarden_reader; DELETE FROM relaywarden.{view}")


def test_the_second_of_two_hosts_is_asked_where_the_first_is_silent(outside, database, monkeypatch):
    migrate(outside, database)
    fleet(outside, database.url(), "sync")
    database.host.run(["nft", "-f", "-"], input="table inet shut { chain input { type filter hook input priority 0;"
                      " tcp dport 5433 drop; }; }")
    try:
        address = database.host.address
        both = database.url().replace(f"@{address}:5432/", f"@{address}:5433,{address}:5432/")
        for url in (both, both + "&target_session_attrs=read-write"):
            done = fleet(outside, url, "status")
            assert done.code == 1 and done.report["targets"] == 2, done.err
        path = os.path.join(outside.folder, "services")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"[both]\nhost={address},{address}\nport=5433,5432\ndbname=relaywarden\nuser=probe\n"
                       f"passfile={database.passfile}\n")
        monkeypatch.setenv("PGSERVICEFILE", path)
        done = fleet(outside, "service=both", "status")
        assert done.code == 1 and done.report["targets"] == 2, done.err
        done = fleet(outside, both.replace(":5432/", ":5433/"), "status")
        assert done.code == 71 and "does not answer" in done.err, done.err
    finally:
        database.host.run(["nft", "delete", "table", "inet", "shut"])


@pytest.mark.parametrize("hosts", ["{0},{0}", "{0}:5433,{0}", "{0},{0}:5433"])
def test_hosts_without_a_port_are_asked_at_the_usual_one(outside, database, hosts):
    migrate(outside, database)
    address = database.host.address
    url = database.url().replace(f"{address}:5432", hosts.format(address)) + "&target_session_attrs=read-write"
    done = fleet(outside, url, "sync")
    assert done.code == 0, done.err


def test_hosts_and_ports_that_do_not_match_are_told_by_libpq(outside, database):
    url = database.url().replace(":5432/", ",192.0.2.7,192.0.2.8/") + "&port=5432,5432"
    done = fleet(outside, url, "status")
    assert done.code != 0 and "could not match 2 port numbers to 3 hosts" in done.err, done.err


def test_all_of_it_goes_through_a_pooler_in_transaction_mode(outside, database, shared_lab):
    migrate(outside, database)
    Pgbouncer(shared_lab, database).start()
    url = database.url(port=6432)
    database.sql("INSERT INTO relaywarden.vantage (name, last_seen) VALUES ('north', now())")
    assert fleet(outside, url, "sync").report["added"] == 2
    assert fleet(outside, url, "status").code == 0
    assert fleet(outside, url, "retire", "north").code == 0
    refused(fleet(outside, url.replace("/relaywarden?", "/nothing?"), "status"), "no such database")


def test_the_output_of_fleet_is_one_object(outside, database):
    migrate(outside, database)
    done = fleet(outside, database.url(), "status")
    report = json.loads(done.out)
    assert report["program"] == "relaywarden-probe" and report["fleet"] == "status" and report["exit"] == done.code == 1


# ---- Kubernetes ----


def manifests():
    """Each object of container/kubernetes, by kind and name."""
    folder = os.path.join(ROOT, "container/kubernetes")
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            for manifest in yaml.safe_load_all(file):
                meta = manifest["metadata"]
                found[manifest["kind"], meta.get("name", meta.get("generateName"))] = manifest
    return found


def pods():
    """The containers, each with its pod and the configuration that it names."""
    objects = manifests()
    for (kind, name), manifest in objects.items():
        if kind not in ("Deployment", "Job"):
            continue
        spec = manifest["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for container in spec.get("initContainers", []) + spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
            where, = [mount for mount in container["volumeMounts"] if mount["name"] == "configuration"]
            data = objects["ConfigMap", volumes["configuration"]["configMap"]["name"]]["data"]
            path = container["command"][container["command"].index("--config") + 1]
            assert os.path.dirname(path) == where["mountPath"]
            yield name, spec, container, data[os.path.basename(path)]


def page_of_kubernetes():
    """The statements for psql and the commands that the page has the reader type."""
    section = read("doc/fleet.md").split("### Kubernetes", 1)[1].split("\n## ", 1)[0]
    statements, commands = re.findall(r"^```\n(.*?)^```", section, re.M | re.S)
    return statements, [line.split() for line in commands.splitlines()]


def test_a_change_of_the_targets_reaches_the_next_job():
    """`create` never changes an object that is there, and `apply` takes no generated name."""
    of_file = {}
    for _, verb, flag, name in [words for words in page_of_kubernetes()[1] if words[2] == "-f"]:
        assert flag == "-f"
        with open(os.path.join(ROOT, "container/kubernetes", name), encoding="utf-8") as file:
            of_file[name] = list(yaml.safe_load_all(file))
        assert all(("generateName" in manifest["metadata"]) == (verb == "create") for manifest in of_file[name])
    assert list(of_file) == ["targets.yaml", "roster.yaml", "vantage.yaml"]
    assert sorted(of_file) == sorted(os.listdir(os.path.join(ROOT, "container/kubernetes")))


def test_what_the_manifests_run_takes_its_configuration_and_the_password(outside, database):
    """Each command runs here, in the order of the page, with the servers of the lab in the place of the samples'."""
    commands = []
    for name, _, container, text in sorted(pods(), key=lambda pod: pod[0], reverse=True):
        user = "postgres" if "owner@" in text else "probe"
        text = re.sub(r'database = "[^"]*"', f'database = "postgresql://{user}@{database.host.address}/relaywarden"', text)
        path = os.path.join(outside.folder, f"{name}-{container['name']}.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'state_directory = "{outside.folder}/{name}"\n{text}')
        os.makedirs(f"{outside.folder}/{name}/probe", exist_ok=True)
        tried = outside.run([program("relaywarden-probe"), "--config", path, "-t"], check=False)
        assert tried.returncode == 0, tried.stderr
        variable, = container["env"]
        assert variable["name"] == "PGPASSWORD" and variable["valueFrom"]["secretKeyRef"]["key"] == "password"
        argv = [program(container["command"][0]), *container["command"][1:]]
        argv[argv.index("--config") + 1] = path
        commands.append(argv)
    assert [argv[1:3] for argv in commands[:2]] == [["fleet", "migrate"], ["fleet", "sync"]]
    database.sql(f"ALTER ROLE postgres PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'", "postgres")
    database.sql("DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'relaywarden_worker') THEN"
                 " REVOKE relaywarden_worker FROM probe; ALTER ROLE relaywarden_worker RENAME TO the_worker_before;"
                 " END IF; END $$")
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    try:
        database.sql(page_of_kubernetes()[0], "relaywarden")
        for argv in commands[:2] * 2:
            done = outside.run(argv, check=False, env=environment)
            assert done.returncode == 0, done.stderr
        status = outside.run([*commands[1][:2], "status", *commands[1][3:]], check=False, env=environment)
        assert "targets=1" in status.stdout, status.stderr
    finally:
        database.sql("DROP DATABASE relaywarden WITH (FORCE)", "postgres")
        database.sql("DROP ROLE relaywarden_worker", "postgres")
        database.sql("DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'the_worker_before') THEN"
                     " ALTER ROLE the_worker_before RENAME TO relaywarden_worker; END IF; END $$", "postgres")
    assert commands[2][1] == "run"


def test_the_manifests_ask_for_health_where_a_worker_answers():
    routes = set(re.findall(r'\.path = "([^"]+)"', read("probe/http/probe_pages.c")))
    image = read("container/image.py")
    for name, spec, container, text in pods():
        assert container["image"] == "relaywarden:" + re.search(r"^VERSION\s*:= (\S+)", read("Makefile"), re.M).group(1)
        assert spec["securityContext"]["runAsUser"] == int(re.search(r"^USER = (\d+)", image, re.M).group(1))
        if "livenessProbe" in container:
            port, = [port["containerPort"] for port in container["ports"] if port["name"] == "http"]
            assert f":{port}\"" in re.search(r"listen = .*", text).group(0)
            assert {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")} == \
                {"/-/healthy", "/-/ready"} <= routes
            assert {"/var/lib/relaywarden", "/tmp"} <= {mount["mountPath"] for mount in container["volumeMounts"]}
            term, = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            deployment = manifests()["Deployment", name]["spec"]
            assert term["labelSelector"] == deployment["selector"]
            assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]
            assert manifests()["PodDisruptionBudget", name]["spec"]["selector"] == deployment["selector"]
