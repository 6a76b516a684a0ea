"""What moves: live values, the stale banner, map and chart, notifications; and what works without JavaScript."""

import asyncio
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from tests.browser.conftest import Open, Serve
from tests.browser.watch import Watch
from tests.service.console.console_town import Town, gauge_id

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

ENTITY = f"/t/fukui/entities/{gauge_id(0)}"
LEVELS = [None, 0, 1, 2, 3, 4]
SAMPLE_MAP: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [136.1 + 0.05 * place, 36 + place % 2 * 0.03 + stale * 0.1]},
            "properties": {
                "id": f"urn:x:{place}{stale}", "name": f"観測所 {place}", "level": level, "label": "2.31 m",
                "href": ENTITY, "stale": bool(stale),
            },
        }
        for place, level in enumerate(LEVELS)
        for stale in (0, 1)
    ],
}  # fmt: skip
SAMPLE_BASE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature", "properties": {"kind": "river", "name": "九頭竜川"},
            "geometry": {"type": "LineString", "coordinates": [[136.05, 35.98], [136.2, 36.09], [136.4, 36.07]]},
        },
        {
            "type": "Feature", "properties": {"kind": "boundary", "name": "福井市"},
            "geometry": {"type": "Polygon", "coordinates": [[[136, 36], [136.5, 36], [136.4, 36.2], [136, 36]]]},
        },
        {
            "type": "Feature", "properties": {"kind": "place", "name": "福井市"},
            "geometry": {"type": "Point", "coordinates": [136.22, 36.02]},
        },
    ],
}  # fmt: skip


def sample_chart() -> dict[str, Any]:
    start = 1_719_000_000
    level = [[start + 600 * step, round(1 + 3.2 / (1 + 2.7 ** (-(step - 60) / 12)), 2)] for step in range(130)]
    rain = [[start + 3600 * step, (step * 7) % 23] for step in range(21)]
    names = ("水防団待機", "はん濫注意", "避難判断", "はん濫危険")
    return {
        "series": [
            {"label": "水位", "unit": "m", "kind": "line", "points": level},
            {"label": "雨量", "unit": "mm", "kind": "bar", "points": rain},
        ],
        "thresholds": [
            {"label": name, "value": value, "level": place}
            for place, (name, value) in enumerate(zip(names, (2.0, 3.0, 3.6, 4.0), strict=True), 1)
        ],
    }


AT_REST = """() => new Promise((go) => {
    let last = performance.now();
    let calm = 0;
    const timer = setInterval(() => {
        const now = performance.now();
        calm = now - last < 60 ? calm + 1 : 0;
        last = now;
        if (calm === 15) {
            clearInterval(timer);
            go();
        }
    }, 20);
})"""
"""Waits until a page that was just opened has drawn itself, with which a browser without a GPU is busy for a while."""


async def answer_with(watch: Watch, part: str, value: object) -> None:
    await watch.page.route(f"**/{part}*", lambda route: route.fulfill(json=value))


@pytest.mark.timed
async def test_a_reading_changes_the_open_page_within_a_second(town: Town, serve: Serve, open_page: Open) -> None:
    served = await serve(town.app)
    watch = await open_page(served.url + ENTITY)
    await watch.page.locator("km-chart[data-ready]").wait_for()
    await expect(watch.page.locator("#attributes")).to_contain_text("2.0")
    await town.live.reads("fukui")
    async with asyncio.timeout(30):
        await watch.page.evaluate(AT_REST)
    points = int(await watch.page.locator("km-chart").get_attribute("data-points") or 0)
    began = time.monotonic()
    await town.rise(0, 7.77, 10)
    await watch.page.get_by_text("7.77").first.wait_for(timeout=5000)
    assert time.monotonic() - began < 1.0
    await expect(watch.page.locator("km-chart")).to_have_attribute("data-points", str(points + 1))
    assert watch.problems == []


async def test_a_stopped_server_shows_and_a_new_one_takes_away_the_banner(
    town: Town, serve: Serve, open_page: Open, shots: Path
) -> None:
    served = await serve(town.app)
    watch = await open_page(served.url + ENTITY, lang="en")
    await watch.page.locator("km-chart[data-ready]").wait_for()
    banner = watch.page.locator("#km-stale")
    assert await banner.text_content() == ""
    await town.live.close()
    await served.stop()
    await expect(banner).to_contain_text("not current", timeout=8000)
    await watch.page.screenshot(path=shots / "stale.png")
    assert await watch.violations() == []
    town.live._closing.clear()
    await town.rise(0, 8.88, 20)
    await serve(town.app, served.port)
    await expect(banner).to_have_text("", timeout=10_000)
    await expect(watch.page.locator("#attributes")).to_contain_text("8.88")


async def test_the_map_draws_each_level_and_opens_a_gauge(
    town: Town, serve: Serve, open_page: Open, shots: Path
) -> None:
    served = await serve(town.app)
    watch = await open_page("about:blank", width=1000)
    await answer_with(watch, "entity-map", SAMPLE_MAP)
    await answer_with(watch, "sample-base", SAMPLE_BASE)
    add_base = (
        "addEventListener('DOMContentLoaded', () => { document.querySelector('km-map').dataset.base = '/sample-base' })"
    )
    await watch.page.add_init_script(add_base)
    await watch.page.goto(served.url + "/t/fukui/entities")
    await watch.page.locator("km-map[data-ready]").wait_for(timeout=20_000)
    assert await watch.page.locator("km-map").get_attribute("data-count") == str(len(SAMPLE_MAP["features"]))
    rendered = (
        "() => document.querySelector('km-map').map.queryRenderedFeatures({layers: ['data']}).map(f => f.properties.id)"
    )
    assert set(await watch.page.evaluate(rendered)) == {one["properties"]["id"] for one in SAMPLE_MAP["features"]}
    at = await watch.page.evaluate("() => document.querySelector('km-map').map.project([136.35, 36.03])")
    box = await watch.page.locator(".km-map-box").bounding_box()
    assert box is not None
    await watch.page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
    link = watch.page.locator(".km-popup a")
    assert await link.get_attribute("href") == ENTITY
    await watch.page.screenshot(path=shots / "map-levels.png")
    assert await watch.violations() == []
    assert watch.problems == []


async def test_the_chart_draws_lines_bars_and_thresholds(
    town: Town, serve: Serve, open_page: Open, shots: Path
) -> None:
    served = await serve(town.app)
    for width in (1000, 360):
        watch = await open_page("about:blank", width=width)
        await answer_with(watch, "entity-points", sample_chart())
        await watch.page.goto(served.url + ENTITY)
        await watch.page.locator("km-chart[data-ready]").wait_for()
        await watch.page.locator("km-chart").screenshot(path=shots / f"chart-{width}.png")
        assert await watch.page.locator("km-chart").get_attribute("data-points") == "151"
        assert await watch.overflow() == 0
        assert watch.problems == []


async def test_a_component_that_fails_leaves_the_table(town: Town, serve: Serve, open_page: Open) -> None:
    served = await serve(town.app)
    watch = await open_page("about:blank", lang="en")
    await watch.page.route("**/entity-map*", lambda route: route.fulfill(status=500, body="no"))
    await watch.page.goto(served.url + "/t/fukui/entities")
    await expect(watch.page.locator("km-map[data-failed]")).to_contain_text("cannot be shown")
    await expect(watch.page.locator("#entities tbody tr")).to_have_count(3)


@pytest.mark.timed
async def test_a_notification_arrives_on_the_open_webhook_page(town: Town, serve: Serve, open_page: Open) -> None:
    served = await serve(town.app)
    watch = await open_page(served.url + "/t/fukui/webhook")
    address = await watch.page.locator(".km-command code").text_content() or ""
    await watch.page.wait_for_timeout(500)
    body = json.dumps({"data": [{"id": "urn:x:1", "note": "水位が上がりました"}]}).encode()
    request = urllib.request.Request(address, data=body, method="POST")
    await asyncio.to_thread(urllib.request.urlopen, request)
    await expect(watch.page.locator("#messages")).to_contain_text("水位が上がりました", timeout=2000)
    assert watch.problems == []


async def test_everything_but_pictures_works_without_javascript(town: Town, serve: Serve, browser: Browser) -> None:
    served = await serve(town.app)
    context = await browser.new_context(java_script_enabled=False, locale="en-GB")
    page = await context.new_page()
    await page.goto(served.url)
    await page.get_by_role("link", name="Fukui City").click()
    await page.get_by_label("Search by id").fill("gauge-1")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("link", name=gauge_id(1)).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("足羽川 天神橋")
    await page.get_by_role("navigation", name="Main pages").get_by_role("link", name="Subscriptions").click()
    await page.get_by_label("Type").fill("WaterLevelObserved")
    await page.get_by_role("button", name="Subscribe").click()
    await expect(page.locator("#subscriptions tbody tr")).to_have_count(1)
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator("#subscriptions")).to_contain_text("Paused")
    await page.get_by_role("link", name="日本語").click()
    await expect(page.locator("html")).to_have_attribute("lang", "ja")


async def test_the_keyboard_reaches_the_content_first(town: Town, serve: Serve, open_page: Open, shots: Path) -> None:
    served = await serve(town.app)
    watch = await open_page(served.url + "/t/fukui/subscriptions", lang="en")
    await watch.page.keyboard.press("Tab")
    skip = watch.page.locator(".km-skip")
    await expect(skip).to_be_focused()
    await watch.page.screenshot(path=shots / "focus.png")
    outline = "() => getComputedStyle(document.activeElement).outline"
    assert "4px" in await watch.page.evaluate(outline)
    await watch.page.keyboard.press("Enter")
    assert (await watch.page.evaluate("() => document.activeElement.id")) == "content"


async def test_paper_and_high_contrast(town: Town, serve: Serve, open_page: Open, shots: Path) -> None:
    served = await serve(town.app)
    watch = await open_page(served.url + ENTITY)
    await watch.page.locator("km-chart[data-ready]").wait_for()
    await watch.page.emulate_media(media="print")
    await expect(watch.page.locator(".km-nav")).to_be_hidden()
    await watch.page.pdf(path=shots / "entity.pdf", format="A4")
    assert (shots / "entity.pdf").stat().st_size > 10_000
    await watch.page.emulate_media(media="screen", forced_colors="active")
    await watch.page.screenshot(path=shots / "forced-colors.png")


async def test_a_command_is_copied(town: Town, serve: Serve, open_page: Open) -> None:
    served = await serve(town.app)
    watch = await open_page(served.url + ENTITY, lang="en")
    await watch.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await watch.page.get_by_role("button", name="Copy").click()
    await watch.page.get_by_role("button", name="Copied").wait_for()
    assert (await watch.page.evaluate("() => navigator.clipboard.readText()")).startswith("curl -s http://localhost:")
