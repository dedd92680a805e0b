"""Shared by the mail servers of the lab: where they are unpacked, and their processes."""

import os
import signal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVERS = os.path.join(ROOT, os.environ.get("RELAYWARDEN_SERVERS", "build/servers"))


def children(host, parent):
    """The processes on a host that were started by `parent`: pid to program name."""
    found = {}
    for pid in host.processes():
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == parent:
            found[pid] = name
    return found


class Unpacked:
    """The common part of the servers that are only unpacked. `folder`, `logfile`, start() and stop() are theirs."""

    process = None

    def file(self, name, text):
        """Writes a file that the server may read, and returns its path."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def _end(self):
        """Asks the daemon to end, and waits for it; the processes that it had: pid to name."""
        family = children(self.host, self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process = None
        return family

    def restart(self):
        self.stop()
        return self.start()

    def log(self, since=0):
        """The lines of its log; see LogFile for marks and waiting, at `logfile`."""
        return self.logfile.lines(since)
