#!/usr/bin/python3
"""make bench: what nmap's smtp-open-relay says of each server of the zoo, beside the probe.

Both ask from the outside address, one after the other. Postfix is told not to slow down a client
that is refused often: this is about what is found, not how fast (speed.py is), and nmap would take
18 s for each closed one.
"""

import argparse
import os
import re
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "integration")]

import zoo  # noqa: E402
import zoo_exim  # noqa: E402
import zoo_opensmtpd  # noqa: E402
import zoo_postfix  # noqa: E402
import zoo_sendmail  # noqa: E402
from lab import Exim, Lab, Opensmtpd  # noqa: E402
from lab.enter import enter  # noqa: E402

PATIENT = {"smtpd_soft_error_limit": "100", "smtpd_hard_error_limit": "200"}
LIMIT = 60  # seconds for nmap


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--only", default="", help="cases whose server or title has this in it")
    return parser.parse_args()


def ask_nmap(host, row):
    """nmap's answer in a few words, and the seconds it took."""
    family = row.only or 4
    port = (row.target or {"ports": [25]})["ports"][0]
    began = time.monotonic()
    done = host.run(["nmap", *(["-6"] if family == 6 else []), "-n", "-Pn", "-p", str(port),
                     "--script", "+smtp-open-relay", "--script-timeout", f"{LIMIT}s",
                     zoo.FAMILIES[family]], check=False, timeout=2 * LIMIT)
    said = re.search(r"smtp-open-relay: *(.*)", done.stdout)
    return said.group(1).strip() if said else "nothing", time.monotonic() - began


class Tally:
    """Cases so far, and of those nmap's right ones."""

    def __init__(self):
        self.cases = self.ours = self.theirs = 0

    def add(self, result, said):
        row = result.row
        ours = all(result.said(family) == result.expected(family) for family in result.families())
        theirs = (row.verdict == "open") == ("is an open relay" in said)
        self.cases += 1
        self.ours += ours
        self.theirs += theirs
        return ours, theirs


def compare(kind, outside, row, tally):
    result = zoo.ask(kind, outside, row)
    said, seconds = ask_nmap(outside, row)
    ours, theirs = tally.add(result, said)
    print(f"{kind:9} {row.title:56} {row.verdict:12} "
          f"{'right' if ours else 'WRONG'} {result.seconds:5.2f} s  "
          f"nmap {'right' if theirs else 'WRONG'} {seconds:5.2f} s  {said[:60]}", flush=True)


def chosen(kind, rows, only):
    return [row for row in rows if only.lower() in f"{kind} {row.title}".lower()]


def visit_postfix(only, tally):
    rows = chosen("Postfix", [*zoo_postfix.CORRECT, *zoo_postfix.OPEN], only)
    with Lab() as lab:
        cage = zoo_postfix.Cage(lab, "mx", main=PATIENT)
        for row in rows:
            cage.become(**row.how)
            compare("Postfix", cage.outside, row, tally)


def visit_others(only, tally):
    with Lab() as lab:
        world = zoo.World(lab)
        for kind, server, module in (("Exim", Exim(lab, world.mx), zoo_exim),
                                     ("OpenSMTPD", Opensmtpd(lab, world.mx), zoo_opensmtpd)):
            for row in chosen(kind, [*module.CORRECT, *module.OPEN], only):
                module.become(server, row)
                compare(kind, world.outside, row, tally)
            server.stop()
        for row in chosen("Sendmail", [*zoo_sendmail.CORRECT, *zoo_sendmail.OPEN], only):
            server = zoo_sendmail.make(world, row)
            compare("Sendmail", world.outside, row, tally)
            server.stop()


def main():
    options = arguments()
    os.environ["RELAYWARDEN_BUILD"] = os.path.abspath(options.build)
    print("The zoo: verdict expected, whether the probe gave it with its cause, and whether nmap "
          "told open from not open")
    tally = Tally()
    visit_postfix(options.only, tally)
    visit_others(options.only, tally)
    print(f"{tally.cases} cases: the probe right in {tally.ours}, nmap in {tally.theirs}")


if __name__ == "__main__":
    enter()
    main()
