"""Whether Postfix, as it is set, finds the filter's socket: mail that flows past the filter is told of."""

import os
import signal

import pytest

from lab import Config, Dns, Milter, Postfix

BLIND = "Postfix does not find this filter"
RELATIVE = "unix:relaywarden/milter.sock"
BELOW = "unix:/relaywarden/milter.sock"  # as a chroot has it
WHOLE = "WHOLE"  # the path outside of any chroot


class Place:
    """A Postfix that relays for everybody, and a filter that asks its postconf."""

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab).start()
        self.count = 0

    def set_up(self, named, chroot, service=None):
        """named: the socket in smtpd_milters; service: in -o of the one smtpd, instead of main.cf."""
        self.count += 1
        self.postfix = Postfix(self.lab, self.mx, name=f"postfix{self.count}", chroot=chroot,
                               main={"mynetworks": "0.0.0.0/0 [::]/0", "smtpd_relay_restrictions":
                                     "permit_mynetworks, reject"})
        setting = self.postfix.milter_setting(self.name(named))
        if service is None:
            self.postfix.main["smtpd_milters"] = setting
        else:
            self.postfix.main["smtpd_milters"] = self.postfix.milter_setting(self.name(service))
            self.postfix.listen = [("25", {"smtpd_milters": setting})]
        self.postfix.write()
        self.milter = Milter(self.lab, self.mx, Config(), postfix=self.postfix, name=f"filter{self.count}")
        self.milter.start(prefix=["env", f"MAIL_CONFIG={self.postfix.etc}"])
        self.postfix.start()
        return self

    def name(self, socket):
        return "unix:" + self.postfix.milter_socket if socket == WHOLE else socket

    def relay(self):
        """Whether mail of a stranger flows."""
        replies = self.outside.smtp(self.mx.address, [
            "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>", "RCPT TO:<b@outside.example.net>", "QUIT"])
        return replies[3].code == 250

    def told(self):
        """What it said of the way, once it has taken another order: it says so after it is ready, which takes a moment."""
        mark = self.milter.log.mark()
        self.milter.signal(signal.SIGHUP)
        self.milter.log.wait_for("was read again and is in force", since=mark)
        tested = self.milter.run("-t", env={**os.environ, "MAIL_CONFIG": self.postfix.etc})
        assert tested.returncode == 0
        return BLIND in self.milter.log.text(), BLIND in tested.stderr

    def end(self):
        assert self.milter.stop() == 0
        self.postfix.stop()
        return {alert["kind"] for alert in self.milter.alerts()}


@pytest.fixture(scope="module", name="place")
def make_place(shared_lab):
    return Place(shared_lab)


@pytest.mark.parametrize("named, chroot, service, seen", [
    (RELATIVE, False, None, True), (RELATIVE, True, None, True),
    (WHOLE, False, None, True), (WHOLE, True, None, False),
    (BELOW, True, None, True), (BELOW, False, None, False),
    (BELOW, False, RELATIVE, False),
], ids=["relative", "relative, chroot", "whole", "whole, chroot", "below, chroot", "below",
        "below in -o of a service"])
def test_a_filter_that_postfix_does_not_find_says_so(place, named, chroot, service, seen):
    """What it says of the way is true: where it warns, Postfix lets mail by, and it sees nothing of it."""
    place.set_up(named, chroot, service)
    said = place.told()
    assert place.relay()
    assert place.end() == ({"open-relay"} if seen else set())
    assert said == (not seen, not seen)
    if not seen:
        assert f"name it there as {RELATIVE}" in place.milter.log.text()
