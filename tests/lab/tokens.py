"""Tokens and observations again, from lib/tokens.md and nothing else: what the programs say is checked
by another implementation, and tests play either half with it."""

import base64
import hashlib
import hmac
import os
import re
import time as clock
from dataclasses import dataclass, field

TRUE, HIDDEN, INSIDE, CLAIMED, UNKNOWN = 1, 2, 3, 4, 5
TOKEN = re.compile(r"(?<![A-Za-z0-9._+\x80-\U0010ffff-])rw1\.([a-z2-7]{56}|[a-z2-7]{20})"
                   r"(?![A-Za-z0-9._+\x80-\U0010ffff-])")
OBSERVATION = re.compile(r"(rwo1,[a-z0-9.:,=\[\]-]*?),mac=([a-z2-7]{26})")


def base32(octets):
    return base64.b32encode(octets).decode().rstrip("=").lower()


def unbase32(text):
    octets = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    if base32(octets) != text:
        raise ValueError("unused bits are set")
    return octets


def lower(text):
    """ASCII letters alone, as octets."""
    return text.encode("utf-8", "surrogateescape").lower()


def without_token(path):
    return lower(TOKEN.sub("", path, count=1))


class Key:
    def __init__(self, secret):
        self.secret = secret

    def derived(self, purpose):
        return hmac.digest(self.secret, b"rw1 " + purpose.encode(), hashlib.sha256)

    def mac(self, purpose, fields, size):
        text = b"".join(len(field).to_bytes(2, "big") + field for field in fields)
        return hmac.digest(self.derived(purpose), text, hashlib.sha256)[:size]

    @property
    def fingerprint(self):
        return self.derived("fingerprint")[:16].hex()

    def route(self, probe, target, endpoint):
        return self.mac("route", [probe.encode(), target.encode(), endpoint.encode()], 4)

    def hello(self, domain, *, route=b"\0\0\0\0", time=None, nonce=None):
        """(MAIL's path, nonce)"""
        nonce = os.urandom(11) if nonce is None else nonce
        seconds = (int(clock.time()) if time is None else time).to_bytes(4, "big")
        mac = self.mac("hello", [route, seconds, nonce, lower(domain)], 16)
        return f"<rw1.{base32(route + seconds + nonce + mac)}@{domain}>", nonce

    def ask(self, nonce, challenge, role, technique, sender, recipient):
        """`recipient` with a {} where the token goes."""
        head = bytes([role, technique])
        fields = [nonce, challenge, head[:1], head[1:], without_token(sender),
                  lower(recipient.replace("{}", ""))]
        return recipient.replace("{}", "rw1." + base32(head + self.mac("ask", fields, 10)))

    def observation_mac(self, path, nonce, challenge, text):
        return base32(self.mac("observation", [lower(path), nonce, challenge, text.encode()], 16))


@dataclass
class Observation:
    kind: str
    fields: dict = field(default_factory=dict)
    text: str = ""
    mac: str = ""

    def __getitem__(self, name):
        return self.fields[name]

    @property
    def challenge(self):
        return unbase32(self.fields["challenge"])

    def is_by(self, key, path, nonce, challenge=b""):
        """Whether it was made with this key for that command; `challenge` that of the connection,
        for the answer to an ask."""
        own = {"hello": lambda: self.challenge, "clock": lambda: b"", "ask": lambda: challenge}
        return hmac.compare_digest(self.mac,
                                   key.observation_mac(path, nonce, own[self.kind](), self.text))


def find(line):
    """The one observation in a reply's line, or None."""
    found = OBSERVATION.findall(line)
    if len(found) != 1 or line.count("rwo1,") != 1:
        return None
    text, mac = found[0]
    kind, *fields = text.split(",")[1:]
    return Observation(kind, dict(field.split("=", 1) for field in fields), text, mac)
