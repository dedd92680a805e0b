"""The lab keeps its promises: what other tests take for granted is shown here."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from lab import (CLOSED, Dns, Lab, LabError, Postfix, Sasl, Sendmail, Server, Sink, Syslog, pointer,
                 relay, wait_until)
from lab import folder

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVELOPE = ["EHLO client.example.net", "MAIL FROM:<a@probe.example.net>"]
FOREIGN = "RCPT TO:<b@outside.example.net>"

# Another test run: a lab with a detached daemon, whose id it prints before it waits for its end.
OWNER = """
import sys, time
sys.path.insert(0, {tests!r})
from lab import Lab
with Lab() as lab:
    lab.host("outside").run(["sh", "-c", "setsid -f sleep 1000 > /dev/null 2>&1"])
    print(lab.id, lab._guardian.pid, flush=True)
    time.sleep(1000)
"""


@pytest.fixture(scope="module")
def world(shared_lab):
    """DNS for the hosts of this file."""
    Dns(shared_lab).start()
    return shared_lab


@pytest.fixture(scope="module")
def postfix(world):
    """One that accepts for example.org and discards."""
    return Postfix(world, world.host("mx")).start()


def hear_signals():
    """A program in the background of a script may have been told to ignore them."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def another_owner():
    """A process with a lab of its own: yields it, the lab's id and its guardian's pid."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER.format(tests=TESTS)],
                             stdout=subprocess.PIPE, text=True, preexec_fn=hear_signals)
    try:
        name, guardian = owner.stdout.readline().split()
        yield owner, name, int(guardian)
    finally:
        owner.kill()
        owner.communicate()


def left_of(name):
    """Everything that a lab left on the machine."""
    return folder.namespaces(name) + [
        path for path in (os.path.join(folder.ROOT, name),) if os.path.exists(path)]


# ---- the network ----


def test_hosts_see_only_each_other(world):
    outside = world.host("outside")
    with pytest.raises(OSError, match="unreachable"):
        outside.connect("9.9.9.9", 53)
    assert "eth0" in outside.run(["ip", "-br", "link"]).stdout


def test_a_host_has_its_own_name_devices_and_run(world):
    outside = world.host("outside")
    assert outside.run(["hostname"]).stdout == "probe.example.net\n"
    assert outside.run(["readlink", "/dev/log"]).stdout == f"{world.folder}/log\n"
    outside.run(["sh", "-c", "echo x > /dev/null; head -c 1 /dev/urandom; touch /run/here"])
    assert not os.path.exists("/run/here")


def test_a_host_can_have_more_addresses_and_asks_from_each(world):
    outside = world.host("outside")
    outside.add_address("198.51.100.9")
    with Server(world.host("mx"), 2600, lambda peer: peer.send(peer.getpeername()[0].encode())):
        for source in ("198.51.100.7", "198.51.100.9"):
            with outside.connect("203.0.113.25", 2600, source=source) as connection:
                assert connection.recv(100).decode() == source
    outside.remove_address("198.51.100.9")
    assert "198.51.100.9" not in outside.run(["ip", "addr"]).stdout


def test_masquerading_hides_the_client_and_plain_forwarding_does_not(lab):
    outside, mta = lab.host("outside"), lab.host("mta")

    def tell(peer):
        peer.send(peer.getpeername()[0].encode())

    def seen(address):
        with outside.connect(address) as connection:
            return connection.recv(100).decode()

    with Server(mta, 25, tell), Server(mta, 25, tell, mta.address6):
        lab.nat(masquerade=True)
        assert seen("203.0.113.25") == "172.22.1.1"
        assert seen("2001:db8:113::25") == "fd22:1::1"
        lab.nat(masquerade=False)
        assert seen("203.0.113.25") == "198.51.100.7"
        assert seen("2001:db8:113::25") == "2001:db8:51::7"
        lab.nat(families=(4,))
        with pytest.raises(OSError):
            outside.connect("2001:db8:113::25")
        with relay(lab.host("gateway"), 25, (mta.address, 25), "2001:db8:113::25"):
            assert seen("2001:db8:113::25") == "172.22.1.1"


def test_what_is_behind_the_gateway_reaches_the_dns(lab):
    Dns(lab).start()
    lab.nat()
    answer = lab.host("mta").run(["getent", "ahostsv4", "mx.example.org"]).stdout
    assert answer.startswith("203.0.113.25 ")


# ---- DNS ----


def test_names_and_addresses_resolve_and_unknown_names_do_not_exist(world):
    mx = world.host("mx")
    assert mx.run(["getent", "hosts", "198.51.100.7"]).stdout.split()[1] == "probe.example.net"
    assert mx.run(["getent", "ahosts", "unknown.example.net"], check=False).returncode == 2


def test_records_can_be_added_and_replaced_while_it_runs(lab):
    dns, mx = Dns(lab).start(), lab.host("mx")
    dns.add([("new.example.net", "A", "192.0.2.1"), pointer("192.0.2.1", "new.example.net")])
    assert mx.run(["getent", "hosts", "192.0.2.1"]).stdout.split()[1] == "new.example.net"
    dns.replace([("other.example.net", "A", "192.0.2.2")])
    assert mx.run(["getent", "ahosts", "new.example.net"], check=False).returncode == 2
    assert mx.run(["getent", "ahostsv4", "other.example.net"]).stdout.startswith("192.0.2.2 ")


def test_without_a_dns_a_lookup_is_refused_at_once(lab):
    start = time.monotonic()
    lab.host("outside").run(["getent", "ahosts", "mx.example.org"], check=False)
    assert time.monotonic() - start < 2


def test_dns_answers_over_tcp_and_ipv6(world):
    dns = world.host("dns")
    for address in dns.addresses:
        with world.host("outside").connect(address, 53) as connection:
            # Length, header with one question, and the root's SOA.
            connection.sendall(bytes.fromhex("0011 12340100000100000000 0000 00 0006 0001"))
            assert connection.recv(100)[2:4] == bytes.fromhex("1234")


# ---- Postfix ----


def test_postfix_is_ready_when_started_and_sees_the_client_by_name(world, postfix):
    mark = postfix.logfile.mark()
    replies = world.host("outside").smtp("203.0.113.25", [*ENVELOPE, FOREIGN, "QUIT"])
    assert [reply.code for reply in replies] == [220, 250, 250, 454, 221]
    postfix.logfile.wait_for(r"connect from probe\.example\.net\[198\.51\.100\.7\]", since=mark)


def test_a_setting_is_in_force_when_set_returns(world, postfix):
    outside = world.host("outside")
    for _ in range(5):
        for networks, code in (("0.0.0.0/0", 250), ("127.0.0.0/8", 454)):
            postfix.set({"mynetworks": networks})
            assert outside.smtp("203.0.113.25", [*ENVELOPE, FOREIGN])[-1].code == code


def test_mail_for_local_recipients_is_taken_and_touches_no_mailbox(world, postfix):
    mark = postfix.logfile.mark()
    replies = world.host("outside").smtp("203.0.113.25", [
        *ENVELOPE, "RCPT TO:<root@example.org>", "DATA", "Subject: hello\n\n.\n"])
    assert replies[-1].code == 250
    postfix.logfile.wait_for(r"discard\[\d+\]: .*to=<root@example.org>.*status=sent", since=mark)


def test_the_queue_shows_held_mail(world, postfix):
    hold = postfix.table("hold", {"a@probe.example.net": "HOLD"})
    postfix.set({"smtpd_sender_restrictions": f"check_sender_access {hold}"})
    world.host("outside").smtp("203.0.113.25", [
        *ENVELOPE, "RCPT TO:<held@example.org>", "DATA", "Subject: held\n\nx\n"])
    assert list(postfix.queue_names().values()) == ["hold"]
    assert postfix.queue()[0]["recipients"][0]["address"] == "held@example.org"
    postfix.empty_queue()
    assert postfix.queue() == []
    postfix.set({"smtpd_sender_restrictions": None})


def test_a_second_listener_has_its_own_options(world, postfix):
    postfix.set(listen=["25", ("203.0.113.25:2525", {"smtpd_banner": "second listener"})])
    postfix.host.wait_listening(2525, "203.0.113.25")
    session = world.host("outside").session("203.0.113.25", 2525)
    assert session.reply().text == "second listener"
    session.close()
    postfix.set(listen=["25"])
    wait_until(lambda: not postfix.host.listening(2525), 5)


def test_postfix_stops_wholly_and_starts_again(world, postfix):
    postfix.stop()
    assert not postfix.running
    assert postfix.host.processes() == []
    with pytest.raises(OSError):
        world.host("outside").connect("203.0.113.25")
    postfix.start()
    assert world.host("outside").smtp("203.0.113.25", ["QUIT"])[0].code == 220


def test_an_smtpd_that_refuses_to_start_gives_no_greeting(world, postfix):
    postfix.set({"smtpd_relay_restrictions": "permit"})
    with world.host("outside").session("203.0.113.25", timeout=0.5) as session:
        with contextlib.suppress(TimeoutError):
            assert session.reply() == CLOSED
    postfix.logfile.wait_for("fatal: in parameter smtpd_relay_restrictions")
    postfix.set({"smtpd_relay_restrictions": None})
    assert world.host("outside").smtp("203.0.113.25", ["QUIT"])[0].code == 220


def test_a_chrooted_smtpd_works(lab):
    Dns(lab).start()
    postfix = Postfix(lab, lab.host("mx"), chroot=True).start()
    replies = lab.host("outside").smtp("203.0.113.25", [*ENVELOPE, FOREIGN])
    assert [reply.code for reply in replies] == [220, 250, 250, 454]
    assert postfix.logfile.find(r"connect from probe\.example\.net\[198\.51\.100\.7\]")


def test_tls_and_authentication(lab):
    certificate, key = lab.certificate()
    sasl = Sasl(lab).user("joe", "secret")
    postfix = Postfix(lab, lab.host("mx"), sasl=sasl, main={
        "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key,
        "smtpd_tls_security_level": "may"}).start()
    with lab.host("outside").session("203.0.113.25") as session:
        session.hello()
        assert session.starttls().code == 220
        assert "AUTH PLAIN LOGIN\n" in session.command("EHLO client").text
        assert session.auth_plain("joe", "wrong").code == 535
        assert session.auth_plain("joe", "secret").code == 235
        assert session.command("MAIL FROM:<a@example.org>").code == 250
        assert session.command(FOREIGN).code == 250
    postfix.set({"smtpd_sasl_security_options": ""})
    with lab.host("outside").session("203.0.113.25") as session:
        assert "AUTH PLAIN LOGIN ANONYMOUS\n" in session.hello()[1].text
        assert session.command("AUTH ANONYMOUS YUBi").code == 235


def test_relayed_mail_arrives_in_the_sink_and_lmtp_mail_in_its_own(lab):
    Dns(lab).start()
    sink, mx = Sink(lab).start(), lab.host("mx")
    mailboxes = Sink(lab, mx, port=2424, lmtp=True, name="mailboxes").start()
    Postfix(lab, mx, main={
        "default_transport": "smtp", "mynetworks": "198.51.100.0/24",
        "mailbox_transport": "", "virtual_mailbox_domains": "boxes.example.org",
        "virtual_transport": "lmtp:inet:127.0.0.1:2424"}).start()
    lab.host("outside").smtp("203.0.113.25", [
        *ENVELOPE, FOREIGN, "RCPT TO:<box@boxes.example.org>", "DATA", "Subject: out\n\nx\n"])
    sink.wait_for_recipient("b@outside.example.net")
    assert sink.messages()[0]["Subject"] == "out"
    mailboxes.wait_for_recipient("box@boxes.example.org")


# ---- Sendmail ----


@pytest.fixture(scope="module")
def sendmail(world):
    return Sendmail(world, world.host("second", addresses=["192.0.2.1", "2001:db8:2::1"]),
                    sasl=Sasl(world, name="sasl-of-sendmail").user("joe", "secret")).start()


def test_sendmail_takes_its_own_mail_and_refuses_to_relay(world, sendmail):
    for address in ("192.0.2.1", "2001:db8:2::1"):
        replies = world.host("outside").smtp(address, [
            "EHLO client", "MAIL FROM:<a@outside.example.net>", FOREIGN,
            "RCPT TO:<anybody@example.org>", "DATA", "Subject: x\n\nx\n", "QUIT"])
        assert [reply.code for reply in replies] == [220, 250, 250, 550, 250, 354, 250, 221]
        assert "Relaying denied" in replies[3].text
    wait_until(lambda: sendmail.queue() == [], 10, "local delivery")


def test_sendmail_relays_for_who_logs_in_and_keeps_what_it_cannot_deliver(world, sendmail):
    with world.host("outside").session("192.0.2.1") as session:
        session.hello()
        assert session.auth_plain("joe", "secret").code == 235
        session.command("MAIL FROM:<joe@example.org>")
        assert session.command("RCPT TO:<b@outside.example.net>").code == 250
        session.command("DATA")
        assert session.message("Subject: x\n\nx\n").code == 250
    entry, = sendmail.queue()
    assert entry["recipients"] == ["<b@outside.example.net>"] and not entry["quarantined"]
    sendmail.empty_queue()
    assert sendmail.queue() == []


def test_sendmail_is_opened_and_closed_again(world, sendmail):
    for features, code in ((["promiscuous_relay"], 250), ([], 550)):
        sendmail.set(features=features)
        replies = world.host("outside").smtp("192.0.2.1", [
            "EHLO client", "MAIL FROM:<a@outside.example.net>", FOREIGN])
        assert replies[-1].code == code


# ---- syslog ----


def test_what_goes_to_dev_log_on_any_host_is_received(lab):
    syslog = Syslog(lab).start()
    for name in ("outside", "mx"):
        lab.host(name).run(["logger", "-p", "mail.crit", "-t", "tester", f"from {name}"])
        syslog.wait_for(f"<18>mail.crit tester: from {name}")


def test_a_stalled_syslog_daemon_catches_up_and_a_dead_one_starts_again(lab):
    syslog, outside = Syslog(lab).start(), lab.host("outside")
    syslog.stall()
    outside.run(["logger", "while stalled"])
    assert not syslog.log.find("while stalled")
    syslog.resume()
    syslog.wait_for("while stalled")
    syslog.stop()
    outside.run(["logger", "to nobody"], check=False)
    syslog.start()
    outside.run(["logger", "back again"])
    syslog.wait_for("back again")
    assert not syslog.log.find("to nobody")


# ---- beginning and end ----


def test_two_labs_run_at_once_without_seeing_each_other(lab):
    with Lab() as other:
        for each in (lab, other):
            Dns(each).start()
            Postfix(each, each.host("mx"), main={"smtpd_banner": each.id}).start()
        for each in (lab, other):
            greeting = each.host("outside").smtp("203.0.113.25", ["QUIT"])[0]
            assert greeting.text == each.id
        name = other.id
    assert left_of(name) == []
    assert lab.host("outside").smtp("203.0.113.25", ["QUIT"])[0].code == 220


def test_nothing_is_left_after_an_error():
    with pytest.raises(ZeroDivisionError):
        with Lab() as lab:
            Postfix(lab, lab.host("mx")).start()
            name, pids = lab.id, folder.processes(folder.namespaces(lab.id))
            raise ZeroDivisionError
    assert left_of(name) == []
    assert len(pids) > 1 and not any(os.path.exists(f"/proc/{pid}/fd/0") for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_after_a_signal(number):
    with another_owner() as (owner, name, _):
        assert left_of(name)
        owner.send_signal(number)
        owner.wait(10)
        assert left_of(name) == []


def test_the_guardian_clears_up_after_a_killed_owner():
    with another_owner() as (owner, name, _):
        owner.kill()
        wait_until(lambda: left_of(name) == [], 10, lambda: f"the end of {left_of(name)}")


def test_the_next_lab_clears_up_after_owner_and_guardian_are_killed():
    with another_owner() as (owner, name, guardian):
        os.kill(guardian, signal.SIGKILL)
        owner.kill()
        owner.wait()
        assert left_of(name)
        with Lab():
            assert left_of(name) == []


def test_the_next_lab_leaves_a_living_one_alone():
    with another_owner() as (_, name, _), Lab():
        namespaces = folder.namespaces(name)
        assert len(namespaces) == 2
        # The holder, and the daemon that detached itself.
        assert len(folder.processes(namespaces)) == 2


def test_a_wait_in_vain_says_what_for(world):
    with pytest.raises(LabError, match="a listener on port 1 of outside"):
        world.host("outside").wait_listening(1, timeout=0.05)
