"""How long a rehearsal takes: of a usual configuration with one wrong line, and of long lists, of each server. As root.

Each is run RUNS times; the median is told. A limit that is missed is a failure. --only WORD measures what has the word in its
name.
"""

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "integration")]

import rehearse_cases as postfix  # noqa: E402
import rehearse_exim_cases as exim  # noqa: E402
import rehearse_sendmail_cases as sendmail  # noqa: E402
from lab.installed import installed, package  # noqa: E402

RUNS = 5
HOST = ["--address", "eth0=192.0.2.25/24", "--address", "eth0=2001:db8:25::25/64"]
TRUSTED = ["--trusted", "10.0.0.0/8"]
WRONG = {"mynetworks": "127.0.0.0/8 [::1]/128 0.0.0.0/0"}

# server: its package where it is only unpacked; limit: the longest time that is good, or None
Measure = collections.namedtuple("Measure", "name server verdict options limit write")


def networks(count, between=" "):
    return between.join(f"10.{i // 256}.{i % 256}.0/24" for i in range(count))


def addresses(count, line):
    return "".join(line.format(f"10.{i // 65536}.{i // 256 % 256}.{i % 256}") for i in range(count))


def of_postfix(name, verdict, options, limit, **made):
    case = postfix.made(verdict, **made)
    return Measure("Postfix: " + name, None, verdict, ["--as", postfix.HERE, *options], limit,
                   lambda folder: postfix.write(folder, "measured", {"measured": case}))


def of_exim(name, verdict, options, **made):
    exim.plain("measured " + name, verdict, **made)
    return Measure("Exim: " + name, "exim4-daemon-heavy", verdict, options, None,
                   lambda folder: exim.write(folder, "measured " + name))


def of_sendmail(name, verdict, options, **made):
    sendmail.case("measured " + name, verdict, **made)
    return Measure("Sendmail: " + name, "sendmail-bin", verdict, options, None,
                   lambda folder: sendmail.write(folder, "measured " + name))


def loopback_and(more):
    return "127.0.0.0/8 [::1]/128 " + more


MEASURES = [
    of_postfix("verdict, one wrong line", "open", ["--no-blame"], 1.5, main=WRONG),
    of_postfix("verdict and blame, one wrong line", "open", [], 3.0, main=WRONG),
    of_postfix("closed, 1,000 networks", "closed", TRUSTED, None, main={"mynetworks": loopback_and(networks(1000))}),
    of_postfix("open, 1,000 networks and a wrong one", "open", TRUSTED, None,
               main={"mynetworks": loopback_and(networks(1000) + " 0.0.0.0/0")}),
    of_postfix("open, a table of 100,000 lines", "open", [], None,
               main=postfix.checked(f"check_client_access hash:{postfix.HERE}/clients"),
               files={"clients": addresses(100000, "{} REJECT\n") + "198.51.100 OK\n"}, hashed=["clients"]),
    of_exim("verdict, one wrong line", "open", ["--no-blame"], relay_from="127.0.0.1 : 0.0.0.0/0"),
    of_exim("verdict and blame, one wrong line", "open", [], relay_from="127.0.0.1 : 0.0.0.0/0"),
    of_exim("closed, 1,000 networks", "closed", TRUSTED, relay_from="127.0.0.1 : " + networks(1000, " : ")),
    of_exim("open, 1,000 networks and a wrong one", "open", TRUSTED,
            relay_from="127.0.0.1 : " + networks(1000, " : ") + " : 0.0.0.0/0"),
    of_exim("open, a table of 100,000 lines", "open", TRUSTED, relay_from="127.0.0.1 : net-iplsearch;/etc/exim4/relays",
            files={"relays": addresses(100000, "{}: ours\n") + "198.51.100.0/24: theirs\n"}),
    of_sendmail("verdict, one wrong line", "open", ["--no-blame"], access="Connect:198.51\tRELAY\n"),
    of_sendmail("verdict and blame, one wrong line", "open", [], access="Connect:198.51\tRELAY\n"),
    of_sendmail("closed, 1,000 networks", "closed", TRUSTED,
                access="".join(f"Connect:10.{i // 256}.{i % 256}\tRELAY\n" for i in range(1000))),
    of_sendmail("open, 1,000 networks and a wrong one", "open", TRUSTED,
                access="".join(f"Connect:10.{i // 256}.{i % 256}\tRELAY\n" for i in range(1000)) + "Connect:198.51\tRELAY\n"),
    of_sendmail("open, a table of 100,000 lines", "open", [],
                access=addresses(100000, "Connect:{}\tREJECT\n") + "Connect:198.51\tRELAY\n"),
]


def measure(program, wanted, folder, runs):
    """The seconds of each run."""
    place = wanted.write(folder)
    words = [program, "rehearse", place, "--domain", "example.org", "--json", *HOST, *wanted.options]
    words = words if wanted.server is None else installed(wanted.server, words)
    seconds = []
    for _ in range(runs):
        began = time.monotonic()
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        seconds.append(time.monotonic() - began)
        verdict = json.loads(done.stdout)["verdict"]
        assert verdict == wanted.verdict, (wanted.name, verdict, done.stdout[:2000])
    return seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for wanted in MEASURES:
            if options.only not in wanted.name or not (wanted.server is None or os.path.isdir(package(wanted.server))):
                continue
            seconds = measure(os.path.join(os.path.abspath(options.build), "relaywarden-probe"), wanted, folder, options.runs)
            median = statistics.median(seconds)
            late = wanted.limit is not None and median > wanted.limit
            missed += late
            print(f"rehearse  {wanted.name:46} {median:6.2f} s ({min(seconds):.2f}-{max(seconds):.2f})" + (f"  over {wanted.limit} s" if late else ""), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
