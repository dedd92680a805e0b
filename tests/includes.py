#!/usr/bin/python3
"""Checks that includes go one way and that each library stays in its room (DESIGN's house).

Prints FILE:LINE: what is wrong, and exits with 1 if there was anything.
"""

import fnmatch
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOMS = ("lib", "lib/sys", "lib/state", "lib/alert", "conf", "milter", "probe", "tests")
ALERT = ("lib", "lib/sys", "lib/state", "lib/alert")

# What the files of a room may include of the project.
ALLOWED = {
    "lib": ("lib",),
    # What was lib/alert: its folders still include each other.
    "lib/sys": ALERT,
    "lib/state": ALERT,
    "lib/alert": ALERT,
    "conf": (*ALERT, "conf"),
    "milter": (*ALERT, "conf", "milter"),
    "probe": (*ALERT, "conf", "probe"),
    "tests": ROOMS,
}

# Which files may include a library's headers. The unit tests of a room may do so, too.
LIBRARIES = {
    "libmilter/*": ("milter/callbacks.c", "tests/unit/*", "tests/bench/*"),
    "ares*.h": ("probe/dns/dns.c", "probe/dns/dns.h", "probe/dns/dns_records.c",
                "tests/unit/probe/dns/*.c", "tests/fuzz/fuzz_dns.c"),
    "event2/bufferevent*": ("probe/net/connection.c", "tests/unit/probe/net/*.c"),
    "event2/*": ("probe/net/connection.c", "probe/dns/dns.c", "probe/audit/audit.c",
                 "probe/smtp/session.c", "probe/cli/main.c", "tests/unit/*"),
    "openssl/ssl.h": ("probe/net/connection.c", "probe/net/certificate.*",
                      "tests/unit/probe/net/*.c", "tests/unit/peer.c"),
    "openssl/x509*": ("probe/net/certificate.c", "tests/unit/peer.c"),
    "openssl/bio.h": ("probe/net/tls_bio.c", "probe/net/tls_bio.h",
                      "tests/unit/probe/net/test_tls_bio.c"),
    "openssl/err.h": ("probe/net/connection.c", "tests/unit/probe/net/*.c"),
    "openssl/hmac.h": ("lib/token.c",),
    "openssl/evp.h": ("lib/token.c",),
    "openssl/crypto.h": ("lib/token.c",),
    "sqlite3.h": ("lib/state/*.c", "lib/state/*.h", "tests/unit/*"),
    "confuse.h": ("conf/*.c", "conf/*.h"),
    "idn2.h": ("lib/domain.c",),
    "libpsl.h": ("lib/*.c",),
    "systemd/sd-journal.h": ("lib/alert/*.c",),
}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    return max((room for room in ROOMS if path.startswith(room + "/")), key=len, default=None)


def wrong_with(path, mark, header):
    """What is wrong with one include directive, or None."""
    if mark == '"':
        target = room_of(header)
        if target is None:
            return f'"{header}" is not written from the root'
        if not os.path.exists(os.path.join(ROOT, header)):
            return f'"{header}" does not exist'
        room = room_of(path)
        if target not in ALLOWED[room]:
            return f"{room} must not include {target}"
        return None
    for pattern, homes in LIBRARIES.items():
        if fnmatch.fnmatch(header, pattern):
            if any(fnmatch.fnmatch(path, home) for home in homes):
                return None
            return f"<{header}> belongs to {', '.join(homes)}"
    return None


def sources():
    """Every C file of the project, from the root."""
    found = []
    for room in ROOMS:
        for kind in ("c", "h"):
            found += glob.glob(f"{room}/**/*.{kind}", root_dir=ROOT, recursive=True)
    return sorted(set(found))


def main():
    mistakes = 0
    paths = sources()
    for path in paths:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = INCLUDE.match(line)
                reason = match and wrong_with(path, *match.groups())
                if reason:
                    print(f"{path}:{number}: {reason}")
                    mistakes += 1
    return 1 if mistakes or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
