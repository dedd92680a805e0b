"""Reports of a sanitizer or valgrind on a program, however that program ended.

Exit codes and standard error of a program are often nobody's: it is killed, a pipe(8) runs it, it
ends after its test. So each process writes its report to a file of its own in one folder, which is
looked through after every test.
"""

import contextlib
import ctypes
import glob
import os
import shutil
import tempfile

from .process import LabError
from .programs import program

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ADDR_NO_RANDOMIZE = 0x0040000  # personality(2)
# The mark in a program's file, and the variable with its options; UBSan comes with ASan.
KINDS = {
    "valgrind": b"exec valgrind",
    "thread": b"__tsan_init",
    "address": b"__asan_init",
}
VARIABLE = "RELAYWARDEN_REPORTS"


def kind():
    """"address", "thread" or "valgrind": what watches the programs under test; None: nothing."""
    with contextlib.suppress(LabError):  # not every test needs them
        with open(program("relaywarden-milter"), "rb") as file:
            octets = file.read()
        return next((name for name, mark in KINDS.items() if mark in octets), None)
    return None


class Reports:
    """From its making on, programs that are started report into its folder."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="relaywarden-reports-")
        self._taken = {}  # path to octets
        # Programs give up root before they earn one.
        os.chmod(self.folder, 0o1777)
        os.environ[VARIABLE] = self.folder
        where = f"log_path={self.folder}/report log_exe_name=1"
        os.environ["ASAN_OPTIONS"] = (f"{where} detect_leaks=1 detect_stack_use_after_return=1 "
                                      "strict_string_checks=1 handle_abort=1")
        # Beside ASan, gcc's UBSan writes to no file, though it sets ASan's: it aborts, and ASan tells
        # where.
        os.environ["UBSAN_OPTIONS"] = f"{where} abort_on_error=1 print_stacktrace=1"
        os.environ["TSAN_OPTIONS"] = (
            f"{where} second_deadlock_stack=1 report_thread_leaks=0 atexit_sleep_ms=50 "
            "ignore_noninstrumented_modules=1 "
            f"suppressions={TESTS}/tsan.suppressions")
        # ThreadSanitizer of this age cannot start where the kernel randomises more bits than it
        # knows. Inherited by all that the tests start.
        if kind() == "thread":
            ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)

    def take(self):
        """The text of what was reported since it was last taken."""
        texts = []
        for path in sorted(glob.glob(os.path.join(self.folder, "*"))):
            with open(path, "rb") as file:
                file.seek(self._taken.get(path, 0))
                octets = file.read()
            self._taken[path] = self._taken.get(path, 0) + len(octets)
            if octets:  # valgrind makes its file before it has anything to say
                texts.append(f"---- {os.path.basename(path)}\n{octets.decode('utf-8', 'backslashreplace')}")
        return "\n".join(texts)

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)
