"""Hosts: network namespaces with an own /run, /dev, resolver and host name, joined by bridges."""

import contextlib
import ctypes
import ipaddress
import os
import socket
import struct
import subprocess
import sys
import threading

from . import folder, smtp
from .process import HANG, LabError, run, wait_until

CLONE_NEWNET = 0x40000000
# Every host on the lab's internet reaches these directly. All else is unreachable at once.
INTERNET = ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24", "2001:db8::/32")
INSIDE = ("172.22.1.0/24", "fd22:1::/64")
GATEWAY_INSIDE = ("172.22.1.1", "fd22:1::1")
# States and flags as /proc/net shows them.
TCP_ESTABLISHED, TCP_LISTEN = "01", "0A"
# Questions to sock_diag(7), and its answers.
SOCK_DIAG, SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, NLMSG_ERROR, NLMSG_DONE = 4, 20, 0x301, 2, 3
UNIX_CONNECTED, UNIX_LISTENS = "03", 0x10000

_libc = ctypes.CDLL(None, use_errno=True)


def _batch(commands, *options):
    """Runs many ip(8) commands in one process."""
    run(["ip", *options, "-batch", "-"], input="\n".join(commands) + "\n")


def make_namespace(name):
    run(["ip", "netns", "add", name])


def make_bridge(namespace, name):
    _batch(
        [
            f"link add {name} type bridge mcast_snooping 0",
            f"link set {name} up",
            "link set lo up",
        ],
        "-n",
        namespace,
    )


def prefix(address, length=None):
    """An address as `ip addr add` wants it; alone on its interface unless a length is given."""
    if length is None:
        length = 128 if ":" in address else 32
    return f"{address}/{length}"


class Host:
    """One machine of the lab.

    name: as given to Lab.host. hostname: what it calls itself. address, address6: its first ones.
    folder: where its daemons keep their files. pid: a process that lives there.
    """

    def __init__(self, lab, name, hostname, addresses, network):
        self.lab = lab
        self.name = name
        self.hostname = hostname
        self.network = network
        self.addresses = []
        self.netns = f"{folder.PREFIX}{lab.id}-{name}"
        self.folder = os.path.join(lab.folder, name)
        os.makedirs(os.path.join(self.folder, "etc"))
        self._write_etc()
        make_namespace(self.netns)
        self._hold()
        self._join(addresses)

    # ---- making it ----

    def _write_etc(self):
        self.write_resolver(self.lab.nameserver)
        self._etc("hosts", "127.0.0.1 localhost\n::1 localhost\n")
        self._etc("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
                                   "services: files\nprotocols: files\nnetworks: files\n")

    def _etc(self, name, text):
        # In place: the file is bind-mounted over the machine's.
        with open(os.path.join(self.folder, "etc", name), "w", encoding="ascii") as file:
            file.write(text)

    def write_resolver(self, nameserver):
        """Points the host at a nameserver. Nobody serves on loopback: a refusal comes at once."""
        self._etc("resolv.conf",
                  f"nameserver {nameserver or '127.0.0.1'}\noptions timeout:1 attempts:2\n")

    def _hold(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "holder.sh")
        self._holder = subprocess.Popen(
            ["ip", "netns", "exec", self.netns, "unshare", "--uts", "sh", script,
             self.lab.folder, self.folder, self.hostname],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, cwd="/")
        self.pid = self._holder.pid
        if self._holder.stdout.readline() != "ready\n":
            self._holder.kill()
            raise LabError(f"host {self.name}: {self._holder.communicate()[1]}")

    def _join(self, addresses):
        bridge_namespace, bridge = self.lab.bridge(self.network)
        inside = self.network == "inside"
        _batch([f"link add eth0 netns {self.netns} type veth peer name {self.name} "
                f"netns {bridge_namespace}"])
        _batch([f"link set {self.name} master {bridge} up"], "-n", bridge_namespace)
        commands = ["link set lo up", "link set eth0 up"]
        for address in addresses:
            length = (64 if ":" in address else 24) if inside else None
            commands += self._adding(address, length)
        if inside:
            commands += [f"route add default via {via}" for via in GATEWAY_INSIDE]
        else:
            commands += [f"route add {network} dev eth0" for network in INTERNET]
        _batch(commands, "-n", self.netns)

    def _adding(self, address, length=None):
        self.addresses.append(address)
        nodad = " nodad" if ":" in address else ""
        return [f"addr add {prefix(address, length)} dev eth0{nodad}"]

    def add_address(self, address):
        _batch(self._adding(address), "-n", self.netns)

    def remove_address(self, address):
        self.addresses.remove(address)
        _batch([f"addr del {prefix(address)} dev eth0"], "-n", self.netns)

    @property
    def address(self):
        return next(address for address in self.addresses if ":" not in address)

    @property
    def address6(self):
        return next(address for address in self.addresses if ":" in address)

    # ---- using it ----

    def new_folder(self, name):
        """A folder for a daemon's files: NAME, or NAME-2 and so on if there is one already."""
        path, number = os.path.join(self.folder, name), 1
        while os.path.exists(path):
            number += 1
            path = os.path.join(self.folder, f"{name}-{number}")
        os.mkdir(path)
        return path

    def _enter(self, argv):
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--root",
                f"--wdns={os.getcwd()}", "--", *map(str, argv)]

    def run(self, argv, check=True, timeout=60, **keywords):
        """Runs a command there to its end; see process.run."""
        return run(self._enter(argv), check=check, timeout=timeout, **keywords)

    def popen(self, argv, **keywords):
        """Starts a command there. Its pid is the program's own. The lab kills it at the latest."""
        keywords.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(self._enter(argv), **keywords)
        self.lab.children.append(process)
        return process

    def within(self, function):
        """Calls `function` in this host's network (not its files) and returns what it returns.

        Sockets that it makes stay in that network wherever they are used afterwards.
        """
        outcome = []

        def work():
            try:
                with open(os.path.join(folder.NETNS, self.netns), "rb") as file:
                    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                outcome.extend((True, function()))
            except BaseException as error:  # pylint: disable=broad-except
                outcome.extend((False, error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if not outcome[0]:
            raise outcome[1]
        return outcome[1]

    def connect(self, address, port=25, source=None, timeout=HANG):
        """A connected TCP socket from here, from the address `source` if given."""
        if source is None and ":" not in address and address.count(".") != 3:
            raise LabError(f"{address}: an address is wanted")
        where = (source, 0) if source else None
        return self.within(
            lambda: socket.create_connection((address, port), timeout, source_address=where))

    def listen(self, port, address=None, backlog=64):
        """A listening TCP socket here, for a server that a test plays itself."""
        address = address or self.address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def make():
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, port))
            listener.listen(backlog)
            return listener

        return self.within(make)

    def session(self, address, port=25, source=None, timeout=HANG):
        """An smtp.Session from here, its greeting not yet read."""
        return smtp.Session(self.connect(address, port, source, timeout))

    def smtp(self, address, commands, port=25, source=None, timeout=HANG):
        """Says `commands` one after the other and returns the replies, the greeting first.

        See smtp.converse for what a command may be.
        """
        with self.session(address, port, source, timeout) as session:
            return smtp.converse(session, commands)

    def _tcp(self, state):
        """The local (address, port) pairs of the TCP sockets here that are in a state."""
        found = []
        for name in ("tcp", "tcp6"):
            with contextlib.suppress(FileNotFoundError):
                with open(f"/proc/{self.pid}/net/{name}", encoding="ascii") as file:
                    for line in file.readlines()[1:]:
                        fields = line.split()
                        if fields[3] == state:
                            found.append(_endpoint(fields[1]))
        return found

    def _unix(self, path):
        """(flags, state) of the UNIX sockets with that path, as their listener named it."""
        with open(f"/proc/{self.pid}/net/unix", encoding="utf-8", errors="replace") as file:
            lines = [line.split(None, 7) for line in file.readlines()[1:]]
        return [(int(fields[3], 16), fields[5]) for fields in lines
                if len(fields) == 8 and fields[7].rstrip("\n") == path]

    def listeners(self):
        """The (address, port) pairs on which something here listens for TCP. For the files in /proc the kernel looks
        through its table of all connections of the machine, which takes 10 ms each time; some kernels have nothing else."""
        try:
            asker = self.within(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG))
            with asker:
                return [*_listening(asker, socket.AF_INET), *_listening(asker, socket.AF_INET6)]
        except OSError:
            return self._tcp(TCP_LISTEN)

    def listening(self, port, address=None):
        """Whether something here listens on the port (at the address, or at all of them)."""
        return any(number == port and (address is None or bound in (address, "0.0.0.0", "::"))
                   for bound, number in self.listeners())

    def listening_widely(self, port):
        """Whether something listens on the port in both families, or at addresses of its own: a server that opens one
        socket after the other refuses the second family for a moment."""
        bound = {address for address, number in self.listeners() if number == port}
        wide = bound & {"0.0.0.0", "::"}
        return bool(bound) and len(wide) != 1

    def wait_listening(self, port, address=None, timeout=HANG):
        wait_until(lambda: self.listening(port, address), timeout,
                   f"a listener on port {port} of {self.name}")

    def unix_listening(self, path):
        """Whether something on this host listens on the UNIX socket (as named by its listener)."""
        return any(flags & UNIX_LISTENS for flags, _ in self._unix(path))

    def connected(self, port_or_path):
        """How many established connections a TCP port or a UNIX socket of this host has."""
        if isinstance(port_or_path, int):
            return sum(port == port_or_path for _, port in self._tcp(TCP_ESTABLISHED))
        return sum(state == UNIX_CONNECTED for _, state in self._unix(port_or_path))

    def release(self):
        """Reaps the process that held the host open, once the lab has killed it."""
        self._holder.communicate()

    def processes(self):
        """The pids of everything that runs here, but for the one that holds the host open."""
        return [pid for pid in folder.processes([self.netns]) if pid != self.pid]


def _listening(asker, family):
    """The (address, port) pairs of the TCP sockets that listen in the network of that sock_diag(7) socket."""
    request = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 0, 1 << int(TCP_LISTEN, 16))
    asker.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, 1, 0) + request)
    found = []
    while True:
        answer, offset = asker.recv(1 << 16), 0
        while offset < len(answer):
            length, kind = struct.unpack_from("=IH", answer, offset)
            if kind == NLMSG_DONE:
                return found
            if kind == NLMSG_ERROR:
                raise OSError("the kernel does not tell its sockets")
            port, = struct.unpack_from(">H", answer, offset + 20)
            packed = answer[offset + 24:offset + (28 if family == socket.AF_INET else 40)]
            found.append((str(ipaddress.ip_address(packed)), port))
            offset += (length + 3) & ~3


def _endpoint(text):
    """'0100007F:0019' of /proc/net/tcp: words of the machine's byte order."""
    address, port = text.split(":")
    words = [int(address[i:i + 8], 16) for i in range(0, len(address), 8)]
    packed = b"".join(struct.pack("=I" if sys.byteorder == "little" else ">I", w) for w in words)
    return str(ipaddress.ip_address(packed)), int(port, 16)
