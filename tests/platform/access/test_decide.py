from __future__ import annotations

from typing import get_args

import pytest

from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.errors import Forbidden, Unauthenticated
from kumihimo.platform.access.decide import EVERYTHING, Access, Action

ACTIONS = get_args(Action)
SYSTEM, DEVICE, PERSON = Actor("system", "flood"), Actor("device", "g1"), Actor("person", "sato")


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_open_house_lets_everybody_do_everything(action: Action) -> None:
    for actor in (ANONYMOUS, SYSTEM, DEVICE, PERSON):
        assert await Access(True).decide(Call("town", actor), action) == EVERYTHING


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_closed_house_is_closed_by_default(action: Action) -> None:
    access = Access(False)
    with pytest.raises(Unauthenticated):
        await access.decide(Call("town", ANONYMOUS), action)
    with pytest.raises(Forbidden):
        await access.decide(Call("town", PERSON), action)
    assert await access.decide(Call("town", SYSTEM), action) == EVERYTHING


async def test_a_device_does_not_administer() -> None:
    access = Access(False)
    assert await access.decide(Call("town", DEVICE), "write") == EVERYTHING
    with pytest.raises(Forbidden):
        await access.decide(Call("town", DEVICE), "administer")
