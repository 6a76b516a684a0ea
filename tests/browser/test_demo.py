"""The demonstration as its users see it: a process of its own, real Chromium, a real mosquitto_pub."""

import asyncio
import json
import re
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, expect
from tests.browser.conftest import Open
from tests.browser.watch import Watch
from tests.processes import Printed, Served, free_port, get

from kumihimo.base import times

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.enable_socket]

PAGES = {
    "home": "/",
    "flood": "/t/fukui-pref/flood",
    "city": "/t/sabae-city/flood",
    "gauge": "/t/fukui-pref/flood/gauges/1",
    "alerts": "/t/fukui-pref/flood/alerts",
    "decisions": "/t/fukui-pref/flood/decisions",
    "kpi": "/t/fukui-pref/kpi",
    "measures": "/t/fukui-pref/measures",
    "devices": "/t/fukui-pref/devices",
    "entities": "/t/fukui-pref/entities",
    "subscriptions": "/t/fukui-pref/subscriptions",
    "webhook": "/t/fukui-pref/webhook",
}
TRAINING = "a[href$='/flood/gauges/training']"
READY = "Ctrl-C stops it"
OFFICER = "demo-disaster"
PUBLISH = re.compile(r"-u (\S+) -P (\S+)[^/]*-t (\S+) -m '(.+?)'", re.DOTALL)


class Demo(Served):
    """A running demonstration."""

    published = 0

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.cookies: dict[str, str] = {}

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://localhost:{self.port}"

    def publish(self, level: float) -> None:
        """Publishes with the very words that the demonstration printed, but a later minute and this level."""
        found = PUBLISH.findall(self.log.read_text())
        assert found, self.log.read_text()
        user, key, topic, body = found[-1]
        self.published += 1
        reading = json.loads(body)
        moment = times.parse(reading["observedAt"]) + timedelta(minutes=self.published)
        body = json.dumps({**reading, "level": level, "observedAt": times.text(moment)})
        command = ["mosquitto_pub", "-h", "localhost", "-p", str(self.mqtt_port), "-q", "1", "-u", user, "-P", key]
        subprocess.run([*command, "-t", topic, "-m", body], check=True, timeout=10)


Enter = Callable[..., Awaitable[Watch]]


@pytest.fixture
def enter(demo: Demo, open_page: Open) -> Enter:
    """Opens a page as somebody who logged in through the form; of whom that was asked before, with the cookie of then:
    `watch = await enter("/t/fukui-pref/flood", lang="en")`.
    """

    async def visit(path: str, who: str = OFFICER, **window: Any) -> Watch:
        watch = await open_page("about:blank", **window)
        if who not in demo.cookies:
            await log_in(watch, demo, who)
            [demo.cookies[who]] = [
                one.get("value", "") for one in await watch.context.cookies() if one.get("name") == "kumihimo"
            ]
        await watch.context.clear_cookies(name="lang")  # the window's own language counts, not the account's
        await watch.context.add_cookies([{"name": "kumihimo", "value": demo.cookies[who], "url": demo.url}])
        await watch.page.goto(demo.url + path)
        return watch

    return visit


async def log_in(watch: Watch, demo: Demo, who: str) -> None:
    """As a visitor does: the address that was printed, the form that it leads to, the password of the table."""
    await watch.page.goto(demo.url)
    await watch.page.wait_for_url("**/login?next=%2F")
    form = watch.page.locator("form", has=watch.page.locator("[name=password]"))
    await form.locator("[name=name]").fill(who)
    await form.locator("[name=password]").fill(Printed(demo.log.read_text()).passwords[who])
    await form.locator("[type=submit], button:not([type])").first.click()
    await watch.page.wait_for_url(f"{demo.url}/")


def started(folder: Path, event: str) -> Demo:
    """A demonstration that is ready."""
    demo = Demo(folder / "data", mqtt_port=free_port(), words=("demo", "--event", event, "--speed", "1200"))
    demo.start(60)
    demo.said(READY, 60)
    return demo


def ended(demo: Demo) -> None:
    """Ends it cleanly, unless a test killed it."""
    assert demo.process is not None
    if demo.process.poll() is None:
        assert demo.stop() == 0, demo.log.read_text()
    assert "Traceback" not in demo.log.read_text()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demonstration for all tests that leave it standing."""
    demo = started(tmp_path_factory.mktemp("demo"), "2024-06")
    yield demo
    ended(demo)


@pytest.fixture
def demo(house: Demo) -> Demo:
    """The demonstration, started again where a test killed it."""
    if not house.ready():
        starts = house.log.read_text().count(READY)
        house.start(60)
        house.said(READY, times=starts + 1)  # the devices have new keys, which it prints
    return house


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_every_page_is_filled_quiet_accessible_and_fits_a_phone(
    demo: Demo, enter: Enter, shots: Path, lang: str
) -> None:
    found = {}
    for width in (1280, 360):
        watch = await enter("/", "demo-platform", lang=lang, width=width)
        for name, path in PAGES.items():
            watch.problems.clear()
            await watch.page.goto(demo.url + path)
            for part in ("km-map", "km-chart"):
                if await watch.page.locator(part).count():
                    await watch.page.locator(f"{part}[data-ready]").wait_for(timeout=20_000)
            await watch.page.screenshot(path=shots / f"demo-{name}-{lang}-{width}.png")
            # Axe once for each page and language: wide in Japanese, narrow in English.
            broken = await watch.violations() if (lang, width) in (("ja", 1280), ("en", 360)) else []
            found[name, width] = (broken, list(watch.problems), await watch.overflow())
        await watch.context.close()
    assert {key: value for key, value in found.items() if value != ([], [], 0)} == {}


PERSONAS = {
    "demo-resident": (["fukui-city", "fukui-pref"], {"/flood", "/entities"}),
    "demo-officer": (
        ["fukui-city"],
        {"/flood", "/flood/alerts", "/flood/decisions", "/kpi", "/measures", "/entities", "/webhook"},
    ),
}
"""The towns that they see, and entries of their navigation among others."""
OF_OTHERS = {"/members", "/policies", "/devices", "/applications", "/usage"}
OWN_FORMS = {
    "demo-resident": re.compile("/logout|/t/fukui-city/subscriptions"),
    "demo-officer": re.compile("/logout|/t/fukui-city/subscriptions(?:/urn.*)?"),
}
"""Where they may send something; a subscription of the town's own is none of a resident's."""
ACTIONS = "all => all.map(one => one.getAttribute('action'))"


@pytest.mark.parametrize("who", PERSONAS)
async def test_others_see_their_towns_and_are_offered_what_they_may_do(
    demo: Demo, enter: Enter, shots: Path, who: str
) -> None:
    towns, pages = PERSONAS[who]
    watch = await enter("/", who)
    found = await watch.page.locator("#towns h2 a").evaluate_all("all => all.map(one => one.id)")
    assert sorted(found) == [f"town-{town}" for town in towns]
    await watch.page.goto(f"{demo.url}/t/fukui-city/flood")
    nav = await watch.page.locator(".km-nav a").evaluate_all(
        "all => all.map(one => one.pathname.replace('/t/fukui-city', ''))"
    )
    assert pages <= set(nav)
    assert OF_OTHERS.isdisjoint(nav)
    await watch.page.locator("km-map[data-ready]").wait_for(timeout=20_000)
    assert await watch.page.locator("tbody tr").count() > 20
    is_shown = await watch.page.locator(TRAINING).count() > 0
    assert is_shown == (who != "demo-resident"), "a drill is for staff"
    assert await watch.page.locator("#replay button").count() == 0
    for path in nav:
        response = await watch.page.goto(f"{demo.url}/t/fukui-city{path}")
        assert response is not None
        assert response.status == 200, path
        await watch.page.screenshot(path=shots / f"{who}{path.replace('/', '-')}.png")
        forms = await watch.page.locator("form[method=post]").evaluate_all(ACTIONS)
        assert [one for one in forms if not OWN_FORMS[who].fullmatch(one)] == [], path
    assert watch.problems == []


async def test_a_wrong_key_is_refused_and_seen_on_the_devices_page(demo: Demo, enter: Enter, mosquitto: None) -> None:
    command = ["mosquitto_pub", "-h", "localhost", "-p", str(demo.mqtt_port), "-q", "1", "-u", "fukui-pref/gauge-1"]
    command += ["-P", "wrong", "-t", "kumihimo/fukui-pref/gauge-1/up", "-m", "{}"]
    done = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, timeout=10)
    assert done.returncode != 0
    watch = await enter("/t/fukui-pref/devices", "demo-platform", lang="en")
    await expect(watch.page.locator("main")).to_contain_text("its key is wrong")


async def test_an_officer_accepts_and_the_sign_confirms(demo: Demo, enter: Enter, mosquitto: None) -> None:
    await asyncio.to_thread(demo.publish, 5.87)
    watch = await enter("/t/fukui-city/flood/alerts", lang="en")
    link = watch.page.locator("main table a", has_text="訓練用水位計").first
    await expect(link).to_be_visible(timeout=10_000)
    await link.click()
    form = watch.page.locator("form", has=watch.page.locator("[name=reason]")).first
    assert await form.locator("[name=who]").count() == 0, "it is known who decides"
    await form.locator("[name=reason]").fill("上流の水位も上がっているため")
    await form.locator("button[name=verdict][value=accepted]").click()
    main = watch.page.locator("main")
    await expect(main).to_contain_text("防災担当 (demo-disaster)", timeout=5000)
    await expect(main.locator("[data-step=confirmed]")).to_have_count(2, timeout=15_000)
    await watch.page.goto(f"{demo.url}/t/fukui-city/flood/decisions")
    await expect(watch.page.locator("main")).to_contain_text("上流の水位も上がっているため")


async def test_an_unknown_address_is_a_page_for_browsers_and_a_problem_for_programs(demo: Demo, enter: Enter) -> None:
    watch = await enter("/nowhere", lang="ja")
    await expect(watch.page.locator("h1")).to_be_visible()
    assert await watch.violations() == []
    key = Printed(demo.log.read_text()).bearer
    status, headers, body = await asyncio.to_thread(demo.ask, "GET", "/nowhere", headers=key)
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert b"/nowhere" in body
    assert (await asyncio.to_thread(demo.ask, "GET", "/nowhere"))[0] == 401


async def test_a_notification_stands_on_the_webhook_page(enter: Enter) -> None:
    watch = await enter("/t/fukui-pref/webhook", lang="en")
    await expect(watch.page.locator("#messages")).to_contain_text("RiverGauge", timeout=15_000)
    assert watch.problems == []


@pytest.mark.timed
async def test_starting_over_leaves_an_open_page_alive_and_the_log_clean(
    demo: Demo, enter: Enter, mosquitto: None
) -> None:
    """All parts run: devices on MQTT, readers, delivery, pages; the towns go and come back under them."""
    said = len(demo.log.read_text())
    await asyncio.to_thread(demo.publish, 5.88)
    watch = await enter("/t/fukui-pref/flood", lang="en")
    row = watch.page.locator("tr", has=watch.page.locator(TRAINING))
    await expect(row).to_contain_text("5.88")
    await watch.page.locator("km-map[data-ready]").wait_for(timeout=20_000)
    await _start_over(watch, demo.url)
    await expect(row).to_contain_text("no reading", timeout=15_000)
    replay = watch.page.locator("#replay")
    await expect(replay).to_contain_text("playing", timeout=5000)
    await expect(replay).to_contain_text("101 devices connected", timeout=15_000)
    await expect(watch.page.locator("#attention li").first).to_be_visible(timeout=30_000)
    assert await _shows_within_a_second(demo, row)
    await watch.page.goto(f"{demo.url}/t/fukui-pref/webhook")
    await expect(watch.page.locator("#messages")).to_contain_text("RiverGauge", timeout=15_000)
    assert demo.log.read_text()[said:] == "", "nothing went wrong"


async def _start_over(watch: Watch, url: str) -> None:
    """Presses the button, on another page of the same browser."""
    other = await watch.context.new_page()
    await other.goto(f"{url}/t/fukui-pref/flood")
    await other.locator("summary", has_text="Speed and starting over").click()
    await other.locator("button", has_text="Start over").click()
    await other.locator("button", has_text="Remove it and start over").click()
    await other.locator("#replay").wait_for(timeout=20_000)
    await other.close()


@pytest.mark.timed
async def test_a_published_reading_shows_within_a_second_and_a_stopped_server_too(
    demo: Demo, enter: Enter, mosquitto: None
) -> None:
    watch = await enter("/t/fukui-pref/flood", lang="ja")
    row = watch.page.locator("tr", has=watch.page.locator(TRAINING))
    await expect(row).to_contain_text("訓練")
    await watch.page.locator("km-map[data-ready]").wait_for(timeout=20_000)
    assert await _shows_within_a_second(demo, row)
    banner = watch.page.locator(".km-stale")
    await expect(banner).to_be_hidden()
    await asyncio.to_thread(demo.kill)
    await expect(banner).to_be_visible(timeout=10_000)


async def _shows_within_a_second(demo: Demo, row: Locator) -> bool:
    """Whether a reading does; once in five times is enough, as a machine that does much else is late by itself."""
    for _ in range(5):
        height = f"{5.9 + demo.published / 100:.2f}"  # which none had before
        await asyncio.to_thread(demo.publish, float(height))
        with suppress(AssertionError):
            await expect(row).to_contain_text(height, timeout=1000)
            return True
        await expect(row).to_contain_text(height, timeout=10_000)
    return False


@pytest.mark.parametrize("place", ["#gauge-training", "#gauges a >> nth=4", "#attention a >> nth=0", "#replay-run"])
async def test_a_live_update_leaves_the_keyboards_focus_where_it_is(
    demo: Demo, enter: Enter, mosquitto: None, place: str
) -> None:
    watch = await enter("/t/fukui-pref/flood", lang="ja")
    await watch.page.locator(place).first.focus()
    await watch.page.evaluate("() => { window.held = document.activeElement }")
    height = 6.2 + demo.published / 100
    await asyncio.to_thread(demo.publish, height)
    row = watch.page.locator("tr", has=watch.page.locator(TRAINING))
    await expect(row).to_contain_text(f"{height:.2f}", timeout=15_000)
    await asyncio.sleep(2.5)  # the replay's own look at the server comes every two seconds
    assert await watch.page.evaluate("() => document.activeElement === window.held && window.held !== document.body")


def test_the_typhoon_has_rain_beside_the_rivers(tmp_path: Path) -> None:
    demo = started(tmp_path, "2023-08")
    try:
        key = Printed(demo.log.read_text()).bearer
        page = get(f"{demo.url}/t/fukui-pref/flood/gauges/1?lang=en", key)
        assert "Rain is that of the nearest AMeDAS station" in page
        chart = json.loads(get(f"{demo.url}/t/fukui-pref/flood/gauges/1/chart.json", key))
        assert [one["unit"] for one in chart["series"]] == ["m", "mm/h"]
        assert all(one["points"] for one in chart["series"])
    finally:
        ended(demo)
