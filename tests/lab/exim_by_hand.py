"""Runs a folder's Exim as its host would, and asks it one thing: no part of ours is used.

    python3 exim_by_hand.py FOLDER ADDRESS CLIENT LINE...

Where the unpacked Exim is installed (installed.py), in a network namespace of its own. FOLDER becomes /etc/exim4, ADDRESS
the host's, CLIENT the stranger's. Each LINE is said when the one before is answered; the last one's answer is printed.
"""

import os
import subprocess
import sys
import time

from by_hand import connect, reply

HERE = "/etc/exim4"


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def configuration():
    """The file that the host's Exim would read, but for its log, which goes to standard error."""
    for name in ("exim4.conf", "exim.conf"):
        if os.path.exists(os.path.join(HERE, name)):
            return os.path.join(HERE, name)
    made = "/var/spool/exim4/made.conf"
    run("update-exim4.conf", "-d", HERE, "-o", made)
    return made


def main(folder, address, client, *said):
    run("ip", "link", "set", "lo", "up")
    for name in (address, client):
        run("ip", "address", "add", name, "dev", "lo", *(["nodad"] if ":" in name else []))
    run("mount", "--bind", folder, HERE)
    with subprocess.Popen(["/usr/sbin/exim4", "-C", configuration(), "-bdf"], stdin=subprocess.DEVNULL, env={}) as daemon:
        try:
            with connect(client, address, time.monotonic() + 30) as peer:
                lines = peer.makefile("r", encoding="utf-8", errors="replace", newline="\n")
                answer = "" if said[0].startswith("PROXY") else reply(lines)
                for line in said:
                    try:
                        peer.sendall(line.encode() + b"\r\n")
                    except OSError:
                        pass  # it has hung up, which reply() tells
                    answer = reply(lines)
            print(answer)
        finally:
            daemon.kill()


main(*sys.argv[1:])
