"""Outlives the owner of a lab and clears up after it, should it die without doing so.

Run as: guardian.py ID, with a pipe from the owner as standard input. Its end means that the owner
is gone, however that came about. A lab that was closed in order leaves nothing to do.
"""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import folder  # noqa: E402  (needs the path above)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while sys.stdin.buffer.read(1):
        pass
    if os.path.isdir(os.path.join(folder.ROOT, sys.argv[1])) or folder.namespaces(sys.argv[1]):
        folder.destroy_stale(sys.argv[1], wait=True)


main()
