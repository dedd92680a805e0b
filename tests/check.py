#!/usr/bin/python3
"""Everything that is tested, and one line over all of it.

The last line is `N passed, N failed`, with `, N skipped` if any. The exit code is 0 only if
something passed and nothing failed. What fails is shown in full; a stage that finds nothing to do
has failed.
"""

import argparse
import concurrent.futures
import contextlib
import glob
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import includes  # noqa: E402  (needs the path above)
from lab.enter import enter  # noqa: E402

ROOT = includes.ROOT
JOBS = 2

# The unit tests of what has threads, or is called from several.
THREADED = ("test_reporter", "test_state", "test_incident", "test_pending", "test_undeclared",
            "test_database", "test_json_sink", "test_syslog_sink", "test_command_sink",
            "test_metrics_sink", "test_connection", "test_gate", "test_keeper",
            "test_snapshot", "test_masks", "test_clock_jumps")

# Not for valgrind: they measure time or wait for what is slow there, take long for what the others
# show, see what valgrind adds to a process, or need a system call that it does not have.
NOT_WATCHED = ("test_conf_files", "test_conf_options", "test_dialogue", "test_domainset",
               "test_metrics", "test_reporter", "test_state", "test_database", "test_command_sink")
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect"]

PREPROCESSOR = ["-I.", "-D_GNU_SOURCE", '-DRELAYWARDEN_VERSION="0"',
                '-DRELAYWARDEN_SYSCONFDIR="/etc"']
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
FUZZ_SECONDS = 2  # for each; `make fuzz` takes longer
UNIT_SECONDS = 300
LINT_SECONDS = 600
MAKE_SECONDS = 1200
INTEGRATION_SECONDS = 1800


class Tally:
    """What passed, failed and was skipped, and the telling of it."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def fail(self, name, output=""):
        self.add(failed=1)
        say(f"FAILED {name}")
        if output.strip():
            say(output.rstrip())

    def line(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def say(text):
    print(text, flush=True)


def environment(**more):
    """Ours, without what an outer make would pass on to an inner one."""
    ours = {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS")}
    return {**ours, **SANITIZER_OPTIONS, **more}


def command(argv, timeout, **more):
    """Runs one. Returns exit code and output, both streams together; 124 when it took too long."""
    try:
        done = subprocess.run(argv, cwd=ROOT, env=environment(**more), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              text=True, errors="backslashreplace", check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode("utf-8", "backslashreplace")
        return 124, f"{output}\n{argv[0]}: no end after {timeout} s\n"
    except FileNotFoundError:
        return 127, f"{argv[0]}: not found; run 'sudo make deps'\n"


def step(tally, name, argv, timeout=LINT_SECONDS):
    """Runs something that passes or fails as a whole."""
    code, output = command(argv, timeout)
    if code == 0:
        tally.add(passed=1)
        say(f"ok {name}")
    else:
        tally.fail(f"{name}: exit code {code}", output)
    return code == 0


def make(tally, name, *arguments):
    return step(tally, name, ["make", f"-j{JOBS}", "-k", "--no-print-directory", *arguments],
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
    return command([*prefix, os.path.join(ROOT, binary)], UNIT_SECONDS, CMOCKA_MESSAGE_OUTPUT="tap")


def count_unit(tally, name, done):
    """What a program's run says; a crash, or an end before its plan's, is a failure of its own."""
    if done is None:
        tally.fail(f"{name}: was not built")
        return
    code, output = done
    planned, passed, failed, skipped = read_tap(output)
    tally.add(passed, failed, skipped)
    if failed:
        say(f"FAILED {name}: {failed} of {planned}")
        say("\n".join(line for line in output.splitlines() if not re.match(r"ok \d", line)))
    elif code != 0 or not planned or passed + skipped != planned:
        tally.fail(f"{name}: exit code {code} after {passed + skipped} of {planned} tests", output)


def units(tally, build, names, prefix=(), jobs=1):
    before = tally.passed
    if not names:
        tally.fail("there are no unit tests")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = pool.map(lambda name: run_unit(f"{build}/unit/{name}", prefix), names)
        for name, done in zip(names, runs):
            count_unit(tally, name, done)
    say(f"{len(names)} programs, {tally.passed - before} tests passed")


def unit_names():
    return [os.path.basename(path)[:-2] for path in sorted(
        glob.glob("tests/unit/test_*.c", root_dir=ROOT))]


def stage_gcc(tally):
    make(tally, "gcc", "CC=gcc", "BUILD=build/gcc", "all", "unit", "bench-programs")


def stage_clang(tally):
    make(tally, "clang", "CC=clang", "BUILD=build/clang", "all", "unit", "bench-programs")


def stage_unit(tally):
    make(tally, "build", "CC=gcc", "BUILD=build/gcc", "unit")
    units(tally, "build/gcc", unit_names())


def stage_asan(tally):
    make(tally, "build", "CC=gcc", "BUILD=build/asan", "SANITIZE=address,undefined", "unit", "all")
    units(tally, "build/asan", unit_names())


def stage_tsan(tally):
    make(tally, "build", "CC=gcc", "BUILD=build/tsan", "SANITIZE=thread",
         *(f"build/tsan/unit/{name}" for name in THREADED))
    # ThreadSanitizer of this age cannot start where the kernel randomises more bits than it knows.
    units(tally, "build/tsan", THREADED, ["setarch", os.uname().machine, "--addr-no-randomize"])


def stage_valgrind(tally):
    """The sanitizers do not see into the libraries: what is handed to them must be whole, too."""
    make(tally, "build", "CC=gcc", "BUILD=build/gcc", "unit")
    units(tally, "build/gcc", [name for name in unit_names() if name not in NOT_WATCHED], VALGRIND,
          JOBS)


# ---- fuzzers ----


def fuzz(name):
    return name, *command([sys.executable, "tests/fuzz/run.py", "--built", "--seconds",
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
                say(f"ok {output.rstrip()}")
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
    return path, *command(["clang-tidy", "--quiet", path, "--", "-std=c17", *PREPROCESSOR],
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
        say("ok clang-tidy")


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
        say(f"ok {name}")


def stage_lint(tally):
    sources = includes.sources()
    if not sources:
        tally.fail("there are no sources")
        return
    step(tally, "include directions", [sys.executable, "tests/includes.py"])
    step(tally, "clang-format", ["clang-format", "--dry-run", "-Werror", *sources])
    step(tally, "cppcheck", [
        "cppcheck", "--quiet", f"-j{JOBS}", "--enable=warning,performance,portability",
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
    if not step(tally, "dpkg-buildpackage", ["unshare", "--net", "make", "--no-print-directory", "deb"],
                MAKE_SECONDS):
        return
    # It takes machine code for misspelt words now and then.
    step(tally, "lintian", ["lintian", "--allow-root", "--info", "--display-info",
                            "--suppress-tags", "spelling-error-in-binary", "--fail-on",
                            "error,warning,info", *files("build/deb/*.changes", within_build=True)])


# ---- integration ----


def end_of_tests(output):
    """What pytest says at its end: the table of the zoo, if it printed one, and the slowest tests."""
    lines = output.rstrip().splitlines()
    tables = [number for number, line in enumerate(lines) if re.match(r"=+ the zoo =+$", line)]
    return "\n".join(lines[tables[0] if tables else -12:])


def pytest(tally, name, build, tests):
    """Runs tests with the programs of a build."""
    report = os.path.join(ROOT, f"build/check/{name}.xml")
    os.makedirs(os.path.dirname(report), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(report)
    code, output = command(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
         "--durations=10", f"--junit-xml={report}", tests],
        INTEGRATION_SECONDS, RELAYWARDEN_BUILD=build)
    try:
        suite = xml.etree.ElementTree.parse(report).getroot().find("testsuite")
        count, failures, errors, skipped = (
            int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
    except (OSError, AttributeError, xml.etree.ElementTree.ParseError):
        tally.fail(f"{name}: exit code {code} and no report", output)
        return
    failed = failures + errors
    # A test that passes and whose fixture then fails to end is counted as both.
    tally.add(max(count - failed - skipped, 0), failed, skipped)
    if failed or skipped:
        say(output.rstrip())
    elif code != 0 or not count:
        tally.fail(f"{name}: exit code {code}", output)
    else:
        say(end_of_tests(output))


def stage_hostile(tally):
    if make(tally, "build", "CC=gcc", "BUILD=build/asan", "SANITIZE=address,undefined", "all"):
        pytest(tally, "hostile", "build/asan", "tests/integration/test_hostile_servers.py")


def stage_integration(tally):
    build = os.environ.get("RELAYWARDEN_BUILD", "build/gcc")
    pytest(tally, "integration", build, "tests/integration")


STAGES = {
    "gcc": (stage_gcc, "both programs, with gcc"),
    "clang": (stage_clang, "both programs, with clang"),
    "unit": (stage_unit, "unit tests"),
    "asan": (stage_asan, "unit tests under AddressSanitizer and UndefinedBehaviorSanitizer"),
    "tsan": (stage_tsan, "what has threads, under ThreadSanitizer"),
    "valgrind": (stage_valgrind, "most unit tests under valgrind"),
    "fuzz": (stage_fuzz, "a short run of each fuzzer"),
    "lint": (stage_lint, "analysers, formatting, include directions, manual pages"),
    "deb": (stage_deb, "Debian's package, and lintian over it"),
    "hostile": (stage_hostile, "hostile servers, with the sanitizers' programs"),
    "integration": (stage_integration, "against real servers in the lab"),
}


def run_stage(tally, name):
    function, about = STAGES[name]
    say(f"== {name}: {about}")
    start, before = time.monotonic(), (tally.passed, tally.failed, tally.skipped)
    try:
        function(tally)
    except KeyboardInterrupt:
        tally.fail(f"{name}: interrupted")
        raise
    if before == (tally.passed, tally.failed, tally.skipped):
        tally.fail(f"{name}: there was nothing to run")
    say(f"   {time.monotonic() - start:.1f} s")


def main():
    parser = argparse.ArgumentParser(description="Runs all checks, or some stages of them.")
    parser.add_argument("--only", metavar="STAGE[,STAGE]", help="these stages alone")
    parser.add_argument("--list", action="store_true", help="name the stages")
    options = parser.parse_args()
    if options.list:
        for name, (_, about) in STAGES.items():
            print(f"{name:12} {about}")
        return 0
    names = options.only.split(",") if options.only else list(STAGES)
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; there are {', '.join(STAGES)}")
    tally = Tally()
    with contextlib.suppress(KeyboardInterrupt):
        for name in names:
            run_stage(tally, name)
    say(tally.line())
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    enter()
    sys.exit(main())
