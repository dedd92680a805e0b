#!/usr/bin/python3
"""Runs the fuzzers: all of them, or those that are named.

Each starts from its seeds (seeds.py), from the inputs that once failed (tests/fuzz/found/NAME/) and
from what earlier runs learnt (build/fuzz/corpus/NAME/). An input that makes one fail is left in
build/fuzz/failed/, with its name in the message. Once mended, it belongs in tests/fuzz/found/NAME/.
"""

import argparse
import concurrent.futures
import glob
import hashlib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from seeds import ROOT, seeds  # noqa: E402  (needs the path above)

FOLDER = "build/fuzz"
BUILD = "build/asan"  # which the tests under the sanitizers use, too
MAKE = ["make", "-s", "-j2", "CC=clang", f"BUILD={BUILD}",
        "SANITIZE=fuzzer-no-link,address,undefined", "fuzz-programs"]
JOBS = 2
INPUT_SECONDS = 5  # for one input: it takes microseconds
SLACK_SECONDS = 120


def names():
    return sorted(os.path.basename(path)[len("fuzz_"):-len(".c")]
                  for path in glob.glob(os.path.join(ROOT, "tests/fuzz/fuzz_*.c")))


def folder(*parts):
    path = os.path.join(ROOT, FOLDER, *parts)
    os.makedirs(path, exist_ok=True)
    return path


def plant(name):
    """Writes the seeds; returns their folder."""
    place = folder("seeds", name)
    for octets in seeds(name):
        path = os.path.join(place, hashlib.sha256(octets).hexdigest()[:16])
        with open(path, "wb") as file:
            file.write(octets)
    return place


def argv(name, seconds, corpora):
    words = [os.path.join(ROOT, BUILD, "fuzz", name), f"-max_total_time={seconds}",
             f"-timeout={INPUT_SECONDS}", "-max_len=16384", "-rss_limit_mb=1024",
             "-print_final_stats=1", f"-artifact_prefix={folder('failed')}/{name}-"]
    if seconds < 60:
        words.append("-seed=1")  # a short run is to be the same each time, as far as time allows
    dictionary = os.path.join(ROOT, f"tests/fuzz/{name}.dict")
    if os.path.exists(dictionary):
        words.append(f"-dict={dictionary}")
    return words + corpora


def explain(name, output):
    """A failed run's output, without its progress."""
    output = re.sub(r"(?m)^(#\d+\t|INFO: ).*\n", "", output)
    match = re.search(r"Test unit written to (\S+)", output)
    if not match:
        return output
    path = os.path.relpath(match.group(1), ROOT)
    return f"{output}\ninput: {path}\nagain: {BUILD}/fuzz/{name} {path}\n"


def fuzz(name, seconds):
    """Returns whether it held, and one line, or all that was said."""
    corpora = [folder("corpus", name), plant(name)]
    found = os.path.join(ROOT, "tests/fuzz/found", name)
    if os.path.isdir(found):
        corpora.append(found)
    environment = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1",
                   **os.environ}
    try:
        done = subprocess.run(argv(name, seconds, corpora), cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                              timeout=seconds + SLACK_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, f"{name}: no end after {seconds + SLACK_SECONDS} s"
    output = done.stdout.decode("utf-8", "backslashreplace")
    inputs = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
    if done.returncode != 0 or not inputs or inputs.group(1) == "0":
        return False, explain(name, output)
    reached = re.findall(r"cov: (\d+)", output)
    return True, f"{name}: {inputs.group(1)} inputs, {reached[-1] if reached else '?'} places reached"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=600, help="for each fuzzer")
    parser.add_argument("--built", action="store_true", help="do not build")
    parser.add_argument("name", nargs="*", metavar="NAME", help=", ".join(names()))
    options = parser.parse_args()
    unknown = set(options.name) - set(names())
    if unknown:
        parser.error(f"no fuzzer {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    if not options.built and subprocess.run(MAKE, cwd=ROOT, check=False).returncode != 0:
        return 1
    held = True
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        chosen = options.name or names()
        for ok, text in pool.map(lambda name: fuzz(name, options.seconds), chosen):
            print(text, flush=True)
            held = held and ok
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
