from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.fakes import DatabaseFactory

from kumihimo.base.events import LogRecord
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.solutions.flood import follow
from kumihimo.solutions.flood.follow import NudgedReader, go_round


async def ignore(records: Sequence[LogRecord]) -> None:
    """What is read is not what is tested here."""


@asynccontextmanager
async def going(*readers: NudgedReader) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    tasks.append(asyncio.create_task(go_round(lambda: readers)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Counted(NudgedReader):
    """Notes each look in a list that all readers share; reads nothing, so that the order is that of the nudges."""

    looks: list[str]
    fault: Exception | None = None

    async def catch_up(self) -> int:
        self.looks.append(self.tenant)
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        return 0


async def readers_of(make: DatabaseFactory, count: int, looks: list[str]) -> tuple[MemoryBus, list[Counted]]:
    database, bus = await make([SCHEMA]), MemoryBus()
    readers = []
    for number in range(count):
        await database.add_tenant(f"t{number}")
        reader = Counted(database, bus, f"t{number}", "test", ignore)
        reader.looks = looks
        readers.append(reader)
    return bus, readers


async def until(looks: list[str], count: int) -> None:
    async with asyncio.timeout(10):
        while len(looks) < count:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.005)


async def test_idle_readers_look_one_at_a_time(
    database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "ROUND_SECONDS", 0.02)
    looks: list[str] = []
    _, readers = await readers_of(database_factory, 5, looks)
    async with going(*readers):
        await until(looks, 12)
    names = [reader.tenant for reader in readers]
    assert looks[:5] == names
    assert looks[5:12] == [*names, *names[:2]]


async def test_a_nudge_wakes_its_own_tenant_only(
    database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "ROUND_SECONDS", 3600.0)
    looks: list[str] = []
    bus, readers = await readers_of(database_factory, 3, looks)
    async with going(*readers):
        await until(looks, 3)
        looks.clear()
        for _ in range(3):
            bus.publish("log.t1")
            count = len(looks)
            await until(looks, count + 1)
    assert looks == ["t1"] * 3


async def test_a_fault_is_tried_again_without_a_nudge(
    database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "ROUND_SECONDS", 3600.0)
    monkeypatch.setattr(follow, "AGAIN_SECONDS", 0.01)
    looks: list[str] = []
    _, readers = await readers_of(database_factory, 1, looks)
    readers[0].fault = ZeroDivisionError()
    async with going(*readers):
        await until(looks, 2)
    assert looks == ["t0", "t0"]
