"""Many writers at once, on both engines: nothing is lost, the log has no gap and no double."""

from __future__ import annotations

import asyncio

from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import CALL, E1, House, entity, fragment

from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import SCHEMA as HISTORY

WRITERS, WRITES = 8, 12


async def test_writers_of_one_entity_lose_nothing(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    database = await any_database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    house = House(database, fake_clock)
    await house.one(Op.CREATE, entity(start=0))

    async def writer(number: int) -> None:
        for place in range(WRITES):
            (outcome,) = await house.broker.apply(
                CALL, [Change(Op.APPEND, E1, fragment(**{f"w{number}x{place}": place}))]
            )
            assert outcome.status == "updated"

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    attrs = (await house.get())["attrs"]
    assert len(attrs) == 1 + WRITERS * WRITES
    log = await house.log()
    assert [record.seq for record in log] == list(range(1, len(attrs) + 1))
    grown = [len(record.entity["attrs"]) for record in log]
    assert grown == list(range(1, len(attrs) + 1))


async def test_of_many_who_create_one_succeeds(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    database = await any_database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    house = House(database, fake_clock)
    outcomes = await asyncio.gather(
        *(house.broker.apply(CALL, [Change(Op.CREATE, E1, entity(a=number))]) for number in range(10))
    )
    assert sorted(one.status for (one,) in outcomes) == ["created"] + ["refused"] * 9
