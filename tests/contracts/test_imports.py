"""The past in bulk on both engines: the same outcome as one reading after the other, in order, once, and resumable."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import CALL, E1, E2, House, entity
from tests.model.slow_readings import SlowReadings

from kumihimo.base import times
from kumihimo.base.errors import AlreadyExists, BadRequestData, NonexistentTenant, ResourceNotFound, StorageRefused
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Op
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.models import TemporalQuery
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.imports import store
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.imports.models import Batch, Run, Taken
from kumihimo.platform.imports.rows import Series, from_columns, from_entities
from kumihimo.platform.imports.store import SCHEMA as IMPORTS
from kumihimo.platform.jsonld.contexts import Contexts

SECOND = 1_000_000
CORE = Contexts().core


class Town(House):
    """A house that imports; attributes are a and b of the entities 1 and 2."""

    def __init__(self, database: Any, clock: FakeClock) -> None:
        super().__init__(database, clock)
        self.imports = Imports(database, clock, self.nudges, remember_tx)

    async def begin(self, name: str = "one", **more: Any) -> Run:
        return (await self.imports.begin("town", name, "levels.csv", **more))[0]

    async def take(self, rows: list[tuple[str, str, int, Any]], name: str = "one", **more: Any) -> Taken:
        """Takes rows of entity, attribute, second and value as the next batch; each is a record."""
        self.clock.advance(1)
        run = await self.begin(name)
        series = [Series(*one, "MTR") for one in sorted({(row[0], "G", row[1]) for row in rows})]
        of = [series.index(Series(row[0], "G", row[1], "MTR")) for row in rows]
        found = from_columns(series, of, [row[2] * SECOND for row in rows], [row[3] for row in rows], CORE)
        batch = Batch(name, run.position, run.position + len(rows), found.rows, found.types)
        return await self.imports.take("town", replace(batch, **more))

    async def series(self, attribute: str = "a", entity_id: str = E1) -> list[tuple[int, Any]]:
        """Second and value of what was."""
        found = await History(self.database).entity("town", entity_id, TemporalQuery(""), ALL_ROWS, ALL_ATTRIBUTES)
        many = [] if found is None else found.doc["attrs"].get(CORE.expand(attribute), [])
        return [(times.micros(times.parse(one["observedAt"])) // SECOND, one["value"]) for one in many]

    async def now(self, attribute: str = "a", entity_id: str = E1) -> Any:
        """The current value, None where there is none."""
        doc = await self.get(entity_id)
        many = (doc or {"attrs": {}})["attrs"].get(CORE.expand(attribute))
        return many[0]["value"] if many else None


@pytest.fixture
async def town(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Town:
    database = await any_database_factory([SCHEMA, HISTORY, IMPORTS])
    await database.add_tenant("town")
    return Town(database, fake_clock)


@pytest.mark.parametrize("seed", range(3))
async def test_rows_in_any_order_agree_with_the_slow_model(town: Town, seed: int) -> None:
    random, model = Random(seed), SlowReadings()
    rows = [
        (random.choice([E1, E2]), random.choice("ab"), random.randrange(1, 40), random.choice([1.5, 2, True, "x"]))
        for _ in range(300)
    ]
    for row in rows:
        model.take(row[0], row[1], row[2] * SECOND, row[3])
    for start in range(0, len(rows), 70):
        await town.take(rows[start : start + 70])
    assert await town.log() == []
    run = await town.imports.finish(CALL, "one")
    assert run.stored + run.duplicates + run.corrected == 300
    assert run.state == "done"
    for name, attribute in model.was:
        expected = [(at // SECOND, value) for at, value in model.series(name, attribute)]
        assert await town.series(attribute, name) == expected
        assert await town.now(attribute, name) == expected[-1][1]
    assert run.stored == sum(len(model.series(*key)) for key in model.was)
    assert run.settled == len(await town.log()) == len(model.was)


async def test_many_series_and_what_stood_before_are_found(town: Town) -> None:
    names = [f"urn:ngsi-ld:G:{number}" for number in range(150)]
    await town.begin()
    await town.take([(name, "a", 5, 1.0) for name in names[::3]])
    taken = await town.take([(name, "a", 5, 2.0 if place % 2 else 1.0) for place, name in enumerate(names)])
    assert (taken.run.stored, taken.run.corrected, taken.run.duplicates) == (50 + 100, 25, 25)
    run = await town.imports.finish(CALL, "one")
    assert run.settled == 150
    assert await town.series(entity_id=names[3]) == [(5, 2.0)]
    assert await town.now(entity_id=names[3]) == 2.0


async def test_nothing_is_notified_but_what_became_current(town: Town) -> None:
    await town.read(9.0, 100, E1, CORE.expand("a"))
    await town.begin()
    await town.take([(E1, "a", at, 1.0) for at in range(50, 100)] + [(E1, "b", 7, 3.0)])
    heard = list(town.nudges.topics)
    run = await town.imports.finish(CALL, "one")
    assert run.settled == 1
    assert town.nudges.topics == [*heard, "log.town"]
    assert (await town.now("a"), await town.now("b")) == (9.0, 3.0)
    assert [(one.changed, one.purpose) for one in (await town.log())[1:]] == [((CORE.expand("b"),), CALL.purpose)]
    again = await town.imports.finish(CALL, "one")
    assert (again.state, again.settled) == ("done", 1)
    assert len(await town.log()) == 2


async def test_what_was_said_by_hand_or_deleted_later_is_not_overridden(town: Town) -> None:
    await town.one(Op.CREATE, entity(E1, **{CORE.expand("a"): "by hand"}))
    await town.read(1.0, 10, E2, CORE.expand("a"))
    await town.one(Op.DELETE, entity_id=E2)
    await town.begin()
    await town.take([(E1, "a", 50, 1.0), (E2, "a", 60, 1.0), (E2, "b", 60, 1.0)])
    assert (await town.imports.finish(CALL, "one")).settled == 0
    assert (await town.now(), await town.get(E2)) == ("by hand", None)
    assert await town.series(entity_id=E2) == [(10, 1.0), (60, 1.0)]
    later = int(town.clock.now().timestamp())
    await town.begin("two")
    await town.take([(E1, "a", later, 2.0), (E2, "a", later, 2.0)], "two")
    assert (await town.imports.finish(CALL, "two")).settled == 2
    assert (await town.now(), await town.now(entity_id=E2)) == (2.0, 2.0)


async def test_entities_that_there_are_not_may_be_refused(town: Town) -> None:
    await town.read(1.0, 10, E1, CORE.expand("a"))
    await town.begin()
    taken = await town.take([(E1, "a", 1, 1.0), (E2, "a", 1, 1.0), (E2, "a", 2, 1.0)], may_create=False)
    assert (taken.run.stored, taken.run.refused, list(taken.reasons)) == (1, 2, [f"there is no entity {E2}"])
    await town.imports.finish(CALL, "one")
    assert await town.rows("SELECT entity_id FROM history_entity") == [(E1,)]


async def test_what_lies_in_the_future_is_refused(town: Town) -> None:
    now = int(town.clock.now().timestamp())
    await town.begin()
    taken = await town.take([(E1, "a", now + 3000, 1.0), (E1, "a", now + 4000, 1.0)])
    assert (taken.run.stored, taken.run.refused) == (1, 1)
    assert "in the future" in taken.reasons[0]


async def test_a_batch_counts_once_and_in_order(town: Town) -> None:
    with pytest.raises(NonexistentTenant):
        await town.imports.begin("nowhere", "one", "levels.csv")
    found = from_columns([Series(E1, "G", "a")], [0], [1], [1.0], CORE)
    batch = Batch("one", 0, 1, found.rows, found.types)
    with pytest.raises(ResourceNotFound):
        await town.imports.take("town", batch)
    await town.begin()
    await town.imports.take("town", batch)
    with pytest.raises(AlreadyExists, match="at record 1, not at 0"):
        await town.imports.take("town", batch)
    assert await town.series() == [(0, 1.0)]
    assert (await town.begin()).position == 1


async def test_a_batch_that_cannot_be_kept_leaves_the_position(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last statement of a batch fails as on a full disk: its rows are taken back with its position."""
    await town.begin()
    await town.take([(E1, "a", 1, 1.0)])

    async def full(*_: Any) -> None:
        raise StorageRefused("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "put_tx", full)
        with pytest.raises(StorageRefused):
            await town.imports.take("town", Batch("one", 1, 3, from_columns_of(2, 3), {E1: ["G"]}))
    assert await town.series() == [(1, 1.0)]
    assert (await town.begin()).position == 1
    assert (await town.take([(E1, "a", 2, 1.0), (E1, "a", 3, 1.0)])).run.stored == 3


def from_columns_of(*seconds: int) -> Any:
    series = [Series(E1, "G", "a")]
    return from_columns(series, [0] * len(seconds), [at * SECOND for at in seconds], [1.0] * len(seconds), CORE).rows


async def test_a_changed_file_begins_anew_and_keeps_what_the_old_one_wrote(town: Town) -> None:
    await town.begin("old")
    await town.take([(E1, "a", 1, 1.0), (E2, "a", 1, 1.0)], "old")
    run, instead = await town.imports.begin("town", "new", "levels.csv")
    assert instead is not None
    assert (run.position, instead.id, instead.position) == (0, "old", 2)
    await town.take([(E1, "a", 1, 1.0), (E1, "a", 2, 2.0)], "new")
    run = await town.imports.finish(CALL, "new")
    assert (run.stored, run.duplicates, run.settled) == (1, 1, 2)
    assert await town.now(entity_id=E2) == 1.0
    assert await town.rows("SELECT count(*) FROM import_newest") == [(0,)]


async def test_what_was_done_is_done_until_it_is_asked_for_again(town: Town) -> None:
    await town.begin()
    await town.take([(E1, "a", 1, 1.0)])
    await town.imports.finish(CALL, "one")
    assert (await town.begin()).state == "done"
    run = await town.begin(again=True)
    assert (run.state, run.position, run.stored) == ("running", 0, 0)


async def test_entities_over_time_keep_their_kinds(town: Town) -> None:
    async def resolve(_: Any) -> Any:
        return CORE

    def at(second: int, **more: Any) -> Any:
        return {"type": "Property", "observedAt": f"1970-01-01T00:00:{second:02}Z", **more}

    entities = [
        {
            "id": E1,
            "type": "Bus",
            "a": [at(1, value=1, unitCode="MTR"), at(2, value=2), {"type": "Property", "value": 3}],
            "on": {"type": "Relationship", "object": E2, "observedAt": "1970-01-01T00:00:05Z"},
            "location": at(3, type="GeoProperty", value={"type": "Point", "coordinates": [136.2, 36.1]}),
            "scope": [{"type": "Property", "value": "/a", "observedAt": "1970-01-01T00:00:05Z"}],
        },
        {"id": "no uri", "type": "Bus", "a": at(1, value=1)},
        {"id": E2, "a": at(1, value=1)},
    ]
    found = await from_entities(entities, resolve)
    assert (len(found.rows), found.refused) == (5, 3)
    assert "no observedAt" in found.reasons[0]
    assert "no type" in found.reasons[2]
    await town.begin()
    await town.imports.take("town", Batch("one", 0, 3, found.rows, found.types, found.refused))
    assert await town.series() == [(1, 1), (2, 2)]
    assert (await town.imports.finish(CALL, "one")).settled == 3
    doc = await town.get(E1)
    assert sorted(CORE.compact(name) for name in doc["attrs"]) == ["a", "location", "on"]
    assert "scope" not in doc


@pytest.mark.parametrize(
    ("series", "of", "value"),
    [
        (Series("no uri", "G", "a"), [0], 1),
        (Series(E1, "1G", "a"), [0], 1),
        (Series(E1, "G", "a b"), [0], 1),
        (Series(E1, "G", "a"), [0, 0], 1),
        (Series(E1, "G", "a"), [0], None),
        (Series(E1, "G", "a"), [0], float("inf")),
        (Series(E1, "G", "a"), [0], "a\0"),
    ],
)
def test_columns_that_cannot_be_are_refused(series: Series, of: list[int], value: Any) -> None:
    with pytest.raises(BadRequestData):
        from_columns([series], of, [1], [value], CORE)
    with pytest.raises(BadRequestData):
        from_columns([Series(E1, "G", "a")], [0], [10**18], [1], CORE)


async def test_an_instance_that_no_entity_could_have_is_refused_alone() -> None:
    async def resolve(_: Any) -> Any:
        return CORE

    level = [{"type": "Property", "value": size * "x", "observedAt": "2024-06-23T00:00:00Z"} for size in (1, 2_200_000)]
    found = await from_entities([{"id": E1, "type": "T", "level": level}], resolve)
    assert (len(found.rows), found.refused) == (1, 1)
    assert "split its value" in found.reasons[0]
