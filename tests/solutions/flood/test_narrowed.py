"""Attacks on the wing's pages and the KPIs: what a caller may not see is in no page, file, order or count of theirs."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory
from tests.rights import all_but, only, rows
from tests.service.console.asgi_client import Client
from tests.solutions.flood.flood_house import House, opened, shows_nothing

from kumihimo.base.call import Actor, Call
from kumihimo.base.ports import Reading
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import ALL_ROWS, EVERYTHING, NOTHING, Grant
from kumihimo.platform.access.models import ALL_NAMES, EVERY_ROW, Clause, Names, Rights, RowIds
from kumihimo.platform.access.rows import all_but as all_rows_but
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.models import Instance
from kumihimo.service.alerts.models import Content, Sighting
from kumihimo.service.console.live import Live
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.service.kpi.screens import kpi_screens
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.cards import TownCards
from kumihimo.solutions.flood.screens import flood_screens
from kumihimo.solutions.flood.stage import Stage
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.thresholds import HOUR
from kumihimo.solutions.flood.watch import Watch

pytestmark = pytest.mark.enable_socket
TOWN = "ourtown"
OPEN, HIDDEN = "urn:ngsi-ld:RiverGauge:open", "urn:ngsi-ld:RiverGauge:canary"
HEIGHTS = (0.25, 2.375, 8.625, 9.125)
"""Of both gauges, an hour apart: below all thresholds, above the first, above the last, and higher still."""
LIMITS = {"standby": 1.625, "danger": 7.875}
FACTS = {"at": 1, "height": 8.625, "rateState": "too-few"}
SYSTEM = Call(TOWN, Actor("system", "test"))


class Stand:
    """The wing over a town with two gauges that have each an alert; rights is what the caller may see."""

    def __init__(self, house: House) -> None:
        self.house, self.rights = house, EVERYTHING
        self.doors = replace(house.doors, rights=self.rights_of)
        live = Live(self.doors.database, self.doors.bus, Access(True), Contexts().core.compact)
        screens = [*flood_screens(self.doors, Stage()), *kpi_screens(house.kpi, self.rights_of, shows_nothing)]
        words = load_words([OWN_PACKAGE, "kumihimo.solutions.flood", "kumihimo.service.kpi"])
        card = TownCards(self.doors, Stage()).card
        console = Console(screens, words, tenants=self.doors.database.tenants, live=live, card=card)
        self.app = Starlette(routes=console.routes())
        self.client = Client(self.app)
        self.ids: dict[str, str] = {}
        self.pages: list[str] = []

    async def rights_of(self, call: Call) -> Grant:
        return self.rights

    async def fill(self) -> None:
        await self.doors.database.add_tenant(TOWN)
        for gauge, word in ((OPEN, "OPENNAME"), (HIDDEN, "CANARY")):
            await self.doors.broker.apply(SYSTEM, [_gauge(gauge, word)])
            for hour, height in enumerate(HEIGHTS, 1):
                reading = Reading(gauge, entities.GAUGE, entities.LEVEL, height, hour * HOUR, "MTR")
                await self.doors.ingest(SYSTEM, [reading])
        doors = self.doors
        await Watch(doors.database, doors.bus, doors.history, doors.alerts, propose, TOWN).reader.catch_up()
        for alert in await doors.alerts.list(TOWN):
            self.ids[alert.subject] = alert.id
        await self.decide(HIDDEN, "CANARY was seen")
        await self.decide(OPEN, "8.625 was read")
        figures = await self.house.kpi.figures(TOWN, "flood.lead-time", EVERYTHING)
        self.pages = [
            "/",
            *(f"/t/{TOWN}{path}" for path in ("/flood", "/flood/map.json", "/flood/base.json", "/flood/alerts")),
            *(f"/t/{TOWN}{path}" for path in ("/flood/decisions", "/flood/decisions.csv", "/kpi")),
            *(f"/t/{TOWN}/flood/alerts/{one}" for one in self.ids.values()),
            *(f"/t/{TOWN}/flood/gauges/{one}" for one in self.ids),
            *(f"/t/{TOWN}/flood/gauges/{one}/chart.json" for one in self.ids),
            *(f"/t/{TOWN}/kpi/{one.id}" for one in figures),
            f"/t/{TOWN}/flood/alerts?sort=severity&q=waterLevel%3E1&subject={HIDDEN}&state=open",
            f"/t/{TOWN}/flood/decisions.csv?alert={self.ids[HIDDEN]}&limit=1",
        ]

    async def decide(self, gauge: str, reason: str) -> None:
        alert = await self.doors.alerts.get(TOWN, self.ids[gauge])
        person = replace(SYSTEM, actor=Actor("person", "CANARY-officer"))
        await self.doors.alerts.decide(person, alert.id, alert.version, "accepted", reason, FACTS)

    async def all_pages(self) -> str:
        """Every page in both languages, for whoever has these rights."""
        found = []
        for path in self.pages:
            for lang in ("ja", "en"):
                answer = await self.client.get(path, {"accept-language": lang})
                assert answer.status in (200, 404), path
                if answer.status == 200:  # a page on what is not there says again what was asked for
                    found.append(re.sub(r'<a href="[^"]*lang=(ja|en)"', "", answer.text))
        return "\n".join(found)


def _gauge(gauge: str, word: str) -> Change:
    def value(of: object) -> list[Instance]:
        return [{"type": "Property", "value": of}]

    attrs: dict[str, list[Instance]] = {
        entities.NAME: value(word),
        entities.RIVER: value(f"{word}-river"),
        entities.ADDRESS: value({"addressLocality": "福井市", "streetAddress": f"{word.lower()}-street"}),
        entities.LOCATION: [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.1]}}],
        **{entities.THRESHOLDS[name]: value(height) for name, height in LIMITS.items()},
    }
    return Change(Op.UPSERT, gauge, {"id": gauge, "type": [entities.GAUGE], "attrs": attrs})


@pytest.fixture
async def stand(database_factory: DatabaseFactory) -> AsyncIterator[Stand]:
    async with opened(database_factory) as house:
        stand = Stand(house)
        await stand.fill()
        yield stand


def but_one() -> Grant:
    """Everything but one gauge."""
    hidden = Clause(RowIds(frozenset({HIDDEN})), ALL_NAMES)
    return Grant.of(Rights((Clause(EVERY_ROW, ALL_NAMES),), (hidden,)))


def shown(*names: str) -> Grant:
    """All rows, without these attributes of gauges."""
    hidden = Clause(rows(types=entities.GAUGE).rows, Names(frozenset(names)))
    return Grant.of(Rights((Clause(EVERY_ROW, ALL_NAMES),), (hidden,)))


async def test_who_reads_everything_sees_everything(stand: Stand) -> None:
    """So that the attacks below would find what they look for."""
    text = await stand.all_pages()
    for word in (
        "CANARY",
        "CANARY-officer",
        "OPENNAME",
        "8.62",
        "CANARY was seen",
        "8.625 was read",
        *stand.ids.values(),
    ):
        assert word in text, word
    assert not re.search("権限がないため非表示|示せません|not shown to you|Not shown to you|Only figures", text)


async def test_of_a_gauge_that_may_not_be_read_nothing_is_anywhere(stand: Stand) -> None:
    stand.rights = but_one()
    text = await stand.all_pages()
    for word in ("CANARY-river", "canary-street", "CANARY was seen", HIDDEN, HIDDEN.replace(":", "%3A")):
        assert word not in text, word
    assert "OPENNAME" in text
    listed = (await stand.client.get(f"/t/{TOWN}/flood/alerts")).text
    assert listed.count('<th scope="row">') == 1
    table = (await stand.client.get(f"/t/{TOWN}/flood/decisions.csv")).text
    assert table.count("\r\n") == 2, "the head and one decision"
    kpi = (await stand.client.get(f"/t/{TOWN}/kpi", {"accept-language": "en"})).text
    assert "Only figures from what you may read are shown" in kpi
    assert "CANARY" not in kpi


async def test_the_alert_of_such_a_gauge_is_as_one_that_there_is_not(stand: Stand) -> None:
    stand.rights = but_one()
    said = {}
    for name in (stand.ids[HIDDEN], "urn:ngsi-ld:Alert:none"):
        path = f"/t/{TOWN}/flood/alerts/{name}"
        shown, taken = await stand.client.get(path), await stand.client.post(path, {"verdict": "accepted", "who": "x"})
        assert (shown.status, taken.status) == (404, 404)
        said[name] = re.sub(f"{name}|{quote(name)}", "X", shown.text + taken.text)
    assert len(set(said.values())) == 1


async def test_no_step_of_another_alert_is_sent_again_through_ones_own(stand: Stand) -> None:
    [other] = await stand.doors.alerts.decisions(TOWN, stand.ids[HIDDEN])
    stand.rights = but_one()
    form = {"decision": other.id, "step": "0", "who": "x", "reason": "x"}
    assert (await stand.client.post(f"/t/{TOWN}/flood/alerts/{stand.ids[OPEN]}", form)).status == 404
    [after] = await stand.doors.alerts.decisions(TOWN, stand.ids[HIDDEN])
    assert after.steps == other.steps


async def test_a_level_that_is_hidden_is_in_no_page(stand: Stand) -> None:
    """Neither the readings nor what was made from them: levels, words, steps, reasons, figures."""
    stand.rights = shown(entities.LEVEL)
    text = await stand.all_pages()
    for word in (
        "8.62",
        "9.12",
        "2.37",
        "はん濫危険水位に到達",
        "reached flood danger",
        "was read",
        "was seen",
        "川から離れて",
    ):
        assert word not in text, word
    page = (await stand.client.get(f"/t/{TOWN}/flood/alerts/{stand.ids[OPEN]}", {"accept-language": "en"})).text
    assert page.count("not shown to you") >= 5
    assert "OPENNAME (OPENNAME-river): alert" in page
    assert "km-level" not in page.split('id="events"')[0].replace("km-legend", "")
    kpi = (await stand.client.get(f"/t/{TOWN}/kpi", {"accept-language": "ja"})).text
    assert "あなたの権限では示せません" in kpi
    assert "RiverGauge（waterLevel" in kpi
    card = (await stand.client.get("/", {"accept-language": "ja"})).text
    assert card.count("権限がないため非表示") == 2, "both alerts are there, and how grave they are is not"


async def test_nobody_decides_on_what_is_not_shown(stand: Stand) -> None:
    for gauge in (OPEN, HIDDEN):  # a new stage: the river fell, and what was said must be unsaid
        reading = Reading(gauge, entities.GAUGE, entities.LEVEL, 2.0, 9 * HOUR, "MTR")
        await stand.doors.ingest(SYSTEM, [reading])
    doors = stand.doors
    await Watch(doors.database, doors.bus, doors.history, doors.alerts, propose, TOWN).reader.catch_up()
    alert = await doors.alerts.get(TOWN, stand.ids[OPEN])
    assert alert.verdict == "undecided"
    path = f"/t/{TOWN}/flood/alerts/{alert.id}"
    form = {"version": str(alert.version), "verdict": "accepted", "who": "x", "reason": "x"}
    for hidden in (entities.LEVEL, entities.THRESHOLDS["danger"], entities.NAME, entities.ADDRESS):
        stand.rights = shown(hidden)
        page = (await stand.client.get(path, {"accept-language": "en"})).text
        assert 'name="verdict"' not in page
        assert "it is decided on by somebody who may" in page
        assert (await stand.client.post(path, form)).status == 403
    assert (await doors.alerts.get(TOWN, alert.id)).verdict == "undecided"
    stand.rights = shown(entities.SOURCE)
    assert (await stand.client.post(path, form)).status == 303, "what the alert does not rest on hinders nobody"


async def test_thresholds_that_are_hidden_are_in_no_page(stand: Stand) -> None:
    stand.rights = shown(*entities.THRESHOLDS.values())
    text = await stand.all_pages()
    for word in ("7.88", "7.87", "1.62", "はん濫危険水位に到達", "reached flood danger"):
        assert word not in text, word
    assert "8.62" in text, "the readings themselves are not hidden"


async def test_a_river_stands_at_no_level_where_a_threshold_is_hidden(stand: Stand) -> None:
    """By those that are left it would stand lower than it does."""
    path = f"/t/{TOWN}/flood/map.json"
    levels = [one["properties"]["level"] for one in json.loads((await stand.client.get(path)).body)["features"]]
    assert levels == [4, 4]
    hidden = Clause(RowIds(frozenset({HIDDEN})), Names(frozenset({entities.THRESHOLDS["danger"]})))
    stand.rights = Grant.of(Rights((Clause(EVERY_ROW, ALL_NAMES),), (hidden,)))
    found = {
        one["properties"]["id"]: one["properties"]["level"]
        for one in json.loads((await stand.client.get(path)).body)["features"]
    }
    assert found == {OPEN: 4, HIDDEN: None}
    chart = json.loads((await stand.client.get(f"/t/{TOWN}/flood/gauges/{HIDDEN}/chart.json")).body)
    assert chart["thresholds"] == []
    assert chart["series"]


@pytest.mark.parametrize(
    "grant", [NOTHING, Grant(ALL_ROWS, only(entities.SOURCE)), Grant(ALL_ROWS, all_but(entities.NAME, entities.RIVER))]
)
async def test_a_name_that_is_hidden_is_in_no_page(stand: Stand, grant: Grant) -> None:
    stand.rights = grant
    text = await stand.all_pages()
    for word in ("OPENNAME", "CANARY-river", "was read", "was seen"):
        assert word not in text, word


async def test_an_alert_of_another_town_is_linked_as_far_as_it_may_be_seen(stand: Stand) -> None:
    """A count and a badge on the first page are of the alerts that may be seen there."""
    await stand.doors.database.add_tenant("other")
    reading = Reading(OPEN, entities.GAUGE, entities.LEVEL, 0.1, 9 * HOUR, "MTR")
    await stand.doors.ingest(SYSTEM, [reading])
    whole = (await stand.client.get("/", {"accept-language": "ja"})).text
    assert "OPENNAME" in whole
    stand.rights = Grant.of(Rights((Clause(all_rows_but(RowIds(frozenset({OPEN, HIDDEN}))), ALL_NAMES),)))
    assert "警報" not in re.sub(
        "<footer.*", "", (await stand.client.get("/", {"accept-language": "ja"})).text, flags=re.DOTALL
    )


async def test_an_alert_of_a_rule_has_no_page_here(stand: Stand) -> None:
    """Also for who reads everything, about a gauge of the wing: it has the alert room's own page."""
    title = {"ja": "RULE", "en": "RULE"}
    sighting = Sighting("rules", f"{OPEN}#set/rule", 4, 5, Content(title, facts={"entity": OPEN}))
    alert = await stand.doors.alerts.sight(SYSTEM, sighting)
    assert alert is not None
    path = f"/t/{TOWN}/flood/alerts/{alert.id}"
    form = {"version": "1", "verdict": "accepted", "reason": "RULE", "who": "RULE"}
    assert ((await stand.client.get(path)).status, (await stand.client.post(path, form)).status) == (404, 404)
    assert "RULE" not in await stand.all_pages()
