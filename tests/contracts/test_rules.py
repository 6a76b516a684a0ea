"""Rule sets on both engines: they fire once, survive a restart anywhere, and stop where they must."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import House

from kumihimo.app.rules import rules_of
from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, Forbidden, ResourceNotFound, Unauthenticated
from kumihimo.base.ports import Command, CommandOutcome, HttpAnswer
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.store import PLATFORM_SCHEMA
from kumihimo.platform.access.store import SCHEMA as ACCESS
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.rules import budget, clockwork, door, eyes, keeper, run
from kumihimo.service.rules.door import RuleSets
from kumihimo.service.rules.models import MAX_HOPS
from kumihimo.service.rules.refusal import ChangedMeanwhile, RuleRefused
from kumihimo.service.rules.store import SCHEMA as RULES

GAUGE = "urn:ngsi-ld:Gauge:1"
OFFICER = Call("town", Actor("person", "p-1"))
NEWCOMER = Call("town", Actor("person", "p-2"))
STRANGER = Call("town", Actor("person", "p-3"))


def rule_set(*rules: str, name: str = "river") -> str:
    return f'name = "{name}"\n' + "\n".join(rules)


HIGH = 'condition = "entity.level > 3"'


def rule(name: str = "high", *, when: str = HIGH, then: str = "", types: str = "Gauge") -> str:
    task = '[[rule.then]]\ndo = "task"\nwhom = "officer"\ntext = "{entity.id} stands at {entity.level}"\nminutes = 60\n'
    return f'[[rule]]\nname = "{name}"\ntypes = ["{types}"]\n{when}\n{then or task}'


class World:
    """The whole room on a database, with a siren, a receiver and people of several rights."""

    def __init__(self, database: Any, clock: FakeClock) -> None:
        self.database, self.clock, self.alone = database, clock, False
        self.house = House(database, clock)
        self.rules = StoredRules(database, clock, self.house.nudges)
        self.access = Access(open_house=False, rules=self.rules, clock=clock)
        self.rules.changes.told.append(self.access.forget)
        self.alerts = Alerts(database, clock, self.house.nudges, self.act, self.house.broker.apply)
        self.commands: list[tuple[str, Command]] = []
        self.answers: list[HttpAnswer | Exception] = []
        self.sent: list[tuple[str, bytes]] = []
        self.sets = self.made()

    def made(self, database: Any = None) -> RuleSets:
        """The room as it is after a start: it knows what is stored, no more."""
        house, context = self.house, Contexts(None).core
        history = History(self.database)
        bound = (self.access, house.broker, history, context, self.alerts, self.act, self.known, self.fetch)
        self.sets = rules_of(database or self.database, self.clock, house.nudges, *bound, alone=self.alone)
        return self.sets

    async def act(self, call: Call, command: Command) -> CommandOutcome:
        self.commands.append((call.cause, command))
        return CommandOutcome(f"c{len(self.commands)}", "sent")

    async def known(self, tenant: str, device: str) -> list[tuple[str, CommandOutcome]]:
        return [(cause, CommandOutcome("c", "sent")) for cause, one in self.commands if one.device == device]

    async def fetch(self, method: str, url: str, *, body: bytes = b"", **_: Any) -> HttpAnswer:
        answer = self.answers.pop(0) if self.answers else HttpAnswer(204, {}, b"")
        self.sent.append((url, body))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def put(self, text: str, *, call: Call = OFFICER, on: bool = True) -> Any:
        return await self.sets.put(call, text, on=on)

    async def level(self, value: Any, entity_id: str = GAUGE, *, tenant: str = "town", **more: Any) -> None:
        """A reading of this moment."""
        self.clock.advance(60)
        moment = times.text(self.clock.now())
        attrs = {DEFAULT_VOCAB + "level": [{"type": "Property", "value": value, "observedAt": moment}]}
        attrs |= {DEFAULT_VOCAB + name: [{"type": "Property", "value": one}] for name, one in more.items()}
        doc: Any = {"id": entity_id, "type": [DEFAULT_VOCAB + "Gauge"], "attrs": attrs}
        [outcome] = await self.house.broker.apply(
            Call(tenant, Actor("device", "g")), [Change(Op.UPSERT_UPDATE, entity_id, doc)]
        )
        assert outcome.problem is None

    async def go(self) -> None:
        await self.sets.keeper.catch_up("town")

    async def firings(self, name: str = "river") -> list[tuple[str, str]]:
        """Rule and kind, the oldest first."""
        return [(one.firing.rule, str(one.firing.kind)) for one in (await self.sets.firings(OFFICER, name))][::-1]

    async def tasks(self) -> list[str]:
        return sorted(one.text for one in await self.sets.tasks(OFFICER))


@pytest.fixture
async def world(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> World:
    schemas = [SCHEMA, HISTORY, ACCESS, PLATFORM_SCHEMA, ALERTS, RULES]
    database = await any_database_factory(schemas)
    await database.add_tenant("town")
    world = World(database, fake_clock)
    for person, role in ((OFFICER, "operator"), (NEWCOMER, "data-manager"), (STRANGER, "officer")):
        await world.rules.members.add("town", person.actor, role, "test")
    return world


async def test_a_rule_fires_for_what_comes_after_it_was_switched_on_and_once(world: World) -> None:
    await world.level(9.0)
    await world.put(rule_set(rule()))
    for level in (2.0, 3.5, 4.0):
        await world.level(level)
    await world.go()
    await world.go()
    assert await world.firings() == [("high", "change"), ("high", "change")]
    assert await world.tasks() == [f"{GAUGE} stands at 3.5", f"{GAUGE} stands at 4"]


async def test_a_rise_fires_once_until_the_condition_was_over_and_quiet_minutes_hold_back(world: World) -> None:
    await world.put(rule_set(rule(when=HIGH + '\nrepeat = "rise"'), rule("calm", when=HIGH + "\nquiet_minutes = 3")))
    for level in (4.0, 5.0, 2.0, 4.0, 4.0):  # a minute apart
        await world.level(level)
    await world.go()
    assert await world.firings() == [("high", "change"), ("calm", "change"), ("high", "change"), ("calm", "change")]


async def test_a_condition_asks_of_before_and_of_what_changed(world: World) -> None:
    when = 'watch = ["level"]\ncondition = "has(before.level) && entity.level - before.level >= 1.0"'
    await world.put(rule_set(rule(when=when)))
    for level in (1.0, 1.5, 3.0, 3.0):
        await world.level(level)
    await world.go()
    assert await world.tasks() == [f"{GAUGE} stands at 3"]


async def test_windows_look_back_from_the_moment_of_the_reading(world: World) -> None:
    windows = "".join(
        f'\n[[rule.window]]\nname = "{name}"\nfigure = "{figure}"\nattribute = "level"\nminutes = 3'
        for name, figure in (("many", "count"), ("speed", "rate"), ("slope", "trend"), ("top", "most"))
    )
    text = '"{many} {speed} {slope} {top}"'
    then = f'\n[[rule.then]]\ndo = "task"\nwhom = "officer"\ntext = {text}\nminutes = 5'
    await world.put(rule_set(rule(when='condition = "many >= 3 && speed > 59"' + windows, then=then)))
    for level in (1.0, 2.0, 3.0, 4.0):  # one metre a minute: 60 an hour; the first is out of the window at the last
        await world.level(level)
    await world.go()
    assert await world.tasks() == ["3 60 60 3", "3 60 60 4"]


PLACED: Any = [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}}]


async def test_joins_ask_of_entities_by_relationship_and_by_place(world: World) -> None:
    def at(longitude: float) -> Any:
        return [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, 36.0]}}]

    square = [[[136.0, 35.9], [136.3, 35.9], [136.3, 36.1], [136.0, 36.1], [136.0, 35.9]]]
    area = [{"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": square}}]
    place, owned = NGSI_LD + "location", DEFAULT_VOCAB + "ownedBy"
    docs: list[Any] = [
        {"id": "urn:ngsi-ld:School:1", "type": [DEFAULT_VOCAB + "School"], "attrs": {place: at(136.201)}},
        {"id": "urn:ngsi-ld:School:2", "type": [DEFAULT_VOCAB + "School"], "attrs": {place: at(136.9)}},
        {"id": "urn:ngsi-ld:Zone:1", "type": [DEFAULT_VOCAB + "Zone"], "attrs": {place: area}},
        {"id": "urn:ngsi-ld:Town:1", "type": [DEFAULT_VOCAB + "Town"], "attrs": {}},
        {
            "id": GAUGE,
            "type": [DEFAULT_VOCAB + "Gauge"],
            "attrs": {place: at(136.2), owned: [{"type": "Relationship", "object": "urn:ngsi-ld:Town:1"}]},
        },
    ]
    for doc in docs:
        assert (await world.house.one(Op.CREATE, doc, doc["id"])).problem is None
    joins = """
[[rule.join]]
name = "schools"
types = ["School"]
metres = 500
[[rule.join]]
name = "zones"
types = ["Zone"]
inside = true
[[rule.join]]
name = "owner"
relationship = "ownedBy"
"""
    then = '[[rule.then]]\ndo = "task"\nwhom = "x"\ntext = "{schools[0].id} {zones[0].id} {owner[0].id}"\nminutes = 5'
    await world.put(rule_set(rule(when='condition = "schools.size() == 1"' + joins, then=then)))
    await world.level(1.0)
    await world.go()
    assert await world.tasks() == ["urn:ngsi-ld:School:1 urn:ngsi-ld:Zone:1 urn:ngsi-ld:Town:1"]


async def test_a_join_and_a_window_take_no_more_than_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyes, "MAX_JOINED", 2)
    monkeypatch.setattr(eyes, "MAX_POINTS", 3)
    for number in range(4):
        doc: Any = {"id": f"urn:ngsi-ld:School:{number}", "type": [DEFAULT_VOCAB + "School"], "attrs": {}}
        doc["attrs"] = {NGSI_LD + "location": PLACED}
        assert (await world.house.one(Op.CREATE, doc, doc["id"])).problem is None
    ours: Any = {"id": GAUGE, "type": [DEFAULT_VOCAB + "Gauge"], "attrs": {NGSI_LD + "location": PLACED}}
    assert (await world.house.one(Op.CREATE, ours, GAUGE)).problem is None
    when = '\n[[rule.join]]\nname = "schools"\ntypes = ["School"]\nmetres = 500'
    when += '\n[[rule.window]]\nname = "many"\nfigure = "count"\nattribute = "level"\nminutes = 60'
    await world.put(rule_set(rule(when=when, then=task("{schools.size()} {many}"))))
    for level in (1.0, 2.0, 3.0, 4.0, 5.0):
        await world.level(level)
    await world.go()
    assert (await world.tasks())[-1] == "2 3"


async def test_so_many_tasks_are_shown_the_soonest_due_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_TASKS", 2)
    await world.put(rule_set(rule(then=task("{entity.level}"))))
    for level in (4.0, 5.0, 6.0):
        await world.level(level)
    await world.go()
    assert [one.text for one in await world.sets.tasks(OFFICER)] == ["4", "5"]


async def test_a_schedule_looks_at_no_more_than_so_many_entities(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwork, "MAX_ENTITIES", 2)
    for number in range(3):
        await world.level(5.0, f"urn:ngsi-ld:Gauge:{number}")
    world.clock.set(datetime(2026, 1, 5, 6, 0, tzinfo=UTC))
    await world.put(rule_set(rule("daily", when=HIGH + '\nschedule = "0 16 * * *"')))
    await world.go()
    world.clock.set(datetime(2026, 1, 5, 7, 0, tzinfo=UTC))
    await world.go()
    assert len(await world.firings()) == 2


async def test_silence_fires_once_and_closes_its_alert_when_something_is_heard(world: World) -> None:
    then = '\n[[rule.then]]\ndo = "alert"\nseverity = 2\ntitle_ja = "無音"\ntitle_en = "{entity.id} is silent"'
    await world.level(1.0)
    await world.put(rule_set(rule("silent", when='watch = ["level"]\nabsence_minutes = 30', then=then)))
    await world.go()  # what was there already is counted from now
    for minutes, alerts in ((29, 0), (2, 1), (60, 1)):
        world.clock.advance(minutes * 60)
        await world.go()
        assert len(await world.alerts.list("town", state="open")) == alerts
    [alert] = await world.alerts.list("town")
    assert alert.content.title == {"ja": "無音", "en": f"{GAUGE} is silent"}
    await world.level(1.0)
    await world.go()
    assert [one.state for one in await world.alerts.list("town")] == ["closed"]
    assert await world.firings() == [("silent", "absence"), ("silent", "over")]


async def test_a_schedule_fires_at_its_moment_in_japan_and_once_for_what_was_missed(world: World) -> None:
    await world.level(5.0)
    await world.level(2.0, "urn:ngsi-ld:Gauge:2")
    world.clock.set(datetime(2026, 1, 5, 6, 0, tzinfo=UTC))  # 15:00 in Japan
    await world.put(rule_set(rule("daily", when=HIGH + '\nschedule = "0 16 * * *"')))
    await world.go()
    assert await world.firings() == []
    world.clock.set(datetime(2026, 1, 5, 7, 0, tzinfo=UTC))
    await world.go()
    await world.go()
    world.clock.set(datetime(2026, 1, 8, 12, 0, tzinfo=UTC))
    world.made()
    await world.go()
    found = [one.firing.at for one in await world.sets.firings(OFFICER, "river")]
    days = [times.micros(datetime(2026, 1, day, 7, tzinfo=UTC)) for day in (8, 5)]
    assert found == days


CHANGE = '\n[[rule.then]]\ndo = "change"\nattribute = "{}"\n{}'


async def test_a_change_is_made_once_with_the_rule_as_its_cause(world: World) -> None:
    then = CHANGE.format("state", 'value = "high"') + CHANGE.format("half", 'expression = "entity.level / 2.0"')
    await world.put(rule_set(rule(when='watch = ["level"]\n' + HIGH, then=then)))
    await world.level(4.0)
    await world.go()
    assert (
        await world.house.value(DEFAULT_VOCAB + "state", GAUGE),
        await world.house.value(DEFAULT_VOCAB + "half", GAUGE),
    ) == ("high", 2.0)
    [state] = [one for one in await world.house.log() if DEFAULT_VOCAB + "state" in one.changed]
    assert (state.actor, state.cause) == ("system:rules/river", "rule:1:river/high/1/0")


async def test_a_chain_of_rules_over_several_sets_is_cut_and_told(world: World) -> None:
    names = ["level", *(f"a{number}" for number in range(MAX_HOPS + 2))]
    for number, (watched, changed) in enumerate(itertools.pairwise(names)):
        then = CHANGE.format(changed, f'expression = "entity.{watched} + 1.0"')
        await world.put(rule_set(rule(when=f'watch = ["{watched}"]', then=then), name=f"s{number}"))
    await world.level(1.0)
    for _ in range(MAX_HOPS + 2):
        await world.go()
    kinds = [await world.firings(f"s{number}") for number in range(MAX_HOPS + 2)]
    assert kinds == [[("high", "change")]] * MAX_HOPS + [[("high", "cut")], []]
    assert await world.house.value(DEFAULT_VOCAB + f"a{MAX_HOPS - 1}", GAUGE) == 1.0 + MAX_HOPS


async def test_commands_go_to_the_arbiter_with_a_cause_and_none_goes_twice(world: World) -> None:
    then = '\n[[rule.then]]\ndo = "command"\ndevice = "siren-1"\nname = "sound"\nreason = "level {entity.level}"'
    await world.put(rule_set(rule(then=then + '\narguments = {tone = "high", times = 3, text = "{entity.level} m"}')))
    await world.level(4.0)
    await world.sets.keeper.look("town")
    again = "UPDATE rule_action SET state = 'waiting', next_at = 0"  # as a kill leaves it
    await world.database.write("town", lambda tx: tx.execute(again))
    world.made()
    await world.go()
    [(cause, command)] = world.commands
    assert cause == "rule:1:river/high/1/0"
    assert (command.device, command.reason) == ("siren-1", "level 4")
    assert command.arguments == {"tone": "high", "times": 3, "text": "4 m"}


async def test_a_notification_is_tried_again_with_the_same_key_and_given_up_where_it_is_refused(world: World) -> None:
    then = '\n[[rule.then]]\ndo = "notify"\nto = "https://example.jp/hook"\ntitle = "high"\ntext = "{entity.level}"'
    await world.put(rule_set(rule(then=then)))
    world.answers = [TimeoutError(), HttpAnswer(503, {}, b""), HttpAnswer(200, {}, b""), HttpAnswer(404, {}, b"")]
    await world.level(4.0)
    for _ in range(3):
        await world.go()
        world.clock.advance(10)
    assert len(world.sent) == 3
    assert len({body[:40] for _, body in world.sent}) == 1, "the key stays"
    await world.level(5.0)
    await world.go()
    states = [one.actions[0].state for one in await world.sets.firings(OFFICER, "river")]
    assert states == ["refused", "done"]


def task(text: str = "look", whom: str = "officer") -> str:
    return f'\n[[rule.then]]\ndo = "task"\nwhom = "{whom}"\ntext = "{text}"\nminutes = 5\n'


async def test_a_set_stops_where_its_owner_may_no_longer_read(world: World) -> None:
    await world.put(rule_set(rule()), call=NEWCOMER)
    [held] = await world.rules.members.held("town", NEWCOMER.actor)
    await world.rules.members.end("town", held.id, "test", "gone")
    await world.level(4.0)
    await world.go()
    await world.go()
    assert await world.firings() == []
    stopped = (await world.sets.get(OFFICER, "river")).stopped[""]
    assert "保存し直して" in stopped.words.ja
    await world.sets.switch(OFFICER, "river", on=True)  # who switches it on does not lend it rights
    await world.level(4.0)
    await world.go()
    assert "" in (await world.sets.get(OFFICER, "river")).stopped


async def test_a_rule_sees_and_writes_what_its_owner_may_and_no_more(world: World) -> None:
    policies = """permit (principal in Role::"data-manager", action == Action::"read", resource is Entity)
      unless { resource.id == "urn:ngsi-ld:Gauge:1" };
    permit (principal in Role::"data-manager", action == Action::"rules", resource is Tenant);"""
    then = CHANGE.format("state", 'value = "high"') + task()
    text = rule_set(rule(when='watch = ["level"]\n' + HIGH, then=then))
    await world.put(text, call=NEWCOMER)
    await world.rules.documents.put("town", "data-manager", policies, "test", "narrower")
    await world.level(4.0)
    await world.level(5.0, "urn:ngsi-ld:Gauge:2")
    await world.go()
    [fired] = await world.sets.firings(OFFICER, "river")
    assert fired.firing.entity_id == "urn:ngsi-ld:Gauge:2"
    assert [(one.order.kind, one.state) for one in fired.actions] == [("change", "refused"), ("task", "done")]
    with pytest.raises(Forbidden, match="write"):
        await world.put(text, call=NEWCOMER)
    for call in (STRANGER, Call("town")):
        with pytest.raises((Forbidden, Unauthenticated)):
            await world.sets.all(call)
    with pytest.raises(Forbidden, match="command"):
        await world.put(rule_set(rule(then=COMMAND)), call=NEWCOMER)


COMMAND = '\n[[rule.then]]\ndo = "command"\ndevice = "siren-1"\nname = "sound"\nreason = "r {entity.level}"'
NOTIFY = '\n[[rule.then]]\ndo = "notify"\nto = "https://example.jp/hook"\ntitle = "{entity.level}"'


class Faulty:
    """The database until a write is to fail, before its commit or after it, as a kill does; from then on it is dead."""

    def __init__(self, database: Any, at: int, *, late: bool) -> None:
        self._database, self._left, self._late, self.is_dead = database, at, late, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, scope: str, work: Any) -> Any:
        self._left -= 1
        if self.is_dead or (self._left < 0 and not self._late):
            self.is_dead = True
            raise KilledError
        found = await self._database.write(scope, work)
        if self._left < 0:
            self.is_dead = True
            raise KilledError
        return found


class KilledError(BaseException):
    """The process is gone: nothing catches this."""


async def test_a_kill_at_any_write_loses_and_doubles_nothing(world: World) -> None:
    """Every place at which the room writes, before the commit and after it; the story is the same in the end: once
    what was claimed is free again, and at once where no other process could have claimed it.
    """
    acts = CHANGE.format("state", 'value = "high"') + COMMAND + NOTIFY + task("{entity.level}")
    text = rule_set(rule(when='watch = ["level"]\nrepeat = "rise"\n' + HIGH, then=acts))

    async def story(tenant: str, at: int | None, *, late: bool) -> tuple[Any, bool]:
        await world.database.add_tenant(tenant)
        await world.rules.members.add(tenant, OFFICER.actor, "operator", "test")
        world.alone = late
        world.made()
        call = Call(tenant, OFFICER.actor)
        await world.sets.put(call, text, on=True)
        world.commands, world.sent = [], []
        for level in (4.0, 1.0):
            await world.level(level, tenant=tenant)
        faulty = Faulty(world.database, 10**6 if at is None else at, late=late)
        world.made(faulty)
        killed = False
        try:
            await world.sets.keeper.catch_up(tenant)
        except KilledError:
            killed = True
            world.made()
            await world.sets.keeper.catch_up(tenant)
            if not world.alone:
                world.clock.advance(31)  # what it had claimed is free again
                await world.sets.keeper.catch_up(tenant)
        told = await world.sets.firings(call, "river")
        return (
            [(one.firing.key, [each.state for each in one.actions]) for one in told],
            sorted(one.text for one in await world.sets.tasks(call)),
            [(cause, one.reason) for cause, one in world.commands],
            sorted(set(world.sent)),
        ), killed

    expected, _ = await story("calm", None, late=False)
    assert (expected[1], [one for _, one in expected[2]]) == (["4"], ["r 4"])
    killed, at = True, 0
    while killed:
        for late in (False, True):
            found, killed = await story(f"t{at}{'l' if late else 'e'}", at, late=late)
            assert (found[:3], {body[:30] for _, body in found[3]}) == (
                expected[:3],
                {body[:30] for _, body in expected[3]},
            )
        at += 1 if world.database.dialect.name == "sqlite" else 4  # a new tenant costs much there
    assert at > 5


async def test_a_storm_is_stopped_with_a_reason_in_both_languages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MAX_FIRINGS", 3)
    await world.put(rule_set(rule("storm", when=""), rule("calm", when='condition = "entity.level > 100"')))
    for level in range(8):
        await world.level(float(level))
    await world.go()
    await world.go()
    one = await world.sets.get(OFFICER, "river")
    assert one.is_on
    assert set(one.stopped) == {"storm"}
    assert (
        "3 times in an hour" in one.stopped["storm"].words.en,
        "1 時間に 3 回" in one.stopped["storm"].words.ja,
    ) == (True, True)
    assert len(await world.firings()) == 4
    costs = await world.sets.costs(OFFICER, "river")
    assert (costs["storm"].judged, costs["storm"].fired, costs["calm"].judged, costs["calm"].fired) == (4, 4, 8, 0)
    again = await world.sets.switch(OFFICER, "river", on=True)
    assert again.stopped == {}


async def test_a_rule_that_costs_too_much_is_stopped_and_its_neighbour_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MEASURED", 2)
    await world.put(rule_set(rule()))
    await world.put(rule_set(rule(), name="other"))
    world.made()
    ticks = itertools.count()  # each look at the watch is eight seconds later
    object.__setattr__(world.sets.tools, "timer", lambda: 8.0 * next(ticks))
    for level in (1.0, 1.0, 1.0):
        await world.level(level)
    await world.go()
    stopped = (await world.sets.get(OFFICER, "river")).stopped["high"]
    assert "8000 ms for a judgement" in stopped.words.en
    assert "8000 ミリ秒" in stopped.words.ja
    cost = (await world.sets.costs(OFFICER, "river"))["high"]
    assert (cost.judged, cost.slowest) == (2, 8_000_000)
    assert world.sets.keeper.counters()["sets"] == 2


async def test_a_step_ends_after_a_second_and_goes_on_where_it_was(world: World) -> None:
    await world.put(rule_set(rule()))
    for level in (4.0, 5.0, 6.0):
        await world.level(level)
    ticks = itertools.count()
    object.__setattr__(world.sets.tools, "timer", lambda: 0.9 * next(ticks))
    assert await world.sets.keeper.look("town") is False
    assert len(await world.firings()) == 3
    assert next(ticks) > 10


async def test_what_a_condition_cannot_answer_is_counted_and_fires_nothing(world: World) -> None:
    await world.put(
        rule_set(rule(when='condition = "entity.missing > 3"'), rule("text", when='condition = "entity.level > 3"'))
    )
    await world.level("a text")
    await world.go()
    costs = await world.sets.costs(OFFICER, "river")
    assert (costs["high"].unanswered, costs["text"].unanswered) == (1, 1)
    assert "missing" in costs["high"].said
    assert await world.firings() == []


async def test_two_editors_at_once_lose_no_work_and_versions_go_back(world: World) -> None:
    first, mine, other = (rule_set(rule(name)) for name in ("first", "mine", "other"))
    with pytest.raises(ResourceNotFound):
        await world.sets.put(OFFICER, first, version=3)
    one = await world.sets.put(OFFICER, first, version=0, why="begin")
    assert (one.is_on, one.version) == (False, 1)
    await world.sets.put(NEWCOMER, other, version=1)
    with pytest.raises(ChangedMeanwhile) as refused:
        await world.sets.put(OFFICER, mine, version=1)
    assert (refused.value.theirs, refused.value.yours, refused.value.revision) == (other, mine, 2)
    await world.sets.put(OFFICER, mine, version=2)
    back = await world.sets.roll_back(OFFICER, "river", 1, version=3, why="it was better")
    assert (back.text, back.version, back.owner) == (first, 4, OFFICER.actor)
    told = [(one.number, one.made_by, one.why) for one in await world.sets.versions(OFFICER, "river")]
    assert told[0] == (4, "person:p-1", "it was better")
    assert told[-2:] == [(2, "person:p-2", ""), (1, "person:p-1", "begin")]
    assert [one for one in door.difference(first, mine) if one[0] in "+-"] == ['-name = "first"', '+name = "mine"']
    assert await world.sets.remove(OFFICER, "river")
    assert not await world.sets.remove(OFFICER, "river")
    kept = [one.number for one in await world.sets.versions(OFFICER, "river")]
    assert kept == [4, 3, 2, 1], "decisions name texts by their numbers"
    assert (await world.sets.put(OFFICER, first)).version == 5


async def test_of_a_set_so_many_versions_are_kept_and_a_reason_is_short(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MAX_VERSIONS", 3)
    for version in range(5):
        await world.sets.put(OFFICER, rule_set(rule(f"r-{version}")), version=version, why="x" * door.MAX_WHY)
    assert [one.number for one in await world.sets.versions(OFFICER, "river")] == [5, 4, 3]
    with pytest.raises(BadRequestData, match="at most 500"):
        await world.sets.put(OFFICER, rule_set(rule("more")), version=5, why="x" * (door.MAX_WHY + 1))


async def test_off_means_that_nothing_is_done_any_more(world: World) -> None:
    await world.put(rule_set(rule(then=NOTIFY)))
    await world.level(4.0)
    world.answers = [TimeoutError()]
    await world.go()
    await world.sets.switch(OFFICER, "river", on=False)
    world.clock.advance(60)
    await world.level(5.0)
    await world.go()
    assert len(world.sent) == 1
    assert [one.actions[0].state for one in await world.sets.firings(OFFICER, "river")] == ["refused"]
    await world.sets.switch(OFFICER, "river", on=True)  # what came meanwhile is not made up for
    await world.go()
    assert len(world.sent) == 1


async def test_a_trace_says_why_and_why_not(world: World) -> None:
    rules = (
        rule("fires"),
        rule("rises", when=HIGH + '\nrepeat = "rise"'),
        rule("never", when='condition = "entity.level > 100"'),
        rule("asks", when='condition = "entity.nothing > 100"'),
        rule("others", types="Bear"),
        rule("watches", when='watch = ["state"]'),
        rule("waits", when="absence_minutes = 9"),
        rule("daily", when='schedule = "0 7 * * *"'),
    )
    await world.level(4.0)
    await world.put(rule_set(*rules))
    await world.level(5.0)
    await world.level(6.0)
    await world.go()
    trace = await world.sets.trace(OFFICER, "river", GAUGE)
    newest, _, oldest = [{one.rule: one for one in change.steps} for change in trace.changes]
    assert {name: one.outcome for name, one in newest.items()} == {
        "fires": "did", "rises": "held", "never": "no", "asks": "unanswered", "others": "type", "watches": "watch",
        "waits": "heard", "daily": "other",
    }  # fmt: skip
    assert newest["fires"].facts == {"level": 6.0, "before.level": 5.0}
    assert [one.state for one in newest["fires"].actions] == ["done"]
    assert "nothing" in newest["asks"].words.en
    assert oldest["fires"].outcome == "later"


async def test_a_replay_says_where_it_would_have_fired_and_does_nothing(world: World) -> None:
    for level in (1.0, 4.0, 5.0, 2.0, 6.0):
        await world.level(level)
    end = times.micros(world.clock.now()) + 1
    start = end - 3_600_000_000
    window = '\n[[rule.window]]\nname = "rise"\nfigure = "rate"\nattribute = "level"\nminutes = 3'
    rules = (
        rule("each", when='watch = ["level"]\n' + HIGH),
        rule("once", when='watch = ["level"]\nrepeat = "rise"\n' + HIGH),
        rule("fast", when='watch = ["level"]\ncondition = "rise > 70.0"' + window),
        rule("silent", when='watch = ["level"]\nabsence_minutes = 30'),
        rule("never", when='watch = ["level"]\ncondition = "entity.nothing == 1"'),
        rule("hourly", when=HIGH + '\nschedule = "*/2 * * * *"'),
    )
    found = await world.sets.replay(OFFICER, rule_set(*rules), start, end + 1_860_000_000)
    assert found.counts == {"each": 3, "once": 2, "fast": 2, "silent": 1, "never": 0, "hourly": 17}
    assert [(one.rule, one.facts["level"]) for one in found.found if one.rule == "once"] == [
        ("once", 4.0),
        ("once", 6.0),
    ]
    assert found.unanswered["never"][0] == 5
    assert (await world.tasks(), await world.sets.all(OFFICER), found.cut) == ([], [], False)
    with pytest.raises(BadRequestData):
        await world.sets.replay(OFFICER, rule_set(*rules), end, start)


async def test_what_was_replayed_is_what_fires(world: World) -> None:
    """The same readings, judged as they come and judged afterwards, come to the same firings."""
    window = '\n[[rule.window]]\nname = "top"\nfigure = "most"\nattribute = "level"\nminutes = 4'
    when = 'watch = ["level"]\ncondition = "top > 3 && entity.level < top"\nquiet_minutes = 2' + window
    text = rule_set(rule(when=when))
    await world.put(text)
    start = times.micros(world.clock.now())
    for level in (1.0, 4.0, 3.5, 3.0, 2.0, 1.0, 0.5, 5.0, 4.5, 4.0):
        await world.level(level)
    await world.go()
    live = sorted(one.firing.at for one in await world.sets.firings(OFFICER, "river"))
    replayed = await world.sets.replay(OFFICER, text, start, times.micros(world.clock.now()) + 1)
    assert live == [one.at for one in replayed.found]
    assert len(live) > 2


async def test_tasks_are_seen_and_done_by_whom_they_are_for(world: World) -> None:
    await world.put(rule_set(rule(then=task("for officers") + task("for the third", "p-9"))))
    await world.level(4.0)
    await world.go()
    assert await world.tasks() == ["for officers", "for the third"]
    [mine] = await world.sets.tasks(STRANGER)
    assert (mine.text, mine.due_at - mine.made_at, mine.done_at) == ("for officers", 300_000_000, None)
    done = await world.sets.done(STRANGER, mine.id, "went there")
    assert (done.done_by, done.note) == ("person:p-3", "went there")
    with pytest.raises(BadRequestData, match=r"person:p-3"):
        await world.sets.done(OFFICER, mine.id)
    [other] = [one for one in await world.sets.tasks(OFFICER) if one.done_at is None]
    with pytest.raises(ResourceNotFound):
        await world.sets.done(STRANGER, other.id)
    with pytest.raises(Forbidden):
        await world.sets.tasks(Call("town", Actor("person", "nobody")))


async def test_the_position_runs_ahead_in_memory_and_is_kept_now_and_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SAVE_EVERY", 4)
    monkeypatch.setattr(keeper, "FLUSH_MICROS", 1 << 62)
    await world.put(rule_set(rule()))
    for _ in range(6):
        await world.level(1.0)
        await world.go()
    stored = await world.house.rows("SELECT seq FROM log_position WHERE reader = 'rules.river'")
    assert stored == [(4,)]


async def test_a_set_that_is_taken_away_and_put_anew_is_another_one(world: World) -> None:
    await world.put(rule_set(rule(then=task("old"))))
    await world.go()
    assert await world.sets.remove(OFFICER, "river")
    await world.put(rule_set(rule(then=task("new"))))
    await world.level(4.0)
    await world.go()
    assert await world.tasks() == ["new"]


async def test_two_processes_at_once_do_everything_once(world: World) -> None:
    acts = CHANGE.format("state", 'value = "high"') + COMMAND + NOTIFY + task()
    await world.put(rule_set(rule(when='watch = ["level"]\n' + HIGH, then=acts)))
    for level in (4.0, 5.0, 6.0):
        await world.level(level)
    rooms = [world.made() for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(one.keeper.catch_up("town") for one in rooms))
    assert await world.firings() == [("high", "change")] * 3
    assert (len(world.commands), len(world.sent), len(await world.tasks())) == (3, 3, 3)


SECRET = DEFAULT_VOCAB + "secret"
ELSEWHERE = '\n[names]\nsecret = "https://example.org/people/secret"\n'


@pytest.mark.parametrize(
    ("asks", "watch", "names"),
    [
        ("has(entity.secret) || has(before.secret)", "secret", ""),
        (
            f'has(entity.secret) || "{SECRET}" in entity || "{SECRET}" in before || changed.size() > 9',
            SECRET,
            ELSEWHERE,
        ),
    ],
    ids=["short", "in full"],
)
async def test_a_rule_sees_no_attribute_that_its_owner_may_not_read(
    world: World, asks: str, watch: str, names: str
) -> None:
    """By no name either: what another name of the set's own makes room for is hidden as it was."""
    secret = SECRET
    alias = f'\n[names]\nopen = "{secret}"\n'
    with pytest.raises(RuleRefused, match=r"names\.open: .* whose last part is the name itself"):
        await world.put(rule_set(rule("told", when='watch = ["open"]')) + alias)
    hidden = f"""permit (principal in Role::"data-manager", action == Action::"read", resource is Entity)
      unless {{ context.attribute == "{secret}" }};
    permit (principal in Role::"data-manager", action == Action::"rules", resource is Tenant);"""
    await world.rules.documents.put("town", "data-manager", hidden, "test", "narrower")
    told, watched = rule("told", when=f"condition = '{asks}'"), rule("watched", when=f'watch = ["{watch}"]')
    await world.put(rule_set(told, watched, rule("seen", when="")) + names, call=NEWCOMER)
    await world.level(1.0, secret=1)
    await world.level(1.0, secret=2)
    await world.go()
    assert await world.firings() == [("seen", "change")] * 2
    trace = await world.sets.trace(NEWCOMER, "river", GAUGE)
    assert {one.rule: one.outcome for one in trace.changes[0].steps} == {
        "told": "no",
        "watched": "watch",
        "seen": "did",
    }
