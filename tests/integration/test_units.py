"""The units as systemd runs them, with their whole sandbox, beside Debian's own Postfix."""

import json
import os
import re
import shutil
import signal

import pytest

from lab import Dns, Machine, build_folder, program, run, wait_until
from lab.servers import ROOT

UNITS = sorted(name for name in os.listdir(os.path.join(ROOT, "systemd"))
               if name.endswith((".service", ".timer", ".path")))
MAIN_CF = """compatibility_level = 3.6
myhostname = mx.example.org
mydestination = example.org, localhost
mynetworks = 127.0.0.0/8 [::1]/128
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
local_recipient_maps =
alias_maps =
inet_interfaces = all
local_transport = discard
default_transport = discard
smtpd_milters = { unix:relaywarden/milter.sock, default_action=accept, connect_timeout=2s, \
command_timeout=2s, content_timeout=2s }
"""
METRICS = "/var/lib/prometheus/node-exporter"
KEY = "/etc/relaywarden/token.key"
CONF = """token_key_file = "/etc/relaywarden/token.key"
site {
  domains = { %s }
  trusted_networks = { "127.0.0.0/8", "::1/128" }
}
probe {
  canary = "canary@outside.example.net"
  dnsbl = { }
  target "mx" { domain = "example.org" ports = { 25 } }
}
alert {
  json = "/var/log/relaywarden/alerts.json"
  command = { "/usr/local/bin/page" }
  metrics_directory = "/var/lib/prometheus/node-exporter"
}
"""
# Writes where the sandbox lets it, and only there.
PAGE = """#!/bin/sh
cat >> /var/log/relaywarden/pages
touch /etc/paged 2>> /var/log/relaywarden/refused
: > /tmp/paged
"""
MILTER, CHECK = "relaywarden-milter.service", "relaywarden-probe-check.service"
CHANGED = "relaywarden-probe-changed"


def impossible():
    """Why this cannot be tested here, or None."""
    with open(program("relaywarden-milter"), "rb") as file:
        if re.search(rb"__[at]san_init", file.read()):
            return "a sanitizer wants more memory than the units' sandbox gives"
    return Machine.possible()


pytestmark = pytest.mark.skipif(impossible() is not None, reason=str(impossible()))


def installed(lab, host):
    """A machine with relaywarden on it, as `make install` and the two commands after it leave it."""
    machine = Machine(lab, host).start()
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    run(["make", "-s", "-C", ROOT, f"BUILD={build_folder()}", "install",
         f"DESTDIR={machine.path('')}"], env=environment, timeout=540)
    machine.run(["systemd-sysusers", "relaywarden.conf"])
    machine.run(["systemd-tmpfiles", "--create", "relaywarden.conf"])
    machine.run(["journalctl", "--update-catalog"])
    machine.write("/usr/local/bin/page", PAGE, 0o755)
    machine.run(["install", "-d", "-o", "relaywarden", METRICS])
    # The sample and its folder are root's, the key is closed to all but the programs' user.
    machine.run(["relaywarden-probe", "keygen", KEY])
    assert machine.run(["stat", "-c", "%U %G %a", KEY]).stdout == "root relaywarden 640\n"
    declare(machine, "example.org")
    machine.systemctl("daemon-reload")
    return machine


def declare(machine, *domains):
    machine.write("/etc/relaywarden/relaywarden.conf",
                  CONF % ", ".join(f'"{domain}"' for domain in domains), 0o640)
    machine.run(["chgrp", "relaywarden", "/etc/relaywarden/relaywarden.conf"])


@pytest.fixture(scope="module")
def mx(shared_lab):
    """The mail host, Postfix and the milter running."""
    Dns(shared_lab).start()
    machine = installed(shared_lab, shared_lab.host("mx"))
    if not os.path.exists("/lib/systemd/system/postfix.service"):
        pytest.skip("Postfix is unpacked beside another mail server: its units are not there")
    machine.write("/etc/postfix/main.cf", MAIN_CF)
    machine.run(["install", "-d", "-o", "relaywarden", "-g", "postfix", "-m", "2750",
                 "/var/spool/postfix/relaywarden"])
    machine.systemctl("start", MILTER)
    machine.systemctl("start", "postfix.service")
    wait_until(lambda: shared_lab.host("mx").listening(25), 20)
    return machine


@pytest.fixture(scope="module")
def outside(shared_lab, mx):
    assert mx
    return installed(shared_lab, shared_lab.host("outside"))


@pytest.fixture
def milter(mx):
    """The milter's unit, running with the site's declaration; its main process."""
    declare(mx, "example.org")
    mx.systemctl("reset-failed", check=False)
    mx.systemctl("restart", MILTER)
    yield mx
    mx.run(["rm", "-rf", f"/run/systemd/system/{MILTER}.d"])
    mx.systemctl("daemon-reload")


def main_process(machine):
    return machine.show(MILTER, "MainPID")


def stranger(lab, recipient):
    """The mail host's answer to an outsider's recipient."""
    replies = lab.host("outside").smtp(lab.host("mx").address, [
        "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>", f"RCPT TO:<{recipient}>",
        "QUIT"])
    return replies[3].code


def relax(machine, networks):
    machine.run(["postconf", "-e", f"mynetworks = {networks}"])
    machine.systemctl("reload", "postfix.service")


def alerts(machine):
    if not machine.run(["test", "-e", "/var/log/relaywarden/alerts.json"], check=False).returncode:
        return [json.loads(line) for line in
                machine.read("/var/log/relaywarden/alerts.json").splitlines()]
    return []


# First, for the unit has not been started often then.
# The filter's own unit, which sends one test of the alerts instead.
TRY_ALERTS = """[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/usr/local/sbin/relaywarden-milter --alert-test
"""


def test_postfix_takes_the_mail_of_a_service_that_has_the_lines_of_the_manual(mx):
    with open(os.path.join(ROOT, "conf/relaywarden.conf.5"), encoding="utf-8") as file:
        lines, = re.findall(r"^(\[Service\]\nSupplementaryGroups=.*?)^\.Ed$", file.read(), re.M | re.S)
    path = "/etc/relaywarden/relaywarden.conf"
    before = mx.run(["cat", path]).stdout
    mx.run(["sed", "-i", 's/^alert {/alert { mail { to = { "root" } }/', path])
    mx.systemctl("stop", MILTER)
    told = []

    def has_told(count):
        said = mx.run(["journalctl", "--output=cat", "--unit", MILTER]).stdout
        words = re.findall(r"^mail: (.*)$", said, re.M)
        return words if len(words) >= count else None

    for drop_in in (TRY_ALERTS, TRY_ALERTS + lines):
        mx.write(f"/etc/systemd/system/{MILTER}.d/try.conf", drop_in)
        mx.systemctl("daemon-reload")
        # The tests before have started it often.
        mx.run(["systemctl", "reset-failed", MILTER], check=False)
        mx.run(["systemctl", "start", MILTER], check=False)
        told = wait_until(lambda: has_told(len(told) + 1), what="the journal to have the word on mail")
    mx.run(["rm", f"/etc/systemd/system/{MILTER}.d/try.conf"])
    mx.write(path, before, 0o640)
    mx.run(["chgrp", "relaywarden", path])
    mx.systemctl("daemon-reload")
    mx.run(["systemctl", "reset-failed", MILTER], check=False)
    mx.systemctl("start", MILTER)
    assert told[0].startswith("not taken: /usr/sbin/sendmail is Postfix's and needs the group of postdrop")
    assert told[1] == "taken"


# ---- as files ----

def test_systemd_finds_nothing_to_say_about_the_units(mx):
    man = "yes" if shutil.which("man") else "no"
    done = mx.run(["systemd-analyze", "verify", f"--man={man}", *UNITS], check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# ---- the milter ----

def test_the_milter_is_ready_when_its_start_returns_and_holds_no_privilege(milter):
    assert milter.show(MILTER, "ActiveState") == "active"
    status = milter.read(f"/proc/{main_process(milter)}/status")
    uid = milter.run(["id", "-u", "relaywarden"]).stdout.strip()
    assert re.search(rf"^Uid:(\s+{uid}){{4}}$", status, re.MULTILINE)
    for line in ("CapBnd:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1",
                 "Seccomp:\t2"):
        assert line in status
    for path in ("/etc/x", "/usr/x", "/var/lib/x", "/var/spool/postfix/x"):
        done = milter.run(["nsenter", f"--target={main_process(milter)}", "--mount", "--root",
                            "touch", path],
                          check=False)
        assert "Read-only file system" in done.stderr, path


def test_in_its_sandbox_it_reports_what_postfix_grants_a_stranger(shared_lab, milter):
    assert milter.run(["stat", "-c", "%U %G %a", "/var/spool/postfix/relaywarden/milter.sock"]
                      ).stdout == "relaywarden postfix 660\n"
    assert stranger(shared_lab, "b@outside.example.net") == 454
    relax(milter, "0.0.0.0/0")
    wait_until(lambda: stranger(shared_lab, "b@outside.example.net") == 250)
    found = wait_until(lambda: [alert for alert in alerts(milter)
                                if alert["kind"] == "open-relay"], 10)
    assert found[0]["evidence"]["client"] == "198.51.100.7"
    wait_until(lambda: re.search("CRITICAL open-relay incident=.* state=opened",
                                 milter.journal("-t", "relaywarden-milter")))
    assert milter.run(["stat", "-c", "%U %a", "/var/log/relaywarden/alerts.json"]
                      ).stdout == "relaywarden 640\n"
    every_sink_works(milter, "relaywarden-milter")
    assert milter.run(["test", "-s", "/var/lib/relaywarden/milter/relaywarden.db"])
    relax(milter, "127.0.0.0/8 [::1]/128")


def every_sink_works(machine, name):
    """After an open relay was reported there: what the sandbox must not stand in the way of."""
    wait_until(lambda: "open-relay" in machine.shell(
        "cat /var/log/relaywarden/pages 2>/dev/null || :").stdout)
    wait_until(lambda: "Read-only file system" in machine.shell(
        "cat /var/log/relaywarden/refused 2>/dev/null || :").stdout)
    assert machine.run(["test", "-e", "/tmp/paged"], check=False).returncode  # it has its own /tmp
    # The node exporter is another user.
    wait_until(lambda: machine.run(["setpriv", "--reuid=nobody", "--clear-groups", "grep", "-c",
                                    "^relaywarden_", f"{METRICS}/{name}.prom"],
                                   check=False).returncode == 0, 20)
    entry = next(entry for entry in map(json.loads, machine.journal(
        "-t", name, "-o", "json").splitlines()) if entry.get("RELAYWARDEN_KIND") == "open-relay")
    # The journal looks a sender up in /proc, and knows no unit of one that has ended by then, as a check does.
    assert entry.get("_SYSTEMD_UNIT", name).startswith(name)
    assert machine.run(["journalctl", "-x", "-o", "short", "--no-pager",
                        f"MESSAGE_ID={entry['MESSAGE_ID']}"]
                       ).stdout.count("relays for strangers")


def test_a_reload_brings_a_new_configuration_and_keeps_the_old_one_before_a_bad_one(milter):
    before = main_process(milter)
    declare(milter, "example.org", "other.test")
    milter.systemctl("reload", MILTER)
    wait_until(lambda: "was read again and is in force" in said(milter), 10, lambda: said(milter))
    assert said(milter).count("was read again") == 1
    declare(milter, "not a domain")
    # The operator sees it where it was typed, and the program is not even asked.
    done = milter.systemctl("reload", MILTER, check=False)
    assert done.returncode != 0 and "failed" in done.stderr
    assert "/etc/relaywarden/relaywarden.conf:3: " in milter.journal("-u", MILTER)
    assert (milter.show(MILTER, "ActiveState"), main_process(milter)) == ("active", before)
    milter.run(["kill", "-HUP", before])
    wait_until(lambda: "keeping the current configuration" in said(milter), 10, lambda: said(milter))
    assert said(milter).count("was read again") == 1
    assert main_process(milter) == before


def test_in_its_sandbox_it_asks_postfix_by_which_transports_mail_for_others_goes(milter):
    try:
        milter.run(["postconf", "-e", "default_transport = relay:[198.51.100.80]"])
        milter.systemctl("reload", MILTER)
        wait_until(lambda: "own_mailers names relay, by which Postfix also sends mail for others "
                   "(default_transport)" in said(milter), 10, lambda: said(milter))
        assert "postconf failed" not in said(milter)
    finally:
        milter.run(["postconf", "-e", "default_transport = discard"])


def test_root_is_told_what_the_unit_may_not_read(milter):
    for path in ("/etc/relaywarden/relaywarden.conf", KEY):
        milter.run(["chmod", "600", path])
        for name in ("relaywarden-milter", "relaywarden-probe"):
            done = milter.run([name, "-t"])
            assert "configuration is valid" in done.stdout
            note, = [line for line in done.stderr.splitlines() if "as the user" in line]
            assert note.startswith("note: as the user relaywarden, who reads it for the unit")
            assert path in note and "Permission denied for user relaywarden" in note
        milter.run(["chmod", "640", path])
    for name in ("relaywarden-milter", "relaywarden-probe"):
        assert "as the user" not in milter.run([name, "-t"]).stderr


def said(machine):
    return machine.journal("-t", "relaywarden-milter")


@pytest.mark.parametrize("journal", ["auto", "yes", "no"])
def test_each_line_of_its_own_is_in_the_journal_once(milter, journal):
    """Whether it came by the journal's socket, by syslog's, or by standard error."""
    path = "/etc/relaywarden/relaywarden.conf"
    milter.write(path, milter.read(path).replace("alert {", f"alert {{ journal = {journal}"), 0o640)
    milter.systemctl("restart", MILTER)
    milter.systemctl("reload", MILTER)
    start = milter.show(MILTER, "InvocationID")

    def told():
        return milter.journal(f"_SYSTEMD_INVOCATION_ID={start}")

    wait_until(lambda: "was read again" in told(), 10)
    milter.systemctl("stop", MILTER)
    for line in ("is ready on", "was read again", "stopped"):
        assert told().count(line) == 1, told()


def test_who_names_a_file_outside_of_the_sandbox_is_told_what_to_add(milter):
    milter.run(["install", "-d", "-o", "relaywarden", "/srv/relaywarden", "/srv/relaywarden/milter"])
    declare(milter, "example.org")
    milter.shell("sed -i -e 's,/var/log/relaywarden/,/srv/relaywarden/,' "
                 "-e 's,/var/lib/prometheus/node-exporter,/srv/relaywarden,' "
                 "-e '1i state_directory = \"/srv/relaywarden\"' /etc/relaywarden/relaywarden.conf")
    milter.systemctl("restart", MILTER)
    for words in ("incidents are not saved .*", "alerts do not reach json: ",
                  "alerts do not reach metrics: "):
        wait_until(lambda words=words: re.search(
            words + ".*Read-only file system .in a systemd unit, name its directory in ReadWritePaths",
            said(milter)), 20, lambda: said(milter))


def test_one_that_was_killed_is_started_again_and_mail_flows_meanwhile(shared_lab, milter):
    before = main_process(milter)
    milter.run(["kill", "-KILL", before])
    assert stranger(shared_lab, "u@example.org") == 250
    wait_until(lambda: main_process(milter) not in (before, "0"), 15)
    wait_until(lambda: milter.show(MILTER, "ActiveState") == "active", 15)


def test_one_that_was_sent_a_daemons_usual_signals_is_not_gone(milter):
    before = main_process(milter)
    for name in ("HUP", "USR1"):
        reloads = said(milter).count("was read again")
        milter.run(["kill", f"-{name}", before])
        wait_until(lambda reloads=reloads: said(milter).count("was read again") == reloads + 1, 10)
    assert main_process(milter) == before
    milter.run(["kill", "-TERM", before])
    wait_until(lambda: main_process(milter) not in (before, "0"), 15)
    wait_until(lambda: milter.show(MILTER, "ActiveState") == "active", 15)
    milter.systemctl("stop", MILTER)
    assert milter.show(MILTER, "ActiveState") == "inactive"


def test_one_that_hangs_is_ended_by_the_watchdog_and_started_again(shared_lab, milter):
    milter.write(f"/run/systemd/system/{MILTER}.d/quick.conf", "[Service]\nWatchdogSec=1s\n")
    milter.systemctl("daemon-reload")
    milter.systemctl("restart", MILTER)
    before = main_process(milter)
    milter.run(["kill", f"-{signal.SIGSTOP}", before])
    assert stranger(shared_lab, "u@example.org") == 250
    wait_until(lambda: main_process(milter) not in (before, "0"), 30)
    wait_until(lambda: milter.show(MILTER, "ActiveState") == "active", 15)


def test_one_with_a_bad_configuration_fails_once_and_says_why(milter):
    declare(milter, "not a domain")
    done = milter.systemctl("restart", MILTER, check=False)
    assert done.returncode != 0
    assert milter.show(MILTER, "ActiveState") == "failed"
    assert milter.show(MILTER, "ExecMainStatus") == "78"
    assert "/etc/relaywarden/relaywarden.conf:3: " in milter.journal("-u", MILTER)


# ---- the probe ----

def test_an_audit_of_a_closed_server_is_a_success_and_of_an_open_one_a_failure(mx, outside):
    outside.systemctl("start", CHECK)
    assert outside.show(CHECK, "Result") == "success"
    assert "RELAY OK - 2 endpoints closed" in outside.journal("-u", CHECK)
    relax(mx, "0.0.0.0/0")
    try:
        assert outside.systemctl("start", CHECK, check=False).returncode != 0
        assert outside.show(CHECK, "ExecMainStatus") == "2"
        assert [alert["kind"] for alert in alerts(outside)] == ["open-relay"]
        assert "CRITICAL open-relay" in outside.journal("-t", "relaywarden-probe")
        every_sink_works(outside, "relaywarden-probe")
    finally:
        relax(mx, "127.0.0.0/8 [::1]/128")
        outside.systemctl("reset-failed")


def test_the_daemon_audits_at_once_and_again_when_told(outside):
    unit = "relaywarden-probe.service"
    outside.systemctl("start", unit)

    def audits():
        return outside.journal("-u", unit, "-t", "relaywarden-probe").count("RELAY OK - 2 endpoints")

    wait_until(audits, 20)
    wait_until(lambda: re.fullmatch(
        r"RELAY OK - 2 endpoints closed; next audit [A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+",
        outside.show(unit, "StatusText")), 10, lambda: outside.show(unit, "StatusText"))
    before = audits()
    outside.systemctl("kill", "--signal=USR1", unit)
    wait_until(lambda: audits() > before, 20)
    outside.systemctl("reload", unit)
    wait_until(lambda: "configuration reloaded" in outside.journal("-u", unit), 10)
    declare(outside, "not a domain")
    assert outside.systemctl("reload", unit, check=False).returncode != 0
    assert outside.show(unit, "ActiveState") == "active"
    outside.systemctl("stop", unit)
    assert outside.show(unit, "Result") == "success"
    # A mistake is not tried again and again.
    assert outside.systemctl("start", unit, check=False).returncode != 0
    assert (outside.show(unit, "ActiveState"), outside.show(unit, "ExecMainStatus")) == ("failed", "78")
    declare(outside, "example.org")
    outside.systemctl("reset-failed")


def test_an_audit_by_root_leaves_nothing_that_the_units_cannot_use(outside):
    outside.shell("rm -rf /var/lib/relaywarden/probe/* /var/log/relaywarden/*")
    assert "RELAY OK" in outside.run(["relaywarden-probe", "check", "--quiet"]).stdout
    found = outside.shell("find /var/lib/relaywarden/probe /var/log/relaywarden -mindepth 1 "
                          "-printf '%u %f\\n'").stdout.splitlines()
    assert {"relaywarden relaywarden.db", "relaywarden alerts.json"} <= set(found)
    assert all(line.startswith("relaywarden ") for line in found)
    outside.shell("rm -rf /var/lib/relaywarden/probe/*")
    outside.systemctl("start", "relaywarden-probe.service")
    outside.systemctl("stop", "relaywarden-probe.service")
    assert not re.search("Permission denied|not saved", outside.journal(
        "-u", "relaywarden-probe.service", "-n", "5"))


def test_the_timer_starts_the_audit(outside):
    outside.systemctl("enable", "--now", "relaywarden-probe-check.timer")
    assert outside.show("relaywarden-probe-check.timer", "ActiveState") == "active"
    assert outside.show("relaywarden-probe-check.timer", "NextElapseUSecRealtime")
    outside.systemctl("disable", "--now", "relaywarden-probe-check.timer")


def test_a_change_of_postfix_configuration_starts_an_audit(mx):
    mx.write(f"/run/systemd/system/{CHANGED}.service.d/quick.conf",
             "[Service]\nExecStartPre=\nExecStartPre=/bin/sleep 0.2\n")
    mx.systemctl("daemon-reload")
    mx.systemctl("enable", "--now", f"{CHANGED}.path")

    def audits():
        return mx.journal("-u", f"{CHANGED}.service").count("RELAY ")

    for number in (1, 2):
        wait_until(lambda: mx.show(f"{CHANGED}.path", "SubState") == "waiting", 10)
        mx.run(["postconf", "-e", f"smtpd_banner = $myhostname ESMTP {number}"])
        wait_until(lambda wanted=number: audits() >= wanted, 20, lambda: mx.journal(
            "-u", f"{CHANGED}.service", "-u", f"{CHANGED}.path"))
    mx.systemctl("disable", "--now", f"{CHANGED}.path")


def test_changes_during_that_audit_make_one_more(mx):
    """The audit is stopped in the middle: a program stands before it that waits to be told."""
    with open(os.path.join(ROOT, f"systemd/{CHANGED}.service"), encoding="utf-8") as file:
        before = [line for line in file if re.match("ExecStartPre=(?!/bin/sleep)", line)]
    mx.write(f"/run/systemd/system/{CHANGED}.service.d/quick.conf",
             f"[Service]\nExecStartPre=\n{''.join(before)}"
             "ExecStart=\nExecStart=/bin/sh -c 'until [ -e /run/told ]; do sleep 0.1; done; echo TOLD'\n")
    mx.systemctl("daemon-reload")
    mx.systemctl("enable", "--now", f"{CHANGED}.path")

    def said():
        return mx.journal("-u", f"{CHANGED}.service")

    mx.run(["postconf", "-e", "smtpd_banner = $myhostname ESMTP changed"])
    wait_until(lambda: mx.show(f"{CHANGED}.service", "SubState") == "start", 10, said)
    for number in range(3):
        mx.run(["postconf", "-e", f"smtpd_banner = $myhostname ESMTP changed {number}"])
    mx.write("/run/told", "")
    wait_until(lambda: said().count("TOLD") >= 2, 20, said)
    wait_until(lambda: mx.show(f"{CHANGED}.path", "SubState") == "waiting", 10)
    assert said().count("TOLD") == 2
    mx.systemctl("disable", "--now", f"{CHANGED}.path")
