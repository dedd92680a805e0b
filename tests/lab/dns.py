"""The lab's DNS: a real nsd that serves one root zone, so that unknown names do not exist."""

import ipaddress
import os
import random
import socket
import struct

from .process import HANG, LabError, LogFile, wait_until

TYPE_SOA, CLASS_IN = 6, 1


def records_of(text_or_list):
    """Zone-file lines from a zone-file text or from (name, type, rdata) tuples."""
    if isinstance(text_or_list, str):
        return [line for line in text_or_list.splitlines() if line.strip()]
    return [f"{absolute(name)} {kind} {rdata}" for name, kind, rdata in text_or_list]


def absolute(name):
    return name if name.endswith(".") else name + "."


def pointer(address, name):
    """The PTR record of an address."""
    return (ipaddress.ip_address(address).reverse_pointer, "PTR", absolute(name))


# The world as most tests want it: addresses and names agree, and mail for the canary has one way.
DEFAULT_RECORDS = [
    ("example.org", "MX", "10 mx.example.org."),
    ("mx.example.org", "A", "203.0.113.25"),
    ("mx.example.org", "AAAA", "2001:db8:113::25"),
    ("outside.example.net", "MX", "10 outside.example.net."),
    ("outside.example.net", "A", "198.51.100.80"),
    ("outside.example.net", "AAAA", "2001:db8:51::80"),
    ("probe.example.net", "A", "198.51.100.7"),
    ("probe.example.net", "AAAA", "2001:db8:51::7"),
    pointer("203.0.113.25", "mx.example.org"),
    pointer("2001:db8:113::25", "mx.example.org"),
    pointer("198.51.100.80", "outside.example.net"),
    pointer("2001:db8:51::80", "outside.example.net"),
    pointer("198.51.100.7", "probe.example.net"),
    pointer("2001:db8:51::7", "probe.example.net"),
]


class Dns:
    """`Dns(lab, records=[("example.test", "A", "192.0.2.1")]).start()`.

    records: added to DEFAULT_RECORDS, or alone with defaults=False. Names of tuples are absolute;
    rdata is as in a zone file, with names ending in a dot. It answers over UDP and TCP on both
    addresses of its host, and every host of the lab asks it unless use=False.
    """

    def __init__(self, lab, host=None, records=(), defaults=True, use=True):
        self.lab = lab
        self.host = host or lab.host("dns")
        self.folder = self.host.new_folder("nsd")
        self.log = LogFile(os.path.join(self.folder, "log"))
        lab.logs[self.folder] = self.log
        self._serial = 0
        self._process = None
        self._use = use
        self.records = (records_of(DEFAULT_RECORDS) if defaults else []) + records_of(records)
        self._write_configuration()
        self._write_zone()

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _write_configuration(self):
        """Without a table of a million clients that would be limited: emptying it is most of nsd's start."""
        addresses = "\n".join(f"  ip-address: {address}" for address in self.host.addresses)
        with open(self._path("nsd.conf"), "w", encoding="ascii") as file:
            file.write(f"""server:
{addresses}
  username: ""
  database: ""
  zonesdir: "{self.folder}"
  pidfile: "{self._path('pid')}"
  xfrdfile: "{self._path('xfrd')}"
  xfrdir: "{self.folder}"
  zonelistfile: "{self._path('zones')}"
  logfile: "{self.log.path}"
  server-count: 1
  rrl-ratelimit: 0
  rrl-size: 1
  zonefiles-check: yes
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "root.zone"
""")

    def _write_zone(self):
        self._serial += 1
        head = ["$ORIGIN .", "$TTL 60",
                f". SOA dns.example.net. hostmaster.example.net. {self._serial} 3600 600 86400 60",
                ". NS dns.example.net."]
        head += [f"dns.example.net. {'AAAA' if ':' in address else 'A'} {address}"
                 for address in self.host.addresses]
        with open(self._path("root.zone"), "w", encoding="ascii") as file:
            file.write("\n".join([*head, *self.records]) + "\n")

    def start(self):
        self._serve()
        if self._use:
            self.lab.resolve_at(self.host.address)
        return self

    def _serve(self):
        # It would read all authorities that the machine trusts, for transfers that nobody asks for: half of its start.
        self._process = self.host.popen(["nsd", "-d", "-c", self._path("nsd.conf")],
                                        env={**os.environ, "SSL_CERT_FILE": "/dev/null"})
        self._wait_for_serial()

    def stop(self):
        """Nobody answers any more; hosts still ask here."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def replace(self, records, defaults=True):
        """Serves these records instead, from the moment it returns."""
        self.records = (records_of(DEFAULT_RECORDS) if defaults else []) + records_of(records)
        self._reload()

    def add(self, records):
        """Serves these as well."""
        self.records += records_of(records)
        self._reload()

    def _reload(self):
        """By a new nsd: after a SIGHUP the old one's child may still answer for a moment."""
        self._write_zone()
        if self._process:
            self.stop()
            self._serve()

    def _wait_for_serial(self):
        def served():
            if self._process.poll() is not None:
                raise LabError(f"nsd ended:\n{self.log.tail()}")
            return self._served_serial() == self._serial

        wait_until(served, HANG, lambda: f"nsd to serve the zone:\n{self.log.tail()}")

    def _served_serial(self):
        """Asks for the SOA of the root and takes the serial out of the answer."""
        identity = random.randrange(65536)
        query = struct.pack(">HHHHHH", identity, 0, 1, 0, 0, 0) + b"\0" + struct.pack(
            ">HH", TYPE_SOA, CLASS_IN)
        asker = self.host.within(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with asker:
            asker.settimeout(0.5)
            try:
                asker.connect((self.host.address, 53))
                asker.send(query)
                answer = asker.recv(4096)
            except OSError:
                return None
        found, flags, _, answers = struct.unpack(">HHHH", answer[:8])
        if found != identity or flags & 15 or not answers:
            return None
        # Behind the question (5 octets) is the answer: owner, fixed part, two names, numbers.
        offset = _after_name(answer, 12 + 5) + 10
        offset = _after_name(answer, _after_name(answer, offset))
        return struct.unpack(">I", answer[offset:offset + 4])[0]


def _after_name(message, offset):
    """The offset behind a possibly compressed name (RFC 1035 section 4.1.4)."""
    while True:
        length = message[offset]
        if length >= 0xC0:
            return offset + 2
        if length == 0:
            return offset + 1
        offset += 1 + length
