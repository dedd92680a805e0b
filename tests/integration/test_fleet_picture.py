"""The picture of a fleet: report, the page, the metrics and the dashboard, over all vantages, on Debian's PostgreSQL."""

import json
import os
import re
import signal
import subprocess

import pytest

from lab import Config, Dns, Milter, Pgbouncer, Postfix, Postgresql, ProbeDaemon, browser, probe, wait_until
from lab.servers import ROOT
from test_alert_metrics import cells
from test_schemas import expect

MX = {"mx": {"host": "203.0.113.25", "ports": [25]}}
DASHBOARD = os.path.join(ROOT, "conf/share/relaywarden.fleet-dashboard.json")


@pytest.fixture(scope="module")
def server(shared_lab):
    Dns(shared_lab).start()
    return Postgresql(shared_lab, shared_lab.host("db")).start()


@pytest.fixture(scope="module")
def mx(shared_lab):
    return Postfix(shared_lab, shared_lab.host("mx"), main={"in_flow_delay": "0s"}).start()


@pytest.fixture(scope="module")
def outside(shared_lab):
    return shared_lab.host("outside")


def config(server, vantage, database=True, **options):
    return Config(database=server.url() if database else "", vantage_name=vantage, targets=MX, **options)


def fleet(outside, settings, *words):
    done = probe(outside, *words, config=settings, verb="fleet", name="north")
    assert done.code == 0, done.err
    return done.report


@pytest.fixture(scope="module")
def seen(server, mx, outside):
    """The fleet has what two machines kept: north saw the server open and then closed, east saw it open."""
    owner = Config(database=server.owner_url(), targets=MX)
    fleet(outside, owner, "migrate")
    server.sql("GRANT relaywarden_worker TO probe")
    fleet(outside, config(server, "north"), "sync")
    mx.set({"mynetworks": "0.0.0.0/0, [::]/0"})
    for name in ("north", "east"):
        assert probe(outside, config=config(server, name, database=False), name=name).code == 2
    mx.set({"mynetworks": "127.0.0.0/8"})
    assert probe(outside, config=config(server, "north", database=False), name="north").code == 0
    return server


def report(outside, settings, name, *words):
    return probe(outside, *words, config=settings, verb="report", as_json="--html" not in words, name=name)


def written_at_once(outside, server):
    """The page and the report of the state directory, and those of the fleet, written in one second."""
    paths = [os.path.join(outside.folder, f"{kind}.html") for kind in ("alone", "fleet")]
    settings = [config(server, "north", database=database) for database in (False, True)]

    def written():
        pages = []
        for path, one in zip(paths, settings):
            done = report(outside, one, "north", "--html", path)
            assert done.code == 0, done.err
            with open(path, encoding="utf-8") as file:
                pages.append(file.read())
        times = [re.search(r'Written <time datetime="([^"]*)"', page).group(1) for page in pages]
        return pages if times[0] == times[1] else None

    return wait_until(written, 60, "two pages of one second"), [report(outside, one, "north").report
                                                                for one in settings]


@pytest.fixture(scope="module")
def taken_over(seen, outside):
    """North's past is the fleet's; and how the two looked then."""
    fleet(outside, config(seen, "north"), "import")
    return written_at_once(outside, seen)


@pytest.fixture(scope="module")
def both(taken_over, seen, outside):
    """East's, too."""
    assert taken_over
    done = probe(outside, "import", config=config(seen, "east"), verb="fleet", name="east")
    assert done.code == 0, done.err
    return seen


def test_what_was_taken_over_looks_as_before(taken_over):
    (alone, fleet_page), (before, after) = taken_over
    assert fleet_page == alone
    for endpoint in before["endpoints"] + after["endpoints"]:
        del endpoint["vantage"]
    for incident in before["incidents"] + after["incidents"]:
        del incident["vantages"]
    assert after["endpoints"] == before["endpoints"] and after["incidents"] == before["incidents"]
    assert len(before["incidents"]) >= 1 and len(before["endpoints"][0]["history"]) == 2


def test_the_report_tells_who_sees_what(both, outside):
    told = report(outside, config(both, "north"), "north")
    assert told.code == 0, told.err
    expect("report", told.report)
    views = {row["vantage"]: row["last"]["verdict"] for row in told.report["endpoints"]}
    assert views == {"north": "closed", "east": "open"}
    assert [row["name"] for row in told.report["vantages"]] == ["east", "north"]
    assert {row["vantages"] for row in told.report["incidents"] if row["kind"] == "open-relay"} >= {"east"}
    text = probe(outside, config=config(both, "north"), verb="report", as_json=False, name="north").out
    assert "seen: open from east, closed from north\n" in text
    assert "vantage east: in service, 0 workers, 1 targets, 0 late" in text


def row_of(page):
    return re.sub("<[^>]+>", "", re.search(r"<tbody>\n<tr><th scope=\"row\"><a href=\"#e\d+\">203.0.113.25:25.*?</tr>",
                                           page, re.DOTALL).group(0))


def html(outside, server):
    path = os.path.join(outside.folder, "now.html")
    assert report(outside, config(server, "north"), "north", "--html", path).code == 0
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_the_page_has_one_row_with_the_verdict_of_each_vantage(both, outside):
    page = html(outside, both)
    assert row_of(page).count("open from east; closed from north") == 1
    assert "Yes: 1 " in page and page.count("<article") == 1
    both.sql("UPDATE relaywarden.turn SET due = now() - interval '1 d' WHERE vantage = 'north'")
    assert "closed from north; late: north" in row_of(html(outside, both))
    both.sql("UPDATE relaywarden.vantage SET first_seen = now() - interval '1 h' WHERE name = 'east'")
    page = html(outside, both)
    assert "closed from north; late: north; silent: east" in row_of(page)
    assert '<th scope="row">east</th><td>silent</td>' in page
    both.sql("UPDATE relaywarden.turn SET due = now()")
    both.sql("UPDATE relaywarden.vantage SET first_seen = now() WHERE name = 'east'")


def test_what_a_vantage_sees_no_more_is_no_verdict_of_now(both, outside):
    both.sql("UPDATE relaywarden.vantage SET retired = now() WHERE name = 'east'")
    assert "closed from north" in row_of(html(outside, both)) and "open from" not in row_of(html(outside, both))
    both.sql("UPDATE relaywarden.vantage SET retired = NULL WHERE name = 'east'")


@pytest.fixture(scope="module")
def daemon(both, shared_lab, outside):
    """A worker in the midst, through a pooler. It has nothing to ask."""
    Pgbouncer(shared_lab, both).start()
    both.sql("UPDATE relaywarden.turn SET due = now() + interval '1 d'")
    settings = Config(database=both.url(port=6432), vantage_name="north", targets={},
                      probe={"listen": "127.0.0.1:8025"}, alert={"syslog": {"format": "none"}})
    started = ProbeDaemon(shared_lab, outside, settings, name="watched").start()
    yield started
    assert started.stop() == 0


def get(outside, path):
    return outside.run(["curl", "-sS", "--fail-with-body", f"http://127.0.0.1:8025{path}"]).stdout


def test_a_worker_shows_the_whole_fleet(daemon, outside, both):
    assert "open from east; closed from north" in row_of(get(outside, "/"))
    key = get(outside, "/api/v1/endpoints")
    assert {row["vantage"] for row in json.loads(key)["endpoints"]} == {"north", "east"}
    one = get(outside, "/endpoint/203.0.113.25:25")
    assert "203.0.113.25:25 from east: " in re.sub("<[^>]+>", "", one)
    assert "203.0.113.25:25 from north: " in re.sub("<[^>]+>", "", one)
    for key in ("203.0.113.2", "203.0.113.25:2", "%FF", ""):
        done = outside.run(["curl", "-sS", "-w", "%{http_code}", f"http://127.0.0.1:8025/endpoint/{key}"])
        assert done.stdout.endswith("404") and "No endpoint has this key" in done.stdout
    text = wait_until(lambda: next((found for found in [get(outside, "/metrics")]
                                    if "relaywarden_fleet_targets 1" in found), None), 60, "metrics of the fleet")
    of = 'target="mx",endpoint="203.0.113.25:25/auto",vantage='
    for line in (f'relaywarden_fleet_endpoint_verdict{{{of}"east",verdict="open"}} 1',
                 f'relaywarden_fleet_endpoint_verdict{{{of}"north",verdict="closed"}} 1',
                 'relaywarden_fleet_endpoints{vantage="east",verdict="open"} 1',
                 'relaywarden_fleet_vantage_silent{vantage="north"} 0',
                 'relaywarden_fleet_vantage_workers{vantage="north"} 1',
                 'relaywarden_fleet_vantage_late_targets{vantage="east"} 0',
                 'relaywarden_fleet_incidents_open{kind="open-relay",severity="critical"} 1'):
        assert line in text.splitlines(), text
    assert daemon.process.poll() is None


def test_the_alert_rules_ask_for_metrics_that_a_worker_has(daemon, outside):
    with open(os.path.join(ROOT, "conf/share/relaywarden.rules.yml"), encoding="utf-8") as file:
        asked = set(re.findall(r"\brelaywarden_fleet_[a-z_]+", file.read()))
    assert daemon.process and len(asked) >= 3
    assert asked <= set(re.findall(r"^# TYPE (\S+)", get(outside, "/metrics"), re.M))


def test_the_page_says_that_the_database_is_away(daemon, outside, both):
    both.stop()
    try:
        done = outside.run(["curl", "-sS", "-w", "%{http_code}", "http://127.0.0.1:8025/"])
        assert done.stdout.endswith("503") and "database: " in done.stdout and "it is tried again" in done.stdout
        assert get(outside, "/-/healthy")
    finally:
        both.start()


def test_metrics_and_health_wait_for_no_page_that_waits_for_the_database(daemon, outside, both):
    both.host.run(["nft", "-f", "-"], input="table inet shut { chain input { type filter hook input priority 0;"
                  " tcp dport 6432 drop; }; }")
    try:
        # A page that was made lately is shown again, and a worker that lost its database says so at once.
        wait_until(lambda: outside.run(["curl", "-sS", "--max-time", "2", "-o", "/dev/null", "http://127.0.0.1:8025/"],
                                       check=False).returncode == 28, 120, "a page that waits for the database")
        pages = [outside.popen(["curl", "-sS", f"http://127.0.0.1:8025{path}"], stdout=subprocess.PIPE)
                 for path in ("/", "/api/v1/endpoints", "/api/v1/incidents", "/endpoint/203.0.113.25:25")]
        for path in ("/metrics", "/probe?target=mx", "/-/healthy", "/-/ready"):
            outside.run(["curl", "-sS", "--max-time", "3", f"http://127.0.0.1:8025{path}"])
    finally:
        both.host.run(["nft", "delete", "table", "inet", "shut"])
    for page in pages:
        page.communicate(timeout=120)
    assert daemon.process.poll() is None


def test_the_page_is_filtered_by_vantage(both, outside):
    """Twenty-five endpoints, of which north sees one open, and east another."""
    both.sql("INSERT INTO relaywarden.endpoint (vantage, key, target, verdict, last, detail)"
             " SELECT v, 'h' || n || ':25/none ', 'mx', CASE WHEN v = 'north' AND n = 1 OR v = 'east' AND n = 2"
             " THEN 'open' ELSE 'closed' END, now(), jsonb_build_object('target', 'mx', 'host', 'h' || n, 'address',"
             " NULL, 'port', 25, 'tls', 'none', 'why', 'w')::text"
             " FROM generate_series(1, 25) AS n, unnest(ARRAY['north', 'east']) AS v")
    both.sql("INSERT INTO relaywarden.run (endpoint, verdict, cause, first, last) SELECT id, verdict, 'none', last, last"
             " FROM relaywarden.endpoint WHERE host = ''")
    html(outside, both)
    path = os.path.join(outside.folder, "now.html")
    try:
        with browser.Browser() as chromium:
            for asked, shown in (("#vantage=north&verdict=open", 1), ("#vantage=east&verdict=open", 2),
                                 ("#vantage=north", 26), ("#verdict=open", 3), ("#find=h25", 1)):
                chromium.open("about:blank")
                chromium.open(path + asked)
                assert chromium.run('document.querySelector("output").textContent') == f"{shown} of 26 shown", \
                    (asked, chromium.run("document.querySelector(\"#now tbody\").innerText"))
            chromium.open(path)
            assert chromium.violations() == []
    finally:
        both.sql("DELETE FROM relaywarden.endpoint WHERE host = ''")


# ---- filters hand in their snapshots ----


@pytest.fixture(scope="module")
def mail_host(both, shared_lab, mx, tmp_path_factory):
    """A role that may log in, and a passfile of its own that the filter can read."""
    both.sql("DO $$ BEGIN CREATE ROLE mx LOGIN PASSWORD 'of the filter' IN ROLE relaywarden_milter; END $$")
    passfile = os.path.join(mx.host.folder, "passfile")
    with open(passfile, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write("*:*:*:*:of the filter\n")
    milter = Milter(shared_lab, mx.host, Config(milter={
        "push": f"postgresql://mx@{both.host.address}:5432/relaywarden?passfile={passfile}",
        "listen": "127.0.0.1:9826"}), postfix=mx).start()
    mx.set({"smtpd_milters": mx.milter_setting("unix:" + mx.milter_socket), "mynetworks": "127.0.0.0/8"})
    yield milter
    assert milter.stop() == 0


def answers(host, count):
    """Codes of the replies to the recipients of a stranger's message."""
    replies = host.smtp("203.0.113.25", ["EHLO client.example.net", "MAIL FROM:<a@sender.example.net>",
                                         *[f"RCPT TO:<u{number}@example.org>" for number in range(count)], "QUIT"])
    return [reply.code for reply in replies[3:3 + count]]


def buckets(milter):
    """How many recipients the filter answered: within a second, and in all."""
    text = milter.host.run(["curl", "-sS", "http://127.0.0.1:9826/metrics"]).stdout
    return [int(re.search(rf"^relaywarden_milter_answer_seconds_{name} (\d+)", text, re.M).group(1))
            for name in (r'bucket\{le="1"\}', "count")]


def test_a_filter_hands_in_its_snapshot_with_a_role_that_may_do_nothing_else(mail_host, both):
    host, giver, seen = wait_until(lambda: next(iter(both.sql(
        "SELECT host, giver, snapshot->>'program' FROM relaywarden.milter_now")), None), 60, mail_host.log.tail)
    assert (host, giver, seen) == ("mx.example.org", "mx", "relaywarden-milter")
    for statement in ("SELECT * FROM relaywarden.milter_now", "DELETE FROM relaywarden.milter_snapshot",
                      "INSERT INTO relaywarden.milter_snapshot (host, snapshot, giver) VALUES ('x', '{}', 'north')",
                      "SELECT relaywarden.retire('north')", "CREATE TABLE relaywarden.mine (a int)"):
        with pytest.raises(Exception, match="permission denied"):
            both.sql(f"SET SESSION AUTHORIZATION mx; {statement}")
    for host, snapshot in (("x", "[]"), ("", "{}"), ("x" * 300, "{}")):
        with pytest.raises(Exception, match="violates check constraint"):
            both.sql("SET SESSION AUTHORIZATION mx; INSERT INTO relaywarden.milter_snapshot (host, snapshot)"
                     f" VALUES ('{host}', '{snapshot}')")


def test_no_recipient_waits_for_a_database_that_hangs(mail_host, both, outside):
    assert mail_host.stop() == 0
    since = mail_host.log.mark()
    both.process.send_signal(signal.SIGSTOP)
    try:
        # It hands in its first one at once, which waits in vain: the kernel takes the connection, and nobody speaks.
        mail_host.start()
        assert answers(outside, 100) == [250] * 100
        mail_host.log.wait_for("push: the snapshot is not handed over: the server does not answer", since=since)
        assert answers(outside, 100) == [250] * 100
        within, count = buckets(mail_host)
        assert within == count >= 200
    finally:
        both.process.send_signal(signal.SIGCONT)
    assert mail_host.stop() == 0
    assert mail_host.log.find("push: the snapshot is handed over again", since)
    assert both.value("SELECT snapshot->>'state' FROM relaywarden.milter_now") == "stopped"
    mail_host.start()


def test_a_stop_while_the_database_hangs_says_what_it_lacks(mail_host, both):
    since = mail_host.log.mark()
    both.process.send_signal(signal.SIGSTOP)
    try:
        assert mail_host.stop() == 0
    finally:
        both.process.send_signal(signal.SIGCONT)
    assert mail_host.log.find("push: the last snapshot was not handed over", since)
    mail_host.start()


def test_a_role_that_may_not_insert_is_told_what_it_lacks(mail_host, both):
    assert mail_host.stop() == 0
    both.sql("DO $$ BEGIN REVOKE relaywarden_milter FROM mx; END $$")
    since = mail_host.log.mark()
    mail_host.start()
    mail_host.log.wait_for("push: .* GRANT relaywarden_milter TO that role", since=since)


# ---- Grafana ----


@pytest.fixture(scope="module")
def dashboard():
    with open(DASHBOARD, encoding="utf-8") as file:
        return json.load(file)


def test_each_panel_is_read_with_the_readers_role(both, dashboard):
    """Grafana is no Debian package: its two macros are written out here as its documentation has them."""
    names, = [variable["query"] for variable in dashboard["templating"]["list"] if variable["name"] == "vantage"]
    vantages = [row[0] for row in both.sql(f"SET ROLE relaywarden_reader; {names}")]
    assert vantages == ["east", "north"]
    rows = {}
    for panel in dashboard["panels"]:
        asked, = [target["rawSql"] for target in panel["targets"]]
        asked = asked.replace("$vantage", ",".join(f"'{name}'" for name in vantages))
        asked = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN now() - interval '7 d' AND now()", asked)
        assert "$" not in asked
        rows[panel["title"]] = both.sql(f"SET ROLE relaywarden_reader; {asked}")
    place, = rows["Not closed from everywhere"]
    assert place[:4] == ["203.0.113.25:25/auto example.org", "mx", "203.0.113.25", "east"] and place[6] == "north"
    assert int(rows["Critical incidents"][0][0]) >= 1 and rows["Silent vantages"] == [["0"]]
    assert any(row[:2] == ["critical", "open-relay"] and "east" in row[3] for row in rows["Open incidents"])
    assert {row[0] for row in rows["Vantages"]} == {"east", "north"}
    assert ["east", "open", "1"] in rows["Endpoints by verdict"]


def test_the_dashboard_has_what_grafana_imports(dashboard):
    assert dashboard["schemaVersion"] >= 36 and dashboard["uid"] == "relaywarden-fleet"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    covered = [cell for panel in panels for cell in cells(panel)]
    assert len(covered) == len(set(covered)) and max(x for x, _ in covered) == 23
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\{?([a-z]+)", json.dumps(panels))) <= variables
    assert {target["datasource"]["type"] for panel in panels for target in panel["targets"]} == \
        {"grafana-postgresql-datasource"}
