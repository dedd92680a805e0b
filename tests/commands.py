"""The stages of check.py share this: running a command, and counting what passed."""

import concurrent.futures
import contextlib
import contextvars
import os
import subprocess
import threading

import rooms

ROOT = rooms.ROOT
JOBS = 2
# For commands that compute for long: tests that talk to servers come first.
NICE = ["nice", "-n", "10"]

SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}

VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect", "--show-leak-kinds=definite,indirect"]

_lock = threading.Lock()
_running = set()
_spent = contextvars.ContextVar("spent", default=None)  # CPU seconds of the commands of whoever counts
_stopped = threading.Event()


class Tally:
    """Counts of passed, failed and skipped, with a word on each. One thread's at a time."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.said = []

    def say(self, text):
        self.said.append(text)

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def fail(self, name, output=""):
        self.add(failed=1)
        self.say(f"FAILED {name}")
        if output.strip():
            self.say(output.rstrip())

    def line(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def environment(**more):
    """Ours, without what an outer make would pass on to an inner one, and without other authorities than the machine's.
    Nothing is left in the tree by Python: some tests copy it. Every make has the same flags: another would build all
    programs anew, under the tests that run them."""
    ours = {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS", "SSL_CERT_FILE", "SSL_CERT_DIR")}
    return {**ours, **SANITIZER_OPTIONS, "PYTHONPYCACHEPREFIX": os.path.join(ROOT, "build/pycache"),
            "WERROR": "-Werror", **more}


def own_network(argv):
    """The command in a network namespace of its own, which has loopback and leads nowhere. Only
    root may make one; others share the machine's."""
    if os.geteuid() != 0:
        return argv
    return ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv]


@contextlib.contextmanager
def counting():
    """Gives a list: the CPU seconds of each command that is run within. Daemons that nobody waited for are not in it."""
    outer, mine = _spent.get(), []
    token = _spent.set(mine)
    try:
        yield mine
    finally:
        _spent.reset(token)
        if outer is not None:
            outer.extend(mine)


def each(workers, function, items):
    """The function's results for each item, in their order; so many are worked at together."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        calls = [pool.submit(contextvars.copy_context().run, function, item) for item in items]
        yield from (call.result() for call in calls)


def busy_seconds():
    """For how long the machine's processors have computed since it started, all together."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system = (int(word) for word in file.readline().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _end(process):
    """Waits for its end, and counts what it and its children computed."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except ChildProcessError:  # it was ended, and asked after by whoever did it
        return process.wait()
    process.returncode = os.waitstatus_to_exitcode(status)
    if _spent.get() is not None:
        _spent.get().append(usage.ru_utime + usage.ru_stime)
    return process.returncode


def command(argv, timeout, **more):
    """Runs one. Returns exit code and output, both streams together; 124 when it took too long."""
    try:
        with _lock:
            if _stopped.is_set():
                return 130, f"{argv[0]}: not run any more\n"
            process = subprocess.Popen(
                argv, cwd=ROOT, env=environment(**more), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            _running.add(process)
    except FileNotFoundError:
        return 127, f"{argv[0]}: not found; run 'sudo make deps'\n"
    late = threading.Event()

    def give_up():
        late.set()
        process.kill()

    limit = threading.Timer(timeout, give_up)
    limit.start()
    try:
        with process.stdout:
            output = process.stdout.read().decode("utf-8", "backslashreplace")
        code = _end(process)
    finally:
        limit.cancel()
        with _lock:
            _running.discard(process)
    if late.is_set():
        return 124, f"{output}\n{argv[0]}: no end after {timeout} s\n"
    return code, output


def stopped():
    return _stopped.is_set()


def stop_all():
    """Asks what runs to end, and lets nothing further begin."""
    with _lock:
        _stopped.set()
        for process in _running:
            process.terminate()


def valgrind_wrapper(program, path):
    """Writes a script that runs a program under valgrind, which reports where lab/reports.py looks."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"""#!/bin/sh
exec {" ".join(VALGRIND)} --vgdb=no --child-silent-after-fork=yes \\
    --log-file="$RELAYWARDEN_REPORTS/valgrind.%p" '{program}' "$@"
""")
    os.chmod(path, 0o755)
