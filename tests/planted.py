#!/usr/bin/python3
"""Shows that tests/rooms.py finds what it looks for: plants one fault after the other in a copy of the
tree, and expects it to be named, with its line, and nothing else; the copy without one must be clean.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

import rooms

COPIED = ("lib", "conf", "milter", "probe", "tests")
CALL = "void {0}(void);\nvoid {1}(void);\nvoid {0}(void)\n{{\n    {1}();\n}}\n"

# Of each fault: its name, the files that make it, whether they are compiled (for the calls), and what
# must be said of it.
PLANTED = (
    ("an upward include", {"lib/planted.c": '\n#include "conf/conf.h"\n'}, False,
     ["lib/planted.c:2: lib must not include conf (conf/conf.h)"]),
    ("an include of the other program", {"probe/model/planted.h": '#include "milter/judge.h"\n'}, False,
     ["probe/model/planted.h:1: probe/model must not include milter (milter/judge.h)"]),
    ("an include of a file that is not there", {"lib/planted.c": '#include "lib/nowhere.h"\n'}, False,
     ['lib/planted.c:1: "lib/nowhere.h" does not exist']),
    ("a library outside its room", {"milter/planted.c": "#include <sqlite3.h>\n"}, False,
     ["milter/planted.c:1: <sqlite3.h> belongs to lib/state/*, tests/*"]),
    ("an upward call",
     {"lib/planted.c": CALL.format("planted_low", "planted_high"),
      "conf/planted.c": "void planted_high(void);\nvoid planted_high(void)\n{\n}\n"}, True,
     ["lib/planted.c:2: planted_high: lib must not call conf (conf/planted.c)"]),
    ("a circle of includes",
     {"lib/planted_a.h": '#include "lib/planted_b.h"\n', "lib/planted_b.h": '#include "lib/planted_c.h"\n',
      "lib/planted_c.h": '#include "lib/planted_a.h"\n'}, False,
     ["a circle of lib/planted_a, lib/planted_b, lib/planted_c:",
      '    lib/planted_a.h:1: includes "lib/planted_b.h"', '    lib/planted_b.h:1: includes "lib/planted_c.h"',
      '    lib/planted_c.h:1: includes "lib/planted_a.h"']),
    ("a circle of calls",
     {"probe/net/planted_a.c": CALL.format("planted_a", "planted_b"),
      "probe/net/planted_b.c": CALL.format("planted_b", "planted_a")}, True,
     ["a circle of probe/net/planted_a, probe/net/planted_b:",
      "    probe/net/planted_a.c:2: calls planted_b of probe/net/planted_b.c",
      "    probe/net/planted_b.c:2: calls planted_a of probe/net/planted_a.c"]),
    ("a circle of an include and a call",
     {"milter/planted_a.c": CALL.format("planted_a", "planted_b"), "milter/planted_a.h": "",
      "milter/planted_b.c": '#include "milter/planted_a.h"\nvoid planted_b(void);\nvoid planted_b(void)\n{\n}\n'},
     True,
     ["a circle of milter/planted_a, milter/planted_b:",
      "    milter/planted_a.c:2: calls planted_b of milter/planted_b.c",
      '    milter/planted_b.c:1: includes "milter/planted_a.h"']),
    ("a crowded folder",
     {f"lib/planted/planted_{number}.c": "" for number in range(rooms.FOLDER_MAX + 1)}, False,
     [f"lib/planted: {rooms.FOLDER_MAX + 1} .c files, more than {rooms.FOLDER_MAX}"]),
    ("a header that is about another", {"lib/planted.h": "/*\n * sown - what was planted\n */\n"}, False,
     ["lib/planted.h:2: the comment is about sown"]),
)


def copy(objects, tree):
    """The C files of the tree and their objects, and the lint itself."""
    for path in [*rooms.sources(), "tests/rooms.py"]:
        os.makedirs(os.path.join(tree, os.path.dirname(path)), exist_ok=True)
        shutil.copyfile(os.path.join(rooms.ROOT, path), os.path.join(tree, path))
    for top in COPIED[:-1]:
        shutil.copytree(os.path.join(rooms.ROOT, objects, top), os.path.join(tree, "build", top),
                        ignore=shutil.ignore_patterns("*.d"))


def lint(tree):
    done = subprocess.run([sys.executable, "tests/rooms.py", "--objects", "build"], cwd=tree, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout.splitlines()


@contextlib.contextmanager
def planted(tree, files, compiled):
    made = []
    for path, text in files.items():
        os.makedirs(os.path.join(tree, os.path.dirname(path)), exist_ok=True)
        made.append(os.path.join(tree, path))
        with open(made[-1], "w", encoding="utf-8") as file:
            file.write(text)
        if compiled and path.endswith(".c"):
            made.append(os.path.join(tree, "build", path[:-2] + ".o"))
            subprocess.run(["gcc", "-I.", "-c", "-o", made[-1], path], cwd=tree, check=True)
    try:
        yield
    finally:
        for path in made:
            os.unlink(path)


def main():
    parser = argparse.ArgumentParser(description="Plants faults that tests/rooms.py must find.")
    parser.add_argument("--objects", default="build/gcc", help="a build's folder, for the calls")
    options = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory() as tree:
        copy(options.objects, tree)
        if lint(tree) != (0, []):
            wrong.append(f"the tree without a planted fault: {lint(tree)}")
        for name, files, compiled, expected in PLANTED:
            with planted(tree, files, compiled):
                code, said = lint(tree)
            if code != 1 or said != expected:
                wrong.append("\n".join([f"{name}: exit code {code}, and it says", *said,
                                        "instead of", *expected]))
    print("\n".join(wrong) if wrong else f"{len(PLANTED)} planted faults were found")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
