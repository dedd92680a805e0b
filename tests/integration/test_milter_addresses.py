"""Forms of one recipient that MTAs read differently: what is judged is where this MTA sends it.

Each row was tried on Postfix 3.7 and Sendmail 8.17. With `enforce = reject` the filter's reply tells
how it judged: 250 is own, 550 is external. Addresses that the MTA itself refuses are left out.
"""

import pytest

from lab import Config, Dns, Milter, Postfix, Sendmail

OWN, EXTERNAL = 250, 550

# The form, on Postfix, on Sendmail. None: this MTA takes it for bad syntax.
FORMS = [
    (r"<x@evil.test\@example.org>", EXTERNAL, EXTERNAL),
    (r"<x\@evil.test@example.org>", EXTERNAL, OWN),
    (r"<x@evil.test\\@example.org>", EXTERNAL, None),
    (r'<"x@evil.test\\"@example.org>', EXTERNAL, EXTERNAL),
    (r'<"x\"@evil.test"@example.org>', EXTERNAL, EXTERNAL),
    (r'<x"@evil.test"@example.org>', None, OWN),
    (r'<"x"@evil.test\@example.org>', EXTERNAL, EXTERNAL),
    (r'<"x@evil.test"\@example.org>', None, OWN),
    (r'<"x@evil.test\@example.org">', EXTERNAL, EXTERNAL),
    (r'<x@"evil.test@example.org">', EXTERNAL, EXTERNAL),
    (r'<x@evil.test"@"example.org>', None, EXTERNAL),
    (r"<x@evil.test@example.org>", EXTERNAL, None),
    (r"<x@example.org@evil.test>", EXTERNAL, None),
    (r"<x@example.org\@evil.test>", EXTERNAL, EXTERNAL),
    (r"<x@evil.test(@example.org)>", EXTERNAL, EXTERNAL),
    (r"<x(@evil.test)@example.org>", OWN, OWN),
    (r"<x(\)@evil.test)@example.org>", OWN, OWN),
    (r"<(@example.org)x@evil.test>", EXTERNAL, EXTERNAL),
    (r"<x@evil.test%example.org>", None, EXTERNAL),
    (r"<x%evil.test@example.org>", EXTERNAL, EXTERNAL),
    (r"<x\%evil.test@example.org>", EXTERNAL, OWN),
    (r"<x%evil.test\@example.org>", EXTERNAL, EXTERNAL),
    (r"<evil.test!x@example.org>", EXTERNAL, EXTERNAL),
    (r"<evil.test!x\@example.org>", EXTERNAL, EXTERNAL),
    (r"<example.org!x@evil.test>", EXTERNAL, EXTERNAL),
    (r"<@example.org:x@evil.test>", EXTERNAL, EXTERNAL),
    (r"<@evil.test:x@example.org>", OWN, OWN),
    (r"<@evil.test:x\@example.org>", OWN, OWN),
    (r"<x@[203.0.113.25]>", OWN, OWN),
    (r"<x@\[203.0.113.25]>", OWN, OWN),
    (r"<x@[\203.0.113.25]>", OWN, EXTERNAL),
    (r"<x@[203.0.113.25\]>", None, OWN),
    (r"<x@evil.test\@[203.0.113.25]>", None, EXTERNAL),
    (r"<x@[198.51.100.80]>", EXTERNAL, EXTERNAL),
    (r"<x@EXAMPLE.org.>", OWN, OWN),
    (r"<x@example.org..>", None, OWN),
    (r"<x@exam\ple.org>", OWN, OWN),
    (r'<x@"example.org">', OWN, OWN),
    (r"<=?utf-8?q?x=40evil.test?=@example.org>", OWN, OWN),
    ("<postmaster>", OWN, OWN),
    (r"<post\master>", OWN, OWN),
    ("<@evil.test:postmaster>", OWN, OWN),
    ("<postmaster(@evil.test)>", OWN, OWN),
    ('<"postmaster@evil.test">', EXTERNAL, EXTERNAL),
    (r"<postmaster@evil.test\@example.org>", EXTERNAL, EXTERNAL),
    ("<postmaster%evil.test>", EXTERNAL, EXTERNAL),
]


def judged(host, forms):
    """Form to the reply's code, each asked in a connection of its own."""
    answers = {}
    for form in forms:
        with host.session("203.0.113.25") as session:
            session.hello()
            assert session.command("MAIL FROM:<a@sender.example.net>").code == 250
            reply = session.command(f"RCPT TO:{form}")
            answers[form] = reply.code
            assert reply.code == 250 or "relaywarden" in reply.text, (form, reply)
    return answers


@pytest.fixture(name="site")
def make_site(lab):
    Dns(lab, records=[("sender.example.net", "A", "198.51.100.7"),
                      ("evil.test", "A", "198.51.100.80")]).start()
    return lab, lab.host("mx"), lab.host("outside")


def test_postfix_and_the_filter_agree_where_a_recipient_goes(site):
    lab, mx, outside = site
    postfix = Postfix(lab, mx, main={"mynetworks": "0.0.0.0/0"})
    milter = Milter(lab, mx, Config(milter={"enforce": "reject"}), postfix=postfix).start()
    postfix.start()
    postfix.attach()
    wanted = {form: code for form, code, _ in FORMS if code}
    assert judged(outside, wanted) == wanted
    assert milter.stop() == 0
    assert {alert["kind"] for alert in milter.alerts()} == {"open-relay"}


def test_sendmail_and_the_filter_agree_where_a_recipient_goes(site):
    lab, mx, outside = site
    sendmail = Sendmail(lab, mx, features=["promiscuous_relay"])
    milter = Milter(lab, mx, Config(milter={
        "enforce": "reject", "own_mailers": ["local"], "socket_group": "",
        "socket": "unix:" + sendmail.milter_socket})).start()
    sendmail.start()
    sendmail.attach()
    wanted = {form: code for form, _, code in FORMS if code}
    assert judged(outside, wanted) == wanted
    assert milter.stop() == 0
    assert {alert["kind"] for alert in milter.alerts()} == {"open-relay"}
