"""Mail of the host itself, and strangers who claim to be it."""

import os
import subprocess

import pytest

from lab import Config, Dns, Milter, Sendmail, Sink
from site_of_tests import Site

MESSAGE = "Subject: x\n\nx\n"
OUTSIDER = "<b@outside.example.net>"
NO_LOOPBACK = {"trusted_networks": ["192.0.2.0/24"]}
OPEN = {"mynetworks": "0.0.0.0/0 [::]/0", "smtpd_authorized_xclient_hosts": "198.51.100.7"}


@pytest.fixture(scope="module", name="site")
def make_site(shared_lab):
    return Site(shared_lab)


# ---- Postfix ----

DIALOGUE = ["EHLO localhost", "MAIL FROM:<root@example.org>", f"RCPT TO:{OUTSIDER}", "DATA",
            "Subject: x", "", "x", ".", "QUIT", ""]


@pytest.mark.parametrize("protocol", ["2", "6"])
@pytest.mark.parametrize("arguments, text", [
    (["-f", "root@example.org", "-i", "b@outside.example.net"], MESSAGE),
    (["-f", "root@example.org", "-t", "-i"], "To: b@outside.example.net\n" + MESSAGE),
    (["-bs"], "\r\n".join(DIALOGUE)),
], ids=["arguments", "-t", "-bs"])
def test_postfixs_sendmail_command_may_relay(site, arguments, text, protocol):
    site.set_up(site=NO_LOOPBACK, milter={"enforce": "reject"})
    site.postfix.set({"non_smtpd_milters": site.postfix.main["smtpd_milters"],
                      "milter_protocol": protocol})
    mark = site.postfix.logfile.mark()
    said = site.mx.run(
        [os.path.join(site.postfix.programs.commands, "sendmail"), "-C", site.postfix.etc,
         *arguments], input=text,
        env={**site.postfix.programs.environment(), "MAIL_CONFIG": site.postfix.etc})
    assert "550" not in said.stdout
    site.postfix.logfile.wait_for("to=<b@outside.example.net>.*status=sent", since=mark)
    assert not site.postfix.logfile.find("[Mm]ilter", mark)
    assert site.alerts() == []


@pytest.mark.parametrize("claim, client", [
    ("ADDR=127.0.0.1 PORT=0", "127.0.0.1"),
    ("ADDR=127.0.0.1 PORT=[UNAVAILABLE]", "127.0.0.1"),
    ("ADDR=127.0.0.1 PORT=0 NAME=localhost DESTADDR=127.0.0.1 DESTPORT=0", "127.0.0.1"),
    ("ADDR=127.0.0.1 NAME=localhost", "127.0.0.1"),
    ("ADDR=IPV6:::1 PORT=0 NAME=localhost", "::1"),
])
@pytest.mark.parametrize("protocol", ["2", "6"])
def test_who_claims_by_xclient_to_be_this_host_is_a_stranger(site, claim, client, protocol):
    site.set_up({**OPEN, "milter_protocol": protocol}, site=NO_LOOPBACK,
                milter={"enforce": "reject"})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.command(f"XCLIENT {claim}").code == 220
        session.command("EHLO client.example.net")
        assert session.command("MAIL FROM:<a@sender.example.net>").code == 250
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 550
    alert, = site.alerts()
    assert (alert["kind"], alert["severity"]) == ("open-relay", "critical")
    assert alert["evidence"]["client"] == client


def test_loopback_that_is_declared_is_trusted_whoever_claims_it(site):
    site.set_up(OPEN, milter={"enforce": "reject"})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.command("XCLIENT ADDR=127.0.0.1 PORT=0").code == 220
        session.command("EHLO client.example.net")
        assert session.command("MAIL FROM:<a@sender.example.net>").code == 250
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 250
    assert site.alerts() == []


V2_LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"


@pytest.mark.parametrize("header, client", [
    (b"PROXY TCP4 127.0.0.1 203.0.113.25 0 25\r\n", "127.0.0.1"),
    (b"PROXY TCP4 127.0.0.1 127.0.0.1 0 0\r\n", "127.0.0.1"),
    (b"PROXY TCP6 ::1 ::1 0 25\r\n", "::1"),
    (V2_LOCAL, "198.51.100.7"),
], ids=["v1", "v1 to port 0", "v1 IPv6", "v2 LOCAL"])
def test_who_claims_by_a_proxy_header_to_be_this_host_is_a_stranger(site, header, client):
    site.set_up(OPEN, site=NO_LOOPBACK, milter={"enforce": "reject"}, master=[
        "2526 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy"])
    site.mx.wait_listening(2526)
    with site.outside.session(site.mx.address, 2526) as session:
        session.send(header)
        session.hello()
        assert session.command("MAIL FROM:<a@sender.example.net>").code == 250
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 550
    alert, = site.alerts()
    assert alert["evidence"]["client"] == client


# ---- the queue id ----

@pytest.mark.parametrize("protocol", ["2", "3", "4", "6"])
def test_the_queue_id_is_named_with_each_milter_protocol(site, protocol):
    site.set_up({**OPEN, "milter_protocol": protocol})
    mark = site.postfix.logfile.mark()
    assert site.ask(OUTSIDER, "<c@outside.example.net>") == [250, 250]
    alert, = site.alerts()
    assert any(f" {alert['evidence']['queue_id']}: client=" in line
               for line in site.postfix.log(mark))
    assert alert["count"] == 2


@pytest.mark.parametrize("protocol", ["2", "4", "6"])
def test_a_message_is_held_with_each_milter_protocol(site, protocol):
    site.set_up({**OPEN, "milter_protocol": protocol}, milter={"enforce": "hold"})
    assert site.ask(OUTSIDER) == [250]
    alert, = site.alerts()
    assert site.postfix.queue_names() == {alert["evidence"]["queue_id"]: "hold"}
    site.postfix.empty_queue()


@pytest.mark.parametrize("protocol", ["2", "3", "4", "6"])
@pytest.mark.parametrize("end", ["RSET", "QUIT", None, "MAIL FROM:<b@sender.example.net>"])
def test_what_was_given_up_has_no_queue_id(site, protocol, end):
    site.set_up({**OPEN, "milter_protocol": protocol})
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.command("MAIL FROM:<a@sender.example.net>").code == 250
        for recipient in (OUTSIDER, "<c@outside.example.net>"):
            assert session.command(f"RCPT TO:{recipient}").code == 250
        if end:
            session.command(end)
    alert, = site.alerts()
    assert (alert["evidence"]["queue_id"], alert["count"]) == ("NOQUEUE", 2)


# ---- Sendmail ----

class Talk:
    """A dialogue with `sendmail -bs` on its standard input: it takes nothing before it has greeted."""

    def __init__(self, sendmail, *arguments):
        self.process = sendmail.host.popen(
            [sendmail.binary, "-C", os.path.join(sendmail.etc, "sendmail.cf"), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()

    def read(self):
        while True:
            line = self.process.stdout.readline()
            if not line or line[3:4] != "-":
                return line

    def say(self, line):
        self.process.stdin.write(line + "\r\n")
        self.process.stdin.flush()
        return self.read()


@pytest.mark.parametrize("arguments", [["-bs"], ["-Am", "-bs"], ["-t", "-i"], ["-Am", "-t", "-i"]],
                         ids=" ".join)
def test_sendmails_own_command_may_relay(lab, arguments):
    mx = lab.host("mx")
    Dns(lab, records=[("sender.example.net", "A", "198.51.100.7")]).start()
    sink = Sink(lab).start()
    sendmail = Sendmail(lab, mx)
    milter = Milter(lab, mx, Config(site=NO_LOOPBACK, milter={
        "enforce": "reject", "own_mailers": ["local"], "socket_group": "",
        "socket": "unix:" + sendmail.milter_socket})).start()
    sendmail.start()
    sendmail.attach()
    if "-bs" in arguments:
        talk = Talk(sendmail, *arguments)
        for line, code in (("EHLO localhost", "250"), ("MAIL FROM:<root@example.org>", "250"),
                           (f"RCPT TO:{OUTSIDER}", "250"), ("DATA", "354"),
                           ("Subject: x\r\n\r\nx\r\n.", "250"), ("QUIT", "221")):
            said = talk.say(line)
            assert said.startswith(code), (line, said)
        talk.process.wait()
    else:
        assert sendmail.command(*arguments, input="To: b@outside.example.net\n" + MESSAGE,
                                check=False).returncode == 0
    sink.wait_for_recipient("b@outside.example.net")
    assert milter.stop() == 0
    assert milter.alerts() == []
