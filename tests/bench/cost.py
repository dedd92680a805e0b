#!/usr/bin/python3
"""make bench: what an audit costs the probe's own host, in instructions and in calls of the kernel.

One closed Postfix, with its default restrictions and neither TLS nor AUTH, stands behind all addresses. Instructions are
valgrind's (callgrind), which another user of the machine does not change; the calls of epoll_ctl are strace's. bench/judgement measures a recipient's
cost to the filter. --beside BUILD measures another build in turn with this one, and shows the ratio.
"""

import argparse
import os
import re
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Config, Dns, Lab, Postfix  # noqa: E402
from lab.enter import enter  # noqa: E402

NETWORK = "2001:db8:1000::/64"
RECIPIENT = re.compile(r"1000000 domains: .*permission +(\d+) ns; RCPT own +(\d+) ns, refused +(\d+) ns, relayed +(\d+) ns")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--beside", metavar="BUILD", help="another build, measured in turn with this one")
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", metavar="FILE", help="keeps callgrind's profile of the last run there")
    parser.add_argument("--only", choices=["probe", "filter"])
    return parser.parse_args()


class Audit:
    """A host that asks `endpoints` addresses of one closed server."""

    def __init__(self, lab, endpoints, profile):
        self.host, mx = lab.host("outside"), lab.host("mx")
        self.endpoints = endpoints
        self.profile = os.path.abspath(profile) if profile else os.path.join(self.host.folder, "callgrind.out")
        Dns(lab).start()
        Postfix(lab, mx, listen=["25"], main={
            "mynetworks": "127.0.0.9/32", "default_process_limit": "300",
            "smtpd_client_connection_count_limit": "0"}).start()
        mx.run(["ip", "-6", "route", "add", "local", NETWORK, "dev", "lo"])
        self.host.run(["ip", "-6", "route", "add", NETWORK, "via", mx.address6])
        targets = {f"t{number}": {"host": f"2001:db8:1000::{number:x}"} for number in range(1, endpoints + 1)}
        self.config = Config(targets=targets, probe={"timeout": "10m"}).write(os.path.join(self.host.folder, "cost.conf"))


    def _run(self, build, *before):
        """The text on standard error."""
        done = self.host.run([*before, os.path.join(build, "relaywarden-probe"), "check", "--config", self.config],
                             check=False, timeout=600)
        report = done.stdout
        whole = f"endpoints={self.endpoints} open=0" in report and "probe-blocked" not in report
        if done.returncode not in (0, 1) or not whole:  # 1: closed, and its address has no name
            sys.exit("cost.py: not every endpoint is closed and asked to the end, so these figures say nothing\n" + report[:2000] + done.stderr)
        return done.stderr

    def instructions(self, build):
        said = self._run(build, "valgrind", "--tool=callgrind", f"--callgrind-out-file={self.profile}")
        # A child that it forks tells its own, which is less.
        return max(int(count) for count in re.findall(r"Collected : (\d+)", said)) / self.endpoints / 1e6

    def epoll_calls(self, build):
        said = self._run(build, "strace", "-f", "-qq", "-c", "-e", "trace=epoll_ctl", "-U", "name,calls")
        return int(re.search(r"epoll_ctl +(\d+)", said).group(1)) / self.endpoints


def recipients(host, build):
    """Nanoseconds of (an own, a refused, a relayed) recipient at a million domains."""
    said = host.run([os.path.join(build, "bench/judgement")], timeout=600).stdout
    return [int(value) for value in RECIPIENT.search(said).groups()]


def show(name, unit, builds, values):
    """values: rounds of one figure a build."""
    ours = statistics.median(row[0] for row in values)
    line = f"  {name:<44}{ours:>9.4g} {unit:<12}"
    if len(builds) > 1:
        theirs = statistics.median(row[1] for row in values)
        line += f"beside {theirs:>8.4g}, ratio {statistics.median(row[0] / row[1] for row in values):.3f}"
    print(line, flush=True)


def main():
    options = arguments()
    builds = [os.path.abspath(build) for build in (options.build, options.beside) if build]
    os.environ["RELAYWARDEN_BUILD"] = builds[0]
    with Lab() as lab:
        audit = Audit(lab, options.endpoints, options.profile)
        print(f"\n{options.rounds} rounds in turn, medians; an audit of each of {options.endpoints} endpoints")
        if options.only != "filter":
            audit.epoll_calls(builds[0])  # starts Postfix's processes
            for name, unit, measure in (("instructions of the probe", "million", audit.instructions),
                                        ("calls of epoll_ctl", "", audit.epoll_calls)):
                show(name, unit, builds, [[measure(build) for build in builds] for _ in range(options.rounds)])
        if options.only != "probe":
            figures = [[recipients(audit.host, build) for build in builds] for _ in range(options.rounds)]
            for number, name in enumerate(("permission", "an own recipient", "a refused one", "a relayed one")):
                show(f"the filter, at a million domains: {name}", "ns", builds,
                     [[figure[number] for figure in row] for row in figures])


if __name__ == "__main__":
    enter()
    main()
