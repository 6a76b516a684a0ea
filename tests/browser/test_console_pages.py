from pathlib import Path

import pytest
from tests.browser.conftest import Open, Serve
from tests.browser.watch import Watch
from tests.service.console.console_town import Town, gauge_id

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

PAGES = {
    "home": "/",
    "entities": "/t/fukui/entities",
    "entity": f"/t/fukui/entities/{gauge_id(0)}",
    "empty": "/t/sabae/entities",
    "subscriptions": "/t/fukui/subscriptions",
    "webhook": "/t/fukui/webhook",
    "missing": "/t/atlantis/entities",
}
REFUSED = "the server responded with a status of 40"


async def settle(watch: Watch) -> None:
    """Waits until the page's map and chart are drawn."""
    for name in ("km-map", "km-chart"):
        if await watch.page.locator(name).count():
            await watch.page.locator(f"{name}[data-ready]").wait_for(timeout=20_000)


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_pages_are_accessible_quiet_and_fit_a_phone(
    town: Town, serve: Serve, open_page: Open, shots: Path, lang: str
) -> None:
    served = await serve(town.app)
    name = await town.subscribe()
    await town.rise(0, 3.33, 5)
    await town.doors.delivery.catch_up("fukui")
    one = f"/t/fukui/subscriptions/{name}"
    pages = {**PAGES, "subscription": one, "why": f"{one}/why?entity={gauge_id(0)}", "why-wrong": f"{one}/why?entity=x"}
    found = {}
    for width in (1280, 360):
        watch = await open_page(served.url, lang=lang, width=width)
        for name, path in pages.items():
            watch.problems.clear()
            await watch.page.goto(served.url + path)
            await settle(watch)
            await watch.page.screenshot(path=shots / f"{name}-{lang}-{width}.png", full_page=True)
            # Axe once for each page and language: wide in Japanese, narrow in English.
            broken = await watch.violations() if (lang, width) in (("ja", 1280), ("en", 360)) else []
            problems = [problem for problem in watch.problems if REFUSED not in problem]
            found[name, width] = (broken, problems, await watch.overflow())
        await watch.context.close()
    assert {key: value for key, value in found.items() if value != ([], [], 0)} == {}
