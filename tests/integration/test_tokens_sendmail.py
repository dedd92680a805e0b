"""Hellos, asks and observations through a real Sendmail, which prefixes replies to RCPT with the
address and shows the filter none of the recipients that it refuses for relaying."""

import pytest

from lab import Config, Dns, Milter, Sendmail, tokens, wait_until
from prober import CANARY, Prober, make_key


class Place:
    """example.org's mail host with Sendmail and a filter that has a key."""

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab, records=[("sender.example.net", "A", "198.51.100.7")]).start()
        self.key_file, self.key = make_key(lab)
        self.sendmail = Sendmail(lab, self.mx)
        self.milters = 0
        self.milter = None

    def set_up(self, features=(), trusted=(), **sendmail):
        if self.milter:
            assert self.milter.stop() == 0
        self.milters += 1
        self.milter = Milter(self.lab, self.mx, name=f"milter{self.milters}", config=Config(
            site={"trusted_networks": ["127.0.0.0/8", "::1/128", *trusted]},
            milter={"socket": "unix:" + self.sendmail.milter_socket, "socket_group": "",
                    "own_mailers": ["local"]},
            token_key_file=self.key_file)).start()
        self.sendmail.set(features=list(features), milters=[self.sendmail.milter()], **sendmail)
        self.sendmail.empty_queue()

    def prober(self):
        prober = Prober(self.outside, self.mx.address, self.key)
        prober.sender = "<a@sender.example.net>"
        return prober

    def alerts(self):
        assert self.milter.stop() == 0
        alerts, self.milter = self.milter.alerts(), None
        return alerts


@pytest.fixture(scope="module")
def place(shared_lab):
    return Place(shared_lab)


@pytest.mark.parametrize("recipient", ["<{}@" + CANARY + ">", "<{}%" + CANARY + "@example.org>",
                                       "<@example.org:{}@" + CANARY + ">",
                                       '<"{}@' + CANARY + '"@example.org>', "<" + CANARY + "!{}>"])
def test_an_open_sendmail_is_observed_and_nothing_is_queued(place, recipient):
    place.set_up(["promiscuous_relay"])
    with place.prober() as prober:
        reply, seen = prober.hello()
        assert (reply.code, seen.kind) == (550, "hello")
        assert (seen["client"], seen["permission"], seen["mta"], seen["listener"]) == (
            "198.51.100.7", "none", "mx.example.org", "203.0.113.25:25")
        prober.mail(prober.sender)
        reply, seen = prober.ask(recipient=recipient)
        assert reply.code == 550 and reply.text.startswith("5.7.1 <")
        assert seen.fields == {"decision": "accepted", "destination": "external",
                               "permission": "none"}
        assert prober.rcpt(f"<other@{CANARY}>")[0].code == 550
        assert prober.rcpt("<root@example.org>")[0].code == 250
    assert place.sendmail.queue() == []
    assert [alert["kind"] for alert in place.alerts()] == ["open-relay"]


def test_a_closed_sendmail_refuses_asks_itself(place):
    place.set_up()
    with place.prober() as prober:
        assert prober.hello()[1].kind == "hello"
        prober.mail(prober.sender)
        reply, seen = prober.ask()
        assert (reply.code, seen) == (550, None) and "Relaying denied" in reply.text
    assert place.alerts() == []


def test_a_hidden_client_masks_its_address(place):
    place.set_up(relay=["198.51.100.7"], trusted=["198.51.100.0/24"])
    for masked in ("0", "1"):
        with place.prober() as prober:
            seen = prober.hello()[1]
            assert (seen["permission"], seen["masked"]) == ("trusted-network", masked)
            prober.mail(prober.sender)
            assert prober.ask(tokens.HIDDEN)[1]["permission"] == "trusted-network"
    alert = place.milter.wait_for_alert(kind="client-address-hidden")
    assert alert["severity"] == "critical"
    wait_until(lambda: "198.51.100.7" in place.milter.run("--masked").stdout, 10)
