"""Shared by the mail servers of the lab: where they are unpacked, and their processes."""

import os
import signal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVERS = os.path.join(ROOT, os.environ.get("RELAYWARDEN_SERVERS", "build/servers"))


def _statuses(host):
    """Of each process on a host: its number, its name, and the words behind that (proc(5), stat)."""
    for pid in host.processes():
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        yield pid, name, rest.split()


def children(host, parent):
    """The processes on a host that were started by `parent`: pid to program name."""
    return {pid: name for pid, name, words in _statuses(host) if int(words[1]) == parent}


def in_group(host, leader):
    """The processes on a host that are in the group of `leader` and run."""
    return [pid for pid, _, words in _statuses(host) if int(words[2]) == leader and words[0] not in "ZX"]


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
