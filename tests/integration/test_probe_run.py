"""relaywarden-probe run: the daemon that audits a real Postfix again and again."""

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time

import pytest

from lab import Config, Dns, Postfix, ProbeDaemon, Server, probe, program, wait_until

# Postfix asks this server of the test's before it answers RCPT.
POLICY = 10023
ASKED = {"smtpd_client_restrictions": f"check_policy_service inet:127.0.0.1:{POLICY}"}
STOPS = 40
# Accepted recipients whose transactions come to nothing use up Postfix's in_flow_delay tokens.
OPEN = {"mynetworks": "0.0.0.0/0, [::]/0", "in_flow_delay": "0s"}


@pytest.fixture(scope="module")
def postfix(shared_lab):
    Dns(shared_lab).start()
    return Postfix(shared_lab, shared_lab.host("mx")).start()


@pytest.fixture(scope="module")
def closed(postfix):
    return dict(postfix.main)


@pytest.fixture
def daemon(shared_lab, postfix, closed, request):
    """Not started yet; the server is closed."""
    postfix.main = dict(closed)
    postfix.write()
    postfix.reload()
    daemon = ProbeDaemon(shared_lab, shared_lab.host("outside"), Config(), name=request.node.name)
    yield daemon
    daemon.stop()


def verdicts(report):
    return {entry["verdict"] for entry in report["endpoints"]}


def wait_for_reports(daemon, count):
    wait_until(lambda: len(daemon.reports()) >= count, 30, lambda: daemon.log.tail())
    return daemon.reports()


def test_every_target_is_audited_at_the_start(daemon):
    daemon.start("--json")
    report, = wait_for_reports(daemon, 1)
    assert verdicts(report) == {"closed"}
    daemon.log.wait_for(r"RELAY OK - 2 endpoints closed")
    assert daemon.alerts() == []


def test_a_server_that_opens_and_is_closed_again_is_one_incident(daemon, postfix, closed):
    daemon.start("--json")
    wait_for_reports(daemon, 1)
    postfix.set(OPEN)
    daemon.signal(signal.SIGUSR1)
    opened = daemon.wait_for_alert(kind="open-relay", state="opened")
    wait_for_reports(daemon, 2)
    daemon.signal(signal.SIGUSR1)
    wait_for_reports(daemon, 3)
    postfix.main = dict(closed)
    postfix.write()
    postfix.reload()
    daemon.signal(signal.SIGUSR1)
    resolved = daemon.wait_for_alert(kind="open-relay", state="resolved")
    assert verdicts(wait_for_reports(daemon, 4)[3]) == {"closed"}
    states = [(alert["incident"], alert["state"]) for alert in daemon.alerts()
              if alert["kind"] == "open-relay"]
    # Two endpoints, one on each family, and each told once.
    assert states.count((opened["incident"], "opened")) == 1
    assert states.count((resolved["incident"], "resolved")) == 1
    assert sorted(state for _, state in states) == ["opened", "opened", "resolved", "resolved"]


def test_what_a_ban_kept_from_being_asked_is_not_told_to_be_over(daemon, postfix, closed):
    """Open for who claims a sender of the site; then the probe is let ask little more than `plain`."""
    open_for_senders = {
        "in_flow_delay": "0s",
        "smtpd_relay_restrictions": "check_sender_access inline:{ example.org=OK } "
                                    "reject_unauth_destination"}
    postfix.set(open_for_senders)
    daemon.start("--json")
    opened = daemon.wait_for_alert(kind="open-relay", state="opened")
    assert opened["subject"]["cause"] == "sender-trusted"
    wait_for_reports(daemon, 1)
    # The second error ends a connection, and there are no others for that client.
    postfix.set({**open_for_senders, "smtpd_hard_error_limit": "2", "smtpd_soft_error_limit": "1",
                 "smtpd_client_connection_rate_limit": "1", "anvil_rate_time_unit": "1h",
                 "smtpd_client_event_limit_exceptions": ""})
    postfix.restart()  # anvil forgets the connections of before
    daemon.signal(signal.SIGUSR1)
    report = wait_for_reports(daemon, 2)[1]
    assert verdicts(report) == {"closed"}
    assert daemon.wait_for_alert(kind="probe-blocked", state="opened")
    postfix.main = {**closed, **open_for_senders}
    postfix.write()
    postfix.restart()
    daemon.signal(signal.SIGUSR1)
    assert verdicts(wait_for_reports(daemon, 3)[2]) == {"open"}
    postfix.main = dict(closed)
    postfix.write()
    postfix.reload()
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_alert(kind="open-relay", state="resolved")
    assert daemon.stop() == 0
    # It went on: nothing was told to be over, and opened anew, in between.
    states = [alert["state"] for alert in daemon.alerts() if alert["kind"] == "open-relay"]
    assert states == ["opened", "opened", "resolved", "resolved"]


def test_what_is_no_target_any_more_is_over(daemon, postfix):
    """No audit would ever show it to be closed."""
    postfix.set(OPEN)
    daemon.configure(Config(targets={"mx": {"host": "203.0.113.25"},
                                     "old": {"host": "2001:db8:113::25"}}))
    daemon.start("--json")
    assert verdicts(wait_for_reports(daemon, 1)[0]) == {"open"}
    daemon.configure(Config(targets={"mx": {"host": "203.0.113.25"}}))
    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGUSR1)
    resolved = daemon.wait_for_alert(kind="open-relay", state="resolved")
    assert resolved["subject"]["endpoint"] == "[2001:db8:113::25]:25/none"
    assert daemon.stop() == 0
    # A remaining target's incident goes on.
    assert [alert["state"] for alert in daemon.alerts() if alert["kind"] == "open-relay"] == [
        "opened", "opened", "resolved"]


def test_targets_are_audited_at_their_interval(daemon):
    daemon.configure(Config(probe={"interval": "1s"}))
    daemon.start("--json")
    reports = wait_for_reports(daemon, 3)
    assert [verdicts(report) for report in reports[:3]] == [{"closed"}] * 3


def test_a_target_has_an_interval_of_its_own(daemon):
    daemon.configure(Config(targets={
        "mx": {"domain": "example.org", "interval": "1s"},
        "rare": {"host": "203.0.113.25", "interval": "1h"}}))
    daemon.start("--json")
    reports = wait_for_reports(daemon, 3)
    assert {entry["target"] for entry in reports[0]["endpoints"]} == {"mx", "rare"}
    assert {entry["target"] for report in reports[1:3] for entry in report["endpoints"]} == {"mx"}


def test_a_new_configuration_is_taken_and_a_bad_one_is_told(daemon):
    daemon.start("--json")
    wait_for_reports(daemon, 1)
    mark = daemon.log.mark()
    daemon.configure("site { domains = { 5 nonsense }\n")
    daemon.signal(signal.SIGHUP)
    daemon.log.wait_for(r"relaywarden.conf:\d+: ", since=mark)
    daemon.log.wait_for(r"reload failed; keeping the current configuration", since=mark)
    daemon.signal(signal.SIGUSR1)
    assert verdicts(wait_for_reports(daemon, 2)[1]) == {"closed"}
    mark = daemon.log.mark()
    daemon.configure(Config(alert={"syslog": {"format": "none"}, "json": "/nonexistent/alerts.json"}).text())
    daemon.signal(signal.SIGHUP)
    daemon.log.wait_for("no sink works, so nobody would hear of an alert .*json: cannot open", since=mark)
    daemon.log.wait_for("reload failed; keeping the current configuration", since=mark)
    daemon.configure(Config(targets={"only-v4": {"host": "203.0.113.25"}}))
    daemon.signal(signal.SIGHUP)
    report = wait_for_reports(daemon, 3)[2]
    assert [entry["target"] for entry in report["endpoints"]] == ["only-v4"]


def test_it_stops_at_once_while_a_server_is_silent(daemon, shared_lab):
    over = threading.Event()
    with Server(shared_lab.host("mx"), 2525, lambda connection: over.wait(60)) as server:
        daemon.configure(Config(targets={"slow": {"host": "203.0.113.25", "ports": [2525]}}))
        daemon.start("--json")
        wait_until(lambda: server.connections > 0, 10, "a connection")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 5
        over.set()
    report, = daemon.reports()
    assert verdicts(report) == {"inconclusive"}
    assert daemon.log.find(r"stopped")


def test_an_order_to_stop_is_obeyed_at_whatever_instant_it_comes(daemon):
    """While it audits again and again, also just when an audit ends."""
    instants = random.Random(STOPS)
    for _ in range(STOPS):
        daemon.start()
        began = time.monotonic()
        until = began + instants.uniform(0, 0.5)
        while time.monotonic() < until:
            daemon.signal(signal.SIGUSR1)
        assert daemon.stop() == 0
    assert len(daemon.log.find(r": stopped$")) == STOPS


def test_orders_that_come_during_an_audit_make_one_more_of_what_then_holds(
        daemon, shared_lab, postfix):
    told = threading.Event()

    def answer(connection):
        with connection.makefile("rb") as lines:
            for line in lines:
                if line == b"\n":
                    told.wait(60)
                    connection.sendall(b"action=dunno\n\n")

    with Server(shared_lab.host("mx"), POLICY, answer, "127.0.0.1") as policy:
        postfix.set(ASKED)
        daemon.start("--json")
        wait_until(lambda: policy.connections > 0, 15, lambda: daemon.log.tail())
        postfix.set({**OPEN, "smtpd_client_restrictions": ""})
        for _ in range(5):
            daemon.signal(signal.SIGUSR1)
        assert daemon.reports() == []
        told.set()
        assert verdicts(wait_for_reports(daemon, 2)[1]) == {"open"}
    daemon.signal(signal.SIGHUP)
    daemon.log.wait_for("configuration reloaded")
    assert daemon.stop() == 0
    assert len(daemon.reports()) == 2


@contextlib.contextmanager
def held(daemon):
    """Its database exists, and another process writes in it for as long as this lasts."""
    probe(daemon.host, config=daemon.config, as_json=False)
    path = os.path.join(daemon.config.top["state_directory"], "probe/relaywarden.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


def test_it_stops_when_it_is_told_so_while_it_saves_what_it_learnt(daemon, postfix):
    postfix.set({"smtpd_client_restrictions": "check_client_access static:{451 4.7.1 come back later}"})
    with held(daemon):
        daemon.start()
        daemon.log.wait_for("the next audit will not know of this one", 15)  # and goes on to save
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(15) == 0
    assert daemon.log.find(r"stopped")


def test_who_holds_what_it_learnt_is_not_waited_for_without_end(daemon, postfix):
    postfix.set({"smtpd_client_restrictions": "check_client_access static:{451 4.7.1 come back later}"})
    with held(daemon):
        daemon.start()
        daemon.log.wait_for(r"the next audit will not know of this one: .*relaywarden\.db: .*"
                            r"another process holds it", 15)
        checked = probe(daemon.host, config=daemon.config, as_json=False)
        assert checked.code == 3
        assert "another process holds it" in checked.err


def test_without_targets_it_says_what_is_missing(lab):
    checked = probe(lab.host("outside"), config=Config(targets={}), verb="run", as_json=False)
    assert checked.code == 78
    assert "add a target section or target_files to probe" in checked.err


BAD = 'site { domains = { "not a domain" } }\n'
UNREADABLE = ["--config", "/proc/self/mem"]  # reading it is an I/O error
CODES = {  # arguments, the configuration: the exit code of run, and that of all others
    "a mistake": ([], BAD, 78, 3),
    "a mistake, checked": (["-t"], BAD, 78, 3),
    "an I/O error": (UNREADABLE, None, 71, 3),
    "an I/O error, checked": (["-t", *UNREADABLE], None, 71, 3),
    "no file": (["--config", "/run/nosuchfolder/relaywarden.conf"], None, 78, 3),
    "an unknown option": (["--nosuchoption"], None, 64, 3),
    "an option that has no meaning": (["--html", "page.html"], None, 64, 3),
    "an option without its value": (["--config"], None, 64, 3),
    "nothing wrong, checked": (["-t"], None, 0, 0),
}


@pytest.mark.parametrize("arguments, text, served, plugin", CODES.values(), ids=CODES.keys())
def test_the_daemon_has_a_service_s_exit_codes_and_a_check_a_plugin_s(lab, arguments, text, served,
                                                                      plugin):
    outside = lab.host("outside")
    for verb, code in (("run", served), ("check", plugin)):
        for as_json in (False, True):
            checked = probe(outside, *arguments, config=text, verb=verb, as_json=as_json)
            assert checked.code == code, (verb, checked.err)
            if as_json:
                assert checked.report["exit"] == code


def test_a_configuration_that_is_checked_without_a_verb_has_a_plugin_s_exit_codes(lab):
    outside = lab.host("outside")
    path = os.path.join(outside.new_folder("bad"), "relaywarden.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(BAD)
    done = outside.run([program("relaywarden-probe"), "-t", "--config", path], check=False)
    assert done.returncode == 3


def test_an_argument_too_many_is_wrong_usage(lab):
    assert probe(lab.host("outside"), "mx", verb="run", as_json=False).code == 64
