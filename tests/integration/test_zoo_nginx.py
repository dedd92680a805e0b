"""The zoo's nginx: every row of zoo_nginx.py, asked from outside."""

import pytest

import zoo
import zoo_nginx
from lab import Nginx, Postfix


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab)


@pytest.fixture(scope="module")
def pair(world):
    postfix = Postfix(world.lab, world.mx, main={"default_transport": "smtp", "in_flow_delay": "0"},
                      listen=[f"127.0.0.1:{zoo_nginx.INNER}"]).start()
    nginx = Nginx(world.lab, world.mx, ("127.0.0.1", zoo_nginx.INNER))
    yield nginx, postfix
    nginx.stop()


@pytest.mark.parametrize("row", [*zoo_nginx.CORRECT, *zoo_nginx.OPEN], ids=zoo.title)
def test_zoo_nginx(world, pair, row):
    zoo_nginx.become(*pair, row)
    world.ask("nginx", row)
