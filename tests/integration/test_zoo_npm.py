"""The zoo's smtp-server: every row of zoo_npm.py, asked from outside."""

import pytest

import zoo
import zoo_npm
from lab.smtp_server import SmtpServer


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab)


@pytest.fixture(scope="module")
def server(world):
    made = SmtpServer(world.lab, world.mx)
    yield made
    made.stop()


@pytest.mark.parametrize("row", [*zoo_npm.CORRECT, *zoo_npm.OPEN], ids=zoo.title)
def test_zoo_npm(world, server, row):
    zoo_npm.become(server, row)
    world.ask("smtp-server", row)
