"""Rules that tell people, on both engines: whom, how many, once, within limits, by whose rights, or why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contracts.test_rules import GAUGE, OFFICER, Faulty, KilledError, World, rule, rule_set
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.app.rules import rules_of
from kumihimo.app.telling import PER_HOUR, STALE
from kumihimo.app.telling import TOPICS as OF_TOWN
from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden
from kumihimo.platform.access.store import PLATFORM_SCHEMA
from kumihimo.platform.access.store import SCHEMA as ACCESS
from kumihimo.platform.broker.models import Op
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.notices.compose import Composer
from kumihimo.service.notices.door import Choice, Notices
from kumihimo.service.notices.models import Area, Topic
from kumihimo.service.notices.seals import Seals
from kumihimo.service.notices.send import Sender
from kumihimo.service.notices.store import PLATFORM_SCHEMA as NOTICES_OF_ALL
from kumihimo.service.notices.store import SCHEMA as NOTICES
from kumihimo.service.rules.door import RuleSets
from kumihimo.service.rules.refusal import RuleRefused
from kumihimo.service.rules.store import SCHEMA as RULES

SMOG = Topic("air.smog", {"ja": "光化学スモッグ", "en": "Smog"})
HERE, FAR = (136.2, 36.0), (137.9, 36.9)
PLAIN = Call("town", Actor("person", "p-4"))


class TellingWorld(World):
    """The room with the people whom it tells: each has a telephone."""

    def __init__(self, database: Any, clock: FakeClock, folder: Path) -> None:
        self.seal, self.letters = Seal(folder / "keys" / "seal.key"), list[Any]()
        self.offered = {SMOG.id}
        super().__init__(database, clock)

    def made(self, database: Any = None) -> RuleSets:
        store = database or self.database
        seals = Seals(self.database, self.seal)

        async def entitled(tenant: str, account: str) -> bool:
            return True

        async def named(tenant: str) -> list[Area]:
            return []

        async def offered(tenant: str) -> set[str]:
            return self.offered | (await self.sets.told_of(tenant) & {one.id for one in OF_TOWN})

        composer = Composer(lambda: "https://data.example.jp", lambda _, lang: "町")

        async def post(letter: Any) -> None:
            self.letters.append(letter)

        sender = Sender(self.database, self.clock, seals, composer, post, self.fetch, lambda: "", entitled)
        self.notices = Notices(store, self.clock, seals, sender, [SMOG, *OF_TOWN], named, offered)
        history, context = History(self.database), Contexts(None).core
        bound = (self.access, self.house.broker, history, context, self.alerts, self.act, self.known, self.fetch)
        self.sets = rules_of(store, self.clock, self.house.nudges, *bound, alone=self.alone, notices=self.notices)
        return self.sets

    async def person(self, name: str, place: tuple[float, float], *topics: str, tenant: str = "town") -> None:
        """Somebody who wants to hear of these in two kilometres around the place, by mail."""
        await self.notices.choose(tenant, name, Choice(topics, False, None, "ja"))
        await self.notices.add_area(tenant, name, Area("", *place, 2000), "ja")
        await self.notices.set_email(tenant, name, f"{name}@example.jp", "ja")
        await self.notices.sender.round(tenant, "email")
        found = self.letters.pop().text.split(f"/notices/v1/{tenant}/confirm/")[1].split()[0]
        await self.notices.confirm(tenant, found)

    async def gauge(self, place: tuple[float, float] | None = HERE, *, tenant: str = "town", id_: str = GAUGE) -> None:
        point: Any = [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(place or ())}}]
        attrs = {NGSI_LD + "location": point} if place else {}
        doc: Any = {"id": id_, "type": [DEFAULT_VOCAB + "Gauge"], "attrs": attrs}
        [outcome] = [await self.house.one(Op.CREATE, doc, id_)] if tenant == "town" else [None]
        assert outcome is None or outcome.problem is None

    async def done(self) -> list[tuple[str, str]]:
        """What became of each notice, the newest first: its state and the words about it."""
        return [
            (str(one.state), one.words.en) for all_ in await self.sets.firings(OFFICER, "river") for one in all_.actions
        ]

    async def told(self, tenant: str = "town") -> list[str]:
        """Sends what is due, and to whom that was."""
        self.letters.clear()
        while await self.notices.sender.round(tenant, "email"):
            pass
        return [one.to for one in self.letters]


def tell(topic: str = "air.smog", more: str = "") -> str:
    return (
        f'\n[[rule.then]]\ndo = "notify"\ntopic = "{topic}"\n{more}\n'
        'title_ja = "濃度 {entity.level}"\ntitle_en = "Smog {entity.level}"\ntext_ja = "屋内へ"\ntext_en = "Go in"\n'
        'title_easy = "空気（くうき）が わるいです"\n'
    )


@pytest.fixture
async def world(any_database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> TellingWorld:
    schemas = [SCHEMA, HISTORY, ACCESS, PLATFORM_SCHEMA, ALERTS, RULES, NOTICES, NOTICES_OF_ALL]
    database = await any_database_factory(schemas)
    await database.add_tenant("town")
    world = TellingWorld(database, fake_clock, tmp_path)
    await world.rules.members.add("town", OFFICER.actor, "operator", "test")
    return world


async def test_people_of_the_place_who_asked_are_told_once_and_the_firing_says_how_many(world: TellingWorld) -> None:
    await world.gauge()
    await world.person("near", HERE, "air.smog")
    await world.person("far", FAR, "air.smog")
    await world.person("other", HERE)
    await world.put(rule_set(rule(when='watch = ["level"]\n' + 'condition = "entity.level > 3"', then=tell())))
    await world.level(4.0)
    await world.go()
    await world.go()
    assert await world.done() == [("done", "people told: 1 (messages: 1)")]
    assert await world.told() == ["near@example.jp"]
    assert (world.letters[0].subject, "屋内へ" in world.letters[0].text) == ("【町】濃度 4", True)
    whole = tell(more="whole_town = true")
    await world.put(rule_set(rule(when='watch = ["level"]', then=whole)))
    await world.level(5.0)
    await world.go()
    assert (await world.done())[0] == ("done", "people told: 2 (messages: 2)")


async def test_a_place_that_is_not_known_tells_nobody_and_another_entity_may_be_the_place(world: TellingWorld) -> None:
    await world.gauge(None)
    await world.gauge(FAR, id_="urn:ngsi-ld:Gauge:school")
    await world.person("far", FAR, "air.smog")
    school = tell(more='entity = "urn:ngsi-ld:Gauge:school"')
    await world.put(rule_set(rule(when='watch = ["level"]', then=tell() + school)))
    await world.level(4.0)
    await world.go()
    (nowhere, why), told = await world.done()
    assert (nowhere, "whole_town" in why, told) == ("refused", True, ("done", "people told: 1 (messages: 1)"))


async def test_a_topic_that_is_not_told_here_is_refused_when_it_is_saved_and_when_its_pack_went(
    world: TellingWorld,
) -> None:
    with pytest.raises(RuleRefused) as refused:
        await world.put(rule_set(rule(then=tell("wildlife.bear"))))
    assert ("air.smog" in refused.value.words.en, "この町にありません" in refused.value.words.ja) == (True, True)
    await world.gauge()
    await world.put(rule_set(rule(then=tell())))
    world.offered.clear()
    await world.level(4.0)
    await world.go()
    ((state, why),) = await world.done()
    assert (state, "nobody is told of this topic" in why) == ("refused", True)
    await world.sets.switch(OFFICER, "river", on=False)
    with pytest.raises(RuleRefused):
        await world.sets.switch(OFFICER, "river", on=True)


async def test_what_the_town_itself_tells_is_offered_to_people_while_a_rule_tells_it(world: TellingWorld) -> None:
    assert "town.information" not in {one.id for one in await world.notices.topics_of("town")}
    await world.put(rule_set(rule(then=tell("town.information"))))
    assert "town.information" in {one.id for one in await world.notices.topics_of("town")}
    await world.sets.switch(OFFICER, "river", on=False)
    assert "town.information" not in {one.id for one in await world.notices.topics_of("town")}


async def test_whoever_may_tell_nobody_puts_no_rule_that_does_and_who_may_no_more_tells_no_more(
    world: TellingWorld,
) -> None:
    await world.rules.members.add("town", PLAIN.actor, "data-manager", "test")
    with pytest.raises(Forbidden):
        await world.put(rule_set(rule(then=tell())), call=PLAIN)
    await world.rules.members.add("town", PLAIN.actor, "disaster-officer", "test")
    await world.gauge()
    await world.person("near", HERE, "air.smog")
    await world.put(rule_set(rule(then=tell())), call=PLAIN)
    (kept,) = [one for one in await world.rules.members.held("town", PLAIN.actor) if one.role == "disaster-officer"]
    await world.rules.members.end("town", kept.id, "test", "gone")
    await world.level(4.0)
    await world.go()
    assert [state for state, _ in await world.done()] == ["refused"]
    assert await world.told() == []


async def test_one_rule_tells_so_many_an_hour_and_what_is_too_late_is_told_to_nobody(
    world: TellingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.gauge()
    await world.person("near", HERE, "air.smog")
    await world.put(rule_set(rule(then=tell(more="urgent = true"))))
    for number in range(PER_HOUR + 1):
        await world.level(4.0 + number)
    await world.go()
    while not all(state != "waiting" for state, _ in await world.done()):
        await world.go()
    states = [state for state, _ in await world.done()]
    assert (states.count("done"), states.count("refused")) == (PER_HOUR, 1)
    world.clock.advance(3601)
    await world.level(99.0)
    await world.go()
    assert (await world.done())[0][0] == "done", "an hour later it tells again"

    async def away(*_: Any) -> int:
        raise OSError("the store is away")

    monkeypatch.setattr(world.notices, "tell", away)
    await world.level(100.0)
    await world.go()
    assert (await world.done())[0][0] == "waiting"
    monkeypatch.undo()
    world.clock.advance(STALE / 1_000_000)
    await world.go()
    assert (await world.done())[0] == ("failed", "it was too late to tell anybody")


async def test_what_is_tried_on_the_past_tells_nobody(world: TellingWorld) -> None:
    await world.gauge()
    await world.person("near", HERE, "air.smog")
    await world.level(4.0)
    await world.level(5.0)
    end = times.micros(world.clock.now()) + 1
    text = rule_set(rule(when='watch = ["level"]', then=tell()))
    found = await world.sets.replay(OFFICER, text, end - 3_600_000_000, end)
    assert (found.counts, await world.told()) == ({"high": 2}, [])


async def test_a_kill_at_any_write_tells_everybody_once(world: TellingWorld) -> None:
    await world.gauge()
    await world.person("near", HERE, "air.smog")
    text = rule_set(rule(when='watch = ["level"]\nrepeat = "rise"\ncondition = "entity.level > 3"', then=tell()))
    world.alone = True
    await world.put(text)
    at, killed = 0, True
    while killed:
        for late in (False, True):
            await world.level(1.0)
            await world.level(4.0)
            world.made(Faulty(world.database, at, late=late))
            try:
                await world.go()
                killed = False
            except KilledError:
                world.made()
                await world.go()
            assert await world.told() == ["near@example.jp"], (at, late)
            assert (await world.done())[0] == ("done", "people told: 1 (messages: 1)"), (at, late)
            world.clock.advance(600)
        at += 1
    assert at > 3
