"""The tests that a run leaves out. Without these variables of the environment, which check.py and parallel.py set, nothing:

RELAYWARDEN_PART=1/4: of a file's tests the first, the fifth, ...; other runs take the others.
RELAYWARDEN_CASES=WORD: of a test with several cases one, drawn by a digest: with another word another one.
RELAYWARDEN_PROOFS=4: of what is proved by hand each fourth, drawn likewise.
"""

import hashlib
import os


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


def chosen(items):
    """Those of pytest's items that are to run, in their order."""
    word, part = os.environ.get("RELAYWARDEN_CASES"), os.environ.get("RELAYWARDEN_PART")
    if word:
        items = _one_case_each(items, word)
    if part:
        number, parts = map(int, part.split("/"))
        items = items[number - 1::parts]
    return items
