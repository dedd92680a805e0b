#!/usr/bin/python3
"""make bench: relaywarden-probe check of thousands of endpoints on one machine.

Behind every endpoint is one server that costs next to nothing (tests/bench/light_server.c), so that what is measured is the
probe: time, CPU time and memory, by the number of endpoints. The results are kept (history, alerts), the account goes to a file.
--endpoints 100000 takes some 20 minutes, and 3 GB of disk.
"""

import argparse
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Dns, Lab, program  # noqa: E402
from lab.enter import enter  # noqa: E402
from lab.many import LightServers, asked_endpoints, config_of, measure  # noqa: E402

OPEN = 77


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--endpoints", type=int, nargs="+", default=[100, 1000, 10000])
    return parser.parse_args()


def check(host, folder, count):
    """(seconds, what it needed)."""
    config = config_of(folder, count, state_directory=folder, alert={"json": os.path.join(folder, "alerts.json")})
    os.mkdir(os.path.join(folder, "probe"))
    path = config.write(os.path.join(folder, "relaywarden.conf"))
    began = time.monotonic()
    done = measure(host, folder, [program("relaywarden-probe"), "check", "--json", "--config", path])
    return time.monotonic() - began, done


def main():
    options = arguments()
    os.environ["RELAYWARDEN_BUILD"] = os.path.abspath(options.build)
    with Lab() as lab:
        Dns(lab).start()
        outside, mx = lab.host("outside"), lab.host("mx")
        servers = LightServers(mx, outside, open_at=[OPEN]).start()
        print("Many endpoints in one check, one light server behind all of them, one of them open", flush=True)
        print("  endpoints    audit      all      CPU   memory   state", flush=True)
        for count in options.endpoints:
            with tempfile.TemporaryDirectory(prefix="relaywarden-many-", dir="/var/tmp") as folder:
                seconds, done = check(outside, folder, count)
                report = json.loads(done.output)
                state = os.path.getsize(os.path.join(folder, "probe/relaywarden.db")) / 1024 / 1024
                found = [entry["target"] for entry in report["endpoints"] if entry["verdict"] != "closed"]
                assert len(set(asked_endpoints(report))) == count, "an endpoint was dropped"
                assert found == [f"t{OPEN}"], f"not closed: {found}"
                print(f"  {count:9d} {report['seconds']:6.1f} s {seconds:6.1f} s {done.cpu:6.1f} s "
                      f"{done.memory / 2**20:5.1f} MiB {state:5.0f} MiB", flush=True)
        servers.stop()


if __name__ == "__main__":
    enter()
    main()
