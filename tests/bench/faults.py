#!/usr/bin/python3
"""make bench: whatever befalls the filter costs no mail, shown with 10,000 messages for each fault.

The faults are those of tests/integration/test_mail_flows.py. Each message has a recipient of its own, so that what is lost and
what comes twice are told apart. First the same Postfix without a filter, then with one that nothing befalls; then every fault.
Printed are messages taken and delivered, how many never arrived or arrived twice, how long the sending took, and how many
warnings Postfix wrote of a filter that it had to do without. The exit code is 1 if a message was lost or doubled, or a fault did not go as its
test has it. That it finds a lost and a doubled message is shown by
tests/integration/test_bench_faults.py.
"""

import argparse
import collections
import inspect
import os
import re
import sys
import time
import traceback

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "integration")]

import pytest  # noqa: E402
import test_mail_flows as flows  # noqa: E402
from lab import Lab, wait_until  # noqa: E402
from lab.enter import enter  # noqa: E402

NUMBERED = re.compile(rf"to=<(\d+){re.escape(flows.RECIPIENT)}>.*status=sent")
# Of this one a single message is the point.
ONE_MESSAGE = "test_when_it_hangs_one_message_is_late_by_the_limits_and_no_more"
PATIENCE = 600


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--messages", type=int, default=10000, help="for each fault")
    parser.add_argument("--only", default="", metavar="WORDS", help="faults whose names have these words")
    return parser.parse_args()


class World(flows.World):
    """As the tests have it, with more messages, each of which can be told from all others."""

    def __init__(self, lab, messages):
        super().__init__(lab)
        self.messages = messages
        self.begin()

    def begin(self):
        """Before each fault."""
        self.started = self.seconds = None
        self.mark = self.postfix.logfile.mark()

    def send(self, messages=None):
        self.begin()
        self.started = time.monotonic()
        return self.outside.popen(
            [os.path.join(self.postfix.programs.commands, "smtp-source"), "-N", "-s",
             str(flows.SESSIONS), "-m", str(messages or self.messages), "-f", "a@sender.example.net",
             "-t", flows.RECIPIENT, f"{self.mx.address}:25"],
            env=self.postfix.programs.environment())

    def arrived(self):
        """How often each message arrived, by its number."""
        return collections.Counter(
            match.group(1) for match in map(NUMBERED.search, self.postfix.log(self.mark)) if match)

    def taken(self):
        """How many messages were answered with 250 after DATA: each has a queue file that was kept."""
        return len(self.postfix.logfile.find(r"postfix/qmgr\[\d+\]: \w+: from=<.*\(queue active\)", self.mark))

    def wait_for(self, messages):
        wait_until(lambda: self.delivered() >= messages, PATIENCE,
                   lambda: f"{self.delivered()} of {messages} messages", interval=0.05)

    def check_all(self, sending, messages=None):
        code = sending.wait(PATIENCE)
        self.seconds = time.monotonic() - self.started
        assert code == 0, f"smtp-source ended with {code}: a message was not taken"
        wait_until(lambda: not self.postfix.queue(), PATIENCE, "the queue to empty")
        arrived = self.arrived()
        assert len(arrived) == sum(arrived.values()) == (messages or self.messages)
        return self.seconds


def without_a_filter(world):
    setting = world.postfix.main["smtpd_milters"]
    world.postfix.set({"smtpd_milters": ""})
    try:
        world.check_all(world.send())
        assert not world.complaints()
    finally:
        world.postfix.set({"smtpd_milters": setting})


def nothing_befalls_it(world, milter):
    world.check_all(world.send())
    assert not world.complaints()
    assert milter.wait_for_alert(kind="open-relay")


def faults():
    """(what befalls it, function) pairs."""
    yield "without a filter", without_a_filter
    yield "nothing befalls it", nothing_befalls_it
    for name, function in vars(flows).items():
        if name.startswith("test_when_") and name != ONE_MESSAGE:
            yield name.removeprefix("test_").replace("_", " "), function


def chosen(words):
    """The faults whose names have these words. None at all is a mistake of whoever asks."""
    found = [(name, function) for name, function in faults() if words in name]
    if not found:
        sys.exit(f"faults.py: no fault has {words!r} in its name; there are:\n"
                 + "\n".join(f"  {name}" for name, _ in faults()))
    return found


def befall(world, function):
    """Runs one fault; "ok", "skipped" or "FAILED"."""
    world.begin()
    milter = world.milter().start() if "milter" in inspect.signature(function).parameters else None
    result = "ok"
    try:
        function(*([world, milter] if milter else [world]))
    except pytest.skip.Exception as why:
        result = f"skipped: {why}"
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        result = "FAILED"
    finally:
        if milter and milter.process:
            milter.stop()
    return result


def show(world, name, result):
    arrived = world.arrived()
    lost = world.messages - len(arrived) if world.started else 0
    twice = sum(1 for count in arrived.values() if count > 1)
    seconds = f"{world.seconds:.1f}" if world.seconds else "-"
    print(f"{name:<46}{world.taken():>8}{sum(arrived.values()):>11}{lost:>7}{twice:>7}{seconds:>9}"
          f"{len(world.complaints()):>13}  {result}", flush=True)


def main():
    options = arguments()
    os.environ["RELAYWARDEN_BUILD"] = os.path.abspath(options.build)
    flows.PATIENCE = PATIENCE
    wanted = chosen(options.only)
    failed = 0
    with Lab() as lab:
        world = World(lab, options.messages)
        print(f"{options.messages} messages for each fault, {flows.SESSIONS} connections at once\n"
              f"{'':<46}{'taken':>8}{'delivered':>11}{'lost':>7}{'twice':>7}{'seconds':>9}{'filter lost':>13}",
              flush=True)
        for name, function in wanted:
            result = befall(world, function)
            failed += result == "FAILED"
            show(world, name, result)
    print("No message was lost and none came twice." if not failed else f"{failed} faults FAILED.")
    return 1 if failed else 0


if __name__ == "__main__":
    enter()
    sys.exit(main())
