"""A fixed sample of what `make torture` enumerates: programs whose calls of one kind fail, once or from then on."""

import subprocess

import pytest

from lab.programs import program
from torture.scenarios import SCENARIOS, Place, watched

pytestmark = pytest.mark.skipif(watched(), reason="the sanitizers and valgrind have allocators of their own")

# Which calls fail, by their kind; each scenario has two thirds of them. Where one makes fewer it goes as ever, and must.
SAMPLE = {
    "memory": (40, 700, 2200), "open": (4, 21), "write": (9, 48), "fsync": (2,), "rename": (1,), "socket": (2, 4),
    "connect": (1,), "send": (3, 30), "receive": (14, 60), "epoll": (4, 50), "thread": (1, 2), "random": (1,),
    "lock": (9, 40),
}


@pytest.fixture(scope="module")
def place(shared_lab, tmp_path_factory):
    return Place(shared_lab, tmp_path_factory.mktemp("torture"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_whichever_call_fails_the_verdict_is_right_and_no_alert_is_lost_without_a_word(place, name):
    scenario = SCENARIOS[name](place)
    place_of_it = list(SCENARIOS).index(name)
    calls = [(kind, number) for kind, numbers in SAMPLE.items() for number in numbers]
    for at, (kind, number) in enumerate(calls):
        once = at % 2 == 0
        if (at + place_of_it) % 3 == 0:
            continue
        try:
            scenario.torture(kind, number, once)
        except AssertionError as wrong:
            raise AssertionError(f"{name} {kind} {number} {'once' if once else 'on'}: {wrong}") from wrong


def test_without_memory_no_command_ends_without_a_word(place):
    place.fresh(None)
    config = place.config("silent", 2525)
    commands = [("relaywarden-probe", *words) for words in (
        ("-t",), ("report",), ("receive",), ("recipe", "mx"), ("fleet", "status"), ("check",), ("techniques",))]
    commands += [("relaywarden-milter", word) for word in ("-t", "--masked", "--version")]
    for name, *words in commands:
        for number in (1, 2, 3, 5, 30, 120):
            done = subprocess.run([program(name), *words, "--config", config], timeout=60, check=False, capture_output=True,
                                  env={"LD_PRELOAD": place.library, "FAIL_KIND": "memory", "FAIL_AT": str(number)})
            assert done.returncode >= 0 and (done.stdout or done.stderr or done.returncode == 0), (name, words, done)
