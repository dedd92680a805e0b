"""Where a rehearsal is used: the unit, the recipes of container/rehearse and of doc/rehearse.md."""

import json
import os
import re

import pytest
import yaml

from lab import Machine, wait_until
from lab.servers import ROOT
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
    assert "Do this now: take out what is called guilty above" in said()
    assert mx.show(f"{UNIT}.service", "ExecMainStatus") == "2"
    wait_until(lambda: "Do this" in mx.read("/run/told"), 20)
    assert re.search(GUILTY, mx.read("/run/told"))
    shown = mx.shell(look).stdout
    assert f"{UNIT}.service" in shown and re.search(GUILTY, shown)
    trust(mx, CLOSED)
    wait_until(lambda: "REHEARSAL CLOSED" in said(), 120, said)
    wait_until(is_done, 60)
    assert mx.show(f"{UNIT}.service", "ActiveState") == "inactive"
    mx.systemctl("disable", "--now", f"{UNIT}.path")


# ---- git ----

OPTIONS = "--as /etc/postfix --domain example.org --trusted 192.0.2.0/28 --address eth0=192.0.2.2/28"


def repository(machine, name, folder):
    """One that keeps Postfix's configuration, with the hook as it is printed."""
    install, configure = blocks("With git", "sh")[0].splitlines()
    assert OPTIONS in configure
    machine.shell(f"""
        git init -q {name}; cd {name}; mkdir -p {folder}
        cp /etc/postfix/master.cf {folder}/; echo text > README
        git config user.name test; git config user.email test@example.org
        {install}
        {configure}
    """)
    return f"/root/{name}"


def commit(machine, where, networks, folder="postfix", then=""):
    """Stages a main.cf, does something more, and commits; the exit code and what git says."""
    machine.write(f"{where}/{folder}/main.cf", MAIN_CF.replace(CLOSED, networks))
    done = machine.run(["bash", "-c", f"git add . && {then or ':'} && git commit -m change"], check=False, directory=where)
    return done.returncode, done.stderr


@pytest.mark.parametrize("folder", ["postfix", "hosts/mx 1/postfix", "."])
def test_the_git_hook_refuses_an_open_configuration_and_lets_a_closed_one_pass(mx, folder):
    where = repository(mx, "of" + folder.replace("/", "").replace(" ", ""), f"'{folder}'")
    assert commit(mx, where, CLOSED, folder) == (0, "")
    code, said = commit(mx, where, OPEN, folder)
    assert code == 1 and re.search(GUILTY, said)
    name = "the repository's own folder" if folder == "." else folder
    assert f"The commit is refused: with {name} strangers can send mail through the server.\n" in said
    assert "git commit --no-verify" in said
    # Another file's commit asks nothing, with the open one beside it.
    mx.shell("git reset -q; echo more > README; git add README; git commit -qm readme", directory=where)
    assert mx.run(["find", "/tmp", "-maxdepth", "1", "-name", "tmp.*"]).stdout == ""


def test_the_git_hook_rehearses_what_is_staged(mx):
    where = repository(mx, "staged", "postfix")
    code, said = commit(mx, where, OPEN, then="sed -i 's, 0.0.0.0/0,,' postfix/main.cf")
    assert code == 1 and re.search(GUILTY, said)
    assert commit(mx, where, CLOSED, then="sed -i 's,127.0.0.0/8,0.0.0.0/0,' postfix/main.cf") == (0, "")


def test_the_git_hook_refuses_what_nobody_can_tell_of(mx):
    where = repository(mx, "unknown", "postfix")
    code, said = commit(mx, where, CLOSED, then="git rm -q --cached postfix/master.cf")
    assert code == 1 and "The commit is refused: nobody can tell" in said and "master.cf" in said
    mx.shell("git add .; git -c rehearse.options='--no-such-option' commit -m x && exit 1; "
             "git commit -q --no-verify -m x", directory=where)


# ---- continuous integration ----

def recipe(name):
    with open(os.path.join(ROOT, "container/rehearse", name), encoding="utf-8") as file:
        return yaml.safe_load(file)


def job(machine, name, networks):
    """A checkout with Postfix's configuration and the repository's key; apt-get does nothing."""
    where = f"/root/{name}"
    machine.shell(f"mkdir -p {where}/postfix bin; touch {where}/relaywarden.gpg; cp /etc/postfix/master.cf {where}/postfix; "
                  "printf '#!/bin/sh\\n' > bin/apt-get; chmod 755 bin/apt-get")
    machine.write(f"{where}/postfix/main.cf", MAIN_CF.replace(CLOSED, networks))

    def step(options, script):
        return machine.run(["env", f"OPTIONS={options}", "PATH=/root/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
                            "bash", "-e", "-o", "pipefail", "-c", script], check=False, directory=where)

    return where, step


@pytest.mark.parametrize("networks, code", [(CLOSED, 0), (OPEN, 1)])
def test_the_steps_for_github_run_and_name_the_line_in_the_repository(mx, networks, code):
    workflow = recipe("github.yml")
    install, rehearse, write = (step["run"] for step in workflow["jobs"]["postfix"]["steps"] if "run" in step)
    where, step = job(mx, f"github{code}", networks)
    options = workflow["env"]["OPTIONS"]
    assert options == OPTIONS
    assert step(options, install).returncode == 0
    done = step(options, rehearse)
    assert done.returncode == code and ("REHEARSAL OPEN" in done.stdout) == (code == 1)
    assert step(options, write).returncode == 0
    results = json.loads(mx.read(f"{where}/rehearsal.sarif"))["runs"][0]["results"]
    places = {(place["artifactLocation"]["uri"], place["region"]["startLine"]) for result in results
              for place in (location["physicalLocation"] for location in result["locations"])}
    assert places == ({("postfix/main.cf", 4)} if code else set())
    # Without a program there is neither a pass nor a report.
    assert step("--no-such-option", rehearse).returncode and step("--no-such-option", write).returncode


@pytest.mark.parametrize("networks, code", [(CLOSED, 0), (OPEN, 2)])
def test_the_job_for_gitlab_runs_and_leaves_a_report(mx, networks, code):
    rehearse = recipe("gitlab-ci.yml")["rehearse"]
    where, step = job(mx, f"gitlab{code}", networks)
    options = rehearse["variables"]["OPTIONS"]
    assert options == OPTIONS
    assert step(options, "\n".join(rehearse["before_script"])).returncode == 0
    done = step(options, "\n".join(rehearse["script"]))
    assert done.returncode == code and ("REHEARSAL OPEN" in done.stdout) == (code == 2)
    assert ("<failure" in mx.read(f"{where}/{rehearse['artifacts']['reports']['junit']}")) == (code == 2)


# ---- Ansible ----

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Write main.cf
      ansible.builtin.copy:
        src: "{{ wanted }}"
        dest: /etc/postfix/main.cf
        mode: "0644"
      notify: %s
  handlers:
    - ansible.builtin.import_tasks: handlers.yml
"""


def test_the_handlers_of_ansible_reload_a_closed_configuration_and_stop_before_an_open_one(mx):
    task, = yaml.safe_load(blocks("With Ansible", "yaml")[0])
    mx.write("/root/play/play.yml", PLAY % task["notify"])
    mx.shell("cp /usr/local/share/relaywarden/rehearse/ansible.yml play/handlers.yml; mkdir -p /run/reloads")
    mx.write("/root/bin/postfix", '#!/bin/sh\necho "$@" >> /run/postfix.calls\n', 0o755)

    def play(networks, *options):
        mx.write("/root/play/main.cf", MAIN_CF.replace(CLOSED, networks) + "# of the play\n")
        return mx.run(["env", "PATH=/root/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "ansible-playbook", *options,
                       "-e", "wanted=/root/play/main.cf", "play.yml"], check=False, directory="/root/play", timeout=200)

    done = play(OPEN)
    assert done.returncode == 2, done.stdout
    assert re.search(GUILTY, done.stdout) and "Put /etc/postfix back now" in done.stdout
    assert mx.run(["test", "-e", "/run/postfix.calls"], check=False).returncode
    assert play(CLOSED, "--check").returncode == 0  # the repair
    assert mx.run(["test", "-e", "/run/postfix.calls"], check=False).returncode
    done = play(CLOSED)
    assert done.returncode == 0, done.stdout
    assert mx.read("/run/postfix.calls") == "reload\n"
    mx.run(["rm", "/root/bin/postfix"])


# ---- by hand ----

def test_a_copy_takes_the_place_of_what_is_live_only_if_it_is_closed(mx):
    trust(mx, CLOSED)
    copy, place = blocks("Rehearse a configuration before it is live", "sh")
    mx.write("/usr/sbin/postfix", '#!/bin/sh\necho "$@" >> /run/by-hand\n', 0o755)
    for edit, code in (("s,127.0.0.0/8,0.0.0.0/0,", 2), ("$a# edited", 0)):
        mx.write("/usr/bin/nano", f"#!/bin/sh\nsed -i '{edit}' \"$1\"\n", 0o755)
        done = mx.run(["bash", "-c", copy], check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert ("edited" in mx.read("/etc/postfix/main.cf")) == (code == 0)
        assert "0.0.0.0/0" not in mx.read("/etc/postfix/main.cf")
        mx.run(["rm", "-r", "/etc/postfix.new"])
    assert mx.read("/run/by-hand") == "reload\n"
    mx.shell(place)
    assert mx.read("/run/by-hand") == "reload\nreload\n"


# ---- apt ----

CONTROL = """Package: postfix-of-a-test
Version: {version}
Architecture: all
Maintainer: test <test@example.org>
Description: stands for a part of Postfix that is upgraded
"""


def upgrade(machine, version, package="postfix-of-a-test"):
    """apt-get installs a package by that name: its output; it must not fail."""
    machine.write("/root/deb/DEBIAN/control", CONTROL.format(version=version).replace("postfix-of-a-test", package))
    machine.run(["dpkg-deb", "--build", "/root/deb", f"/root/{package}.deb"])
    return machine.run(["apt-get", "install", "-q", "-y", f"/root/{package}.deb"], timeout=200).stdout


def test_the_apt_hook_rehearses_after_an_upgrade_of_the_mail_server_and_never_fails_apt(mx):
    mx.shell(blocks("After an upgrade", "sh")[0])
    # The first run finds the mail server that is there.
    assert "is rehearsed" in mx.run(["/usr/local/sbin/relaywarden-after-upgrade"]).stdout
    wait_until(lambda: mx.show(f"{UNIT}.service", "ActiveState") in ("inactive", "failed"), 120)
    mx.systemctl("reset-failed", check=False)
    trust(mx, OPEN)
    assert "is rehearsed" not in upgrade(mx, 1, "something-else")

    def opens():
        return mx.journal("-u", f"{UNIT}.service").count("REHEARSAL OPEN")

    before = opens()
    assert f"is rehearsed: journalctl -u {UNIT}.service" in upgrade(mx, 1)
    wait_until(lambda: opens() == before + 1, 120)
    wait_until(lambda: mx.show(f"{UNIT}.service", "ActiveState") == "failed", 60)
    # Without the unit the report is apt's output.
    mx.run(["rm", f"/usr/local/lib/systemd/system/{UNIT}.service"])
    mx.systemctl("daemon-reload")
    said = upgrade(mx, 2)
    assert re.search(GUILTY, said) and "Do this: stop the mail server" in said
    assert "is rehearsed" not in upgrade(mx, 2, "something-else")
    # apt goes on when the program fails.
    for number, broken in enumerate(("kill -9 $$", "exit 9", "(")):
        mx.write("/usr/local/sbin/relaywarden-probe", f"#!/bin/sh\n{broken}\n", 0o755)
        assert "Do this: " in upgrade(mx, 3 + number)
    for number, broken in enumerate(("kill -9 $$", "exit 9", "(")):
        mx.write("/usr/local/sbin/relaywarden-after-upgrade", f"#!/bin/sh\n{broken}\n", 0o755)
        upgrade(mx, 6 + number)
