"""No read runs without an end, and one tenant's reads leave room for the others'."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import pytest
from tests.fakes import DatabaseFactory

from kumihimo.base.errors import Overloaded, TooComplexQuery
from kumihimo.storage.database import Database, Tx
from kumihimo.storage.engines import share

SECONDS = 2.0
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i % 1000 + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def database(any_database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An open database with the tenants a and b, which ends reads after two seconds."""
    for engine in ("sqlite", "postgres"):
        monkeypatch.setattr(f"kumihimo.storage.engines.{engine}.READ_SECONDS", SECONDS)
    made = await any_database_factory([])
    for name in "ab":
        assert await made.add_tenant(name)
        await made.read(name, quick_tx)
    return made


async def endless_tx(tx: Tx) -> Any:
    """One statement that never ends by itself."""
    return await tx.fetch(ENDLESS)


async def restless_tx(tx: Tx) -> Any:
    """Short statements without an end."""
    while True:
        await tx.fetch_one("SELECT 1")


async def quick_tx(tx: Tx) -> Any:
    """What takes no time."""
    return await tx.fetch_one("SELECT 1")


@pytest.mark.parametrize("work", [endless_tx, restless_tx])
@pytest.mark.timed
async def test_a_read_without_an_end_is_ended(database: Database, work: Any) -> None:
    start = monotonic()
    with pytest.raises(TooComplexQuery, match="2 seconds"):
        await database.read("a", work)
    assert SECONDS <= monotonic() - start < SECONDS + 2
    assert await database.read("a", quick_tx) == (1,)


@pytest.mark.timed
async def test_long_reads_of_a_tenant_leave_room_for_others(database: Database) -> None:
    many = [asyncio.create_task(database.read("a", endless_tx)) for _ in range(12)]
    await asyncio.sleep(0.2)
    start = monotonic()
    assert await database.read("b", quick_tx) == (1,)
    assert await database.read("a", quick_tx, quick=True) == (1,)
    assert monotonic() - start < SECONDS / 2
    for one in many[4:]:
        one.cancel()
    found = await asyncio.gather(*many, return_exceptions=True)
    assert [type(one) for one in found[:4]] == [TooComplexQuery] * 4
    assert await asyncio.gather(*[database.read("a", quick_tx) for _ in range(20)]) == [(1,)] * 20


async def test_places_that_were_given_up_are_free_again() -> None:
    places = share.Share(3, 2)
    for _ in range(2):
        await places.enter("a")
    waiting = [asyncio.create_task(places.enter("a")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    places.leave("a")  # to the second, and the third is cancelled in the same moment as it is given a place
    await waiting[1]
    places.leave("a")
    waiting[2].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[2]
    await asyncio.wait_for(places.enter("a"), 1)
    await asyncio.wait_for(places.enter("b"), 1)
    late = asyncio.create_task(places.enter("c"))
    await asyncio.sleep(0)
    assert not late.done()
    places.leave("a")
    await asyncio.wait_for(late, 1)


async def test_no_more_wait_than_can_be_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "MAX_WAITING", 1)
    places = share.Share(2, 1)
    await places.enter("a")
    waiting = asyncio.create_task(places.enter("a"))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await places.enter("a")
    await places.enter("b")
    waiting.cancel()


async def test_a_database_closes_under_long_reads(database: Database) -> None:
    many = [asyncio.create_task(database.read("a", endless_tx)) for _ in range(6)]
    await asyncio.sleep(0.2)
    await asyncio.wait_for(database.close(), 4 * SECONDS)
    found = await asyncio.gather(*many, return_exceptions=True)
    assert all(isinstance(one, Exception) for one in found)
