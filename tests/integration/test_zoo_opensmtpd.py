"""The zoo's OpenSMTPD: every row of zoo_opensmtpd.py, asked from outside."""

import os

import pytest

import zoo
import zoo_opensmtpd
from lab import Opensmtpd

GREYLIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "greylist_filter.py")


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
    how = dict(row.how)
    settings = list(how.pop("settings", []))
    if how.pop("tls", False):
        settings = opensmtpd.certificate() + settings
    delay = how.pop("greylist", None)
    if delay:
        settings.append(f'filter "greylist" proc-exec "{GREYLIST} {delay}"')
        how["listen"] = ['eth0 port 25 filter "greylist"']
    opensmtpd.set_up(settings=settings, **how)
    opensmtpd.restart()
    world.ask("OpenSMTPD", row)
