"""The two halves with nginx's mail proxy between them, which answers the hello's MAIL by itself.

The filter hears of a hello when nginx passes it on, at the first RCPT. nginx hands its answer on as
the reply to RCPT (proxy_pass_error_message) or says "internal server error", and closes.
"""

import os

import pytest

from lab import Config, Dns, Lab, Milter, Nginx, Postfix, probe

INNER = 2525
SITE = {"trusted_networks": ["127.0.0.0/8", "::1/128"]}
TRUSTS = {"mynetworks": "127.0.0.0/8"}
TRUSTS_NOT = {"mynetworks": "127.0.0.9/32"}
XCLIENT = {"smtpd_authorized_xclient_hosts": "127.0.0.0/8"}
PASSES = {"proxy_pass_error_message": "on"}
PIPELINING = {"smtp_capabilities": "PIPELINING 8BITMIME"}


class Site:
    def __init__(self, lab):
        self.outside, mx = lab.host("outside"), lab.host("mx")
        Dns(lab).start()
        self.key = os.path.join(lab.folder, "token.key")
        with open(self.key, "wb") as file:
            file.write(os.urandom(64))
        os.chmod(self.key, 0o600)
        self.postfix = Postfix(lab, mx, main={"default_transport": "smtp", "in_flow_delay": "0"},
                               listen=[f"127.0.0.1:{INNER}"])
        self.milter = Milter(lab, mx, Config(site=SITE, token_key_file=self.key),
                             postfix=self.postfix).start()
        self.postfix.start()
        self.postfix.attach()
        self.nginx = Nginx(lab, mx, ("127.0.0.1", INNER))

    def ask(self, main, **settings):
        self.postfix.set({"smtpd_authorized_xclient_hosts": None, **main})
        self.nginx.set_up(("127.0.0.1", INNER), name="mail.example.org", settings=settings)
        self.nginx.restart()
        return probe(self.outside, "mx", config=Config(site=SITE, token_key_file=self.key))


@pytest.fixture(scope="module", name="site")
def make_site():
    with Lab() as lab:
        yield Site(lab)


def account(checked):
    return "\n".join(f"{entry['address']} {entry['verdict']} {entry['proof']} {entry['cause']}: {entry['why']}\n"
                     + "\n".join(f"  {asked['id']}: {asked['sender']} {asked['code']} {asked['text']}"
                                 for asked in entry["techniques"][:4]) for entry in checked.report["endpoints"])


WAYS = [{}, PASSES, PIPELINING, {**PASSES, **PIPELINING}]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_proxy_that_hides_strangers_from_an_open_mta_is_named_with_the_filters_proof(site, way):
    checked = site.ask(TRUSTS, **way)
    assert len(checked.report["endpoints"]) == 2
    for entry in checked.report["endpoints"]:
        assert (entry["verdict"], entry["proof"], entry["cause"]) == (
            "open", "observed", "client-address-hidden"), account(checked)
        assert entry["milter"] == {**entry["milter"], "observed": True, "client": "127.0.0.1",
                                   "permission": "trusted-network"}
        kinds = {finding["kind"] for finding in entry["findings"]}
        assert {"open-relay", "client-address-hidden"} <= kinds
        assert "milter-missing" not in kinds
    assert checked.code == 2
    assert not site.postfix.queue()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_behind_a_proxy_that_hides_strangers_a_closed_mta_is_asked_once(site, way):
    for entry in site.ask(TRUSTS_NOT, **way).report["endpoints"]:
        assert (entry["verdict"], entry["milter"]["observed"]) == ("inconclusive", True), entry
        assert entry["milter"]["client"] == "127.0.0.1"
        asked = [technique["id"] for technique in entry["techniques"] if technique["outcome"]]
        assert asked == ["plain"], asked


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_proxy_that_tells_who_asks_confirms_the_vantage(site, way):
    for entry in site.ask({**TRUSTS, **XCLIENT}, xclient="on", **way).report["endpoints"]:
        assert (entry["verdict"], entry["cause"]) == ("closed", None), entry["why"]
        assert entry["milter"]["client"] in ("198.51.100.7", "2001:db8:51::7")


def test_an_mta_open_to_all_behind_a_proxy_that_tells_who_asks_is_proved(site):
    main = {"mynetworks": "0.0.0.0/0 [::]/0", **XCLIENT}
    for entry in site.ask(main, xclient="on", **PASSES).report["endpoints"]:
        assert (entry["verdict"], entry["proof"], entry["cause"]) == (
            "open", "observed", "unconditional"), entry


def test_a_filter_that_is_expected_behind_a_proxy_and_not_there_is_missed(site):
    site.postfix.set({"smtpd_milters": "", **TRUSTS})
    try:
        site.nginx.set_up(("127.0.0.1", INNER), name="mail.example.org")
        site.nginx.restart()
        targets = {"mx": {"domain": "example.org", "ports": [25], "expect_milter": True}}
        checked = probe(site.outside, "mx", name="another",
                        config=Config(site=SITE, token_key_file=site.key, targets=targets))
        for entry in checked.report["endpoints"]:
            assert (entry["verdict"], entry["proof"]) == ("open", "rcpt"), entry["why"]
            assert "milter-missing" in {finding["kind"] for finding in entry["findings"]}
    finally:
        site.postfix.attach()
