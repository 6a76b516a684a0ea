"""The wing's pages as somebody sees them who may see a part: accessible, and fit for a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser.conftest import Open, Serve
from tests.fakes import DatabaseFactory
from tests.solutions.flood.flood_house import opened
from tests.solutions.flood.test_narrowed import OPEN, TOWN, Stand, shown

from kumihimo.solutions.flood import entities

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


async def test_what_is_not_shown_is_said_accessibly_and_fits_a_phone(
    database_factory: DatabaseFactory, serve: Serve, open_page: Open, shots: Path
) -> None:
    async with opened(database_factory) as house:
        stand = Stand(house)
        await stand.fill()
        stand.rights = shown(entities.LEVEL)
        served = await serve(stand.app)
        watch = await open_page(served.url, lang="ja", width=360)
        pages = {
            "town": "/",
            "alerts": f"/t/{TOWN}/flood/alerts",
            "alert": f"/t/{TOWN}/flood/alerts/{stand.ids[OPEN]}",
            "decisions": f"/t/{TOWN}/flood/decisions",
            "kpi": f"/t/{TOWN}/kpi",
        }
        found = {}
        for name, path in pages.items():
            await watch.page.goto(f"{served.url}{path}")
            await watch.page.screenshot(path=shots / f"narrowed-{name}.png", full_page=True)
            found[name] = (await watch.violations(), await watch.overflow())
        await watch.context.close()
        assert {name: value for name, value in found.items() if value != ([], 0)} == {}
