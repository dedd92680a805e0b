#!/usr/bin/python3
"""Everything that is tested, and one line over all of it.

The last line is `N passed, N failed`, with `, N skipped` if any. The exit code is 0 only if
something passed and nothing failed. A failure is shown in full; a stage that finds nothing to do
has failed.

Stages that compute run one after the other, and so do those that mostly wait for servers, beside
them; each is shown when it has ended.
"""

import argparse
import collections
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

import parallel  # noqa: E402  (needs the path above)
import rooms  # noqa: E402
from commands import (JOBS, NICE, ROOT, VALGRIND, Tally, busy_seconds, command, counting,  # noqa: E402
                      each, own_network, stop_all, stopped, valgrind_wrapper)
from lab import npm, sample  # noqa: E402
from lab.enter import enter  # noqa: E402
from lab.process import LabError  # noqa: E402

# The unit tests of what has threads, or is called from several.
THREADED = ("test_reporter", "test_state", "test_incident", "test_incident_news", "test_undeclared",
            "test_database", "test_json_sink", "test_syslog_sink", "test_command_sink",
            "test_metrics_sink", "test_connection", "test_callback_gate", "test_housekeeper",
            "test_live_conf", "test_masks", "test_unmasked", "test_clock_jumps")

# Not for valgrind: they measure time or wait for what is slow there, take long for what the others
# show, see what valgrind adds to a process, or need a system call that it does not have.
NOT_WATCHED = ("test_conf_files", "test_conf_options", "test_conf_syntax", "test_client", "test_domainset",
               "test_metrics", "test_reporter", "test_state", "test_database", "test_command_sink",
               "test_mail_sink", "test_live_conf")
# Of the others `make check` runs a part, drawn by a digest, and these, which hand most to OpenSSL, SQLite, jansson, libpsl.
VALGRIND_PARTS = 2
VALGRIND_ALWAYS = ("test_tls_bio", "test_carry_over", "test_result_store", "test_json_sink", "test_registrable")
PREPROCESSOR = ["-I.", "-I/usr/include/postgresql", "-D_GNU_SOURCE", '-DRELAYWARDEN_VERSION="0"',
                '-DRELAYWARDEN_SYSCONFDIR="/etc"']
# The fuzzers' flag is there so that they and the tests share one build; by itself it changes no behaviour.
SANITIZERS = {
    "asan": ("CC=clang", "SANITIZE=fuzzer-no-link,address,undefined"),
    "tsan": ("CC=gcc", "SANITIZE=thread"),
}

# The tests of the milter and of what it has to do with, for programs that are watched: file to
# pytest's -k. Where a sanitizer watches, want of memory ends the program, a slow one is killed before
# it has told anything, and ends later than the limit for one that is not watched.
WATCHED = {**{name: "" for name in parallel.files()
              if re.match(r"test_(milter_|halves|tokens|discover|mail_flows|alert_)", name)},
           "test_alert_crash.py": "milters_incidents",
           "test_alert_metrics.py": "slow_milter or the_metrics_are",  # the others run none of our programs
           "test_mail_flows.py": "not no_memory",
           "test_milter_running.py": "not obeyed_soon",
           "test_mail_flows_sendmail.py": "not no_memory"}
# Each message is two processes of Sendmail: in `make check` there is time for some faults.
SOME_WATCHED = {**WATCHED, "test_mail_flows_sendmail.py": "killed or reloaded or descriptors"}
MESSAGES = "400"  # of test_mail_flows, for each fault, where a sample is taken; `make bench` sends 10,000
# Each sanitizer has one half of the tests, and of each test one case, drawn by the stage's name.
WATCHED_SAMPLE = {"RELAYWARDEN_CRASHES": "30"}
# Each third configuration is rehearsed. Of what a rehearsal says, this part is proved with a real server by hand;
# and so many kills of test_alert_crash; so many rehearsals are watched for what leaves them, and so many are killed.
INTEGRATION_SAMPLE = {"RELAYWARDEN_PROOFS": "4", "RELAYWARDEN_CRASHES": "60", "RELAYWARDEN_REHEARSALS": "4",
                      "RELAYWARDEN_KILLS": "16", "RELAYWARDEN_MESSAGES": MESSAGES, "RELAYWARDEN_CONFIGURATIONS": "3"}
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
# That takes 5 min 30 s on a quiet machine. `make check` has time for these:
SOME_BY_VALGRIND = {
    "test_discover.py": "adopted or classes",
    "test_milter_enforce.py": "relayed_recipient or held_message",
    "test_milter_postfix.py": "authenticated or anonymous or everything_that_was_seen or null_sender",
    "test_milter_sendmail.py": "promiscuous or certificate or quarantine",
    "test_tokens.py": "wide_open or both_keys or wrong_macs or replayed_gains",
    "test_tokens_sendmail.py": "hidden",
}
WHOLE = False  # whether no sample is taken

# Of the integration tests, for the quick loop: the main job, both halves, each way of an alert, and
# the filter at Postfix and at Sendmail.
QUICK = ("test_main_job.py", "test_halves.py", "test_alert_pipelines.py", "test_milter_enforce.py",
         "test_milter_sendmail.py", "test_tokens.py", "test_techniques.py", "test_discover.py")

FUZZ_SECONDS = 2  # for each; `make fuzz` takes longer
UNIT_SECONDS = 300
UNIT_WORKERS = 4  # of `make unit`: half of the time the tests wait for what they have started
LINT_SECONDS = 600
# So many steps of one function clang's path analysis follows; `make lint` lets it go twenty-two times as far, which
# is its own default and takes more than six times as long.
ANALYSED_NODES = 10000
MUTANTS = 80  # of thousands; `make mutate` has all
# As many of them may survive, as any change of a line may draw a mutant that no test ever noticed. None did
# when this was last measured (2026-11-30); the sample's chance is a few more or less, and only a real loss
# of tests passes this. Lower it when the figure falls.
SURVIVORS = 4
MAKE_SECONDS = 2400


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
    """Linked by lld: a third of the time of the system's own, for some hundred programs. The package is linked by that."""
    return step(tally, name, [*NICE, "make", f"-j{JOBS}", "-k", "--no-print-directory", "LDFLAGS=-fuse-ld=lld",
                              *arguments],
                MAKE_SECONDS)


# ---- unit tests ----


def read_tap(output):
    """Counts of a cmocka program's TAP: planned, passed, failed, skipped."""
    planned = sum(int(count) for count in re.findall(r"^1\.\.(\d+)", output, re.MULTILINE))
    # cmocka 1.1 says "not ok" of what it skips.
    skipped = len(re.findall(r"^(?:not )?ok \d+ # ?skip", output, re.MULTILINE | re.IGNORECASE))
    passed = len(re.findall(r"^ok \d+\b(?! # ?skip)", output, re.MULTILINE | re.IGNORECASE))
    failed = len(re.findall(r"^not ok \d+\b(?! # ?skip)", output, re.MULTILINE | re.IGNORECASE))
    return planned, passed, failed, skipped


def run_unit(binary, prefix=()):
    """Runs one test program; None if it is not there. One that is watched leaves out its floods."""
    if not os.path.exists(os.path.join(ROOT, binary)):
        return None
    return command(own_network([*prefix, os.path.join(ROOT, binary)]), UNIT_SECONDS,
                   CMOCKA_MESSAGE_OUTPUT="tap", **({"RELAYWARDEN_FLOODS": "no"} if prefix == VALGRIND else {}))


def count_unit(tally, name, done):
    """The output of a program's run; a crash, or an end before its plan's, is a failure of its own."""
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
    runs = each(JOBS, lambda name: run_unit(f"{build}/unit/{name}", prefix), names)
    for name, done in zip(names, runs):
        count_unit(tally, name, done)
    tally.say(f"{len(names)} programs, {tally.passed - before} tests passed")


def unit_names():
    """Each with its folder below tests/unit."""
    return [path[len("tests/unit/"):-2] for path in sorted(
        glob.glob("tests/unit/**/test_*.c", root_dir=ROOT, recursive=True))]


def unit_named(names):
    """Those whose file has one of these names."""
    return [name for name in unit_names() if os.path.basename(name) in names]


def unit_loop(word, build):
    """`make unit`: those whose name contains the word, already built. Shows what fails, and one line."""
    tally, names = Tally(), [name for name in unit_names() if word in os.path.basename(name)]
    if not names:
        tally.fail(f"no unit test has {word!r} in its name")
    runs = each(UNIT_WORKERS, lambda name: run_unit(f"{build}/unit/{name}"), names)
    for name, done in zip(names, runs):
        count_unit(tally, name, done)
    return tally


def stage_gcc(tally):
    make(tally, "gcc", "CC=gcc", "BUILD=build/gcc", "all", "unit-programs", "bench-programs")


def stage_unit(tally):
    make(tally, "build", "CC=gcc", "BUILD=build/gcc", "unit-programs")
    units(tally, "build/gcc", unit_names())


def stage_asan(tally):
    """With clang, where all else is gcc's: what a language leaves open each compiler settles in its own way."""
    make(tally, "build", "BUILD=build/asan", *SANITIZERS["asan"], "unit-programs", "all", "bench-programs")
    units(tally, "build/asan", unit_names())


def stage_tsan(tally):
    make(tally, "build", "BUILD=build/tsan", *SANITIZERS["tsan"],
         *(f"build/tsan/unit/{name}" for name in unit_named(THREADED)))
    # ThreadSanitizer of this age cannot start where the kernel randomises more bits than it knows.
    units(tally, "build/tsan", unit_named(THREADED), ["setarch", os.uname().machine, "--addr-no-randomize"])


def stage_valgrind(tally):
    """The sanitizers do not see into the libraries: what is handed to them must be whole, too. A part of the tests."""
    make(tally, "build", "CC=gcc", "BUILD=build/gcc", "unit-programs")
    units(tally, "build/gcc", [name for name in unit_names() if os.path.basename(name) not in NOT_WATCHED and
                                (WHOLE or os.path.basename(name) in VALGRIND_ALWAYS or
                                 sample.is_drawn(name, VALGRIND_PARTS))], VALGRIND)


# ---- fuzzers ----


def fuzz(name):
    return name, *command([*NICE, sys.executable, "tests/fuzz/run.py", "--built", "--seconds",
                           str(FUZZ_SECONDS), name], LINT_SECONDS)


def stage_fuzz(tally):
    """A fuzzer that fails leaves its input, and says where."""
    if not make(tally, "build", "BUILD=build/asan", *SANITIZERS["asan"], "fuzz-programs"):
        return
    names = [os.path.basename(path)[len("fuzz_"):-len(".c")] for path in sorted(
        glob.glob("tests/fuzz/fuzz_*.c", root_dir=ROOT))]
    if not names:
        tally.fail("there are no fuzzers")
    for name, code, output in each(JOBS, fuzz, names):
        if code == 0:
            tally.add(passed=1)
            tally.say(f"ok {output.rstrip()}")
        else:
            tally.fail(f"fuzz {name}", output)


# ---- mutants ----


def stage_mutate(tally):
    """Always the same sample, so that a failure comes again; a line that changes has other mutants."""
    if step(tally, "selftest", [*NICE, sys.executable, "tests/mutate.py", "--selftest"]):
        code, output = command([*NICE, sys.executable, "tests/mutate.py", "--sample", str(MUTANTS),
                                "--allow", str(SURVIVORS)], MAKE_SECONDS)
        if code == 0:
            tally.add(passed=1)
            for line in re.findall(r"(?m)^survived: .*\n.*", output):
                tally.say(line)
            tally.say(f"ok {output.splitlines()[-1]}; {SURVIVORS} may")
        else:
            tally.fail(f"mutate: exit code {code}", output)


# ---- lint ----


def files(*patterns, within_build=False):
    found = []
    for pattern in patterns:
        found += glob.glob(pattern, root_dir=ROOT, recursive=True)
    return sorted(path for path in set(found) if within_build or not path.startswith("build/"))


def c_files():
    return [path for path in rooms.sources() if path.endswith(".c")]


def tidy(path):
    depth = () if WHOLE else ("-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={ANALYSED_NODES}")
    return path, *command([*NICE, "clang-tidy", "--quiet", path, "--", "-std=c17", *PREPROCESSOR, *depth],
                          LINT_SECONDS)


def lint_tidy(tally):
    failed = False
    for path, code, output in each(JOBS, tidy, c_files()):
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


def stage_house(tally):
    """The rooms, that the lint of them finds what is planted, and formatting."""
    sources = rooms.sources()
    if not sources:
        tally.fail("there are no sources")
        return
    if make(tally, "build", "CC=gcc", "BUILD=build/gcc", "all"):  # the objects have the calls
        step(tally, "rooms", [sys.executable, "tests/rooms.py"])
        step(tally, "planted faults", [sys.executable, "tests/planted.py"])
    step(tally, "clang-format", ["clang-format", "--dry-run", "-Werror", *sources])


def stage_lint(tally):
    step(tally, "cppcheck", [
        *NICE, "cppcheck", "--quiet", f"-j{JOBS}", "--enable=warning,performance,portability",
        "--inline-suppr", "--error-exitcode=1", "--std=c11", "--library=posix", "--library=gnu",
        "--suppressions-list=tests/cppcheck.suppressions", *PREPROCESSOR, *c_files()])
    lint_each(tally, "manual pages", ["mandoc", "-T", "lint", "-W", "warning"],
              files("*/*.[1-8]", "systemd/*.[1-8]"))
    lint_each(tally, "shell scripts", ["sh", "-n"], files("**/*.sh"))
    lint_each(tally, "bash scripts", ["bash", "-n"], files(".ci/run", "conf/share/completions/*.bash"))
    lint_tidy(tally)


# ---- the package ----


def stage_deb(tally):
    # It needs no network: it has none.
    if not step(tally, "dpkg-buildpackage", ["unshare", "--net", *NICE, "make", "--no-print-directory", "deb"],
                MAKE_SECONDS):
        return
    # It takes machine code for misspelt words now and then, and, Debian 12's alone, asks for init.d scripts.
    step(tally, "lintian", ["lintian", "--allow-root", "--info", "--display-info", "--suppress-tags",
                            "spelling-error-in-binary,package-supports-alternative-init-but-no-init.d-script",
                            "--fail-on",
                            "error,warning,info", *files("build/deb/*.changes", within_build=True)])


# ---- integration ----


def stage_integration(tally):
    # The tests have no way out of their networks: what one needs from there is fetched before. If that
    # cannot be, it says so.
    for name in npm.FOLDERS:
        with contextlib.suppress(LabError, OSError, subprocess.SubprocessError):
            npm.packages(name)
    parallel.run(tally, "integration", os.environ.get("RELAYWARDEN_BUILD", "build/gcc"),
                 **({} if WHOLE else INTEGRATION_SAMPLE))


def stage_quick(tally):
    parallel.run(tally, "quick", "build/gcc", {name: "" for name in QUICK})


def stage_hostile(tally):
    if make(tally, "build", "BUILD=build/asan", *SANITIZERS["asan"], "all"):
        parallel.run(tally, "hostile", "build/asan", {"test_hostile_servers.py": ""})


def watched(tally, name, build, chosen, workers=parallel.WORKERS, **sample):
    parallel.run(tally, name, build, chosen, workers, RELAYWARDEN_MESSAGES=MESSAGES,
                 **({} if WHOLE else sample))


def stage_milter_asan(tally):
    if make(tally, "build", "BUILD=build/asan", *SANITIZERS["asan"], "all", "bench-programs"):
        watched(tally, "milter-asan", "build/asan", WATCHED if WHOLE else SOME_WATCHED,
                RELAYWARDEN_CASES="milter-asan", RELAYWARDEN_HALF="1", **WATCHED_SAMPLE)


def stage_milter_tsan(tally):
    if make(tally, "build", "BUILD=build/tsan", *SANITIZERS["tsan"], "all", "bench-programs"):
        watched(tally, "milter-tsan", "build/tsan", WATCHED if WHOLE else SOME_WATCHED,
                RELAYWARDEN_CASES="milter-tsan", RELAYWARDEN_HALF="2", **WATCHED_SAMPLE)


def stage_milter_valgrind(tally):
    if make(tally, "build", "CC=gcc", "BUILD=build/gcc", "all", "bench-programs"):
        for program in ("relaywarden-milter", "relaywarden-probe", "bench/alerts"):
            valgrind_wrapper(f"{ROOT}/build/gcc/{program}", f"{ROOT}/build/valgrind/{program}")
        watched(tally, "milter-valgrind", "build/valgrind",
                WATCHED_BY_VALGRIND if WHOLE else SOME_BY_VALGRIND, JOBS)


# A stage: its function, its subject, whether it mostly waits, and which are to end before it.
Stage = collections.namedtuple("Stage", "function about waits after", defaults=(False, ()))

STAGES = {
    "gcc": Stage(stage_gcc, "both programs, with gcc"),
    "deb": Stage(stage_deb, "Debian's package, and lintian over it"),
    "asan": Stage(stage_asan, "both programs and the unit tests with clang, under AddressSanitizer and "
                  "UndefinedBehaviorSanitizer"),
    "tsan": Stage(stage_tsan, "what has threads, under ThreadSanitizer"),
    "unit": Stage(stage_unit, "unit tests"),
    "valgrind": Stage(stage_valgrind, "most unit tests under valgrind"),
    "fuzz": Stage(stage_fuzz, "a short run of each fuzzer"),
    "mutate": Stage(stage_mutate, "some small changes of the judging code, which a unit test must notice"),
    "house": Stage(stage_house, "rooms (includes, calls, circles, crowded folders), formatting"),
    "lint": Stage(stage_lint, "analysers, manual pages, scripts"),
    "milter-valgrind": Stage(stage_milter_valgrind, "the milter at real servers, under valgrind", True,
                             ("gcc",)),
    "integration": Stage(stage_integration, "against real servers in the lab", True, ("gcc", "deb")),
    "quick": Stage(stage_quick, "the main of these tests; only with --fast", True, ("gcc",)),
    "hostile": Stage(stage_hostile, "hostile servers, with the sanitizers' programs", True, ("asan",)),
    "milter-asan": Stage(stage_milter_asan, "the milter at real servers, under AddressSanitizer and "
                         "UndefinedBehaviorSanitizer", True, ("asan",)),
    "milter-tsan": Stage(stage_milter_tsan, "the same under ThreadSanitizer", True, ("tsan",)),
}

FAST = ("gcc", "unit", "house", "quick")


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
        with counting() as cpu:
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
                             f"   {time.monotonic() - began:.1f} s, CPU {sum(cpu):.1f} s"]), flush=True)
        self.ended[name].set()


def main():
    global WHOLE  # pylint: disable=global-statement
    parser = argparse.ArgumentParser(description="Runs all checks, or some stages of them.")
    parser.add_argument("--only", metavar="STAGE[,STAGE]", help="these stages alone")
    parser.add_argument("--whole", action="store_true",
                        help="all that the stages have, not what `make check` has time for")
    parser.add_argument("--fast", action="store_true", help=f"the quick loop: {', '.join(FAST)}")
    parser.add_argument("--unit", metavar="WORD",
                        help="runs the unit tests whose name contains it, which are built, and no stage")
    parser.add_argument("--build", default="build/gcc", help="where the programs of --unit are")
    parser.add_argument("--list", action="store_true", help="name the stages")
    options = parser.parse_args()
    if options.list:
        for name, stage in STAGES.items():
            print(f"{name:16} {stage.about}")
        return 0
    if options.unit is not None:
        total = unit_loop(options.unit, options.build)
        print("\n".join([*total.said, total.line()]), flush=True)
        return 0 if total.passed and not total.failed else 1
    names = options.only.split(",") if options.only else list(FAST) if options.fast else [
        name for name in STAGES if name != "quick"]
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; there are {', '.join(STAGES)}")
    WHOLE = options.whole
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began, busy = time.monotonic(), busy_seconds()
    total = Run(names).all()
    print(f"   {time.monotonic() - began:.0f} s; the machine computed for {busy_seconds() - busy:.0f} s, on "
          f"{os.cpu_count()} processors", total.line(), sep="\n", flush=True)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    enter()
    sys.exit(main())
