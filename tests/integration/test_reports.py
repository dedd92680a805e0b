"""Programs that are watched by a sanitizer or by valgrind: what is reported of one fails the test that
started it, though that test sees neither its exit code nor what it says."""

import os
import re
import subprocess
import sys

import pytest

from commands import valgrind_wrapper

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

FAULTS = r"""
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int shared;
static char *volatile kept;

static void *count(void *unused)
{
    for (int i = 0; i < 100000; i++) {
        shared++;
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t one, two;

    if (argc < 2) {
        return 0;
    }
    kept = malloc(8);
    if (!strcmp(argv[1], "leak")) {
        kept = NULL;
    }
    if (!strcmp(argv[1], "beyond")) {
        kept[8] = 1;
    }
    if (!strcmp(argv[1], "overflow")) {
        shared = 0x7fffffff;
        shared += argc;
    }
    if (!strcmp(argv[1], "race")) {
        pthread_create(&one, NULL, count, NULL);
        pthread_create(&two, NULL, count, NULL);
        pthread_join(one, NULL);
        pthread_join(two, NULL);
    }
    return 0;
}
"""

# The test within the test: it passes, whatever becomes of the program.
INNER = """
import subprocess
from lab import program

def test_that_looks_at_nothing():
    subprocess.run([program("relaywarden-milter"), {fault!r}], stderr=subprocess.DEVNULL)
"""


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Folders with a program of that name, each watched in its own way."""
    folder = tmp_path_factory.mktemp("builds")
    source = folder / "faults.c"
    source.write_text(FAULTS, encoding="ascii")
    for name, options in (("plain", []), ("address", ["-fsanitize=address,undefined",
                                                               "-fno-sanitize-recover=all"]),
                          ("thread", ["-fsanitize=thread"])):
        (folder / name).mkdir()
        subprocess.run(["gcc", "-g", *options, "-o", folder / name / "relaywarden-milter", source,
                        "-pthread"], check=True)
    valgrind_wrapper(folder / "plain" / "relaywarden-milter", folder / "valgrind" / "relaywarden-milter")
    return folder


@pytest.mark.parametrize("build, fault, report", [
    ("address", "leak", "LeakSanitizer: detected memory leaks"),
    ("address", "beyond", "AddressSanitizer: heap-buffer-overflow"),
    ("address", "overflow", r"ABRT(.|\n)*__ubsan_handle_add_overflow"),
    ("thread", "race", "ThreadSanitizer: data race"),
    ("valgrind", "leak", "definitely lost"),
    ("valgrind", "beyond", "Invalid write of size 1"),
    ("address", "nothing", None), ("thread", "nothing", None), ("valgrind", "nothing", None)])
def test_what_is_reported_fails_the_test_that_started_it(builds, tmp_path, build, fault, report):
    inner = tmp_path / "test_inner.py"
    inner.write_text(INNER.format(fault=fault), encoding="ascii")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest", inner],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={**os.environ, "PYTHONPATH": TESTS, "RELAYWARDEN_BUILD": str(builds / build)})
    assert done.returncode == (1 if report else 0), done.stdout
    if report:
        assert re.search(report, done.stdout), done.stdout
