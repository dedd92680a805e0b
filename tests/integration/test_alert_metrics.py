"""Prometheus's own tools on the metrics, the alert rules and the dashboard's queries."""

import json
import os
import re

import pytest

from lab import Config, probe, wait_until
from lab.process import run
from lab.servers import ROOT
from readme import blocks
from site_of_tests import Site

RULES = os.path.join(ROOT, "conf/share/relaywarden.rules.yml")
DASHBOARD = os.path.join(ROOT, "conf/share/relaywarden.dashboard.json")
OPEN = {"mynetworks": "0.0.0.0/0"}

# Series for promtool, and what must come of them: (alert, minutes, labels) fires, or nothing does.
CRITICAL = 'relaywarden_incidents_open{program="relaywarden-milter",kind="open-relay",severity="critical",instance="mx"}'
WARNING = 'relaywarden_incidents_open{program="relaywarden-probe",kind="milter-missing",severity="warning",instance="out"}'
MTIME = 'node_textfile_mtime_seconds{file="/var/lib/prometheus/node-exporter/relaywarden-milter.prom",instance="mx"}'
FAILING = 'relaywarden_sink_failing{program="relaywarden-milter",sink="json",instance="mx"}'
LOST = 'relaywarden_sink_lost_total{program="relaywarden-milter",sink="json",instance="mx"}'
UNSAVED = 'relaywarden_state_unsaved{program="relaywarden-milter",instance="mx"}'
FLEET_INCIDENT = 'relaywarden_fleet_incidents_open{kind="open-relay",severity="critical",instance="out"}'
FLEET_LATE = 'relaywarden_fleet_vantage_late_targets{vantage="north",instance="out"}'
FLEET_READ = 'relaywarden_fleet_read_timestamp_seconds{instance="out"}'
PROBE_MTIME = MTIME.replace("-milter.prom", "-probe.prom").replace('"mx"', '"out"')
DAEMON = 'relaywarden_probe_daemon{instance="out"}'
OF = 'target="mx",endpoint="203.0.113.25:25",tls="auto",instance="out"'
OTHER_OF = OF.replace("203.0.113.25:25", "203.0.113.25:587")
LAST = "relaywarden_probe_endpoint_last_audit_timestamp_seconds{%s}"
INTERVAL = 'relaywarden_probe_target_interval_seconds{target="mx",instance="out"}'
VERDICTS = ("open", "inconclusive", "unreachable", "suspected", "closed")


def verdicts(*audits):
    """Series of an endpoint that had these verdicts, one for each hour."""
    return [(f'relaywarden_probe_endpoint_verdict{{{OF},verdict="{verdict}"}}',
             " ".join(f"{int(audit == verdict)}x59" for audit in audits)) for verdict in VERDICTS]


def audited(*minutes, interval=3600, endpoint=OF):
    """Series of a target whose audits were at these minutes of four hours."""
    last = [max((at for at in minutes if at <= now), default=None) for now in range(240)]
    return [(LAST % endpoint, " ".join("_" if at is None else str(60 * at) for at in last)),
            (INTERVAL, f"{interval}x240")]


# The probe's numbers and their alerts: series, alert, minutes, whether it fires.
PROBE_CASES = [
    (verdicts("closed", "open", "closed"), "RelaywardenOpenRelay", 59, False),
    (verdicts("closed", "open", "closed"), "RelaywardenOpenRelay", 60, True),
    (verdicts("closed", "open", "closed"), "RelaywardenOpenRelay", 120, False),
    (verdicts(*["suspected"] * 15), "RelaywardenOpenRelay", 840, False),
    (verdicts(*["suspected"] * 15), "RelaywardenUndecided", 779, False),
    (verdicts(*["suspected"] * 15), "RelaywardenUndecided", 780, True),
    # From one of them to another is no end of it, and an answer is.
    (verdicts(*["suspected", "inconclusive", "unreachable"] * 5), "RelaywardenUndecided", 800, True),
    (verdicts(*["inconclusive"] * 8, "closed", *["inconclusive"] * 8), "RelaywardenUndecided", 840,
     False),
    (verdicts(*["open"] * 15), "RelaywardenUndecided", 840, False),
    # Twice its interval, and a quarter of an hour: 135 minutes after the last one.
    (audited(0, 60, 120, 180), "RelaywardenAuditOverdue", 239, False),
    (audited(60), "RelaywardenAuditOverdue", 195, False),
    (audited(60), "RelaywardenAuditOverdue", 196, True),
    (audited(60, 200), "RelaywardenAuditOverdue", 200, False),
    (audited(60, interval=21600), "RelaywardenAuditOverdue", 239, False),
    (audited(60) + audited(180, endpoint=OTHER_OF)[:1], "RelaywardenAuditOverdue", 239, False),
    (audited(), "RelaywardenNeverAudited", 59, False),
    (audited(), "RelaywardenNeverAudited", 60, True),
    (audited(30), "RelaywardenNeverAudited", 120, False),
    # A daemon writes all the time, checks now and then.
    ([(PROBE_MTIME, "0x30"), (DAEMON, "1x30")], "RelaywardenSilent", 11, True),
    ([(PROBE_MTIME, "0+60x30"), (DAEMON, "1x30")], "RelaywardenSilent", 30, False),
    ([(PROBE_MTIME, "0x30"), (DAEMON, "0x30")], "RelaywardenSilent", 30, False),
    ([(MTIME, "0x30"), (PROBE_MTIME, "0+60x30"), (DAEMON, "1x30")], "RelaywardenSilent", 11, True),
]

CASES = [
    (CRITICAL, "0 0 2 2", "RelaywardenCriticalIncident", 1, False),
    (CRITICAL, "0 0 2 2", "RelaywardenCriticalIncident", 2, True),
    (WARNING, "1x20", "RelaywardenIncident", 14, False),
    (WARNING, "1x20", "RelaywardenIncident", 15, True),
    (MTIME, "0+60x30", "RelaywardenSilent", 30, False),
    (MTIME, "0x30", "RelaywardenSilent", 11, True),
    (FAILING, "1x20", "RelaywardenAlertsDoNotArrive", 4, False),
    (FAILING, "1x20", "RelaywardenAlertsDoNotArrive", 5, True),
    (LOST, "0x10 3x10", "RelaywardenAlertsLost", 9, False),
    (LOST, "0x10 3x10", "RelaywardenAlertsLost", 12, True),
    (FLEET_INCIDENT, "0 0 2 2", "RelaywardenFleetIncident", 1, False),
    (FLEET_INCIDENT, "0 0 2 2", "RelaywardenFleetIncident", 2, True),
    (FLEET_LATE, "0x5 3x20", "RelaywardenFleetLate", 20, False),
    (FLEET_LATE, "0x5 3x20", "RelaywardenFleetLate", 21, True),
    (FLEET_READ, "0+60x30", "RelaywardenFleetUnread", 30, False),
    (FLEET_READ, "0 0 120+60x28", "RelaywardenFleetUnread", 30, False),
    (FLEET_READ, "0x30", "RelaywardenFleetUnread", 10, False),
    (FLEET_READ, "0x30", "RelaywardenFleetUnread", 11, True),
    (UNSAVED, "1x20", "RelaywardenStateUnsaved", 9, False),
    (UNSAVED, "1x20", "RelaywardenStateUnsaved", 10, True),
]


def slow_series(bound):
    """A histogram in which every answer is in one bucket."""
    return [(f'relaywarden_milter_answer_seconds_bucket{{le="{le}",instance="mx"}}',
             "0+10x40" if float(le) >= bound else "0x40") for le in ("0.001", "0.1", "1", "+Inf")]


def alerts_of(tmp_path, series, alert, minutes):
    """Whether promtool finds that alert firing."""
    document = {"rule_files": [RULES], "evaluation_interval": "1m", "tests": [{
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "promql_expr_test": [{
            "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
            "eval_time": f"{minutes}m",
            "exp_samples": [{"labels": "{}", "value": 1}]}]}]}
    path = tmp_path / "test.json"  # JSON is YAML
    path.write_text(json.dumps(document))
    done = run(["promtool", "test", "rules", path], check=False)
    assert done.returncode == 0 or "got:" in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode == 0


def test_the_rules_are_as_promtool_wants_them():
    done = run(["promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES])
    assert "14 rules found" in done.stdout


def test_the_page_has_a_configuration_and_rules_that_promtool_takes(tmp_path):
    jobs, targets, rules = blocks("Prometheus", "yaml")
    for name, what, text in (("prometheus.yml", "config", jobs + targets), ("rules.yml", "rules", rules)):
        path = tmp_path / name
        path.write_text(text.replace("/usr/share/relaywarden/relaywarden.rules.yml", RULES))
        done = run(["promtool", "check", what, path])
        assert "SUCCESS" in done.stdout


@pytest.mark.parametrize("series, values, alert, minutes, fires", CASES)
def test_a_rule_fires_when_it_should_and_not_before(tmp_path, series, values, alert, minutes, fires):
    assert alerts_of(tmp_path, [(series, values)], alert, minutes) == fires


@pytest.mark.parametrize("series, alert, minutes, fires", PROBE_CASES)
def test_a_rule_on_audits_fires_when_it_should_and_not_before(tmp_path, series, alert, minutes, fires):
    assert alerts_of(tmp_path, series, alert, minutes) == fires


@pytest.mark.parametrize("bound, fires", [(0.1, False), (1, True)])
def test_a_slow_milter_is_told(tmp_path, bound, fires):
    assert alerts_of(tmp_path, slow_series(bound), "RelaywardenMilterSlow", 30) == fires


@pytest.fixture(scope="module")
def metrics(shared_lab):
    """The file of a filter that has seen a stranger relay, and one that ended well."""
    site = Site(shared_lab)
    folder = site.mx.new_folder("metrics")
    site.set_up(OPEN, alert={"metrics_directory": folder})
    path = os.path.join(folder, "relaywarden-milter.prom")
    wait_until(lambda: os.path.exists(path), 10, "the file of metrics")
    site.ask("<b@outside.example.net>", "<c@outside.example.net>")
    site.milter.wait_for_alert(kind="open-relay", state="opened")
    assert site.milter.stop() == 0
    site.milter = None
    assert os.listdir(folder) == ["relaywarden-milter.prom"]
    with open(path, encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def probe_metrics(shared_lab, metrics):
    """The file of a check of that site."""
    assert metrics
    outside = shared_lab.host("outside")
    folder = outside.new_folder("probe-metrics")
    probe(outside, "mx", config=Config(alert={"metrics_directory": folder}), name="metrics-check")
    with open(os.path.join(folder, "relaywarden-probe.prom"), encoding="utf-8") as file:
        return file.read()


def names_in(*texts):
    return {name for text in texts for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)}


def test_the_metrics_are_as_promtool_wants_them(metrics):
    done = run(["promtool", "check", "metrics"], input=metrics)
    assert done.stderr + done.stdout == ""
    assert 'relaywarden_incidents_open{program="relaywarden-milter",kind="open-relay",severity="critical"} 1' in metrics
    assert 'relaywarden_announcements_total{program="relaywarden-milter",kind="open-relay",state="opened"} 1' in metrics
    assert 'relaywarden_sink_failing{program="relaywarden-milter",sink="json"} 0' in metrics
    assert 'relaywarden_state_unsaved{program="relaywarden-milter"} 0' in metrics
    assert re.search(r'relaywarden_milter_recipients_total\{permission="none",destination="external",'
                     r'decision="accepted"\} 2', metrics)


def test_rules_and_dashboard_ask_only_for_metrics_that_there_are(metrics, probe_metrics):
    with open(RULES, encoding="utf-8") as file:
        asked = re.findall(r"\brelaywarden_[a-z_]+", file.read())
    with open(DASHBOARD, encoding="utf-8") as file:
        asked += re.findall(r"\brelaywarden_[a-z_]+", file.read())
    asked = {re.sub("_bucket$", "", name) for name in asked}
    assert len(asked) >= 15
    # A worker's are seen in test_fleet_picture.py.
    assert {name for name in asked if not name.startswith("relaywarden_fleet_")} <= names_in(metrics, probe_metrics)


def test_the_dashboards_queries_are_promql(tmp_path):
    with open(DASHBOARD, encoding="utf-8") as file:
        dashboard = json.load(file)
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(queries) >= 18
    rules = [{"record": f"q{number}", "expr": query.replace("$__rate_interval", "5m")
              .replace("$instance", ".*")} for number, query in enumerate(queries)]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = run(["promtool", "check", "rules", path])
    assert f"{len(queries)} rules found" in done.stdout


def cells(panel):
    """The cells of Grafana's grid, 24 wide, that a panel covers."""
    place = panel["gridPos"]
    return {(x, y) for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])}


def test_the_dashboard_has_what_grafana_imports():
    """Grafana is no Debian package: this is its documented JSON model, not Grafana itself."""
    with open(DASHBOARD, encoding="utf-8") as file:
        dashboard = json.load(file)
    assert dashboard["schemaVersion"] >= 36
    assert dashboard["uid"] and dashboard["title"]
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    covered = [cell for panel in panels for cell in cells(panel)]
    assert len(covered) == len(set(covered))
    assert max(x for x, _ in covered) == 23
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)", json.dumps(panels)))
    assert used <= variables
    for panel in panels:
        assert panel["title"] and panel["type"] in ("stat", "table", "timeseries")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
