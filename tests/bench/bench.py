#!/usr/bin/python3
"""make bench: what the filter costs Postfix, side by side in one run.

Each round sends the same load (smtp-source) through a private Postfix once for each way of filtering; the ways take turns, so
that whatever else the machine does hits all of them. Printed are medians over the rounds, as throughput and as a ratio to the
do-nothing filter over a UNIX socket: tests/bench/do_nothing.c, whose connect, MAIL and RCPT callbacks continue.
"""

import argparse
import contextlib
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Config, Lab, Milter, Postfix, wait_until  # noqa: E402
from lab.enter import enter  # noqa: E402

YARDSTICK = "do-nothing, UNIX"
# What differs between loads: recipients a message, and whether sessions are kept for many messages.
LOADS = {
    "1 recipient, own domain, 8 sessions": ["-s", "8", "-d"],
    "50 recipients, own domain, 8 sessions": ["-s", "8", "-d", "-r", "50"],
    "1 recipient, a connection a message": ["-s", "8"],
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=1500)
    return parser.parse_args()


class Way:
    """One way of filtering: its name, a listener of its own, and the filter behind it."""

    def __init__(self, name, port, milter):
        self.name = name
        self.port = port
        self.milter = milter
        self.seconds = []


def listener(postfix, way):
    options = {"smtpd_milters": postfix.milter_setting(way.milter) if way.milter else ""}
    return (f"127.0.0.1:{way.port}", options)


def start_do_nothing(host, build, socket):
    host.popen([os.path.join(build, "bench/do_nothing"), socket])


def start_ours(lab, host, name, socket):
    config = Config(site={"trusted_networks": ["192.0.2.0/24"]}, milter={"socket": socket,
                    "socket_mode": "0666", "socket_group": ""})
    return Milter(lab, host, config, name=name).start()


def send(postfix, host, way, load, messages):
    """Sends the load and returns the seconds until the last message was taken."""
    recipients = int(load[load.index("-r") + 1]) if "-r" in load else 1
    count = max(100, messages // max(1, recipients // 5))
    argv = [os.path.join(postfix.programs.commands, "smtp-source"), *load, "-m", str(count),
            "-l", "1024", "-f", "a@sender.example.net", "-t", "u@example.org",
            f"127.0.0.1:{way.port}"]
    started = time.monotonic()
    host.run(argv, env=postfix.programs.environment(), timeout=600)
    way.seconds.append((time.monotonic() - started) / count)


def measure(postfix, host, ways, load, options):
    for way in ways:
        way.seconds = []
        send(postfix, host, way, load, 100)
        way.seconds = []
    for number in range(options.rounds):
        order = ways[number % len(ways):] + ways[:number % len(ways)]
        for way in order:
            send(postfix, host, way, load, options.messages)
        # The queue manager works off what was taken; let it, so that no way pays for another's mail.
        wait_until(lambda: not postfix.queue(), 300, "the queue to empty")


def show(title, ways):
    yardstick = next(way for way in ways if way.name == YARDSTICK)
    print(f"\n{title}")
    print(f"  {'':<24}{'messages/s':>12}{'against do-nothing':>22}")
    for way in ways:
        ratio = statistics.median(y / w for w, y in zip(way.seconds, yardstick.seconds))
        rate = 1 / statistics.median(way.seconds)
        print(f"  {way.name:<24}{rate:>12.0f}{ratio:>21.2f}x")
    sys.stdout.flush()


def main():
    options = arguments()
    build = os.path.abspath(options.build)
    os.environ["RELAYWARDEN_BUILD"] = build
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab())
        host = lab.host("mx")
        postfix = Postfix(lab, host, main={"smtpd_client_connection_count_limit": "0",
                                           "default_process_limit": "200",
                                           "smtpd_peername_lookup": "no", "in_flow_delay": "0"})
        folder = os.path.join(postfix.spool, "relaywarden")
        os.chmod(folder, 0o755)
        ways = [
            Way("no filter", 10025, None),
            Way(YARDSTICK, 10026, f"unix:{folder}/nothing.sock"),
            Way("relaywarden, UNIX", 10027, f"unix:{folder}/ours.sock"),
            Way("do-nothing, TCP", 10028, "inet:127.0.0.1:10128"),
            Way("relaywarden, TCP", 10029, "inet:127.0.0.1:10129"),
        ]
        start_do_nothing(host, build, ways[1].milter)
        start_do_nothing(host, build, "inet:10128@127.0.0.1")
        start_ours(lab, host, "ours-unix", ways[2].milter)
        start_ours(lab, host, "ours-tcp", "inet:10129@127.0.0.1")
        postfix.listen = [listener(postfix, way) for way in ways]
        postfix.write()
        postfix.start()
        print(f"{options.rounds} rounds of {options.messages} messages; medians. "
              f"More than 1.00x is faster than the do-nothing filter.")
        for title, load in LOADS.items():
            measure(postfix, host, ways, load, options)
            show(title, ways)


if __name__ == "__main__":
    enter()
    main()
