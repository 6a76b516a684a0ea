"""History on both engines: what was, corrections, deletions, late readings, temporal queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import CALL, E1, E2, House, entity, fragment
from tests.model.slow_readings import SlowReadings
from tests.rights import only, rows

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.base.ports import Reading
from kumihimo.platform.access.grants import same_everywhere
from kumihimo.platform.access.models import Names
from kumihimo.platform.broker.models import (
    ALL_ATTRIBUTES,
    ALL_ROWS,
    NO_ROWS,
    Change,
    Op,
    QPath,
    QTerm,
    Query,
)
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.models import PAGE_INSTANCES, FoundPast, TemporalQuery
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY

SECOND = 1_000_000
ALWAYS = TemporalQuery("")


@pytest.fixture
async def house(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await any_database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    return House(database, fake_clock)


async def evolution(house: House, query: TemporalQuery = ALWAYS, entity_id: str = E1) -> Any:
    found = await History(house.database).entity("town", entity_id, query, ALL_ROWS, ALL_ATTRIBUTES)
    return None if found is None else found.doc


def told(doc: Any, attribute: str = "level") -> list[Any]:
    return [one["value"] for one in doc["attrs"].get(attribute, [])]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("batch", [1, 7])
async def test_readings_in_any_order_agree_with_the_slow_model(house: House, seed: int, batch: int) -> None:
    random, model = Random(seed), SlowReadings()
    readings = [
        Reading(random.choice([E1, E2]), "G", random.choice("ab"), random.choice([1.5, 2, True, "x"]), at * SECOND)
        for at in [random.randrange(1, 12) for _ in range(80)]
    ]
    answers: list[str] = []
    for start in range(0, len(readings), batch):
        answers += [one.status for one in await house.ingest(CALL, readings[start : start + batch])]
    expected = [model.take(one.entity_id, one.attribute, one.observed_at, one.value) for one in readings]
    assert answers == expected
    for name, attribute in model.was:
        doc = await evolution(house, entity_id=name)
        series = [(times.micros(times.parse(one["observedAt"])), one["value"]) for one in doc["attrs"][attribute]]
        assert series == model.series(name, attribute)
        assert await house.value(attribute, name) == model.stands(name, attribute)
        points = await History(house.database).points("town", name, attribute, 0, 100 * SECOND)
        assert points == [(at, v) for at, v in series if not isinstance(v, bool | str)]
    ids = [
        one["instanceId"]
        for name in (E1, E2)
        for many in (await evolution(house, entity_id=name))["attrs"].values()
        for one in many
    ]
    assert len(ids) == len(set(ids))
    logged = [record for record in await house.log() if record.entity_id]
    assert len(logged) == expected.count("stored")


async def test_instances_keep_their_ids_and_a_correction_has_its_own(house: House) -> None:
    await house.read(1.0, 100)
    await house.read(2.0, 200)
    first = (await evolution(house))["attrs"]["level"]
    assert [one["instanceId"] for one in first] == ["urn:ngsi-ld:Instance:1-0", "urn:ngsi-ld:Instance:2-0"]
    await house.read(2.5, 200)
    await house.read(1.5, 150)
    again = (await evolution(house))["attrs"]["level"]
    assert [(one["value"], one["instanceId"].rpartition(":")[2]) for one in again] == [
        (1.0, "1-0"),
        (1.5, "0-0"),
        (2.5, "3-0"),
    ]
    assert len(await house.rows("SELECT seq FROM history")) == 4


async def test_time_relations(house: House) -> None:
    for at in (100, 200, 300):
        await house.read(float(at), at)
    ask = TemporalQuery("before", 200 * SECOND)
    assert told(await evolution(house, ask)) == [100.0]
    assert told(await evolution(house, replace(ask, timerel="after"))) == [200.0, 300.0]
    between = TemporalQuery("between", 100 * SECOND, 300 * SECOND)
    assert told(await evolution(house, between)) == [100.0, 200.0]
    assert told(await evolution(house, replace(between, last_n=1))) == [200.0]
    assert told(await evolution(house, TemporalQuery("", last_n=2))) == [200.0, 300.0]
    assert (await evolution(house, TemporalQuery("before", 1)))["attrs"] == {}
    with pytest.raises(BadRequestData):
        await evolution(house, TemporalQuery("between", 2, 1))
    with pytest.raises(BadRequestData):
        await evolution(house, TemporalQuery("", timeproperty="bornAt"))


async def test_attributes_without_observed_at_are_found_by_when_they_were_written(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1, b=1))
    start = times.micros(house.clock.now()) + 1
    await house.one(Op.UPDATE, fragment(a=2))
    await house.one(Op.UPDATE, fragment(a=3))
    assert told(await evolution(house), "a") == [1, 2, 3]
    assert told(await evolution(house, TemporalQuery("after", start)), "a") == []
    assert told(await evolution(house, TemporalQuery("after", start, timeproperty="modifiedAt")), "a") == [2, 3]
    assert told(await evolution(house, TemporalQuery("after", start, timeproperty="createdAt")), "a") == []
    only = await evolution(house, TemporalQuery("", attrs=("b",)))
    assert list(only["attrs"]) == ["b"]


async def test_deletion_ends_but_does_not_unmake(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1, b=1))
    await house.one(Op.DELETE_ATTRIBUTE, attribute="a")
    assert told(await evolution(house), "a") == [1]
    await house.one(Op.DELETE)
    assert await house.get() is None
    doc = await evolution(house)
    assert (told(doc, "a"), told(doc, "b"), doc["type"]) == ([1], [1], ["T"])
    kinds = await house.rows("SELECT kind, attribute FROM history WHERE kind <> 0 ORDER BY seq")
    assert kinds == [(2, "a"), (2, "b")]
    assert await evolution(house, entity_id=E2) is None


async def test_what_comes_and_goes_within_one_batch_is_remembered_in_its_order(house: House) -> None:
    comes, goes = Change(Op.CREATE, E1, entity(E1)), Change(Op.DELETE, E1)
    other = Change(Op.CREATE, E2, entity(E2))
    await house.apply(comes, goes, other, comes, Change(Op.DELETE, E2))
    assert "deletedAt" not in await evolution(house)
    assert "deletedAt" in await evolution(house, entity_id=E2)


async def test_restriction_and_mask_hold_for_what_was(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1, b=2))
    history = History(house.database)
    assert await history.entity("town", E1, ALWAYS, NO_ROWS, ALL_ATTRIBUTES) is None
    masked = await history.entity("town", E1, ALWAYS, ALL_ROWS, only("b"))
    assert masked is not None
    assert list(masked.doc["attrs"]) == ["b"]
    by_q = rows(q=QTerm(QPath(("a",)), "==", (1,)))
    assert await history.entity("town", E1, ALWAYS, by_q, only("b")) is not None
    by_type = rows(types="T")
    await house.one(Op.DELETE)
    assert await history.entity("town", E1, ALWAYS, by_q, ALL_ATTRIBUTES) is None
    assert await history.entity("town", E1, ALWAYS, by_type, ALL_ATTRIBUTES) is not None


def found_ids(found: FoundPast) -> list[str]:
    return [one.doc["id"] for one in found.entities]


async def test_what_may_not_be_seen_selects_nothing(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1, b=2))
    await house.one(Op.CREATE, entity(E2, a=5), E2)
    history, span = History(house.database), TemporalQuery("after", 0, timeproperty="modifiedAt")
    hidden = only("b")

    async def ids(query: Query) -> list[str]:
        return found_ids(await history.find("town", query, span))

    one = Query(ALL_ROWS, hidden, types="T", q=QTerm(QPath(("a",)), "==", (1,)))
    assert await ids(one) == []
    assert await ids(replace(one, visible=ALL_ATTRIBUTES)) == [E1]
    assert await ids(replace(one, q=QTerm(QPath(("a",)), "absent"))) == [E1]
    assert await ids(replace(one, q=None)) == [E1]
    by_q = rows(q=QTerm(QPath(("a",)), "==", (5,)))
    assert await ids(Query(by_q, ALL_ATTRIBUTES, types="T")) == [E2]
    assert await ids(Query(NO_ROWS, ALL_ATTRIBUTES, types="T")) == []
    await house.one(Op.DELETE, entity_id=E2)
    assert await ids(Query(by_q, ALL_ATTRIBUTES, types="T")) == []
    without = rows(q=QTerm(QPath(("c",)), "absent"))
    assert await ids(Query(without, ALL_ATTRIBUTES, types="T")) == [E1]
    by_type = rows(types="T")
    assert await ids(Query(by_type, ALL_ATTRIBUTES, types="T")) == [E1, E2]
    assert await ids(Query(rows(types="U"), ALL_ATTRIBUTES, types="T")) == []


async def test_what_was_not_to_be_kept_is_taken_out_of_the_store(house: House) -> None:
    doc = entity(a=1, b=1)
    doc["attrs"]["a"][0]["expiresAt"] = times.text(house.clock.now() + timedelta(seconds=50))
    await house.one(Op.CREATE, doc)
    await house.one(Op.UPDATE, fragment(b=2))
    assert len(await house.rows("SELECT 1 FROM history WHERE kind = 0")) == 3
    house.clock.advance(60)
    await house.broker.settle("town")
    assert await house.rows("SELECT attribute FROM history WHERE kind = 0 ORDER BY seq") == [("b",), ("b",)]


async def test_find_pages_over_entities_that_have_instances_in_time(house: House) -> None:
    names = [f"urn:ngsi-ld:G:{n}" for n in range(10)]
    for place, name in enumerate(names):
        await house.read(float(place), 100 * (place % 2 + 1), name)
    history = History(house.database)
    early = TemporalQuery("before", 150 * SECOND)
    query = Query(ALL_ROWS, ALL_ATTRIBUTES, types="Gauge", limit=2, count=True)
    found = await history.find("town", query, early)
    assert ([one.doc["id"] for one in found.entities], found.total) == ([names[0], names[2]], 5)
    following = await history.find("town", replace(query, after=found.after), early)
    assert [one.doc["id"] for one in following.entities] == [names[4], names[6]]
    last = await history.find("town", replace(query, offset=4), early)
    assert ([one.doc["id"] for one in last.entities], last.after) == ([names[8]], "")
    none = await history.find("town", replace(query, types="None"), early)
    assert (none.entities, none.total) == ([], 0)


async def test_points_keep_the_newest_where_there_are_too_many(house: House) -> None:
    for at in range(1, 6):
        await house.read(at, at)
    history = History(house.database)
    assert await history.points("town", E1, "level", 0, 10 * SECOND, 2) == [(4 * SECOND, 4.0), (5 * SECOND, 5.0)]
    assert await history.points("town", E1, "level", 2 * SECOND, 3 * SECOND) == [(2 * SECOND, 2.0), (3 * SECOND, 3.0)]
    assert PAGE_INSTANCES >= 1000


async def test_a_batch_that_fails_leaves_nothing(house: House) -> None:
    async def broken(tx: Any, rows: Any) -> None:
        raise RuntimeError("history cannot be kept")

    house.broker._remember = broken
    with pytest.raises(RuntimeError, match="history"):
        await house.apply(Change(Op.CREATE, E1, entity(a=1)))
    assert await house.get() is None
    assert await house.log() == []
    assert house.nudges.topics == []


@pytest.mark.parametrize("asked", [(), ("name", "level", "owner"), ("owner",)], ids=["all", "by-name", "one"])
@pytest.mark.parametrize(
    "seen",
    [
        Names(frozenset({"name", "level"})),
        Names(frozenset({"owner"}), others=True),
        Names(frozenset({"owner", *(f"other{n}" for n in range(20))}), others=True),
    ],
    ids=["some", "all-but-one", "all-but-many"],
)
async def test_a_hidden_attribute_has_no_past_however_it_is_asked_for(
    house: House, asked: tuple[str, ...], seen: Names
) -> None:
    await house.one(Op.CREATE, entity(name="a", level=1, owner="x"))
    query = replace(ALWAYS, attrs=asked)
    found = await History(house.database).entity("town", E1, query, ALL_ROWS, same_everywhere(seen))
    assert set(found.doc["attrs"] if found else ()) == set(asked or ("name", "level")) - {"owner"}
