"""What the mail servers of the lab share: where they are unpacked, and their processes."""

import os

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
