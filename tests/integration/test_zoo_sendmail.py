"""The zoo's Sendmail: every row of zoo_sendmail.py, asked from outside."""

import pytest

import zoo
import zoo_sendmail
from lab import Sasl, Sendmail


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab)


@pytest.fixture
def sendmail(world, request):
    """One for each case: its queue and tables are its own."""
    how = dict(request.param.how)
    mechanisms = how.pop("mechanisms", None)
    if mechanisms:
        sasl = Sasl(world.lab, mechanisms=mechanisms, name=mechanisms.replace(" ", "-"))
        how["sasl"] = sasl.user("joe", "secret")
    made = Sendmail(world.lab, world.mx, **how).start()
    yield made
    made.stop()


@pytest.mark.parametrize("sendmail", [*zoo_sendmail.CORRECT, *zoo_sendmail.OPEN], ids=zoo.title,
                         indirect=True)
def test_zoo_sendmail(world, sendmail, request):
    world.ask("Sendmail", request.node.callspec.params["sendmail"])
