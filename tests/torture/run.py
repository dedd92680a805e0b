#!/usr/bin/python3
"""Every call of every scenario fails, once and from then on; see scenarios.py.

    sudo /usr/bin/python3 tests/torture/run.py                            # hours; goes on where it was stopped
    sudo /usr/bin/python3 tests/torture/run.py --only check-open --kind lock --kind fsync
    sudo /usr/bin/python3 tests/torture/run.py --every 50                 # each fiftieth call alone

build/torture/done lists the runs that passed; --anew forgets them. Each failure is shown, and the exit code is 1.
"""

import argparse
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Lab  # noqa: E402  (needs the path above)
from torture.scenarios import KINDS, SCENARIOS, Place, watched  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DONE = os.path.join(ROOT, "build/torture/done")


def read_done():
    try:
        with open(DONE, encoding="ascii") as file:
            return set(file.read().splitlines())
    except FileNotFoundError:
        return set()


def numbers(count, every):
    """The first, the last, and each so-manyth between."""
    return sorted({*range(1, count + 1, every), count}) if count else []


def run(scenario, name, kind, options, done, note):
    """Yields (which, what was wrong, or None) of each run."""
    for number in numbers(scenario.count(kind), options.every):
        for once in (True, False):
            which = f"{name} {kind} {number} {'once' if once else 'on'}"
            if which in done:
                continue
            try:
                scenario.torture(kind, number, once)
                note.write(which + "\n")
                note.flush()
                yield which, None
            except AssertionError as wrong:
                yield which, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", action="append", choices=sorted(SCENARIOS), help="this scenario; may be given again")
    parser.add_argument("--kind", action="append", choices=KINDS, help="this kind of call; may be given again")
    parser.add_argument("--every", type=int, default=1, help="each so-manyth call (1)")
    parser.add_argument("--anew", action="store_true", help="forget what has passed")
    options = parser.parse_args()
    os.makedirs(os.path.dirname(DONE), exist_ok=True)
    done = set() if options.anew else read_done()
    passed = failed = 0
    began = time.monotonic()
    with Lab() as lab, tempfile.TemporaryDirectory() as folder, open(DONE, "w" if options.anew else "a",
                                                                     encoding="ascii") as note:
        place = Place(lab, folder)
        for name in options.only or SCENARIOS:
            scenario = SCENARIOS[name](place)
            for kind in options.kind or KINDS:
                if kind == "memory" and watched():
                    continue
                runs = 0
                for which, wrong in run(scenario, name, kind, options, done, note):
                    runs += 1
                    if wrong is not None:
                        failed += 1
                        print(f"FAILED {which}: {wrong}", flush=True)
                    else:
                        passed += 1
                print(f"{name} {kind}: {runs} runs, {time.monotonic() - began:.0f} s so far", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
