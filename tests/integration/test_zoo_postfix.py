"""The zoo's Postfix: every row of zoo_postfix.py, asked from outside."""

import contextlib

import pytest

import zoo
import zoo_postfix
from lab import Lab, relay


@pytest.fixture(scope="module")
def cage(shared_lab):
    return zoo_postfix.Cage(shared_lab, "mx")


@pytest.mark.parametrize("row", [*zoo_postfix.CORRECT, *zoo_postfix.OPEN], ids=zoo.title)
def test_zoo(cage, row):
    cage.become(**row.how)
    cage.ask(row)


@pytest.fixture(scope="module")
def inner_cage():
    """One behind a gateway."""
    with Lab() as lab:
        yield zoo_postfix.Cage(lab, "mta")


@pytest.mark.parametrize("row", zoo_postfix.GATEWAY, ids=zoo.title)
def test_zoo_behind_a_gateway(inner_cage, row):
    how = dict(row.how)
    proxied = how.pop("proxy", ())
    lab, inside = inner_cage.lab, inner_cage.host
    lab.nat(masquerade=how.pop("nat", False), families=[
        family for family in (4, 6) if family not in proxied])
    gateway = lab.host("gateway")
    inner_cage.become(**how)
    with contextlib.ExitStack() as proxies:
        for family in proxied:
            proxies.enter_context(relay(gateway, 25, (inside.address, 25), zoo.FAMILIES[family]))
        inner_cage.ask(row)
