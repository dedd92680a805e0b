"""All integration tests share this: a lab, and the ends of all logs beside each failure."""

import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab import Lab, sample  # noqa: E402  (needs the path above)
from lab.reports import Reports, kind  # noqa: E402


@pytest.fixture
def lab():
    """A lab for one test."""
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def shared_lab():
    """One lab for all tests of a file, which build on it with module fixtures of their own."""
    with Lab() as made:
        yield made


WATCHED = kind()
TIME_LIMIT = 600
REPORTS = Reports() if WATCHED else None


def pytest_unconfigure():
    if REPORTS:
        REPORTS.end()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """After -k: of what it leaves, a run may take a sample."""
    kept = sample.chosen(items)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    """A report about any of our programs fails the test, once all that it started has ended."""
    outcome = yield
    reported = REPORTS.take() if REPORTS else ""
    if not reported:
        return
    if outcome.excinfo:
        item.add_report_section("teardown", "reports", reported)
    else:
        pytest.fail(f"reported of our programs:\n{reported}", pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """No test, its fixtures included, may hang the run."""
    item.began = time.time()

    def give_up(*_):
        pytest.fail(f"the test took more than {TIME_LIMIT} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TIME_LIMIT)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for made in Lab.living:
            # Times of files are a clock tick behind.
            report.sections.append((f"logs of lab {made.id}", made.account(item.began - 0.1)))


def pytest_terminal_summary(terminalreporter):
    """The table of the zoo, where it was visited."""
    zoo = sys.modules.get("zoo")
    lines = zoo.table() if zoo else []
    if lines:
        terminalreporter.section("the zoo")
        for line in lines:
            terminalreporter.write_line(line)
