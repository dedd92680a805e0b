"""Programs that run with failing calls (failing_calls.c), and what must be true after each run.

A scenario runs one of our programs beside real servers. One call fails, once or from then on: no
signal and no sanitizer's report ends it, nor does it hang; the verdict is right, or the program says that
there is none; it tells each alert or its loss; no mail is refused.
"""

import os
import shutil
import signal
import sqlite3
import subprocess

from lab import Config, Dns, LabError, Postfix, build_folder, wait_until
from lab.programs import SANITIZER, program, read_alerts

# Without "clock": as it is called here clock_gettime(2) cannot fail, and libevent waits for ever when it does.
KINDS = ("memory", "open", "write", "fsync", "rename", "socket", "connect", "send", "receive", "epoll",
         "thread", "random", "lock")
NO_SYSLOG = {"syslog": {"format": "none"}, "journal": "no"}
HANG = 120  # longer than anything here takes on any machine
ADDRESS = "203.0.113.25"
CLOSED, OPEN, HEALED, FILTERED = 25, 2525, 2526, 2527
RELAYS = {"mynetworks": "0.0.0.0/0"}
MILTER = "inet:9999@127.0.0.1"
MASTER = """smtp inet n - y - - smtpd
cleanup unix n - y - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - y - - trivial-rewrite
proxymap unix - - n - - proxymap
discard unix - - y - - discard
"""


def expect(true, *words):
    if not true:
        raise AssertionError(words)


class Place:
    """Four listeners of a real Postfix, a folder of state and alerts, and states that earlier checks left."""

    def __init__(self, lab, folder):
        self.outside, self.mx = lab.host("outside"), lab.host("mx")
        Dns(lab).start()
        milters = {"smtpd_milters": f"{{ inet:127.0.0.1:9999, default_action=accept, connect_timeout=2s, "
                                    "command_timeout=2s, content_timeout=2s }"}
        self.listen = {CLOSED: {}, OPEN: RELAYS, HEALED: RELAYS, FILTERED: {**RELAYS, **milters}}
        self.postfix = Postfix(lab, self.mx, listen=self.listeners(),
                               main={"default_transport": "discard", "in_flow_delay": "0",
                                     "milter_connect_macros": "j {daemon_name} {daemon_addr} v _"})
        self.postfix.start()
        self.folder = str(folder)
        self.state, self.json = os.path.join(self.folder, "state"), os.path.join(self.folder, "alerts")
        self.library = self.build()
        self.kept = {}
        for name, port in (("open", OPEN), ("healed", HEALED)):
            self.kept[name] = self.keep(name, port)
        self.listen[HEALED] = {}
        self.postfix.set(listen=self.listeners())

    def listeners(self):
        return [(f"{ADDRESS}:{port}", options) for port, options in self.listen.items()]

    def build(self):
        library = os.path.join(self.folder, "failing_calls.so")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "failing_calls.c")
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-fno-builtin", "-o", library, source],
                       check=True)
        return library

    def asked(self):
        """A configuration for the postconf that the filter asks; without one postconf waits for a second."""
        folder = os.path.join(self.folder, "asked")
        os.makedirs(folder, exist_ok=True)
        for name, text in (("main.cf", "compatibility_level = 3.6\nqueue_directory = /nonexistent\n"), ("master.cf", "")):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(text)
            os.utime(file.name, (0, 0))
        return folder

    def config(self, name, port, **more):
        config = Config(alert={**NO_SYSLOG, "json": self.json}, state_directory=self.state,
                        targets={"mx": {"host": ADDRESS, "ports": [port]}}, **more)
        return config.write(os.path.join(self.folder, name + ".conf"))

    def command(self, name, *arguments, **failing):
        """The words that a host is to run; the calls of the programs that bring it there do not fail."""
        variables = {"TMPDIR": self.folder, "LD_PRELOAD": self.library, **failing}
        return ["env", *[f"{key}={value}" for key, value in variables.items()], program(name), *arguments]

    def probe(self, *arguments, **failing):
        return self.outside.run(self.command("relaywarden-probe", *arguments, **failing), check=False, timeout=HANG)

    def keep(self, name, port):
        """The state after a check that found this port open."""
        self.fresh(None)
        done = self.probe("check", "--config", self.config(name, port), FAIL_KIND="memory")
        expect(done.returncode == 2 and self.incident() == "opened" and self.told() == ["opened"], done)
        kept = os.path.join(self.folder, "kept-" + name)
        shutil.copytree(self.state, kept)
        return kept

    def fresh(self, kept):
        """State and alerts as they were kept, or none."""
        shutil.rmtree(self.state, ignore_errors=True)
        if os.path.exists(self.json):
            os.unlink(self.json)
        if kept:
            shutil.copytree(kept, self.state)
        else:
            os.mkdir(self.state)
        os.makedirs(os.path.join(self.state, "milter"), exist_ok=True)

    def incident(self):
        """The state of the latest incident about an open relay; None: there is none."""
        path = os.path.join(self.state, "probe/relaywarden.db")
        if not os.path.exists(path):
            return None
        try:
            with sqlite3.connect(path, timeout=10) as database:
                rows = database.execute("SELECT state FROM incident WHERE kind = 'open-relay'"
                                        " ORDER BY opened DESC, rowid DESC").fetchall()
        except sqlite3.OperationalError:
            return None
        return rows[0][0] if rows else None

    def told(self):
        return [alert["state"] for alert in read_alerts(self.json) if alert["kind"] == "open-relay"]


class Scenario:
    """prepare() before each run, run(failing) -> (exit code, stdout, stderr), judge(code, out, err) raises."""

    def __init__(self, place):
        self.place = place

    def count(self, kind):
        """How many calls of a kind there are when none fails, and the run is as it should be."""
        path = os.path.join(self.place.folder, "count")
        self.prepare()
        done = self.run(FAIL_KIND=kind, COUNT_TO=path)
        self.judge(*done)
        expect(done[0] == self.code, "without a failure", done)
        with open(path, encoding="ascii") as file:
            return int(file.read())

    def torture(self, kind, number, once):
        self.prepare()
        failing = {"FAIL_KIND": kind, "FAIL_AT": str(number), **({"FAIL_ONCE": "1"} if once else {})}
        try:
            code, out, err = self.run(**failing)
        except subprocess.TimeoutExpired as hang:
            raise AssertionError(f"hangs for {HANG} s: {hang}") from hang
        what = (code, out[:600], err[-1500:])
        expect(code >= 0, "a signal ended it", what)
        expect(not SANITIZER.search(err), "a sanitizer's report", what)
        expect(code == self.code or out or err, "it ends without a word", what)
        self.judge(code, out, err)


class Check(Scenario):
    """A check of one server, after a check that found it open or as the first one."""

    def __init__(self, place, port, kept):
        super().__init__(place)
        self.kept = kept and place.kept[kept]
        self.config = place.config(f"check-{port}", port)

    def prepare(self):
        self.place.fresh(self.kept)

    def run(self, **failing):
        done = self.place.probe("check", "--config", self.config, **failing)
        return done.returncode, done.stdout, done.stderr


class OpenServer(Check):
    code = 2

    def judge(self, code, out, err):
        told, incident = self.place.told(), self.place.incident()
        what = (code, out[:600], err[-1500:], told, incident)
        expect(code in (2, 3), "neither open nor unknown", what)
        expect("RELAY OK" not in out and "RELAY WARNING" not in out, "an open server is no OK", what)
        expect("resolved" not in told and incident != "resolved", "an open server's incident ended", what)
        if self.kept:
            expect(incident in ("opened", "repeated"), "the incident is gone", what)
        elif code == 2 or "RELAY CRITICAL" in out:
            expect(told or err, "an alert was lost without a word", what)
            expect(incident or err, "an incident was lost without a word", what)


class ClosedServer(Check):
    code = 0

    def judge(self, code, out, err):
        what = (code, out[:600], err[-1500:], self.place.told())
        expect(code in (0, 3) and "CRITICAL" not in out, "a closed server is open", what)
        expect("probe-blocked" not in out, "our own host's fault is told as the server's", what)
        expect(not self.place.told(), "an alert about a closed server", what)


class HealedServer(Check):
    code = 0

    def judge(self, code, out, err):
        told, incident = self.place.told(), self.place.incident()
        what = (code, out[:600], err[-1500:], told, incident)
        expect(code in (0, 3) and "CRITICAL" not in out, "a healed server is open", what)
        expect(set(told) <= {"resolved"}, "an alert about a healed server", what)
        if code == 0:
            expect(told or err, "an end was not told", what)
            expect(incident == "resolved" or err, "an incident stays open without a word", what)


class Report(Scenario):
    code = 0

    def __init__(self, place):
        super().__init__(place)
        self.config = place.config("report", OPEN)

    def prepare(self):
        self.place.fresh(self.place.kept["open"])

    def run(self, **failing):
        done = self.place.probe("report", "--config", self.config, **failing)
        return done.returncode, done.stdout, done.stderr

    def judge(self, code, out, err):
        what = (code, out[:600], err[-1500:])
        expect(code in (0, 3), "an exit code that report does not have", what)
        expect("\n  open, " in out if code == 0 else err, "neither the verdict nor why there is none", what)


class Try(Scenario):
    """-t of either program."""

    code = 0

    def __init__(self, place, name):
        super().__init__(place)
        self.program = name
        self.config = place.config(f"try-{name}", OPEN, milter={"socket": MILTER, "socket_group": "", "user": ""})

    def prepare(self):
        self.place.fresh(None)

    def run(self, **failing):
        done = self.place.outside.run(self.place.command(self.program, "-t", "--config", self.config,
                                                         MAIL_CONFIG=self.place.asked(), **failing),
                                      check=False, timeout=HANG)
        return done.returncode, done.stdout, done.stderr

    def judge(self, code, out, err):
        expect(code == 0 or err, "it fails without a word", (code, out[:600]))


class Daemon(Scenario):
    """A program that runs until it is told to end: drive() asks of it what it is for."""

    code = 0
    program = ()
    variables = {}

    def __init__(self, place):
        super().__init__(place)
        self.err = os.path.join(place.folder, "daemon-stderr")
        self.after = os.path.join(place.folder, "after")

    def prepare(self):
        self.place.fresh(None)
        if os.path.exists(self.after):
            os.unlink(self.after)

    def words(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def from_now_on(self):
        """Calls count, and fail, where FAIL_AFTER is self.after."""
        with open(self.after, "wb"):
            pass

    def run(self, **failing):
        with open(self.err, "wb") as err:
            process = self.host.popen(self.place.command(*self.program, **self.variables, **failing),
                                      stdout=err, stderr=err)
        try:
            wait_until(lambda: process.poll() is not None or "is ready" in self.words(), HANG)
            self.drive(process)
            process.terminate()
            code = process.wait(HANG)
        except (LabError, subprocess.TimeoutExpired) as hang:
            raise AssertionError(f"it hangs: {hang}; {self.words()}") from hang
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return code, "", self.words()


class Filter(Daemon):
    """The filter's start, and two relayed messages of a stranger."""

    def __init__(self, place):
        super().__init__(place)
        self.host = place.mx
        self.config = place.config("milter", OPEN, milter={"socket": MILTER, "socket_group": "", "user": ""})
        self.program = ("relaywarden-milter", "--config", self.config)
        self.variables = {"MAIL_CONFIG": place.asked()}
        self.mark = 0

    def prepare(self):
        super().prepare()
        self.mark = self.place.postfix.logfile.mark()

    def drive(self, process):
        self.mail()

    def mail(self):
        for _ in range(2):
            replies = self.place.outside.smtp(ADDRESS, [
                "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>", "RCPT TO:<b@other.example.net>",
                "DATA", "Subject: test\n\nHello.\n", "QUIT"], port=FILTERED)
            codes = [reply.code for reply in replies]
            expect(codes == [220, 250, 250, 250, 354, 250, 221], "a mail was refused", codes, self.words())

    def judge(self, code, out, err):
        what = (code, err[-1500:], self.place.told())
        expect(code == 0 or err, "it fails without a word", what)
        if code == 0 and not self.deaf():
            expect(self.place.told() or "CRITICAL open-relay" in err or "emory" in err,
                   "an alert was lost without a word", what)

    def deaf(self):
        """Whether the MTA has lost it meanwhile, and says so: libmilter could not read or write."""
        return any("milter" in line and "warning" in line for line in self.place.postfix.log(self.mark))


class Reload(Filter):
    """A filter that runs reads its configuration anew: the new one is in force, or the old one, and that is said."""

    def __init__(self, place):
        super().__init__(place)
        self.variables = {**self.variables, "FAIL_AFTER": self.after}

    def drive(self, process):
        self.from_now_on()
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: process.poll() is not None or "is in force" in self.words()
                   or "reload failed" in self.words(), HANG, self.words)
        expect(process.poll() is None, "a reload ended it", self.words())
        self.mail()


class Rehearse(Scenario):
    """An open configuration is rehearsed."""

    code = 2

    def __init__(self, place):
        super().__init__(place)
        self.candidate = os.path.join(place.folder, "candidate")
        os.makedirs(self.candidate, exist_ok=True)
        main = "\n".join(("compatibility_level = 3.6", "myhostname = mx.example.org", "mydestination = example.org",
                          "mynetworks = 0.0.0.0/0", "local_recipient_maps =", "alias_maps =", ""))
        for name, text in (("main.cf", main), ("master.cf", MASTER)):
            with open(os.path.join(self.candidate, name), "w", encoding="ascii") as file:
                file.write(text)

    def prepare(self):
        self.place.fresh(None)

    def run(self, **failing):
        done = self.place.outside.run(
            self.place.command("relaywarden-probe", "rehearse", self.candidate, "--as", "/etc/postfix", "--domain",
                               "example.org", "--no-blame", "--address", "eth0=192.0.2.25/24", **failing),
            check=False, timeout=HANG)
        return done.returncode, done.stdout, done.stderr

    def judge(self, code, out, err):
        what = (code, out[:600], err[-1500:])
        expect(code in (2, 3, 70, 71, 73, 74, 75), "an open configuration is neither open nor unknown", what)
        expect("\n  closed" not in out.lower(), "an open configuration is closed", what)


SCENARIOS = {
    "check-open": lambda place: OpenServer(place, OPEN, None),
    "check-still-open": lambda place: OpenServer(place, OPEN, "open"),
    "check-closed": lambda place: ClosedServer(place, CLOSED, None),
    "check-healed": lambda place: HealedServer(place, HEALED, "healed"),
    "report": Report,
    "try-probe": lambda place: Try(place, "relaywarden-probe"),
    "try-milter": lambda place: Try(place, "relaywarden-milter"),
    "milter": Filter,
    "milter-reload": Reload,
    "rehearse": Rehearse,
}


def watched():
    """The sanitizers and valgrind have allocators of their own."""
    return "san" in os.path.basename(build_folder()) or "valgrind" in build_folder()
