"""Alerts at the real Alertmanager: opened, kept while they last, over; several, of which one is away."""

import json
import os
import re
import socket
import subprocess
import urllib.request
from datetime import datetime, timezone

import pytest

from lab import Config, program, wait_until
from test_alert_receivers import Driven


class Alertmanager:
    """One on loopback, alone in its cluster; nothing of it is kept over a restart."""

    def __init__(self, folder, host=None, address="127.0.0.1"):
        self.folder, self.host, self.address = str(folder), host, address
        os.makedirs(self.folder, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base = f"http://{address}:{self.port}"
        self.process = None

    def start(self):
        path = os.path.join(self.folder, "alertmanager.yml")
        with open(path, "w", encoding="ascii") as file:
            file.write("route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n")
        command = ["prometheus-alertmanager", f"--config.file={path}", "--cluster.listen-address=",
                   f"--web.listen-address={self.address}:{self.port}", "--log.level=error",
                   f"--storage.path={self.folder}/data"]
        self.process = self.host.popen(command) if self.host else subprocess.Popen(command)
        wait_until(self.is_ready, 20, "Alertmanager")
        return self

    def is_ready(self):
        try:
            self.get("/-/ready")
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=5) as answer:
            return answer.read()

    def alerts(self):
        return json.loads(self.get("/api/v2/alerts"))

    def networks(self):
        return sorted(alert["labels"]["network"] for alert in self.alerts())

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def cluster(tmp_path):
    both = [Alertmanager(tmp_path / name) for name in ("one", "two")]
    yield both
    for one in both:
        one.stop()


def settings(tmp_path, cluster, **more):
    return {"json": str(tmp_path / "alerts.json"), "alertmanager": [one.base for one in cluster], **more}


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_each_alertmanager_has_what_lasts_and_loses_what_is_over(tmp_path, cluster):
    for one in cluster:
        one.start()
    with Driven(tmp_path, settings(tmp_path, cluster)) as driven:
        driven.order("+ a", "+ b", "flush")
        for one in cluster:
            wait_until(lambda: one.networks() == ["a", "b"], 20, one.alerts)
        alert = next(alert for alert in cluster[0].alerts() if alert["labels"]["network"] == "a")
        driven.order("- a", "flush")
        for one in cluster:
            wait_until(lambda: one.networks() == ["b"], 20, one.alerts)
    assert alert["labels"] == {
        "alertname": "open-relay", "severity": "critical", "program": "relaywarden-probe",
        "instance": "mx.example.org", "network": "a", "listener": "203.0.113.25:25"}
    told = json.loads((tmp_path / "alerts.json").read_text().splitlines()[0])
    assert alert["annotations"]["why"] == "a was granted relaying"
    assert alert["annotations"]["fix"] == "Narrow mynetworks."
    assert (alert["annotations"]["incident"], alert["annotations"]["count"]) == (told["incident"], "1")
    assert alert["annotations"]["page"] == told["page"]
    assert told["page"].endswith("/findings/open-relay.md")
    assert moment(alert["startsAt"]) == moment(told["time"])
    # Long enough for some that are lost on the way: each minute it is told again.
    assert 240 < (moment(alert["endsAt"]) - datetime.now(timezone.utc)).total_seconds() <= 300
    assert "do not reach" not in driven.said()


def test_one_that_is_away_costs_the_other_nothing_and_hears_of_it_later(tmp_path, cluster):
    here, away = cluster
    here.start()
    with Driven(tmp_path, settings(tmp_path, cluster)) as driven:
        driven.order("+ a", "flush")
        wait_until(lambda: here.networks() == ["a"], 20, here.alerts)
        wait_until(lambda: "alerts do not reach all of alertmanager" in driven.said(), 20, driven.said)
        away.start()
        wait_until(lambda: away.networks() == ["a"], 90, away.alerts)
        wait_until(lambda: "alerts reach alertmanager again; 0 were lost" in driven.said(), 20, driven.said)
    line, = [line for line in driven.said().splitlines() if "do not reach" in line]
    assert f"all of alertmanager: 127.0.0.1:{away.port}: " in line


def test_one_that_forgot_and_a_program_that_was_restarted_have_it_again(tmp_path, cluster):
    one = cluster[0].start()
    alert = settings(tmp_path, [one])
    with Driven(tmp_path, alert) as driven:
        driven.order("+ a", "flush")
        wait_until(lambda: one.networks() == ["a"], 20, one.alerts)
    one.stop()
    subprocess.run(["rm", "-r", os.path.join(one.folder, "data")], check=True)
    one.start()
    assert one.networks() == []
    with Driven(tmp_path, alert) as driven:
        wait_until(lambda: one.networks() == ["a"], 20, driven.said)
    # It was told as what lasts, and no sink that remembers was told again.
    told = [json.loads(line) for line in (tmp_path / "alerts.json").read_text().splitlines()]
    assert [line["state"] for line in told] == ["opened"]


def test_many_subjects_are_one_alert(tmp_path, cluster):
    one = cluster[0].start()
    with Driven(tmp_path, settings(tmp_path, [one])) as driven:
        driven.order(*[f"+ n{number:02}" for number in range(20)], "flush")
        wait_until(lambda: len(one.alerts()) == 17, 20, one.alerts)
    folded, = [alert for alert in one.alerts() if "network" not in alert["labels"]]
    assert folded["labels"]["subject"] == "any"


def test_an_alertmanager_that_is_added_by_a_reload_hears_of_all_that_lasts(tmp_path, cluster):
    one = cluster[0].start()
    alert = {"json": str(tmp_path / "alerts.json")}
    with Driven(tmp_path, alert) as driven:
        driven.order("+ a", "+ b", "flush")
        driven.configure(settings(tmp_path, [one]))
        driven.order("reload")
        wait_until(lambda: one.networks() == ["a", "b"], 20, driven.said)


@pytest.mark.parametrize("argv", [["relaywarden-probe", "alert-test"],
                                  ["relaywarden-milter", "--alert-test"]])
def test_a_test_is_taken_only_if_each_one_took_it(tmp_path, cluster, argv):
    here, away = cluster[0].start(), cluster[1]
    config = Config(alert={"syslog": {"format": "none"}, **settings(tmp_path, cluster)},
                    state_directory=str(tmp_path))
    command = [program(argv[0]), argv[1], "--config", config.write(str(tmp_path / "relaywarden.conf"))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"alertmanager: not taken: 127.0.0.1:{away.port}: " in done.stderr
    assert [alert["labels"]["alertname"] for alert in here.alerts()] == ["alert-test"]
    away.start()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0 and "alertmanager: taken\n" in done.stderr


@pytest.mark.parametrize("base, words", [
    ("alerts.example.org:9093", "this is no address of a receiver"),
    ("http://joe:s3cret@alerts.example.org:9093", "a user and a password in front of the host are not sent"),
    ("http://alerts.example.org:9093/api/v2/alerts?x=s3cret", "this is no base address"),
    ("", "this is no address of a receiver"),
])
def test_an_address_that_is_none_is_a_mistake_of_its_configuration(tmp_path, base, words):
    path = Config(alert={"alertmanager": [base]}).write(str(tmp_path / "relaywarden.conf"))
    done = subprocess.run([program("relaywarden-milter"), "-t", "--config", path], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 78
    assert re.search(rf"relaywarden.conf:\d+: alertmanager: {words}", done.stderr), done.stderr
    assert "s3cret" not in done.stderr
