"""A new operator's walk: the commands that the README and doc/ print, in their order, on a mail host and an
outside host.

Each machine is booted by systemd on an overlay of this one. The walk differs in three things: URL is the
tree under test (as it is, committed or not), the Debian packages are installed already, and the build
has been made before, so that `make` has little to do.
"""

import json
import os
import re
import time

import pytest

from lab import Dns, LabError, Machine, wait_until
from lab.servers import ROOT
from readme import DOCUMENTS, blocks, section

POSTFIX = """compatibility_level = 3.6
myhostname = mx.example.org
mydestination = example.org, localhost
mynetworks = {networks}
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
local_recipient_maps =
alias_maps =
inet_interfaces = all
local_transport = discard
default_transport = discard
"""
TIGHT, WIDE = "127.0.0.0/8 [::1]/128", "0.0.0.0/0"
CONF = "/etc/relaywarden/relaywarden.conf"
HOME = "/srv/operator"  # where no clone is, wherever the one under test is

pytestmark = pytest.mark.skipif(Machine.possible() is not None, reason=str(Machine.possible()))


class Walker:
    """The operator on one machine: in the folder that the last cd led to."""

    def __init__(self, machine):
        self.machine = machine
        self.directory = HOME

    def type(self, text, accept=(0,)):
        """Runs lines as they are printed."""
        done = self.machine.run(["bash", "-eu", "-c", text + "\npwd > /run/directory"], check=False,
                                directory=self.directory, timeout=500)
        if done.returncode not in accept:
            raise LabError(f"{text}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        if done.returncode == 0:
            self.directory = self.machine.read("/run/directory").strip()
        return done

    def edit(self, block):
        """Puts a section of the configuration in the place of the one that is there."""
        name = block.split()[0]
        before = self.machine.read(CONF)
        text, count = re.subn(rf"^{name} \{{.*?^\}}\n", lambda _: block, before,
                              flags=re.MULTILINE | re.DOTALL)
        assert count == 1
        with open(self.machine.path(CONF), "w", encoding="utf-8") as file:
            file.write(text)

    def install(self):
        self.machine.run(["mkdir", "-p", HOME])
        clone, *rest = blocks("Install the programs", "sh")[0].splitlines()
        assert clone == "git clone URL relaywarden"
        if os.path.isdir(os.path.join(ROOT, ".git")):
            self.type("git clone --quiet /src relaywarden")
        self.type("mkdir -p relaywarden/build && cd /src && tar -c --exclude=./build --exclude=.git . "
                  f"| tar -x -C {HOME}/relaywarden")
        self.type("if [ -d /src/build/gcc ]; then cp -a /src/build/gcc "
                  f"{HOME}/relaywarden/build/; fi; cd {HOME}")
        # make check has warnings end everything, an operator has not: with other flags make would build it all anew.
        self.type(f"flags={HOME}/relaywarden/build/gcc/flags; if [ -e $flags ]; then touch -r $flags then; "
                  "sed -i s/-Werror// $flags; touch -r then $flags; rm then; fi")
        self.type("\n".join(rest))


@pytest.fixture(scope="module")
def walk(shared_lab):
    """Both hosts, installed and set up as doc/setup.md says."""
    Dns(shared_lab).start()
    mail = Walker(Machine(shared_lab, shared_lab.host("mx")).start())
    if not os.path.exists("/lib/systemd/system/postfix.service"):
        pytest.skip("Postfix is unpacked beside another mail server: its units are not there")
    mail.machine.write("/etc/postfix/main.cf", POSTFIX.format(networks=TIGHT))
    mail.machine.systemctl("start", "postfix.service")
    outside = Walker(Machine(shared_lab, shared_lab.host("outside")).start())

    begun = time.monotonic()
    mail.install()
    mail.edit(blocks("On the mail host", "conf")[0])
    mail.type(blocks("On the mail host", "sh")[0])
    outside.install()
    for block in blocks("On the mail host", "conf") + blocks("On the outside host", "conf"):
        outside.edit(block)
    outside.asked = outside.type(blocks("On the outside host", "sh")[0])
    print(f"README: from clone to a running pair in {time.monotonic() - begun:.1f} s")
    return mail, outside


def rcpt(lab):
    return lab.host("outside").smtp(lab.host("mx").address, [
        "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>",
        "RCPT TO:<b@outside.example.net>", "QUIT"])[3].code


def test_the_walk_ends_with_a_running_pair_and_an_all_clear(walk):
    mail, outside = walk
    assert mail.machine.show("relaywarden-milter", "ActiveState") == "active"
    assert outside.machine.show("relaywarden-probe", "ActiveState") == "active"
    assert "RELAY OK - 2 endpoints closed" in outside.asked.stdout


def test_masked_addresses_are_listed_and_dropped_as_printed(walk):
    mail, _ = walk
    listing, = re.findall("`(sudo relaywarden-milter --masked)`", DOCUMENTS)
    assert mail.type(listing).stdout == ""
    drop, = re.findall("`(sudo relaywarden-milter --unmask [^`]+)`", DOCUMENTS)
    assert "is not masked" in mail.type(drop, accept=(65,)).stderr


def test_the_mail_host_can_be_asked_what_it_takes_for_its_own(walk):
    mail, _ = walk
    command, = re.findall(r"`(sudo relaywarden-milter --discover)`", DOCUMENTS)
    assert '"example.org"' in mail.type(command).stdout


def test_with_one_key_the_filter_answers_the_probe(walk):
    mail, outside = walk
    here, there = blocks("One key for both", "sh")
    mail.type(here)
    wait_until(lambda: "was read again" in mail.machine.journal("-t", "relaywarden-milter"))
    with open(mail.machine.path("/etc/relaywarden/token.key"), "rb") as file:
        key = file.read()
    with open(outside.machine.path(f"{outside.directory}/token.key"), "wb") as file:
        file.write(key)
    assert "RELAY OK" in outside.type(there).stdout
    asked = outside.type("sudo -u relaywarden relaywarden-probe check mx --json").stdout
    for endpoint in json.loads(asked)["endpoints"]:
        assert endpoint["milter"]["observed"] is True
    commands = re.findall(r"`(sudo [^`]* -t)` and `(sudo [^`]* -t)` show", DOCUMENTS)[0]
    shown = [re.search("[Ff]ingerprint.*", walker.type(command).stdout).group(0)
             for walker, command in zip((mail, outside), commands)]
    assert shown[0].split()[-1] == shown[1].split()[-1]


def test_then_a_mistake_in_postfix_is_told_from_both_ends_and_so_is_its_end(shared_lab, walk):
    mail, outside = walk
    daemon = ("-u", "relaywarden-probe", "-t", "relaywarden-probe")
    mail.type(f"postconf -e 'mynetworks = {WIDE}' && postfix reload")
    wait_until(lambda: rcpt(shared_lab) == 250)
    wait_until(lambda: "CRITICAL open-relay" in mail.machine.journal("-t", "relaywarden-milter"))
    hurry, = re.findall(r"`(sudo systemctl kill [^`]*relaywarden-probe)`", DOCUMENTS)
    outside.type(hurry)
    wait_until(lambda: re.search("CRITICAL open-relay .*state=opened",
                                 outside.machine.journal(*daemon)), 30)
    mail.type(f"postconf -e 'mynetworks = {TIGHT}' && postfix reload")
    wait_until(lambda: rcpt(shared_lab) == 454)
    outside.type(hurry)
    wait_until(lambda: re.search("open-relay .*state=resolved", outside.machine.journal(*daemon)), 30)


def test_the_first_step_for_an_open_relay_closes_it(shared_lab, walk):
    mail, _ = walk
    before = mail.type("postconf smtpd_relay_restrictions").stdout.strip()
    mail.type(f"postconf -e 'mynetworks = {WIDE}' && postfix reload")
    wait_until(lambda: rcpt(shared_lab) == 250)
    mail.type(blocks("1. Stop the bleeding", "sh")[0])
    wait_until(lambda: rcpt(shared_lab) == 554)
    mail.type(f"postconf -e 'mynetworks = {TIGHT}' '{before}' && postfix reload")
    wait_until(lambda: rcpt(shared_lab) == 454)


def test_what_systemd_would_make_is_there_already(walk):
    mail, _ = walk
    before = mail.type("id relaywarden; stat -c '%n %U %G %a' /var/l*/relaywarden{,/*}").stdout
    mail.type("systemd-sysusers relaywarden.conf; systemd-tmpfiles --create relaywarden.conf")
    assert mail.type("id relaywarden; stat -c '%n %U %G %a' /var/l*/relaywarden{,/*}").stdout == before


def test_the_journal_explains_what_was_found(walk):
    mail, _ = walk  # where an open relay was reported above
    update, = re.findall(r"`(sudo journalctl --update-catalog)`", DOCUMENTS)
    mail.type(update)
    show, = re.findall("`(sudo journalctl -t relaywarden-milter -o verbose)`", DOCUMENTS)
    assert "RELAYWARDEN_KIND=open-relay" in mail.type(show).stdout
    assert "mail server relays for strangers" in mail.type(*re.findall("`(sudo journalctl -x)`", DOCUMENTS)).stdout


def test_reloading_the_filter_is_as_printed(walk):
    mail, _ = walk
    command, = re.findall(r"`(sudo systemctl reload\s+relaywarden-milter)`", DOCUMENTS)
    mail.type(" ".join(command.split()))
    wait_until(lambda: "was read again" in mail.machine.journal("-t", "relaywarden-milter"))


# ---- after a change ----

SHOWN = """#!/bin/sh
echo "$@"
"""
SSH = """#!/bin/sh
# Stands for a connection to the outside host, which this lab has elsewhere.
[ "$1" = probe.example.net ] && shift && exec echo "$@"
"""


def test_the_steps_after_a_change_are_as_printed(walk):
    mail, outside = walk
    reload, _, by_hand = blocks("Verify after a change", "sh")
    mail.machine.write("/usr/local/bin/ssh", SSH, mode=0o755)
    asked = mail.type(reload).stdout.splitlines()[-1]
    assert "RELAY OK" in outside.type(asked).stdout
    for line in by_hand.splitlines():
        # mail.example.org is not there: that is unknown, in so many words.
        known = "mail.example.org" not in line
        done = outside.type(line, accept=(0,) if known else (3,))
        assert '"worst":"closed"' in done.stdout if "--json" in line else "RELAY " in done.stdout


SSH_BACK = """#!/bin/sh
# The same the other way: what the mail host would answer.
[ "$*" = "mail.example.org sudo cat /var/lib/relaywarden/milter/snapshot.json" ] && cat /root/answer
"""


def test_the_report_is_made_as_printed(walk):
    mail, outside = walk
    report, with_snapshot = blocks("See all audits on one page", "sh")
    outside.type(report)
    page, = re.findall("--html (.+)", report)
    assert "<!DOCTYPE html>" in outside.machine.read(page)
    for kind, expected in (("report", "203.0.113.25"), ("report --json", '"endpoints"')):
        assert f"`{kind}`" in section("See all audits on one page")
        assert expected in outside.type(f"sudo -u relaywarden relaywarden-probe {kind}").stdout
    snapshot = "/var/lib/relaywarden/milter/snapshot.json"
    assert mail.type(f"stat -c '%U %G %a' {snapshot}").stdout == "relaywarden relaywarden 640\n"
    outside.machine.write("/root/answer", mail.machine.read(snapshot))
    outside.machine.write("/usr/local/bin/ssh", SSH_BACK, mode=0o755)
    shown = outside.type(with_snapshot).stdout
    assert "the filter on" in shown and "  warning   It is" not in shown


UNIT = "relaywarden-probe-changed"
RELOADED = "/run/reloaded"


def smtpds(machine):
    return set(machine.run(["pgrep", "-x", "smtpd"], check=False).stdout.split())


def change_networks(lab, mail, networks, code):
    """A change that the unit notices; its audit begins when none of Postfix's old processes is left to
    answer, however long the reload takes."""
    old = smtpds(mail.machine)
    mail.type(f"rm -f {RELOADED}; postconf -e 'mynetworks = {networks}' && postfix reload")
    wait_until(lambda: not old & smtpds(mail.machine), 30)
    wait_until(lambda: rcpt(lab) == code, 30)
    wait_until(lambda: mail.machine.show(UNIT, "SubState") == "start-pre", 10)
    mail.machine.write(RELOADED, "")


def test_a_change_on_the_mail_host_is_audited_there_as_printed(shared_lab, walk):
    mail, _ = walk
    mail.edit(blocks("Verify after a change", "conf")[0])
    # The unit waits for 20 s, in which a reload is surely over. Here it waits for just that.
    mail.machine.write(f"/etc/systemd/system/{UNIT}.service.d/quick.conf",
                       "[Service]\nExecStartPre=\nExecStartPre=/bin/sh -c "
                       f"'until [ -e {RELOADED} ]; do sleep 0.1; done'\n")
    mail.machine.systemctl("daemon-reload")
    asked = mail.type(blocks("Verify after a change", "sh")[1])
    assert "RELAY OK - 1 endpoint closed" in asked.stdout
    change_networks(shared_lab, mail, WIDE, 250)
    wait_until(lambda: "RELAY CRITICAL" in mail.machine.journal("-u", UNIT), 30)
    wait_until(lambda: mail.machine.show(f"{UNIT}.path", "SubState") == "waiting", 10)
    assert "RELAY OK" not in mail.machine.journal("-u", UNIT)
    change_networks(shared_lab, mail, TIGHT, 454)
    wait_until(lambda: "RELAY OK" in mail.machine.journal("-u", UNIT), 30)


def test_a_change_on_the_mail_host_asks_from_outside_as_printed(walk):
    mail, _ = walk
    mail.machine.write("/usr/bin/ssh", SHOWN, mode=0o755)
    mail.machine.write(f"/etc/systemd/system/{UNIT}.service.d/override.conf",
                       blocks("Verify after a change", "ini")[0])
    mail.machine.systemctl("daemon-reload")
    wait_until(lambda: mail.machine.show(f"{UNIT}.path", "SubState") == "waiting", 10)
    mail.type("postconf -e 'smtpd_banner = $myhostname ESMTP'")
    wait_until(lambda: re.search("known_hosts audit@probe.example.net sudo -u relaywarden "
                                 "relaywarden-probe check mx$", mail.machine.journal("-u", UNIT),
                                 re.MULTILINE), what=lambda: mail.machine.journal("-u", f"{UNIT}*"))
    mail.machine.systemctl("disable", "--now", f"{UNIT}.path")


def test_ansible_ci_and_nagios_run_commands_that_work(walk):
    _, outside = walk
    ansible, ci = blocks("Verify after a change", "yaml")
    command, = re.findall(r"^ +ansible.builtin.command: (.+)$", ansible, re.MULTILINE)
    user, = re.findall("become_user: (.+)", ansible)
    assert "RELAY OK" in outside.type(f"cd / && sudo -u {user} {command}").stdout
    script, = re.findall("^ +- (relaywarden-probe .+)$", ci, re.MULTILINE)
    assert "RELAY OK" in outside.type(f"mkdir /root/job; cd /root/job; cp {CONF} .; {script}").stdout
    outside.type("ln -sf /usr/local/bin/sudo /usr/bin/sudo; ln -sf /usr/local/sbin/relaywarden-probe /usr/sbin/")
    nagios, = re.findall(r"command_line +(.+)", blocks("Nagios and Icinga", "nagios")[0])
    icinga, = re.findall(r"command = \[ (.+) \]", blocks("Nagios and Icinga", "icinga")[0])
    for command in (nagios.replace("$ARG1$", "mx"), " ".join([*re.findall('"([^"]+)"', icinga), "mx"])):
        assert re.fullmatch(r"RELAY OK - 2 endpoints closed \| endpoints=2 open=0 time=[0-9.]+s\n",
                            outside.type(command).stdout)


# ---- the end ----

def test_without_systemd_the_programs_run_as_printed(walk):
    mail, outside = walk
    milter, probe = blocks("The units", "sh")[0].splitlines()
    for walker, unit, command in ((mail, "relaywarden-milter", milter),
                                  (outside, "relaywarden-probe", probe)):
        walker.machine.systemctl("stop", unit)
        done = walker.type(f"timeout --preserve-status 2 {command.replace('sudo ', '', 1)}"
                           if walker is mail else command.replace("sudo ", "timeout "
                                                                  "--preserve-status 2 sudo ", 1))
        assert " is ready" in done.stderr


def test_a_newer_version_takes_the_place_of_the_running_one(walk):
    mail, _ = walk
    mail.machine.systemctl("start", "relaywarden-milter")
    before = mail.machine.show("relaywarden-milter", "MainPID")
    pull, *rest = blocks("Bringing it up to date", "sh")[0].splitlines()
    assert pull == "git pull"
    mail.type(f"cd {HOME}/relaywarden\n" + "\n".join(rest))
    assert mail.machine.show("relaywarden-milter", "MainPID") not in ("0", before)
    assert mail.machine.show("relaywarden-probe", "ActiveState") == "inactive"


def test_taking_it_away_leaves_nothing_but_configuration_and_state(walk):
    mail, _ = walk
    mail.type(f"cd {HOME}/relaywarden\n" + blocks("Taking it away", "sh")[0])
    found = mail.type("find /etc /usr /lib /var -xdev -name '*relaywarden*'").stdout.split()
    state = ("/var/lib/relaywarden", "/var/log/relaywarden", "/var/spool/postfix/relaywarden")
    assert {path for path in found if not path.startswith(state)} == {
        "/etc/relaywarden", CONF,
        # Made by this test, with systemctl edit's name for it.
        "/etc/systemd/system/relaywarden-probe-changed.service.d"}
