"""The zoo's Exim: every row of zoo_exim.py, asked from outside."""

import pytest

import zoo
import zoo_exim
from lab import Exim


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab)


@pytest.fixture(scope="module")
def exim(world):
    made = Exim(world.lab, world.mx)
    yield made
    made.stop()


@pytest.mark.parametrize("row", [*zoo_exim.CORRECT, *zoo_exim.OPEN], ids=zoo.title)
def test_zoo_exim(world, exim, row):
    zoo_exim.become(exim, row)
    world.ask("Exim", row)
