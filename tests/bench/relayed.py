#!/usr/bin/python3
"""make bench: a burst of relayed recipients from thousands of addresses, through a real Postfix.

The same burst goes through Postfix without a filter, with a filter that does nothing, and with relaywarden-milter, which has
something to tell of every one. Printed are the times, and what the filter made of it: incidents, counts, memory.
"""

import argparse
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Config, Dns, Lab, Milter, Postfix, wait_until  # noqa: E402
from lab.enter import enter  # noqa: E402
from lab.storm import POSTFIX, storm  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--recipients", type=int, default=20, help="of each client")
    return parser.parse_args()


def resident_mib(milter):
    with open(f"/proc/{milter.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1024


def timed(outside, mx, options, port):
    began = time.monotonic()
    storm(outside, mx.address, options.clients, options.recipients, port=port)
    return time.monotonic() - began


def main():
    options = arguments()
    os.environ["RELAYWARDEN_BUILD"] = options.build
    enter()
    total = options.clients * options.recipients
    with Lab() as lab:
        mx, outside = lab.host("mx"), lab.host("outside")
        Dns(lab).start()
        postfix = Postfix(lab, mx, main=POSTFIX)
        nothing = os.path.join(os.path.dirname(postfix.milter_socket), "nothing.sock")
        mx.popen([os.path.join(options.build, "bench/do_nothing"), "unix:" + nothing])
        milter = Milter(lab, mx, Config(alert={"quiet_after": "5s"}), postfix=postfix).start()
        mx.run(["sh", "-c", f"until [ -S {nothing} ]; do sleep 0.05; done; chmod 666 {nothing}"])
        ways = {"no filter": (25, ""), "do-nothing": (26, "unix:" + nothing),
                "relaywarden": (27, "unix:" + postfix.milter_socket)}
        postfix.listen = [(str(port), {"smtpd_milters": postfix.milter_setting(socket) if socket else ""})
                          for port, socket in ways.values()]
        postfix.start()
        print(f"{total} relayed recipients of {options.clients} addresses", flush=True)
        for name, (port, _) in ways.items():
            seconds = timed(outside, mx, options, port)
            print(f"  {name:12} {seconds:6.2f} s  {total / seconds:8.0f} recipients/s", flush=True)
        wait_until(lambda: sum(alert["count"] for alert in milter.alerts()
                               if alert["state"] == "resolved") >= total, 60, "the last resolution")
        alerts = milter.alerts()
        counted = sum(alert["count"] for alert in alerts if alert["state"] == "resolved")
        print(f"  {len({alert['incident'] for alert in alerts})} incidents, {len(alerts)} announcements, "
              f"{counted} recipients counted, {resident_mib(milter):.1f} MiB at most")


if __name__ == "__main__":
    main()
