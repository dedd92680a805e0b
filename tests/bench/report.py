#!/usr/bin/python3
"""make bench: relaywarden-probe report with 500 endpoints and a year of history, four audits a day.

The database is made by the probe and filled here: most endpoints were always closed, each tenth was open for a while, each
fiftieth is open now. Printed: the size of the database, the time and memory that writing the page takes, its size, and the
time until headless Chromium has laid it out (wide and narrow), which must be under 2 s.
"""

import argparse
import itertools
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import browser  # noqa: E402
from lab.config import Config  # noqa: E402

PERIOD = 6 * 3600
LIMIT_MS = 2000


def detail(number, techniques, verdict):
    """An endpoint's last audit, as the probe keeps it."""
    granted = verdict == "open"
    return json.dumps({
        "target": "mx", "host": f"mx{number}.example.org", "port": 25, "tls": "none",
        "address": f"2001:db8::{number:x}", "verdict": verdict, "why": "As it was judged. " * 8,
        "fix": "The change for each server. " * 20 if granted else "",
        "milter": {"observed": False}, "banner": f"mx{number}.example.org ESMTP", "notes": [],
        "techniques": [{
            "id": technique["id"], "helo": "probe.example.net", "sender": technique["sender"],
            "recipient": technique["recipient"], "code": 250 if granted else 554,
            "enhanced": "2.1.5" if granted else "5.7.1", "control": None,
            "text": "Ok" if granted else f"{technique['recipient']}: Relay access denied",
            "outcome": "accepted" if granted else "relay-denied"} for technique in techniques],
        "findings": [{"kind": "ptr-missing", "severity": "warning", "fix": "",
                      "why": "There is no PTR record."}] if number % 20 == 0 else []})


def fill(path, endpoints, days, techniques):
    now = int(time.time())
    times = range(now - days * 86400, now + 1, PERIOD)
    database = sqlite3.connect(path)
    database.execute("DELETE FROM run")
    database.execute("DELETE FROM endpoint")
    for number in range(1, endpoints + 1):
        verdicts = ["closed"] * len(times)
        if number % 10 == 0:
            verdicts[number:number + 40] = ["open"] * 40
        if number % 50 == 0:
            verdicts[-3:] = ["open"] * 3
        database.execute(
            "INSERT INTO endpoint (id, key, target, host, session, last, ended, seconds, detail)"
            " VALUES (?, ?, 'mx', ?, 'none', ?, ?, 1, ?)",
            (number, f"mx{number}:25/auto example.org", f"mx{number}", times[-1], times[-1],
             detail(number, techniques, verdicts[-1])))
        for verdict, audits in itertools.groupby(zip(times, verdicts), lambda audit: audit[1]):
            run = [when for when, _ in audits]
            database.execute(
                "INSERT INTO run (endpoint, verdict, cause, first, last, audits)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (number, verdict, "unconditional" if verdict == "open" else "none", run[0], run[-1],
                 len(run)))
    database.commit()
    database.close()
    return endpoints * len(times)


def look(page, width):
    """The milliseconds until a fresh Chromium has laid it out."""
    with browser.Browser() as fresh:
        return fresh.look(page, width, looked_at=0)["ms"]


def measure(build, endpoints, days):
    probe = os.path.join(os.path.abspath(build), "relaywarden-probe")
    techniques = json.loads(subprocess.check_output([probe, "techniques", "--json"]))["techniques"]
    with tempfile.TemporaryDirectory(prefix="relaywarden-report-") as folder:
        os.mkdir(os.path.join(folder, "probe"))
        config = Config(targets={"mx": {"host": "127.0.0.1", "ports": [1]}}, state_directory=folder,
                        alert={"syslog": {"format": "none"}})
        path = config.write(os.path.join(folder, "relaywarden.conf"))
        subprocess.run([probe, "check", "--quiet", "--config", path], check=False,
                       stdout=subprocess.DEVNULL)
        database = os.path.join(folder, "probe/relaywarden.db")
        audits = fill(database, endpoints, days, techniques)
        page = os.path.join(folder, "report.html")
        begun = time.monotonic()
        subprocess.run([probe, "report", "--html", page, "--config", path], check=True)
        seconds = time.monotonic() - begun
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"report: {endpoints} endpoints, {audits} audits of {days} days: database "
              f"{os.path.getsize(database) / 1e6:.1f} MB, written in {seconds:.2f} s with at most "
              f"{memory:.0f} MB, page {os.path.getsize(page) / 1e6:.1f} MB")
        slow = False
        for width in (1280, 360):
            milliseconds = min(look(page, width) for _ in range(3))
            slow |= milliseconds >= LIMIT_MS
            print(f"report: opened {width} wide in {milliseconds:.0f} ms (limit {LIMIT_MS})")
        return not slow


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--endpoints", type=int, default=500)
    parser.add_argument("--days", type=int, default=365)
    arguments = parser.parse_args()
    return 0 if measure(arguments.build, arguments.endpoints, arguments.days) else 1


if __name__ == "__main__":
    sys.exit(main())
