"""The wing's pages on real rooms, in the console's real shell, without a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from importlib import resources
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory
from tests.rights import rows
from tests.service.console.asgi_client import Client
from tests.solutions.wildlife.wildlife_house import FIELD, TOWN, House, opened

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden
from kumihimo.base.jsontext import loads
from kumihimo.base.texts import parse_texts
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import ALL_ATTRIBUTES, Grant
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.alerts.models import Content, Sighting
from kumihimo.service.console.live import Live
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.doors import own_call
from kumihimo.solutions.wildlife.incidents import read_all
from kumihimo.solutions.wildlife.limits import SirenRule
from kumihimo.solutions.wildlife.models import together
from kumihimo.solutions.wildlife.outlook import FEWEST
from kumihimo.solutions.wildlife.risk import cell_of
from kumihimo.solutions.wildlife.rule import RULE_ID, rule_change, rule_of
from kumihimo.solutions.wildlife.screens import wildlife_screens
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.words import PACKAGE

pytestmark = pytest.mark.enable_socket
BASE = f"/t/{TOWN}/wildlife"
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
FOLDER = resources.files(PACKAGE)


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    async with opened(database_factory) as found:
        yield found


@pytest.fixture
def client(house: House) -> Client:
    doors = house.doors
    live = Live(doors.database, doors.bus, Access(True), Contexts().core.compact)
    words = load_words([OWN_PACKAGE, PACKAGE])
    console = Console(wildlife_screens(doors, Stage()), words, tenants=doors.database.tenants, live=live)
    return Client(Starlette(routes=console.routes()))


async def page(client: Client, path: str, lang: str = "en") -> str:
    reply = await client.get(f"{BASE}{path}", {"accept-language": lang})
    assert reply.status == 200, reply.text[:2000]
    return unescape(reply.text)


def now(house: House) -> str:
    return times.text(house.doors.clock.now())


@pytest.mark.parametrize(("lang", "who"), [("ja", "田中（常時許可による）"), ("en", "田中 (by standing permission)")])
async def test_who_gave_the_permission_is_told_in_the_readers_language(
    house: House, client: Client, lang: str, who: str
) -> None:
    rule = SirenRule(automatic=True, allowed_by="田中", reason="通学路")
    await house.doors.apply(own_call(TOWN, "test"), [rule_change(rule)])
    await house.send("sensor-field", "2024-10-05T18:00:00+09:00", species="Ursus thibetanus", confidence=0.9)
    [alert] = await house.doors.alerts.list(TOWN)
    shown = [await page(client, path, lang) for path in ("/decisions", f"/alerts/{alert.id}")]
    shown.append((await client.get(f"{BASE}/decisions.csv?lang={lang}")).text)
    assert [who in text for text in shown] == [True] * 3
    assert [text for text in shown if "(常時許可)" in text or "常時許可による自動" in text] == []


def test_every_word_of_the_pages_is_in_both_languages() -> None:
    words = parse_texts(FOLDER.joinpath("texts.toml").read_text("utf-8"), "texts.toml")
    for template in FOLDER.joinpath("templates").iterdir():
        for key in re.findall(r't\("(wildlife\.[a-z_.-]*[a-z])"[,)]', template.read_text("utf-8")):
            assert key in words, f"{template.name}: {key}"


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("path", ["", "/report", "/patrol", "/decisions", "/siren", "/method"])
async def test_each_page_is_there_in_both_languages(client: Client, path: str, lang: str) -> None:
    shown = await page(client, path, lang)
    assert f'<html lang="{lang}">' in shown
    assert not re.search(r"wildlife\.[a-z_]+", re.sub(r'(?:href|src|action|data-\w+|hx-\w+)="[^"]*"', "", shown))


async def test_too_few_reports_give_no_map_and_enough_give_one(house: House, client: Client) -> None:
    assert f"only 0 reports: too few data to say anything of areas (from {FEWEST} on)" in await page(client, "")
    found = [one for one in together(read_all()) if one.town == "白山市"][-80:]
    changes = [entities.incident_change(one, cell_of(one.lon, one.lat)) for one in found]
    await house.doors.apply(own_call(TOWN, "test"), changes)
    shown = await page(client, "")
    assert "From 80 past reports" in shown
    legends = re.findall(r'<ul class="km-legend".*?</ul>', shown, re.DOTALL)
    assert [re.findall(r"(\d+ times|Animal|Bear)", one) for one in legends] == [
        ["16 times", "8 times", "4 times", "2 times"], ["Bear", "Bear", "Animal", "Animal"]
    ]  # fmt: skip
    features = loads((await client.get(f"{BASE}/map.json?lang=en")).body)["features"]
    assert features
    assert {feature["properties"]["level"] for feature in features} <= {1, 2, 3, 4}
    assert features[0]["properties"]["label"].startswith(f"level {features[0]['properties']['level']}, chance ")
    rings = loads((await client.get(f"{BASE}/base.json")).body)["features"]
    assert len(rings) > len(features)
    assert all(ring["geometry"]["coordinates"][0][0] == ring["geometry"]["coordinates"][0][-1] for ring in rings)


async def test_an_alert_is_decided_on_its_page_once(house: House, client: Client) -> None:
    await house.send("sensor-field", "2024-10-05T18:20:00+09:00", species="Ursus thibetanus", confidence=0.83)
    [alert] = await house.doors.alerts.list(TOWN, state="open")
    path = f"/alerts/{quote(alert.id, safe='')}"
    shown = await page(client, path)
    assert "Sound 畑のサイレン for 30 seconds" in shown
    assert "0.83" in shown
    form = {"version": str(alert.version), "verdict": "accepted", "reason": "children", "who": "Yamada"}
    refused = await client.post(f"{BASE}{path}", {**form, "reason": ""})
    assert refused.status == 400
    assert (await client.post(f"{BASE}{path}", form)).status == 303
    assert (await client.post(f"{BASE}{path}", form)).status == 409
    assert "Yamada" in await page(client, "/decisions")
    table = (await client.get(f"{BASE}/decisions.csv?lang=en")).text
    assert table.startswith("\ufeffDecided at,Alert,Decision,Who,Reason,What followed")
    assert "Yamada,children" in table


async def test_an_alert_of_another_wing_is_not_shown_here(house: House, client: Client) -> None:
    other = Sighting("flood", "urn:ngsi-ld:RiverGauge:1", 2, 1, Content({"ja": "川", "en": "river"}))
    alert = await house.doors.alerts.sight(own_call(TOWN, "test"), other)
    assert alert is not None
    assert (await client.get(f"{BASE}/alerts/{quote(alert.id, safe='')}")).status == 404
    assert "river" not in re.sub(r"<nav.*?</nav>", "", await page(client, ""), flags=re.DOTALL)


async def test_who_may_not_set_the_rule_sees_it_without_its_button(house: House) -> None:
    async def refuse(_: Call) -> Grant:
        raise Forbidden("no")

    doors = replace(house.doors, administers=refuse)
    console = Console(
        wildlife_screens(doors, Stage()),
        load_words([OWN_PACKAGE, PACKAGE]),
        tenants=doors.database.tenants,
        live=Live(doors.database, doors.bus, Access(True), Contexts().core.compact),
    )
    seen = await page(Client(Starlette(routes=console.routes())), "/siren")
    assert "Only operators can change the rule." in seen
    assert "Set this rule" not in seen
    fields = re.findall(r'<input id="(?:quiet_from|quiet_until|per_night|pause|reason)"[^>]*>', seen)
    assert len(fields) == 5
    assert all(one.endswith(" disabled>") for one in fields)


async def test_the_rule_is_set_by_who_signs_it(house: House, client: Client) -> None:
    form = {"quiet_from": "20", "quiet_until": "7", "per_night": "2", "pause": "30", "automatic": "yes"}
    assert (await client.post(f"{BASE}/siren", form)).status == 400
    assert (await client.post(f"{BASE}/siren", {**form, "who": "田中", "reason": "通学路"})).status == 303
    doc = (await house.doors.docs(TOWN, entities.SIREN_RULE))[0]
    assert doc["id"] == RULE_ID
    assert rule_of(doc) == SirenRule(20, 7, False, 2, 30, True, "田中", "通学路")
    assert 'value="20"' in await page(client, "/siren")


async def test_a_report_sent_twice_is_written_once(house: House, client: Client) -> None:
    form = {"kind": "damage", "id": UUID, "at": now(house), "species": "Sus scrofa", "crop": "稲", "area": "20"}
    form |= {"lon": str(FIELD[0]), "lat": str(FIELD[1]), "note": ""}
    for _ in range(2):
        reply = await client.post(f"{BASE}/report", form)
        assert (reply.status, reply.headers["location"]) == (303, f"{BASE}/report?sent=1")
    assert len(await house.doors.docs(TOWN, entities.DAMAGE)) == 1
    refused = await client.post(f"{BASE}/report", {**form, "area": "-1"}, None)
    assert refused.status == 400
    assert "面積は 0～1000000 にしてください。" in refused.text
    assert re.search(r'<input id="area" name="area" aria-invalid=true', refused.text), "the field itself is marked"
    assert refused.text.count("aria-invalid") == 1
    assert 'value="稲"' in refused.text
    assert (await client.post(f"{BASE}/report", form, {"origin": "http://elsewhere"})).status in (403, 415)


async def test_the_round_names_closed_traps_until_they_are_visited(house: House, client: Client) -> None:
    assert "never visited" in await page(client, "/patrol")
    await house.send("trap-field", now(house), closed=True)
    assert "closed" in await page(client, "/patrol?lon=136.6&lat=36.3")
    form = {"kind": "visit", "id": UUID, "at": now(house), "trap": "urn:ngsi-ld:WildlifeTrap:trap-field"}
    assert (await client.post(f"{BASE}/report", {**form, "found": "caught", "note": ""})).status == 303
    assert "No trap is to be visited now (1 in all)" in await page(client, "/patrol")
    assert "No trap" in await page(client, "/patrol?lon=nan&lat=x")


async def test_the_worker_is_served_below_the_pages_that_it_sees(client: Client) -> None:
    reply = await client.get(f"{BASE}/worker.js")
    assert reply.headers["content-type"].startswith("text/javascript")
    assert "worker-src 'self'" in reply.headers["content-security-policy"]


async def test_the_method_page_says_what_came_out_whatever_it_is(client: Client) -> None:
    shown = await page(client, "/method")
    assert "better than the naive map" in shown
    assert "no difference shown" in shown
    assert "35.8 % / 34.9 %" in shown


async def test_a_hunter_reports_and_goes_round_and_is_shown_no_alert_and_no_way_to_what_is_closed(house: House) -> None:
    """Who may read some types and write reports finds those pages, and no link to one that would refuse."""
    await house.send("sensor-field", "2024-10-05T18:20:00+09:00", species="Ursus thibetanus", confidence=0.8)

    async def some(_: Call) -> Grant:
        return Grant(rows(types=entities.TRAP), ALL_ATTRIBUTES)

    texts = load_words([OWN_PACKAGE, PACKAGE])
    shown = {}

    async def none(_: Call) -> Grant:
        raise Forbidden("nothing")

    who = {
        "all": house.doors,
        "hunter": replace(house.doors, rights=some),
        "officer": replace(house.doors, writes=none),
    }
    rounds = {}
    for name, doors in who.items():
        live = Live(doors.database, doors.bus, Access(True), Contexts().core.compact)
        console = Console(wildlife_screens(doors, Stage()), texts, tenants=doors.database.tenants, live=live)
        client = Client(Starlette(routes=console.routes()))
        shown[name], rounds[name] = await page(client, ""), await page(client, "/patrol")
    ways = {name: set(re.findall(rf'href="{BASE}/([a-z]+)"', text)) for name, text in shown.items()}
    assert ways["all"] - ways["hunter"] == {"decisions", "siren"}
    assert {"report", "reports", "patrol", "method"} <= ways["hunter"]
    assert (f"{BASE}/alerts/" in shown["all"], f"{BASE}/alerts/" in shown["hunter"]) == (True, False)
    assert ("sensor-field" in shown["all"], "sensor-field" in shown["hunter"]) == (True, False)
    assert {name: "Report the visit" in text for name, text in rounds.items()} == {
        "all": True, "hunter": True, "officer": False,
    }  # fmt: skip
