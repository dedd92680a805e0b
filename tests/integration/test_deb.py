"""Debian's package (make deb; a stage of make check builds it before): installed, used, purged."""

import glob
import os
import re

import pytest

from lab import Machine, wait_until
from lab.servers import ROOT

pytestmark = pytest.mark.skipif(Machine.possible() is not None, reason=str(Machine.possible()))


def package():
    found = glob.glob(os.path.join(ROOT, "build/deb/relaywarden_*.deb"))
    return found[0] if found else pytest.skip("make deb has not been run")


@pytest.fixture
def machine(lab):
    machine = Machine(lab, lab.host("mx")).start()
    assert package()
    # A build machine's policy, which keeps packages from starting and stopping anything.
    machine.run(["rm", "-f", "/usr/sbin/policy-rc.d"])
    # Nobody searches the manual there: without this mark man-db does not read all pages of the machine anew.
    machine.run(["rm", "-f", "/var/lib/man-db/auto-update"])
    command, = re.findall(r"^sudo (apt-get install \./build/deb/.+)$", read("README.md"), re.MULTILINE)
    machine.shell(command, directory="/src")
    return machine


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def test_its_version_is_the_programs():
    version = re.search(r"^VERSION +:= (\S+)", read("Makefile"), re.MULTILINE).group(1)
    assert read("debian/changelog").startswith(f"relaywarden ({version}-")
    assert re.search(r"^Version: +(\S+)", read("rpm/relaywarden.spec"), re.MULTILINE).group(1) == version


def test_it_leaves_both_programs_ready_to_be_configured_and_started(machine):
    # Nothing is started before the site was declared.
    assert machine.show("relaywarden-milter.service", "ActiveState") == "inactive"
    assert machine.show("relaywarden-milter.service", "UnitFileState") == "disabled"
    assert machine.run(["stat", "-c", "%U %G %a", "/etc/relaywarden/relaywarden.conf",
                        "/var/lib/relaywarden", "/var/spool/postfix/relaywarden"]).stdout == (
        "root relaywarden 640\nrelaywarden relaywarden 750\nrelaywarden postfix 2750\n")
    for unit in ("relaywarden-milter", "relaywarden-probe"):
        machine.systemctl("start", unit)
        wait_until(lambda unit=unit: machine.show(unit, "ActiveState") == "active", 10)
    assert machine.run(["readlink", f"/proc/{machine.show('relaywarden-milter', 'MainPID')}/exe"]
                       ).stdout == "/usr/sbin/relaywarden-milter\n"


def test_an_upgrade_restarts_what_runs_and_starts_nothing_else(machine):
    machine.systemctl("start", "relaywarden-milter")
    before = machine.show("relaywarden-milter", "MainPID")
    machine.shell("dpkg --install /src/build/deb/relaywarden_*.deb")
    assert machine.show("relaywarden-milter", "MainPID") not in (before, "0")
    for unit in ("relaywarden-probe.service", "relaywarden-probe-check.service",
                 "relaywarden-probe-check.timer", "relaywarden-probe-changed.path",
                 "relaywarden-probe-rehearse.path", "relaywarden-probe-rehearse.service"):
        assert machine.show(unit, "ActiveState") == "inactive", unit


def test_its_own_tests_pass_where_systemd_runs(machine):
    """make check-repo runs them without it."""
    for name in ("alert", "audit"):
        machine.run(["/src/debian/tests/" + name])


def test_an_edited_configuration_and_the_state_stay_until_it_is_purged(machine):
    machine.write("/var/lib/relaywarden/probe/relaywarden.db", "")
    machine.systemctl("start", "relaywarden-milter")
    machine.run(["dpkg", "--remove", "relaywarden"])
    assert machine.run(["pgrep", "-x", "relaywarden-mil"], check=False).returncode == 1
    assert machine.run(["ls", "/etc/relaywarden/relaywarden.conf",
                        "/var/lib/relaywarden/probe/relaywarden.db"])
    for path in ("/usr/sbin/relaywarden-probe", "/var/spool/postfix/relaywarden"):
        assert machine.run(["test", "-e", path], check=False).returncode, path
    machine.run(["dpkg", "--purge", "relaywarden"])
    for path in ("/etc/relaywarden", "/var/lib/relaywarden", "/var/spool/postfix/relaywarden"):
        assert machine.run(["test", "-e", path], check=False).returncode, path
