"""The integration tests, several files at once: one pytest a file, handed out as they become free.

Each has a network namespace of its own, and whatever it needs beyond is the lab's, of which any
number may run. A long file begins first, so that nobody waits for it in the end. A file whose
pytest died, or ran no test at all, has failed.
"""

import collections
import contextlib
import glob
import os
import re
import sys
import time
import xml.etree.ElementTree

from commands import ROOT, command, counting, each, own_network

WORKERS = 6  # they mostly wait
FILE_SECONDS = 900
SLOWEST = 10
FOLDER = "tests/integration"
# Files whose tests share nothing, and take long: each is run in so many parts beside each other, before all others.
IN_PARTS = re.compile(r"test_rehearse(_exim|_sendmail)?\.py$")
PARTS = 4
# Those that take more than 10 s, longest first; the others follow by name.
LONGEST = (
    "test_fleet_workers.py", "test_fleet_outages.py", "test_mail_flows_sendmail.py", "test_each_technique.py", "test_alert_crash.py", "test_halves.py",
    "test_identities.py", "test_torture.py",
    "test_mail_flows.py", "test_greylisting.py", "test_zoo_postfix.py", "test_readme.py",
    "test_zoo_exim.py", "test_tokens_siblings.py", "test_units.py", "test_main_job.py",
    "test_hostile_servers.py", "test_milter_running.py", "test_milter_dialogues.py",
    "test_zoo_sendmail.py", "test_techniques.py", "test_tokens.py", "test_lab.py")

# A file's name, pytest's exit code and output, its (name, seconds) tests, how they went, the seconds of all and
# those of them that a processor was busy with what pytest waited for.
Ran = collections.namedtuple("Ran", "name code output tests passed failed skipped seconds cpu")


def files():
    """The names of all test files, in the order in which they begin."""
    names = sorted(os.path.basename(path) for path in glob.glob(os.path.join(ROOT, FOLDER, "test_*.py")))
    return sorted(names, key=lambda name: (
        not IN_PARTS.match(name), LONGEST.index(name) if name in LONGEST else len(LONGEST)))


def read_report(path):
    """The (name, seconds) tests of a JUnit report, and how many passed, failed and were skipped."""
    suite = xml.etree.ElementTree.parse(path).getroot().find("testsuite")
    count, failures, errors, skipped = (
        int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
    tests = [(case.get("name"), float(case.get("time"))) for case in suite.iter("testcase")]
    failed = failures + errors
    # A test that passes and whose fixture then fails to end is counted as both.
    return tests, max(count - failed - skipped, 0), failed, skipped


def parts(names):
    """(file, part) of each run: "1/4" is the first of four, "" a whole file."""
    return [(name, part) for name in names
            for part in ([f"{number}/{PARTS}" for number in range(1, PARTS + 1)] if IN_PARTS.match(name) else [""])]


def run_file(stage, name, part, build, chosen, more):
    """Runs one file's tests, or the chosen of them, or that part."""
    report = os.path.join(ROOT, "build/check", stage, name + part.replace("/", "-") + ".xml")
    os.makedirs(os.path.dirname(report), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(report)
    began = time.monotonic()
    with counting() as cpu:
        code, output = command(
            own_network([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
                         f"--junit-xml={report}", f"{FOLDER}/{name}", *(["-k", chosen] if chosen else [])]),
            FILE_SECONDS, RELAYWARDEN_BUILD=build, RELAYWARDEN_PART=part, **more)
    try:
        result = read_report(report)
    except (OSError, AttributeError, xml.etree.ElementTree.ParseError):
        result = [], 0, 0, 0
    return Ran(f"{name} {part}".rstrip(), code, output, *result, time.monotonic() - began, sum(cpu))


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
    tally.say("longest files: " + ", ".join(f"{ran.name} {ran.seconds:.0f} s (CPU {ran.cpu:.0f})" for ran in longest))
    tally.say(f"{len(everything)} files, {sum(ran.passed for ran in everything)} tests passed, "
              f"{sum(ran.seconds for ran in everything):.0f} s one after another, CPU {sum(ran.cpu for ran in everything):.0f} s")


def run(tally, stage, build, chosen=None, workers=WORKERS, **more):
    """Runs all files (chosen is None), or those of {file: pytest's -k, or ""}, with a build's programs."""
    names = [name for name in files() if chosen is None or name in chosen]
    for name in sorted(set(chosen or ()) - set(names)):
        tally.fail(f"{stage}: there is no {name}")
    if not names:
        tally.fail(f"{stage}: there are no test files")
        return
    everything = list(each(
        workers, lambda run: run_file(stage, *run, build, (chosen or {}).get(run[0]), more), parts(names)))
    for ran in everything:
        count(tally, stage, ran)
    show_zoo(tally, everything)
    show_times(tally, everything)
