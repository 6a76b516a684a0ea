"""Residents see no gauge that is there for training, nor its readings and alerts, unless their town says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from tests.app.test_personas import logged_in
from tests.app.test_personas import platform as platform  # noqa: PLC0414 - the fixture
from tests.flows.browser import Surfer

from kumihimo.app.http import build_http
from kumihimo.app.personas import Personas
from kumihimo.app.platform import Platform
from kumihimo.base.call import Actor, Call
from kumihimo.base.ports import Reading
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.tenants import PREFECTURE
from kumihimo.solutions.flood.training import TRAINING_GAUGE

CALL = Call(PREFECTURE, Actor("system", "test"))
RIVER = replace(TRAINING_GAUGE, id="7", name="九十九橋", river="足羽川", training=False)
GAUGES = f"/t/{PREFECTURE}/flood/gauges"
SHOWN = f'permit (principal in Role::"resident", action == Action::"read", resource in EntityType::"{entities.GAUGE}");'
"""What a town writes that wants its residents to see drills."""


@pytest.fixture
async def people(platform: Platform) -> dict[str, Surfer]:
    """A resident and a disaster officer of a town with the pack, with a real gauge and one for training."""
    await platform.packs.install(CALL, platform.library.find("flood"))
    for gauge in (RIVER, TRAINING_GAUGE):
        await platform.broker.apply(CALL, [entities.gauge_change(gauge, PREFECTURE)])
        reading = Reading(entities.gauge_id(gauge.id), entities.GAUGE, entities.LEVEL, 5.875, 3_600_000_000, "MTR")
        await platform.ingest(CALL, [reading])
    given = await Personas(platform).settle(renew=False)
    app: Any = build_http(platform)
    found = {}
    for name in ("demo-resident", "demo-disaster"):
        found[name], status = await logged_in(app, name, given.passwords[name])
        assert status == 303
    return found


async def seen(surfer: Surfer) -> tuple[bool, bool, int]:
    """Whether the table and the map name the gauge for training, whether the list of entities does, its page."""
    page = await surfer.get(f"/t/{PREFECTURE}/flood")
    assert (page.status, "九十九橋" in page.text) == (200, True)
    kind = quote(entities.GAUGE, safe="")
    listed = (await surfer.get(f"/t/{PREFECTURE}/entities?type={kind}")).text
    assert "fukui-7" in listed
    return "gauges/training" in page.text, "fukui-training" in listed, (await surfer.get(f"{GAUGES}/training")).status


async def test_a_gauge_for_training_is_for_staff_unless_the_town_says_otherwise(
    platform: Platform, people: dict[str, Surfer]
) -> None:
    assert await seen(people["demo-disaster"]) == (True, True, 200)
    assert await seen(people["demo-resident"]) == (False, False, 404)
    await platform.rules.documents.put(PREFECTURE, "drills", SHOWN, "person:p-1", "residents take part")
    assert await seen(people["demo-resident"]) == (True, True, 200)
