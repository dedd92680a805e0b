#!/usr/bin/python3
"""make bench: an alert storm, 100,000 findings of 1,000 subjects, on the path of alerts alone.

The findings come from 4 threads as fast as they can (tests/bench/alerts.c), with a database, a JSON file, metrics and a syslog
daemon that reads. Printed: how long the findings took to be handed over and to be through, the longest that one thread waited
for the hand-over, how many lines came out, whether every finding was counted, and memory.
"""

import argparse
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab.config import Config  # noqa: E402


def receive(daemon, lines):
    while True:
        line = daemon.recv(65536)
        if line == b"end":
            return
        lines.append(line)


def storm(build, findings, subjects):
    with tempfile.TemporaryDirectory(prefix="relaywarden-storm-") as folder:
        os.mkdir(os.path.join(folder, "milter"))
        log, alerts = os.path.join(folder, "log"), os.path.join(folder, "alerts.json")
        config = Config(alert={"json": alerts, "metrics_directory": folder}, state_directory=folder)
        path = config.write(os.path.join(folder, "relaywarden.conf"))
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        daemon.bind(log)
        lines = []
        reader = threading.Thread(target=receive, args=(daemon, lines))
        reader.start()
        done = subprocess.run([os.path.join(build, "bench/alerts"), path, "milter", log], check=True,
                              input=f"storm {findings} {subjects}\n", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        daemon_end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        daemon_end.sendto(b"end", log)
        reader.join()
        with open(alerts, encoding="utf-8") as file:
            written = sum(1 for _ in file)
        database = sqlite3.connect(os.path.join(folder, "milter/relaywarden.db"))
        rows, counted = database.execute("SELECT count(*), sum(count) FROM incident").fetchone()
        database.close()
        return {**json.loads(done.stdout), "syslog_lines": len(lines), "json_lines": written,
                "incidents": rows, "counted": counted}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--findings", type=int, default=100000)
    parser.add_argument("--subjects", type=int, default=1000)
    options = parser.parse_args()
    got = storm(os.path.abspath(options.build), options.findings, options.subjects)
    print(f"An alert storm: {got['findings']} findings of {got['subjects']} subjects, 4 threads.")
    print(f"  handed over in {got['hand_over_seconds']:.2f} s, "
          f"all through in {got['seconds']:.2f} s; longest hand-over "
          f"{got['longest_hand_over_seconds'] * 1000:.2f} ms")
    print(f"  {got['incidents']} incidents, {got['counted']} findings counted, "
          f"{got['syslog_lines']} lines of syslog, {got['json_lines']} of JSON")
    print(f"  memory at most {got['peak_kib'] / 1024:.1f} MiB, {got['peak_kib_before'] / 1024:.1f} MiB before")


if __name__ == "__main__":
    main()
