#!/usr/bin/python3
"""Everything that is tested, and one line over all of it.

The last line is `N passed, N failed`, with `, N skipped` if any. The exit code is 0 only if
something passed and nothing failed. What fails is shown in full; a stage that finds nothing to do
has failed.

Stages that compute run one after the other, and so do those that mostly wait for servers, beside
them; each is shown when it has ended.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import glob
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import includes  # noqa: E402  (needs the path above)
import parallel  # noqa: E402
from commands import (JOBS, NICE, ROOT, VALGRIND, Tally, command, own_network,  # noqa: E402
                      stop_all, stopped, valgrind_wrapper)
from lab.axe import axe_core  # noqa: E402
from lab.enter import enter  # noqa: E402
from lab.process import LabError  # noqa: E402

# The unit tests of what has threads, or is called from several.
THREADED = ("lib/alert/test_reporter", "lib/alert/test_state", "lib/alert/test_incident",
            "lib/alert/test_pending", "milter/test_undeclared", "lib/state/test_database",
            "lib/alert/sink/test_json_sink", "lib/alert/sink/test_syslog_sink",
            "lib/alert/sink/test_command_sink", "lib/alert/sink/test_metrics_sink",
            "milter/test_connection", "milter/service/test_callback_gate",
            "milter/tokens/test_housekeeper", "milter/test_live_conf", "milter/tokens/test_masks",
            "milter/tokens/test_unmasked", "lib/alert/test_clock_jumps")

# Not for valgrind: they measure time or wait for what is slow there, take long for what the others
# show, see what valgrind adds to a process, or need a system call that it does not have.
NOT_WATCHED = ("conf/test_conf_files", "conf/test_conf_options", "probe/smtp/test_client",
               "lib/test_domainset", "lib/alert/sink/test_metrics", "lib/alert/test_reporter",
               "lib/alert/test_state", "lib/state/test_database", "lib/alert/sink/test_command_sink")
PREPROCESSOR = ["-I.", "-D_GNU_SOURCE", '-DRELAYWARDEN_VERSION="0"',
                '-DRELAYWARDEN_SYSCONFDIR="/etc"']
SANITIZERS = {
    "asan": ("CC=gcc", "SANITIZE=address,undefined"),
    "tsan": ("CC=gcc", "SANITIZE=thread"),
}

# The tests of the milter and of what it has to do with, for programs that are watched: file to
# pytest's -k. Where a sanitizer watches, want of memory ends the program, a slow one is killed before
# it has told anything, and ends later than the limit for one that is not watched.
WATCHED = {**{name: "" for name in parallel.files()
              if re.match(r"test_(milter_|halves|tokens|discover|mail_flows|alert_)", name)},
           "test_alert_crash.py": "milters_incidents",
           "test_mail_flows.py": "not no_memory",
           "test_milter_running.py": "not obeyed_soon",
           "test_mail_flows_sendmail.py": "not no_memory"}
# Each message is two processes of Sendmail: in `make check` there is time for some faults.
SOME_WATCHED = {**WATCHED, "test_mail_flows_sendmail.py": "killed or reloaded or descriptors"}
WATCHED_MESSAGES = 400  # of test_mail_flows, for each fault
# Under valgrind all takes ten to thirty times as long, so what measures time or counts kills is left
# out; and it does not know pidfd_open(2), by which commands are awaited.
WATCHED_BY_VALGRIND = {
    **{name: words for name, words in WATCHED.items()
       if name not in ("test_alert_crash.py", "test_milter_running.py", "test_milter_storm.py",
                       "test_mail_flows_sendmail.py")},
    "test_alert_pipelines.py": "not (curl or command)",
    "test_halves.py": "not (silent_now or once_masked or heals)",
    "test_mail_flows.py": "not (no_memory or restarted)",
    "test_milter_dialogues.py": "not given_up_and_begun_again",
}
# That takes 5 min 30 s on a quiet machine. What `make check` has time for:
SOME_BY_VALGRIND = {
    "test_discover.py": "adopted or classes",
    "test_milter_enforce.py": "relayed_recipient or held_message",
    "test_milter_postfix.py": "authenticated or anonymous or everything_that_was_seen or null_sender",
    "test_milter_sendmail.py": "promiscuous or certificate or quarantine",
    "test_tokens.py": "wide_open or both_keys or wrong_macs or replayed_gains",
    "test_tokens_sendmail.py": "hidden",
}
WHOLE = False

FUZZ_SECONDS = 2  # for each; `make fuzz` takes longer
UNIT_SECONDS = 300
LINT_SECONDS = 600
MAKE_SECONDS = 1200


def step(tally, name, argv, timeout=LINT_SECONDS):
    """Runs something that passes or fails as a whole."""
    code, output = command(argv, timeout)
    if code == 0:
        tally.add(passed=1)
        tally.say(f"ok {name}")
    else:
        tally.fail(f"{name}: exit code {code}", output)
    return code == 0


def make(tally, name, *arguments):
    return step(tally, name, [*NICE, "make", f"-j{JOBS}", "-k", "--no-print-directory", *arguments],
                MAKE_SECONDS)


# ---- unit tests ----


def read_tap(output):
    """Counts of a cmocka program's TAP: planned, passed, failed, skipped."""
    planned = sum(int(count) for count in re.findall(r"^1\.\.(\d+)", output, re.MULTILINE))
    skipped = len(re.findall(r"^ok \d+ # ?skip", output, re.MULTILINE | re.IGNORECASE))
    passed = len(re.findall(r"^ok \d+", output, re.MULTILINE)) - skipped
    failed = len(re.findall(r"^not ok \d+", output, re.MULTILINE))
    return planned, passed, failed, skipped


def run_unit(binary, prefix=()):
    """Runs one test program; None if it is not there."""
    if not os.path.exists(os.path.join(ROOT, binary)):
        return None
    return command(own_network([*prefix, os.path.join(ROOT, binary)]), UNIT_SECONDS,
                   CMOCKA_MESSAGE_OUTPUT="tap")


def count_unit(tally, name, done):
    """What a program's run says; a crash, or an end before its plan's, is a failure of its own."""
    if done is None:
        tally.fail(f"{name}: was not built")
        return
    code, output = done
    planned, passed, failed, skipped = read_tap(output)
    tally.add(passed, failed, skipped)
    if failed:
        tally.say(f"FAILED {name}: {failed} of {planned}")
        tally.say("\n".join(line for line in output.splitlines() if not re.match(r"ok \d", line)))
    elif code != 0 or not planned or passed + skipped != planned:
        tally.fail(f"{name}: exit code {code} after {passed + skipped} of {planned} tests", output)


def units(tally, build, names, prefix=()):
    before = tally.passed
    if not names:
        tally.fail("there are no unit tests")
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        runs = pool.map(lambda name: run_unit(f"{build}/unit/{name}", prefix), names)
        for name, done in zip(names, runs):
            count_unit(tally, name, done)
    tally.say(f"{len(names)} programs, {tally.passed - before} tests passed")


def unit_names():
    """By the way from tests/unit: lib/test_domain."""
    return sorted(path[:-2] for path in glob.glob(
        "**/test_*.c", root_dir=f"{ROOT}/tests/unit", recursive=True))


def stage_gcc(tally):
    make(tally, "gcc", "CC=gcc", "BUILD=build/gcc", "all", "unit-programs", "bench-programs")


def stage_clang(tally):
    make(tally, "clang", "CC=clang", "BUILD=build/clang", "all", "unit-programs", "bench-programs")


def stage_unit(tally):
    make(tally, "build", "CC=gcc", "BUILD=build/gcc", "unit-programs")
    units(tally, "build/gcc", unit_names())


def stage_asan(tally):
    make(tally, "build", "BUILD=build/asan", *SANITIZERS["asan"], "unit-programs", "all")
    units(tally, "build/asan", unit_names())


def stage_tsan(tally):
    make(tally, "build", "BUILD=build/tsan", *SANITIZERS["tsan"],
         *(f"build/tsan/unit/{name}" for name in THREADED))
    # ThreadSanitizer of this age cannot start where the kernel randomises more bits than it knows.
    units(tally, "build/tsan", THREADED, ["setarch", os.uname().machine, "--addr-no-randomize"])


def stage_valgrind(tally):
    """The sanitizers do not see into the libraries: what is handed to them must be whole, too."""
    make(tally, "build", "CC=gcc", "BUILD=build/gcc", "unit-programs")
    units(tally, "build/gcc", [name for name in unit_names() if name not in NOT_WATCHED], VALGRIND)


# ---- fuzzers ----


def fuzz(name):
    return name, *command([*NICE, sys.executable, "tests/fuzz/run.py", "--built", "--seconds",
                           str(FUZZ_SECONDS), name], LINT_SECONDS)


def stage_fuzz(tally):
    """What fails leaves its input, and says where."""
    if not make(tally, "build", "CC=clang", "BUILD=build/fuzz",
                "SANITIZE=fuzzer-no-link,address,undefined", "fuzz-programs"):
        return
    names = [os.path.basename(path)[len("fuzz_"):-len(".c")] for path in sorted(
        glob.glob("tests/fuzz/fuzz_*.c", root_dir=ROOT))]
    if not names:
        tally.fail("there are no fuzzers")
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for name, code, output in pool.map(fuzz, names):
            if code == 0:
                tally.add(passed=1)
                tally.say(f"ok {output.rstrip()}")
            else:
                tally.fail(f"fuzz {name}", output)


# ---- lint ----


def files(*patterns, within_build=False):
    found = []
    for pattern in patterns:
        found += glob.glob(pattern, root_dir=ROOT, recursive=True)
    return sorted(path for path in set(found) if within_build or not path.startswith("build/"))


def c_files():
    return [path for path in includes.sources() if path.endswith(".c")]


def tidy(path):
    return path, *command([*NICE, "clang-tidy", "--quiet", path, "--", "-std=c17", *PREPROCESSOR],
                          LINT_SECONDS)


def lint_tidy(tally):
    failed = False
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for path, code, output in pool.map(tidy, c_files()):
            if code != 0:
                failed = True
                tally.fail(f"clang-tidy {path}", output)
            else:
                tally.add(passed=1)
    if not failed:
        tally.say("ok clang-tidy")


def lint_each(tally, name, argv, paths):
    """One run for each file, one result over all of them."""
    if not paths:
        tally.fail(f"{name}: there are no files")
        return
    outputs = []
    for path in paths:
        code, output = command([*argv, path], LINT_SECONDS)
        if code != 0:
            outputs.append(f"{path}: exit code {code}\n{output}")
    if outputs:
        tally.fail(name, "\n".join(outputs))
    else:
        tally.add(passed=1)
        tally.say(f"ok {name}")


def stage_lint(tally):
    sources = includes.sources()
    if not sources:
        tally.fail("there are no sources")
        return
    step(tally, "include directions", [sys.executable, "tests/includes.py"])
    step(tally, "clang-format", ["clang-format", "--dry-run", "-Werror", *sources])
    step(tally, "cppcheck", [
        *NICE, "cppcheck", "--quiet", f"-j{JOBS}", "--enable=warning,performance,portability",
        "--inline-suppr", "--error-exitcode=1", "--std=c11", "--library=posix", "--library=gnu",
        "--suppressions-list=tests/cppcheck.suppressions", *PREPROCESSOR, *c_files()])
    lint_each(tally, "manual pages", ["mandoc", "-T", "lint", "-W", "warning"],
              files("*/*.[1-8]", "systemd/*.[1-8]"))
    lint_each(tally, "shell scripts", ["sh", "-n"], files("**/*.sh"))
    lint_each(tally, "bash scripts", ["bash", "-n"], files(".ci/run", "conf/*.bash"))
    lint_tidy(tally)


# ---- the package ----


def stage_deb(tally):
    # It needs no network: it has none.
    if not step(tally, "dpkg-buildpackage", ["unshare", "--net", *NICE, "make", "--no-print-directory", "deb"],
                MAKE_SECONDS):
        return
    # It takes machine code for misspelt words now and then.
    step(tally, "lintian", ["lintian", "--allow-root", "--info", "--display-info",
                            "--suppress-tags", "spelling-error-in-binary", "--fail-on",
                            "error,warning,info", *files("build/deb/*.changes", within_build=True)])


# ---- integration ----


def stage_integration(tally):
    # The tests have no way out of their networks: what one needs from there is fetched before. If that
    # cannot be, it says so.
    with contextlib.suppress(LabError, OSError, subprocess.SubprocessError):
        axe_core()
    parallel.run(tally, "integration", os.environ.get("RELAYWARDEN_BUILD", "build/gcc"))


def stage_hostile(tally):
    if make(tally, "build", "BUILD=build/asan", *SANITIZERS["asan"], "all"):
        parallel.run(tally, "hostile", "build/asan", {"test_hostile_servers.py": ""})


def watched(tally, name, build, chosen, workers=parallel.WORKERS):
    parallel.run(tally, name, build, chosen, workers, RELAYWARDEN_MESSAGES=str(WATCHED_MESSAGES))


def stage_milter_asan(tally):
    if make(tally, "build", "BUILD=build/asan", *SANITIZERS["asan"], "all", "bench-programs"):
        watched(tally, "milter-asan", "build/asan", WATCHED if WHOLE else SOME_WATCHED)


def stage_milter_tsan(tally):
    if make(tally, "build", "BUILD=build/tsan", *SANITIZERS["tsan"], "all", "bench-programs"):
        watched(tally, "milter-tsan", "build/tsan", WATCHED if WHOLE else SOME_WATCHED)


def stage_milter_valgrind(tally):
    if make(tally, "build", "CC=gcc", "BUILD=build/gcc", "all", "bench-programs"):
        for program in ("relaywarden-milter", "relaywarden-probe", "bench/alerts"):
            valgrind_wrapper(f"{ROOT}/build/gcc/{program}", f"{ROOT}/build/valgrind/{program}")
        watched(tally, "milter-valgrind", "build/valgrind",
                WATCHED_BY_VALGRIND if WHOLE else SOME_BY_VALGRIND, JOBS)


# What a stage runs, what it is about, whether it mostly waits, and which are to end before it.
Stage = collections.namedtuple("Stage", "function about waits after", defaults=(False, ()))

STAGES = {
    "gcc": Stage(stage_gcc, "both programs, with gcc"),
    "deb": Stage(stage_deb, "Debian's package, and lintian over it"),
    "asan": Stage(stage_asan, "unit tests under AddressSanitizer and UndefinedBehaviorSanitizer"),
    "tsan": Stage(stage_tsan, "what has threads, under ThreadSanitizer"),
    "unit": Stage(stage_unit, "unit tests"),
    "valgrind": Stage(stage_valgrind, "most unit tests under valgrind"),
    "clang": Stage(stage_clang, "both programs, with clang"),
    "fuzz": Stage(stage_fuzz, "a short run of each fuzzer"),
    "lint": Stage(stage_lint, "analysers, formatting, include directions, manual pages"),
    "milter-valgrind": Stage(stage_milter_valgrind, "the milter at real servers, under valgrind", True,
                             ("gcc",)),
    "integration": Stage(stage_integration, "against real servers in the lab", True, ("gcc", "deb")),
    "hostile": Stage(stage_hostile, "hostile servers, with the sanitizers' programs", True, ("asan",)),
    "milter-asan": Stage(stage_milter_asan, "the milter at real servers, under AddressSanitizer and "
                         "UndefinedBehaviorSanitizer", True, ("asan",)),
    "milter-tsan": Stage(stage_milter_tsan, "the same under ThreadSanitizer", True, ("tsan",)),
}


class Run:
    """The run of some stages, in two lanes."""

    def __init__(self, names):
        self.names = [name for name in STAGES if name in names]
        self.ended = {name: threading.Event() for name in self.names}
        self.shown = set()
        self.total = Tally()
        self._printing = threading.Lock()

    def all(self):
        lanes = [threading.Thread(target=self._lane, args=(waits,), daemon=True) for waits in (False, True)]
        for lane in lanes:
            lane.start()
        try:
            for lane in lanes:
                lane.join()
        except KeyboardInterrupt:
            stop_all()
            for event in self.ended.values():
                event.set()
            for lane in lanes:
                lane.join(30)
            self.total.add(failed=1)
            print("FAILED interrupted", flush=True)
        for name in self.names:
            if name not in self.shown:
                self.total.add(failed=1)
                print(f"FAILED {name}: did not come to its end", flush=True)
        return self.total

    def _lane(self, waits):
        for name in self.names:
            if STAGES[name].waits == waits:
                for before in STAGES[name].after:
                    if before in self.ended:
                        self.ended[before].wait()
                if not stopped():
                    self._stage(name)

    def _stage(self, name):
        tally, began = Tally(), time.monotonic()
        try:
            STAGES[name].function(tally)
        except Exception:  # pylint: disable=broad-except
            tally.fail(name, traceback.format_exc())
        if not tally.passed + tally.failed + tally.skipped:
            tally.fail(f"{name}: there was nothing to run")
        if stopped():
            return  # what was cut short says nothing
        with self._printing:
            self.shown.add(name)
            self.total.add(tally.passed, tally.failed, tally.skipped)
            print("\n".join([f"== {name}: {STAGES[name].about}", *tally.said,
                             f"   {time.monotonic() - began:.1f} s"]), flush=True)
        self.ended[name].set()


def main():
    global WHOLE  # pylint: disable=global-statement
    parser = argparse.ArgumentParser(description="Runs all checks, or some stages of them.")
    parser.add_argument("--only", metavar="STAGE[,STAGE]", help="these stages alone")
    parser.add_argument("--whole", action="store_true",
                        help="all that the stages milter-* have, not what `make check` has time for")
    parser.add_argument("--list", action="store_true", help="name the stages")
    options = parser.parse_args()
    if options.list:
        for name, stage in STAGES.items():
            print(f"{name:16} {stage.about}")
        return 0
    names = options.only.split(",") if options.only else list(STAGES)
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; there are {', '.join(STAGES)}")
    WHOLE = options.whole
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    total = Run(names).all()
    print(total.line(), flush=True)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    enter()
    sys.exit(main())
