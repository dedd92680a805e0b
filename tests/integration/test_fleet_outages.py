"""A fleet whose database is away, full or behind a way that swallows everything: audits and alerts go on, and its history is
whole afterwards. Debian's PostgreSQL."""

import json
import os
import signal

import pytest

from fleet_of_tests import (  # noqa: F401  (three are fixtures)  pylint: disable=unused-import
    MX, fleet_maker, fleet_postfix, fleet_server, host_of, ids, open_for)
from lab import ProbeDaemon, program, wait_until


def test_while_the_database_is_away_audits_go_on_and_nothing_is_missing_afterwards(make_fleet, postfix, server):
    open_for(postfix)
    fleet = make_fleet(MX)
    worker = fleet.add(0)
    fleet.wait_for_round()
    before = int(server.value("SELECT sum(audits) FROM relaywarden.audit_history"))
    server.stop(signal.SIGQUIT)
    worker.log.wait_for("audits go on")
    folder = os.path.join(worker.host.folder, worker.folder, "state", "probe", "fleet")
    wait_until(lambda: os.path.isdir(folder) and len(os.listdir(folder)) >= 3, 60, worker.log.tail)
    postfix.set({"mynetworks": "0.0.0.0/0", "in_flow_delay": "0s"})
    alert = worker.wait_for_alert(kind="open-relay", state="opened")
    assert "vantages" not in alert["evidence"]
    server.start()
    worker.log.wait_for("the database is back")
    fleet.wait_for_round()
    assert os.listdir(folder) == []
    assert int(server.value("SELECT sum(audits) FROM relaywarden.audit_history")) >= before + 4
    # It was told from here, and is not told once more.
    assert server.sql("SELECT id FROM relaywarden.incident_now WHERE kind = 'open-relay'") == [[alert["incident"]]]
    assert len(fleet.alerts(kind="open-relay", state="opened")) == 1


def test_an_incident_that_the_database_told_is_not_told_again_while_it_is_away(make_fleet, postfix, server):
    postfix.set({"mynetworks": "0.0.0.0/0", "in_flow_delay": "0s"})
    fleet = make_fleet(MX)
    worker = fleet.add(0)
    opened = worker.wait_for_alert(kind="open-relay", state="opened")
    assert opened["evidence"]["vantages"] == "north"
    wait_until(lambda: server.value("SELECT count(*) FROM relaywarden.outbox WHERE sent IS NULL") == "0", 60, fleet.log)
    fleet.wait_for_round()  # the claim after that tells the worker
    fleet.wait_for_round()
    server.stop()
    worker.log.wait_for("audits go on")
    folder = os.path.join(worker.host.folder, worker.folder, "state", "probe", "fleet")
    wait_until(lambda: os.path.isdir(folder) and len(os.listdir(folder)) >= 2, 60, worker.log.tail)
    server.start()
    worker.log.wait_for("the database is back")
    with fleet.quiet():
        open_for(postfix)
    resolved = worker.wait_for_alert(kind="open-relay", state="resolved")
    assert ids(fleet.alerts(kind="open-relay")) == {opened["incident"]} == {resolved["incident"]}
    assert len(fleet.alerts(kind="open-relay", state="opened")) == 1


def test_an_end_that_the_database_could_not_take_is_told_later(make_fleet, postfix, server):
    postfix.set({"mynetworks": "0.0.0.0/0", "in_flow_delay": "0s"})
    fleet = make_fleet(MX)
    worker = fleet.add(0)
    opened = worker.wait_for_alert(kind="open-relay", state="opened")
    wait_until(lambda: server.value("SELECT count(*) FROM relaywarden.outbox WHERE sent IS NULL") == "0", 60, fleet.log)
    with fleet.quiet():
        open_for(postfix)
        server.sql("ALTER FUNCTION relaywarden.record RENAME TO away")
    worker.log.wait_for("audits go on")
    folder = os.path.join(worker.host.folder, worker.folder, "state", "probe", "fleet")
    names = wait_until(lambda: os.path.isdir(folder) and sorted(os.listdir(folder)), 60, worker.log.tail)
    with open(os.path.join(folder, names[0]), encoding="utf-8") as file:
        assert "open-relay" in [over["kind"] for over in json.load(file)["batch"][0]["over"]]
    server.sql("ALTER FUNCTION relaywarden.away RENAME TO record")
    worker.log.wait_for("the database is back")
    resolved = worker.wait_for_alert(kind="open-relay", state="resolved")
    assert resolved["incident"] == opened["incident"]


# Nothing is claimed after what is recorded next.
PUT_OFF = """CREATE FUNCTION put_off() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.due := now() + interval '1 h'; RETURN NEW; END $$;
    CREATE TRIGGER put_off BEFORE UPDATE ON relaywarden.turn FOR EACH ROW
    WHEN (OLD.leased_until IS NOT NULL AND NEW.leased_until IS NULL) EXECUTE FUNCTION put_off()"""


def test_what_ended_and_comes_again_while_the_database_is_away_is_told(make_fleet, postfix, server):
    postfix.set({"mynetworks": "0.0.0.0/0", "in_flow_delay": "0s"})
    fleet = make_fleet(MX)
    worker = fleet.add(0)
    opened = worker.wait_for_alert(kind="open-relay", state="opened")
    wait_until(lambda: server.value("SELECT count(*) FROM relaywarden.outbox WHERE sent IS NULL") == "0", 60, fleet.log)
    with fleet.quiet():
        open_for(postfix)
        server.sql(PUT_OFF, "relaywarden")
    worker.wait_for_alert(kind="open-relay", state="resolved")
    server.stop()
    worker.log.wait_for("audits go on")
    postfix.set({"mynetworks": "0.0.0.0/0", "in_flow_delay": "0s"})
    again = fleet.wait_for_alerts(2, kind="open-relay", state="opened")
    server.start()
    worker.log.wait_for("the database is back")
    now = server.value("SELECT id FROM relaywarden.incident_now WHERE kind = 'open-relay' AND ended IS NULL")
    assert ids(again) == {opened["incident"], now} and now != opened["incident"]


def test_a_worker_that_starts_without_the_database_waits_for_it(make_fleet, postfix, server):
    open_for(postfix)
    fleet = make_fleet(MX)
    server.stop()
    worker = ProbeDaemon(fleet.lab, host_of(fleet.lab, 0), fleet.config(0, targets={}), name=f"{fleet.name}-0")
    fleet.workers.append(worker)
    with open(worker.log.path, "ab") as log:
        worker.process = worker.host.popen([program("relaywarden-probe"), "run", "--config", worker.path],
                                           stdout=log, stderr=log)
    worker.log.wait_for("nothing is audited until it is there")
    assert worker.log.find("is ready|audits go on") == []
    server.start()
    worker.log.wait_for("is ready, a worker at vantage north")
    fleet.wait_for_round()


@pytest.fixture
def small_disk(server):
    """A tablespace on a small disk, and the file that fills it."""
    folder = server.host.new_folder("small")
    server.host.run(["mount", "-n", "-t", "tmpfs", "-o", "size=40m", "lab", folder])
    server.host.run(["chown", "postgres:", folder])
    server.sql(f"CREATE TABLESPACE small LOCATION '{folder}'")
    yield os.path.join(folder, "ballast")
    server.sql("DROP DATABASE relaywarden WITH (FORCE)", "postgres")
    server.sql("DROP TABLESPACE small", "postgres")
    server.host.run(["umount", "-n", "-l", folder])


SHUT = """table inet shut {
    chain input { type filter hook input priority 0; tcp dport 5432 drop; }
}"""


def test_a_full_disk_and_a_way_that_swallows_everything_lose_nothing(small_disk, make_fleet, postfix, server):
    """The way is given up by the system's own limit, which the operator sets in the URI; without it, after 30 s."""
    def held():
        folder = os.path.join(worker.host.folder, worker.folder, "state", "probe", "fleet")
        return len(os.listdir(folder)) if os.path.isdir(folder) else 0

    def wait_for_rest():
        """An audit that a change comes into the midst of finds what never was; the next begins in five seconds."""
        worker.log.wait_for("RELAY ", since=worker.log.mark())

    def audits():
        return int(server.value("SELECT coalesce(sum(audits), 0) FROM relaywarden.audit_history"))

    open_for(postfix)
    fleet = make_fleet(MX, place="small", url_options="&tcp_user_timeout=2000")
    worker = fleet.add(0)
    fleet.wait_for_round()
    before, mark = audits(), worker.log.mark()
    server.host.run(["dd", "if=/dev/zero", f"of={small_disk}", "bs=64k"], check=False)
    worker.log.wait_for("No space left on device.*audits go on", timeout=120, since=mark)
    wait_for_rest()
    postfix.set({"mynetworks": "0.0.0.0/0", "in_flow_delay": "0s"})
    opened = worker.wait_for_alert(kind="open-relay", state="opened")
    wait_until(lambda: held() >= 3, 60, worker.log.tail)
    kept = held()
    server.host.run(["rm", small_disk])
    worker.log.wait_for("the database is back", timeout=60, since=mark)
    fleet.wait_for_round()
    assert held() == 0 and audits() >= before + kept
    rows = server.sql("SELECT vantages FROM relaywarden.incident_now WHERE kind = 'open-relay' AND ended IS NULL")
    assert rows == [["{north}"]]
    before, mark = audits(), worker.log.mark()
    server.host.run(["nft", "-f", "-"], input=SHUT)
    worker.log.wait_for("audits go on", timeout=60, since=mark)
    wait_for_rest()
    open_for(postfix)
    resolved = worker.wait_for_alert(kind="open-relay", state="resolved")
    assert resolved["incident"] == opened["incident"]
    wait_until(lambda: held() >= 2, 60, worker.log.tail)
    kept = held()
    server.host.run(["nft", "delete", "table", "inet", "shut"])
    worker.log.wait_for("the database is back", timeout=90, since=mark)
    fleet.wait_for_round()
    assert held() == 0 and audits() >= before + kept
    wait_until(lambda: server.value("SELECT count(*) FROM relaywarden.incident_now WHERE kind = 'open-relay' AND"
                                    " ended IS NULL") == "0", 60, fleet.log)
    wait_until(lambda: server.value("SELECT count(*) FROM relaywarden.outbox WHERE sent IS NULL") == "0", 60, fleet.log)
    assert ids(fleet.alerts(kind="open-relay")) == {opened["incident"]}
