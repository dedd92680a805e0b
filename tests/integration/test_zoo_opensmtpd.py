"""The zoo's OpenSMTPD: every row of zoo_opensmtpd.py, asked from outside."""

import pytest

import zoo
import zoo_opensmtpd
from lab import Opensmtpd


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab)


@pytest.fixture(scope="module")
def opensmtpd(world):
    made = Opensmtpd(world.lab, world.mx)
    yield made
    made.stop()


@pytest.mark.parametrize("row", [*zoo_opensmtpd.CORRECT, *zoo_opensmtpd.OPEN], ids=zoo.title)
def test_zoo_opensmtpd(world, opensmtpd, row):
    zoo_opensmtpd.become(opensmtpd, row)
    world.ask("OpenSMTPD", row)
