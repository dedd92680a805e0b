#!/usr/bin/python3
"""A greylisting filter for OpenSMTPD (smtpd-filters(7)): greylist_filter.py SECONDS."""

import sys
import time

delay = float(sys.argv[1])
first_seen = {}
clients, senders = {}, {}


def judge(session, recipient):
    """The answer to RCPT: an unknown triplet is put off until the delay is over."""
    triplet = (clients.get(session), senders.get(session), recipient)
    began = first_seen.setdefault(triplet, time.monotonic())
    return "proceed" if time.monotonic() - began >= delay else "reject|451 4.7.1 Greylisted, come back later"


def main():
    for line in sys.stdin:
        fields = line.rstrip("\n").split("|")
        if fields[0] == "config" and fields[1] == "ready":
            for wanted in ("report|smtp-in|link-connect", "filter|smtp-in|mail-from",
                           "filter|smtp-in|rcpt-to"):
                print(f"register|{wanted}", flush=True)
            print("register|ready", flush=True)
        elif fields[0] == "report" and fields[4] == "link-connect":
            clients[fields[5]] = fields[8].rpartition(":")[0]
        elif fields[0] == "filter":
            session, token = fields[5], fields[6]
            if fields[4] == "mail-from":
                senders[session] = fields[7]
                answer = "proceed"
            else:
                answer = judge(session, fields[7])
            print(f"filter-result|{session}|{token}|{answer}", flush=True)


main()
