"""The integration tests, several files at once: one pytest a file, handed out as they become free.

Each has a network namespace of its own, and whatever it needs beyond is the lab's, of which any
number may run. A long file begins first, so that nobody waits for it in the end. A file whose
pytest died, or ran no test at all, has failed.
"""

import collections
import concurrent.futures
import contextlib
import glob
import os
import re
import sys
import time
import xml.etree.ElementTree

from commands import ROOT, command, own_network

WORKERS = 4
FILE_SECONDS = 900
SLOWEST = 10
FOLDER = "tests/integration"
# Those that take more than 10 s, longest first; the others follow by name.
LONGEST = (
    "test_mail_flows_sendmail.py", "test_each_technique.py", "test_alert_crash.py", "test_halves.py", "test_identities.py",
    "test_mail_flows.py", "test_greylisting.py", "test_zoo_postfix.py", "test_readme.py",
    "test_zoo_exim.py", "test_tokens_siblings.py", "test_units.py", "test_main_job.py",
    "test_hostile_servers.py", "test_milter_running.py", "test_milter_dialogues.py",
    "test_zoo_sendmail.py", "test_techniques.py", "test_tokens.py", "test_lab.py")

# A file's name, pytest's exit code and output, its (name, seconds) tests, and how they went.
Ran = collections.namedtuple("Ran", "name code output tests passed failed skipped seconds")


def files():
    """The names of all test files, in the order in which they begin."""
    names = sorted(os.path.basename(path) for path in glob.glob(os.path.join(ROOT, FOLDER, "test_*.py")))
    return [name for name in LONGEST if name in names] + [name for name in names if name not in LONGEST]


def read_report(path):
    """The (name, seconds) tests of a JUnit report, and how many passed, failed and were skipped."""
    suite = xml.etree.ElementTree.parse(path).getroot().find("testsuite")
    count, failures, errors, skipped = (
        int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
    tests = [(case.get("name"), float(case.get("time"))) for case in suite.iter("testcase")]
    failed = failures + errors
    # A test that passes and whose fixture then fails to end is counted as both.
    return tests, max(count - failed - skipped, 0), failed, skipped


def run_file(stage, name, build, chosen, more):
    """Runs one file's tests, or the chosen of them."""
    report = os.path.join(ROOT, "build/check", stage, name + ".xml")
    os.makedirs(os.path.dirname(report), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(report)
    began = time.monotonic()
    code, output = command(
        own_network([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
                     f"--junit-xml={report}", f"{FOLDER}/{name}", *(["-k", chosen] if chosen else [])]),
        FILE_SECONDS, RELAYWARDEN_BUILD=build, **more)
    try:
        result = read_report(report)
    except (OSError, AttributeError, xml.etree.ElementTree.ParseError):
        result = [], 0, 0, 0
    return Ran(name, code, output, *result, time.monotonic() - began)


def count(tally, stage, ran):
    """The words of one file's run."""
    tally.add(ran.passed, ran.failed, ran.skipped)
    if ran.failed or ran.skipped:
        tally.say(f"{'FAILED' if ran.failed else 'SKIPPED'} {stage}: {ran.name}\n{ran.output.rstrip()}")
    elif not ran.tests:
        tally.fail(f"{stage}: {ran.name}: exit code {ran.code} and no report of any test", ran.output)
    elif ran.code != 0:
        tally.fail(f"{stage}: {ran.name}: exit code {ran.code}", ran.output)


def zoo(output):
    """The rows of the zoo's table, if pytest printed one."""
    found = re.search(r"^=+ the zoo =+\n(.*?)^\d+ of \d+ verdicts and causes are as expected$", output,
                      re.MULTILINE | re.DOTALL)
    return found.group(1).splitlines() if found else []


def show_zoo(tally, everything):
    """One table of what all files of the zoo printed."""
    rows = [row for ran in everything for row in zoo(ran.output)]
    if rows:
        right = sum(" as expected " in row for row in rows)
        tally.say("\n".join(["the zoo:", *rows,
                             f"{right} of {len(rows)} verdicts and causes are as expected"]))


def show_times(tally, everything):
    tests = sorted(((seconds, ran.name, test) for ran in everything for test, seconds in ran.tests),
                   reverse=True)
    tally.say("slowest tests:")
    for seconds, name, test in tests[:SLOWEST]:
        tally.say(f"{seconds:7.1f} s  {name}::{test}")
    longest = sorted(everything, key=lambda ran: -ran.seconds)[:SLOWEST]
    tally.say("longest files: " + ", ".join(f"{ran.name} {ran.seconds:.0f} s" for ran in longest))
    tally.say(f"{len(everything)} files, {sum(ran.passed for ran in everything)} tests passed, "
              f"{sum(ran.seconds for ran in everything):.0f} s one after another")


def run(tally, stage, build, chosen=None, workers=WORKERS, **more):
    """Runs all files (chosen is None), or those of {file: pytest's -k, or ""}, with a build's programs."""
    names = [name for name in files() if chosen is None or name in chosen]
    for name in sorted(set(chosen or ()) - set(names)):
        tally.fail(f"{stage}: there is no {name}")
    if not names:
        tally.fail(f"{stage}: there are no test files")
        return
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        everything = list(pool.map(
            lambda name: run_file(stage, name, build, (chosen or {}).get(name), more), names))
    for ran in everything:
        count(tally, stage, ran)
    show_zoo(tally, everything)
    show_times(tally, everything)
