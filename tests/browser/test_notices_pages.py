"""One's own notices and the lists of staff in real Chromium, at a telephone's width; the service worker is registered.

Chromium's own push service is not reached from here: what a browser does with it is tested with one of ours.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from tests.browser.conftest import Open, Serve
from tests.browser.watch import Watch
from tests.push_service import Phone

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor
from kumihimo.base.clock import SystemClock
from kumihimo.base.ports import Letter
from kumihimo.base.settings import Settings
from kumihimo.platform.identity import door
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.wildlife.devices import Site, site_change
from kumihimo.solutions.wildlife.doors import own_call

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
PHONE = 360


class Letters:
    """A mail server that takes all letters."""

    def __init__(self) -> None:
        self.took: list[Letter] = []

    async def __call__(self, letter: Letter) -> None:
        self.took.append(letter)

    def link(self, what: str) -> str:
        """The path of the link in the newest."""
        return f"/notices/v1/yama/{what}/" + self.took[-1].text.split(f"/{what}/")[1].split()[0]


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Platform, Letters, str]]:
    """A platform with a town, its mail server, and the log-in of a disaster officer of the town."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(door, "owasp_hasher", lambda: cheap)
    settings = Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1, public_address="http://localhost")
    platform = wire(settings, SystemClock())
    letters = Letters()
    platform.notices.sender.mail = letters
    platform.packs = Packs(replace(platform.packs.doors, trial=None))
    async with open_database(platform):
        await platform.database.add_tenant("yama")
        call = own_call("yama", "test")
        site = Site("sensor", "1", "センサー1", "山田", 136.65, 36.55)
        await platform.broker.apply(call, [site_change(site, simulated=True)])
        await platform.packs.install(call, platform.library.find("wildlife"))
        account = await platform.identity.add("sato", "佐藤", lang="ja-easy")
        await platform.access.add_member("yama", Actor("person", account.id), "disaster-officer", "test")
        cookie = await platform.identity.log_in(account.id, "link", "127.0.0.1")
        yield platform, letters, cookie


async def test_somebody_asks_to_be_told_near_an_area_and_confirms_the_address(
    town: tuple[Platform, Letters, str], serve: Serve, open_page: Open, shots: Path
) -> None:
    platform, letters, cookie = town
    served = await serve(build_http(platform))
    watch = await open_page(f"{served.url}/login", width=PHONE)
    await watch.context.add_cookies([{"name": "kumihimo", "value": cookie, "url": served.url}])
    page = watch.page
    await page.goto(f"{served.url}/me?lang=ja-easy")
    await page.get_by_text("佐藤").first.click()
    await page.get_by_role("link", name="お知").click()
    await page.get_by_label("クマが").check()
    await page.get_by_role("button", name="きめる", exact=True).click()
    await page.get_by_label("地区").select_option(label="山田")
    await page.get_by_role("button", name="足").click()
    await page.get_by_label("メールアドレス").fill("sato@example.jp")
    await page.get_by_role("button", name="かくにんの メール").click()
    await page.get_by_text("まだ かくにん していません").wait_for()
    await platform.notices.sender.round("yama", "email")
    looks = [await look(watch, shots / "notices-mine.png")]
    await page.goto(served.url + letters.link("confirm"))
    looks.append(await look(watch, shots / "notices-link.png"))
    await page.get_by_role("button", name="もらう").click()
    await page.get_by_text("かくにん しました").wait_for()
    (account,) = await platform.identity.accounts()
    one = await platform.notices.mine("yama", account.id)
    assert one is not None
    assert (one.topics, one.channels, one.lang) == (("wildlife.bear",), ("email",), "ja-easy")
    assert [(area.name, area.metres) for area in one.areas] == [("山田", 2000)]
    await page.goto(f"{served.url}/notices")
    await page.get_by_role("button", name="ぜんぶ").click()
    await page.get_by_text("ぜんぶ けしました").wait_for()
    assert await platform.notices.mine("yama", account.id) is None
    assert looks == [([], 0)] * 2
    assert watch.problems == []


async def test_the_worker_is_registered_and_a_subscription_is_taken(
    town: tuple[Platform, Letters, str], serve: Serve, open_page: Open
) -> None:
    platform, _, cookie = town
    served = await serve(build_http(platform))
    phone = Phone()
    watch = await open_page(f"{served.url}/login", width=PHONE)
    await watch.context.add_cookies([{"name": "kumihimo", "value": cookie, "url": served.url}])
    await watch.context.grant_permissions(["notifications"], origin=served.url)
    keys = {"endpoint": phone.endpoint, "keys": {"p256dh": phone.p256dh, "auth": phone.auth}}
    await watch.context.add_init_script(f"""
        Notification.requestPermission = async () => "granted";
        PushManager.prototype.subscribe = async function (options) {{
          window.asked = {{ visible: options.userVisibleOnly, key: options.applicationServerKey.length }};
          return {{ toJSON: () => ({json.dumps(keys)}) }};
        }};
    """)
    page = watch.page
    await page.goto(f"{served.url}/notices?lang=en")
    async with page.expect_navigation(url="**/notices?town=yama&said=kept"):
        await page.get_by_role("button", name="Tell me on this device").click()
    registered = "async () => (await navigator.serviceWorker.getRegistration('/notices/'))?.active?.scriptURL"
    assert await page.evaluate(registered) == f"{served.url}/notices/worker.js"
    (account,) = await platform.identity.accounts()
    one = await platform.notices.mine("yama", account.id)
    assert one is not None
    assert [browser.endpoint for browser in one.browsers] == [phone.endpoint]
    assert one.browsers[0].name == "Chrome, Linux"
    assert watch.problems == []


async def test_staff_keep_a_list(
    town: tuple[Platform, Letters, str], serve: Serve, open_page: Open, shots: Path
) -> None:
    platform, letters, cookie = town
    served = await serve(build_http(platform))
    watch = await open_page(f"{served.url}/login", width=PHONE)
    await watch.context.add_cookies([{"name": "kumihimo", "value": cookie, "url": served.url}])
    page = watch.page
    await page.goto(f"{served.url}/t/yama/people-told?lang=ja")
    looks = [await look(watch, shots / "notices-lists.png")]
    await page.get_by_label("名簿の名前").fill("猟友会")
    await page.get_by_label("利用目的").fill("クマの出没を会員に知らせるため")
    await page.get_by_label("わなの作動").check()
    await page.get_by_role("button", name="作る", exact=True).click()
    await page.get_by_label("表を貼り付ける").fill("氏名\tメールアドレス\n山\tyama@example.jp\n川\tkawa\n")
    await page.get_by_role("button", name="まとめて加える").click()
    await page.get_by_text("1 人を加え").wait_for()
    assert await page.get_by_text("3 行目").count() == 1
    looks.append(await look(watch, shots / "notices-list.png"))
    await page.get_by_role("button", name="消す: 山").click()
    await page.get_by_text("まだだれもいません").wait_for()
    assert looks == [([], 0)] * 2
    assert await platform.notices.sender.round("yama", "email") == 0
    assert letters.took == []


async def look(watch: Watch, shot: Path) -> tuple[list[str], int]:
    """What axe finds, and by how much the page is too wide; a picture is kept."""
    await watch.page.screenshot(path=shot, full_page=True)
    return await watch.violations(), await watch.overflow()
