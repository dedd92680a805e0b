"""How the probe keeps within what a server bears: real Postfixes that slow down, hang up, or send it away."""

import collections
import re

import pytest

from lab import Config, Dns, Postfix, probe
from site_of_tests import CLOSED, endpoint, outcomes


class Server:
    def __init__(self, lab):
        self.outside = lab.host("outside")
        Dns(lab).start()
        self.postfix = Postfix(lab, lab.host("mx"), main={"smtpd_relay_restrictions": CLOSED})
        self.plain_main = dict(self.postfix.main)
        self.postfix.start()

    def probe(self, main, domains=(), **settings):
        """The endpoint's report, and how often each connection was refused something."""
        self.postfix.main = {**self.plain_main, **main}
        self.postfix.write()
        self.postfix.reload()
        mark = self.postfix.logfile.mark()
        config = Config(site={"domains": ["example.org", *domains]},
                        targets={"mx": {"host": "203.0.113.25"}}, probe=settings)
        entry = endpoint(probe(self.outside, "mx", config=config))
        counts, current = collections.Counter(), {}
        for number, line in enumerate(self.postfix.log(mark)):
            process = re.search(r"postfix/smtpd\[(\d+)\]", line)
            if process and ": connect from" in line:
                current[process[1]] = number
                counts[number] = 0
            elif process and ": reject: " in line:
                counts[current[process[1]]] += 1
        return entry, list(counts.values())


@pytest.fixture(scope="module")
def server(shared_lab):
    return Server(shared_lab)


def refused(entry):
    return len([one for one in outcomes(entry).values() if one == "relay-denied"])


def test_a_server_that_slows_down_is_asked_less_on_each_connection(server):
    entry, counts = server.probe({"smtpd_soft_error_limit": 5, "smtpd_error_sleep_time": "1s",
                                  "smtpd_delay_reject": "yes"})
    assert entry["verdict"] == "closed"
    assert refused(entry) >= 30
    # Slow connections are ended; both of those that there are may find out.
    assert len([count for count in counts if count > 5]) <= 2
    assert max(counts) <= 6


def test_a_server_that_hangs_up_is_asked_less_on_each_connection(server):
    entry, counts = server.probe({"smtpd_hard_error_limit": 4})
    assert entry["verdict"] == "closed"
    assert refused(entry) >= 30
    assert max(counts) <= 4
    assert len([count for count in counts if count == 4]) <= 2


def test_other_domains_of_the_site_cost_no_connection_more_than_eight_refusals(server):
    others = [f"shop{number}.example" for number in range(7)]
    entry, counts = server.probe({}, domains=others)
    assert entry["verdict"] == "closed"
    asked = [(row["id"], row["helo"]) for row in entry["techniques"] if row["outcome"]]
    assert [helo for name, helo in asked if name == "helo-own"] == ["example.org", *others]
    assert len([name for name, _ in asked if name == "own-sender"]) == 8
    assert max(counts) <= 8


def test_a_server_that_sends_the_probe_away_is_left_alone_soon(server):
    later = server.postfix.table("later", {"198.51.100.7": "450 4.7.1 not from here for now"})
    entry, counts = server.probe({"smtpd_client_restrictions": f"check_client_access {later}"})
    assert entry["verdict"] == "inconclusive"
    assert outcomes(entry)["plain"] != "relay-denied"
    assert sum(counts) <= 8


def test_no_more_refusals_are_asked_for_than_the_site_allows(server):
    entry, counts = server.probe({}, max_refusals=10)
    assert entry["verdict"] == "inconclusive"
    assert sum(counts) == 10
    assert outcomes(entry)["plain"] == "relay-denied"
