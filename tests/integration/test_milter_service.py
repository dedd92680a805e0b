"""The filter under a service manager: what it tells it, and started without any privilege."""

import contextlib
import grp
import os
import pwd
import signal
import socket

from lab import Config, Milter, Syslog, wait_until


@contextlib.contextmanager
def manager(folder):
    """Where a service manager listens for notices."""
    path = os.path.join(folder, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(10)
        yield path, listener
    os.unlink(path)


def milter_of(lab, monkeypatch, path, watchdog=None, at=None):
    host = lab.host("mx")
    milter = Milter(lab, host, Config(milter={
        "socket": at or f"unix:{host.folder}/milter.sock", "socket_group": ""}))
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    if watchdog:
        monkeypatch.setenv("WATCHDOG_USEC", str(watchdog))
    return milter


def test_it_says_that_it_is_ready_and_that_it_stops(lab, monkeypatch):
    with manager(lab.folder) as (path, listener):
        milter = milter_of(lab, monkeypatch, path)
        milter.start()
        assert listener.recv(99) == b"READY=1"
        assert milter.stop() == 0
        assert listener.recv(99) == b"STOPPING=1"


def test_being_asked_for_its_pulse_leaves_no_trace(lab, monkeypatch):
    syslog = Syslog(lab).start()
    with manager(lab.folder) as (path, listener):
        milter = milter_of(lab, monkeypatch, path, watchdog=60000, at="inet:8890@127.0.0.1")
        milter.start()
        assert listener.recv(99) == b"READY=1"
        for _ in range(5):
            assert listener.recv(99) == b"WATCHDOG=1"
        assert milter.stop() == 0
    syslog.wait_for("relaywarden-milter.*: stopped")
    # This machine's own Postfix may have no configuration, of which the filter tells at its start.
    lines = [line for line in syslog.lines() if "relaywarden-milter" in line and "postconf" not in line]
    assert len(lines) == 2, lines  # ready, stopped


def test_a_watchdog_hears_of_it_again_and_again_and_of_a_stopped_one_nothing(lab, monkeypatch):
    with manager(lab.folder) as (path, listener):
        milter = milter_of(lab, monkeypatch, path, watchdog=400000)
        milter.start()
        assert listener.recv(99) == b"READY=1"
        for _ in range(3):
            assert listener.recv(99) == b"WATCHDOG=1"
        milter.signal(signal.SIGSTOP)
        wait_until(lambda: state(milter.process.pid) == "T")
        listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                listener.recv(99)
        listener.settimeout(1)
        with contextlib.suppress(TimeoutError):
            assert listener.recv(99) == b"nothing"
        milter.signal(signal.SIGCONT)
        assert listener.recv(99) == b"WATCHDOG=1"
        assert milter.stop() == 0


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def test_without_any_privilege_the_socket_has_its_folders_group(lab):
    host = lab.host("mx")
    folder = os.path.join(host.folder, "spool")
    nobody, group = pwd.getpwnam("nobody"), grp.getgrnam("postfix").gr_gid
    os.mkdir(folder)
    os.chown(folder, nobody.pw_uid, group)
    os.chmod(folder, 0o2750)
    milter = Milter(lab, host, Config(milter={"socket": f"unix:{folder}/milter.sock",
                                              "socket_group": "postfix", "user": "relaywarden"}))
    for path, _, _ in os.walk(milter.folder):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    os.chown(milter.path, 0, nobody.pw_gid)
    milter.start(prefix=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                         "--no-new-privs", "--bounding-set=-all"])
    status = os.stat(f"{folder}/milter.sock")
    assert (status.st_uid, status.st_gid) == (nobody.pw_uid, group)
    assert status.st_mode & 0o777 == 0o660
    assert not milter.log.find("will not reach")
    assert milter.stop() == 0
