from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import E1, House

from kumihimo.base.call import Call
from kumihimo.base.ports import Reading
from kumihimo.platform.broker.ingest import PROVIDED_BY
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import SCHEMA as HISTORY

CALL = Call("town")
GOOD = Reading(E1, "Gauge", "level", 1.5, 0, "MTR", "g1")


@pytest.fixture
async def house(database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    return House(database, fake_clock)


@pytest.mark.parametrize(
    "broken",
    [
        {"entity_id": "no uri"},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": None},
        {"value": "a\0b"},
        {"observed_at": 10**18},
        {"observed_at": -(10**18)},
    ],
)
async def test_a_broken_reading_is_refused_alone(house: House, broken: dict[str, Any]) -> None:
    readings = [replace(GOOD, **broken), GOOD, replace(GOOD, **broken), GOOD]
    answers = await house.ingest(CALL, readings)
    assert [one.status for one in answers] == ["refused", "stored", "refused", "duplicate"]
    assert [one.status for one in await house.ingest(CALL, readings[:1])] == ["refused"]
    assert answers[0].detail


async def test_a_reading_names_its_device_and_unit(house: House) -> None:
    assert await house.ingest(CALL, []) == []
    await house.ingest(CALL, [GOOD])
    (instance,) = (await house.get())["attrs"]["level"]
    assert instance["unitCode"] == "MTR"
    assert instance["attrs"][PROVIDED_BY][0]["object"] == "urn:ngsi-ld:Device:g1"
    assert (await house.get())["type"] == ["Gauge"]
