"""How the counting holds: days, names that are none, a store that fails."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import ANONYMOUS, Actor
from kumihimo.base.errors import BadRequestData, StorageRefused
from kumihimo.platform.metering import door
from kumihimo.platform.metering.counters import MAX_STRANGE
from kumihimo.platform.metering.door import Metering
from kumihimo.platform.metering.models import Plan
from kumihimo.platform.metering.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.storage.database import Database

PERSON = Actor("person", "p-hanako")
DEVICE = Actor("device", "gauge-1")
APP = Actor("application", "a-1")


@pytest.fixture
async def database(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Database:
    fake_clock.set(datetime(2026, 6, 15, 3, tzinfo=UTC))
    database = await database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("a", "b"):
        await database.add_tenant(tenant)
    return database


@pytest.fixture
async def metering(database: Database, fake_clock: FakeClock) -> Metering:
    return Metering(database, fake_clock)


class Ill:
    """The database with a scope that cannot be written, or not be read, while it is ill."""

    def __init__(self, database: Database, *, writes: str = "-", reads: str = "-") -> None:
        self._database = database
        self.writes, self.reads = writes, reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, scope: str, work: Any) -> Any:
        if scope == self.writes:
            raise StorageRefused("the disk is full")
        return await self._database.write(scope, work)

    async def read(self, scope: str, work: Any, **how: Any) -> Any:
        if scope == self.reads:
            raise StorageRefused("damaged")
        return await self._database.read(scope, work, **how)


async def numbers(metering: Metering, tenant: str = "a", month: str = "") -> dict[tuple[str, str, str], int]:
    found = await metering.usage(tenant, month)
    return {(one.day, one.service, one.measure): one.amount for one in found.rows if one.measure != "storage"}


async def test_a_clock_that_is_put_back_counts_for_its_own_day(metering: Metering, fake_clock: FakeClock) -> None:
    metering.counters.count("a", "read", ANONYMOUS)
    fake_clock.set(datetime(2026, 6, 14, 3, tzinfo=UTC))
    metering.counters.tick()
    metering.counters.count("a", "read", ANONYMOUS)
    assert {day for day, _, _ in await numbers(metering)} == {"2026-06-14", "2026-06-15"}


async def test_no_id_of_a_person_or_a_device_is_stored(metering: Metering, database: Database) -> None:
    for who in (PERSON, DEVICE, Actor("system", "source inbox")):
        metering.counters.count("a", "read", who)
    await metering.flush()
    rows = await database.read("a", lambda tx: tx.fetch("SELECT * FROM usage_day"))
    assert len(rows) == 3
    assert not [word for word in ("hanako", "gauge-1", "inbox") if word in str(rows)]


async def test_days_are_japans(metering: Metering, fake_clock: FakeClock) -> None:
    fake_clock.set(datetime(2026, 6, 30, 14, 59, 59, 999_999, tzinfo=UTC))  # 23:59:59 in Japan
    metering.counters.tick()
    metering.counters.count("a", "read", ANONYMOUS)
    fake_clock.set(datetime(2026, 6, 30, 15, tzinfo=UTC))  # midnight
    metering.counters.tick()
    metering.counters.count("a", "read", ANONYMOUS, 10)
    fake_clock.set(datetime(2026, 7, 1, 14, 59, 59, tzinfo=UTC))
    metering.counters.tick()
    metering.counters.count("a", "read", ANONYMOUS, 100)
    assert await numbers(metering, month="2026-06") == {("2026-06-30", "anonymous", "read"): 1}
    assert await numbers(metering, month="2026-07") == {("2026-07-01", "anonymous", "read"): 110}
    june, july = await metering.usage("a", "2026-06"), await metering.usage("a")
    assert (june.is_over, july.month, july.is_over) == (True, "2026-07", False)


async def test_many_numbers_are_written_in_steps(metering: Metering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "STEP", 2)
    for number in range(5):
        metering.counters.count("a", "read", Actor("application", f"a-{number}"))
        metering.counters.count("a", "write", Actor("application", f"a-{number}"))
    assert sum((await numbers(metering)).values()) == 10


async def test_strangers_names_fill_no_memory(metering: Metering) -> None:
    await metering.flush()
    for number in range(MAX_STRANGE + 10):
        metering.counters.count(f"no-{number}", "read", ANONYMOUS)
    metering.counters.count("a", "read", ANONYMOUS)
    assert metering.counters.lost == 10
    await metering.flush()
    assert metering.counters.waiting() == []
    assert await numbers(metering) == {("2026-06-15", "anonymous", "read"): 1}


async def test_a_tenant_whose_store_fails_holds_up_no_other(database: Database, fake_clock: FakeClock) -> None:
    line = Ill(database, writes="a")
    metering = Metering(cast("Database", line), fake_clock)
    for tenant in ("a", "b"):
        metering.counters.count(tenant, "read", APP)
    assert len(await numbers(metering, "b")) == 1
    assert await numbers(metering) == {}
    line.writes = "-"
    assert len(await numbers(metering)) == 1


async def test_nothing_is_split_while_a_tenant_cannot_be_read(database: Database, fake_clock: FakeClock) -> None:
    line = Ill(database, reads="b")
    metering = Metering(cast("Database", line), fake_clock)
    await metering.plan(Plan("2026-06", 100, {"evenly": 10_000}))
    table = await metering.costs()
    assert (list(table.missing), list(table.shares)) == (["b"], [])


async def test_a_plan_that_is_none_is_not_kept(metering: Metering) -> None:
    for plan in (Plan("2026-6", 1, {"evenly": 10_000}), Plan("2026-06", 1, {"evenly": 9_999})):
        with pytest.raises(BadRequestData):
            await metering.plan(plan)
    assert (await metering.costs()).plan is None


async def test_the_day_turns_while_a_store_is_waited_for(
    database: Database, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Ill):
        async def write(self, scope: str, work: Any) -> Any:
            held.set()
            await gate.wait()
            return await super().write(scope, work)

    held, gate, ticked = asyncio.Event(), asyncio.Event(), asyncio.Event()
    fake_clock.set(datetime(2026, 6, 30, 14, 59, 59, tzinfo=UTC))
    metering = Metering(cast("Database", Slow(database)), fake_clock)
    tick = metering.counters.tick

    def noted() -> None:
        tick()
        ticked.set()

    monkeypatch.setattr(metering.counters, "tick", noted)
    monkeypatch.setattr(door, "TICK_SECONDS", 0.001)
    metering.counters.count("a", "read", ANONYMOUS)
    running = asyncio.create_task(metering.run())
    await asyncio.wait_for(held.wait(), 10)
    metering.counters.count("a", "read", ANONYMOUS, 10)
    fake_clock.set(datetime(2026, 6, 30, 15, tzinfo=UTC))
    ticked.clear()
    await asyncio.wait_for(ticked.wait(), 10)
    metering.counters.count("a", "read", ANONYMOUS, 100)
    gate.set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await numbers(metering, month="2026-06") == {("2026-06-30", "anonymous", "read"): 11}
    assert await numbers(metering, month="2026-07") == {("2026-07-01", "anonymous", "read"): 100}
