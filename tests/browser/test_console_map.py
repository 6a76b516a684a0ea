"""The map on paper, under the pointer, and where its tiles do not come."""

import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import Open, Serve
from tests.browser.test_console_live import SAMPLE_BASE, SAMPLE_MAP, answer_with
from tests.browser.watch import Watch
from tests.service.console.console_town import Town

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
NOTE = "背景は模式図です。"


async def open_map(serve: Serve, town: Town, open_page: Open, **extra: str) -> Watch:
    """The entities page with a sample on its map; extra are data attributes of the map."""
    served = await serve(town.app)
    watch = await open_page("about:blank", width=1000)
    await answer_with(watch, "entity-map", SAMPLE_MAP)
    await answer_with(watch, "sample-base", SAMPLE_BASE)
    for name, value in {"base": "/sample-base", "note": NOTE, **extra}.items():
        said = f"document.querySelector('km-map').dataset.{name} = '{value}'"
        await watch.page.add_init_script(f"addEventListener('DOMContentLoaded', () => {{ {said} }})")
    await watch.page.goto(served.url + "/t/fukui/entities")
    await watch.page.locator("km-map[data-ready]").wait_for(timeout=20_000)
    return watch


async def colours(page: Page) -> int:
    """How many colours the picture for paper has."""
    return int(
        await page.evaluate(
            """() => {
                const copy = document.querySelector('.km-map-print');
                const { data } = copy.getContext('2d').getImageData(0, 0, copy.width, copy.height);
                return new Set(new Uint32Array(data.buffer)).size;
            }"""
        )
    )


async def test_paper_gets_the_drawn_map_the_town_and_the_moment(town: Town, serve: Serve, open_page: Open) -> None:
    watch = await open_map(serve, town, open_page)
    line = watch.page.locator(".km-print-only")
    await expect(line).to_be_hidden()
    await watch.page.emulate_media(media="print")
    await watch.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert await colours(watch.page) > 20
    await expect(watch.page.locator(".km-map-print")).to_be_visible()
    await expect(watch.page.locator(".maplibregl-canvas")).to_be_hidden()
    await expect(line).to_contain_text("福井市 · 印刷 20")
    await watch.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    await expect(watch.page.locator(".km-map-print")).to_have_count(0)
    assert watch.problems == []


async def test_the_pointer_reads_a_gauges_name(town: Town, serve: Serve, open_page: Open) -> None:
    watch = await open_map(serve, town, open_page)
    at = await watch.page.evaluate("() => document.querySelector('km-map').map.project([136.35, 36.03])")
    box = await watch.page.locator(".km-map-box").bounding_box()
    assert box is not None
    await watch.page.mouse.move(box["x"] + at["x"], box["y"] + at["y"])
    await expect(watch.page.locator(".km-hint-popup")).to_have_text("観測所 5 2.31 m")
    await watch.page.mouse.move(box["x"] + 5, box["y"] + 5)
    await expect(watch.page.locator(".km-hint-popup")).to_have_count(0)


async def test_without_its_tiles_the_map_shows_the_schematic_base_and_says_so(
    town: Town, serve: Serve, open_page: Open
) -> None:
    watch = await open_map(serve, town, open_page, tiles="http://localhost:1/{z}/{x}/{y}.png")
    note = watch.page.locator(".km-map-note")
    await expect(note).to_have_text(f"背景の地図を読み込めませんでした。 {NOTE}", timeout=10_000)
    seen = "() => document.querySelector('km-map').map.getLayoutProperty('river', 'visibility')"
    assert await watch.page.evaluate(seen) == "visible"


async def test_over_tiles_no_schematic_river_is_drawn(town: Town, serve: Serve, open_page: Open) -> None:
    watch = await open_map(serve, town, open_page)
    await expect(watch.page.locator(".km-map-note")).to_have_text(NOTE)
    style = "() => import(document.querySelector('script[src*=page]').src.replace('page.js', 'map-style.js'))"
    layers = await watch.page.evaluate(
        f"async () => (await ({style})()).styleOf({{ tiles: 'x' }}).layers.filter((one) => one.source === 'base')"
    )
    assert layers
    assert {layer["layout"]["visibility"] for layer in layers} == {"none"}
