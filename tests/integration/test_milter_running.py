"""The filter as a program: its options, its user and socket, signals, and where its alerts go."""

import grp
import json
import os
import pwd
import re
import signal
import socket
import time

import pytest

from lab import Config, Milter, Syslog, program, wait_until
from lab.process import HANG
from lab.programs import read_alerts
from site_of_tests import Site

OPEN = {"mynetworks": "0.0.0.0/0 [::]/0"}
OUTSIDER = "<b@outside.example.net>"
RELOADS = [signal.SIGHUP, signal.SIGUSR1]


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


@pytest.fixture(scope="module")
def started_syslog(shared_lab):
    return Syslog(shared_lab)


@pytest.fixture
def syslog(site, started_syslog):
    """A daemon that is there for one test: others are not to depend on it."""
    started_syslog.start()
    yield started_syslog
    try:
        stop(site)
    finally:
        started_syslog.stop()


def stop(site):
    """Ends the site's filter, which must end well."""
    milter, site.milter = site.milter, None
    if milter:
        assert milter.stop() == 0


def another(site, owner=None, **sections):
    """A filter that was not started. With an owner, its files are that user's, and its configuration
    root's, readable to that user's group, as the README has it."""
    stop(site)
    milter = Milter(site.lab, site.mx, Config(**sections), postfix=site.postfix)
    if owner:
        user = pwd.getpwnam(owner)
        for path, folders, files in os.walk(milter.folder):
            for name in [".", *folders, *files]:
                os.chown(os.path.join(path, name), user.pw_uid, user.pw_gid)
        os.chown(milter.path, 0, user.pw_gid)
    return milter


def serve(site, milter, main=None):
    """Starts it as the site's filter, beside a Postfix that trusts everybody unless told otherwise."""
    milter.start()
    site.milter = milter
    site.postfix.main.update(OPEN if main is None else main)
    where = milter.config.milter["socket"]
    kind, _, rest = where.partition(":")
    if kind != "unix":
        port, _, address = rest.partition("@")
        where = f"inet:[{address}]:{port}" if kind == "inet6" else f"inet:{address}:{port}"
    site.postfix.attach(where)


# libmilter by itself looks each 5 s whether it is to stop: whoever leaves it to that is late.
SOON = 4.5


def ended(milter):
    """How the running one ended, in how many seconds."""
    process, milter.process = milter.process, None
    begun = time.monotonic()
    code = process.wait(HANG)
    return code, time.monotonic() - begun


# ---- options and exit codes ----

def plain(site, *arguments, **keywords):
    return site.mx.run([program("relaywarden-milter"), *arguments], check=False, **keywords)


def test_help_tells_every_option_and_exit_code(site):
    done = plain(site, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert plain(site, "-h").stdout == done.stdout
    assert max(map(len, done.stdout.splitlines())) < 100
    for word in ("--config FILE", "-t ", "--help", "--version", "64", "71", "78"):
        assert word in done.stdout


def test_version_is_one_line(site):
    done = plain(site, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"relaywarden-milter \d+\.\d+\.\d+\n", done.stdout)
    assert plain(site, "-V").stdout == done.stdout


@pytest.mark.parametrize("arguments", [["--nonsense"], ["-x"], ["--config"], ["start"], ["-t", "x"]])
def test_wrong_usage_is_64(site, arguments):
    done = plain(site, *arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert "relaywarden-milter --help" in done.stderr or "give it as in --config FILE" in done.stderr


def test_a_good_configuration_is_said_to_be_valid(site):
    milter = another(site)
    done = milter.run("-t")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{milter.path}: configuration is valid\n"
    assert not os.path.exists(site.postfix.milter_socket)


def test_what_does_not_exist_yet_is_a_note_and_no_mistake(site):
    milter = another(site, milter={"user": "nosuchuser", "socket_group": "nosuchgroup",
                                   "socket": "unix:/run/nosuchfolder/milter.sock"},
                     alert={"json": "/run/nosuchfolder/alerts.json"})
    done = milter.run("-t")
    assert done.returncode == 0
    for words in ('user "nosuchuser"', 'group "nosuchgroup"', 'directory "/run/nosuchfolder"'):
        assert re.search(f"^{re.escape(milter.path)}:[0-9]+: .*{words} does not exist yet$",
                         done.stderr, re.MULTILINE)


def bad(site):
    """A configuration with a mistake in line 3 and one in line 7."""
    return f"""site {{
  domains = {{ "example.org" }}
  trusted_networks = {{ "10.0.0.1/8" }}
}}
milter {{
  socket = "unix:{site.postfix.milter_socket}"
  socket_mode = "rwx"
}}
"""


@pytest.mark.parametrize("arguments", [["-t"], []], ids=["checked", "started"])
def test_a_bad_configuration_is_78_and_nothing_is_started(site, arguments):
    milter = another(site)
    milter.configure(bad(site))
    done = milter.run(*arguments, timeout=10)
    assert (done.returncode, done.stdout) == (78, "")
    for line in (3, 7):
        assert f"{milter.path}:{line}: " in done.stderr
    assert "ready" not in done.stderr and "valid" not in done.stderr
    assert not os.path.exists(site.postfix.milter_socket)


def test_a_configuration_that_is_not_there_is_78(site):
    done = plain(site, "-t", "--config", "/run/nosuchfolder/relaywarden.conf")
    assert done.returncode == 78
    assert "/run/nosuchfolder/relaywarden.conf: " in done.stderr


@pytest.mark.parametrize("arguments", [["-t"], [], ["--masked"]], ids=["checked", "started", "masked"])
def test_a_configuration_that_the_system_does_not_let_it_read_is_71(site, arguments):
    """Reading this file is an I/O error. The same configuration may be good later."""
    done = plain(site, *arguments, "--config", "/proc/self/mem")
    assert done.returncode == 71
    assert "/proc/self/mem: cannot be read: Input/output error" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-t"]],
                         ids=lambda arguments: arguments[0])
def test_output_that_cannot_be_written_is_74(site, arguments):
    milter = another(site)
    done = site.mx.run(["sh", "-c", 'exec "$@" > /dev/full', "sh", program("relaywarden-milter"),
                        "--config", milter.path, *arguments], check=False)
    assert done.returncode == 74


DENIED = {
    "no user": ({"user": "nosuchuser"}, 'the user "nosuchuser" does not exist: create it'),
    "no group": ({"socket_group": "nosuchgroup"}, 'the group "nosuchgroup" of option socket_group'),
    "no directory": ({"socket": "unix:/run/nosuchfolder/m.sock"}, "/run/nosuchfolder does not exist"),
}


@pytest.mark.parametrize("options, words", DENIED.values(), ids=DENIED.keys())
def test_what_the_system_denies_is_71_and_leaves_no_socket(site, options, words):
    milter = another(site, milter=options)
    done = milter.run(timeout=10)
    assert (done.returncode, done.stdout) == (71, "")
    assert words in done.stderr
    assert "create it" in done.stderr
    assert not os.path.exists(site.postfix.milter_socket)


def test_a_tcp_port_that_is_taken_is_71(site):
    milter = another(site, milter={"socket": "inet:8891@127.0.0.1"})
    listener = site.mx.listen(8891, "127.0.0.1")
    done = milter.run(timeout=30)
    listener.close()
    assert done.returncode == 71
    assert "cannot listen on inet:8891@127.0.0.1: Address already in use" in done.stderr


# ---- user and socket ----

def identities(pid):
    """Per thread its user ids, group ids and groups."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        found.append(tuple({int(number) for number in fields[name].split()}
                           for name in ("Uid", "Gid", "Groups")))
    return found


@pytest.mark.parametrize("name", ["nobody", "postfix"])
def test_root_is_dropped_in_every_thread_and_the_work_done_all_the_same(site, name):
    milter = another(site, owner=name, milter={"user": name})
    serve(site, milter)
    user = pwd.getpwnam(name)
    groups = set(os.getgrouplist(name, user.pw_gid))
    assert site.ask(OUTSIDER) == [250]
    assert milter.wait_for_alert(kind="open-relay")
    threads = identities(milter.process.pid)
    assert len(threads) > 3
    assert all(thread == ({user.pw_uid}, {user.pw_gid}, groups) for thread in threads), threads
    assert os.stat(milter.config.alert["json"]).st_uid == user.pw_uid
    assert not milter.log.find("as this user would fail|incidents are not saved")
    site.alerts()


def test_a_configuration_that_the_user_cannot_read_again_is_told(site):
    milter = another(site, owner="nobody", milter={"user": "nobody"})
    os.chown(milter.path, 0, 0)
    serve(site, milter)
    milter.log.wait_for("a reload as this user would fail: .*Permission denied")
    assert site.ask(OUTSIDER) == [250]
    milter.wait_for_alert(kind="open-relay")
    milter.signal(signal.SIGUSR1)
    milter.log.wait_for("keeping the current configuration")
    site.alerts()


@pytest.mark.parametrize("group, mode", [("postfix", 0o660), ("mail", 0o600), ("", 0o666)])
def test_the_socket_has_the_configured_group_and_mode(site, group, mode):
    milter = another(site, milter={"socket_group": group, "socket_mode": f"{mode:04o}"}).start()
    site.milter = milter
    status = os.stat(site.postfix.milter_socket)
    assert (grp.getgrgid(status.st_gid).gr_name, status.st_mode & 0o7777) == (group or "root", mode)
    assert status.st_uid == 0


TCP = {
    "IPv4": ("inet:8890@127.0.0.1", False),
    "IPv6": ("inet6:8890@::1", False),
    "not loopback": ("inet:8890@203.0.113.25", True),
}


@pytest.mark.parametrize("where, noted", TCP.values(), ids=TCP.keys())
def test_it_serves_over_tcp_and_warns_unless_on_loopback(site, where, noted):
    milter = another(site, milter={"socket": where})
    serve(site, milter)
    assert site.ask(OUTSIDER) == [250]
    assert milter.wait_for_alert(kind="open-relay")
    assert bool(milter.log.find("not on the loopback address")) == noted
    site.alerts()
    # Connections of before are in TIME_WAIT; that must not keep it from starting again.
    milter.start()
    site.milter = milter


# ---- readiness ----

def test_the_service_manager_is_told_when_it_is_ready_and_when_it_stops(site, monkeypatch):
    path = os.path.join(site.lab.folder, "notify")
    milter = another(site)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        milter.start()
        assert manager.recv(4096) == b"READY=1"
        # Ready means that the MTA is served.
        assert site.mx.unix_listening(site.postfix.milter_socket)
        milter.log.wait_for("version [0-9.]+ is ready on unix:/")
        assert milter.stop() == 0
        assert manager.recv(4096) == b"STOPPING=1"
    os.unlink(path)


def test_without_being_ready_nothing_is_told(site, monkeypatch):
    path = os.path.join(site.lab.folder, "notify")
    milter = another(site, milter={"user": "nosuchuser"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        assert milter.run(timeout=10).returncode == 71
        with pytest.raises(BlockingIOError):
            manager.recv(4096, socket.MSG_DONTWAIT)
    os.unlink(path)


# ---- reload ----

OTHER = {"relay_domains": "other.test"}


def declare(site, *domains):
    """The running filter's configuration with these domains instead, not yet read."""
    milter = site.milter
    milter.configure(Config(site={"domains": list(domains)}, milter=milter.config.milter,
                            alert=milter.config.alert, **milter.config.top))


def reload(site, said="was read again and is in force", number=signal.SIGHUP):
    mark = site.milter.log.mark()
    site.milter.signal(number)
    site.milter.log.wait_for(said, since=mark)


def large(milter):
    """The running filter's configuration with so many domains that reading it takes a while."""
    domains = os.path.join(milter.folder, "domains")
    with open(domains, "w", encoding="ascii") as file:
        file.writelines(f"d{number}.test\n" for number in range(200000))
    os.chmod(domains, 0o644)
    milter.configure(Config(site={"domain_files": [domains]}, milter=milter.config.milter,
                            alert=milter.config.alert, **milter.config.top))


def blocks_reload_signals(milter):
    with open(f"/proc/{milter.process.pid}/status", encoding="ascii") as file:
        blocked = int(re.search(r"^SigBlk:\s*(\w+)$", file.read(), re.M)[1], 16)
    return all(blocked >> number - 1 & 1 for number in RELOADS)


def is_pending(milter, number):
    """Whether the process has not taken this signal yet."""
    with open(f"/proc/{milter.process.pid}/status", encoding="ascii") as file:
        pending = int(re.search(r"^ShdPnd:\s*(\w+)$", file.read(), re.M)[1], 16)
    return pending >> number - 1 & 1


@pytest.mark.parametrize("number", RELOADS)
def test_a_reload_that_is_asked_for_before_it_is_ready_comes_then(site, number):
    milter = another(site)
    large(milter)
    milter.start(wait=False)
    wait_until(lambda: blocks_reload_signals(milter), 20)
    milter.signal(number)
    milter.log.wait_for("is ready on")
    milter.log.wait_for("was read again and is in force")
    assert milter.stop() == 0


@pytest.mark.parametrize("number", RELOADS)
def test_a_reload_that_is_asked_for_during_one_follows_it(site, number):
    site.set_up(OTHER)
    milter = site.milter
    good = milter.config
    large(milter)
    milter.signal(number)
    wait_until(lambda: not is_pending(milter, number), 20)
    milter.configure(good)
    declare(site, "example.org", "other.test")
    milter.signal(number)
    wait_until(lambda: len(milter.log.find("was read again and is in force")) == 2, 30)
    assert site.ask("<u@other.test>") == [250]
    assert site.alerts() == []


def test_a_good_configuration_takes_effect_for_new_connections(site):
    site.set_up(OTHER)
    declare(site, "example.org", "other.test")
    with site.outside.session(site.mx.address) as before:
        before.hello()
        assert before.command("MAIL FROM:<a@sender.example.net>").code == 250
        reload(site)
        assert site.ask("<u@other.test>") == [250]
        # The connection from before is judged as it began.
        assert before.command("RCPT TO:<old@other.test>").code == 250
    alert, = site.alerts()
    assert alert["evidence"]["recipient"] == "<old@other.test>"
    assert alert["count"] == 1


def test_a_bad_configuration_is_told_and_the_one_before_stays(site):
    site.set_up(OTHER, site={"domains": ["example.org", "other.test"]})
    good = site.milter.config
    site.milter.configure(bad(site))
    reload(site, said="keeping the current configuration")
    assert site.milter.log.find(f"{site.milter.path}:3: .*10.0.0.1/8")
    assert site.milter.log.find(f"{site.milter.path}:7: .*socket_mode")
    assert site.ask("<u@other.test>") == [250]
    site.milter.config = good
    assert site.alerts() == []


def test_a_configuration_whose_alerts_nobody_would_hear_is_refused_as_at_the_start(site):
    site.set_up(OTHER, site={"domains": ["example.org", "other.test"]})
    good = site.milter.config
    site.milter.configure(Config(site={"domains": ["example.org"]}, milter=good.milter, alert={
        "journal": "no", "syslog": {"format": "none"}, "json": "/nonexistent/alerts.json"}, **good.top).text())
    reload(site, said="reload failed; keeping the current configuration: no sink works, .*json: cannot open")
    assert site.ask("<u@other.test>") == [250]
    site.milter.config = good
    assert site.alerts() == []


def test_what_needs_a_restart_is_said(site):
    site.set_up()
    declare(site, "example.org")
    reload(site)
    assert not site.milter.log.find("change only with a restart")
    site.milter.config.milter["socket_mode"] = "0600"
    declare(site, "example.org")
    reload(site, said="socket_mode, .* change only with a restart")
    assert os.stat(site.postfix.milter_socket).st_mode & 0o777 == 0o660
    site.alerts()


def send(site, count, recipient, sessions=4):
    """smtp-source, which ends with 0 only if every message was taken."""
    return site.outside.popen(
        [os.path.join(site.postfix.programs.commands, "smtp-source"), "-s", str(sessions), "-m",
         str(count), "-f", "a@sender.example.net", "-t", recipient, f"{site.mx.address}:25"],
        env=site.postfix.programs.environment())


def test_mail_flows_while_it_is_reloaded_again_and_again(site):
    site.set_up(OTHER)
    good = site.milter.config
    sending = send(site, 300, "u@other.test")
    rounds = 0
    while sending.poll() is None or rounds < 3:
        site.milter.configure(good)
        reload(site)
        site.milter.configure(bad(site))
        reload(site, said="keeping the current configuration")
        rounds += 1
    assert sending.wait() == 0
    site.milter.config = good
    assert {alert["kind"] for alert in site.alerts()} == {"undeclared-destination"}
    assert not site.postfix.logfile.find("warning: milter .*can't read|warning: milter .*timeout")


# ---- the end ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_order_to_stop_loses_nothing_of_a_transaction_under_way(site, number):
    site.set_up(OPEN)
    milter = site.milter
    path = milter.config.alert["json"]
    with site.outside.session(site.mx.address) as session:
        session.hello()
        session.command("MAIL FROM:<a@sender.example.net>")
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 250
        assert session.command("RCPT TO:<c@outside.example.net>").code == 250
        assert read_alerts(path) == []
        milter.signal(number)
        code, seconds = ended(milter)
        site.milter = None
        assert code == 0
        assert seconds < SOON
        # The client's mail is taken all the same.
        assert session.command("DATA").code == 354
        assert session.message("Subject: x\n\nx\n").code == 250
    alert, = read_alerts(path)
    assert (alert["kind"], alert["count"]) == ("open-relay", 2)
    assert alert["evidence"]["queue_id"] == "NOQUEUE"
    assert milter.log.find("stopped")


def test_an_idle_one_ends_at_once(site):
    site.set_up()
    milter, site.milter = site.milter, None
    milter.signal(signal.SIGTERM)
    code, seconds = ended(milter)
    assert code == 0
    assert seconds < SOON


def test_one_that_is_stopped_as_soon_as_it_is_ready_ends_well(site):
    milter = another(site)
    together = 0
    for _ in range(20):
        milter.start()
        milter.signal(signal.SIGTERM)
        code, seconds = ended(milter)
        assert code == 0, milter.log.tail()
        together += seconds
    assert together < 20 * SOON / 2


@pytest.mark.parametrize("number", RELOADS)
def test_an_order_to_stop_that_comes_during_a_reload_is_obeyed_soon(site, number):
    milter = another(site)
    domains = os.path.join(milter.folder, "domains")
    with open(domains, "w", encoding="ascii") as file:
        file.writelines(f"d{number}.test\n" for number in range(200000))
    os.chmod(domains, 0o644)
    milter.start()
    milter.configure(Config(site={"domain_files": [domains]}, milter=milter.config.milter,
                            alert=milter.config.alert, **milter.config.top))
    milter.signal(number)
    time.sleep(0.02)
    milter.signal(signal.SIGTERM)
    code, seconds = ended(milter)
    assert code == 0
    assert seconds < SOON


def test_an_order_to_stop_goes_before_a_storm_of_reloads(site):
    milter = another(site)
    milter.start()
    # Of pending signals the system gives the one with the lowest number first.
    storm = milter.host.popen(["sh", "-c", "while kill -s HUP $0 && kill -s USR1 $0; do :; done",
                               str(milter.process.pid)])
    try:
        for _ in range(3):
            milter.log.wait_for("was read again and is in force", since=milter.log.mark())
        milter.signal(signal.SIGTERM)
        code, seconds = ended(milter)
    finally:
        storm.kill()
        storm.wait()
    assert code == 0
    assert seconds < 3


# ---- syslog ----

QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\.)*"'
LINE = re.compile(
    r"<(?P<priority>\d+)>mail\.(?P<level>\w+) relaywarden-milter\[(?P<pid>\d+)\]: "
    r"CRITICAL open-relay incident=(?P<incident>[0-9a-f]{16}) state=(?P<state>opened|resolved) "
    r"client=198\.51\.100\.7 helo=\"client\.example\.net\" sender=\"<a@sender\.example\.net>\" "
    r"recipient=\"<b@outside\.example\.net>\" destination=external mailer=discard "
    r"nexthop=outside\.example\.net listener=203\.0\.113\.25:25 "
    r"queue_id=(?P<queue_id>[0-9A-Za-z]+) count=(?P<count>\d+) why=" + QUOTED)


def announced(syslog, since=0):
    return [line for line in syslog.lines(since) if " incident=" in line]


def test_the_syslog_line_has_its_exact_shape(site, syslog):
    mark = syslog.mark()
    site.set_up(OPEN, alert={"quiet_after": "1s"})
    pid = site.milter.process.pid
    assert site.ask(OUTSIDER, "<c@outside.example.net>") == [250, 250]
    site.milter.wait_for_alert(state="resolved")
    syslog.wait_for("state=resolved", since=mark)
    lines = [LINE.fullmatch(line) for line in announced(syslog, mark)]
    assert all(lines), announced(syslog, mark)
    opened, resolved = lines
    assert (opened["priority"], opened["level"], opened["state"]) == ("18", "crit", "opened")
    assert (resolved["priority"], resolved["level"], resolved["state"]) == ("21", "notice", "resolved")
    assert {line["pid"] for line in lines} == {str(pid)}
    assert {line["count"] for line in lines} == {"2"}
    assert opened["incident"] == resolved["incident"]
    assert opened["queue_id"] == resolved["queue_id"]
    alerts = site.alerts()
    assert [alert["incident"] for alert in alerts] == [opened["incident"]] * 2
    assert alerts[0]["evidence"]["queue_id"] == opened["queue_id"]


def test_being_ready_and_stopping_are_lines_too(site, syslog):
    mark = syslog.mark()
    site.set_up()
    syslog.wait_for(r"^<22>mail\.info relaywarden-milter\[\d+\]: version [0-9.]+ is ready",
                    since=mark)
    site.alerts()
    syslog.wait_for(r"^<22>mail\.info relaywarden-milter\[\d+\]: stopped$", since=mark)


def test_a_stalled_syslog_daemon_delays_nothing(site, syslog):
    site.set_up(OPEN)
    mark = syslog.mark()
    syslog.stall()
    syslog.fill()
    try:
        begun = time.monotonic()
        for _ in range(20):
            assert site.ask(OUTSIDER) == [250]
        assert time.monotonic() - begun < 60  # as long as the daemon is stalled, whatever waits for it waits
        assert site.milter.wait_for_alert(kind="open-relay")
        assert not announced(syslog, mark)
    finally:
        syslog.resume()
    syslog.wait_for("CRITICAL open-relay .* state=opened", since=mark)
    site.alerts()


def test_a_stalled_syslog_daemon_does_not_keep_it_from_ending(site, syslog):
    site.set_up(OPEN)
    path = site.milter.config.alert["json"]
    assert site.ask(OUTSIDER) == [250]
    site.milter.wait_for_alert(kind="open-relay")
    syslog.stall()
    syslog.fill()
    try:
        milter, site.milter = site.milter, None
        milter.signal(signal.SIGTERM)
        code, seconds = ended(milter)
        assert code == 0
        assert seconds < 5
        assert len(read_alerts(path)) == 1
        assert milter.log.find("lines? did not reach syslog; standard error has (it|them)")
        assert not milter.log.find("lost")
    finally:
        syslog.resume()


# ---- the JSON file ----

def strangers(site):
    """Three clients of different networks: three incidents."""
    if "192.0.2.77" not in site.outside.addresses:
        site.outside.add_address("192.0.2.77")
    return [(site.mx.address, site.outside.address), (site.mx.address, "192.0.2.77"),
            (site.mx.address6, site.outside.address6)]


def ask_from(site, address, source):
    replies = site.outside.smtp(address, [
        "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>", f"RCPT TO:{OUTSIDER}", "DATA",
        "Subject: test\n\nHello.\n", "QUIT"], source=source)
    assert [reply.code for reply in replies] == [220, 250, 250, 250, 354, 250, 221]


def incidents_on_stderr(log):
    return log.find("CRITICAL open-relay incident=[0-9a-f]+ state=opened")


@pytest.mark.parametrize("other", ["syslog", "command"])
def test_a_missing_directory_for_the_json_file_is_told_once(site, request, other):
    """And standard error, which is for what no sink takes, has no alert: the other sink took each."""
    alert = {"json": os.path.join(site.lab.folder, "missing/alerts.json")}
    if other == "syslog":
        syslog = request.getfixturevalue("syslog")
        begun = syslog.mark()

        def lines():
            return syslog.lines(begun)
    else:
        taken = os.path.join(site.mx.folder, "taken")
        open(taken, "w", encoding="utf-8").close()
        os.chmod(taken, 0o666)
        # A syslog that does not work beside it is reason enough to write at once: a command may hang.
        alert.update({"syslog": {"format": "none"},
                      "command": ["/bin/sh", "-c", f"cat >> {taken}; echo >> {taken}"]})
        lines = open(taken, encoding="utf-8").readlines
    site.set_up(OPEN, alert=alert)
    log = site.milter.log
    told = []
    for address, source in strangers(site):
        ask_from(site, address, source)
    log.wait_for("alerts do not reach json: cannot open .*: No such file or directory")

    def opened():
        told.extend(line for line in lines() if re.search("open-relay", line) and "opened" in line)
        return len(set(told)) == 3

    wait_until(opened, 30, lambda: told)
    stop(site)
    assert len(log.find("alerts do not reach json")) == 1
    assert incidents_on_stderr(log) == []


def test_a_full_disk_costs_no_mail_and_is_told_once(site):
    folder = os.path.join(site.mx.folder, "full")
    seen = f"/proc/{site.mx.pid}/root{folder}"
    os.makedirs(folder, exist_ok=True)
    site.mx.run(["mount", "-n", "-t", "tmpfs", "-o", "size=8k", "lab", folder])
    site.mx.run(["sh", "-c", f"head -c 8192 /dev/zero > {folder}/filler || true"])
    site.set_up(OPEN, alert={"json": os.path.join(folder, "alerts.json")})
    log = site.milter.log
    for address, source in strangers(site):
        ask_from(site, address, source)
    log.wait_for("alerts do not reach json: .*No space left on device")
    wait_until(lambda: len(incidents_on_stderr(log)) == 3)
    os.unlink(os.path.join(seen, "filler"))
    site.outside.add_address("203.0.113.99")
    ask_from(site, site.mx.address, "203.0.113.99")
    # The others were due meanwhile, and follow.
    log.wait_for(r"alerts reach json again; 0 were lost")
    assert len(log.find("alerts do not reach json")) == 1

    def written():
        with open(os.path.join(seen, "alerts.json"), encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("}\n")]

    alerts = wait_until(lambda: len(written()) == 4 and written(), 10, written)
    assert {alert["state"] for alert in alerts} == {"opened"}
    assert len({alert["incident"] for alert in alerts}) == 4
    assert len(incidents_on_stderr(log)) <= 4
    stop(site)
    site.mx.run(["umount", folder])


# ---- hostile text ----

HOSTILE = {
    "quotes": b'"a\\"b why=\\"fine\\" state=resolved"',
    "escape sequences": b'"a\\\x1b[2J\\\x1b]0;x\\\x07"',
    "tabs and vertical tabs": b'"a\\\tb\\\x0bc"',
    "bidirectional controls": '"a\u202eb\u2066c"'.encode(),
    "line separators": '"a\u2028b\u0085c"'.encode(),
    "invalid UTF-8": b'"a\xff\xc3\x28\xed\xa0\x80"',
    "backslashes": b'"a\\\\n\\\\x0a"',
    "long": b"a" * 200,
}
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("local", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_stays_one_printable_line(site, syslog, local):
    # Without SMTPUTF8 Postfix passes on what is no UTF-8.
    site.set_up({**OPEN, "smtputf8_enable": "no"})
    mark = syslog.mark()
    with site.outside.session(site.mx.address) as session:
        session.reply()
        for command in (b"EHLO x" + local, b"MAIL FROM:<" + local + b"@sender.example.net>",
                        b"RCPT TO:<" + local + b"@outside.example.net>"):
            session.send(command + b"\r\n")
            assert session.reply().code == 250
    path = site.milter.config.alert["json"]
    alert, = site.alerts("open-relay")
    assert alert["evidence"]["helo"].startswith("x")
    assert alert["evidence"]["recipient"].endswith("@outside.example.net>")
    assert not any(CONTROLS.search(value) for value in alert["evidence"].values())
    assert not CONTROLS.search(alert["why"])
    with open(path, "rb") as file:
        octets = file.read()
    assert octets.decode("utf-8").count("\n") == len(octets.splitlines()) == len(read_alerts(path))
    syslog.wait_for(": stopped$", since=mark)
    lines = announced(syslog, mark)
    assert len(lines) == 1
    assert not CONTROLS.search(lines[0])
    shape = (r"<18>mail\.crit relaywarden-milter\[\d+\]: CRITICAL open-relay incident=[0-9a-f]{16} "
             rf"state=opened client=\S+ helo={QUOTED} sender={QUOTED} recipient={QUOTED} "
             rf"destination=external mailer=discard nexthop=\S+ listener=\S+ queue_id=\S+ count=\d+ "
             rf"why={QUOTED}")
    assert re.fullmatch(shape, lines[0]), lines[0]


# ---- many ----

def test_of_a_thousand_messages_every_one_is_counted(site):
    site.set_up(OPEN, alert={"quiet_after": "1s"})
    assert send(site, 1000, "b@outside.example.net", sessions=10).wait(60) == 0
    wait_until(lambda: sum(alert["count"] for alert in site.milter.alerts()
                           if alert["state"] == "resolved") >= 1000, 20)
    assert sum(alert["count"] for alert in site.alerts() if alert["state"] == "resolved") == 1000
    site.postfix.empty_queue()
