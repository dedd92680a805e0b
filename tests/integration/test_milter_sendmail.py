"""The filter beside a real Sendmail: the same questions as with Postfix, answered in its dialect."""

import ssl

import pytest

from lab import Config, Dns, Milter, Sasl, Sendmail, Sink, wait_until
from lab.programs import read_alerts

OUTSIDER = "<b@outside.example.net>"
OPEN = ["promiscuous_relay"]


class Site:
    """example.org's mail host with Sendmail, its filter, and a stranger outside."""

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab, records=[("sender.example.net", "A", "198.51.100.7")]).start()
        self.sink = Sink(lab).start()
        self.certificate, key = lab.certificate("partner.example.org")
        tls = [f"define(`conf{name}', `{path}')" for name, path in (
            ("SERVER_CERT", self.certificate), ("SERVER_KEY", key), ("CACERT", self.certificate),
            ("CACERT_PATH", lab.folder))]
        self.key = key
        self.sendmail = Sendmail(lab, self.mx, listen=["25", ("587", "a")], macros=tls,
                                 sasl=Sasl(lab).user("joe", "secret"))
        self.plain_macros = tls
        self.milters = 0
        self.milter = None

    def set_up(self, features=(), milter=None, site=None, macros=(), **sendmail):
        """Sendmail with these and no other settings; a filter that has seen nothing."""
        if self.milter:
            self.milter.stop()
        self.milters += 1
        socket = {"socket": "unix:" + self.sendmail.milter_socket, "socket_group": "",
                  "own_mailers": ["local"]}
        self.milter = Milter(self.lab, self.mx, name=f"milter{self.milters}", config=Config(
            site=site, milter={**socket, **(milter or {})})).start()
        self.sendmail.set(**{
            "features": list(features), "relay": [], "local": ["example.org", "localhost"],
            "access": None, "mailertable": None, "aliases": {}, "rules": [],
            "macros": [*self.plain_macros, *macros],
            "milters": [self.sendmail.milter()], **sendmail})
        self.sendmail.empty_queue()

    def ask(self, *recipients, sender="<a@sender.example.net>", data=True):
        """A message from a stranger; the replies to RCPT."""
        with self.outside.session(self.mx.address) as session:
            session.hello()
            return self.go_on(session, *recipients, sender=sender, data=data)

    @staticmethod
    def go_on(session, *recipients, sender="<a@sender.example.net>", data=True):
        assert session.command(f"MAIL FROM:{sender}").code == 250
        replies = [session.command(f"RCPT TO:{recipient}") for recipient in recipients]
        if data and session.command("DATA").code == 354:
            assert session.message("Subject: test\n\nHello.\n").code == 250
        session.command("QUIT")
        return replies

    def alerts(self):
        """All that the filter announced, once it has ended."""
        path = self.milter.config.alert["json"]
        assert self.milter.stop() == 0
        self.milter = None
        return read_alerts(path)


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


def codes(replies):
    return [reply.code for reply in replies]


# ---- what is open ----

def test_a_promiscuous_relay_is_found_with_everything_that_was_seen(site):
    site.set_up(OPEN)
    assert codes(site.ask(OUTSIDER, "<c@outside.example.net>")) == [250, 250]
    alert, = site.alerts()
    assert (alert["kind"], alert["severity"], alert["count"]) == ("open-relay", "critical", 2)
    evidence = alert["evidence"]
    assert evidence["client"] == "198.51.100.7"
    assert evidence["helo"] == "client.example.net"
    assert evidence["mailer"] == "esmtp"
    assert evidence["nexthop"] == "outside.example.net."
    assert evidence["resolved"] == "b@outside.example.net"
    assert len(evidence["queue_id"]) == 14
    assert alert["subject"]["listener"] == "203.0.113.25:25"


FORMS = ['<"b@outside.example.net"@example.org>', "<b%outside.example.net@example.org>",
         "<@example.org:b@outside.example.net>", "<outside.example.net!b>"]


@pytest.mark.parametrize("form", FORMS)
def test_a_routing_form_is_found_with_its_real_destination(site, form):
    site.set_up(OPEN)
    assert codes(site.ask(form)) == [250]
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"
    assert alert["evidence"]["resolved"] == "b@outside.example.net"


def test_trusting_a_local_sender_is_found_and_told_as_that(site):
    site.set_up(["relay_local_from"])
    assert codes(site.ask(OUTSIDER, data=False)) == [550]
    assert codes(site.ask(OUTSIDER, sender="<a@example.org>")) == [250]
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"
    assert alert["evidence"]["sender_class"] == "own"
    assert "relay_local_from" in alert["fix"]


def test_relaying_for_an_entire_domain_of_others_is_found(site):
    site.set_up(["relay_entire_domain"], relay=["example.net"])
    assert codes(site.ask("<b@elsewhere.test>")) == [250]
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"


def test_a_loose_relay_check_sends_on_what_names_another_host(site):
    site.set_up(["loose_relay_check"], relay=["partner.test"])
    assert codes(site.ask("<b%outside.example.net@partner.test>")) == [250]
    alert, = site.alerts()
    assert (alert["kind"], alert["evidence"]["mailer"]) == ("open-relay", "esmtp")


def test_a_client_that_only_the_access_map_trusts_is_found(site):
    site.set_up(access={"Connect:198.51.100.7": "RELAY"})
    assert codes(site.ask(OUTSIDER)) == [250]
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"


def test_anonymous_is_nobody(site):
    site.set_up(OPEN)
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.command("AUTH ANONYMOUS YUBi").code == 235
        assert codes(site.go_on(session, OUTSIDER)) == [250]
    alert, = site.alerts()
    assert alert["evidence"]["permission"] == "none"


# ---- what is not ----

def test_a_closed_one_is_quiet(site):
    site.set_up(macros=["MODIFY_MAILER_FLAGS(`LOCAL', `+w')"], aliases={"postmaster": "root"})
    assert codes(site.ask(OUTSIDER, *FORMS, "<nobody-here@example.org>", "<u@sub.example.org>",
                          data=False)) == [550] * 7
    assert codes(site.ask("<root@example.org>", "<postmaster>", "<root@[203.0.113.25]>")) == [
        250] * 3
    assert site.alerts() == []


def test_an_authenticated_client_may_relay(site):
    site.set_up()
    with site.outside.session(site.mx.address, 587) as session:
        session.hello()
        assert session.auth_plain("joe", "secret").code == 235
        assert codes(site.go_on(session, OUTSIDER, sender="<joe@example.org>")) == [250]
    assert site.alerts() == []


def test_a_declared_trusted_network_may_relay(site):
    site.set_up(access={"Connect:198.51.100": "RELAY"},
                site={"trusted_networks": ["127.0.0.0/8", "198.51.100.0/24"]})
    assert codes(site.ask(OUTSIDER)) == [250]
    assert site.alerts() == []


@pytest.mark.parametrize("name, alerts", [("partner.example.org", 0), ("stranger.example.net", 1)],
                         ids=["declared and verified", "declared but not verified"])
def test_a_declared_certificate_counts_once_sendmail_verified_it(site, name, alerts):
    site.set_up(OPEN, site={"client_certificates": ["partner.example.org", "stranger.example.net"]})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(*site.lab.certificate(name))
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.starttls(context).code == 220
        session.command("EHLO client.example.net")
        assert codes(site.go_on(session, OUTSIDER)) == [250]
    assert len(site.alerts()) == alerts


# ---- whose the recipient is ----

def test_relayed_domains_are_own_once_declared(site):
    site.set_up(relay=["partner.test"], site={"domains": ["example.org", "partner.test"]},
                mailertable={"partner.test": "smtp:[198.51.100.80]"})
    assert codes(site.ask("<u@partner.test>")) == [250]
    assert site.alerts() == []


def test_an_undeclared_local_domain_is_a_warning(site):
    site.set_up(local=["example.org", "other.test"])
    assert codes(site.ask("<u@other.test>")) == [250]
    alert, = site.alerts()
    assert (alert["kind"], alert["severity"]) == ("undeclared-destination", "warning")
    assert "other.test" in alert["why"]


# ---- what is done about it ----

def test_reject_refuses_the_strangers_recipient_and_no_other(site):
    site.set_up(OPEN, milter={"enforce": "reject"})
    refused, own = site.ask(OUTSIDER, "<u@example.org>")
    assert (refused.code, own.code) == (550, 250)
    assert refused.text.startswith("5.7.1 ")
    assert "[198.51.100.7]" in refused.text and "open-relay" in refused.text
    alert, = site.alerts()
    assert alert["evidence"]["enforced"] == "reject"
    wait_until(lambda: site.sendmail.queue() == [], 10, "local delivery")


def test_defer_refuses_for_now(site):
    site.set_up(OPEN, milter={"enforce": "defer"})
    refused, own = site.ask(OUTSIDER, "<u@example.org>")
    assert (refused.code, own.code) == (451, 250)
    assert refused.text.startswith("4.7.1 ")


def test_a_held_message_waits_in_quarantine_and_is_released_whole(site):
    site.set_up(OPEN, milter={"enforce": "hold"})
    before = len(site.sink.recipients())
    assert codes(site.ask(OUTSIDER, "<held@outside.example.net>")) == [250, 250]
    alert, = site.alerts()
    assert alert["evidence"]["enforced"] == "hold"
    entry, = site.sendmail.queue()
    assert "relaywarden" in entry["quarantined"]
    assert entry["queue_id"] == alert["evidence"]["queue_id"]
    assert entry["queue_id"] in site.sendmail.command("-bp", "-qQ").stdout  # mailq -qQ
    site.sendmail.command("-q")
    assert [left["quarantined"] for left in site.sendmail.queue()] == [entry["quarantined"]]
    assert len(site.sink.recipients()) == before

    site.sendmail.command("-qQ", "-Q")
    site.sendmail.command("-q")
    site.sink.wait_for_recipient("held@outside.example.net")
    assert sorted(site.sink.recipients()[before:]) == [
        "b@outside.example.net", "held@outside.example.net"]
    wait_until(lambda: site.sendmail.queue() == [], 10, "an empty queue")


def test_mail_flows_when_the_filter_is_killed(site):
    site.set_up()
    site.milter.kill()
    for _ in range(3):
        assert codes(site.ask("<u@example.org>")) == [250]
    wait_until(lambda: site.sendmail.queue() == [], 10, "local delivery")
    site.milter = None
