"""The wing's pages on real rooms, in the console's real shell, without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory
from tests.rights import all_but
from tests.service.console.asgi_client import Client
from tests.solutions.flood.flood_house import House, everybody, opened, shows_nothing

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.ports import Reading
from kumihimo.base.screens import Ask
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import ALL_ROWS, EVERYTHING, NOTHING, Grant
from kumihimo.platform.broker.log import read_log_tx
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.alerts.models import Alert
from kumihimo.service.console.live import Live
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.service.kpi.screens import kpi_screens
from kumihimo.solutions.flood import demo, entities, read
from kumihimo.solutions.flood.demo import FloodDoors, Prepared
from kumihimo.solutions.flood.gauge_pages import GaugePages
from kumihimo.solutions.flood.overview import Overview
from kumihimo.solutions.flood.screens import flood_screens
from kumihimo.solutions.flood.stage import Stage
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.tenants import PREFECTURE, TENANTS
from kumihimo.solutions.flood.thresholds import HOUR
from kumihimo.solutions.flood.training import TRAINING
from kumihimo.solutions.flood.views import docs_of
from kumihimo.solutions.flood.watch import Watch

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]
PREF = "/t/fukui-pref"


class Stand:
    """The wing, played by hand until some alerts are there."""

    def __init__(self, house: House, prepared: Prepared) -> None:
        self.house, self.prepared = house, prepared
        self.stage = Stage(prepared)
        self.client = self.client_of(house.doors)

    def client_of(self, doors: FloodDoors) -> Client:
        """A browser before the pages that go through these doors."""
        live = Live(doors.database, doors.bus, Access(True), Contexts().core.compact)
        screens = [*flood_screens(doors, self.stage), *kpi_screens(self.house.kpi, everybody, shows_nothing)]
        words = load_words([OWN_PACKAGE, "kumihimo.solutions.flood", "kumihimo.service.kpi"])
        console = Console(screens, words, tenants=doors.database.tenants, live=live)
        return Client(Starlette(routes=console.routes()))

    async def play(self, moments: int) -> None:
        for _ in range(moments):
            await self.prepared.player.step()
        shares, watches = self.prepared.shares, self.prepared.watches
        for reader in [*(share.reader for share in shares), *(watch.reader for watch in watches)]:
            await reader.catch_up()


@pytest.fixture
async def stand(database_factory: DatabaseFactory) -> AsyncIterator[Stand]:
    async with opened(database_factory) as house:
        prepared = await demo.prepare(house.doors, "2024-06")
        stand = Stand(house, prepared)
        await stand.play(7)
        yield stand
        await prepared.player.close()


async def test_the_pages_say_what_stands_in_the_tenants(stand: Stand) -> None:
    await _first_page(stand)
    await _who_may_see_less_is_shown_less(stand)
    await _who_may_not_decide_is_offered_nothing_to_press(stand)
    await _city(stand)
    for lang in ("ja", "en"):
        await _table_says_what_the_map_says(stand, lang)
    await _base_map(stand)
    await _gauge(stand)
    await _kpi(stand)
    for path in (
        "/flood/gauges/nobody",
        "/flood/alerts/urn:none",
        "/kpi/none",
        "/flood/gauges/1?hours=x",
        f"/flood/gauges/1?hours={'9' * 5000}",
    ):
        assert (await stand.client.get(f"{PREF}{path}")).status in (400, 404)


async def _who_may_see_less_is_shown_less(stand: Stand) -> None:
    """Without rights no gauge is there, and a level that is hidden has neither value nor series."""
    gauges = [doc["id"] for doc in await docs_of(stand.house.doors.broker, PREFECTURE, entities.GAUGE, EVERYTHING)]
    for grant, shown in ((NOTHING, 0), (Grant(ALL_ROWS, all_but(entities.LEVEL)), len(gauges))):

        async def rights(call: Call, grant: Grant = grant) -> Grant:
            return grant

        doors = replace(stand.house.doors, rights=rights)
        found = await Overview(doors, stand.stage)._rows(Call(PREFECTURE))
        assert len(found) == shown
        assert all(row.height is None for row in found)
        assert await Overview(doors, stand.stage)._sites(Call(PREFECTURE), "ja") == [] or shown
        if shown:
            gauge = {"id": gauges[0]}
            seen = await GaugePages(doors)._see(Ask(Call(PREFECTURE), "ja", gauge, {}, {}))
            assert seen.levels == []


async def _who_may_not_decide_is_offered_nothing_to_press(stand: Stand) -> None:
    """Neither verdict nor replay; who may decide in one town alone plays on, but takes no other's decisions away."""

    async def in_the_prefecture(call: Call) -> bool:
        return call.tenant == PREFECTURE

    client = stand.client_of(replace(stand.house.doors, may_decide=in_the_prefecture))
    alerts = {tenant: (await stand.house.doors.alerts.list(tenant, state="open"))[0].id for tenant in TENANTS[:2]}
    for tenant, offered in ((PREFECTURE, 1), ("fukui-city", 0)):
        page = (await client.get(f"/t/{tenant}/flood/alerts/{alerts[tenant]}")).text
        assert page.count('value="accepted"') == offered
        page = (await client.get(f"/t/{tenant}/flood")).text
        assert page.count('value="pause"') + page.count('value="resume"') == offered
        assert 'value="reset"' not in page
    for form in ({"action": "reset"}, {"action": "reset", "confirm": "yes"}):
        assert (await client.post(f"{PREF}/flood/replay", form)).status == 403
    assert 'value="reset"' in (await stand.client.get(f"{PREF}/flood")).text


async def _first_page(stand: Stand) -> None:
    page = await stand.client.get(f"{PREF}/flood", {"accept-language": "ja"})
    assert page.status == 200
    assert "雨量データはこの期間にありません" in page.text
    table = page.text[page.text.index('id="gauges"') :]
    assert table.count("/flood/gauges/") == 103 + 1, "the recorded gauges and the training gauge"
    assert table.count('<span class="km-tag">訓練</span>') == 1
    counts = re.findall(r"<strong>(\d+)</strong>", page.text[page.text.index('id="gauges"') :])
    assert sum(int(count) for count in counts) == 103, "the training gauge is not among the numbers per level"
    assert "/flood/alerts/urn" in page.text
    assert "標高表示" in page.text
    assert '<div id="stage">' in page.text
    stand.stage.prepared, kept = None, stand.stage.prepared
    early = await stand.client.get(f"{PREF}/flood")
    assert re.search('<div id="stage" hx-get="[^"]+" hx-trigger="km:change from:body"', early.text), "it will come"
    stand.stage.prepared = kept
    english = await stand.client.get(f"{PREF}/flood", {"accept-language": "en"})
    assert "There is no rain data for this period." in english.text


async def _table_says_what_the_map_says(stand: Stand, lang: str) -> None:
    """Row by row: name, address, height, and the level that a colour stands for on the map."""
    page = (await stand.client.get(f"{PREF}/flood", {"accept-language": lang})).text
    found = json.loads((await stand.client.get(f"{PREF}/flood/map.json", {"accept-language": lang})).body)
    table = {}
    for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL):
        gauge = re.search(r'<th scope="row"><a [^>]*href="([^"]+/flood/gauges/[^"]+)">([^<]+)</a>', row)
        if gauge is None:
            continue
        level = re.search(r"km-level-(\d)", row)
        height = re.search(r'<td class="km-number">(-?[\d.]+)', row)
        table[gauge[1]] = (unescape(gauge[2]), int(level[1]) if level else None, height[1] if height else None)
    features = [one["properties"] for one in found["features"]]
    said = [(one["href"], one["name"], one["level"], re.search(r"(-?[\d.]+) m", one["label"])) for one in features]
    assert {href: (name, level, height[1] if height else None) for href, name, level, height in said} == table
    assert {level for _, level, _ in table.values()} > {0, 1}


async def _city(stand: Stand) -> None:
    """A city sees its own gauges, with the readings that were handed to it."""
    page = await stand.client.get("/t/sabae-city/flood")
    assert page.text.count("/flood/gauges/") == 10
    city = json.loads((await stand.client.get("/t/sabae-city/flood/map.json")).body)
    everyone = json.loads((await stand.client.get(f"{PREF}/flood/map.json")).body)
    labels = {one["properties"]["id"]: one["properties"]["label"] for one in everyone["features"]}
    assert len(labels) == 103 + 1
    assert labels["urn:ngsi-ld:RiverGauge:fukui-training"].startswith(("訓練", "training"))
    assert all(labels[one["properties"]["id"]] == one["properties"]["label"] for one in city["features"])


async def _base_map(stand: Stand) -> None:
    base = json.loads((await stand.client.get(f"{PREF}/flood/base.json")).body)
    kinds = {one["properties"]["kind"] for one in base["features"]}
    assert kinds == {"graticule", "river", "place"}
    assert all(one["properties"]["schematic"] for one in base["features"])


async def _gauge(stand: Stand) -> None:
    page = await stand.client.get(f"{PREF}/flood/gauges/90", {"accept-language": "ja"})
    assert page.status == 200
    assert "/entities/urn%3Angsi-ld%3ARiverGauge%3Afukui-90" in page.text
    assert "2.70" in page.text
    chart = json.loads((await stand.client.get(f"{PREF}/flood/gauges/90/chart.json?hours=24")).body)
    [level] = chart["series"]
    assert len(level["points"]) > 10
    assert [mark["level"] for mark in chart["thresholds"]] == [1, 2, 3, 4]
    assert "海抜" in (await stand.client.get(f"{PREF}/flood/gauges/176", {"accept-language": "ja"})).text


async def _kpi(stand: Stand) -> None:
    page = await stand.client.get(f"{PREF}/kpi", {"accept-language": "en"})
    found = re.search(r'<th scope="row"><a href="(/t/fukui-pref/kpi/[^"]+)"', page.text)
    assert found is not None
    figure = await stand.client.get(found.group(1), {"accept-language": "en"})
    assert figure.status == 200
    assert "/ngsi-ld/v1/temporal/entities/" in figure.text


async def test_an_alert_is_decided_on_its_page_and_logged(stand: Stand) -> None:
    listed = await stand.client.get(f"{PREF}/flood/alerts")
    found = re.search(r'href="(/t/fukui-pref/flood/alerts/[^"]+)"', listed.text)
    assert found is not None
    path = found.group(1)
    page = await stand.client.get(path, {"accept-language": "en"})
    version = re.search(r'name="version" value="(\d+)"', page.text)
    assert version is not None
    form = {"version": version.group(1), "verdict": "accepted", "reason": "", "who": "Yamada"}
    refused = await stand.client.post(path, form)
    assert refused.status == 400
    assert "Yamada" in refused.text
    form["reason"] = "=cmd|heavy rain"
    assert (await stand.client.post(path, form)).status == 303
    assert (await stand.client.post(path, form)).status == 409
    log = await stand.client.get(f"{PREF}/flood/decisions", {"accept-language": "en"})
    assert "Yamada" in log.text
    assert "failed" in log.text, "no sign is connected in this test, and the log says so"
    table = await stand.client.get(f"{PREF}/flood/decisions.csv")
    assert table.body.startswith(b"\xef\xbb\xbf")
    assert "'=cmd|heavy rain" in table.text
    assert (await stand.client.get(path, {"accept-language": "ja"})).status == 200
    await _send_again(stand, path)


async def _send_again(stand: Stand, path: str) -> None:
    """The step that failed is sent again from the alert's page, with who and why; once."""
    page = await stand.client.get(path, {"accept-language": "en"})
    decision = re.search(r'name="decision" value="([^"]+)"', page.text)
    assert decision is not None
    form = {"decision": decision.group(1), "step": "0", "who": "Sato", "reason": ""}
    assert (await stand.client.post(path, form)).status == 400
    form["reason"] = "the sign is back"
    assert (await stand.client.post(path, form | {"override": "yes"})).status == 303
    assert (await stand.client.post(path, form)).status == 409
    assert (await stand.client.post(path, form | {"step": "9"})).status == 404
    assert "sent again by Sato: the sign is back" in (await stand.client.get(path, {"accept-language": "en"})).text
    table = await stand.client.get(f"{PREF}/flood/decisions.csv")
    assert "再送信：Sato、the sign is back" in table.text


async def test_the_alerts_page_tells_the_crossing_from_now(stand: Stand) -> None:
    doors, gauge, start = stand.house.doors, entities.gauge_id(TRAINING), stand.prepared.recording.end
    call = Call(PREFECTURE, Actor("system", "test"))
    for minutes, height in ((0, 3.0), (60, 3.6), (120, 3.95), (180, 3.7)):
        moment = start + minutes * HOUR // 60
        await doors.ingest(call, [Reading(gauge, entities.GAUGE, entities.LEVEL, height, moment, "MTR")])
        await stand.play(0)
    [alert] = await doors.alerts.list("fukui-city", subject=gauge)
    page = await stand.client.get(f"/t/fukui-city/flood/alerts/{alert.id}", {"accept-language": "en"})
    raised, now = page.text.split('id="now"')
    assert "3.60 m" in raised
    assert "+0.60 m/h" in raised
    assert "3.70 m" in now
    assert "-0.25 m/h" in now
    assert "not rising" in now


async def test_a_river_that_fell_leaves_a_blank_sign_to_decide_on(stand: Stand) -> None:
    doors, gauge, start = stand.house.doors, entities.gauge_id(TRAINING), stand.prepared.recording.end
    call = Call(PREFECTURE, Actor("system", "test"))

    async def river(minutes: int, height: float) -> Alert:
        moment = start + minutes * HOUR // 60
        await doors.ingest(call, [Reading(gauge, entities.GAUGE, entities.LEVEL, height, moment, "MTR")])
        await stand.play(0)
        return (await doors.alerts.list("fukui-city", subject=gauge))[0]

    async def accept(alert: Alert) -> None:
        form = {"version": str(alert.version), "verdict": "accepted", "reason": "x", "who": "Yamada"}
        assert (await stand.client.post(f"/t/fukui-city/flood/alerts/{alert.id}", form)).status == 303

    await accept(await river(0, 5.0))
    eased = await river(60, 4.0)
    assert "水位低下中" in eased.content.proposals[0].arguments["text"]
    await accept(eased)
    over = await river(120, 1.0)
    assert (over.state, over.severity, over.content.proposals[0].name) == ("open", 0, "clear")
    page = await stand.client.get(f"/t/fukui-city/flood/alerts/{over.id}", {"accept-language": "en"})
    assert "Clear the riverside sign" in page.text
    assert (await stand.client.get("/t/fukui-city/flood", {"accept-language": "ja"})).status == 200
    await accept(over)
    assert (await doors.alerts.get("fukui-city", over.id)).state == "closed"


async def test_training_raises_alerts_and_counts_in_no_figure(stand: Stand) -> None:
    doors, before = stand.house.doors, await stand.house.kpi.figures("fukui-city", "flood.lead-time", EVERYTHING)
    gauge, start = entities.gauge_id(TRAINING), stand.prepared.recording.end
    heights = (1.0, 3.6, 6.2)
    readings = [
        Reading(gauge, entities.GAUGE, entities.LEVEL, height, start + hour * HOUR, "MTR")
        for hour, height in enumerate(heights, 1)
    ]
    await doors.ingest(Call(PREFECTURE, Actor("system", "test")), readings)
    await stand.play(0)
    [alert] = await doors.alerts.list("fukui-city", subject=gauge)
    assert (alert.severity, alert.stage) == (4, 2)
    assert "訓練" in alert.content.title["ja"]
    page = await stand.client.get("/t/fukui-city/flood/gauges/training", {"accept-language": "en"})
    assert "made-up gauge for training" in page.text
    assert await stand.house.kpi.figures("fukui-city", "flood.lead-time", EVERYTHING) == before


async def test_a_town_with_a_gauge_of_its_own_decides_without_any_device(stand: Stand) -> None:
    doors, call = stand.house.doors, Call("ourtown", Actor("system", "test"))
    await doors.database.add_tenant("ourtown")
    gauge = "urn:ngsi-ld:RiverGauge:ours:1"
    point = [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.0, 36.0]}}]
    danger = [{"type": "Property", "value": 2.0}]
    attrs: dict[str, Any] = {entities.LOCATION: point, entities.THRESHOLDS["danger"]: danger}
    await doors.broker.apply(call, [Change(Op.UPSERT, gauge, {"id": gauge, "type": [entities.GAUGE], "attrs": attrs})])
    await doors.ingest(call, [Reading(gauge, entities.GAUGE, entities.LEVEL, 2.5, HOUR, "MTR")])
    await Watch(doors.database, doors.bus, doors.history, doors.alerts, propose, "ourtown").reader.catch_up()
    [alert] = await doors.alerts.list("ourtown")
    path = f"/t/ourtown/flood/alerts/{alert.id}"
    page = await stand.client.get(path, {"accept-language": "en"})
    assert "no device to command" in page.text
    link = re.search(r'href="(/t/ourtown/flood/gauges/[^"]+)"', page.text)
    assert link is not None
    assert (await stand.client.get(link.group(1))).status == 200
    form = {"version": str(alert.version), "verdict": "accepted", "reason": "見回りを出す", "who": "Yamada"}
    assert (await stand.client.post(path, form)).status == 303
    [decision] = await doors.alerts.decisions("ourtown")
    assert (decision.verdict, decision.steps) == ("accepted", ())


async def test_the_replay_is_steered_by_forms(stand: Stand) -> None:
    async def state() -> dict[str, object]:
        found: dict[str, object] = json.loads((await stand.client.get(f"{PREF}/flood/replay")).body)
        return found

    for action, extra in (("resume", {}), ("speed", {"speed": "60"}), ("pause", {})):
        assert (await stand.client.post(f"{PREF}/flood/replay", {"action": action, **extra})).status == 303
    assert (await state())["speed"] == 60
    assert (await state())["running"] is False
    for bad in ({"action": "x"}, {"action": "speed", "speed": "nan"}, {"action": "speed", "speed": "-1"}):
        assert (await stand.client.post(f"{PREF}/flood/replay", bad)).status == 400
    await _start_over(stand)


async def _start_over(stand: Stand) -> None:
    """The towns are made anew with the same keys, and the same flood raises its alerts again."""
    assert await stand.house.doors.alerts.list("fukui-pref")
    keys = {name: account.key for name, account in stand.prepared.accounts.items()}
    asked = await stand.client.post(f"{PREF}/flood/replay", {"action": "reset"})
    assert asked.status == 200
    assert 'name="confirm" value="yes"' in asked.text, "what removes decisions asks back first, also without a script"
    assert await stand.house.doors.alerts.list(PREFECTURE), "nothing is gone yet"
    assert (await stand.client.post(f"{PREF}/flood/replay", {"action": "reset", "confirm": "yes"})).status == 303
    stand.prepared.player.pause()
    assert await stand.house.doors.alerts.list("fukui-pref") == []
    assert {name: account.key for name, account in stand.prepared.accounts.items()} == keys
    await stand.play(7)
    assert await stand.house.doors.alerts.list("fukui-pref")
    assert stand.prepared.player.state().failed <= 3 * 14, "only the gauges above sea level may be refused"


async def test_a_second_start_keeps_what_is_there(stand: Stand) -> None:
    before = await stand.house.doors.alerts.list("fukui-pref")
    again = await demo.prepare(stand.house.doors, "2024-06")
    assert again.kept
    assert again.loaded == 0
    assert again.player.recorded_now() >= stand.prepared.recording.play_from
    assert await stand.house.doors.alerts.list("fukui-pref") == before
    with pytest.raises(demo.OtherEvent, match="--data"):
        await demo.prepare(stand.house.doors, "2023-08")
    assert await stand.house.doors.alerts.list("fukui-pref") == before, "what was decided is not removed in passing"


async def test_recorded_time_stands_in_observed_at_alone(stand: Stand) -> None:
    """Everything that the platform itself dates has today's date; only what a gauge saw has that of the recording."""
    doors = stand.house.doors
    today = times.micros(doors.clock.now()) - 3_600_000_000
    observed = []
    for tenant in (PREFECTURE, "sabae-city"):
        records = await doors.database.read(tenant, lambda tx: read_log_tx(tx, 0, 10_000))
        dated = [found for record in records for found in _dates(record.entity)]
        observed += [at for name, at, training in dated if name == "observedAt" and not training]
        own = [record.at for record in records] + [at for name, at, _ in dated if name != "observedAt"]
        alerts = await doors.alerts.list(tenant)
        events = [event for alert in alerts for event in await doors.alerts.events(tenant, alert.id)]
        own += [at for alert in alerts for at in (alert.opened_at, alert.changed_at)] + [event.at for event in events]
        observed += [alert.observed_at for alert in alerts] + [event.observed_at for event in events]
        devices = await doors.registry.list(tenant)
        own += [at for device in devices for at in (device.created_at, device.last_seen) if at is not None]
        assert len(own) > 100
        assert min(own) > today
    assert len(observed) > 1000
    assert max(observed) < read.local_time("2024-06-28T00:00")


def _dates(doc: Any) -> Iterator[tuple[str, int, bool]]:
    """Every moment in an entity: its name, itself, and whether it is of the training gauge, never recorded."""
    training = isinstance(doc, dict) and str(doc.get("id", "")).endswith(TRAINING)
    for name, inner in doc.items() if isinstance(doc, dict) else [("", one) for one in doc]:
        if name in ("observedAt", "createdAt", "modifiedAt"):
            yield name, times.micros(times.parse(inner)), training
        elif isinstance(inner, dict | list):
            yield from ((found, at, training or below) for found, at, below in _dates(inner))
