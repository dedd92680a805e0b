"""A client of a server that is tried by hand: of exim_by_hand.py and sendmail_by_hand.py."""

import socket
import time


def connect(client, address, deadline):
    """When the server listens, and the kernel has made the routes of new IPv6 addresses, which it does later."""
    while True:
        peer = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        peer.settimeout(60)
        try:
            peer.bind((client, 0))
            peer.connect((address, 25))
            return peer
        except OSError:
            peer.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def reply(lines):
    """The last line of a reply; "554 closed" when there is none."""
    while True:
        line = lines.readline()
        if not line:
            return "554 closed"
        if line[3:4] != "-":
            return line.rstrip()
