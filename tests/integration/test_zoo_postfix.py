"""The zoo's Postfix: every row of zoo_postfix.py, asked from outside."""

import contextlib

import pytest

import zoo
import zoo_postfix
from lab import Dns, Lab, Postfix, Postgrey, Sasl, relay
from site_of_tests import CLOSED

class Cage:
    """A Postfix that becomes each case in turn."""

    def __init__(self, lab, host):
        self.lab = lab
        self.outside = lab.host("outside")
        self.host = lab.host(host)
        Dns(lab, records=zoo.LISTED).start()
        sasl = Sasl(lab).user("joe", "secret")
        certificate, key = lab.certificate()
        self.postfix = Postfix(lab, self.host, sasl=sasl, main={
            "smtpd_relay_restrictions": CLOSED, "smtpd_sasl_auth_enable": "no",
            "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key,
            # Abandoned transactions, of which there are thousands here, slow later ones down.
            "in_flow_delay": "0s"})
        self.plain_main = dict(self.postfix.main)
        self.postfix.start()

    def become(self, main=None, master=(), listen=("25",)):
        self.postfix.main = {**self.plain_main, **(main or {})}
        self.postfix.set(master=list(master), listen=list(listen))

    def ask(self, row):
        result = zoo.ask("Postfix", self.outside, row)
        zoo.remember(result)
        zoo.verify(result)


@pytest.fixture(scope="module")
def cage(shared_lab):
    made = Cage(shared_lab, "mx")
    for port, action, delay in ((10023, "DEFER_IF_PERMIT", 300), (10024, "DEFER", 300),
                                (10026, "DEFER", 2)):
        Postgrey(shared_lab, made.host, delay=delay, action=action, port=port).start()
    return made


@pytest.mark.parametrize("row", [*zoo_postfix.CORRECT, *zoo_postfix.OPEN], ids=zoo.title)
def test_zoo(cage, row):
    cage.become(**row.how)
    cage.ask(row)


@pytest.fixture(scope="module")
def inner_cage():
    """One behind a gateway."""
    with Lab() as lab:
        yield Cage(lab, "mta")


@pytest.mark.parametrize("row", zoo_postfix.GATEWAY, ids=zoo.title)
def test_zoo_behind_a_gateway(inner_cage, row):
    how = dict(row.how)
    proxied = how.pop("proxy", ())
    lab, inside = inner_cage.lab, inner_cage.host
    lab.nat(masquerade=how.pop("nat", False), families=[
        family for family in (4, 6) if family not in proxied])
    gateway = lab.host("gateway")
    inner_cage.become(**how)
    with contextlib.ExitStack() as proxies:
        for family in proxied:
            proxies.enter_context(relay(gateway, 25, (inside.address, 25), zoo.FAMILIES[family]))
        inner_cage.ask(row)
