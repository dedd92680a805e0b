"""The lab: a small internet on one machine, made of network namespaces.

                     internet (bridge: 198.51.100.0/24, 203.0.113.0/24, 192.0.2.0/24, 2001:db8::/32)
        +----------+----------+---------------+--------------------+
     outside      dns       sink       mx, or gateway         any other host
  198.51.100.7    .53     198.51.100.80   203.0.113.25
                                             | (gateway only) inside: 172.22.1.1, fd22:1::1
                                            mta 172.22.1.10, fd22:1::10

Hosts come into being when first asked for. `mx` and `gateway` have the same public addresses: a lab
has one or the other.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

from . import folder, net
from .net import GATEWAY_INSIDE, Host
from .process import LabError, run

# name: (host name, addresses, network)
HOSTS = {
    "outside": ("probe.example.net", ("198.51.100.7", "2001:db8:51::7"), "internet"),
    "dns": ("dns.example.net", ("203.0.113.53", "2001:db8:113::53"), "internet"),
    "sink": ("outside.example.net", ("198.51.100.80", "2001:db8:51::80"), "internet"),
    "mx": ("mx.example.org", ("203.0.113.25", "2001:db8:113::25"), "internet"),
    "gateway": ("gateway.example.org", ("203.0.113.25", "2001:db8:113::25"), "internet"),
    "db": ("db.example.org", ("203.0.113.90", "2001:db8:113::90"), "internet"),
    "mta": ("mx.example.org", ("172.22.1.10", "fd22:1::10"), "inside"),
}


class Lab:
    """`with Lab() as lab:` gives an empty one and removes it with all that was started in it."""

    living = []

    def __init__(self):
        self.id = None
        self.folder = None
        self.hosts = {}
        self.nameserver = None
        self.children = []
        self.logs = {}  # by the folder of the daemon
        self._closing = contextlib.ExitStack()
        self._bridges = {}
        self._lock = None
        self._guardian = None
        self._signals = {}

    # ---- beginning and end ----

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces: run it as root")
        folder.sweep()
        self._catch_signals()
        self.id, self.folder, self._lock = folder.create()
        try:
            guardian = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guardian.py")
            self._guardian = subprocess.Popen(
                [sys.executable, "-sE", guardian, self.id], stdin=subprocess.PIPE,
                start_new_session=True, cwd="/")
            internet = f"{folder.PREFIX}{self.id}-internet"
            net.make_namespace(internet)
            net.make_bridge(internet, "br0")
            self._bridges["internet"] = (internet, "br0")
        except BaseException:
            self._remove()
            raise
        Lab.living.append(self)
        return self

    def __exit__(self, kind, error, trace):
        Lab.living.remove(self)
        try:
            if kind is None:
                self._closing.close()
            else:
                # The fault that led here matters more than one on the way out.
                with contextlib.suppress(Exception):
                    self._closing.close()
        finally:
            self._remove()

    def _remove(self):
        folder.destroy(self.id)
        self._lock.close()
        for host in self.hosts.values():
            host.release()
        for child in self.children:
            child.wait()
        if self._guardian:
            self._guardian.stdin.close()
            self._guardian.wait()
        for number, handler in self._signals.items():
            signal.signal(number, handler)

    def _catch_signals(self):
        """An order to end becomes an exception, so that the `with` blocks are left in order."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                self._signals[number] = signal.signal(number, _leave)

    def on_exit(self, function, *arguments):
        """To be called when the lab ends, last one first. An exception of it fails the test."""
        self._closing.callback(function, *arguments)

    def account(self, since=0):
        """The ends of all logs written to since then (time.time()), to see why a test failed."""
        return "\n".join(f"---- {log.path}\n{log.tail()}" for log in self.logs.values()
                         if log.mark() and os.path.getmtime(log.path) >= since)

    # ---- the network ----

    def host(self, name, hostname=None, addresses=None, network=None):
        """The host of that name, made when first asked for.

        Names of HOSTS need nothing else. Others need addresses; the first of each family are its
        `address` and `address6`. network: "internet" or "inside" (behind the gateway).
        """
        if name in self.hosts:
            return self.hosts[name]
        known = HOSTS.get(name, (f"{name}.example.net", None, "internet"))
        addresses = addresses or known[1]
        if not addresses:
            raise LabError(f"host {name}: no addresses given")
        network = network or known[2]
        host = Host(self, name, hostname or known[0], addresses, network)
        self.hosts[name] = host
        if name == "gateway":
            self._make_gateway(host)
        return host

    def bridge(self, network):
        """Namespace and name of the bridge that hosts of a network are joined to."""
        if network == "inside":
            self.host("gateway")
        return self._bridges[network]

    def _make_gateway(self, host):
        net.make_bridge(host.netns, "inside")
        for address, length in zip(GATEWAY_INSIDE, (24, 64)):
            nodad = ["nodad"] if ":" in address else []
            run(["ip", "-n", host.netns, "addr", "add", f"{address}/{length}", "dev", "inside",
                 *nodad])
        host.run(["sysctl", "-q", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])
        self._bridges["inside"] = (host.netns, "inside")

    def nat(self, masquerade=False, ports=(25,), to="mta", families=(4, 6)):
        """The gateway's translation, replacing what it was.

        Connections to `ports` of its public addresses go to host `to`. With masquerade they arrive
        there from the gateway's inside address, as with a container's proxy; without, the client's
        own address shows. Traffic from the inside always leaves from the public address.
        families: which IP versions are forwarded.
        """
        gateway, target = self.host("gateway"), self.host(to)
        wanted = ", ".join(str(port) for port in ports)
        forward, hide = [], []
        for family, word, public, private in (
            (4, "ip", gateway.address, target.address),
            (6, "ip6", gateway.address6, target.address6),
        ):
            if family in families:
                forward.append(
                    f"{word} daddr {public} tcp dport {{ {wanted} }} dnat {word} to {private}")
        if masquerade:
            hide.append('ct status dnat oifname "inside" masquerade')
        rules = "\n".join([
            "flush ruleset",
            "table inet nat {",
            "  chain forward_in { type nat hook prerouting priority dstnat;",
            *forward,
            "  }",
            "  chain hide { type nat hook postrouting priority srcnat;",
            'iifname "inside" oifname "eth0" masquerade',
            *hide,
            "  }",
            "}",
        ])
        gateway.run(["nft", "-f", "-"], input=rules + "\n")

    def resolve_at(self, nameserver):
        """Points all hosts, present and future, at a nameserver; None: at nobody."""
        self.nameserver = nameserver
        for host in self.hosts.values():
            host.write_resolver(nameserver)

    # ---- odds and ends ----

    def publish(self, path):
        """A copy of a file where every user can reach it: the tree may stand in a home that is closed
        to others."""
        public = os.path.join(self.folder, "public")
        os.makedirs(public, mode=0o755, exist_ok=True)
        return shutil.copy(path, public)

    def certificate(self, name="mx.example.org", folder_path=None):
        """A self-signed certificate. Returns the paths of the certificate and its key."""
        base = os.path.join(folder_path or self.folder, name)
        if not os.path.exists(base + ".pem"):
            run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                 "-addext", f"subjectAltName=DNS:{name}", "-keyout", base + ".key",
                 "-out", base + ".pem"])
        return base + ".pem", base + ".key"


def _leave(number, _frame):
    raise SystemExit(128 + number)
