"""The ways a message comes to Postfix, and what the filter makes of each."""

import os
import signal
import time

import pytest

from lab import Postfix, Server, Sink
from site_of_tests import Site

OPEN = {"mynetworks": "0.0.0.0/0 [::]/0"}
OUTSIDER = "<b@outside.example.net>"
OWN = "<u@example.org>"
MESSAGE = "Subject: x\n\nx\n"


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


def say(session, *lines, code=250):
    """Says each line, and wants the same code for all."""
    for line in lines:
        assert session.command(line).code == code, line


def transaction(session, *recipients, sender="<a@sender.example.net>"):
    say(session, f"MAIL FROM:{sender}", *[f"RCPT TO:{recipient}" for recipient in recipients])
    say(session, "DATA", code=354)
    assert session.message(MESSAGE).code == 250


# ---- mail of the host itself ----

def test_mail_from_the_sendmail_command_is_nobodys_business(site):
    # Though loopback is not declared: by SMTP that would be a stranger's (a proxy's, say).
    site.set_up(site={"trusted_networks": ["192.0.2.0/24"]})
    site.postfix.set({"non_smtpd_milters": site.postfix.main["smtpd_milters"]})
    mark = site.postfix.logfile.mark()
    site.mx.run([os.path.join(site.postfix.programs.commands, "sendmail"), "-C", site.postfix.etc,
                 "-f", "root@example.org", "b@outside.example.net"], input=MESSAGE,
                env={**site.postfix.programs.environment(), "MAIL_CONFIG": site.postfix.etc})
    site.postfix.logfile.wait_for("to=<b@outside.example.net>.*status=sent", since=mark)
    assert not site.postfix.logfile.find("[Mm]ilter", mark)
    with site.mx.session("127.0.0.1") as session:
        session.hello("localhost")
        transaction(session, "<c@outside.example.net>")
    alert, = site.alerts()
    assert alert["evidence"]["recipient"] == "<c@outside.example.net>"
    assert alert["count"] == 1


def test_what_a_content_filter_puts_back_is_nobodys_business(site):
    """The stranger's message is judged once, where it came in."""
    sink = Sink(site.lab, site.mx, port=10025, name="scanner").start()
    site.set_up({"content_filter": "smtp:[127.0.0.1]:10025"}, master=[
        "127.0.0.1:10026 inet n - n - - smtpd -o content_filter="])
    assert site.ask(OWN) == [250]
    sink.wait_for_recipient("u@example.org")
    site.mx.wait_listening(10026, "127.0.0.1")
    with site.mx.session("127.0.0.1", 10026) as session:
        session.hello("scanner.example.org")
        transaction(session, OWN, OUTSIDER)
    sink.stop()
    assert site.alerts() == []


# ---- how far a message is looked at ----

def patient(site):
    """Postfix waits longer for the filter than anything takes that does not ask it."""
    return {"smtpd_milters": site.postfix.main["smtpd_milters"].replace("=2s", "=60s")}


def stopped(site):
    """The filter can answer nothing any more: what is fast now did not ask it."""
    site.milter.signal(signal.SIGSTOP)
    return time.monotonic()


def test_of_who_may_relay_nothing_is_asked_after_mail(site):
    site.set_up({"mynetworks": "198.51.100.0/24", **patient(site)},
                site={"trusted_networks": ["127.0.0.0/8", "198.51.100.0/24"]})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        say(session, "MAIL FROM:<a@sender.example.net>")
        began = stopped(site)
        say(session, f"RCPT TO:{OUTSIDER}", f"RCPT TO:{OWN}")
        say(session, "DATA", code=354)
        assert session.message(MESSAGE).code == 250
        assert time.monotonic() - began < 50  # the first limit is 60 s
        site.milter.signal(signal.SIGCONT)
    assert site.alerts() == []


def test_of_a_stranger_nothing_is_asked_after_data(site):
    site.set_up(patient(site))
    with site.outside.session(site.mx.address) as session:
        session.hello()
        say(session, "MAIL FROM:<a@sender.example.net>", f"RCPT TO:{OWN}")
        say(session, "DATA", code=354)
        began = stopped(site)
        assert session.message(MESSAGE).code == 250
        assert time.monotonic() - began < 50
        site.milter.signal(signal.SIGCONT)
    assert site.alerts() == []


# ---- ways in ----

def test_with_early_refusals_what_is_granted_is_found(site):
    table = site.postfix.table("senders", {"bad.example.net": "REJECT"})
    site.set_up({**OPEN, "smtpd_delay_reject": "no",
                 "smtpd_sender_restrictions": f"check_sender_access {table}"})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        say(session, "MAIL FROM:<a@bad.example.net>", code=554)
        transaction(session, OUTSIDER)
    alert, = site.alerts()
    assert (alert["kind"], alert["evidence"]["sender"]) == ("open-relay", "<a@sender.example.net>")
    assert alert["evidence"]["helo"] == "client.example.net"


def test_behind_postscreen_the_client_is_the_client(site):
    site.set_up({**OPEN, "postscreen_access_list": "permit_mynetworks"}, master=[
        "2525 inet n - n - 1 postscreen", "smtpd pass - - n - - smtpd",
        "dnsblog unix - - n - 0 dnsblog", "tlsproxy unix - - n - 0 tlsproxy"])
    site.mx.wait_listening(2525)
    with site.outside.session(site.mx.address, 2525) as session:
        session.hello()
        transaction(session, OUTSIDER)
    alert, = site.alerts()
    assert alert["evidence"]["client"] == "198.51.100.7"
    assert alert["subject"]["listener"] == "203.0.113.25:2525"


def test_behind_a_proxy_filter_recipients_are_judged_all_the_same(site):
    with Server(site.mx, 10027, _smtp_server, address="127.0.0.1"):
        site.set_up({**OPEN, "smtpd_proxy_filter": "127.0.0.1:10027"})
        assert site.ask(OUTSIDER) == [250]
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"
    assert alert["evidence"]["queue_id"] == "NOQUEUE"


def _smtp_server(connection):
    """Says yes to everything, as a scanner that passes nothing on."""
    connection.sendall(b"220 scanner ESMTP\r\n")
    file, in_data = connection.makefile("rb"), False
    for line in file:
        if in_data and line != b".\r\n":
            continue
        verb = line[:4].upper()
        in_data = not in_data and verb == b"DATA"
        connection.sendall(b"354 go\r\n" if in_data else b"250 fine\r\n")


def test_xclient_makes_it_the_client_that_was_named(site):
    site.set_up({**OPEN, "smtpd_authorized_xclient_hosts": "198.51.100.7"})
    for address in ("192.0.2.99", "127.0.0.1"):
        with site.outside.session(site.mx.address) as session:
            session.hello()
            say(session, f"XCLIENT ADDR={address} NAME=[UNAVAILABLE]", code=220)
            say(session, "EHLO behind.example.net")
            transaction(session, OUTSIDER)
    alert, = site.alerts()
    assert alert["evidence"]["client"] == "192.0.2.99"
    assert alert["evidence"]["helo"] == "behind.example.net"
    assert alert["count"] == 1


@pytest.mark.parametrize("client, alerts", [("192.0.2.99", ["192.0.2.99"]), ("127.0.0.1", [])])
def test_behind_the_proxy_protocol_the_client_is_the_one_in_the_header(site, client, alerts):
    site.set_up(OPEN, master=[
        "2526 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy"])
    site.mx.wait_listening(2526)
    with site.outside.session(site.mx.address, 2526) as session:
        session.send(f"PROXY TCP4 {client} 203.0.113.25 4000 25\r\n")
        session.hello()
        transaction(session, OUTSIDER)
    assert [alert["evidence"]["client"] for alert in site.alerts()] == alerts


def test_listeners_are_told_apart(site):
    site.set_up(OPEN, master=["587 inet n - n - - smtpd",
                              "[2001:db8:113::25]:2527 inet n - n - - smtpd"])
    for address, port in ((site.mx.address, 25), (site.mx.address, 587), (site.mx.address6, 2527)):
        site.mx.wait_listening(port)
        with site.outside.session(address, port) as session:
            session.hello()
            transaction(session, OUTSIDER)
    assert sorted(alert["subject"]["listener"] for alert in site.alerts()) == [
        "203.0.113.25:25", "203.0.113.25:587", "[2001:db8:113::25]:2527"]


def test_several_instances_share_one_filter_over_tcp(site):
    site.set_up(OPEN, milter={"socket": "inet:8895@127.0.0.1"})
    filters = site.postfix.milter_setting("inet:127.0.0.1:8895")
    site.postfix.set({"smtpd_milters": filters})
    second = Postfix(site.lab, site.mx, name="second", listen=["2528"], chroot=True,
                     main={**OPEN, "smtpd_milters": filters}).start()
    for port in (25, 2528):
        with site.outside.session(site.mx.address, port) as session:
            session.hello()
            transaction(session, OUTSIDER)
    second.stop()
    assert sorted(alert["subject"]["listener"] for alert in site.alerts()) == [
        "203.0.113.25:25", "203.0.113.25:2528"]


# ---- ways of saying it ----

def test_a_pipelined_transaction_is_judged_whole(site):
    site.set_up(OPEN)
    with site.outside.session(site.mx.address) as session:
        session.hello()
        session.send("MAIL FROM:<a@sender.example.net>\r\n" +
                     "".join(f"RCPT TO:<b{n}@outside.example.net>\r\n" for n in range(50)) +
                     f"RCPT TO:{OWN}\r\nDATA\r\n")
        assert [session.reply().code for _ in range(53)] == [250] * 52 + [354]
        assert session.message(MESSAGE).code == 250
    alert, = site.alerts()
    assert alert["count"] == 50
    assert alert["evidence"]["recipient"] == "<b0@outside.example.net>"


def test_a_message_in_chunks_is_judged_and_held_like_any(site):
    site.set_up(OPEN, milter={"enforce": "hold"})
    site.postfix.empty_queue()
    with site.outside.session(site.mx.address) as session:
        session.hello()
        say(session, "MAIL FROM:<a@sender.example.net>", f"RCPT TO:{OUTSIDER}")
        session.send("BDAT 14\r\nSubject: x\r\n\r\nBDAT 3 LAST\r\nx\r\n")
        assert [session.reply().code for _ in range(2)] == [250, 250]
    (queue_id, name), = site.postfix.queue_names().items()
    alert, = site.alerts()
    assert (name, alert["evidence"]["queue_id"]) == ("hold", queue_id)
    site.postfix.empty_queue()


def test_a_thousand_recipients_of_one_message_are_counted(site):
    site.set_up({**OPEN, "smtpd_recipient_overshoot_limit": "2000"})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        session.send("MAIL FROM:<a@sender.example.net>\r\n" + "".join(
            f"RCPT TO:<b{number}@outside.example.net>\r\n" for number in range(1000)))
        assert {session.reply().code for _ in range(1001)} == {250}
        say(session, "DATA", code=354)
        assert session.message(MESSAGE).code == 250
    alert, = site.alerts()
    assert alert["count"] == 1000


def test_transactions_that_are_given_up_and_begun_again_are_counted_each_once(site):
    site.set_up(OPEN, alert={"quiet_after": "1s"})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        for _ in range(5):
            say(session, "MAIL FROM:<a@sender.example.net>", f"RCPT TO:{OUTSIDER}", "RSET")
        for _ in range(5):
            say(session, "MAIL FROM:<a@sender.example.net>", f"RCPT TO:{OUTSIDER}")
            say(session, "EHLO again.example.net")
        transaction(session, OUTSIDER, OUTSIDER)
        say(session, "MAIL FROM:<a@sender.example.net>", f"RCPT TO:{OUTSIDER}")
        say(session, "DATA", code=354)
        session.send("Subject: cut")
    resolved = site.milter.wait_for_alert(kind="open-relay", state="resolved")
    assert resolved["count"] == 13


# ---- actions of Postfix's tables ----

def by_recipient(site, action):
    table = site.postfix.table("actions", {"b@outside.example.net": action})
    return {**OPEN, "smtpd_recipient_restrictions": f"check_recipient_access {table}"}


def test_what_postfix_discards_is_not_relayed(site):
    site.set_up(by_recipient(site, "DISCARD"))
    assert site.ask(OUTSIDER) == [250]
    assert site.alerts() == []


def test_what_postfix_holds_by_itself_was_granted(site):
    site.set_up(by_recipient(site, "HOLD"))
    assert site.ask(OUTSIDER) == [250]
    assert set(site.postfix.queue_names().values()) == {"hold"}
    site.postfix.empty_queue()
    alert, = site.alerts()
    assert alert["kind"] == "open-relay"


def test_what_postfix_redirects_was_granted(site):
    """Where it ends is decided later; that the stranger's recipient was accepted is a fact."""
    site.set_up(by_recipient(site, "REDIRECT u@example.org"))
    mark = site.postfix.logfile.mark()
    assert site.ask(OUTSIDER) == [250]
    site.postfix.logfile.wait_for("to=<u@example.org>.*status=sent", since=mark)
    alert, = site.alerts()
    assert alert["evidence"]["resolved"] == "b@outside.example.net"
