"""Runs a folder's Sendmail as its host would, and asks it one thing: no part of ours is used.

    python3 sendmail_by_hand.py FOLDER ADDRESS CLIENT NAME LINE...

Where the unpacked Sendmail is installed (installed.py), in a network namespace of its own. FOLDER becomes /etc/mail,
ADDRESS the host's, CLIENT the stranger's, NAME his reverse name. sendmail.cf and the map are made as make(1) would. Each
LINE is said when the one before is answered; the last one's answer is printed.
"""

import os
import re
import socket
import subprocess
import sys
import time

from by_hand import connect, reply

HERE = "/etc/mail"
PROGRAMS = "/usr/libexec/sendmail"


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def make():
    """The maps that are older than their source, or not there."""
    def is_old(target, source):
        source = os.path.join(HERE, source)
        target = os.path.join(HERE, target)
        return os.path.exists(source) and (not os.path.exists(target)
                                           or os.path.getmtime(source) > os.path.getmtime(target))

    if is_old("sendmail.cf", "sendmail.mc"):
        made = subprocess.run(["m4", os.path.join(HERE, "sendmail.mc")], check=True, capture_output=True, cwd="/tmp").stdout
        with open(os.path.join(HERE, "sendmail.cf"), "wb") as file:
            file.write(made)
    if is_old("access.db", "access"):
        with open(os.path.join(HERE, "access"), "rb") as text:
            # Of two lines with one key it takes the first, and says so by its code.
            subprocess.run([os.path.join(PROGRAMS, "makemap"), "-C", "/dev/null", "hash", os.path.join(HERE, "access")],
                           stdin=text, check=False, stderr=subprocess.DEVNULL)


def name_hosts(address, client, name, said):
    """All names that are claimed lead somewhere, as the rehearsal's do; the client's leads back to him."""
    lines = ["127.0.0.1 localhost", f"{address} mx.example.org", f"{client} {name}",
             f"127.0.1.1 {socket.gethostname()}.example.org {socket.gethostname()}"]
    lines += [f"203.0.113.99 {domain}" for domain in sorted(set(re.findall(r"@([\w.-]+)>", " ".join(said))))]
    for path, text in (("/etc/hosts", "\n".join(lines) + "\n"), ("/etc/nsswitch.conf", "hosts: files\npasswd: files\n")):
        ours = os.path.join("/mnt", os.path.basename(path))
        with open(ours, "w", encoding="utf-8") as file:
            file.write(text)
        run("mount", "--bind", ours, path)


def main(folder, address, client, name, *said):
    run("mount", "-t", "tmpfs", "tmpfs", "/mnt")
    os.mkdir("/mnt/queue", 0o700)
    run("ip", "link", "set", "lo", "up")
    for own in (address, client):
        run("ip", "address", "add", own, "dev", "lo", *(["nodad"] if ":" in own else []))
    run("mount", "--bind", folder, HERE)
    make()
    name_hosts(address, client, name, said)
    # The stranger's address is on this host, too: it must not count as the host's own.
    with subprocess.Popen([os.path.join(PROGRAMS, "sendmail"), "-C", os.path.join(HERE, "sendmail.cf"),
                           "-O", "QueueDirectory=/mnt/queue", "-O", "PidFile=/mnt/pid", "-O", "QueueLA=1000",
                           "-O", "RefuseLA=1000", "-O", "DontProbeInterfaces=true", "-bD"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env={}) as daemon:
        try:
            with connect(client, address, time.monotonic() + 60) as peer:
                lines = peer.makefile("r", encoding="utf-8", errors="replace", newline="\n")
                answer = reply(lines)
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
