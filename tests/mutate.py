#!/usr/bin/python3
"""Changes the judging code in small ways, and tells which changes no unit test notices.

    sudo make mutate                                        # every mutant of every file of JUDGING
    sudo /usr/bin/python3 tests/mutate.py --file milter/judge.c --line 128
    sudo /usr/bin/python3 tests/mutate.py --sample 100 --seed 7

mutants.py says what is changed. Each mutant is compiled alone, into a shared object of its own that the
test programs load in place of the module; the work tree is not touched. The tests that know the module's
header are run, the likeliest first, until one fails: then the mutant is dead, and so it is when one
crashes or comes to no end. A survivor is listed with file and line. Survivors that change nothing that
matters are in mutate.accepted, with the reason.

A sample is the same for the same seed, and a change of one line changes no other line's part in it. The
exit code is 1 for more survivors that are not accepted than --allow says (none), or an entry in
mutate.accepted that is out of date.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import ctypes
import glob
import hashlib
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import mutants

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = "build/mutate"
UNIT = "tests/unit/"
ACCEPTED = "tests/mutate.accepted"
HEADERS = ("lib/**/*.h", "conf/*.h", "milter/**/*.h", "probe/**/*.h")
OF_VERDICT = ("probe/judge/test_verdict", "probe/judge/test_verdict_open", "probe/judge/test_judgement_findings")
OF_BATTERY = ("probe/smtp/test_battery", "probe/smtp/test_session", "probe/smtp/test_vouch", "probe/smtp/test_identity",
              "probe/smtp/test_pipelining", "probe/smtp/test_confirm", "probe/smtp/test_hailed", "probe/smtp/test_turns",
              "probe/smtp/test_battery_end", "probe/smtp/test_client", "probe/smtp/test_dialogues",
              "probe/audit/test_rounds")
# The judging code, and the tests that reach a file by way of another, beside those that include its header.
JUDGING = {
    "lib/address.c": (),
    "lib/domain.c": (),
    "lib/domainset.c": (),
    "lib/finding.c": (),
    "lib/netset.c": (),
    "lib/observation.c": ("probe/smtp/test_milter_talk",),
    "lib/registrable.c": (),
    "lib/site.c": (),
    "lib/token.c": ("lib/test_observation",),
    "lib/alert/incident_table.c": ("lib/alert/test_incident_news",),
    "lib/alert/incident_arrivals.c": ("lib/alert/test_incident", "lib/alert/test_incident_news"),
    "lib/alert/incident_kept.c": ("lib/alert/test_incident", "lib/alert/test_incident_due"),
    "lib/alert/incident_nodes.c": ("lib/alert/test_incident", "lib/alert/test_incident_due",
                                   "lib/alert/test_incident_news"),
    "lib/alert/past_incidents.c": ("lib/alert/test_incident",),
    "lib/alert/subject.c": ("lib/alert/test_incident", "lib/alert/test_incident_news"),
    "milter/tokens/probe_dialogue.c": (),
    "milter/tokens/probe_connection.c": ("milter/test_connection", "milter/tokens/test_masks"),
    "milter/connection.c": (),
    "milter/dialect.c": ("milter/test_judge", "milter/test_connection"),
    "milter/judge.c": ("milter/test_connection", "milter/test_enforce"),
    "milter/tokens/masks.c": (),
    "milter/tokens/nonces.c": ("milter/test_connection",),
    "milter/relay_finding.c": ("milter/test_connection", "milter/test_enforce"),
    "milter/undeclared.c": ("milter/test_connection",),
    "probe/judge/milter_evidence.c": (*OF_VERDICT, "probe/model/test_message"),
    "probe/smtp/milter_talk.c": ("probe/smtp/test_client",),
    "probe/judge/banner.c": ("probe/judge/test_posture",),
    "probe/dns/blocklist.c": (),
    "probe/smtp/battery.c": OF_BATTERY,
    "probe/smtp/battery_queue.c": OF_BATTERY,
    "probe/smtp/battery_spare.c": OF_BATTERY,
    "probe/model/other_domains.c": OF_BATTERY + ("probe/audit/test_carry_over",),
    "probe/smtp/reply/denial.c": ("probe/smtp/reply/test_reply_class",),
    "probe/smtp/reply/foreign.c": ("probe/smtp/reply/test_denial", "probe/smtp/reply/test_reply_class", "probe/smtp/reply/test_rights"),
    "probe/judge/diagnosis.c": (*OF_VERDICT, "probe/model/test_message"),
    "probe/judge/diagnosis_open.c": (*OF_VERDICT, "probe/model/test_message"),
    "probe/dns/dnsbl.c": ("probe/judge/test_posture", "probe/dns/test_blocklist", "probe/dns/test_dnsbl_lists"),
    "probe/dns/dnsbl_table.c": ("probe/dns/test_dnsbl", "probe/dns/test_blocklist"),
    "probe/judge/exposure.c": ("probe/judge/test_judgement_findings", "probe/judge/test_posture"),
    "probe/model/evidence.c": OF_VERDICT,
    "probe/judge/generic_hostname.c": ("probe/judge/test_posture",),
    "probe/judge/verdict.c": ("probe/judge/test_verdict_open", "probe/judge/test_judgement_findings"),
    "probe/smtp/reply/reply_class.c": ("probe/smtp/test_battery", "probe/smtp/test_session", "probe/smtp/test_identity"),
    "probe/judge/incidents_over.c": ("probe/judge/test_incidents_over_kinds", "probe/judge/test_incidents_over_left"),
    "probe/smtp/reply/login.c": ("probe/smtp/reply/test_denial", "probe/smtp/reply/test_reply_class", "probe/smtp/reply/test_rights"),
    "probe/smtp/reply/scope.c": ("probe/smtp/reply/test_reply_class", "probe/smtp/reply/test_rights"),
    "probe/smtp/reply/reason.c": ("probe/smtp/reply/test_scope", "probe/smtp/reply/test_denial", "probe/smtp/reply/test_reply_class"),
    "probe/smtp/reply/clause.c": ("probe/smtp/reply/test_denial", "probe/smtp/reply/test_reply_class", "probe/smtp/reply/test_rights"),
    "probe/smtp/reply/reply_words.c": ("probe/smtp/reply/test_reply_class",),
    "probe/smtp/reply/limit.c": (),
    "probe/smtp/reply/reply.c": ("probe/smtp/reply/test_reply_class",),
    "probe/smtp/retry.c": (),
    "probe/judge/mta.c": ("probe/judge/test_verdict", "probe/judge/test_verdict_open", "probe/judge/test_diagnosis_open"),
    "probe/judge/diagnosis_message.c": ("probe/judge/test_verdict", "probe/judge/test_verdict_open", "probe/model/test_message"),
    "probe/judge/probe_finding.c": ("probe/judge/test_judgement_findings",),
    "probe/judge/own_name.c": ("probe/judge/test_posture",),
    "probe/judge/posture.c": ("probe/judge/test_judgement_findings",),
    "probe/audit/schedule.c": (),
}
PLAIN = ("CC=gcc", "OPTIMIZE=-O0 -fPIC", "HARDENING=", "WARNINGS=-w")
ARCHIVES = ("libmilterside", "libprobeside", "libcommon")
COMPILE_SECONDS = 120
CPU_SECONDS = 4  # of a test that takes none by itself; one that loops ends there
WALL_SECONDS = 10
MEMORY = 2 << 30
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000

Test = collections.namedtuple("Test", "name cpu wall")
# The end of a mutant: the test that killed it, or "survived" or "not compiled".
Fate = collections.namedtuple("Fate", "mutant word")
SURVIVED, NOT_COMPILED = "survived", "not compiled"


class MutateError(Exception):
    """Nothing can be said: the sentence tells why."""


# ---- running -------------------------------------------------------------------------------------


def limits(cpu):
    def set_limits():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return set_limits


def execute(argv, cwd, seconds, cpu=None, **environment):
    """Runs a command to its end. Returns its exit code (124: it took too long) and what it said."""
    process = subprocess.Popen(
        argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, preexec_fn=limits(cpu) if cpu else None,  # pylint: disable=W1509
        env={**os.environ, **environment})
    try:
        output, _ = process.communicate(timeout=seconds)
        code = process.returncode
    except subprocess.TimeoutExpired:
        code, output = 124, b""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return code, output.decode("utf-8", "backslashreplace")


def live_apart(root):
    """This thread gets a network that leads nowhere and a /tmp of its own, if it may."""
    wanted = CLONE_NEWNET | CLONE_NEWNS
    if ctypes.CDLL(None, use_errno=True).unshare(wanted) != 0:
        return
    for argv in (["ip", "link", "set", "lo", "up"], ["mount", "--make-rprivate", "/"],
                 *([] if root.startswith("/tmp/") else [["mount", "-t", "tmpfs", "tmpfs", "/tmp"]])):
        subprocess.run(argv, check=False, stderr=subprocess.DEVNULL)


# ---- the tree and its tests ----------------------------------------------------------------------


class Tree:
    """The sources, and the programs that are built of them as they are."""

    def __init__(self, root, judging):
        self.root, self.judging = root, judging
        for name in judging:
            if not os.path.exists(os.path.join(root, name)):
                raise MutateError(f"there is no {name} any more: change JUDGING in tests/mutate.py")
        # By room and name, as two rooms may have a test of the same name: milter/test_connection.
        self.tests = {path[len(UNIT):-2]: path for path in sorted(
            glob.glob(f"{UNIT}**/test_*.c", root_dir=root, recursive=True))}
        self.build = os.path.join(root, BUILD)
        headers = [name for pattern in HEADERS for name in glob.glob(pattern, root_dir=root, recursive=True)]
        self.neighbours = mutants.enumerations(self.read(name) for name in sorted(headers))
        self.baseline = {}
        self._known = {}

    def read(self, name):
        with open(os.path.join(self.root, name), encoding="utf-8") as file:
            return file.read()

    def mutants_of(self, name):
        return mutants.mutants_of(name, self.read(name), self.neighbours)

    # ---- which tests ----

    def includes(self, name, seen=None):
        """The project's headers and sources that a test includes, itself or by its helpers."""
        seen = set() if seen is None else seen
        for header in re.findall(r'^#include "([^"]+)"', self.read(name), re.MULTILINE):
            if header in seen:
                continue
            seen.add(header)
            if header.startswith("tests/"):
                self.includes(header, seen)
                helper = header[:-1] + "c"
                if os.path.exists(os.path.join(self.root, helper)) and helper not in seen:
                    seen.add(helper)
                    self.includes(helper, seen)
        return seen

    def known(self, test):
        if test not in self._known:
            self._known[test] = self.includes(self.tests[test])
        return self._known[test]

    def tests_of(self, name):
        header = name[:-1] + "h"
        room, base = os.path.split(name[:-2])
        chosen = [test for test in self.tests if header in self.known(test) or name in self.known(test)
                  or test == f"{room}/test_{base}"]
        more = [test for test in self.judging.get(name, ()) if test not in chosen]
        for test in more:
            if test not in self.tests:
                raise MutateError(f"there is no {test} any more: change JUDGING in tests/mutate.py")
        if not chosen + more:
            raise MutateError(f"no unit test includes {header}")
        return chosen + more

    # ---- building ----

    def make(self, *targets):
        argv = ["make", "-s", f"-j{os.cpu_count()}", *PLAIN, f"BUILD={BUILD}", *targets]
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS")}
        done = subprocess.run(argv, cwd=self.root, env=environment, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise MutateError(f"the tree does not build:\n{done.stdout[-4000:]}")
        return done.stdout

    def command(self, target, compiler="gcc"):
        """The words of the command by which make makes a target."""
        for line in self.make("-n", "-B", "V=1", target).splitlines():
            if line.startswith(compiler + " ") and f"-o {target}" in line:
                return shlex.split(line)
        raise MutateError(f"make tells no command for {target}")

    def shared(self, name):
        return os.path.join(self.build, "shared", f"{name}.so")

    def prepare(self, names):
        """Builds what the tests of these files need, and runs each test once as it is."""
        tests = sorted({test for name in names for test in self.tests_of(name)})
        objects = [self.object(test) for test in tests]
        self.make(*(f"{BUILD}/{archive}.a" for archive in (*ARCHIVES, "libunit")), *objects)
        words = self.command(f"{BUILD}/{names[0][:-2]}.o")
        self.compiler = words[:words.index("-MMD")]
        words = self.command(f"{BUILD}/unit/{tests[0]}")
        self.libraries = words[max(i for i, word in enumerate(words) if word.endswith(".a")) + 1:]
        os.makedirs(os.path.join(self.build, "shared"), exist_ok=True)
        for archive in ARCHIVES:
            self._link(self.shared(archive), [f"{BUILD}/{archive}.a"], [
                *named(archive), "-Wl,--whole-archive", f"{BUILD}/{archive}.a", "-Wl,--no-whole-archive"])
        self._link(self.shared("libmutant"), [], [*named("libmutant"), "-x", "c", "/dev/null"])
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count(), initializer=live_apart,
                                                   initargs=(self.root,)) as pool:
            for test, error in pool.map(self._try_test, tests):
                if error:
                    raise MutateError(f"{test.name} fails without any mutant:\n{error}")
                self.baseline[test.name] = test

    def _link(self, target, sources, arguments):
        """Links, if one of the sources is newer."""
        if os.path.exists(target) and all(
                os.path.getmtime(os.path.join(self.root, source)) < os.path.getmtime(target)
                for source in sources):
            return
        code, output = execute(["gcc", *arguments, "-o", target], self.root, COMPILE_SECONDS)
        if code != 0:
            raise MutateError(f"{target} cannot be linked:\n{output}")

    def linking(self, first):
        """The parts that link a test: its object or source, then what it is linked with."""
        return [*first, f"{BUILD}/libunit.a", "-Wl,--no-as-needed", self.shared("libmutant"),
                *(self.shared(archive) for archive in ARCHIVES), *self.libraries]

    def object(self, test):
        return f"{BUILD}/{self.tests[test][:-2]}.o"

    def program(self, test):
        return os.path.join(self.build, "programs", test)

    def _try_test(self, test):
        os.makedirs(os.path.dirname(self.program(test)), exist_ok=True)
        source = self.object(test)
        self._link(self.program(test), [source, f"{BUILD}/libunit.a"], self.linking([source]))
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        code, output = self.run(self.program(test), os.path.join(self.build, "shared"), 10 * WALL_SECONDS,
                                10 * CPU_SECONDS)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Test(test, cpu, time.monotonic() - began), output[-4000:] if code != 0 else None

    def run(self, program, mutant_folder, wall, cpu):
        return execute([program], self.root, wall, cpu, CMOCKA_MESSAGE_OUTPUT="tap",
                       LD_LIBRARY_PATH=f"{mutant_folder}:{self.build}/shared")


def named(name):
    """A shared object that is looked for by its name, so that a mutant's comes first."""
    return ["-shared", f"-Wl,-soname,{name}.so"]


# ---- one mutant ----------------------------------------------------------------------------------


class Hunt:
    """All tests after some mutants."""

    def __init__(self, tree):
        self.tree = tree
        self.work = os.path.join(tree.build, "work", str(os.getpid()))  # several hunts may go on at once
        self.kills = collections.Counter()  # (file, test)
        self._lock = threading.Lock()
        self._folders = threading.local()
        self._count = 0

    def _folder(self):
        if not hasattr(self._folders, "path"):
            with self._lock:
                self._count += 1
                self._folders.path = os.path.join(self.work, str(self._count))
            os.makedirs(self._folders.path)
        return self._folders.path

    def _order(self, name):
        with self._lock:
            return sorted(self.tree.tests_of(name), key=lambda test: (
                -self.kills[name, test], self.tree.baseline[test].wall))

    def _compile(self, folder, source):
        return execute([*self.tree.compiler, *named("libmutant"), "-o", f"{folder}/libmutant.so", source],
                       self.tree.root, COMPILE_SECONDS)[0] == 0

    def _program(self, folder, test, name):
        """The test's program: one that includes the module's source is compiled with the mutant's."""
        if name not in self.tree.known(test):
            return self.tree.program(test)
        program = f"{folder}/{os.path.basename(test)}"
        code, _ = execute([*self.tree.compiler, "-iquote", folder, "-o", program,
                           *self.tree.linking([self.tree.tests[test]])], self.tree.root, COMPILE_SECONDS)
        return program if code == 0 else None

    def fate(self, mutant):
        folder, name = self._folder(), mutant.file
        source = os.path.join(folder, name)
        os.makedirs(os.path.dirname(source), exist_ok=True)
        with open(source, "w", encoding="utf-8") as file:
            file.write(mutants.applied(self.tree.read(name), mutant))
        if not self._compile(folder, source):
            return Fate(mutant, NOT_COMPILED)
        for test in self._order(name):
            program = self._program(folder, test, name)
            if program is None:
                return Fate(mutant, NOT_COMPILED)
            known = self.tree.baseline[test]
            code, _ = self.tree.run(program, folder, WALL_SECONDS + 10 * known.wall,
                                    CPU_SECONDS + int(10 * known.cpu))
            if code != 0:
                with self._lock:
                    self.kills[name, test] += 1
                return Fate(mutant, test)
        return Fate(mutant, SURVIVED)

    def all(self, chosen, jobs):
        shown = sys.stderr.isatty()
        with concurrent.futures.ThreadPoolExecutor(jobs, initializer=live_apart,
                                                   initargs=(self.tree.root,)) as pool:
            running = [pool.submit(self.fate, mutant) for mutant in chosen]
            try:
                for count, future in enumerate(concurrent.futures.as_completed(running), 1):
                    if shown:
                        print(f"\r{count} of {len(running)}", end="", file=sys.stderr, flush=True)
                    yield future.result()
            finally:
                pool.shutdown(cancel_futures=True)
                shutil.rmtree(self.work, ignore_errors=True)
                if shown:
                    print(file=sys.stderr)


# ---- what is accepted ----------------------------------------------------------------------------


def key(mutant):
    return mutant.file, mutant.text, mutant.change


def read_accepted(text):
    """The reasons of mutate.accepted by (file, line's text, change)."""
    accepted = {}
    for number, block in enumerate(re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)), 1):
        lines = [line.strip() for line in block.strip().splitlines()]
        if not lines:
            continue
        named = re.match(r"(\S+\.c): (.+)$", lines[0])
        if len(lines) < 3 or not named or not lines[-1].startswith("because "):
            raise MutateError(f"{ACCEPTED}: entry {number} is not FILE: LINE, changes, because REASON: {lines[0]}")
        for change in lines[1:-1]:
            accepted[named.group(1), named.group(2), change] = lines[-1]
    return accepted


def load_accepted(root):
    try:
        with open(os.path.join(root, ACCEPTED), encoding="utf-8") as file:
            return read_accepted(file.read())
    except FileNotFoundError:
        return {}


# ---- choosing ------------------------------------------------------------------------------------


def rank(mutant, seed):
    return hashlib.sha256("\0".join((str(seed), *key(mutant))).encode()).digest()


def sample(all_of_them, count, seed):
    """The same for the same seed, whatever else there is; in the order of the files."""
    chosen = sorted(all_of_them, key=lambda mutant: rank(mutant, seed))[:count]
    return sorted(chosen, key=lambda mutant: (mutant.file, mutant.line, mutant.edits, mutant.change))


def survivors_of(output):
    """The list in an earlier run's output."""
    found = re.findall(r"^survived: (\S+?):\d+: (.*)\n    (.*)$", output, re.MULTILINE)
    return {(name, text, change) for name, change, text in found}


def choose(tree, options):
    """The mutants that the options name, and all there are."""
    every = {name: tree.mutants_of(name) for name in tree.judging}
    names = options.file or list(tree.judging)
    for name in names:
        if name not in every:
            raise MutateError(f"{name} is not in JUDGING; there are {', '.join(tree.judging)}")
    chosen = []
    if options.again:
        with open(options.again, encoding="utf-8") as file:
            again = survivors_of(file.read())
    for name in names:
        wanted = [mutant for mutant in every[name] if options.line is None or mutant.line == options.line]
        if options.again:
            wanted = [mutant for mutant in wanted if key(mutant) in again]
        chosen += sample(wanted, options.each, options.seed) if options.each else wanted
    return sample(chosen, options.sample, options.seed) if options.sample else chosen, every


# ---- telling -------------------------------------------------------------------------------------


def show(mutant):
    return f"{mutant.file}:{mutant.line}: {mutant.change}\n    {mutant.text}"


def table(fates, accepted):
    counts = collections.defaultdict(collections.Counter)
    for fate in fates:
        word = fate.word if fate.word in (SURVIVED, NOT_COMPILED) else "killed"
        if word == SURVIVED and key(fate.mutant) in accepted:
            word = "accepted"
        for row in (fate.mutant.file, "all"):
            counts[row]["mutants"] += 1
            counts[row][word] += 1
    columns = ("mutants", "killed", SURVIVED, "accepted", NOT_COMPILED)
    lines = ["".join([f"{'file':28}", *(f"{column:>14}" for column in columns)])]
    rows = sorted(row for row in counts if row != "all") + ["all"]
    lines += ["".join([f"{row:28}", *(f"{counts[row][column]:14}" for column in columns)]) for row in rows]
    return "\n".join(lines)


def out_of_date(accepted, every, fates):
    """Entries of mutate.accepted that fit nothing, or that a test kills by now."""
    there = {key(mutant) for each in every.values() for mutant in each}
    for entry in sorted(set(accepted) - there):
        yield f"{ACCEPTED}: {entry[0]} has no such mutant any more: {entry[2]}\n    {entry[1]}"
    told = collections.defaultdict(set)
    for fate in fates:
        told[key(fate.mutant)].add(fate.word)
    for entry in sorted(set(accepted) & set(told)):
        if SURVIVED not in told[entry]:
            yield (f"{ACCEPTED}: {entry[0]}: {', '.join(sorted(told[entry]))}; so it need not be accepted: "
                   f"{entry[2]}\n    {entry[1]}")


def hunt(tree, options):
    accepted = load_accepted(tree.root)
    chosen, every = choose(tree, options)
    if not chosen:
        raise MutateError("there are no such mutants")
    if options.list:
        print("\n".join(show(mutant) for mutant in chosen))
        return 0
    began = time.monotonic()
    tree.prepare(sorted({mutant.file for mutant in chosen}))
    ready = time.monotonic()
    if options.sample:  # what is known to survive costs most, and tells nothing
        chosen = [mutant for mutant in chosen if key(mutant) not in accepted]
    fates = list(Hunt(tree).all(chosen, options.jobs))
    survivors = [fate.mutant for fate in fates if fate.word == SURVIVED and key(fate.mutant) not in accepted]
    for mutant in sorted(survivors, key=lambda mutant: (mutant.file, mutant.line)):
        print(f"survived: {show(mutant)}")
    wrong = list(out_of_date(accepted, every, fates))
    print("\n".join([*wrong, table(fates, accepted)]))
    print(f"{len(fates)} mutants, {len(survivors)} survived; built in {ready - began:.0f} s, "
          f"hunted for {time.monotonic() - ready:.0f} s")
    return 1 if len(survivors) > options.allow or wrong else 0


# ---- does it see anything? -----------------------------------------------------------------------

PLANTED = {
    "lib/planted_NAME.h": "int planted_NAME(int a, int b);\n",
    "lib/planted_NAME.c": '#include "lib/planted_NAME.h"\n\nint planted_NAME(int a, int b)\n{\n'
                          "    if (a < b) {\n        return 7;\n    }\n    return a;\n}\n",
    "tests/unit/test_planted_NAME.c":
        "#include <setjmp.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n\n"
        '#include <cmocka.h>\n\n#include "lib/planted_NAME.h"\n\nstatic void test(void **state)\n{\n'
        "    (void)state;\n    ASSERTIONS\n}\n\nint main(void)\n{\n"
        "    const struct CMUnitTest tests[] = {cmocka_unit_test(test)};\n\n"
        "    return cmocka_run_group_tests(tests, NULL, NULL);\n}\n",
}
ASSERTIONS = {
    "blind": "(void)planted_blind(1, 2);",
    "seeing": "assert_int_equal(planted_seeing(1, 2), 7); assert_int_equal(planted_seeing(3, 2), 3); "
              "assert_int_equal(planted_seeing(2, 2), 2);",
}


def selftest():
    """A module whose test asserts nothing must be told of, one with a real test not."""
    root = os.path.join(ROOT, BUILD, "selftest")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    shutil.copy(os.path.join(ROOT, "Makefile"), root)
    for name, assertions in ASSERTIONS.items():
        for path, text in PLANTED.items():
            path = os.path.join(root, path.replace("NAME", name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("NAME", name).replace("ASSERTIONS", assertions))
    for room in ("milter", "probe", "tests/unit"):  # no archive is empty
        os.makedirs(os.path.join(root, room), exist_ok=True)
        with open(os.path.join(root, room, "planted.c"), "w", encoding="utf-8") as file:
            file.write(f"extern int planted_{room[0]};\nint planted_{room[0]};\n")
    tree = Tree(root, {f"lib/planted_{name}.c": () for name in ASSERTIONS})
    tree.prepare(list(tree.judging))
    words = {name: [fate.word for fate in Hunt(tree).all(tree.mutants_of(f"lib/planted_{name}.c"), 2)]
             for name in ASSERTIONS}
    if len(words["blind"]) < 4 or set(words["blind"]) != {SURVIVED}:
        raise MutateError(f"a test that asserts nothing kills mutants: {words['blind']}")
    if len(words["seeing"]) < 4 or set(words["seeing"]) != {"test_planted_seeing"}:
        raise MutateError(f"a test that asserts all lets mutants live: {words['seeing']}")
    print(f"selftest: {len(words['blind'])} planted mutants survived, {len(words['seeing'])} were killed")
    return 0


def main():
    parser = argparse.ArgumentParser(description="Lists the mutants of the judging code that no unit test notices.")
    parser.add_argument("--file", action="append", metavar="FILE", help="only this file's (may be repeated)")
    parser.add_argument("--line", type=int, help="only those of this line")
    parser.add_argument("--sample", type=int, metavar="N", help="only N of them")
    parser.add_argument("--each", type=int, metavar="N", help="only N of each file")
    parser.add_argument("--allow", type=int, metavar="N", default=0, help="as many survivors are no failure (0)")
    parser.add_argument("--seed", default="1", help="which ones those are (1)")
    parser.add_argument("--again", metavar="OUTPUT", help="only those that the output of an earlier run lists")
    parser.add_argument("--list", action="store_true", help="name the mutants, and run nothing")
    parser.add_argument("--jobs", "-j", type=int, default=os.cpu_count(), help="how many at once (one for each core)")
    parser.add_argument("--selftest", action="store_true", help="plant modules, and see that their mutants are judged right")
    options = parser.parse_args()
    try:
        return selftest() if options.selftest else hunt(Tree(ROOT, JUDGING), options)
    except MutateError as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
