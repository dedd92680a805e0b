"""The filter's actions beyond telling: enforce = hold, defer, reject, on a real Postfix."""

import os

import pytest

from lab import Config, Milter, Sink, relay
from site_of_tests import Site

OPEN = {"mynetworks": "0.0.0.0/0 [::]/0"}
OUTSIDER = "<b@outside.example.net>"
OWN = "<u@example.org>"


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


@pytest.fixture(scope="module")
def sink(site):
    return Sink(site.lab).start()


def replies(site, *recipients, sender="<a@sender.example.net>"):
    """The replies to RCPT."""
    with site.outside.session(site.mx.address) as session:
        session.hello()
        session.command(f"MAIL FROM:{sender}")
        return [session.command(f"RCPT TO:{recipient}") for recipient in recipients]


def queued(site):
    return {entry["queue_id"]: (entry["queue_name"],
                                sorted(recipient["address"] for recipient in entry["recipients"]))
            for entry in site.postfix.queue()}


# ---- refusing ----

@pytest.mark.parametrize("word, code, status", [("reject", 550, "5.7.1"), ("defer", 451, "4.7.1")])
def test_the_relayed_recipient_is_refused_with_words_that_help(site, word, code, status):
    site.set_up(OPEN, milter={"enforce": word})
    refused, own, again = replies(site, OUTSIDER, OWN, OUTSIDER)
    assert (refused.code, own.code, again.code) == (code, 250, code)
    assert refused.text.startswith(f"{status} Relaying denied")
    assert "[198.51.100.7]" in refused.text and "see open-relay in the mail log" in refused.text
    alert, = site.alerts()
    assert (alert["count"], alert["evidence"]["enforced"]) == (2, word)
    assert "relaywarden refused it" in alert["why"]


def test_of_a_message_with_both_the_own_recipient_gets_it(site):
    site.set_up(OPEN, milter={"enforce": "reject"})
    mark = site.postfix.logfile.mark()
    assert site.ask(OUTSIDER, OWN) == [550, 250]
    site.postfix.logfile.wait_for("to=<u@example.org>.*status=sent", since=mark)
    site.postfix.logfile.wait_for("removed", since=mark)
    assert not site.postfix.logfile.find("outside.example.net.*status=", mark)
    assert len(site.alerts()) == 1


def test_who_may_relay_is_not_refused(site):
    site.set_up({**OPEN, "smtpd_sasl_auth_enable": "yes"}, milter={"enforce": "reject"})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.auth_plain("joe", "secret").code == 235
        session.command("MAIL FROM:<joe@example.org>")
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 250
    assert site.alerts() == []


def test_a_few_undeclared_domains_are_let_through_and_an_avalanche_is_not(site):
    site.set_up({"relay_domains": "static:all", "relay_transport": "relay:[198.51.100.80]:1"},
                milter={"enforce": "reject"})
    domains = [f"<u@d{number}.test>" for number in range(20)]
    assert site.ask(*domains) == [250] * 4 + [550] * 16
    assert site.ask(domains[0]) == [550]
    text = replies(site, domains[0])[0].text
    assert "see open-relay in the mail log" in text
    worst = site.alerts("open-relay")[-1]
    assert (worst["severity"], worst["evidence"]["enforced"]) == ("critical", "reject")


# A stranger can make these up where the MTA takes one domain more than the site declares.
MADE_UP = {
    "sub-domains": ({"relay_domains": "customer.test"},
                    [f"<x@a{number}.customer.test>" for number in range(18)]),
    "spellings": ({"relay_domains": "customer.test"},
                  ["<x@CUSTOMER.test>", "<x@customer.test.>", "<x@Customer.Test>",
                   "<x@A.CUSTOMER.TEST>", '<"x"@customer.test>', "<y@cus\\tomer.test>",
                   "<@evil.test:x@b.customer.test>", "<x@c.customer.test(comment)>"]),
    "deep sub-domains of a known suffix": (
        {"relay_domains": "customer.test, customer.co.uk"},
        [f"<x@{number}.a{number}.customer.co.uk>" for number in range(18)]),
    "sub-domains of a private network's name": (
        {"relay_domains": "customer.test, internal"},
        [f"<x@a{number}.internal>" for number in range(18)]),
    # Debian's mydestination has these names of the host itself, and an MTA takes its literals.
    "names of the host itself": (
        {"mydestination": "example.org, customer.test, localhost, localhost.localdomain, mx, mx.corp.local",
         "local_recipient_maps": ""},
        ["<x@localhost>", "<x@localhost.localdomain>", "<x@mx>", "<x@mx.corp.local>", "<x@[127.0.0.1]>"]),
    "several at once": (
        {"relay_domains": "customer.test, b.test, c.test, d.test"},
        [f"<x@a{number}.{name}.test>" for number in range(5) for name in "bcd"]),
    "other mailers": (
        {"relay_domains": "customer.test",
         "virtual_mailbox_domains": "v1.test, v2.test, v3.test, v4.test, v5.test, v6.test",
         "virtual_mailbox_maps": "static:u"},
        [f"<x@v{number}.test>" for number in range(1, 5)]),
    "refused ones": ({"relay_domains": "customer.test"},
                     [f"<x@d{number}.test>" for number in range(18)]),
}


@pytest.mark.parametrize("main, made_up", MADE_UP.values(), ids=MADE_UP.keys())
@pytest.mark.parametrize("enforce, code", [("reject", 550), ("defer", 451)])
def test_a_stranger_cannot_have_mail_for_an_undeclared_domain_refused(site, main, made_up, enforce, code):
    site.set_up({"relay_transport": "relay:[198.51.100.80]:1", "smtpd_hard_error_limit": "100",
                 "smtpd_soft_error_limit": "100", **main}, milter={"enforce": enforce})
    assert code not in site.ask(*made_up, data=False)
    assert site.ask("<legitimate@customer.test>") == [250]
    alert, = site.alerts()
    assert (alert["kind"], alert["severity"]) == ("undeclared-destination", "warning")


def test_soft_bounce_makes_a_refusal_one_for_now(site):
    site.set_up({**OPEN, "soft_bounce": "yes"}, milter={"enforce": "reject"})
    refused, = replies(site, OUTSIDER)
    assert refused.code == 450
    assert refused.text.startswith("4.7.1 Relaying denied")
    site.alerts()


# ---- holding ----

def test_a_held_message_is_not_relayed_not_lost_and_released_by_the_operator(site, sink):
    site.set_up({**OPEN, "default_transport": "smtp"}, milter={"enforce": "hold"})
    site.postfix.empty_queue()
    before = len(sink.recipients())
    assert site.ask(OUTSIDER, "<c@outside.example.net>", OWN) == [250] * 3
    (queue_id, entry), = queued(site).items()
    assert entry == ("hold", ["b@outside.example.net", "c@outside.example.net", "u@example.org"])
    assert len(sink.recipients()) == before
    assert site.ask("<v@example.org>") == [250]
    site.postfix.logfile.wait_for("to=<v@example.org>.*status=sent")
    assert list(queued(site)) == [queue_id]

    site.postfix.command("postsuper", "-H", queue_id)
    site.postfix.command("postqueue", "-i", queue_id)
    sink.wait_for_recipient("c@outside.example.net")
    assert sorted(sink.recipients()[before:]) == ["b@outside.example.net", "c@outside.example.net"]
    site.postfix.logfile.wait_for(f"{queue_id}: removed")
    alert, = site.alerts()
    assert alert["evidence"]["enforced"] == "hold"
    assert alert["evidence"]["queue_id"] == queue_id
    assert "put on hold" in alert["why"]


def test_only_the_message_with_the_relayed_recipient_is_held(site):
    site.set_up(OPEN, milter={"enforce": "hold"})
    site.postfix.empty_queue()
    mark = site.postfix.logfile.mark()
    with site.outside.session(site.mx.address) as session:
        session.hello()
        for recipients in ((OWN,), (OUTSIDER, OWN), (OWN,)):
            assert session.command("MAIL FROM:<a@sender.example.net>").code == 250
            for recipient in recipients:
                assert session.command(f"RCPT TO:{recipient}").code == 250
            assert session.command("DATA").code == 354
            assert session.message("Subject: x\n\nx\n").code == 250
    site.postfix.logfile.wait_for("removed", count=2, since=mark)
    assert [name for name, _ in queued(site).values()] == ["hold"]
    assert site.alerts()[0]["count"] == 1


def test_a_transaction_that_is_given_up_holds_nothing(site):
    site.set_up(OPEN, milter={"enforce": "hold"})
    site.postfix.empty_queue()
    mark = site.postfix.logfile.mark()
    with site.outside.session(site.mx.address) as session:
        session.hello()
        session.command("MAIL FROM:<a@sender.example.net>")
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 250
        session.command("RSET")
        session.command("MAIL FROM:<a@sender.example.net>")
        assert session.command(f"RCPT TO:{OWN}").code == 250
        assert session.command("DATA").code == 354
        assert session.message("Subject: x\n\nx\n").code == 250
    site.postfix.logfile.wait_for("removed", since=mark)
    assert queued(site) == {}
    assert [alert["kind"] for alert in site.alerts()] == ["open-relay"]


def test_where_mail_is_passed_on_before_it_is_queued_hold_is_impossible_and_told(site):
    proxy = relay(site.mx, 10025, ("127.0.0.1", 10026), address="127.0.0.1")
    site.set_up({**OPEN, "smtpd_proxy_filter": "127.0.0.1:10025"}, milter={"enforce": "hold"},
                master=["127.0.0.1:10026 inet n - n - - smtpd -o smtpd_proxy_filter= "
                        "-o smtpd_milters="])
    site.postfix.empty_queue()
    site.mx.wait_listening(10026, "127.0.0.1")
    assert site.ask(OUTSIDER) == [250]
    proxy.stop()
    alerts = {alert["kind"]: alert for alert in site.alerts()}
    assert set(alerts) == {"open-relay", "hold-impossible"}
    assert alerts["hold-impossible"]["severity"] == "warning"
    assert alerts["hold-impossible"]["subject"]["obstacle"] == "no-queue-file"
    assert "enforce" in alerts["hold-impossible"]["fix"]
    assert queued(site) == {}


def test_placed_last_hold_leaves_the_others_what_they_do(site):
    """A quarantine ends the list of filters: those before it have seen the whole message."""
    site.set_up(OPEN, milter={"enforce": "hold"})
    site.postfix.empty_queue()
    watcher = Milter(site.lab, site.mx, _elsewhere(site), name="watcher").start()
    settings = site.postfix.milter_setting("unix:" + _elsewhere_socket(site),
                                           "unix:" + site.postfix.milter_socket)
    site.postfix.set({"smtpd_milters": settings})
    assert site.ask(OUTSIDER) == [250]
    assert [name for name, _ in queued(site).values()] == ["hold"]
    assert watcher.wait_for_alert(kind="open-relay")["evidence"]["enforced"] == "observe"
    assert len(site.alerts()) == 1
    assert watcher.stop() == 0


def _elsewhere_socket(site):
    return os.path.join(os.path.dirname(site.postfix.milter_socket), "watcher.sock")


def _elsewhere(site):
    return Config(milter={"socket": "unix:" + _elsewhere_socket(site)})
