#!/usr/bin/python3
"""make bench: how fast the probe is, beside nmap's smtp-open-relay and beside what round trips allow.

Both ask the same closed Postfix, with its default restrictions and neither TLS nor AUTH, and take turns. Then the server is moved
50 ms away by a relay in user space, which delays what passes by half of that each way, and the handshake, too. Last, one Postfix
behind a thousand addresses.
"""

import argparse
import asyncio
import json
import math
import os
import re
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Config, Dns, Lab, Milter, Postfix, program  # noqa: E402
from lab.enter import enter  # noqa: E402

ROUND_TRIP = 0.050
NMAP_FORMS = 16
REFUSALS = 8      # a connection
CONNECTIONS = 2   # an endpoint
NETWORK = "2001:db8:1000::/64"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--endpoints", type=int, nargs="+", default=[10, 100, 1000])
    return parser.parse_args()


class DelayingRelay:
    """Listens on host's `port`, on every address, and passes each connection on to the target, ROUND_TRIP away."""

    def __init__(self, host, port, target):
        self._listener = host.listen(port, "::", backlog=4096)
        self._target = target
        self._host = host
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        self._host.within(lambda: asyncio.run(self._run()))

    async def _run(self):
        server = await asyncio.start_server(self._pass_on, sock=self._listener)
        await server.serve_forever()

    async def _pass_on(self, near_in, near_out):
        try:
            far_in, far_out = await asyncio.open_connection(*self._target)
        except OSError:
            near_out.close()
            return
        # A greeting comes two round trips after the SYN: the handshake's, and its own.
        await asyncio.gather(self._copy(near_in, far_out, 0), self._copy(far_in, near_out, 1.5 * ROUND_TRIP))

    @staticmethod
    async def _copy(source, sink, first):
        """Each chunk arrives half a round trip after it was sent, however many are on the way."""
        loop = asyncio.get_running_loop()
        pending = asyncio.Queue()

        async def deliver():
            while True:
                due, chunk = await pending.get()
                await asyncio.sleep(max(0, due - loop.time()))
                try:
                    if not chunk:
                        sink.close()
                        return
                    sink.write(chunk)
                except (OSError, RuntimeError):
                    return

        delivery = asyncio.create_task(deliver())
        chunk = b"-"
        while chunk:
            try:
                chunk = await source.read(65536)
            except OSError:
                chunk = b""
            pending.put_nowait((loop.time() + ROUND_TRIP / 2 + first, chunk))
            first = 0
        await delivery


def timed(host, argv):
    """(seconds, peak resident MiB, exit code, output)."""
    with open(os.path.join(host.folder, "bench.out"), "w+b") as output:
        began = time.monotonic()
        process = host.popen(argv, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return seconds, usage.ru_maxrss / 1024, process.returncode, output.read().decode("utf-8", "replace")


def run_probe(host, config, *targets):
    path = config.write(os.path.join(host.folder, "bench.conf"))
    seconds, memory, code, output = timed(
        host, [program("relaywarden-probe"), "check", "--json", "--config", path, *targets])
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"relaywarden-probe: exit code {code}\n{output}")
    return seconds, memory, json.loads(lines[0])


def run_nmap(host, address):
    family = ["-6"] if ":" in address else []
    seconds, _, _, output = timed(
        host, ["nmap", *family, "-n", "-Pn", "-p", "25", "--script", "smtp-open-relay", address])
    said = re.search(r"smtp-open-relay: *(.*)", output)
    if not said:
        raise SystemExit(f"nmap said nothing of the relay:\n{output}")
    return seconds, said.group(1)


def asked(entry):
    return [technique for technique in entry["techniques"] if technique["code"] is not None]


def bound(entry, own_connection):
    """Round trips that the battery cannot do without, and how they come about.

    A connection costs the handshake, the greeting, EHLO and, where PIPELINING is offered, one for all that is asked on it;
    otherwise MAIL and RCPT of each technique one each, and RSET before the next. `plain` is asked alone, before the rest.
    """
    techniques = asked(entry)
    special = [technique for technique in techniques if technique["id"] in own_connection]
    common = len(techniques) - len(special)
    connections = math.ceil(common / REFUSALS)
    if "PIPELINING" in entry["capabilities"]:
        trips = connections * 4 + 1 + len(special) * 4
    else:
        trips = connections * 3 + 3 * common + len(special) * 5
    return math.ceil(trips / CONNECTIONS), connections + len(special)


def special_ids(host):
    _, _, _, output = timed(host, [program("relaywarden-probe"), "techniques", "--json"])
    return {technique["id"] for technique in json.loads(output)["techniques"] if technique["helo"]}


def beside_nmap(outside, mx, rounds):
    config = Config(targets={})
    ours, theirs, said = [], [], ""
    for _ in range(rounds):
        seconds, said = run_nmap(outside, mx.address)
        theirs.append(seconds)
        seconds, _, report = run_probe(outside, config, mx.address)
        ours.append(seconds)
    entry, = report["endpoints"]
    ratio = statistics.median(a / b for a, b in zip(theirs, ours))
    print(f"\nA closed default Postfix without TLS and AUTH, {rounds} rounds in turn, medians")
    print(f"  nmap smtp-open-relay  {NMAP_FORMS} forms        {statistics.median(theirs):8.3f} s   {said}")
    print(f"  relaywarden-probe     {len(asked(entry))} techniques   {statistics.median(ours):8.3f} s   {entry['verdict']}")
    print(f"  {ratio:.0f} times as fast", flush=True)


def far_away(outside, mx, rounds, own_connection):
    config = Config(targets={})
    ours = []
    for _ in range(rounds):
        seconds, _, report = run_probe(outside, config, mx.address6)
        ours.append(seconds)
    theirs, said = run_nmap(outside, mx.address6)
    entry, = report["endpoints"]
    trips, connections = bound(entry, own_connection)
    least = trips * ROUND_TRIP
    median = statistics.median(ours)
    print(f"\nThe same, {ROUND_TRIP * 1000:.0f} ms away, median of {rounds}")
    print(f"  nmap smtp-open-relay  {theirs:8.3f} s   {said}")
    print(f"  relaywarden-probe     {median:8.3f} s   {len(asked(entry))} techniques, {entry['verdict']}")
    print(f"  bound                 {least:8.3f} s   {trips} round trips one after another: {connections} connections of at "
          f"most {REFUSALS} refusals, {CONNECTIONS} at once")
    print(f"  {median / least:.1f} times the bound", flush=True)


def many(outside, counts):
    print(f"\nMany endpoints, {ROUND_TRIP * 1000:.0f} ms away, one Postfix behind all of them")
    for count in counts:
        targets = {f"t{number}": {"host": f"2001:db8:1000::{number:x}"} for number in range(1, count + 1)}
        seconds, memory, report = run_probe(outside, Config(targets=targets))
        verdicts = {}
        for entry in report["endpoints"]:
            verdicts[entry["verdict"]] = verdicts.get(entry["verdict"], 0) + 1
        requests = sum(len(asked(entry)) for entry in report["endpoints"])
        print(f"  {count:5d} endpoints {seconds:8.2f} s {memory:6.1f} MiB   {requests} techniques asked, {verdicts}",
              flush=True)


def hidden(rounds):
    """One check of a Postfix behind a masquerading gateway that it trusts, with the filter."""
    with Lab() as lab:
        lab.host("gateway")
        outside, mta = lab.host("outside"), lab.host("mta")
        Dns(lab).start()
        key = os.path.join(lab.folder, "token.key")
        with open(key, "wb") as file:
            file.write(os.urandom(64))
        os.chmod(key, 0o600)
        site = {"trusted_networks": ["127.0.0.0/8", "172.22.0.0/16"]}
        postfix = Postfix(lab, mta, main={"mynetworks": "127.0.0.0/8 172.22.0.0/16"})
        Milter(lab, mta, Config(site=site, token_key_file=key), postfix=postfix).start()
        postfix.start()
        postfix.attach()
        lab.nat(masquerade=True)
        seconds = []
        for _ in range(rounds):
            took, _, report = run_probe(
                outside, Config(site=site, targets={}, token_key_file=key), "203.0.113.25")
            seconds.append(took)
        entry, = report["endpoints"]
        print(f"\nBehind a masquerading gateway, median of {rounds}: {statistics.median(seconds):.3f} s to "
              f"{entry['verdict']}, proof {entry['proof']}, {entry['cause']} ({entry['milter']['client']}); "
              f"{len(postfix.queue())} messages queued")


def main():
    options = arguments()
    os.environ["RELAYWARDEN_BUILD"] = os.path.abspath(options.build)
    with Lab() as lab:
        outside, mx = lab.host("outside"), lab.host("mx")
        Dns(lab).start()
        main = {"mynetworks": "127.0.0.9/32", "default_process_limit": "300",
                "smtpd_client_connection_count_limit": "0"}
        Postfix(lab, mx, main=main, listen=[f"{mx.address}:25", "127.0.0.1:2525"]).start()
        DelayingRelay(mx, 25, ("127.0.0.1", 2525))
        mx.run(["ip", "-6", "route", "add", "local", NETWORK, "dev", "lo"])
        outside.run(["ip", "-6", "route", "add", NETWORK, "via", mx.address6])
        own_connection = special_ids(outside)
        beside_nmap(outside, mx, options.rounds)
        far_away(outside, mx, options.rounds, own_connection)
        many(outside, options.endpoints)
    hidden(options.rounds)


if __name__ == "__main__":
    enter()
    main()
