"""A wing is in the towns that run its pack, and nowhere else: pages, navigation, figures, watch and alerts come with it
and go with it, on both engines.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client

from kumihimo.app.flood import flood_doors
from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wildlife import wildlife_doors
from kumihimo.app.wings import WINGS, note_wings, sources_of, wing_screens
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import ResourceNotFound
from kumihimo.base.ports import Letter, Reading
from kumihimo.base.settings import Settings
from kumihimo.platform.access.grants import EVERYTHING
from kumihimo.platform.broker.models import Change, Op
from kumihimo.service.alerts.models import Alert, Sighting
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.notices.door import Choice
from kumihimo.solutions.flood import entities as flood
from kumihimo.solutions.flood.telling import TOPICS as FLOOD_TOPICS
from kumihimo.solutions.flood.watch import Watch as RiverWatch
from kumihimo.solutions.flood.watching import watch_of
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.wildlife.devices import Site, site_change
from kumihimo.solutions.wildlife.telling import TOPICS
from kumihimo.solutions.wildlife.watch import Watch as AnimalWatch

WITH, WITHOUT = "with", "without"
GAUGE = "urn:ngsi-ld:RiverGauge:g1"
SITE = Site("sensor", "s1", "センサー", "畑", 136.6, 36.4)
PARTS = tuple(wing.part for wing in WINGS)
ABSENT = "This town does not run the pack"


class House:
    """The town "with" runs every wing, the town "without" none."""

    def __init__(self, platform: Platform, clock: FakeClock) -> None:
        self.platform = platform
        self.clock = clock
        self.client = Client(build_http(platform))
        self.rivers = watch_of(flood_doors(platform), WITH)
        self.at = 0

    async def install(self, tenant: str = WITH, *parts: str) -> None:
        for part in parts or PARTS:
            await self.platform.packs.install(call(tenant), self.platform.library.find(part))

    async def remove(self, tenant: str = WITH, *parts: str) -> None:
        for part in parts or PARTS:
            await self.platform.packs.remove(call(tenant), part)

    async def page(self, path: str, tenant: str = WITH, accept: str = "en") -> tuple[int, str]:
        reply = await self.client.get(f"/t/{tenant}{path}", {"accept-language": accept, "accept": "text/html"})
        return reply.status, reply.text

    async def nav(self, tenant: str) -> set[str]:
        """Where the entries of the navigation lead, below the town."""
        status, text = await self.page("/packs", tenant)
        assert status == 200
        return set(re.findall(rf'href="/t/{tenant}(/(?:flood|wildlife)[^"]*)"', text))

    async def river(self, height: float, tenant: str = WITH) -> None:
        """A reading of the gauge, whose flood danger level is 3 m."""
        self.at += 60_000_000
        reading = Reading(GAUGE, flood.GAUGE, flood.LEVEL, height, self.at, "MTR")
        [outcome] = await self.platform.ingest(call(tenant), [reading])
        assert outcome.status == "stored"

    async def look(self, watch: RiverWatch | AnimalWatch | None = None) -> int:
        return await (watch or self.rivers).reader.catch_up()

    async def open(self, tenant: str = WITH) -> list[Alert]:
        return await self.platform.alerts.list(tenant, state="open")


def call(tenant: str) -> Call:
    return Call(tenant, Actor("person", "p-1"), "test")


def gauge() -> Change:
    levels = zip(flood.THRESHOLDS.values(), (1.0, 2.0, 2.5, 3.0), strict=True)
    attrs: Any = {name: [{"type": "Property", "value": value}] for name, value in levels}
    attrs[flood.NAME] = [{"type": "Property", "value": "橋"}]
    return Change(Op.UPSERT, GAUGE, {"id": GAUGE, "type": [flood.GAUGE], "attrs": attrs})


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def house(request: pytest.FixtureRequest, tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[House]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    settings = Settings(data=str(tmp_path), database_url=url, port=0, mqtt_port=-1, open=True)
    platform = wire(settings, fake_clock)
    platform.packs = Packs(replace(platform.packs.doors, trial=None))  # that packs are tried first has its own tests
    async with open_database(platform):
        for tenant in (WITH, WITHOUT):
            await platform.database.add_tenant(tenant)
            outcomes = await platform.broker.apply(call(tenant), [gauge(), site_change(SITE, simulated=True)])
            assert [one.problem for one in outcomes] == [None, None]
        yield House(platform, fake_clock)


async def test_every_page_of_a_wing_comes_with_its_pack_and_goes_with_it(house: House) -> None:
    screens = [(one.path.replace("{id}", "x"), one) for one in wing_screens(house.platform)]
    entries = {one.path for _, one in screens if one.nav}
    assert len(screens) > 20
    assert entries == {"/flood", "/flood/alerts", "/flood/decisions", "/wildlife"}
    await house.install(WITH)
    for path, screen in screens:
        there, away = await house.page(path, WITH), await house.page(path, WITHOUT)
        assert ABSENT not in there[1], path
        assert away[0] == 404, path
        assert ABSENT in away[1], path
        assert f'href="/t/{WITHOUT}{screen.gate.offer}"' in away[1] if screen.gate else False, path
        if screen.post is not None:
            reply = await house.client.post(f"/t/{WITHOUT}{path}", {}, {"origin": "http://localhost"})
            assert reply.status == 404, path
    assert await house.nav(WITH) == entries
    assert await house.nav(WITHOUT) == set()
    assert (await house.page("/flood", WITHOUT, "ja"))[1].count("パックを導入していません") == 1
    _, shown = await house.page("/wildlife")
    assert f'href="/t/{WITH}/wildlife" aria-current' in shown
    assert f'<li><a href="/t/{WITHOUT}">' in shown, "the switch leads to no page that the town does not have"
    assert f'<li><a href="/t/{WITHOUT}/packs">' in (await house.page("/packs"))[1], "and stays where it has one"
    await house.remove(WITH)
    await house.install(WITHOUT)
    assert (await house.nav(WITH), await house.nav(WITHOUT)) == (set(), entries)
    assert [(await house.page("/flood", one))[0] for one in (WITH, WITHOUT)] == [404, 200]
    for path, _ in screens:
        status, text = await house.page(path, WITH)
        assert (status, ABSENT in text) == (404, True), path


async def test_the_first_page_of_an_empty_town_says_what_can_be_installed(house: House) -> None:
    reply = await house.client.get(f"/t/{WITHOUT}", {"accept": "text/html"})
    assert (reply.status, reply.headers["location"]) == (303, f"/t/{WITHOUT}/packs")
    _, page = await house.page("/packs", WITHOUT)
    assert [f'href="/t/{WITHOUT}/packs/{part}"' in page for part in PARTS] == [True, True]
    await house.install(WITHOUT, "flood")
    _, page = await house.page("/packs", WITHOUT)
    assert "Packs that can be installed" in page
    assert page.split("Packs that can be installed")[1].count("/packs/flood") == 0


async def test_one_wing_comes_without_the_other(house: House) -> None:
    await house.install(WITH, "wildlife")
    assert await house.nav(WITH) == {"/wildlife"}
    assert [(await house.page(one))[0] for one in ("/flood", "/wildlife")] == [404, 200]
    assert await sources_of(house.platform, WITH) == ["wildlife"]


async def test_figures_of_a_wing_are_those_of_towns_that_run_it(house: House) -> None:
    kpi: Kpi = house.platform.kpi
    await house.install(WITH)
    ids = [one.id for one in kpi.registered()]
    assert [one.id for one in await kpi.definitions(WITH)] == ids
    assert await kpi.definitions(WITHOUT) == []
    for one in ids:
        await kpi.figures(WITH, one, EVERYTHING)
        with pytest.raises(ResourceNotFound):
            await kpi.figures(WITHOUT, one, EVERYTHING)
    shown = [(await house.page("/kpi", one))[1] for one in (WITH, WITHOUT)]
    assert ["Lead time from stand-by" in one for one in shown] == [True, False]
    assert ["Damaged area" in one for one in shown] == [True, False]
    await house.remove(WITH)
    assert await kpi.definitions(WITH) == []


async def test_a_wing_tells_people_something_only_in_towns_that_run_it(house: House) -> None:
    await house.install(WITH)
    notices = house.platform.notices
    topics = {one: [topic.id for topic in await notices.topics_of(one)] for one in (WITH, WITHOUT)}
    assert topics == {WITH: [one.id for one in (*TOPICS, *FLOOD_TOPICS)], WITHOUT: []}
    assert ["Traps that closed" in (await house.page("/people-told", one))[1] for one in (WITH, WITHOUT)] == [
        True,
        False,
    ]
    assert "no pack that tells people anything" in (await house.page("/people-told", WITHOUT))[1]
    await house.remove(WITH, "wildlife")
    assert [one.id for one in await notices.topics_of(WITH)] == [one.id for one in FLOOD_TOPICS]
    await house.remove(WITH, "flood")
    assert (await notices.topics_of(WITH), await notices.named(WITH)) == ([], [])


async def test_a_river_that_rises_is_told_to_who_asked_and_counted_when_it_is_handed_over(house: House) -> None:
    await house.install(WITH, "flood")
    notices, letters = house.platform.notices, list[Letter]()

    async def post(letter: Letter) -> None:
        letters.append(letter)

    notices.sender.mail = post
    await house.platform.rules.members.add(WITH, call(WITH).actor, "officer", "test")
    await notices.choose(WITH, "p-1", Choice(("flood.level",), True, (0, 23), "ja-easy"))
    await notices.set_email(WITH, "p-1", "p1@example.jp", "ja-easy")
    await notices.sender.round(WITH, "email")
    await notices.confirm(WITH, letters.pop().text.split("/confirm/")[1].split()[0])
    for height in (0.5, 2.25, 3.5):
        await house.river(height)
    await house.look()
    assert await notices.sender.round(WITH, "email") == 1, "quiet hours hold the one, not what the town marks as urgent"
    [letter] = letters
    assert ("あぶない 高（たか）さです" in letter.text, "/flood/gauges/" in letter.text) == (True, True)
    [figure] = await house.platform.kpi.figures(WITH, "flood.notice-seconds", EVERYTHING)
    assert (figure.state, figure.note and figure.note["en"]) == ("known", "notices: 2; not handed over: 1")


async def test_a_watch_begins_when_its_pack_is_installed(house: House) -> None:
    """What the log holds before raises nothing, also where nobody has read it yet; the next reading does."""
    await house.river(3.5)
    assert await house.look() == 0
    await house.install(WITH, "flood")
    await house.look()
    assert await house.open() == []
    await house.river(3.25)
    assert await house.look() > 0
    [alert] = await house.open()
    assert (alert.subject, alert.severity) == (GAUGE, 4)


async def test_removal_closes_what_is_open_and_says_so_before(house: House) -> None:
    packs = house.platform.packs
    await house.install(WITH, "flood")
    await house.river(2.25)
    await house.look()
    [alert] = await house.open()
    person = Call(WITH, Actor("person", "Sato"))
    await house.platform.alerts.decide(person, alert.id, alert.version, "accepted", "seen at the bridge")
    plan = await packs.plan_removal(WITH, "flood")
    assert [one.en[:19] for one in plan.later] == ["open alerts: 1; the", "alerts and decision"]
    assert "they close with the reason" in (await house.page("/packs/flood"))[1]
    house.clock.advance(1)
    await house.remove(WITH, "flood")
    assert await house.open() == []
    [closed] = await house.platform.alerts.list(WITH)
    last = (await house.platform.alerts.events(WITH, alert.id))[-1]
    assert (closed.state, closed.severity, last.kind) == ("closed", 2, "closed")
    assert last.content.title["en"] == "closed: the pack was removed"
    status, text = await house.page(f"/alerts/{alert.id}")
    assert (status, "closed: the pack was removed" in text, "seen at the bridge" in text) == (200, True, True)
    assert "seen at the bridge" in (await house.page("/alerts/decisions"))[1]


async def test_decisions_of_a_removed_pack_lead_to_pages_that_there_are(house: House) -> None:
    """Where the pack runs they lead to its own page of the alert, else to the one of all that no pack has pages for."""
    await house.install()
    await house.river(2.25)
    await house.look()
    await _detect(house.platform, WITH, "2026-06-01T00:00:00Z")
    await house.look(AnimalWatch(wildlife_doors(house.platform), WITH))
    made = {}
    for alert in await house.open():
        person = Call(WITH, Actor("person", "Sato"))
        decision = await house.platform.alerts.decide(person, alert.id, alert.version, "rejected", "not now")
        made[alert.source] = (alert.id, decision.id)
    assert set(made) == {"flood", "wildlife"}
    for removed in ("", *made):
        if removed:
            await house.remove(WITH, removed)
        runs = await sources_of(house.platform, WITH)
        log = (await house.page("/alerts/decisions"))[1]
        for source, (alert_id, decision_id) in made.items():
            place = f"/{source}/alerts/{alert_id}" if source in runs else f"/alerts/{alert_id}"
            status, page = await house.page(f"/alerts/decisions/{decision_id}")
            assert (status, f'href="/t/{WITH}{place}"' in page) == (200, True), (removed, source)
            assert f'href="/t/{WITH}{place}"' in log, (removed, source)
            assert (await house.page(place))[0] == 200, (removed, source)
            other = f"/alerts/{alert_id}" if source in runs else f"/{source}/alerts/{alert_id}"
            assert (await house.page(other))[0] == 404, (removed, source)


async def test_after_installing_again_no_alert_comes_twice_and_the_next_one_comes(house: House) -> None:
    await house.install(WITH, "flood")
    await house.river(3.5)
    await house.look()
    await house.remove(WITH, "flood")
    await house.river(3.25)
    assert await house.look() == 0
    await house.install(WITH, "flood")
    await house.look()
    assert await house.open() == []
    await house.river(3.5)  # the same level as before: what is remembered of the first installation must not hide it
    await house.look()
    assert [one.severity for one in await house.open()] == [4]
    assert len(await house.platform.alerts.list(WITH)) == 2


async def test_an_upgrade_and_a_second_pack_on_the_wing_interrupt_no_watch(house: House) -> None:
    await house.install(WITH, "flood")
    await house.river(3.5)
    await house.install(WITH, "flood")
    await house.look()
    assert len(await house.open()) == 1


async def test_animals_are_watched_only_where_the_pack_is(house: House) -> None:
    watches = [AnimalWatch(wildlife_doors(house.platform), one) for one in (WITH, WITHOUT)]
    await house.install(WITH, "wildlife")
    for at in ("2026-06-01T00:00:00Z", "2026-06-01T02:00:00Z"):
        for tenant, watch in zip((WITH, WITHOUT), watches, strict=True):
            await _detect(house.platform, tenant, at)
            await house.look(watch)
        assert [len(await house.open(one)) for one in (WITH, WITHOUT)] == [1, 0]
    await house.remove(WITH, "wildlife")
    assert await house.open() == []
    await _detect(house.platform, WITH, "2026-06-01T04:00:00Z")
    assert await house.look(watches[0]) == 0
    assert await house.open() == []


async def _detect(platform: Platform, tenant: str, at: str) -> None:
    values = {"detectedSpecies": "Ursus thibetanus", "detectionConfidence": 0.9}
    attrs: Any = {
        f"{flood.GAUGE.rpartition('/')[0]}/{name}": [{"type": "Property", "value": value, "observedAt": at}]
        for name, value in values.items()
    }
    fragment: Any = {"id": SITE.entity_id, "type": [], "attrs": attrs}
    [outcome] = await platform.broker.apply(call(tenant), [Change(Op.APPEND, SITE.entity_id, fragment)])
    assert outcome.problem is None


async def test_an_alert_that_was_under_way_while_its_pack_was_removed_closes_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch looks at a reading, the pack goes with all open alerts, and then the watch raises its alert."""
    alerts, sight, told = house.platform.alerts, house.platform.alerts.sight, []

    async def late(call: Call, sighting: Sighting) -> Alert | None:
        await house.remove(WITH, sighting.source)
        return await sight(call, sighting)

    async def tell(tenant: str, notice: object) -> int:
        told.append(notice)
        return 0

    monkeypatch.setattr(alerts, "sight", late)
    doors = replace(wildlife_doors(house.platform), tell=tell)
    await house.install()
    await house.river(3.5)
    await house.look()
    await _detect(house.platform, WITH, "2026-06-01T00:00:00Z")
    await house.look(AnimalWatch(doors, WITH))
    assert {one.source: one.state for one in await alerts.list(WITH)} == {"flood": "closed", "wildlife": "closed"}
    assert told == []


async def test_a_town_that_used_a_wing_before_goes_on_and_only_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    platform = house.platform
    await platform.database.add_tenant("empty")
    async with note_wings(platform):
        installs = {one: await platform.packs.all(one) for one in (WITH, WITHOUT, "empty")}
    assert {one: [(pack.id, pack.state, pack.by) for pack in packs] for one, packs in installs.items()} == {
        WITH: [(part, "installed", "system platform") for part in PARTS],
        WITHOUT: [(part, "installed", "system platform") for part in PARTS],
        "empty": [],
    }
    assert len([one for one in caplog.records if "noted as installed" in one.message]) == 4
    assert (await house.page("/flood", WITH))[0] == 200
    assert [one.name for one in await platform.rules.documents.list(WITH) if one.name.startswith("pack-")] == []
    await house.remove(WITH)
    await platform.database.add_tenant("later")
    await platform.broker.apply(call("later"), [gauge()])
    async with note_wings(platform):
        assert [await platform.packs.all(one) for one in (WITH, "empty", "later")] == [[], [], []]


async def test_what_a_town_saw_before_the_change_is_watched_on_from_where_it_stood(house: House) -> None:
    await house.river(3.5)
    async with note_wings(house.platform):
        await house.look()
    assert len(await house.open()) == 1, "a watch that was under way misses nothing"


@pytest.mark.postgres
async def test_another_process_sees_it_within_a_second(
    tmp_path: Path, postgres_url: str, fake_clock: FakeClock
) -> None:
    made = [
        wire(Settings(data=str(tmp_path / one), database_url=postgres_url, port=0, mqtt_port=-1, open=True), fake_clock)
        for one in ("one", "two")
    ]
    async with open_database(made[0]), open_database(made[1]):
        await made[0].database.add_tenant(WITH)
        one, two = (House(platform, fake_clock) for platform in made)
        statuses = []
        for act in (one.install, one.remove):
            assert await two.page("/flood") is not None  # what is kept of the town is as new as can be
            await act(WITH, "flood")
            fake_clock.advance(1.001)
            statuses.append([(await house.page("/flood"))[0] for house in (one, two)])
        assert statuses == [[200, 200], [404, 404]]
