"""No fault of the filter costs a real Sendmail mail, either: the faults of test_mail_flows.py, each with
messages that differ, every one of which is taken and leaves once. Sendmail serves each connection and delivers
each message by a process of its own, so there are fewer of them."""

import collections
import glob
import os
import signal
import threading
import time

import pytest

from lab import Config, Dns, Milter, Sendmail, Sink, Syslog, wait_until
from lab.postfix import Programs
from lab.process import HANG
from test_mail_flows import RECIPIENT, SESSIONS
from test_mail_flows import MESSAGES as OF_POSTFIX
from test_mail_flows import (  # noqa: F401  (collected here, with the world of here)  pylint: disable=unused-import
    milter,
    test_when_a_bad_configuration_is_put_before_it,
    test_when_it_gets_no_descriptors,
    test_when_it_gets_no_memory,
    test_when_it_hangs_for_a_while,
    test_when_it_is_killed,
    test_when_it_is_reloaded_all_the_time,
    test_when_it_is_restarted_again_and_again,
    test_when_it_was_never_started,
    test_when_its_database_is_locked,
    test_when_its_disk_is_full,
)

MESSAGES = OF_POSTFIX * 2 // 5


class World:
    """One Sendmail for all faults, which relays for everybody, and a filter for each."""

    NO_FILTER = r"Milter \(relaywarden\): .*(unsafe|error connecting to filter)"

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab, records=[("sender.example.net", "A", "198.51.100.7")]).start()
        self.sink = Sink(lab).start()
        self.syslog = Syslog(lab).start()
        self.programs = Programs()
        self.sendmail = Sendmail(lab, self.mx, features=["promiscuous_relay"])
        self.sendmail.attach()
        self.begun = self.mark = self.before = 0

    def milter(self, milter=None, **sections):
        """One that is not started."""
        self.begun += 1
        place = {"socket": "unix:" + self.sendmail.milter_socket, "socket_group": "", "own_mailers": ["local"]}
        return Milter(self.lab, self.mx, Config(milter={**place, **(milter or {})}, **sections),
                      name=f"milter{self.begun}")

    def send(self, messages=MESSAGES):
        """smtp-source, which ends with 0 only if every message was taken. Each has a recipient of its own."""
        self.mark = self.syslog.mark()
        self.before = self.arrived()
        self.started = time.monotonic()
        return self.outside.popen(
            [os.path.join(self.programs.commands, "smtp-source"), "-N", "-s", str(SESSIONS), "-m", str(messages),
             "-f", "a@sender.example.net", "-t", RECIPIENT, f"{self.mx.address}:25"],
            env=self.programs.environment())

    def arrived(self):
        return len(glob.glob(os.path.join(self.sink.folder, "*")))

    def wait_for(self, messages):
        wait_until(lambda: self.arrived() - self.before >= messages, HANG,
                   lambda: f"{self.arrived() - self.before} of {messages} messages")

    def complaints(self, regex=r"Milter \(relaywarden\): "):
        """The lines in which Sendmail says that it had to do without the filter."""
        return self.syslog.log.find(regex, self.mark)

    def check_all(self, sending, messages=MESSAGES):
        """Each message was taken, arrived once, and no more; the seconds that it took."""
        assert sending.wait(HANG) == 0
        seconds = time.monotonic() - self.started
        wait_until(lambda: self.sendmail.queue() == [], HANG, "an empty queue")
        recipients = collections.Counter(self.sink.recipients())
        self.sink.forget()
        assert len(recipients) == messages
        assert set(recipients.values()) == {1}
        return seconds


@pytest.fixture(scope="module")
def world(shared_lab):
    return World(shared_lab)


def test_when_it_hangs_a_message_is_late_by_the_limits_and_no_more(world, milter):  # noqa: F811
    milter.signal(signal.SIGSTOP)
    seconds = []

    def ask():
        began = time.monotonic()
        replies = world.outside.smtp(world.mx.address, [
            "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>", f"RCPT TO:<{RECIPIENT}>",
            "DATA", "Subject: x\n\nx\n", "QUIT"], timeout=20)
        assert [reply.code for reply in replies] == [220, 250, 250, 250, 354, 250, 221]
        seconds.append(time.monotonic() - began)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seconds) == 4 and all(1.5 < late < 10 for late in seconds)
    wait_until(lambda: world.sendmail.queue() == [], HANG, "an empty queue")
    world.sink.forget()


def test_when_syslog_is_blocked(world, milter):  # noqa: F811
    """Sendmail itself waits for syslog(3): here it logs nothing, so that only the filter meets the full socket."""
    world.sendmail.set(macros=["define(`confLOG_LEVEL', `0')"])
    world.syslog.stall()
    try:
        world.syslog.fill()
        world.check_all(world.send())
    finally:
        world.syslog.resume()
        world.sendmail.set(macros=[])
    assert milter.wait_for_alert(kind="open-relay")


def test_when_nothing_befalls_it_there_is_nothing_to_complain_of(world, milter):  # noqa: F811
    world.check_all(world.send())
    assert not world.complaints()
    assert milter.wait_for_alert(kind="open-relay")
    assert milter.stop() == 0
