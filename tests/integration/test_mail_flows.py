"""A filter that is not there, or goes away, costs no mail."""

import os

import pytest

from lab import Config, Dns, Milter, Postfix, wait_until

MESSAGES = 200


@pytest.fixture
def postfix(lab):
    Dns(lab).start()
    made = Postfix(lab, lab.host("mx"), chroot=True)
    made.main["smtpd_milters"] = made.milter_setting("unix:/relaywarden/milter.sock")
    return made.start()


def start_sending(lab, postfix, messages=MESSAGES):
    """smtp-source, which ends with 0 only if every message was taken."""
    return lab.host("outside").popen(
        [os.path.join(postfix.programs.commands, "smtp-source"), "-s", "4", "-m", str(messages),
         "-f", "a@sender.example.net", "-t", "u@example.org", "203.0.113.25:25"],
        env=postfix.programs.environment())


def wait_for_all(postfix, messages=MESSAGES):
    """Each message once, and no more."""
    def delivered():
        return sum("status=sent" in line for line in postfix.log())

    wait_until(lambda: delivered() >= messages, 30, lambda: f"{delivered()} of {messages} messages")
    assert delivered() == messages
    assert postfix.queue() == []


def test_mail_flows_when_the_filter_was_never_started(lab, postfix):
    assert start_sending(lab, postfix).wait(60) == 0
    postfix.logfile.wait_for("connect to Milter service .*: No such file or directory")
    wait_for_all(postfix)


def test_mail_flows_when_the_filter_is_killed(lab, postfix):
    milter = Milter(lab, lab.host("mx"), Config(), postfix=postfix).start()
    sending = start_sending(lab, postfix)
    postfix.logfile.wait_for("status=sent")
    milter.kill()
    assert sending.wait(60) == 0
    wait_for_all(postfix)


def test_mail_flows_through_the_filter_from_a_chrooted_smtpd(lab, postfix):
    milter = Milter(lab, lab.host("mx"), Config(), postfix=postfix).start()
    assert start_sending(lab, postfix, 20).wait(60) == 0
    assert not [line for line in postfix.log() if "Milter" in line or "milter" in line]
    assert milter.stop() == 0


def test_a_second_filter_does_not_take_the_socket_of_a_living_one(lab, postfix):
    milter = Milter(lab, lab.host("mx"), Config(), postfix=postfix).start()
    second = milter.run()
    assert second.returncode != 0
    assert "another process is serving" in second.stderr
    assert start_sending(lab, postfix, 5).wait(60) == 0


def test_a_stale_socket_is_taken_over(lab, postfix):
    milter = Milter(lab, lab.host("mx"), Config(), postfix=postfix).start()
    milter.kill()
    assert os.path.exists(postfix.milter_socket)
    milter.start()
    assert start_sending(lab, postfix, 5).wait(60) == 0
