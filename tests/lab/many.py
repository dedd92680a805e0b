"""Thousands of endpoints for next to nothing: tests/bench/light_server.c behind a whole network."""

import collections
import ipaddress
import json
import os
import subprocess
import sys

from .config import Config, write_text
from .programs import program

NETWORK = "2001:db8:1000::/64"
PORT = 25


def address(number):
    return str(ipaddress.ip_network(NETWORK)[number])


class LightServers:
    """The servers at every address of NETWORK, on `host`; those of the numbers `open_at` relay for anybody."""

    def __init__(self, host, client, open_at=()):
        self._host = host
        self._open_at = open_at
        self._process = None
        host.run(["ip", "-6", "route", "add", "local", NETWORK, "dev", "lo"])
        client.run(["ip", "-6", "route", "add", NETWORK, "via", host.address6])
        # Of connections that were closed a client keeps the address and port for a minute.
        client.run(["sysctl", "-q", "-w", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1"])

    def start(self):
        self._process = self._host.popen(
            [program("bench/light_server"), PORT, *map(address, self._open_at)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n"
        return self

    def stop(self):
        """How many connections came."""
        output, _ = self._process.communicate(timeout=30)
        return int(output)


def write_targets(path, count):
    """A file for target_files with that many of the servers."""
    return write_text(path, "".join(f"t{number} host {address(number)} {PORT}\n" for number in range(1, count + 1)))


def config_of(folder, count, **options):
    """A Config whose targets are that many of the servers."""
    targets = write_targets(os.path.join(folder, "targets"), count)
    return Config(probe={"target_files": [targets], **options.pop("probe", {})}, targets={}, **options)


def asked_endpoints(report):
    """(address, port) of each endpoint of a report."""
    return [(entry["address"], entry["port"]) for entry in report["endpoints"]]


# The need of a program. A process's peak has that of whoever forked it, up to its exec: so a small interpreter forks it.
MEASURE = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump([code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024], file)
"""

# code: its exit code. cpu: seconds. memory: octets that were resident at most. output, errors: what it wrote.
Measured = collections.namedtuple("Measured", "code cpu memory output errors")


def measure(host, folder, argv):
    """Runs a command on a host to its end."""
    paths = [os.path.join(folder, name) for name in ("output", "errors", "usage")]
    with open(paths[0], "wb") as output, open(paths[1], "wb") as errors:
        host.popen([sys.executable, "-S", "-c", MEASURE, paths[2], *argv], stdout=output, stderr=errors).wait()
    texts = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    return Measured(*json.loads(texts[2]), texts[0], texts[1])
