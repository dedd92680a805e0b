"""Mailers of own_mailers by which Postfix also sends mail for others do not count as own."""

import os
import signal

import pytest

from lab import Config, Dns, Milter, Postfix

DEAD = "[198.51.100.80]:1"
STRANGER = "<b@d1.example>"


class Site:
    """A Postfix, and a filter that asks it (MAIL_CONFIG)."""

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab).start()
        self.count = 0

    def set_up(self, main, master=(), environment=None, milter=None):
        self.count += 1
        self.postfix = Postfix(self.lab, self.mx, name=f"postfix{self.count}", master=master,
                               main={"smtpd_relay_restrictions": "permit", **main})
        self.postfix.write()
        self.milter = Milter(self.lab, self.mx, Config(milter={"enforce": "reject", **(milter or {})}),
                             postfix=self.postfix, name=f"filter{self.count}")
        environment = {"MAIL_CONFIG": self.postfix.etc, **(environment or {})}
        self.milter.start(prefix=["env", *[f"{name}={value}" for name, value in environment.items()]])
        self.postfix.main["mynetworks"] = "0.0.0.0/0"
        self.postfix.main["smtpd_relay_restrictions"] = "permit_mynetworks, reject"
        self.postfix.start()
        self.postfix.attach()
        return self

    def ask(self, *recipients):
        replies = self.outside.smtp(self.mx.address, [
            "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>",
            *[f"RCPT TO:{recipient}" for recipient in recipients], "QUIT"])
        return [reply.code for reply in replies[3:-1]]

    def end(self):
        assert self.milter.stop() == 0
        self.postfix.stop()
        return self.milter.alerts()


@pytest.fixture(name="site")
def make_site(lab):
    return Site(lab)


MAPS = "hash"

OTHERS = {
    "default_transport": {"default_transport": f"relay:{DEAD}"},
    "default_transport without a next hop": {"default_transport": "relay"},
    "default_transport by another parameter": {
        "default_transport": "$relay_transport", "relay_transport": f"relay:{DEAD}"},
    "default_transport = lmtp": {"default_transport": "lmtp:[198.51.100.80]:24"},
    "sender_dependent, a table": {"sender_dependent_default_transport_maps":
                                  "inline:{ { a@sender.example.net = relay:[198.51.100.80] } }"},
    "sender_dependent, static": {"sender_dependent_default_transport_maps": f"static:relay:{DEAD}"},
    "transport_maps for everybody": {"transport_maps": f"inline:{{ {{ * = relay:{DEAD} }} }}"},
    "transport_maps, static": {"transport_maps": f"static:relay:{DEAD}"},
}


@pytest.mark.parametrize("main", OTHERS.values(), ids=OTHERS.keys())
def test_a_transport_for_others_is_not_own(site, main):
    site.set_up(main)
    assert site.milter.log.find("by which Postfix also sends mail for others")
    assert site.ask(STRANGER, "<u@example.org>") == [550, 250]
    alert, = site.end()
    assert (alert["kind"], alert["severity"]) == ("open-relay", "critical")


OWN = {
    "relayhost": {"relayhost": DEAD, "default_transport": "smtp", "relay_domains": "d1.example",
                  "relay_transport": f"relay:{DEAD}"},
    "smtp with a next hop": {"default_transport": f"smtp:{DEAD}", "relay_domains": "d1.example"},
    "a transport map for one domain": {"default_transport": "smtp",
                                       "transport_maps": "inline:{ { d1.example = relay:[198.51.100.80] } }"},
}


@pytest.mark.parametrize("main", OWN.values(), ids=OWN.keys())
def test_what_is_not_for_others_counts_as_declared(site, main):
    site.set_up(main)
    assert site.ask(STRANGER) == [250]
    assert {alert["kind"] for alert in site.end()} == {"undeclared-destination"}


def test_a_regular_expression_for_senders_is_read(site):
    table = site.mx.new_folder("tables") + "/senders"
    with open(table, "w", encoding="utf-8") as file:
        file.write("# for some\n/@sender\\.example\\.net$/  relay:[198.51.100.80]\n")
    site.set_up({"sender_dependent_default_transport_maps": f"regexp:{table}"})
    assert site.ask(STRANGER) == [550]
    site.end()


def test_other_instances_are_asked_too(site):
    other = site.mx.new_folder("other")
    with open(other + "/main.cf", "w", encoding="utf-8") as file:
        file.write(f"compatibility_level = 3.6\ndefault_transport = relay:{DEAD}\n")
    with open(other + "/master.cf", "w", encoding="utf-8") as file:
        file.write("")
    site.set_up({"multi_instance_directories": other, "transport_maps":
                 "inline:{ { d1.example = relay:[198.51.100.80] } }"})
    assert site.milter.log.find("by which Postfix also sends mail for others")
    assert site.ask(STRANGER) == [550]
    site.end()


def test_a_reload_asks_again_and_is_not_made_milder_by_silence(site):
    bin_folder = site.mx.new_folder("bin")
    site.set_up({"default_transport": f"relay:{DEAD}"},
                environment={"PATH": bin_folder + ":" + os.environ["PATH"]})

    def reload():
        mark = site.milter.log.mark()
        site.milter.signal(signal.SIGUSR1)
        site.milter.log.wait_for("was read again and is in force", since=mark)
        return mark

    assert site.ask(STRANGER) == [550]
    path = os.path.join(bin_folder, "postconf")
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nexit 1\n")
    os.chmod(path, 0o755)
    mark = reload()
    assert site.milter.log.find("postconf failed", mark)
    assert site.ask(STRANGER) == [550]
    os.unlink(path)
    site.postfix.set({"default_transport": "smtp", "transport_maps":
                      "inline:{ { d1.example = relay:[198.51.100.80] } }"})
    mark = reload()
    assert not site.milter.log.find("also sends mail for others|postconf failed", mark)
    assert site.ask(STRANGER) == [250]
    site.end()


@pytest.mark.parametrize("script", ["sleep 1000", "sleep 1000 & sleep 1000", "yes", "exit 3",
                                    "kill -9 $$", "trap '' TERM; while :; do sleep 1; done"])
def test_a_postconf_that_does_not_answer_is_said_and_waited_for_3_seconds(site, script):
    bin_folder = site.mx.new_folder("bin")
    path = os.path.join(bin_folder, "postconf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)
    site.set_up({"default_transport": f"relay:{DEAD}"},
                environment={"PATH": bin_folder + ":" + os.environ["PATH"]})
    assert site.milter.log.find("postconf failed, or took longer than 3 s")
    assert not [entry for entry in site.mx.run(["ps", "-eo", "args"]).stdout.splitlines()
                if bin_folder in entry and "env " not in entry and "relaywarden" not in entry]
    assert site.ask(STRANGER) == [250]
    assert {alert["kind"] for alert in site.end()} == {"undeclared-destination"}
