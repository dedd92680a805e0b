"""relaywarden-probe's metrics: the daemon's, a check's beside it, and a check's alone."""

import os
import re
import signal

import pytest

from lab import Config, Dns, Postfix, ProbeDaemon, probe, wait_until
from lab.process import run

OPEN = {"mynetworks": "0.0.0.0/0, [::]/0", "in_flow_delay": "0s"}
ENDPOINTS = ("203.0.113.25:25", "[2001:db8:113::25]:25")
FILE = "relaywarden-probe.prom"
CRITICAL = ('relaywarden_incidents_open{program="relaywarden-probe",kind="open-relay",'
            'severity="critical"}')


@pytest.fixture(scope="module")
def postfix(shared_lab):
    Dns(shared_lab).start()
    return Postfix(shared_lab, shared_lab.host("mx")).start()


@pytest.fixture(scope="module")
def closed(postfix):
    return dict(postfix.main)


class Watched:
    """A site whose metrics are looked at, on the outside host."""

    def __init__(self, lab, name):
        self.host = lab.host("outside")
        self.folder = self.host.new_folder(name)
        self.name = name
        self.lab = lab
        self.path = os.path.join(self.folder, FILE)

    def config(self, **keywords):
        return Config(alert={"metrics_directory": self.folder},
                      state_directory=os.path.join(self.folder, "state"), **keywords)

    def daemon(self, name="daemon", **keywords):
        return ProbeDaemon(self.lab, self.host, self.config(**keywords), name=f"{self.name}-{name}")

    def check(self, *targets, **keywords):
        return probe(self.host, *targets, config=self.config(**keywords), name=f"{self.name}-check")

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def samples(self):
        """Each series with its value; none while there is no file."""
        if not os.path.exists(self.path):
            return {}
        return {series: float(value) for series, value in
                re.findall(r"^(relaywarden_\S+) (\S+)$", self.text(), re.MULTILINE)}

    def wait_for(self, timeout=20, **wanted):
        """Until series of relaywarden_probe_ have these values."""
        wait_until(lambda: wanted.items() <= short(self.samples()).items(), timeout,
                   lambda: f"{wanted} in {short(self.samples())}")
        return short(self.samples())


def short(samples):
    """Without what all names begin with, and only the probe's own."""
    return {series.removeprefix("relaywarden_probe_"): value for series, value in samples.items()
            if series.startswith("relaywarden_probe_")}


def of(name, endpoint, target="mx", **labels):
    more = "".join(f',{label}="{value}"' for label, value in labels.items())
    return f'{name}{{target="{target}",endpoint="{endpoint}",tls="auto"{more}}}'


def verdict(endpoint, name, target="mx"):
    return of("endpoint_verdict", endpoint, target, verdict=name)


def total(samples, name):
    return sum(value for series, value in samples.items() if series.split("{")[0] == name)


@pytest.fixture
def watched(shared_lab, postfix, closed, request):
    postfix.main = dict(closed)
    postfix.write()
    postfix.reload()
    return Watched(shared_lab, request.node.name)


def test_a_daemon_tells_how_each_endpoint_stands(watched, postfix):
    daemon = watched.daemon().start("--json")
    samples = watched.wait_for(**{verdict(endpoint, "closed"): 1 for endpoint in ENDPOINTS})
    assert run(["promtool", "check", "metrics"], input=watched.text()).stdout == ""
    report, = daemon.reports()
    for endpoint in ENDPOINTS:
        others = ("open", "suspected", "inconclusive", "unreachable")
        assert [samples[verdict(endpoint, name)] for name in others] == [0] * 4
        assert 0 < samples[of("endpoint_audit_duration_seconds", endpoint)] < 30
        assert samples[of("endpoint_info", endpoint, host="mx.example.org", session="none", cause="")]
        assert abs(samples[of("endpoint_last_audit_timestamp_seconds", endpoint)]
                   - os.path.getmtime(watched.path)) < 60
    assert samples["daemon"] == 1
    assert samples['target_interval_seconds{target="mx"}'] == 6 * 3600
    assert samples['audits_total{result="ok"}'] == 1
    answered = [technique for endpoint in report["endpoints"] for technique in endpoint["techniques"]
                if technique["code"]]
    assert total(samples, "techniques_total") == len(answered)
    assert samples["refusals_total"] >= len(answered) - samples['techniques_total{outcome="accepted"}']
    assert 2 <= samples["connections_total"] <= samples["refusals_total"]
    postfix.set(OPEN)
    daemon.signal(signal.SIGUSR1)
    after = watched.wait_for(**{verdict(endpoint, "open"): 1 for endpoint in ENDPOINTS})
    assert after['audits_total{result="critical"}'] == 1
    assert after['techniques_total{outcome="accepted"}'] > 10


def test_a_check_beside_a_daemon_leaves_the_file_to_it_and_is_told_in_it(watched, postfix):
    daemon = watched.daemon().start()
    before = watched.wait_for(**{'audits_total{result="ok"}': 1})
    postfix.set(OPEN)
    assert watched.check("mx").code == 2
    assert watched.samples()["relaywarden_probe_daemon"] == 1
    after = watched.wait_for(40, **{verdict(endpoint, "open"): 1 for endpoint in ENDPOINTS},
                             **{'audits_total{result="ok"}': 1, "daemon": 1})
    # A check's counts are its own.
    assert after['audits_total{result="critical"}'] == 0
    wait_until(lambda: watched.samples()[CRITICAL] == 2, 40, lambda: watched.text())
    for series, value in before.items():
        if "_total" in series:
            assert after[series] >= value, series
    daemon.signal(signal.SIGUSR1)
    watched.wait_for(**{'audits_total{result="critical"}': 1})
    assert daemon.stop() == 0
    assert os.listdir(watched.folder).count(FILE) == 1
    assert [name for name in os.listdir(watched.folder) if name.startswith(".")] == []


def test_checks_without_a_daemon_write_the_file_and_each_counts_for_itself(watched, postfix):
    assert watched.check("mx").code == 0
    first = short(watched.samples())
    assert first["daemon"] == 0
    assert first[verdict(ENDPOINTS[0], "closed")] == 1
    postfix.set(OPEN)
    assert watched.check().code == 2
    second = short(watched.samples())
    assert (second['audits_total{result="ok"}'], second['audits_total{result="critical"}']) == (0, 1)
    assert second[verdict(ENDPOINTS[1], "open")] == 1
    assert watched.samples()[CRITICAL] == 2
    assert second["connections_total"] >= 2
    # A check still tells of a lasting incident that it has nothing to say of.
    again = {"mx": {"domain": "example.org"}, "other": {"host": "203.0.113.25", "ports": [2525]}}
    assert watched.check("other", targets=again).code == 3
    assert watched.samples()[CRITICAL] == 2
    assert short(watched.samples())[verdict("203.0.113.25:2525", "unreachable", "other")] == 1
    assert short(watched.samples())[verdict(ENDPOINTS[1], "open")] == 1
    # A target that only the command line names is nobody's.
    kept = watched.text()
    assert watched.check("203.0.113.25:25").code == 2
    assert watched.text() == kept


def test_what_is_not_configured_any_more_is_not_told(watched):
    two = {"mx": {"domain": "example.org"}, "old": {"host": "203.0.113.25"}}
    daemon = watched.daemon(targets=two).start()
    watched.wait_for(**{'audits_total{result="ok"}': 1})
    assert verdict(ENDPOINTS[1], "closed") in short(watched.samples())
    daemon.configure(watched.config(targets={"new": {"host": "203.0.113.25", "interval": "1h"}}))
    daemon.signal(signal.SIGHUP)
    samples = watched.wait_for(**{verdict(ENDPOINTS[0], "closed", "new"): 1})
    assert [series for series in samples if '"mx"' in series or '"old"' in series] == []
    assert samples['target_interval_seconds{target="new"}'] == 3600


def test_a_daemon_that_was_killed_counts_anew_and_the_metrics_are_its_own_again(watched):
    daemon = watched.daemon().start()
    watched.wait_for(**{'audits_total{result="ok"}': 1})
    daemon.kill()
    os.remove(watched.path)
    daemon.start()
    watched.wait_for(**{'audits_total{result="ok"}': 1, "daemon": 1})


def test_a_second_daemon_leaves_the_metrics_to_the_first(watched):
    watched.daemon().start()
    second = watched.daemon("second").start()
    second.log.wait_for("another daemon uses this state_directory; it writes the metrics")
    second.log.wait_for("RELAY OK")
    watched.wait_for(**{'audits_total{result="ok"}': 1, "daemon": 1})


def test_state_that_cannot_be_kept_is_told_and_the_daemon_tells_what_it_knows(watched):
    damaged = os.path.join(watched.folder, "state/probe/relaywarden.db")
    os.makedirs(os.path.dirname(damaged))
    with open(damaged, "w", encoding="utf-8") as file:
        file.write("{" * 1000)
    daemon = watched.daemon().start()
    daemon.log.wait_for("this audit will be missing in reports, and in metrics after a restart: "
                        ".*not a database .move the file away")
    watched.wait_for(**{verdict(ENDPOINTS[0], "closed"): 1, 'audits_total{result="ok"}': 1})
    assert "this audit will be missing in reports and later metrics" in watched.check("mx").err
    daemon.signal(signal.SIGUSR1)
    watched.wait_for(**{'audits_total{result="ok"}': 2})
