"""Each JSON that the programs write is what its schema in conf/share/schemas says."""

import copy
import json
import os
import shutil

import jsonschema
import pytest

from lab import Config, program, run
from lab.programs import read_alerts
from lab.servers import ROOT
from rehearse_cases import CASES, write
from test_rehearse import rehearse
from test_snapshot import Seen

FOLDER = os.path.join(ROOT, "conf/share/schemas")


def validator(name):
    with open(os.path.join(FOLDER, f"{name}.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema, resolver=jsonschema.RefResolver(f"file://{FOLDER}/", schema))


def expect(name, value):
    """It is so, whatever a later version adds, and one of another schema is not."""
    checker = validator(name)
    assert [error.message for error in checker.iter_errors(value)] == [], name
    assert value.get("schema", value.get("format")) == 1
    later = copy.deepcopy(value)
    later["schema" if "schema" in value else "format"] = 2
    assert not checker.is_valid(later)
    assert checker.is_valid({**value, "of_a_later_version": []}) or len(value) <= 4  # init's is told by its size


def test_every_schema_is_held_against_something():
    assert {name.split(".")[0] for name in os.listdir(FOLDER)} == {
        "alert", "check", "rehearse", "report", "snapshot", "verbs"}


def test_alerts_history_and_the_snapshot(lab):
    seen = Seen(lab)
    expect("snapshot", seen.snapshot)
    expect("report", seen.shown(as_json=True).report)
    expect("report", seen.report(as_json=True).report)
    alerts = read_alerts(seen.milter.config.alert["json"])
    assert len(alerts) >= 2
    for alert in alerts:
        expect("alert", alert)


@pytest.mark.skipif(shutil.which("postconf", path="/usr/sbin:/usr/bin") is None,
                    reason="the candidate is run by the machine's own Postfix")
def test_a_rehearsal(tmp_path):
    verdicts = set()
    for name in ("closed", *list(CASES)[:2]):
        if name in CASES:
            folder = tmp_path / name
            folder.mkdir()
            report = rehearse(write(str(folder), name), *CASES[name].options)[1]
            expect("rehearse", report)
            verdicts.add(report["verdict"])
    assert "open" in verdicts or "conditional" in verdicts
    done = run([program("relaywarden-probe"), "rehearse", str(tmp_path / "nowhere"), "--json"], check=False)
    expect("rehearse", json.loads(done.stdout))


def test_the_other_verbs(tmp_path):
    alerts = tmp_path / "alerts.json"
    config = Config(alert={"syslog": {"format": "none"}, "json": str(alerts)}, state_directory=str(tmp_path))
    path = config.write(str(tmp_path / "relaywarden.conf"))

    def said(*arguments):
        done = run([program("relaywarden-probe"), *arguments, "--json", "--config", path], check=False)
        return json.loads(done.stdout)

    for arguments, member in (
            (["techniques"], "techniques"), (["recipe", "192.0.2.25"], "endpoints"),
            (["keygen", str(tmp_path / "key")], "fingerprint"), (["-t"], "valid"), (["alert-test"], "sinks"),
            (["init", str(tmp_path / "new.conf"), "--domain", "example.org", "--canary", "canary@outside.example.net",
              "--target", "mx.example.org"], "exit"),
            (["keygen", str(tmp_path / "key")], "error"), (["nonsense"], "error")):
        value = said(*arguments)
        assert member in value, arguments
        expect("verbs", value)
    alert, = read_alerts(str(alerts))
    expect("alert", alert)
    expect("report", said("report"))
    expect("check", said("check", "nonsense:port"))
