#!/usr/bin/python3
"""make bench: what the filter costs Postfix, side by side in one run.

smtp-source on one host sends to a private Postfix on another, which has one listener for each way of filtering: none, the
do-nothing filter (tests/bench/do_nothing.c: connect, MAIL and RCPT callbacks that continue) and relaywarden-milter, each of the
two over a UNIX socket and over TCP. A trusted client is in the site's trusted_networks and in mynetworks, and sends to a foreign
domain; a stranger is in neither, and sends to the site's own.

The ways take turns, each way leads in another round, and each begins with an empty queue, so that whatever else the machine does
hits all of them. Each sends the same number of messages, which is chosen so that a turn takes about --seconds. Printed are
medians over the rounds: throughput, and its ratio to that of no filter and of the do-nothing filter in the same round. The
yardstick is the do-nothing filter on the same kind of socket. Over TCP that is an easy one where connections are kept: libmilter
leaves Nagle's algorithm on, so the kernel holds back small replies (tens of milliseconds); the other ratio is there, too.
"""

import argparse
import collections
import contextlib
import itertools
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Config, Lab, Milter, Postfix, wait_until  # noqa: E402
from lab.enter import enter  # noqa: E402

KINDS = ("UNIX", "TCP")
NONE = "no filter"
AGAINST = (NONE, *(f"do-nothing, {kind}" for kind in KINDS))
LEAST = 50  # messages a turn
ELSEWHERE = "192.0.2.0/24"

# client: trusted or stranger; recipients: of each message; connections: at once; kept: for many messages each.
Load = collections.namedtuple("Load", "client recipients connections kept")


class Client:
    """A kind of client: who is trusted where it sends, and to whom it sends."""

    def __init__(self, networks, recipient, first_port):
        self.networks = networks
        self.recipient = recipient
        self.first_port = first_port


class Way:
    """One way of filtering: its name, a listener of its own, the filter behind it, and its yardstick's name."""

    def __init__(self, name, port, socket, yardstick):
        self.name = name
        self.port = port
        self.socket = socket
        self.yardstick = yardstick
        self.seconds = []  # a message, by round


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.6, help="that a turn takes, about")
    parser.add_argument("--clients", nargs="+", choices=["trusted", "stranger"],
                        default=["trusted", "stranger"])
    parser.add_argument("--recipients", nargs="+", type=int, default=[1, 50], help="of a message")
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 100], help="at once")
    parser.add_argument("--kept-only", action="store_true",
                        help="without the loads that make a connection for each message")
    return parser.parse_args()


def loads(options):
    for client in options.clients:
        for recipients, connections in itertools.product(options.recipients, options.connections):
            yield Load(client, recipients, connections, True)
        if not options.kept_only:
            yield Load(client, 1, 8, False)


def title(load):
    kept = "kept for many messages" if load.kept else "at once, one a message"
    return (f"{load.client} client, {load.recipients} recipient{'s' * (load.recipients > 1)} a message, "
            f"{load.connections} connection{'s' * (load.connections > 1)} {kept}")


def ways_of(client, folder):
    """The ways for one kind of client: a port and a socket for each, on consecutive numbers."""
    port = client.first_port
    ways = [Way(NONE, port, None, None)]
    for name, yardstick in (("do-nothing", False), ("relaywarden", True)):
        for kind in KINDS:
            port += 1
            socket = f"inet:127.0.0.1:{port + 10000}" if kind == "TCP" else f"unix:{folder}/{port}.sock"
            ways.append(Way(f"{name}, {kind}", port, socket, f"do-nothing, {kind}" if yardstick else None))
    return ways


def libmilter_notation(socket):
    """inet:ADDRESS:PORT, as Postfix has it, with the port first."""
    if not socket.startswith("inet:"):
        return socket
    _, address, port = socket.split(":")
    return f"inet:{port}@{address}"


def start_filter(lab, mx, way, client, build):
    socket = libmilter_notation(way.socket)
    if way.yardstick is None:
        mx.popen([os.path.join(build, "bench/do_nothing"), socket])
        return
    Milter(lab, mx, Config(site={"trusted_networks": [client.networks]}, milter={
        "socket": socket, "socket_mode": "0666", "socket_group": ""}), name=f"milter-{way.port}").start()


class Bench:
    """One Postfix with all listeners, all filters, and the host that sends."""

    def __init__(self, lab, options):
        self.options = options
        self.mx, self.outside = lab.host("mx"), lab.host("outside")
        self.postfix = Postfix(lab, self.mx, main={
            "smtpd_client_connection_count_limit": "0", "default_process_limit": "300",
            "smtpd_peername_lookup": "no", "in_flow_delay": "0"})
        folder = os.path.join(self.postfix.spool, "relaywarden")
        os.chmod(folder, 0o755)
        self.clients = {
            "trusted": Client(self.outside.address + "/32", "u@outside.example.net", 10100),
            "stranger": Client(ELSEWHERE, "u@example.org", 10200)}
        self.ways = {name: ways_of(self.clients[name], folder) for name in options.clients}
        build = os.path.abspath(options.build)
        self.postfix.listen = []
        for name, ways in self.ways.items():
            for way in ways:
                self._add(lab, way, self.clients[name], build)
        self.postfix.start()

    def _add(self, lab, way, client, build):
        if way.socket:
            start_filter(lab, self.mx, way, client, build)
        setting = self.postfix.milter_setting(way.socket) if way.socket else ""
        self.postfix.listen.append((f"{self.mx.address}:{way.port}",
                                    {"smtpd_milters": setting, "mynetworks": client.networks}))

    def _queue_is_empty(self):
        return not any(os.listdir(os.path.join(self.postfix.spool, name)) for name in ("incoming", "active"))

    def send(self, way, load, count):
        """The seconds until the last message was taken; returns when all were delivered."""
        argv = [os.path.join(self.postfix.programs.commands, "smtp-source"), *(["-d"] if load.kept else []),
                "-s", str(load.connections), "-r", str(load.recipients), "-m", str(count), "-l", "1024",
                "-f", "a@sender.example.net", "-t", self.clients[load.client].recipient,
                f"{self.mx.address}:{way.port}"]
        began = time.monotonic()
        self.outside.run(argv, env=self.postfix.programs.environment(), timeout=600)
        seconds = time.monotonic() - began
        wait_until(self._queue_is_empty, 300, "the queue to empty")
        return seconds

    def measure(self, load):
        """Fills the `seconds` of all ways and returns how many messages a turn had."""
        ways = self.ways[load.client]
        probe = max(LEAST, load.connections)
        probed = []
        for way in ways:
            way.seconds = []
            probed.append(self.send(way, load, probe) / probe)
        # Connections that carry one message each, or none, would measure something else.
        count = max(LEAST, 2 * load.connections, round(self.options.seconds / statistics.median(probed)))
        for number in range(self.options.rounds):
            first = number % len(ways)
            for way in ways[first:] + ways[:first]:
                way.seconds.append(self.send(way, load, count) / count)
        return count

    def no_filter_was_lost(self):
        """A filter that Postfix goes on without looks fast."""
        return not self.postfix.logfile.find("warning: .*[Mm]ilter")


def ratio(way, other):
    return statistics.median(theirs / ours for ours, theirs in zip(way.seconds, other.seconds))


def show(load, count, ways):
    """Prints one load's table and returns its ratios to the yardsticks."""
    named = {way.name: way for way in ways}
    ratios = []
    print(f"\n{title(load)}; {count} messages a turn")
    print(f"  {'':<20}{'messages/s':>12}" + "".join(f"{name:>19}" for name in AGAINST))
    for way in ways:
        line = f"  {way.name:<20}{1 / statistics.median(way.seconds):>12.0f}"
        for name in AGAINST:
            value = ratio(way, named[name])
            line += f"{value:>17.2f}x{'*' if name == way.yardstick else ' '}"
            if name == way.yardstick:
                ratios.append((value, f"{way.name}: {title(load)}"))
        print(line)
    sys.stdout.flush()
    return ratios


def main():
    options = arguments()
    os.environ["RELAYWARDEN_BUILD"] = os.path.abspath(options.build)
    with contextlib.ExitStack() as stack:
        bench = Bench(stack.enter_context(Lab()), options)
        print(f"Postfix with and without filters, {options.rounds} rounds in turn, medians; "
              "more than 1.00x\nis faster, * is the yardstick: the do-nothing filter on the same kind of socket", flush=True)
        ratios = []
        for load in loads(options):
            ratios += show(load, bench.measure(load), bench.ways[load.client])
        least, where = min(ratios)
        print(f"\nAgainst the yardsticks, {len(ratios)} comparisons: median "
              f"{statistics.median(value for value, _ in ratios):.2f}x, least {least:.2f}x ({where})")
        if not bench.no_filter_was_lost():
            sys.exit("bench.py: Postfix went on without a filter, so these figures say nothing; see its warnings:\n"
                     + "\n".join(bench.postfix.logfile.find("warning: .*[Mm]ilter")[:5]))


if __name__ == "__main__":
    enter()
    main()
