"""relaywarden-milter and relaywarden-probe, run on a host of the lab."""

import collections
import contextlib
import json
import os
import re
import signal

from .config import Config, write_text
from .process import HANG, LabError, LogFile, wait_until
from .servers import ROOT

SANITIZER = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:")


def build_folder():
    """Where the programs under test are: RELAYWARDEN_BUILD, else build/gcc."""
    return os.path.join(ROOT, os.environ.get("RELAYWARDEN_BUILD", "build/gcc"))


def program(name):
    path = os.path.join(build_folder(), name)
    if not os.path.exists(path):
        raise LabError(f"{path} is not there; run 'make BUILD={os.path.dirname(path)}'")
    return path


def sanitized():
    """Whether the programs are built with a sanitizer or run by valgrind: slower, bigger, and ended by want of memory."""
    with open(program("relaywarden-milter"), "rb") as file:
        octets = file.read()
    return b"__sanitizer" in octets or b"exec valgrind" in octets


def _place(config, folder):
    """Completes a Config with paths in `folder` where it names none."""
    config.top.setdefault("state_directory", os.path.join(folder, "state"))
    config.alert.setdefault("json", os.path.join(folder, "alerts.json"))
    for name in ("milter", "probe"):
        # As the packaged units have them made.
        os.makedirs(os.path.join(config.top["state_directory"], name), exist_ok=True)


def _write_config(config, folder):
    path = os.path.join(folder, "relaywarden.conf")
    if isinstance(config, Config):
        _place(config, folder)
        return config.write(path)
    return write_text(path, config)


def read_alerts(path):
    """The objects of a file of JSON lines."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    # The last may have no end, as a command is given its object; or be half written.
    with contextlib.suppress(ValueError):
        json.loads(lines[-1])
        lines.append("")
    return [json.loads(line) for line in lines[:-1]]


class Milter:
    """relaywarden-milter in the foreground on one host.

    config: a Config, or a whole file's text. With postfix, the socket is by default where that
    Postfix looks for it (postfix.attach()). `log` is what it writes to standard error.
    """

    def __init__(self, lab, host, config=None, postfix=None, name="milter"):
        self.lab = lab
        self.host = host
        self.folder = host.new_folder(name)
        self.log = LogFile(os.path.join(self.folder, "stderr"))
        lab.logs[self.folder] = self.log
        self.config = Config() if config is None else config
        if postfix and isinstance(self.config, Config):
            self.config.milter.setdefault("socket", "unix:" + postfix.milter_socket)
        self.path = _write_config(self.config, self.folder)
        self.process = None
        self._started = 0  # the log's mark
        self._asked_folder = self._write_asked()
        lab.on_exit(self.stop)

    def _write_asked(self):
        """A configuration for the postconf that the milter asks, unless a test names another one by MAIL_CONFIG.
        The machine's has none: a postconf that finds no main.cf waits for a second before it says so, and the
        milter for it, at each start and reload. No mail can be queued with this one."""
        asked = os.path.join(self.folder, "asked")
        os.mkdir(asked)
        for name, text in (("main.cf", "compatibility_level = 3.6\nqueue_directory = /nonexistent\n"), ("master.cf", "")):
            path = os.path.join(asked, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            os.utime(path, (0, 0))  # it reads a young one again and again, as it may still be written
        return asked

    @property
    def socket(self):
        """As the configuration has it."""
        with open(self.path, encoding="utf-8") as file:
            match = re.search(r'^\s*socket\s*=\s*"?([^"\s]+)', file.read(), re.MULTILINE)
        if not match:
            raise LabError("the configuration names no milter socket")
        return match.group(1)

    def _ready(self):
        if self.process.poll() is not None:
            raise LabError(f"relaywarden-milter ended with {self.process.returncode}:\n"
                           f"{self.log.text()}")
        if not self.log.find("is ready on", self._started):
            return False
        kind, where, _ = self._socket_parts()
        if kind == "unix":
            return self.host.unix_listening(where)
        return self.host.listening(where)

    def _socket_parts(self):
        """"unix" and the path, or "inet" or "inet6", the port and the address."""
        kind, _, where = self.socket.partition(":")
        if kind not in ("inet", "inet6"):
            return "unix", where or kind, None
        port, _, address = where.partition("@")
        return kind, int(port), address or ("::1" if kind == "inet6" else "127.0.0.1")

    def start(self, wait=True, arguments=(), prefix=()):
        """Starts it and waits until it says that it is ready, and its socket takes connections.

        prefix: a command that starts it, with other rights for example.
        """
        self._started = self.log.mark()
        with open(self.log.path, "ab") as log:
            self.process = self.host.popen(
                [*prefix, program("relaywarden-milter"), "--config", self.path, *arguments],
                stdout=log, stderr=log, env={"MAIL_CONFIG": self._asked_folder, **os.environ})
        if wait:
            wait_until(self._ready, HANG, lambda: f"relaywarden-milter:\n{self.log.tail()}")
        return self

    def run(self, *arguments, check=False, **keywords):
        """Runs another one to its end with the same configuration: run("-t")."""
        return self.host.run([program("relaywarden-milter"), "--config", self.path, *arguments],
                             check=check, **keywords)

    def stop(self, timeout=HANG, patience=2):
        """Asks it to end and returns its exit code. A sanitizer's report is an error.

        Before that, the MTA's conversations with it are given `patience` seconds to end: a client's
        hanging up takes a moment to get through to here.
        """
        code = None
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            where = self._socket_parts()[1]
            with contextlib.suppress(LabError):
                wait_until(lambda: not self.host.connected(where), patience)
            self.process.terminate()
            code = self.process.wait(timeout)
            self.process = None
        if SANITIZER.search(self.log.text()):
            raise LabError(f"relaywarden-milter:\n{self.log.text()}")
        return code

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def signal(self, number):
        self.process.send_signal(number)

    def configure(self, config):
        """Writes another configuration; reload() or a restart brings it into force."""
        if isinstance(config, Config) and isinstance(self.config, Config):
            config.milter.setdefault("socket", self.config.milter.get("socket"))
        self.config = config
        _write_config(config, self.folder)

    def alerts(self):
        """The JSON lines it wrote (a Config's alert.json, unless that was set otherwise)."""
        return read_alerts(self.config.alert["json"])

    def wait_for_alert(self, timeout=HANG, **wanted):
        """Waits for an alert with these values (kind="open-relay") and returns the first."""

        def found():
            return next((alert for alert in self.alerts()
                         if all(alert.get(key) == value for key, value in wanted.items())), None)

        return wait_until(found, timeout,
                          lambda: f"alert {wanted}; there are {self.alerts()}\n{self.log.tail()}")


class ProbeDaemon:
    """relaywarden-probe run on one host; `log` is what it writes to standard error."""

    def __init__(self, lab, host, config=None, name="probe-run"):
        self.host = host
        self.folder = host.new_folder(name)
        self.log = LogFile(os.path.join(self.folder, "stderr"))
        lab.logs[self.folder] = self.log
        self.config = Config() if config is None else config
        self.path = _write_config(self.config, self.folder)
        self.output = os.path.join(self.folder, "stdout")
        self.process = None
        lab.on_exit(self.stop)

    def start(self, *arguments):
        """Starts it and waits until it says that it is ready."""
        mark = self.log.mark()
        with open(self.log.path, "ab") as log, open(self.output, "ab") as output:
            self.process = self.host.popen(
                [program("relaywarden-probe"), "run", "--config", self.path, *arguments],
                stdout=output, stderr=log)
        wait_until(lambda: self.log.find("is ready", mark) or self.process.poll() is not None, HANG,
                   lambda: f"relaywarden-probe run:\n{self.log.tail()}")
        if self.process.poll() is not None:
            raise LabError(f"relaywarden-probe run ended with {self.process.returncode}:\n"
                           f"{self.log.text()}")
        return self

    def configure(self, config):
        """Writes another configuration; SIGHUP or a restart brings it into force."""
        self.config = config
        _write_config(config, self.folder)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=HANG):
        """Asks it to end and returns its exit code. A sanitizer's report is an error."""
        code = None
        if self.process:
            self.process.terminate()
            code = self.process.wait(timeout)
            self.process = None
        if SANITIZER.search(self.log.text()):
            raise LabError(f"relaywarden-probe run:\n{self.log.text()}")
        return code

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def reports(self):
        """The objects that it wrote (started with --json), one an audit."""
        with open(self.output, encoding="utf-8") as file:
            # A line that is being written has no end yet.
            # One read: the rest of a line that is half written would come as the next line.
            return [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]

    def alerts(self):
        """The JSON lines of its alerts."""
        return read_alerts(self.config.alert["json"])

    def wait_for_alert(self, timeout=HANG, **wanted):
        """Waits for an alert with these values and returns the first."""

        def found():
            return next((alert for alert in self.alerts()
                         if all(alert.get(key) == value for key, value in wanted.items())), None)

        return wait_until(found, timeout,
                          lambda: f"alert {wanted}; there are {self.alerts()}\n{self.log.tail()}")


Checked = collections.namedtuple("Checked", "code out err report alerts")
Checked.__doc__ = """The result of one run of the probe: exit code, outputs, the parsed JSON object (None
if there was none), and the JSON lines of its alerts so far."""


def probe(host, *arguments, config=None, verb="check", as_json=True, timeout=120, name="probe"):
    """Runs relaywarden-probe on a host: probe(outside, "mx").report["endpoints"][0]["verdict"].

    config: a Config or a whole file's text. The same `name` keeps the same state from run to run.
    """
    folder = os.path.join(host.folder, name)
    os.makedirs(folder, exist_ok=True)
    config = Config() if config is None else config
    path = _write_config(config, folder)
    options = ["--json"] if as_json else []
    done = host.run([program("relaywarden-probe"), verb, "--config", path, *options, *arguments],
                    check=False, timeout=timeout)
    if SANITIZER.search(done.stderr) or done.returncode < 0:
        raise LabError(f"relaywarden-probe: exit code {done.returncode}\n{done.stderr}")
    report = json.loads(done.stdout) if as_json and done.stdout.startswith("{") else None
    alerts = read_alerts(config.alert["json"]) if isinstance(config, Config) else []
    return Checked(done.returncode, done.stdout, done.stderr, report, alerts)
