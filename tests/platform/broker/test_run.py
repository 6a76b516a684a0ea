from __future__ import annotations

import asyncio

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.errors import StorageRefused
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.broker import door
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx


async def test_idle_tenants_are_asked_one_at_a_time_and_a_store_that_is_away_ends_nothing(
    database_factory: DatabaseFactory, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "LOOK_SECONDS", 0.01)
    database = await database_factory([SCHEMA, HISTORY])
    names = [f"t{number}" for number in range(5)]
    for name in names:
        await database.add_tenant(name)
    broker = Broker(database, fake_clock, MemoryBus(), remember_tx)
    looked: list[str] = []
    enough, calls = asyncio.Event(), 0
    plain_look, plain_tenants = broker._expiry.look, database.tenants

    async def look(tenant: str) -> None:
        looked.append(tenant)
        if len(looked) == 7:
            enough.set()
        await plain_look(tenant)

    async def tenants() -> list[str]:
        nonlocal calls
        calls += 1
        if calls in (1, 4):
            raise StorageRefused("the database server cannot be reached")
        return await plain_tenants()

    monkeypatch.setattr(broker._expiry, "look", look)
    monkeypatch.setattr(database, "tenants", tenants)
    task = asyncio.create_task(broker.run())
    async with asyncio.timeout(10):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert looked[:7] == [*names, *names[:2]]
    assert calls >= 7
