"""The figures of `make bench` on faults are true: it sees a message that is lost, or that comes twice."""

import os
import subprocess
import sys

import pytest

from lab.servers import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests/bench"))

import faults  # noqa: E402  (needs the path above)

MESSAGES = 30
FILTER_OF_ONE = "check_recipient_access inline:{ { 5b@outside.example.net = DISCARD planted } }"
PLANTED = {
    "nothing": ({}, "ok", 0, 0),
    "one lost": ({"smtpd_recipient_restrictions": FILTER_OF_ONE}, "FAILED", 1, 0),
    "one doubled": ({"recipient_bcc_maps": "inline:{ { 5b@outside.example.net = 7b@outside.example.net } }"},
                    "FAILED", 0, 1),
    # As many arrive as were sent.
    "one in place of another": (
        {"virtual_alias_maps": "inline:{ { 5b@outside.example.net = 7b@outside.example.net } }"},
        "FAILED", 1, 1),
}


@pytest.fixture(scope="module")
def world(shared_lab):
    return faults.World(shared_lab, MESSAGES)


@pytest.mark.parametrize("planted", PLANTED)
def test_a_message_that_is_lost_or_doubled_is_a_failure(world, capsys, planted):
    settings, result, lost, twice = PLANTED[planted]
    world.postfix.set(settings)
    try:
        assert faults.befall(world, faults.without_a_filter) == result
        faults.show(world, planted, result)
    finally:
        world.postfix.set(dict.fromkeys(settings))
    columns = capsys.readouterr().out.splitlines()[-1].removeprefix(planted).split()
    taken, delivered = MESSAGES - ("DISCARD" in str(settings)), MESSAGES - lost + twice
    assert columns[:4] == [str(taken), str(delivered), str(lost), str(twice)]


def test_a_fault_that_does_not_exist_is_an_error_that_names_those_that_do():
    done = subprocess.run([sys.executable, os.path.join(ROOT, "tests/bench/faults.py"), "--only", "nosuch"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and not done.stdout
    assert "no fault has 'nosuch' in its name; there are:" in done.stderr
    assert "  when it is killed\n" in done.stderr
