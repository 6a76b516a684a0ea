"""The wildlife wing on a telephone: its pages fit and can be read, and a report waits where there is no net."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image
from playwright.async_api import FilePayload, expect
from starlette.applications import Starlette
from tests.browser.conftest import Open, Serve
from tests.browser.conftest import Served as Site
from tests.fakes import DatabaseFactory
from tests.solutions.wildlife.wildlife_house import TOWN, House, opened

from kumihimo.platform.access.decide import Access
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.console.live import Live
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.album import Album
from kumihimo.solutions.wildlife.doors import own_call
from kumihimo.solutions.wildlife.incidents import read_all
from kumihimo.solutions.wildlife.models import together
from kumihimo.solutions.wildlife.risk import cell_of
from kumihimo.solutions.wildlife.screens import wildlife_screens
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.words import PACKAGE

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.enable_socket]
PHONE = 360


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    async with opened(database_factory) as found:
        incidents = [one for one in together(read_all()) if one.town == "白山市"][-80:]
        changes = [entities.incident_change(one, cell_of(one.lon, one.lat)) for one in incidents]
        await found.doors.apply(own_call(TOWN, "test"), changes)
        await found.send("sensor-field", "2024-10-05T18:20:00+09:00", species="Ursus thibetanus", confidence=0.8)
        yield found


@pytest.fixture
async def site(house: House, serve: Serve) -> Site:
    doors = house.doors
    live = Live(doors.database, doors.bus, Access(True), Contexts().core.compact)
    words = load_words([OWN_PACKAGE, PACKAGE])
    console = Console(wildlife_screens(doors, Stage()), words, tenants=doors.database.tenants, live=live)
    return await serve(Starlette(routes=console.routes()))


COVERED = """all => all.filter(one => {
  const label = getComputedStyle(one, "::before");
  return label.content !== "none" && one.getBoundingClientRect().height < parseFloat(label.height);
}).map(one => one.dataset.label)"""
"""What stands beside a value on a narrow screen, where it is higher than its row and lies over the next one."""


async def test_each_page_fits_a_telephone_and_can_be_read(site: Site, open_page: Open) -> None:
    watch = await open_page(f"{site.url}/t/{TOWN}/wildlife", width=PHONE)
    await expect(watch.page.locator("km-map[data-ready]")).to_be_visible(timeout=60_000)
    alert = await watch.page.locator("#stage a").first.get_attribute("href")
    for path in ("", "/report", "/reports", "/patrol", "/decisions", "/siren", "/method", alert):
        if path:
            address = path if path.startswith("/t/") else f"/t/{TOWN}/wildlife{path}"
            await watch.page.goto(site.url + address, wait_until="load")
        assert await watch.violations() == [], path
        assert await watch.overflow() == 0, path
    await watch.page.goto(f"{site.url}/t/{TOWN}/wildlife?lang=en", wait_until="load")
    labels = watch.page.locator("td[data-label]")
    assert await labels.count() > 10
    assert await labels.evaluate_all(COVERED) == []
    await watch.page.goto(f"{site.url}/t/{TOWN}/wildlife/method?lang=en", wait_until="load")
    assert (await watch.overflow(), await labels.evaluate_all(COVERED)) == (0, [])
    assert watch.problems == []


async def test_a_report_without_a_net_waits_and_is_sent_when_there_is_one(
    house: House, site: Site, open_page: Open
) -> None:
    address = f"{site.url}/t/{TOWN}/wildlife/report"
    watch = await open_page(address, lang="en", width=PHONE)
    page = watch.page
    await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    await page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    await watch.context.set_offline(True)
    await page.goto(address, wait_until="load")
    await page.get_by_label("Damage", exact=True).check()
    await page.get_by_label("Crop or thing").fill("稲")
    await page.get_by_label("Area (square metres)").fill("30")
    await page.get_by_label("Latitude").fill("36.4")
    await page.get_by_label("Longitude").fill("136.6")
    await page.get_by_role("button", name="Report", exact=True).click()
    await expect(page.locator("#said")).to_contain_text("waits in this telephone")
    await expect(page.locator("#waiting li")).to_have_count(1)
    assert await house.doors.docs(TOWN, entities.DAMAGE) == []
    await watch.context.set_offline(False)
    await page.evaluate("() => dispatchEvent(new Event('online'))")
    await expect(page.locator("#waiting")).to_be_hidden(timeout=20_000)
    await expect(page.locator("#said")).to_contain_text("that waited in this telephone were sent")
    [damage] = await house.doors.docs(TOWN, entities.DAMAGE)
    assert entities.value_of(damage, entities.AREA) == 30


def photograph() -> bytes:
    """A white one with the red face of nobody at the left."""
    found = Image.new("RGB", (2400, 1600), "white")
    found.paste("red", (200, 200, 800, 800))
    out = io.BytesIO()
    found.save(out, "JPEG")
    return out.getvalue()


async def test_a_photograph_is_blacked_out_waits_with_its_report_and_is_sent(
    house: House, site: Site, open_page: Open
) -> None:
    """On a telephone without a net: a rectangle by a drag, another one by keys, the box ticked, sent later."""
    watch = await open_page(f"{site.url}/t/{TOWN}/wildlife/report?kind=catch", lang="en", width=PHONE)
    page = watch.page
    await page.get_by_label("Latitude").fill("36.4")
    await page.get_by_label("Longitude").fill("136.6")
    file: FilePayload = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photograph()}
    await page.get_by_label("Take or choose a photograph").set_input_files(file)
    canvas = page.locator("canvas.km-photo")
    await canvas.scroll_into_view_if_needed()
    box = await canvas.bounding_box()
    assert box is not None
    assert await watch.violations() == []
    left, top, width, height = box["x"], box["y"], box["width"], box["height"]
    await page.mouse.move(left + width / 16, top + height / 16)
    await page.mouse.down()
    await page.mouse.move(left + width / 2.5, top + height / 1.8)
    await page.mouse.up()
    await canvas.focus()
    for key in ("Enter", *("ArrowRight",) * 12, *("ArrowDown",) * 12, "Enter"):
        await page.keyboard.press(key)
    await watch.context.set_offline(True)
    send = page.get_by_role("button", name="Report", exact=True)
    await send.click()
    assert await house.doors.docs(TOWN, entities.CATCH) == []
    await expect(page.locator("#waiting")).to_be_hidden()  # the browser asks for the tick first
    await page.get_by_label("No person is on this photograph").check()
    await send.click()
    await expect(page.locator("#waiting li")).to_have_count(1)
    await watch.context.set_offline(False)
    await page.evaluate("() => dispatchEvent(new Event('online'))")
    await expect(page.locator("#waiting")).to_be_hidden(timeout=20_000)
    [caught] = await house.doors.docs(TOWN, entities.CATCH)
    body = await Album(house.doors.database, house.doors.clock).body(TOWN, caught["id"])
    assert body is not None
    with Image.open(io.BytesIO(body)) as kept:
        assert kept.size == (1600, 1067)
        grey, wide = kept.convert("L").tobytes(), kept.width
    light = [grey[y * wide + x] for x, y in ((50, 900), (900, 100))]
    black = [grey[y * wide + x] for x, y in ((300, 300), (500, 500), (900, 600), (1100, 750))]
    assert min(light) > 200, "what was not marked is as it was"
    assert max(black) < 40, "what was marked is not there"
    assert [one for one in watch.problems if "ERR_INTERNET_DISCONNECTED" not in one] == []


async def test_what_the_platform_does_not_take_is_said_at_its_field_and_can_be_mended(
    house: House, site: Site, open_page: Open
) -> None:
    watch = await open_page(f"{site.url}/t/{TOWN}/wildlife/report?kind=damage", lang="en", width=PHONE)
    page = watch.page
    await page.get_by_label("Crop or thing").fill("rice")
    await page.get_by_label("Area (square metres)").fill("30")
    await page.get_by_label("Latitude").fill("361")
    await page.get_by_label("Longitude").fill("136.6")
    send = page.get_by_role("button", name="Report", exact=True)
    await send.click()
    await expect(page.locator(".km-field #said")).to_contain_text("lat must be -90 to 90", timeout=20_000)
    await expect(page.get_by_label("Latitude")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#waiting")).to_be_hidden()  # it is mended where it stands
    assert await house.doors.docs(TOWN, entities.DAMAGE) == []
    await watch.context.set_offline(True)
    await send.click()
    await expect(page.locator("#waiting li")).to_have_count(1)
    await watch.context.set_offline(False)
    await page.evaluate("() => dispatchEvent(new Event('online'))")
    await expect(page.locator("#waiting li")).to_contain_text("lat must be -90 to 90", timeout=20_000)
    await page.get_by_role("button", name="Mend").click()
    await expect(page.get_by_label("Crop or thing")).to_have_value("rice")
    await page.get_by_label("Latitude").fill("36.4")
    await send.click()
    await expect(page.locator("#said")).to_contain_text("The report was taken", timeout=20_000)
    await expect(page.locator("#waiting")).to_be_hidden()
    assert len(await house.doors.docs(TOWN, entities.DAMAGE)) == 1
