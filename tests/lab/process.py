"""Running commands, waiting for conditions, reading log files as they grow."""

import os
import re
import subprocess
import time


class LabError(Exception):
    """The lab itself did not work: what was tried, and what came back."""


def run(argv, check=True, timeout=60, **keywords):
    """Runs a command to its end and returns subprocess.CompletedProcess with text output."""
    if "input" not in keywords:
        keywords.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(
        [str(word) for word in argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        timeout=timeout,
        **keywords,
    )
    if check and done.returncode != 0:
        raise LabError(
            f"{' '.join(map(str, argv))}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done


HANG = 90  # seconds: no wait for what comes takes as long, however busy the machine is


def wait_until(condition, timeout=HANG, what="a condition", interval=0.005):
    """Calls `condition` until it returns something true, and returns that. One that takes long is asked less often:
    whoever waits computes for a third of the time at most."""
    deadline = time.monotonic() + timeout
    while True:
        began = time.monotonic()
        result = condition()
        if result:
            return result
        now = time.monotonic()
        if now > deadline:
            raise LabError(f"waited {timeout} s in vain for {what() if callable(what) else what}")
        time.sleep(max(interval, min(2 * (now - began), 0.5)))
        interval = min(interval * 1.5, 0.05)


def alive(pid):
    """Whether a process runs. One that is dead and merely not yet reaped does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


class LogFile:
    """A text file that a daemon appends to. `mark` and `lines(since)` show what one step added."""

    def __init__(self, path):
        self.path = path

    def mark(self):
        """The present end of the file, for `since`."""
        try:
            return os.path.getsize(self.path)
        except FileNotFoundError:
            return 0

    def text(self, since=0):
        try:
            with open(self.path, "rb") as file:
                file.seek(since)
                return file.read().decode("utf-8", "backslashreplace")
        except FileNotFoundError:
            return ""

    def lines(self, since=0):
        return self.text(since).splitlines()

    def find(self, regex, since=0):
        """All lines that match."""
        return [line for line in self.lines(since) if re.search(regex, line)]

    def wait_for(self, regex, timeout=HANG, count=1, since=0):
        """Waits until `count` lines match. Returns the first match object, or all if count > 1."""

        def found():
            matches = [re.search(regex, line) for line in self.lines(since)]
            matches = [match for match in matches if match]
            return matches if len(matches) >= count else None

        matches = wait_until(
            found,
            timeout,
            lambda: f"{count} of {regex!r} in {self.path}, which says:\n{self.tail(since=since)}",
        )
        return matches if count > 1 else matches[0]

    def tail(self, count=60, since=0):
        return "\n".join(self.lines(since)[-count:])
