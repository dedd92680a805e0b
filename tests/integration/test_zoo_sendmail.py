"""The zoo's Sendmail: every row of zoo_sendmail.py, asked from outside."""

import pytest

import zoo
import zoo_sendmail


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab)


@pytest.fixture
def sendmail(world, request):
    """One for each case: its queue and tables are its own."""
    made = zoo_sendmail.make(world, request.param)
    yield made
    made.stop()


@pytest.mark.parametrize("sendmail", [*zoo_sendmail.CORRECT, *zoo_sendmail.OPEN], ids=zoo.title,
                         indirect=True)
def test_zoo_sendmail(world, sendmail, request):
    world.ask("Sendmail", request.node.callspec.params["sendmail"])
