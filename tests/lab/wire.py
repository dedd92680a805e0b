"""All that a host sends, as it left on its network."""

import collections
import ipaddress
import socket
import struct
import threading

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_STATISTICS = 263, 6
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
TCP, UDP, ICMPV6 = 6, 17, 58
SYN = 0x02
NAMES = {TCP: "tcp", UDP: "udp", ICMPV6: "icmp6"}

Packet = collections.namedtuple("Packet", "kind source destination source_port port flags number octets")
Packet.__doc__ = """One packet. kind: tcp, udp, icmp6, arp, or a number; destination: as text, for arp
the address that is asked for; number: TCP's sequence number, ICMPv6's type; octets: the payload."""


class Wire:
    """Listens on eth0 of a host from now on: `with Wire(host) as wire: ...; wire.packets`.

    Nothing is lost: that the kernel dropped none is seen to.
    """

    def __init__(self, host):
        self.packets = []
        self._socket = host.within(self._open)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @staticmethod
    def _open():
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        listener.bind(("eth0", ETH_P_ALL))
        listener.settimeout(0.1)
        return listener

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()
        _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()
        assert dropped == 0, f"{dropped} packets were not seen"

    def _listen(self):
        """Until the end is asked for and nothing is left to read."""
        while True:
            ending = self._ending.is_set()
            try:
                frame, where = self._socket.recvfrom(1 << 17)
            except TimeoutError:
                if ending:
                    return
                continue
            if where[2] == PACKET_OUTGOING:
                self.packets.append(dissect(where[1], frame[14:]))

    def destinations(self, *kinds):
        """(address, port) pairs of all packets of these kinds."""
        return {(packet.destination, packet.port) for packet in self.packets if packet.kind in kinds}

    def streams(self):
        """The dialogue on each TCP connection, by (address, port, source port)."""
        starts, parts = {}, collections.defaultdict(dict)
        for packet in self.packets:
            if packet.kind != "tcp":
                continue
            name = (packet.destination, packet.port, packet.source_port)
            if packet.flags & SYN:
                starts[name] = packet.number + 1
            elif packet.octets:
                parts[name][(packet.number - starts[name]) & 0xFFFFFFFF] = packet.octets
        return {name: _join(parts[name]) for name in starts}


def _join(parts):
    """Pieces by offset; a piece that was sent twice counts once."""
    whole = b""
    for offset in sorted(parts):
        assert offset <= len(whole), "a piece of a TCP stream was not seen"
        whole = whole[:offset] + parts[offset] + whole[offset + len(parts[offset]):]
    return whole


def dissect(protocol, octets):
    """A Packet of what follows the Ethernet header (RFC 826, 791, 8200)."""
    if protocol == ARP:
        return Packet("arp", _text(octets[14:18]), _text(octets[24:28]), 0, 0, 0, 0, b"")
    if protocol == IPV4:
        header, total = (octets[0] & 15) * 4, struct.unpack("!H", octets[2:4])[0]
        return _transport(octets[9], _text(octets[12:16]), _text(octets[16:20]),
                          octets[header:total])
    assert protocol == IPV6, f"Ethernet protocol {protocol:#x}"
    kind, rest = octets[6], octets[40:40 + struct.unpack("!H", octets[4:6])[0]]
    if kind == 0:  # hop-by-hop options
        kind, rest = rest[0], rest[(rest[1] + 1) * 8:]
    return _transport(kind, _text(octets[8:24]), _text(octets[24:40]), rest)


def _text(octets):
    return str(ipaddress.ip_address(octets))


def _transport(kind, source, destination, octets):
    source_port = port = flags = number = 0
    if kind in (TCP, UDP):
        source_port, port = struct.unpack("!HH", octets[:4])
    if kind == TCP:
        number, flags = struct.unpack("!I", octets[4:8])[0], octets[13]
        octets = octets[(octets[12] >> 4) * 4:]
    elif kind == UDP:
        octets = octets[8:]
    elif kind == ICMPV6:
        number = octets[0]
    return Packet(NAMES.get(kind, kind), source, destination, source_port, port, flags, number, octets)


def question(octets):
    """The name that a DNS query asks for (RFC 1035 section 4.1.2)."""
    labels, at = [], 12
    while octets[at]:
        labels.append(octets[at + 1:at + 1 + octets[at]].decode("ascii"))
        at += octets[at] + 1
    return ".".join(labels).lower()
