#!/usr/bin/python3
"""Checks the house: which room may include and call which, that nothing goes in a circle, that each
library stays in its room, and that no folder is crowded.

ROOMS is the one table of it. Prints FILE:LINE: what is wrong, and exits with 1 if there was anything.
Calls are read from the objects of a build (--objects; build/gcc): a name that one file defines and
another uses. A file and its header are one node.
"""

import argparse
import collections
import fnmatch
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER_MAX = 20  # .c files

# Each room with those below it, which it may include and call. A room's users may use all that it may use.
BELOW = {
    "lib": (),
    "lib/sys": ("lib",),
    "lib/state": ("lib/sys",),
    "lib/postgresql": ("lib",),
    "lib/postgresql/module": ("lib/postgresql",),
    "lib/alert/sink": ("lib/sys",),
    "lib/alert": ("lib/state", "lib/alert/sink"),
    "lib/http": ("lib/sys",),
    "conf": ("lib/alert", "lib/http"),
    "milter": ("conf",),
    "milter/tokens": ("milter",),
    "milter/discover": ("milter",),
    "milter/service": ("milter",),
    "milter/status": ("milter", "lib/postgresql"),
    "probe/model": ("conf",),
    "probe/net": ("conf",),
    "probe/dns": ("probe/model", "probe/net"),
    "probe/smtp/reply": ("probe/model", "probe/net"),
    "probe/smtp": ("probe/smtp/reply",),
    "probe/smtp/client": ("probe/smtp",),
    "probe/judge": ("probe/dns", "probe/smtp"),
    "probe/audit": ("probe/judge", "probe/smtp/client"),
    "probe/report": ("probe/audit",),
    "probe/report/page": ("probe/report",),
    "probe/http": ("probe/report/page", "lib/http"),
    "probe/rehearse/stage": ("probe/report",),
    "probe/rehearse": ("probe/rehearse/stage",),
    "probe/rehearse/postfix": ("probe/rehearse",),
    "probe/rehearse/exim": ("probe/rehearse",),
    "probe/rehearse/sendmail": ("probe/rehearse",),
    "probe/fleet": ("probe/report", "lib/postgresql"),
    "probe/cli": ("probe/http", "probe/fleet", "probe/rehearse/postfix", "probe/rehearse/exim", "probe/rehearse/sendmail"),
    "tests": ("milter/tokens", "milter/discover", "milter/service", "milter/status", "probe/cli"),
}
# The filter is one floor: its rooms may use each other, in no circle.
MILTER = ("milter", "milter/tokens", "milter/discover", "milter/service", "milter/status")

# Owed: directions, folders and circles that still stand, each to be mended. A line that is mended and still
# stands here is a fault, too.
OWED = {
    "direction": set(),
    "crowded": set(),
    # By one of its members.
    "circle": set(),
}

# Which files may include a library's headers. The unit tests of a room may do so, too.
LIBRARIES = {
    "libmilter/*": ("milter/callbacks.c", "tests/*"),
    "ares*.h": ("probe/dns/*", "tests/*"),
    "event2/*": ("probe/net/*", "lib/http/*", "tests/*"),
    "openssl/ssl.h": ("probe/net/*", "tests/*"),
    "openssl/x509*": ("probe/net/tls.c", "probe/net/self_signed.c", "tests/*"),
    "openssl/ec.h": ("probe/net/self_signed.c",),
    "openssl/pem.h": ("probe/net/self_signed.c",),
    "libmnl/*": ("probe/rehearse/stage/wires.c",),
    "openssl/bio.h": ("probe/net/*", "tests/*"),
    "openssl/err.h": ("probe/net/*", "tests/*"),
    "openssl/hmac.h": ("lib/token.c",),
    "openssl/evp.h": ("lib/token.c", "probe/net/self_signed.c"),
    "openssl/crypto.h": ("lib/token.c",),
    "sqlite3.h": ("lib/state/*", "tests/*"),
    "libpq-fe.h": ("lib/postgresql/module/*",),
    "confuse.h": ("conf/*",),
    "idn2.h": ("lib/domain.c",),
    "libpsl.h": ("lib/*.c",),
    "curl/*": ("lib/alert/sink/http.c",),
}

TITLE = re.compile(r"\A/\*\s*(?:\* )?(\w+) - ")  # of a header's comment
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def closure(room):
    """The room itself and all that it may use."""
    found = {room}
    for lower in BELOW[room]:
        found |= closure(lower)
    return found


ALLOWED = {room: closure(room) | (set(MILTER) if room in MILTER else set()) for room in BELOW}
_met = {kind: set() for kind in OWED}  # of what is owed


def is_owed(kind, what):
    if what in OWED[kind]:
        _met[kind].add(what)
        return True
    return False


def room_of(path):
    return max((room for room in BELOW if path.startswith(room + "/")), key=len, default=None)


def node_of(path):
    return os.path.splitext(path)[0]


def sources():
    """Every C file of the project, from the root."""
    found = []
    for top in ("lib", "conf", "milter", "probe", "tests"):
        for kind in ("c", "h"):
            found += glob.glob(f"{top}/**/*.{kind}", root_dir=ROOT, recursive=True)
    return sorted(set(found))


def library_fault(path, header):
    for pattern, homes in LIBRARIES.items():
        if fnmatch.fnmatch(header, pattern):
            if any(fnmatch.fnmatch(path, home) for home in homes):
                return None
            return f"<{header}> belongs to {', '.join(homes)}"
    return None


def direction_fault(path, target, verb):
    room, other = room_of(path), room_of(target)
    if other is None:
        return f'"{target}" is not written from the root'
    if other not in ALLOWED[room] and not is_owed("direction", (room, other)):
        return f"{room} must not {verb} {other} ({target})"
    return None


def read_includes(paths):
    """Faults of single directives; and the arrows between nodes, each with the line that makes it."""
    faults, arrows = [], {}
    for path in paths:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                mark, header = match.groups()
                if mark == "<":
                    fault = library_fault(path, header)
                elif not os.path.exists(os.path.join(ROOT, header)):
                    fault = f'"{header}" does not exist'
                else:
                    fault = direction_fault(path, header, "include")
                    if node_of(path) != node_of(header):
                        arrows.setdefault((node_of(path), node_of(header)),
                                          f'{path}:{number}: includes "{header}"')
                if fault:
                    faults.append(f"{path}:{number}: {fault}")
    return faults, arrows


def read_objects(folder):
    """Which node defines a name, and which names a node uses, as nm(1) has them."""
    defined, used = {}, collections.defaultdict(set)
    objects = {}
    for path in glob.glob(f"{folder}/**/*.o", root_dir=ROOT, recursive=True):
        node = node_of(os.path.relpath(path, folder))
        if room_of(node) not in (None, "tests") and os.path.exists(os.path.join(ROOT, node + ".c")):
            objects[path] = node
    if not objects:
        return defined, used
    out = subprocess.run(["nm", "--print-file-name", "--format=posix", *objects], cwd=ROOT,
                         capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        path, _, symbol = line.partition(": ")
        name, kind = symbol.split()[:2]
        if kind in "TDBRC":
            defined[name] = objects[path]
        elif kind == "U":
            used[objects[path]].add(name)
    return defined, used


def line_of(path, name):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if re.search(rf"\b{re.escape(name)}\b", line):
                return number
    return 1


def read_calls(folder):
    faults, arrows = [], {}
    defined, used = read_objects(folder)
    if not defined:
        return [f"{folder}: there are no objects to read calls from; build first"], arrows
    for node, names in sorted(used.items()):
        for name in sorted(names):
            target = defined.get(name)
            if target is None or target == node:
                continue
            path = node + ".c"
            fault = direction_fault(path, target + ".c", "call")
            if fault:
                faults.append(f"{path}:{line_of(path, name)}: {name}: {fault}")
            arrows.setdefault((node, target), None)
            if arrows[(node, target)] is None:
                arrows[(node, target)] = f"{path}:{line_of(path, name)}: calls {name} of {target}.c"
    return faults, arrows


def circles(arrows):
    """The strongly connected sets of more than one node (Tarjan)."""
    after = collections.defaultdict(list)
    for start, end in arrows:
        after[start].append(end)
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in after[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            members = []
            while not members or members[-1] != node:
                members.append(stack.pop())
            if len(members) > 1:
                found.append(sorted(members))

    sys.setrecursionlimit(10000)
    for node in sorted(after):
        if node not in index:
            visit(node)
    return found


def crowded():
    count = collections.Counter(os.path.dirname(path) for path in sources()
                                if path.endswith(".c") and not path.startswith("tests/"))
    return [f"{folder}: {number} .c files, more than {FOLDER_MAX}" for folder, number in
            sorted(count.items()) if number > FOLDER_MAX and not is_owed("crowded", folder)]


def titles(paths):
    """Headers whose comment begins with another name than the file's."""
    found = []
    for path in paths:
        if path.endswith(".h") and not path.startswith("tests/"):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                match = TITLE.match(file.read(200))
            if match and match.group(1) != os.path.basename(node_of(path)):
                found.append(f"{path}:2: the comment is about {match.group(1)}")
    return found


def main():
    parser = argparse.ArgumentParser(description="Checks includes, calls, circles and folders.")
    parser.add_argument("--objects", default="build/gcc", help="a build's folder, for the calls")
    options = parser.parse_args()
    paths = sources()
    faults, arrows = read_includes(paths)
    more, calls = read_calls(options.objects)
    faults += more + crowded() + titles(paths)
    arrows = {**calls, **arrows}
    for members in circles(arrows):
        if [member for member in members if is_owed("circle", member)]:
            continue
        faults.append(f"a circle of {', '.join(members)}:")
        faults += [f"    {why}" for (start, end), why in sorted(arrows.items())
                   if start in members and end in members]
    faults += [f"tests/rooms.py: {what} is not owed any more" for kind, owed in OWED.items()
               for what in sorted(owed - _met[kind])]
    if faults:
        print("\n".join(faults))
    return 1 if faults or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
