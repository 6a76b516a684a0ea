"""What the first pages put before an officer: the worst of the prefecture, also where a city answers for it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory
from tests.service.console.asgi_client import Client
from tests.solutions.flood.flood_house import House, opened

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden, StorageRefused
from kumihimo.base.ports import Reading
from kumihimo.base.screens import Card
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import EVERYTHING, Grant
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.console.frame import Setup
from kumihimo.service.console.live import Live
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.solutions.flood import demo, entities
from kumihimo.solutions.flood.cards import TownCards
from kumihimo.solutions.flood.demo import FloodDoors, Prepared
from kumihimo.solutions.flood.screens import flood_screens
from kumihimo.solutions.flood.stage import Stage
from kumihimo.solutions.flood.tenants import PREFECTURE, TENANT_NAMES
from kumihimo.solutions.flood.training import TRAINING

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]
LATER = 4_000_000_000_000_000
JAPANESE = {"accept-language": "ja"}


def client_of(
    house: House, prepared: Prepared, *, may_read: bool, broken: str = "", at_home: str = PREFECTURE
) -> Client:
    async def rights(call: Call) -> Grant:
        """Of everything where the caller is at home, and elsewhere where it may read there."""
        if may_read or call.tenant == at_home:
            return EVERYTHING
        raise Forbidden("not here")

    doors: FloodDoors = replace(house.doors, rights=rights)
    stage = Stage(prepared)
    towns = TownCards(doors, stage)

    async def card(call: Call) -> Card | None:
        if call.tenant == broken:
            raise StorageRefused("set aside")
        return await towns.card(call)

    live = Live(doors.database, doors.bus, Access(True), Contexts().core.compact)
    words = load_words([OWN_PACKAGE, "kumihimo.solutions.flood"])
    console = Console(
        flood_screens(doors, stage),
        words,
        tenants=doors.database.tenants,
        live=live,
        setup=Setup(names=TENANT_NAMES),
        card=card,
    )
    return Client(Starlette(routes=console.routes()))


async def publish(house: House, prepared: Prepared, height: float, later: int = 0) -> None:
    """A reading of the training gauge in the prefecture, handed to its city and looked at by all."""
    gauge = entities.gauge_id(TRAINING)
    reading = Reading(gauge, entities.GAUGE, entities.LEVEL, height, LATER + later, entities.METRE)
    [outcome] = await house.doors.ingest(Call(PREFECTURE, Actor("device", "gauge-training"), "test"), [reading])
    assert outcome.status == "stored"
    for reader in [*(share.reader for share in prepared.shares), *(watch.reader for watch in prepared.watches)]:
        await reader.catch_up()


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[tuple[House, Prepared]]:
    async with opened(database_factory) as house:
        prepared = await demo.prepare(house.doors, "2024-06")
        await publish(house, prepared, 6.3)
        yield house, prepared
        await prepared.player.close()


def lines(text: str) -> list[str]:
    part = text[text.index('id="attention"') :]
    return re.findall(r"<li>(.*?)</li>", part[: part.index("</section>")], re.DOTALL)


async def test_the_prefecture_sees_its_worst_gauge_although_a_city_answers_for_it(
    house: tuple[House, Prepared],
) -> None:
    client = client_of(*house, may_read=True)
    first = lines((await client.get(f"/t/{PREFECTURE}/flood", JAPANESE)).text)[0]
    assert "訓練用水位計：はん濫危険水位" in first
    assert "福井市が担当" in first
    assert f'href="/t/{PREFECTURE}/flood/gauges/training"' in first
    assert '<span class="km-tag">訓練</span>' in first
    there = re.search(r'href="(/t/fukui-city/flood/alerts/[^"]+)"', first)
    assert there is not None
    assert "未決定" in first, "as the city's alert says"
    assert (await client.get(there.group(1))).status == 200
    own = lines((await client.get("/t/fukui-city/flood", JAPANESE)).text)[0]
    assert "担当" not in own
    assert '<span class="km-tag">訓練</span>' in own


async def test_an_alert_that_holds_just_below_its_threshold_says_so(house: tuple[House, Prepared]) -> None:
    client = client_of(*house, may_read=True)
    assert "警報は継続中" not in (await client.get("/t/fukui-city/flood", JAPANESE)).text
    await publish(*house, 6.05, later=1)
    page = (await client.get("/t/fukui-city/flood", JAPANESE)).text
    first = lines(page)[0]
    assert "はん濫危険水位" in first, "0.05 m below its threshold"
    assert "基準をわずかに下回り、警報は継続中" in first
    assert "訓練用を除く" in page


async def test_who_may_not_read_the_city_sees_the_gauge_alone(house: tuple[House, Prepared]) -> None:
    client = client_of(*house, may_read=False)
    first = lines((await client.get(f"/t/{PREFECTURE}/flood", JAPANESE)).text)[0]
    assert "福井市が担当" in first
    assert "/t/fukui-city" not in first
    assert "未決定" not in first


async def test_of_a_town_that_may_not_be_read_the_first_page_has_the_name_alone(house: tuple[House, Prepared]) -> None:
    shown = (await client_of(*house, may_read=True).get("/", JAPANESE)).text
    assert "訓練用水位計" in shown
    hidden = (await client_of(*house, may_read=False, at_home="nowhere").get("/", JAPANESE)).text
    assert "福井県" in hidden
    assert "訓練用水位計" not in hidden
    assert "未決定" not in hidden


async def test_at_the_records_end_starting_over_is_the_main_button(house: tuple[House, Prepared]) -> None:
    _, prepared = house
    client = client_of(*house, may_read=True)
    playing = (await client.get(f"/t/{PREFECTURE}/flood", JAPANESE)).text
    assert "次の観測へ進む" in playing
    prepared.player.seek(prepared.recording.end)
    ended = (await client.get(f"/t/{PREFECTURE}/flood", JAPANESE)).text
    part = ended[ended.index('id="replay"') : ended.index("<details>")]
    assert "記録の終わり" in part
    assert 'class="km-button">最初からやり直す</button>' in part
    assert "次の観測へ進む" not in part


async def test_alerts_show_where_they_stand_and_how_far_they_went(house: tuple[House, Prepared]) -> None:
    page = await client_of(*house, may_read=True).get("/t/fukui-city/flood/alerts", JAPANESE)
    assert "最高段階" in page.text
    rows = page.text[page.text.index("<tbody>") :].split("<tr>")[1:]
    [row] = [row for row in rows if "訓練用水位計" in row]
    assert row.count("km-level-4") == 2, "now and at its highest"


async def test_the_first_page_is_filled_with_the_prefecture_first(house: tuple[House, Prepared]) -> None:
    page = await client_of(*house, may_read=True).get("/", JAPANESE)
    cards = page.text.split("<li class=")[1:]
    assert re.findall(r'<a id="town-([^"-]+-[a-z]+)"', page.text) == [PREFECTURE, "fukui-city", "sabae-city"]
    counts = re.findall(r"<strong>(\d+)</strong>", page.text[: page.text.index("town-fukui-city")])
    assert sum(int(count) for count in counts) == 103, "the training gauge is not among the numbers per level"
    assert "2024-06-" in cards[0]
    assert re.search("未決定の警報 [1-9]", page.text[page.text.index('id="town-fukui-city"') :])


async def test_a_town_whose_store_is_away_keeps_no_other_from_its_card(house: tuple[House, Prepared]) -> None:
    page = await client_of(*house, may_read=True, broken=PREFECTURE).get("/", JAPANESE)
    assert page.status == 200
    assert re.findall(r'<a id="town-([^"-]+-[a-z]+)"', page.text) == ["fukui-city", "sabae-city", PREFECTURE]
    assert "<code>fukui-pref</code>" in page.text
