"""No fault of the filter costs mail: a thousand messages for each fault (in `make check` some hundred), every one of
which Postfix takes, and none twice. Each of them is relayed for a stranger, so that the filter has
something to tell of all."""

import contextlib
import os
import resource
import signal
import sqlite3
import time

import pytest

from lab import Config, Dns, LabError, Milter, Postfix, Syslog, wait_until
from lab.process import HANG
from lab.programs import sanitized

MESSAGES = int(os.environ.get("RELAYWARDEN_MESSAGES", "1000"))
SESSIONS = 4
RECIPIENT = "b@outside.example.net"
# A fault lasts so long. Each session waits at most 2 s for a filter that hangs, as the README has it.
HANGS = 5
PATIENCE = 60


class World:
    """One Postfix for all faults, which trusts everybody, and a filter for each. The faults below need its methods;
    test_mail_flows_sendmail.py has the same for Sendmail."""

    NO_FILTER = "connect to Milter service .*: (No such file or directory|Connection refused)"

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab).start()
        self.syslog = Syslog(lab).start()
        self.postfix = Postfix(lab, self.mx, chroot=True, main={"mynetworks": "0.0.0.0/0 [::]/0"})
        self.postfix.main["smtpd_milters"] = self.postfix.milter_setting(
            "unix:/relaywarden/milter.sock")
        self.postfix.start()
        self.begun = 0
        self.mark = 0

    def milter(self, **sections):
        """One that is not started."""
        self.begun += 1
        return Milter(self.lab, self.mx, Config(**sections), postfix=self.postfix,
                      name=f"milter{self.begun}")

    def send(self, messages=MESSAGES):
        """smtp-source, which ends with 0 only if every message was taken."""
        self.mark = self.postfix.logfile.mark()
        self.started = time.monotonic()
        return self.outside.popen(
            [os.path.join(self.postfix.programs.commands, "smtp-source"), "-s", str(SESSIONS),
             "-m", str(messages), "-f", "a@sender.example.net", "-t", RECIPIENT,
             "203.0.113.25:25"], env=self.postfix.programs.environment())

    def delivered(self):
        return len(self.postfix.logfile.find("status=sent", self.mark))

    def wait_for(self, messages):
        wait_until(lambda: self.delivered() >= messages, HANG,
                   lambda: f"{self.delivered()} of {messages} messages")

    def complaints(self, regex="warning: .*[Mm]ilter"):
        """The lines in which Postfix says that it had to do without the filter."""
        return self.postfix.logfile.find(regex, self.mark)

    def check_all(self, sending, messages=MESSAGES):
        """Each message was taken, arrived once, and no more; the seconds that it took."""
        assert sending.wait(HANG) == 0
        seconds = time.monotonic() - self.started
        self.wait_for(messages)
        assert self.delivered() == messages
        assert self.postfix.queue() == []
        return seconds


@pytest.fixture(scope="module")
def world(shared_lab):
    return World(shared_lab)


@pytest.fixture
def milter(world):
    made = world.milter().start()
    yield made
    if made.process:
        made.stop()


def limit(milter, kind, value):
    resource.prlimit(milter.process.pid, kind, value)


# ---- it is not there ----

def test_when_it_was_never_started(world):
    sending = world.send()
    world.check_all(sending)
    assert world.complaints(world.NO_FILTER)


def test_when_it_is_killed(world, milter):
    sending = world.send()
    world.wait_for(MESSAGES // 10)
    milter.kill()
    assert world.check_all(sending) < PATIENCE / 2
    assert world.complaints()


def test_when_it_is_restarted_again_and_again(world, milter):
    restarts = 0
    while restarts < 4:  # a busy machine sends all messages in fewer restarts than show anything
        sending = world.send()
        while sending.poll() is None:
            milter.kill() if restarts % 2 else milter.stop(patience=0)
            milter.start()
            restarts += 1
        world.check_all(sending)


# ---- it does not answer ----

def test_when_it_hangs_for_a_while(world, milter):
    sending = world.send()
    world.wait_for(MESSAGES // 10)
    milter.signal(signal.SIGSTOP)
    with pytest.raises(LabError):
        wait_until(lambda: sending.poll() is not None, HANGS)
    milter.signal(signal.SIGCONT)
    assert world.check_all(sending) < HANGS + PATIENCE / 2
    assert world.complaints()


def test_when_it_hangs_one_message_is_late_by_the_limits_and_no_more(world, milter):
    milter.signal(signal.SIGSTOP)
    began = time.monotonic()
    replies = world.outside.smtp(world.mx.address, [
        "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>", f"RCPT TO:<{RECIPIENT}>",
        "DATA", "Subject: x\n\nx\n", "QUIT"])
    seconds = time.monotonic() - began
    milter.signal(signal.SIGCONT)
    assert [reply.code for reply in replies] == [220, 250, 250, 250, 354, 250, 221]
    assert 1.5 < seconds < 5


# ---- it is told to do other things ----

def test_when_it_is_reloaded_all_the_time(world, milter):
    sending = world.send()
    while sending.poll() is None:
        mark = milter.log.mark()
        milter.signal(signal.SIGUSR1)
        milter.log.wait_for("was read again and is in force", since=mark)
    world.check_all(sending)
    assert not world.complaints()


def test_when_a_bad_configuration_is_put_before_it(world, milter):
    with open(milter.path, "a", encoding="utf-8") as file:
        file.write("nonsense\n")
    sending = world.send()
    milter.signal(signal.SIGUSR1)
    milter.log.wait_for("keeping the current configuration")
    world.check_all(sending)
    assert not world.complaints()


# ---- the machine denies it something ----

def test_when_it_gets_no_memory(world, milter):
    if sanitized():
        pytest.skip("a sanitizer ends the program when memory is out")
    with open(f"/proc/{milter.process.pid}/statm", encoding="ascii") as file:
        pages = int(file.read().split()[0])
    taken = pages * resource.getpagesize()
    limit(milter, resource.RLIMIT_AS, (taken, taken))
    sending = world.send()
    world.check_all(sending)
    assert world.complaints()


def test_when_it_gets_no_descriptors(world, milter):
    before = resource.prlimit(milter.process.pid, resource.RLIMIT_NOFILE)
    sending = world.send()
    world.wait_for(MESSAGES // 10)
    limit(milter, resource.RLIMIT_NOFILE, (8, before[1]))
    with contextlib.suppress(LabError):
        wait_until(lambda: sending.poll() is not None, HANGS)
    limit(milter, resource.RLIMIT_NOFILE, before)
    world.check_all(sending)
    assert world.complaints()


def test_when_its_disk_is_full(world):
    folder = os.path.join(world.mx.folder, "full")
    os.makedirs(folder)
    world.mx.run(["mount", "-n", "-t", "tmpfs", "-o", "size=512k", "lab", folder])
    state = os.path.join(folder, "state")
    world.mx.run(["mkdir", "-p", f"{state}/milter"])
    milter = world.milter(state_directory=state,
                          alert={"json": os.path.join(folder, "alerts.json")}).start()
    world.mx.run(["sh", "-c", f"cat /dev/zero > {folder}/filler || true"])
    sending = world.send()
    world.check_all(sending)
    milter.log.wait_for("No space left on device|disk is full")
    milter.stop()
    world.mx.run(["umount", folder])


def test_when_its_database_is_locked(world, milter):
    path = os.path.join(milter.config.top["state_directory"], "milter", "relaywarden.db")
    wait_until(lambda: os.path.exists(path), 10, "the database")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA busy_timeout = 5000")
        database.execute("BEGIN IMMEDIATE")
        sending = world.send()
        assert world.check_all(sending) < PATIENCE / 2
        database.execute("ROLLBACK")
    assert not world.complaints()
    assert milter.wait_for_alert(kind="open-relay")


def test_when_syslog_is_blocked(world, milter):
    world.syslog.stall()
    try:
        world.syslog.fill()
        sending = world.send()
        world.check_all(sending)
    finally:
        world.syslog.resume()
    assert not world.complaints()
    assert milter.wait_for_alert(kind="open-relay")


# ---- its socket ----

def test_a_chrooted_smtpd_finds_it_and_has_nothing_to_complain_of(world, milter):
    sending = world.send()
    world.check_all(sending)
    assert not world.complaints()
    assert milter.wait_for_alert(kind="open-relay")
    assert milter.stop() == 0


def test_a_second_filter_does_not_take_the_socket_of_a_living_one(world, milter):
    second = milter.run()
    assert second.returncode != 0
    assert "another process is serving" in second.stderr
    world.check_all(world.send(5), 5)
    assert not world.complaints()


def test_a_stale_socket_is_taken_over(world, milter):
    milter.kill()
    assert os.path.exists(world.postfix.milter_socket)
    milter.start()
    world.check_all(world.send(5), 5)
    assert not world.complaints()
