"""The tests that a run leaves out. Without these variables of the environment, which check.py and parallel.py set, nothing:

RELAYWARDEN_PART=1/4: of a file's tests the first, the fifth, ...; other runs take the others.
RELAYWARDEN_CASES=WORD: of a test with several cases one, drawn by a digest: with another word another one.
RELAYWARDEN_HALF=1: of a file's tests one half, by their digests, and with 2 the other one; of a file with one test that.
RELAYWARDEN_CONFIGURATIONS=2: of a test that rehearses more than MANY configurations each second, drawn by a digest.
RELAYWARDEN_PROOFS=4: of what is proved by hand each fourth, drawn likewise.
"""

import collections
import hashlib
import os

MANY = 30  # the 28 of rehearse_cases.py are all rehearsed


def _digest(*words):
    return hashlib.sha256("\0".join(words).encode()).digest()


def is_drawn(name, parts):
    """Whether it is one of the `parts`-th part of all."""
    return int.from_bytes(_digest(name), "big") % parts == 0


def is_proved(name):
    """Whether this one of many is to be proved by hand."""
    return is_drawn(name, int(os.environ.get("RELAYWARDEN_PROOFS", "1")))


def _test(item):
    return item.nodeid.partition("[")[0]


def _one_case_each(items, word):
    drawn = {}
    for item in sorted(items, key=lambda item: _digest(word, item.nodeid)):
        drawn.setdefault(_test(item), item)
    return [item for item in items if drawn[_test(item)] is item]


def _half(items, number):
    tests = sorted({_test(item) for item in items}, key=_digest)
    drawn = tests[number - 1::2] or tests
    return [item for item in items if _test(item) in drawn]


def _some_configurations(items, parts):
    cases = collections.Counter(map(_test, items))
    return [item for item in items if "/test_rehearse" not in item.nodeid or cases[_test(item)] <= MANY or
            is_drawn(item.nodeid, parts)]


def chosen(items):
    """Those of pytest's items that are to run, in their order."""
    word, half, part = (os.environ.get(f"RELAYWARDEN_{name}") for name in ("CASES", "HALF", "PART"))
    if word:
        items = _one_case_each(items, word)
    if "RELAYWARDEN_CONFIGURATIONS" in os.environ:
        items = _some_configurations(items, int(os.environ["RELAYWARDEN_CONFIGURATIONS"]))
    if half:
        items = _half(items, int(half))
    if part:
        number, parts = map(int, part.split("/"))
        items = items[number - 1::parts]
    return items
