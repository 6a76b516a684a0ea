"""Measures on both engines: kept with every version, changed by two at once, judged, noted, taken from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import House
from tests.rights import rows

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, Forbidden, ResourceNotFound
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.grants import ALL_ATTRIBUTES, Grant, Restriction
from kumihimo.platform.access.models import EVERY_ROW
from kumihimo.platform.access.store import PLATFORM_SCHEMA
from kumihimo.platform.access.store import SCHEMA as ACCESS
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.service.kpi import measures_door
from kumihimo.service.kpi.door import Kpi, Measured
from kumihimo.service.kpi.measures import Measure, Target
from kumihimo.service.kpi.measures_door import MeasureChanged, Measures
from kumihimo.service.kpi.models import Definition, Figure, Lineage
from kumihimo.service.kpi.store import SCHEMA as MEASURES

GAUGE_ID = "urn:ngsi-ld:Gauge:1"
GAUGE, LEVEL = "https://example.org/Gauge", "https://example.org/level"
DAMAGE = Definition("town.damage", {"ja": "被害", "en": "Damage"}, {"ja": "", "en": ""}, {"ja": "m²", "en": "m²"},
                    GAUGE, (LEVEL,))  # fmt: skip
PLANNER, OFFICER = (Call("town", Actor("person", one)) for one in ("p-1", "p-2"))
RESIDENT = Call("town", Actor("person", "p-3"))
TARGET = Target("t1", "project", "town.damage", 50.0, "lower", date(2027, 3, 31), baseline=100.0, owner="農林課")
POLICY = Measure("policy", "policy", {"ja": "防災"}, "防災課", date(2026, 4, 1))
PROJECT = Measure(
    "project",
    "project",
    {"ja": "電気柵の設置", "en": "Fences"},
    "農林課",
    date(2026, 4, 1),
    parent="policy",
    aim={"ja": "畑を守る"},
    due_on=date(2027, 3, 31),
    state="running",
    budget=1_200_000,
    targets=(TARGET,),
)


def micros(year: int, month: int, day: int) -> int:
    return times.micros(datetime(year, month, day, tzinfo=UTC))


class World:
    """The room on a database, with people of several rights and one KPI whose figures a test changes."""

    def __init__(self, database: Any, clock: FakeClock) -> None:
        self.database, self.clock = database, clock
        bus = House(database, clock).nudges
        self.rules = StoredRules(database, clock, bus)
        self.access = Access(open_house=False, rules=self.rules, clock=clock)
        self.rules.changes.told.append(self.access.forget)
        self.kpi = Kpi()
        self.values: dict[int, float | None] = {micros(2026, 6, 1): 90.0}
        self.kpi.register(DAMAGE, self.figures)
        self.measures = Measures(database, clock, bus, self.access, self.kpi)

    async def figures(self, tenant: str, among: Restriction) -> Sequence[Figure]:
        if among.rows != EVERY_ROW and GAUGE_ID not in str(among.rows):
            return []
        reading = Lineage("urn:g", LEVEL, "level", 0, 1.0, "m²", {"ja": "報告", "en": "report"})
        return [
            Figure(f"town.damage.{at}", "town.damage", "", {"ja": "月", "en": "month"}, at,
                   "too-few" if value is None else "known", value, (reading,) * 3)
            for at, value in self.values.items() if tenant == "town"
        ]  # fmt: skip

    async def grant(self, call: Call) -> Grant:
        return await self.access.decide(call, "read")

    async def state(self, call: Call = PLANNER, id_: str = "project") -> tuple[str, float | None] | None:
        measure = await self.measures.get("town", id_)
        [seen] = (await self.measures.seen("town", [measure], await self.grant(call)))[id_]
        return None if seen.standing is None else (seen.standing.state, seen.standing.actual)


async def make_world(factory: DatabaseFactory, clock: FakeClock) -> World:
    database = await factory([SCHEMA, ACCESS, PLATFORM_SCHEMA, MEASURES])
    for tenant in ("town", "other"):
        await database.add_tenant(tenant)
    world = World(database, clock)
    people = ((PLANNER, "data-manager"), (OFFICER, "officer"), (RESIDENT, "resident"))
    for person, role in people:
        await world.rules.members.add("town", person.actor, role, "test")
    await world.rules.documents.put(
        "town", "resident", 'permit (principal in Role::"resident", action == Action::"read", resource is Entity)\n'
        'when { context.attribute == "https://example.org/name" };', "person:test", "reads names",
    )  # fmt: skip
    clock.set(datetime(2026, 10, 1, 3, tzinfo=UTC))
    return world


@pytest.fixture
async def world(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> World:
    return await make_world(any_database_factory, fake_clock)


async def test_a_tree_is_kept_with_every_version(world: World) -> None:
    made = await world.measures.put(PLANNER, POLICY, revision=0, why="議会で決定")
    assert (made.revision, made.changed_by) == (1, "person:p-1")
    await world.measures.put(PLANNER, PROJECT, revision=0)
    [branch] = await world.measures.tree("town")
    assert [one.id for one in branch.walk()] == ["policy", "project"]
    assert replace(branch.below[0].measure, revision=0, changed_at=0, changed_by="") == PROJECT
    assert await world.measures.tree("other") == []
    ended = await world.measures.put(PLANNER, replace(PROJECT, state="ended", targets=()), revision=1, why="完了")
    assert await world.measures.get("town", "project") == ended
    versions = await world.measures.versions("town", "project")
    assert [(one.measure.revision, one.measure.state, one.why) for one in versions] == [
        (2, "ended", "完了"),
        (1, "running", ""),
    ]
    assert versions[1].measure.targets == (TARGET,)


async def test_two_who_change_at_once_lose_nothing(world: World) -> None:
    await world.measures.put(PLANNER, POLICY, revision=0)
    await world.measures.put(PLANNER, replace(POLICY, owner="総務課"), revision=1)
    with pytest.raises(MeasureChanged) as told:
        await world.measures.put(PLANNER, replace(POLICY, owner="河川課"), revision=1)
    assert (told.value.theirs.owner, told.value.theirs.revision) == ("総務課", 2)
    with pytest.raises(MeasureChanged):
        await world.measures.put(PLANNER, POLICY, revision=0)
    with pytest.raises(MeasureChanged):
        await world.measures.remove(PLANNER, "policy", revision=1)
    assert (await world.measures.get("town", "policy")).owner == "総務課"


async def test_only_who_has_the_right_changes_and_only_who_may_read_sees_values(world: World) -> None:
    for work in (
        world.measures.put(OFFICER, POLICY, revision=0),
        world.measures.note(OFFICER, "policy", "do", "x"),
        world.measures.remove(OFFICER, "policy", revision=1),
        world.measures.take(OFFICER, "", apply=False),
    ):
        with pytest.raises(Forbidden):
            await work
    assert (await world.measures.may_change(OFFICER), await world.measures.may_change(PLANNER)) == (False, True)
    await world.measures.put(PLANNER, replace(PROJECT, parent=""), revision=0)
    await world.measures.note(PLANNER, "project", "check", "順調")
    assert await world.state(OFFICER) == ("behind", 90.0)
    assert await world.state(RESIDENT) is None
    [note] = await world.measures.notes("town", "project", await world.grant(RESIDENT))
    assert (note.note.frozen, note.hidden) == ((), 1)
    [note] = await world.measures.notes("town", "project", await world.grant(OFFICER))
    assert (note.note.frozen[0].value, note.hidden) == (90.0, 0)


async def test_who_may_read_part_sees_of_what_was_frozen_what_that_part_gives(world: World) -> None:
    await world.measures.put(PLANNER, replace(PROJECT, parent=""), revision=0)
    await world.measures.note(PLANNER, "project", "check", "まだ減っていない")
    for ids, shown in (((GAUGE_ID,), 1), (("urn:other",), 0)):
        grant = Grant(rows(ids=ids), ALL_ATTRIBUTES)
        [note] = await world.measures.notes("town", "project", grant)
        assert (len(note.note.frozen), note.hidden) == (shown, 1 - shown)
        [seen] = (await world.measures.seen("town", [await world.measures.get("town", "project")], grant))["project"]
        assert (seen.extent, seen.standing is not None and seen.standing.actual) == ("part", 90.0 if shown else None)


async def test_a_check_note_stays_as_it_was_when_data_change(world: World) -> None:
    await world.measures.put(PLANNER, replace(PROJECT, parent=""), revision=0)
    await world.measures.note(PLANNER, "project", "check", "まだ減っていない")
    world.values = {micros(2026, 6, 1): 10.0}
    world.clock.advance(60)
    await world.measures.note(PLANNER, "project", "act", "続ける", "continue")
    assert await world.state() == ("reached", 10.0)
    act, check = await world.measures.notes("town", "project", await world.grant(PLANNER))
    [frozen] = check.note.frozen
    assert (frozen.state, frozen.value, frozen.readings, frozen.target) == ("behind", 90.0, 3, 50.0)
    assert (frozen.title, frozen.at, check.note.by) == (DAMAGE.title, micros(2026, 6, 1), "person:p-1")
    assert (act.note.kind, act.note.verdict, act.note.frozen) == ("act", "continue", ())
    with pytest.raises(BadRequestData, match="review notes"):
        await world.measures.remove(PLANNER, "project", revision=1)


@pytest.mark.parametrize(
    ("kind", "text", "verdict"),
    [("plan", " ", ""), ("praise", "x", ""), ("act", "x", ""), ("do", "x", "stop"), ("do", "x" * 4001, "")],
)
async def test_a_note_that_is_none_is_refused(world: World, kind: str, text: str, verdict: str) -> None:
    await world.measures.put(PLANNER, POLICY, revision=0)
    with pytest.raises(BadRequestData):
        await world.measures.note(PLANNER, "policy", kind, text, verdict)
    assert await world.measures.notes("town", "policy", await world.grant(PLANNER)) == []


async def test_what_cannot_stand_there_is_refused(world: World) -> None:
    for wrong, said in (
        (PROJECT, "no measure 'policy'"),
        (replace(PROJECT, parent="", targets=(replace(TARGET, kpi="town.none"),)), "no KPI 'town.none'"),
    ):
        with pytest.raises(BadRequestData, match=said):
            await world.measures.put(PLANNER, wrong, revision=0)
    await world.measures.put(PLANNER, POLICY, revision=0)
    await world.measures.put(PLANNER, PROJECT, revision=0)
    with pytest.raises(BadRequestData, match="no lower level"):
        await world.measures.put(PLANNER, replace(POLICY, level="project"), revision=1)
    with pytest.raises(BadRequestData, match="not below a policy"):
        await world.measures.put(PLANNER, replace(POLICY, id="two", parent="policy"), revision=0)
    with pytest.raises(BadRequestData, match="measures below"):
        await world.measures.remove(PLANNER, "policy", revision=1)
    await world.measures.remove(PLANNER, "project", revision=1)
    await world.measures.remove(PLANNER, "policy", revision=1)
    assert await world.measures.tree("town") == []
    with pytest.raises(ResourceNotFound):
        await world.measures.put(PLANNER, POLICY, revision=1)
    with pytest.raises(ResourceNotFound):
        await world.measures.note(PLANNER, "policy", "do", "x")


async def test_a_file_is_tried_before_it_is_taken_and_takes_all_or_nothing(world: World) -> None:
    await world.measures.put(PLANNER, POLICY, revision=0)
    await world.measures.put(PLANNER, PROJECT, revision=0)
    text = await world.measures.exported("town")
    there = Call("other", Actor("system", "command line"))
    changes = await world.measures.take(there, text, apply=False)
    assert [(one.measure.id, one.is_new) for one in changes] == [("policy", True), ("project", True)]
    assert await world.measures.tree("other") == []
    await world.measures.take(there, text, apply=True, why="写し")
    assert await world.measures.exported("other") == text
    edited = text.replace("電気柵の設置", "電気柵と見回り")
    [policy, project] = await world.measures.take(PLANNER, edited, apply=True)
    assert (policy.differences, project.differences) == ([], [("title_ja", "電気柵の設置", "電気柵と見回り")])
    assert [(await world.measures.get("town", one)).revision for one in ("policy", "project")] == [1, 2]
    with pytest.raises(BadRequestData, match=r"no KPI 'town\.none'"):
        await world.measures.take(PLANNER, text.replace("town.damage", "town.none"), apply=True)
    assert (await world.measures.get("town", "project")).called("ja") == "電気柵と見回り"


async def test_a_town_keeps_so_many_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("MAX_MEASURES", 2), ("MAX_VERSIONS", 2), ("MAX_NOTES", 1)):
        monkeypatch.setattr(measures_door, name, most)
    await world.measures.put(PLANNER, POLICY, revision=0)
    for revision in (1, 2):
        await world.measures.put(PLANNER, POLICY, revision=revision)
    assert [one.measure.revision for one in await world.measures.versions("town", "policy")] == [3, 2]
    await world.measures.put(PLANNER, PROJECT, revision=0)
    with pytest.raises(BadRequestData, match="2 measures"):
        await world.measures.put(PLANNER, replace(POLICY, id="third"), revision=0)
    await world.measures.note(PLANNER, "policy", "do", "始めた")
    with pytest.raises(BadRequestData, match="1 notes"):
        await world.measures.note(PLANNER, "policy", "do", "もう一つ")


async def test_a_target_is_of_a_kpi_that_its_own_town_has(world: World) -> None:
    own = replace(DAMAGE, id="town.own")

    async def offered(tenant: str) -> Sequence[Measured]:
        return [(own, world.figures)] if tenant == "town" else []

    world.kpi.offer(offered)
    wanted = replace(PROJECT, parent="", targets=(replace(TARGET, kpi="town.own"),))
    await world.measures.put(PLANNER, wanted, revision=0)
    with pytest.raises(BadRequestData, match=r"no KPI 'town\.own'"):
        await world.measures.put(Call("other", Actor("system", "test")), wanted, revision=0)
    assert list(await world.measures.definitions("other")) == ["town.damage"]


async def test_a_target_stays_when_its_kpi_goes(world: World) -> None:
    await world.measures.put(PLANNER, replace(PROJECT, parent=""), revision=0)
    world.measures = Measures(world.database, world.clock, House(world.database, world.clock).nudges, world.access,
                              Kpi())  # fmt: skip
    kept = await world.measures.put(PLANNER, replace(PROJECT, parent="", owner="総務課"), revision=1)
    [seen] = (await world.measures.seen("town", [kept], await world.grant(PLANNER)))["project"]
    assert (seen.definition, seen.standing, kept.targets) == (None, None, (TARGET,))
