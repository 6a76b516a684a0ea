"""A pack's own figures stand among the KPIs of the town that installed it, with what they rest on, and go with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.rights import all_but
from tests.service.console.asgi_client import Client

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import ResourceNotFound
from kumihimo.base.settings import Settings
from kumihimo.platform.access.grants import ALL_ROWS, EVERYTHING, Grant
from kumihimo.platform.broker.models import Change, Op
from kumihimo.service.kpi.models import Figure
from kumihimo.solutions.packs.archive import MANIFEST, read_path
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.manifest import held

FILES = dict(read_path(Path(__file__).parent / "parking"))
CALL = Call("town", Actor("person", "p-1"))
PLACE = "https://example.org/parking/"
FREE, TOTAL = PLACE + "availableSpotNumber", PLACE + "totalSpotNumber"
SHARE = "parking.free-share"
KPI = """
[[kpis]]
id = "parking.{kind}"
title = {{ ja = "x", en = "{kind} of it" }}
unit = {{ ja = "台", en = "cars" }}
owner = {{ ja = "x", en = "x" }}
[kpis.figure]
kind = "{kind}"
type = "OffStreetParking"
{attribute}
"""
KINDS = ("count", "sum", "mean", "least", "most")


@pytest.fixture
async def platform(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Platform]:
    made = wire(Settings(data=str(tmp_path), port=0, mqtt_port=-1, open=True), fake_clock)
    made.packs = Packs(replace(made.packs.doors, trial=None))
    await made.database.open()
    for tenant in ("town", "next"):
        await made.database.add_tenant(tenant)
    yield made
    await made.database.close()


async def install(platform: Platform) -> None:
    """The parking pack with a figure of each kind."""
    more = "".join(
        KPI.format(kind=kind, attribute="" if kind == "count" else 'attribute = "availableSpotNumber"')
        for kind in KINDS
    )
    files = {**FILES, MANIFEST: FILES[MANIFEST] + more.encode()}
    await platform.packs.install(CALL, held(files, "outside", {}), unsigned=True)


async def park(platform: Platform, number: int, free: int, total: int, at: str) -> None:
    attrs: Any = {
        name: [{"type": "Property", "value": value, "observedAt": at}] for name, value in ((FREE, free), (TOTAL, total))
    }
    fragment: Any = {"attrs": attrs}
    change = Change(Op.APPEND, f"urn:ngsi-ld:OffStreetParking:takamatsu-{number}", fragment)
    assert (await platform.broker.apply(CALL, [change]))[0].problem is None


async def figure(platform: Platform, kpi: str, grant: Grant = EVERYTHING) -> Figure:
    [found] = [one for one in await platform.kpi.figures("town", kpi, grant) if one.is_now]
    return found


async def test_a_packs_figures_come_with_it_rest_on_readings_and_go_with_it(platform: Platform) -> None:
    kpi = platform.kpi
    await install(platform)
    ids = [one.id for one in await kpi.definitions("town")]
    assert ids == [SHARE, *(f"parking.{kind}" for kind in KINDS)]
    assert await kpi.definitions("next") == []
    assert (await figure(platform, SHARE)).state == "too-few"
    await park(platform, 1, 30, 100, "2026-01-01T00:10:00Z")
    await park(platform, 2, 0, 50, "2026-01-01T00:20:00Z")
    share = await figure(platform, SHARE)
    assert (share.state, share.value, share.at) == ("known", 0.2, 1_767_226_800_000_000)
    behind = sorted((one.entity_id[-1], one.term, one.attribute, one.value, one.role["en"]) for one in share.lineage)
    assert behind == [
        ("1", "availableSpotNumber", FREE, 30.0, "part"),
        ("1", "totalSpotNumber", TOTAL, 100.0, "whole"),
        ("2", "availableSpotNumber", FREE, 0.0, "part"),
        ("2", "totalSpotNumber", TOTAL, 50.0, "whole"),
    ]
    assert {kind: (await figure(platform, f"parking.{kind}")).value for kind in KINDS} == {
        "count": 8.0,
        "sum": 30.0,
        "mean": 15.0,
        "least": 0.0,
        "most": 30.0,
    }
    assert len((await figure(platform, "parking.count")).lineage) == 8
    await platform.packs.remove(CALL, "parking")
    assert await kpi.definitions("town") == []
    with pytest.raises(ResourceNotFound):
        await kpi.figures("town", SHARE, EVERYTHING)


async def test_a_figure_is_for_who_may_read_what_it_rests_on(platform: Platform) -> None:
    await install(platform)
    await park(platform, 1, 30, 100, "2026-01-01T00:10:00Z")
    hidden = Grant(ALL_ROWS, all_but(TOTAL))
    assert await platform.kpi.figures("town", SHARE, hidden) == []
    assert (await figure(platform, "parking.sum", hidden)).value == 30.0


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_page_of_kpis_shows_them_with_how_they_are_made(platform: Platform, lang: str) -> None:
    await install(platform)
    await park(platform, 1, 30, 100, "2026-01-01T00:10:00Z")
    client = Client(build_http(platform))
    page = (await client.get("/t/town/kpi", {"accept-language": lang})).text
    title = {"ja": "空きの割合", "en": "Share of free spaces"}[lang]
    method = {"ja": "availableSpotNumber の合計を totalSpotNumber の合計で割る", "en": "divided by that of totalSpot"}
    target = {"ja": "パックの目標: 0.1 以上", "en": "the pack&#39;s target: at least 0.1"}
    assert (title in page, method[lang] in page, target[lang] in page) == (True, True, True)
    for one in (SHARE, "parking.count"):
        reply = await client.get(f"/t/town/kpi/{one}.now", {"accept-language": lang})
        assert (reply.status, "takamatsu-1" in reply.text) == (200, True)
        assert ("attrs=availableSpotNumber" in reply.text, "attrs=&" in reply.text) == (one == SHARE, False)
    assert title not in (await client.get("/t/next/kpi", {"accept-language": lang})).text
