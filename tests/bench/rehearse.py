"""How long a rehearsal takes: of a usual configuration with one wrong line, and of long lists. As root.

Each is run RUNS times; the median is told. A limit that is missed is a failure.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

import rehearse_cases as cases  # noqa: E402

RUNS = 5
HOST = ["--address", "eth0=192.0.2.25/24", "--address", "eth0=2001:db8:25::25/64"]
WRONG = {"mynetworks": "127.0.0.0/8 [::1]/128 0.0.0.0/0"}


def networks(count):
    return "127.0.0.0/8 [::1]/128 " + " ".join(f"10.{i // 256}.{i % 256}.0/24" for i in range(count))


def table(count):
    return "".join(f"10.{i // 65536}.{i // 256 % 256}.{i % 256} REJECT\n" for i in range(count)) + "198.51.100 OK\n"


# name, case, options, the longest time that is good, or None
MEASURES = [
    ("verdict, one wrong line", cases.made("open", main=WRONG), ["--no-blame"], 1.5),
    ("verdict and blame, one wrong line", cases.made("open", main=WRONG), [], 3.0),
    ("closed, 1,000 networks", cases.made("closed", main={"mynetworks": networks(1000)}), ["--trusted", "10.0.0.0/8"], None),
    ("open, 1,000 networks and a wrong one",
     cases.made("open", main={"mynetworks": networks(1000) + " 0.0.0.0/0"}), ["--trusted", "10.0.0.0/8"], None),
    ("open, a table of 100,000 lines",
     cases.made("open", main=cases.checked(f"check_client_access hash:{cases.HERE}/clients"),
                files={"clients": table(100000)}, hashed=["clients"]), [], None),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    program = os.path.join(parser.parse_args().build, "relaywarden-probe")
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, case, options, limit in MEASURES:
            place = cases.write(folder, "measured", {"measured": case})
            seconds = []
            for _ in range(RUNS):
                began = time.monotonic()
                done = subprocess.run([program, "rehearse", place, "--as", cases.HERE, "--domain", "example.org", "--json",
                                       *HOST, *options], capture_output=True, text=True, check=False)
                seconds.append(time.monotonic() - began)
                verdict = json.loads(done.stdout)["verdict"]
                assert verdict == case.verdict, (name, verdict)
            median = statistics.median(seconds)
            late = limit is not None and median > limit
            missed += late
            print(f"rehearse  {name:40} {median:6.2f} s ({min(seconds):.2f}-{max(seconds):.2f})"
                  + (f"  over {limit} s" if late else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
