"""Figures of periods on both engines (clause 4.5.19)."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model import slow_figures
from tests.model.house import CALL, E1, House, entity
from tests.rights import only

from kumihimo.base.errors import InvalidRequest, TooManyResults
from kumihimo.base.ports import Reading
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Op
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history import aggregate, periods
from kumihimo.platform.history.models import METHODS, Aggregation, Figures, TemporalQuery
from kumihimo.platform.history.periods import parse_duration
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY

SECOND = 1_000_000


@pytest.fixture
async def house(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await any_database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    return House(database, fake_clock)


async def series(house: House, values: list[tuple[int, Any]], attribute: str = "level") -> None:
    readings = [Reading(E1, "Gauge", attribute, value, at * SECOND) for at, value in values]
    for start in range(0, len(readings), 200):
        await house.ingest(CALL, readings[start : start + 200])


async def asked(house: House, methods: Any, period: str, **more: Any) -> dict[str, list[Figures]]:
    strict = more.pop("strict", False)
    query = TemporalQuery(
        **{"timerel": "", **more}, aggregation=Aggregation(tuple(methods), parse_duration(period), strict)
    )
    found = await History(house.database).entity("town", E1, query, ALL_ROWS, more.pop("visible", ALL_ATTRIBUTES))
    assert found is not None
    assert found.figures is not None
    return found.figures


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("period", [60, 300, 7])
async def test_numbers_agree_with_the_slow_model(house: House, seed: int, period: int) -> None:
    random = Random(seed)
    shift = random.choice([0, 1e6, -3e5])
    points = [(at, shift + random.choice([random.random() * 9, random.randrange(5)])) for at in range(0, 3000, 11)]
    await series(house, points)
    for timerel, start in (("", 0), ("after", 205)):
        given = await asked(house, METHODS, f"PT{period}S", timerel=timerel, time_at=start * SECOND)
        kept = [(at * SECOND, value) for at, value in points if at >= start]
        for method in METHODS:
            expected = slow_figures.figures(kept, start * SECOND, period * SECOND, method)
            found = given["level"][0].methods[method]
            assert [one[1:] for one in found] == [one[1:] for one in expected], method
            assert [one[0] for one in found] == pytest.approx([one[0] for one in expected], rel=1e-9, abs=1e-6), method


async def test_the_whole_range(house: House) -> None:
    await series(house, [(10, 1.0), (20, 3.0), (70, 5.0)])
    given = (await asked(house, ["avg"], "PT0S"))["level"][0]
    assert given.methods["avg"] == [(3.0, 10 * SECOND, 70 * SECOND)]
    span = {"timerel": "between", "time_at": 0, "end_time_at": 60 * SECOND}
    assert (await asked(house, ["avg"], "P0D", **span))["level"][0].methods["avg"] == [(2.0, 0, 60 * SECOND)]
    early = await asked(house, ["sum"], "PT0S", timerel="before", time_at=70 * SECOND)
    assert early["level"][0].methods["sum"] == [(4.0, 10 * SECOND, 70 * SECOND)]


async def test_months_have_the_length_that_the_calendar_says(house: House) -> None:
    day = 86_400
    await series(house, [(at * day, float(at)) for at in range(0, 90, 5)])
    given = (await asked(house, ["totalCount", "max"], "P1M"))["level"][0].methods
    starts = [0, 31, 59]
    assert [one[1] // (day * SECOND) for one in given["max"]] == starts
    assert [one[0] for one in given["max"]] == [30.0, 55.0, 85.0]
    assert [one[0] for one in given["totalCount"]] == [7, 5, 6]


KINDS: list[Any] = [
    (["b", "a", "b"], {"totalCount": 3, "distinctCount": 2, "min": "a", "max": "b"}),
    ([True, False, True], {"sum": 2.0, "avg": pytest.approx(2 / 3), "min": 0.0, "max": 1.0, "sumsq": 2.0}),
    ([[1, 2], [3], [3]], {"avg": pytest.approx(4 / 3), "sum": 4.0, "min": 1.0, "max": 2.0, "distinctCount": 2}),
    ([{"a": 1}, {"a": 1}, {"a": 2}], {"totalCount": 3, "distinctCount": 2}),
    (
        [{"@type": "DateTime", "@value": f"2026-01-0{n}T00:00:00Z"} for n in (2, 1, 3)],
        {"min": "2026-01-01T00:00:00Z", "max": "2026-01-03T00:00:00Z", "totalCount": 3},
    ),
    (
        [{"@type": "Time", "@value": value} for value in ("08:00:00Z", "09:00:00Z", "no time")],
        {"avg": "08:30:00.000Z", "min": "08:00:00Z"},
    ),
    ([{"@type": "URI", "@value": "urn:a"}, {"@type": "URI", "@value": "urn:b"}], {"distinctCount": 2}),
    ([1e200, 1e200], {"sum": 2e200, "sumsq": None, "max": 1e200, "stddev": 0.0}),
    ([1, "x", 3], {"totalCount": 3, "distinctCount": 3, "sum": 4.0, "avg": 2.0}),
]


@pytest.mark.parametrize(("values", "expected"), KINDS)
async def test_each_kind_has_its_figures(house: House, values: list[Any], expected: dict[str, Any]) -> None:
    await series(house, list(enumerate(values)))
    given = (await asked(house, expected, "PT0S"))["level"][0].methods
    assert {method: many[0][0] for method, many in given.items()} == expected


async def test_methods_that_do_not_apply(house: House) -> None:
    await series(house, [(1, "a"), (2, "b")], "name")
    await series(house, [(1, 1.0)])
    given = await asked(house, ["avg", "max"], "PT0S")
    assert given["name"][0].methods == {"avg": [], "max": [("b", SECOND, 2 * SECOND)]}
    assert list(await asked(house, ["avg"], "PT0S")) == ["level"]
    with pytest.raises(InvalidRequest, match="none of avg, sumsq applies to name"):
        await asked(house, ["avg", "sumsq"], "PT0S", attrs=("name",), strict=True)


async def test_relationships_and_datasets(house: House) -> None:
    doc = entity()
    doc["attrs"]["owner"] = [{"type": "Relationship", "object": "urn:p:1"}]
    doc["attrs"]["level"] = [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": 2, "datasetId": "urn:d:1"},
    ]
    await house.one(Op.CREATE, doc)
    given = await asked(house, ["distinctCount", "sum"], "PT0S")
    owner = given["owner"][0]
    assert (owner.kind, owner.methods["distinctCount"][0][0], owner.methods["sum"]) == ("Relationship", 1, [])
    assert [(one.dataset, one.methods["sum"][0][0]) for one in given["level"]] == [("", 1.0), ("urn:d:1", 2.0)]
    only = await asked(house, ["sum"], "PT0S", datasets=frozenset({"urn:d:1"}))
    assert [one.dataset for one in only["level"]] == ["urn:d:1"]


async def test_what_may_not_be_seen_has_no_figures(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1, b=2))
    query = TemporalQuery("", aggregation=Aggregation(("sum",), parse_duration("PT0S")))
    found = await History(house.database).entity("town", E1, query, ALL_ROWS, only("b"))
    assert found is not None
    assert list(found.figures or {}) == ["b"]


async def test_last_n_keeps_the_newest_periods(house: House) -> None:
    await series(house, [(at, float(at)) for at in range(10)])
    given = await asked(house, ["max"], "PT2S", last_n=2)
    assert [one[0] for one in given["level"][0].methods["max"]] == [7.0, 9.0]


async def test_limits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await series(house, [(at, float(at)) for at in range(20)])
    await series(house, [(at, "x") for at in range(20)], "name")
    monkeypatch.setattr(aggregate, "MAX_PERIODS", 5)
    with pytest.raises(TooManyResults, match="periods"):
        await asked(house, ["max"], "PT1S", attrs=("level",))
    monkeypatch.setattr(aggregate, "MAX_INSTANCES", 10)
    with pytest.raises(TooManyResults, match="name has 20 instances"):
        await asked(house, ["max"], "PT0S", attrs=("name",))
    monkeypatch.setattr(periods, "MAX_PERIODS", 3)
    with pytest.raises(TooManyResults):
        await asked(house, ["max"], "P1M", timerel="after", time_at=-(10**15), attrs=("level",))


@pytest.mark.timed
async def test_ten_thousand_points_in_periods_of_five_minutes_are_quick(house: House) -> None:
    """The measurement is in bench/run.py; here a generous bound, so that a slow way is noticed."""
    await series(house, [(at * 60, at % 50 + 0.5) for at in range(10_000)])
    begun = time.process_time()
    given = await asked(house, ["avg", "min", "max", "totalCount"], "PT5M")
    assert len(given["level"][0].methods["avg"]) == 2000
    assert time.process_time() - begun < 1.0
