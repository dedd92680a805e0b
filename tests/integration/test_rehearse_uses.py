"""Where a rehearsal is used: the unit, the recipes of container/rehearse and of doc/rehearse.md."""

import re

import pytest

from lab import Machine, wait_until
from readme import blocks
from test_units import installed

pytestmark = pytest.mark.skipif(Machine.possible() is not None, reason=str(Machine.possible()))

UNIT = "relaywarden-probe-rehearse"
CLOSED, OPEN = "127.0.0.0/8 [::1]/128", "127.0.0.0/8 0.0.0.0/0"
MAIN_CF = f"""compatibility_level = 3.6
myhostname = mx.example.org
mydestination = example.org, localhost
mynetworks = {CLOSED}
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
local_recipient_maps =
alias_maps =
inet_interfaces = all
"""
GUILTY = r"guilty +/etc/postfix/main\.cf:4 +0\.0\.0\.0/0"


@pytest.fixture(scope="module")
def mx(shared_lab):
    machine = installed(shared_lab, shared_lab.host("mx"))
    machine.write("/etc/postfix/main.cf", MAIN_CF)
    return machine


def trust(machine, networks):
    machine.write("/etc/postfix/main.cf", MAIN_CF.replace(CLOSED, networks))


# ---- the unit ----

# Debian's package of `mail` is not among the tests'.
MAIL = """#!/bin/sh
{ echo "$@"; cat; } >> /run/told
"""


def test_a_change_of_the_configuration_is_rehearsed_and_an_open_one_fails_the_unit(mx):
    drop_in, tell, other = blocks("Whenever a file changes", "ini")
    mx.write("/usr/bin/mail", MAIL, 0o755)
    mx.write("/etc/systemd/system/tell-root@.service", tell)
    mx.write(f"/etc/systemd/system/{UNIT}.service.d/override.conf", drop_in + other)
    mx.systemctl("daemon-reload")
    mx.run(["systemd-analyze", "verify", "--man=no", f"{UNIT}.path", f"{UNIT}.service", f"tell-root@{UNIT}.service"])
    enable, look = blocks("Whenever a file changes", "sh")
    mx.shell(enable)

    def said():
        return mx.journal("-u", f"{UNIT}.service")

    def is_done():
        return mx.show(f"{UNIT}.service", "ActiveState") in ("inactive", "failed") and \
            mx.show(f"{UNIT}.path", "SubState") == "waiting"

    wait_until(is_done, 60)
    trust(mx, OPEN)
    wait_until(lambda: "REHEARSAL OPEN" in said(), 120, said)
    wait_until(lambda: is_done() and mx.run(["test", "-s", "/run/told"], check=False).returncode == 0, 60, said)
    assert re.search(GUILTY, said())
    assert "What to do: take out what is called guilty above" in said()
    assert mx.show(f"{UNIT}.service", "ExecMainStatus") == "2"
    wait_until(lambda: "What to do" in mx.read("/run/told"), 20)
    assert re.search(GUILTY, mx.read("/run/told"))
    shown = mx.shell(look).stdout
    assert f"{UNIT}.service" in shown and re.search(GUILTY, shown)
    trust(mx, CLOSED)
    wait_until(lambda: "REHEARSAL CLOSED" in said(), 120, said)
    wait_until(is_done, 60)
    assert mx.show(f"{UNIT}.service", "ActiveState") == "inactive"
    mx.systemctl("disable", "--now", f"{UNIT}.path")
