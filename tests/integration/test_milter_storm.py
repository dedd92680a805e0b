"""Relaying in a burst, from many addresses: a handful of incidents, and every recipient counted."""

import re

import pytest

from lab import wait_until
from lab.programs import sanitized
from lab.storm import POSTFIX, storm
from site_of_tests import Site

CLIENTS = 1000
RECIPIENTS = 20


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


def resident_mib(milter):
    with open(f"/proc/{milter.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1024


def test_a_burst_is_a_handful_of_incidents_with_right_counts(site):
    site.set_up(POSTFIX, alert={"quiet_after": "5s"})
    storm(site.outside, site.mx.address, CLIENTS, RECIPIENTS)

    def resolved():
        return [alert for alert in site.milter.alerts() if alert["state"] == "resolved"]

    wait_until(lambda: sum(alert["count"] for alert in resolved()) >= CLIENTS * RECIPIENTS, 30,
               lambda: f"{[alert['count'] for alert in resolved()]}")
    memory = resident_mib(site.milter)
    alerts = site.alerts()
    assert sum(alert["count"] for alert in alerts
               if alert["state"] == "resolved") == CLIENTS * RECIPIENTS
    assert {alert["kind"] for alert in alerts} == {"open-relay"}
    # 16 networks, and `any` for the other 34; an incident may end and begin again meanwhile, the more
    # so the longer it takes.
    assert 17 <= len({alert["incident"] for alert in alerts}) <= (400 if sanitized() else 40)
    assert any(alert["subject"].get("network") == "any" for alert in alerts) or any(
        "any" in str(alert["subject"]) for alert in alerts)
    assert memory < 40 or sanitized()
