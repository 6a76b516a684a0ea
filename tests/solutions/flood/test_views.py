"""Anyone may write a gauge as NGSI-LD: whatever stands in it, the others are shown, watched and handed over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import DatabaseFactory, FakeClock
from tests.solutions.flood.test_share import Rooms, call, level

from kumihimo.base.jsontext import dumps
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.base_map import base_map
from kumihimo.solutions.flood.models import Gauge, Level, RainStation, Thresholds
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.views import chart_of, gauge_rows, map_of, nearest
from kumihimo.solutions.flood.watch import sighting_of

HUGE = 10**400
ATTRIBUTES = (
    entities.NAME,
    entities.RIVER,
    entities.ADDRESS,
    entities.RESPONSIBLE,
    entities.LEVEL,
    entities.ZERO,
    entities.REFERENCE,
    entities.SIMULATED,
    entities.PROVIDER,
    entities.SOURCE,
    *entities.THRESHOLDS.values(),
)
leaves = st.none() | st.booleans() | st.integers() | st.sampled_from([HUGE, -HUGE]) | st.floats(allow_nan=False)
values = st.recursive(
    leaves | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
addresses = st.fixed_dictionaries({}, optional={"addressLocality": values, "streetAddress": values})
instances = st.fixed_dictionaries({"type": st.just("Property"), "value": values | addresses}) | st.just(
    {"type": "Relationship", "object": "urn:x:1"}
)


def gauge() -> EntityDoc:
    known = Gauge("9", "橋", "川", "福井市", "福井市", "", Thresholds(1.0, 2.0, 3.0, 4.0), 136.2, 36.0, "official")
    doc = entities.gauge_change(known, "fukui-city").doc
    assert doc is not None
    return doc


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), instances))
def test_a_gauge_of_any_content_is_shown(odd: dict[str, Any]) -> None:
    doc: Any = gauge()
    for name, instance in odd.items():
        doc["attrs"][name] = [{**instance, "observedAt": "2024-06-23T00:00:00.000Z"}]
    rows = gauge_rows([doc])
    assert [row.id for row in rows] == [doc["id"]]
    dumps(map_of(rows, "t", "ja"))
    dumps(base_map(rows))
    dumps(chart_of(rows[0], [(0, 1.0)], [], "", "ja"))
    for step in propose("t", Level.DANGER, doc):
        dumps(dict(step.arguments))
    seen = sighting_of(doc)
    assert seen is None or seen[1] == rows[0].height


def odd_gauge(value: Any) -> Change:
    attrs: Any = {
        entities.LEVEL: [{"observedAt": "2024-06-23T00:00:00.000Z", **value}],
        entities.ADDRESS: [{"type": "Property", "value": "福井市"}],
        entities.RESPONSIBLE: [{"type": "Property", "value": "fukui-city"}],
        **{name: [{"type": "Property", "value": HUGE}] for name in entities.THRESHOLDS.values()},
    }
    doc: Any = {"id": "urn:ngsi-ld:RiverGauge:odd", "type": [entities.GAUGE], "attrs": attrs}
    return Change(Op.CREATE, doc["id"], doc)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "Property", "value": HUGE},
        {"type": "Property", "value": "high"},
        {"type": "Property", "value": {"m": 1}},
        {"type": "Relationship", "object": "urn:x:1"},
    ],
)
async def test_an_odd_gauge_holds_up_no_other(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock, value: dict[str, Any]
) -> None:
    rooms = await Rooms.make(any_database_factory, fake_clock)
    [outcome] = await rooms.broker.apply(call("fukui-pref"), [odd_gauge(value)])
    assert outcome.status == "created"
    await rooms.ingest(call("fukui-pref"), [level("1", 1, 0.5), level("1", 2, 4.5), level("90", 1, 4.5)])
    await rooms.share().reader.catch_up()
    await rooms.watch("fukui-city").reader.catch_up()
    await rooms.watch("fukui-pref").reader.catch_up()
    assert [one.subject for one in await rooms.alerts.list("fukui-city")] == [entities.gauge_id("1")]
    assert [one.subject for one in await rooms.alerts.list("fukui-pref")] == [entities.gauge_id("90")]


async def test_a_record_that_cannot_be_looked_at_is_told_and_passed(
    database_factory: DatabaseFactory,
    fake_clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rooms = await Rooms.make(database_factory, fake_clock)
    watch = rooms.watch("fukui-pref")
    look = watch._look

    async def stumble(record: Any) -> None:
        if record.entity["attrs"][entities.LEVEL][0]["value"] == 0.5:
            raise TypeError("a fault of ours")
        await look(record)

    monkeypatch.setattr(watch, "_look", stumble)
    await rooms.ingest(call("fukui-pref"), [level("90", 1, 0.5), level("90", 2, 4.5)])
    await watch.reader.catch_up()
    assert [one.severity for one in await rooms.alerts.list("fukui-pref")] == [4]
    assert "a record could not be looked at" in caplog.text


async def test_a_store_that_refuses_keeps_the_record_for_later(
    database_factory: DatabaseFactory, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kumihimo.base.errors import StorageRefused

    rooms = await Rooms.make(database_factory, fake_clock)
    watch = rooms.watch("fukui-pref")
    sight = rooms.alerts.sight

    async def full(*_: Any) -> None:
        raise StorageRefused("the disk is full")

    await rooms.ingest(call("fukui-pref"), [level("90", 1, 4.5)])
    monkeypatch.setattr(rooms.alerts, "sight", full)
    with pytest.raises(StorageRefused):
        await watch.reader.catch_up()
    monkeypatch.setattr(rooms.alerts, "sight", sight)
    await watch.reader.catch_up()
    assert [one.severity for one in await rooms.alerts.list("fukui-pref")] == [4]


def station(number: str, lon: float) -> EntityDoc:
    doc = entities.rain_change(RainStation(number, number, number, number, lon, 36.0, 10.0)).doc
    assert doc is not None
    return doc


def test_the_nearest_rain_station_is_taken() -> None:
    found = nearest((136.0, 36.0), [station("far", 136.9), station("near", 136.1), station("west", 135.5)])
    assert found is not None
    assert found[0]["id"] == entities.rain_id("near")
    assert round(found[1], 1) == 9.0
    assert nearest((136.0, 36.0), []) is None


def test_a_gauge_that_fell_silent_is_stale_and_one_that_is_an_hour_late_is_not() -> None:
    docs = []
    for number, moment in (("1", "12:00"), ("2", "12:00"), ("3", "11:00"), ("4", "08:59")):
        doc: Any = {**gauge(), "id": entities.gauge_id(number)}
        reading = {"type": "Property", "value": 1.0, "observedAt": f"2024-06-23T{moment}:00.000Z"}
        doc["attrs"] = {**doc["attrs"], entities.LEVEL: [reading]}
        docs.append(doc)
    assert {row.number: row.stale for row in gauge_rows(docs)} == {"1": False, "2": False, "3": False, "4": True}
