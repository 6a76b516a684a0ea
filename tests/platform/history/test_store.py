from __future__ import annotations

from random import Random

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import CALL, E1, House

from kumihimo.base.ports import Reading
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.models import TemporalQuery
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY

SECOND = 1_000_000


@pytest.fixture
async def house(database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    return House(database, fake_clock)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 300])
async def test_a_batch_of_any_size_given_twice_is_kept_once(house: House, count: int) -> None:
    readings = [Reading(E1, "Gauge", "level", float(at), at * SECOND) for at in range(count)]
    Random(count).shuffle(readings)
    await house.ingest(CALL, readings)
    again = await house.ingest(CALL, readings)
    assert {one.status for one in again} == {"duplicate"}
    points = await History(house.database).points("town", E1, "level", 0, count * SECOND)
    assert points == [(at * SECOND, float(at)) for at in range(count)]
    assert await house.rows("SELECT count(*) FROM history") == [(count,)]


async def test_what_is_no_number_is_no_point_of_a_series(house: House) -> None:
    values = [1, True, "2", 10**400, {"a": 1}, 2.5]
    readings = [Reading(E1, "Gauge", "level", value, place * SECOND) for place, value in enumerate(values)]
    assert {one.status for one in await house.ingest(CALL, readings)} == {"stored"}
    history = History(house.database)
    assert await history.points("town", E1, "level", 0, 10 * SECOND) == [(0, 1.0), (5 * SECOND, 2.5)]
    found = await history.entity("town", E1, TemporalQuery(""), ALL_ROWS, ALL_ATTRIBUTES)
    assert found is not None
    assert [one["value"] for one in found.doc["attrs"]["level"]] == values
