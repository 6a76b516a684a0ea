"""What is counted of each tenant, written and read again, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import ANONYMOUS, Actor
from kumihimo.base.errors import BadRequestData, NonexistentTenant, StorageRefused
from kumihimo.platform.metering import store
from kumihimo.platform.metering.door import Metering
from kumihimo.platform.metering.models import MAX_SERVICES, Plan
from kumihimo.platform.metering.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.storage.database import Database
from kumihimo.storage.opening import database_for

PERSON = Actor("person", "p-hanako")
DEVICE = Actor("device", "gauge-1")
APP = Actor("application", "a-1")
JUNE = datetime(2026, 6, 15, 3, tzinfo=UTC)


@pytest.fixture
async def database(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Database:
    fake_clock.set(JUNE)
    database = await any_database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("a", "b"):
        await database.add_tenant(tenant)
    return database


@pytest.fixture
async def metering(database: Database, fake_clock: FakeClock) -> Metering:
    return Metering(database, fake_clock)


class Unheard:
    """The database behind a connection that is cut just after a commit, or just before it."""

    def __init__(self, database: Database, *, after: bool) -> None:
        self._database = database
        self._after = after
        self.cut = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, scope: str, work: Any) -> Any:
        if not self.cut:
            return await self._database.write(scope, work)
        if self._after:
            await self._database.write(scope, work)
        raise StorageRefused("the connection was cut")


async def numbers(metering: Metering, tenant: str = "a", month: str = "") -> dict[tuple[str, str, str], int]:
    found = await metering.usage(tenant, month)
    return {(one.day, one.service, one.measure): one.amount for one in found.rows if one.measure != "storage"}


async def test_numbers_are_kept_by_service_and_day_and_outlast_a_restart(
    metering: Metering, database: Database, fake_clock: FakeClock
) -> None:
    count = metering.counters.count
    count("a", "read", PERSON)
    count("a", "read", Actor("person", "p-taro"))
    count("a", "write", APP, 3)
    count("a", "bytes", APP, 10**12)
    count("a", "readings", DEVICE, 5)
    count("a", "read", ANONYMOUS)
    count("b", "read", Actor("system", "demo"))
    wanted = {
        ("2026-06-15", "persons", "read"): 2,
        ("2026-06-15", "application:a-1", "write"): 3,
        ("2026-06-15", "application:a-1", "bytes"): 10**12,
        ("2026-06-15", "devices", "readings"): 5,
        ("2026-06-15", "anonymous", "read"): 1,
    }
    assert await numbers(metering) == wanted
    again = Metering(database, fake_clock)
    assert await numbers(again) == wanted
    again.counters.count("a", "read", PERSON)
    assert (await numbers(again))["2026-06-15", "persons", "read"] == 3
    assert await numbers(again, "b") == {("2026-06-15", "platform", "read"): 1}
    with pytest.raises(NonexistentTenant):
        await metering.usage("nobody")
    with pytest.raises(BadRequestData, match="2026-11"):
        await metering.usage("a", "2026-13")


@pytest.mark.parametrize("after", [True, False])
async def test_a_commit_that_was_not_heard_of_is_counted_once(
    database: Database, fake_clock: FakeClock, *, after: bool
) -> None:
    line = Unheard(database, after=after)
    metering = Metering(cast("Database", line), fake_clock)
    metering.counters.count("a", "read", APP, 7)
    await metering.flush()
    metering.counters.count("a", "read", APP, 100)  # meanwhile
    await metering.flush()
    line.cut = False
    await metering.flush()
    await metering.flush()
    assert await numbers(metering) == {("2026-06-15", "application:a-1", "read"): 107}


async def test_two_processes_add(metering: Metering, database: Database, fake_clock: FakeClock) -> None:
    """As two workers on one PostgreSQL do."""
    other = Metering(database, fake_clock)
    for round_ in range(3):
        metering.counters.count("a", "read", APP, 1 + round_)
        other.counters.count("a", "read", APP, 10)
        await metering.flush()
        await other.flush()
    assert await numbers(metering) == {("2026-06-15", "application:a-1", "read"): 36}

    def roll() -> Awaitable[int]:
        return database.write("a", lambda tx: store.roll_tx(tx, "2027-01-01", 31))

    assert sorted(await asyncio.gather(roll(), roll())) == [0, 1], "also where both make months of old days"
    assert await numbers(metering) == {("", "application:a-1", "read"): 36}


@pytest.mark.postgres
async def test_two_processes_on_one_server_add_at_once(postgres_url: str, fake_clock: FakeClock) -> None:
    """Each with connections of its own, and the same numbers in another order: none waits for the other for ever."""
    fake_clock.set(JUNE)
    databases = [database_for(Path("unused"), postgres_url, [SCHEMA, PLATFORM_SCHEMA], fake_clock) for _ in range(2)]
    try:
        for database in databases:
            await database.open()
            await database.add_tenant("a")
        both = [Metering(database, fake_clock) for database in databases]
        services = [Actor("application", f"a-{number:02d}") for number in range(40)]
        for _ in range(4):
            for metering, order in zip(both, (services, services[::-1]), strict=True):
                for who in order:
                    metering.counters.count("a", "read", who)
            await asyncio.gather(*(metering.flush() for metering in both))
        found = await numbers(both[0])
        assert len(found) == 40
        assert set(found.values()) == {8}
    finally:
        for database in databases:
            await database.close()


async def test_more_services_than_a_day_has_room_for_are_the_others(metering: Metering) -> None:
    for number in range(MAX_SERVICES + 20):
        metering.counters.count("a", "read", Actor("application", f"a-{number:03d}"))
        await metering.flush() if number == 50 else None
    metering.counters.count("a", "read", PERSON)
    found = await numbers(metering)
    services = {service for _, service, _ in found}
    assert len(services) == MAX_SERVICES + 2
    assert found["2026-06-15", "others", "read"] == 20
    assert sum(found.values()) == MAX_SERVICES + 21


async def test_a_removed_tenant_takes_its_numbers_along(
    metering: Metering, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    metering.counters.count("a", "read", APP)
    await metering.flush()
    metering.counters.count("a", "read", APP)
    await database.remove_tenant("a")
    metering.counters.count("b", "read", APP)
    await metering.flush()
    assert metering.counters.waiting() == []
    assert await numbers(metering, "b") == {("2026-06-15", "application:a-1", "read"): 1}
    await database.add_tenant("a")
    assert await numbers(metering) == {}
    assert [one.tenant for one in await metering.all()] == ["a", "b"]
    assert caplog.records == []


# --- sizes -------------------------------------------------------------------------------------------------


async def stored(database: Database) -> dict[str, int]:
    rows = await database.read(
        "a", lambda tx: tx.fetch("SELECT day, amount FROM usage_day WHERE measure = 'storage' ORDER BY day")
    )
    return dict(cast("list[tuple[str, int]]", rows))


async def test_the_size_at_the_days_end_is_kept_and_known_when_asked_for(
    metering: Metering, database: Database, fake_clock: FakeClock
) -> None:
    await metering.tend()
    first = await stored(database)
    assert list(first) == ["2026-06-15"]
    assert first["2026-06-15"] > 4096
    text = "".join(map(chr, range(0x4E00, 0x9000))) * 4  # of which no engine can make little
    await database.write("a", lambda tx: tx.execute("INSERT INTO cost_plan VALUES ('x', 0, $1)", text))
    now = (await metering.usage("a")).stored
    assert now > first["2026-06-15"]
    await metering.tend()
    assert await stored(database) == first, "once an hour, not at every turn"
    fake_clock.set(datetime(2026, 6, 15, 15, 0, 1, tzinfo=UTC))  # just after midnight
    await metering.tend()
    held = await stored(database)
    assert list(held) == ["2026-06-15", "2026-06-16"]
    assert min(held.values()) >= now, "the day before has the size that it ended with"


# --- old days ----------------------------------------------------------------------------------------------


async def test_old_days_become_their_months(metering: Metering, database: Database, fake_clock: FakeClock) -> None:
    fake_clock.set(datetime(2025, 1, 30, 3, tzinfo=UTC))
    metering.counters.tick()
    for _ in range(4):
        metering.counters.count("a", "read", APP, 5)
        metering.counters.count("a", "sent", PERSON)
        fake_clock.advance(24 * 3600)
        metering.counters.tick()
    await metering.flush()
    before = await numbers(metering, month="2025-01"), await numbers(metering, month="2025-02")
    assert [len(one) for one in before] == [4, 4]
    fake_clock.set(datetime(2026, 3, 8, 3, tzinfo=UTC))  # 401 days after 31 January 2025, 400 after 1 February
    await metering.tend()
    assert await numbers(metering, month="2025-01") == {
        ("", "application:a-1", "read"): 10,
        ("", "persons", "sent"): 2,
    }
    assert await numbers(metering, month="2025-02") == before[1]
    assert await metering.first_month("a") == "2025-01"
    assert await metering.first_month("b") == "2026-03"
    fake_clock.advance(24 * 3600)
    await metering.tend()
    february = await metering.usage("a", "2025-02")
    assert {one.day for one in february.rows} == {"", "2025-02-02"}
    assert (february.total("read"), february.total("sent")) == (10, 2), "a month in two parts is still whole"


# --- cost --------------------------------------------------------------------------------------------------


async def test_a_cost_is_split_by_use_and_kept_by_the_platform(
    metering: Metering, database: Database, fake_clock: FakeClock
) -> None:
    assert (await metering.costs()).plan is None
    await metering.plan(Plan("2026-06", 1_200_000, {"readings": 6000, "calls": 3000, "evenly": 1000}))
    metering.counters.count("a", "readings", DEVICE, 3)
    metering.counters.count("b", "readings", DEVICE, 1)
    metering.counters.count("b", "past", PERSON, 2)
    metering.counters.count("b", "screen", PERSON, 50)
    table = await metering.costs()
    assert (table.month, table.is_over) == ("2026-06", False)
    assert [(one.tenant, dict(one.parts)) for one in table.shares] == [
        ("a", {"readings": 540_000, "calls": 0, "evenly": 60_000}),
        ("b", {"readings": 180_000, "calls": 360_000, "evenly": 60_000}),
    ]
    fake_clock.set(datetime(2026, 7, 1, tzinfo=UTC))
    await metering.plan(Plan("2026-07", 100, {"evenly": 10_000}))
    again = Metering(database, fake_clock)
    june, july, may = [await again.costs(month) for month in ("2026-06", "2026-07", "2026-05")]
    assert june.is_over
    assert [one.parts for one in june.shares] == [one.parts for one in table.shares], "a plan changes no month before"
    assert [one.total for one in july.shares] == [50, 50]
    assert (may.plan, may.shares) == (None, [])
    await database.remove_tenant("b")
    assert [(one.tenant, one.total) for one in (await again.costs("2026-06")).shares] == [("a", 1_200_000)]
