"""The zoo's Haraka: every row of zoo_haraka.py, asked from outside."""

import pytest

import zoo
import zoo_haraka
from lab.haraka import Haraka


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab)


@pytest.fixture(scope="module")
def haraka(world):
    made = Haraka(world.lab, world.mx)
    yield made
    made.stop()


@pytest.mark.parametrize("row", [*zoo_haraka.CORRECT, *zoo_haraka.OPEN], ids=zoo.title)
def test_zoo_haraka(world, haraka, row):
    zoo_haraka.become(haraka, row)
    world.ask("Haraka", row)
