"""The filter alone: who is reported, who is not, and what is named."""

import signal

import pytest

from lab import Config, Sink
from site_of_tests import CLOSED, Site

OPEN = {"mynetworks": "0.0.0.0/0 [::]/0"}
OUTSIDER = "<b@outside.example.net>"


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


@pytest.fixture(scope="module")
def lmtp(shared_lab):
    return Sink(shared_lab, host=shared_lab.host("sink"), port=2424, lmtp=True, name="lmtp").start()


# ---- who may relay ----

def test_an_authenticated_client_may_relay(site):
    site.set_up({"smtpd_sasl_auth_enable": "yes"})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.auth_plain("joe", "secret").code == 235
        assert session.command("MAIL FROM:<joe@example.org>").code == 250
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 250
        assert session.command("DATA").code == 354
        assert session.message("Subject: x\n\nx\n").code == 250
    assert site.alerts() == []


def test_anonymous_is_nobody(site):
    site.set_up({**OPEN, "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_security_options": ""})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.command("AUTH ANONYMOUS YUBi").code == 235
        session.command("MAIL FROM:<a@sender.example.net>")
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 250
    assert [alert["evidence"]["permission"] for alert in site.alerts("open-relay")] == ["none"]


def test_a_declared_trusted_network_may_relay(site):
    site.set_up({"mynetworks": "198.51.100.0/24"},
                site={"trusted_networks": ["127.0.0.0/8", "198.51.100.0/24"]})
    assert site.ask(OUTSIDER) == [250]
    assert site.alerts() == []


def test_a_network_that_only_the_mta_trusts_is_reported(site):
    site.set_up({"mynetworks": "198.51.100.0/24"})
    assert site.ask(OUTSIDER) == [250]
    assert len(site.alerts("open-relay")) == 1


# ---- whose the recipient is ----

OWN = {
    "declared and local": ({}, "<u@example.org>"),
    "relayed": ({"relay_domains": "relayed.test"}, "<u@relayed.test>"),
    "relayed by transport map": ({"relay_domains": "relayed.test", "transport_maps":
                                  "inline:{relayed.test=smtp:[198.51.100.80]}"}, "<u@relayed.test>"),
    "virtual mailbox": ({"virtual_mailbox_domains": "mailbox.test", "virtual_mailbox_maps":
                         "inline:{u@mailbox.test=u}"}, "<u@mailbox.test>"),
    "virtual mailbox by lmtp": ({"virtual_mailbox_domains": "mailbox.test", "virtual_mailbox_maps":
                                 "inline:{u@mailbox.test=u}", "virtual_transport":
                                 "lmtp:inet:[198.51.100.80]:2424"}, "<u@mailbox.test>"),
    "virtual alias": ({"virtual_alias_domains": "alias.test", "virtual_alias_maps":
                       "inline:{u@alias.test=u@example.org}"}, "<u@alias.test>"),
    "postmaster": ({}, "<postmaster>"),
    "internationalised": ({"relay_domains": "xn--bcher-kva.test"}, "<u@xn--bcher-kva.test>"),
}


@pytest.mark.parametrize("main, recipient", OWN.values(), ids=OWN.keys())
def test_mail_for_a_declared_domain_is_nobodys_business(site, lmtp, main, recipient):
    site.set_up(main, site={"domains": ["example.org", "relayed.test", "mailbox.test", "alias.test",
                                        "bücher.test"]})
    assert site.ask(recipient) == [250]
    assert site.alerts() == []


UNDECLARED = {
    "relayed": ({"relay_domains": "other.test"}, "<u@other.test>"),
    "virtual mailbox": ({"virtual_mailbox_domains": "other.test", "virtual_mailbox_maps":
                         "inline:{u@other.test=u}"}, "<u@other.test>"),
    "virtual alias": ({"virtual_alias_domains": "other.test", "virtual_alias_maps":
                       "inline:{u@other.test=u@example.org}"}, "<u@other.test>"),
}


@pytest.mark.parametrize("main, recipient", UNDECLARED.values(), ids=UNDECLARED.keys())
def test_an_undeclared_domain_is_a_warning_that_names_it(site, main, recipient):
    site.set_up(main)
    assert site.ask(recipient) == [250]
    alert, = site.alerts()
    assert (alert["kind"], alert["severity"]) == ("undeclared-destination", "warning")
    assert "other.test" in alert["why"]
    assert alert["evidence"]["destination"] == "mta-own"


def test_refused_recipients_are_fine(site):
    site.set_up({"local_recipient_maps": "inline:{u@example.org=x}"})
    assert site.ask(OUTSIDER, "<nobody@example.org>", data=False) == [554, 550]
    assert site.alerts() == []


def test_a_refused_recipient_among_accepted_ones_is_not_counted(site):
    table = site.postfix.table("rcpts", {"b@outside.example.net": "OK"})
    site.set_up({"smtpd_relay_restrictions": f"check_recipient_access {table} {CLOSED}"})
    assert site.ask("<u@example.org>", "<c@outside.example.net>", OUTSIDER) == [250, 554, 250]
    alert, = site.alerts()
    assert (alert["count"], alert["evidence"]["recipient"]) == (1, OUTSIDER)


# ---- smarthosts and renamed mailers ----

def test_a_smarthost_by_relayhost_hides_nothing(site):
    site.set_up({**OPEN, "default_transport": "smtp", "relayhost": "[198.51.100.80]:1"})
    assert site.ask(OUTSIDER) == [250]
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"
    assert alert["evidence"]["nexthop"] == "[198.51.100.80]:1"


SMARTHOST = {**OPEN, "default_transport": "relay:[198.51.100.80]:1"}
STRANGE_DOMAINS = [f"<b@x.d{number}.example>" for number in range(9)]


def test_behind_a_smarthost_mailer_a_few_domains_are_undeclared(site):
    site.set_up(SMARTHOST)
    assert site.ask(*STRANGE_DOMAINS[:4]) == [250] * 4
    alert, = site.alerts()
    assert (alert["kind"], alert["severity"], alert["count"]) == (
        "undeclared-destination", "warning", 4)


def test_behind_a_smarthost_mailer_many_domains_are_an_open_relay(site):
    site.set_up(SMARTHOST)
    for recipient in STRANGE_DOMAINS:
        assert site.ask(recipient) == [250]
    undeclared, relayed = site.alerts()
    assert (undeclared["kind"], undeclared["severity"]) == ("undeclared-destination", "warning")
    assert (relayed["kind"], relayed["severity"]) == ("open-relay", "critical")
    assert relayed["evidence"]["recipient"] == STRANGE_DOMAINS[4]
    assert "the mailer relay carried mail of strangers for more than 4 domains" in relayed["fix"]


def test_a_reload_begins_a_new_count_of_undeclared_domains(site):
    site.set_up(SMARTHOST, milter={"enforce": "reject"})
    assert site.ask(*STRANGE_DOMAINS[:5]) == [250] * 4 + [550]
    assert site.ask(STRANGE_DOMAINS[0]) == [550]
    mark = site.milter.log.mark()
    site.milter.signal(signal.SIGUSR1)
    site.milter.log.wait_for("was read again and is in force", since=mark)
    assert site.ask(*STRANGE_DOMAINS[4:]) == [250] * 4 + [550]
    assert {alert["kind"] for alert in site.alerts()} == {"undeclared-destination", "open-relay"}


def test_without_the_smarthosts_mailer_among_own_mailers_it_is_open(site):
    site.set_up(SMARTHOST, milter={"own_mailers": ["local", "virtual", "lmtp"]})
    assert site.ask(OUTSIDER) == [250]
    alert, = site.alerts()
    assert (alert["kind"], alert["severity"]) == ("open-relay", "critical")


# ---- forms that end elsewhere than they say ----

FORMS = ['<"b@outside.example.net"@example.org>', "<b%outside.example.net@example.org>",
         "<@example.org:b@outside.example.net>", "<outside.example.net!b>"]


@pytest.mark.parametrize("form", FORMS)
def test_a_routing_form_is_found_with_its_real_destination(site, form):
    site.set_up(OPEN)
    assert site.ask(form) == [250]
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"
    assert alert["evidence"]["recipient"] == form
    assert alert["evidence"]["resolved"] == "b@outside.example.net"
    assert "b@outside.example.net" in alert["why"]


# ---- what only looks like something else ----

SPELLINGS = ["::1", "0::1", "00::1", "000::1", "0:0::1", "0:00::1", "0:0:0::1", "0:0:0:0::1",
             "::0:1", "::00:1", "::0:0:1", "0:0:0:0:0:0:0:1", "::01", "::001", "::0001", "0::01",
             "0::001", "00::01"]


def test_the_hosts_own_address_in_many_spellings_is_no_alarm(site):
    site.set_up()
    assert set(site.ask(*[f"<postmaster@[IPv6:{text}]>" for text in SPELLINGS])) == {250}
    assert {alert["severity"] for alert in site.alerts()} <= {"warning"}


def test_subdomains_of_a_declared_domain_are_one_fact(site):
    site.set_up({"relay_domains": "example.org", "mydestination": "localhost",
                 "parent_domain_matches_subdomains": "relay_domains"})
    assert set(site.ask(*[f"<u@a{number}.example.org>" for number in range(18)])) == {250}
    alert, = site.alerts()
    assert (alert["kind"], alert["severity"]) == ("undeclared-destination", "warning")
    assert ".example.org" in alert["fix"]


@pytest.mark.parametrize("recipient", ['<"postmaster">', "<(c)postmaster>", "<postmaster(x)>",
                                       "<@example.org:postmaster>"])
def test_postmaster_in_other_clothes_is_own(site, recipient):
    site.set_up({"myhostname": "mail.other.test"})
    assert site.ask(recipient) == [250]
    assert site.alerts() == []


@pytest.mark.parametrize("recipient", ["<u@stra\u00dfe.test>", "<u%stra\u00dfe.test@example.org>"])
def test_another_domain_that_folds_into_an_own_one_is_found(site, recipient):
    site.set_up({**OPEN, "smtputf8_enable": "yes"},
                site={"domains": ["example.org", "strasse.test"]})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.command("MAIL FROM:<a@sender.example.net> SMTPUTF8").code == 250
        assert session.command(f"RCPT TO:{recipient}").code == 250
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"


# ---- what is told ----

def test_the_finding_names_everything_that_was_seen(site):
    site.set_up(OPEN)
    mark = site.postfix.logfile.mark()
    assert site.ask(OUTSIDER, "<c@outside.example.net>") == [250, 250]
    alert, = site.alerts()
    queue_id = alert["evidence"]["queue_id"]
    assert any(f" {queue_id}: client=" in line for line in site.postfix.log(mark))
    assert alert["program"] == "relaywarden-milter"
    assert alert["host"] == site.mx.hostname
    assert alert["count"] == 2
    assert alert["evidence"]["helo"] == "client.example.net"
    assert alert["evidence"]["sender"] == "<a@sender.example.net>"
    assert alert["evidence"]["sender_class"] == "external"
    assert alert["evidence"]["recipient"] == OUTSIDER
    assert alert["evidence"]["destination"] == "external"
    assert alert["evidence"]["mailer"] == "discard"
    assert alert["fix"]


def test_a_transaction_that_is_given_up_is_reported_all_the_same(site):
    site.set_up(OPEN)
    assert site.ask(OUTSIDER, data=False) == [250]
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"
    assert alert["evidence"]["recipient"] == OUTSIDER


def test_the_null_sender_is_reported_as_that(site):
    site.set_up(OPEN)
    assert site.ask(OUTSIDER, sender="<>") == [250]
    alert, = site.alerts()
    assert alert["evidence"]["sender_class"] == "null"


def test_many_messages_of_one_client_are_one_incident_with_a_count(site):
    site.set_up(OPEN)
    for _ in range(5):
        assert site.ask(OUTSIDER) == [250]
    alerts = site.alerts()
    assert [alert["state"] for alert in alerts][0] == "opened"
    assert len({alert["incident"] for alert in alerts}) == 1


def test_a_quiet_incident_is_resolved_with_its_count(site):
    site.set_up(OPEN, alert={"quiet_after": "5s"})
    for _ in range(3):
        assert site.ask(OUTSIDER) == [250]
    resolved = site.milter.wait_for_alert(state="resolved", kind="open-relay")
    assert resolved["count"] == 3
    site.alerts()


def test_a_hostile_helo_cannot_forge_an_alert(site):
    site.set_up({**OPEN, "smtputf8_enable": "no"})
    with site.outside.session(site.mx.address) as session:
        session.reply()
        session.send(b'EHLO x"\xff\x1b[2J\xe2\x80\xae why="fine"\r\n')
        assert session.reply().code == 250
        session.command("MAIL FROM:<a@sender.example.net>")
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 250
    alert, = site.alerts()
    assert "why=" in alert["evidence"]["helo"]
    assert all(ord(character) >= 32 and character != "\u202e"
               for character in alert["evidence"]["helo"])
