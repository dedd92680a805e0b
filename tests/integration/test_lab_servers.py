"""The lab's other mail servers take a site's mail, refuse to relay, and change when told to."""

import pytest

from lab import Dns, Exim, LabError, Opensmtpd

LETTER = "Subject: test\n\nHello.\n"
SENDER = "MAIL FROM:<a@outside.example.net>"
OWN, FOREIGN = "RCPT TO:<postmaster@example.org>", "RCPT TO:<canary@outside.example.net>"
SERVERS = [Exim, Opensmtpd]
OPEN = {
    Exim: {"macros": {"MAIN_RELAY_NETS": "*"}},
    Opensmtpd: {"rules": ['match from any for any action "relay"']},
}


@pytest.fixture(scope="module")
def world(shared_lab):
    shared_lab.host("mx")
    Dns(shared_lab).start()
    return shared_lab


@pytest.fixture(params=SERVERS, ids=lambda kind: kind.__name__)
def server(request, world):
    made = request.param(world, world.host("mx")).start()
    yield made
    made.stop()


def codes(world, *commands, address=None, port=25):
    replies = world.host("outside").smtp(address or world.host("mx").address,
                                         ["EHLO client.example.net", *commands], port=port)
    return [reply.code for reply in replies[2:]]


def test_mail_for_the_site_is_taken_and_other_mail_refused(server, world):
    assert codes(world, SENDER, OWN, FOREIGN, "DATA", LETTER) == [250, 250, 550, 354, 250]
    server.logfile.wait_for("outside.example.net")


def test_both_families_are_served(server, world):
    assert codes(world, SENDER, OWN, address=world.host("mx").address6) == [250, 250]


def test_a_restart_brings_a_change_and_leaves_nothing_of_the_old(server, world):
    server.set_up(**OPEN[type(server)])
    server.restart()
    assert codes(world, SENDER, FOREIGN) == [250, 250]
    server.set_up()
    server.restart()
    assert codes(world, SENDER, FOREIGN) == [250, 550]


def test_exim_serves_tls_with_the_labs_certificate(world):
    server = Exim(world, world.host("mx"))
    server.set_up(server.certificate())
    server.start()
    with world.host("outside").session(world.host("mx").address) as session:
        session.hello()
        assert session.starttls().code == 220
        assert session.connection.getpeercert(binary_form=True)
        assert session.command("EHLO client.example.net").code == 250
    server.stop()


def test_opensmtpd_offers_tls(world):
    server = Opensmtpd(world, world.host("mx"))
    server.set_up(settings=server.certificate(), listen=["eth0 port 25 tls pki lab"])
    server.start()
    with world.host("outside").session(world.host("mx").address) as session:
        assert "STARTTLS" in session.hello()[1].text.splitlines()
        assert session.command("STARTTLS").code == 220
    server.stop()


def test_a_mistake_in_the_configuration_is_told(server):
    if isinstance(server, Exim):
        server.set_up(acl_relay="  accept whatever")
    else:
        server.set_up(rules=["match whatever"])
    server.stop()
    with pytest.raises(LabError, match="whatever|syntax error"):
        server.start()


def test_an_unknown_hook_of_exim_is_a_mistake_of_the_test(world):
    with pytest.raises(LabError, match="acl_nowhere"):
        Exim(world, world.host("mx"), acl_nowhere="  accept")
