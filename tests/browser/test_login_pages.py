"""Logging in, in real Chromium: a passkey of its virtual authenticator, and how the pages look."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from tests.browser.conftest import Open, Serve
from tests.browser.watch import Watch

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.start import offer_welcome, open_database
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.device.registry.models import Device
from kumihimo.platform.identity import door
from kumihimo.platform.identity.models import Visitor
from kumihimo.platform.outside.models import Provider

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
SIZES = (("ja", 1280), ("ja-easy", 360))
PASSWORD = "kawa-no-mizu-wa-kiyoi"


@pytest.fixture
async def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(door, "owasp_hasher", lambda: cheap)
    platform = wire(Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1), SystemClock())
    async with open_database(platform), offer_welcome(platform):
        await platform.database.add_tenant("kawa")
        yield platform


async def with_authenticator(watch: Watch) -> None:
    """A passkey's device of Chromium's own, which says yes."""
    session = await watch.context.new_cdp_session(watch.page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def test_a_passkey_makes_the_first_administrator_and_logs_in_again(
    closed: Platform, serve: Serve, open_page: Open
) -> None:
    served = await serve(build_http(closed))
    watch = await open_page(served.url)
    page = watch.page
    await with_authenticator(watch)
    await page.goto(f"{served.url}/welcome/{closed.welcome}")
    await page.get_by_label("ログイン名").fill("管理 花子")
    await page.get_by_label("表示名").fill("管理 花子")
    await page.get_by_role("button", name="パスキーを登録する").click()
    await page.get_by_text("ログイン名は、空白のない").wait_for()
    await page.get_by_label("ログイン名").fill("root")
    await page.get_by_role("button", name="パスキーを登録する").click()
    await page.wait_for_url("**/me")
    await page.get_by_role("button", name="パスキーを登録する").click()
    await page.get_by_text("この端末のパスキーは登録済みです").wait_for()
    assert await page.get_by_text("この端末", exact=True).count() == 1
    await page.get_by_text("管理 花子").first.click()
    await page.get_by_role("button", name="ログアウト").first.click()
    await page.wait_for_url("**/login")
    await page.goto(served.url)
    await page.wait_for_url("**/login?next=%2F")
    await page.get_by_role("button", name="パスキーでログインする").click()
    await page.wait_for_url(f"{served.url}/")
    assert await page.get_by_role("link", name="kawa").count() == 1
    (account,) = await closed.identity.accounts()
    mine = await closed.identity.mine(account.id)
    assert [one.how for one in mine.logins] == ["passkey"]
    assert mine.passkeys[0].used_at > mine.passkeys[0].made_at
    assert [one for one in watch.problems if not re.search("status of 40[01]", one)] == []


async def test_without_a_passkey_the_page_says_so_and_the_password_still_works(
    closed: Platform, serve: Serve, open_page: Open
) -> None:
    served = await serve(build_http(closed))
    account = await closed.identity.add("sato", "佐藤", lang="en")
    link = await closed.identity.link(account.id)
    watch = await open_page(f"{served.url}/welcome/{link}", lang="en")
    page = watch.page
    await page.get_by_label("New password").fill("password12345")
    await page.get_by_role("button", name="Start with a password").click()
    await page.get_by_text("tried first").wait_for()
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Start with a password").click()
    await page.wait_for_url("**/me")
    await page.get_by_role("button", name="Set up an app").click()
    await page.get_by_role("img", name="QR code").wait_for()
    width = await page.get_by_role("img", name="QR code").evaluate("(one) => one.naturalWidth")
    assert width > 100, "the picture is drawn under the pages' policy"


async def test_the_pages_are_accessible_quiet_and_fit_a_phone(
    closed: Platform, serve: Serve, open_page: Open, shots: Path
) -> None:
    served = await serve(build_http(closed))
    found: dict[str, tuple[list[str], list[str], int]] = {}
    for lang, width in SIZES:
        watch = await open_page(f"{served.url}/login?lang={lang}", width=width)
        for name, path in (("login", "/login"), ("recover", "/recover"), ("welcome", f"/welcome/{closed.welcome}")):
            await watch.page.goto(served.url + path)
            found[f"{name}-{lang}-{width}"] = await look(watch, shots / f"{name}-{lang}-{width}.png")
        await watch.context.close()
    visitor = Visitor("192.0.2.1", "Mozilla/5.0 Test")
    opened = await closed.identity.welcome(closed.welcome, "root", "管理 花子", "ja", PASSWORD, visitor)
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    await closed.identity.log_in(opened.account.id, "outside", "2001:db8:1234:5678:9abc:def0:1234:5678", agent)
    for lang, width in SIZES:
        watch = await open_page(f"{served.url}/login?lang={lang}", width=width)
        await watch.context.add_cookies([{"name": "kumihimo", "value": opened.cookie, "url": served.url}])
        for name, button in (("me", ""), ("app", "/me/app"), ("codes", "/me/codes")):
            await watch.page.goto(f"{served.url}/me")
            if button:
                await watch.page.locator(f'form[action="{button}"] button').click()
            found[f"{name}-{lang}-{width}"] = await look(watch, shots / f"{name}-{lang}-{width}.png")
        await watch.context.close()
    assert {key: value for key, value in found.items() if value != ([], [], 0)} == {}


async def test_linking_leaving_and_claiming_speak_easy_japanese_on_a_phone(
    closed: Platform, serve: Serve, open_page: Open, shots: Path
) -> None:
    served = await serve(build_http(closed))
    staff = Provider("staff", "https://idp.example", "town", title_ja="町の職員")
    await closed.federation.providers.add(staff, "a secret of the client")
    await closed.database.add_tenant("a")
    await closed.registry.add("a", Device("g1", "river-gauge", "", "urn:x:g1", "https://x/T"))
    claim = await closed.enrolment.claim("a", "g1")
    account = await closed.identity.add("sato", "佐藤", lang="ja-easy")
    cookie = await closed.identity.log_in(account.id, "password", "192.0.2.1")
    watch = await open_page(f"{served.url}/devices/v1/a/claim?code={claim.code}", width=390)
    await watch.page.get_by_role("link", name="やさしい日本語").click()
    found: dict[str, tuple[list[str], list[str], int]] = {}

    async def see(name: str, words: str) -> None:
        # A word and its reading in brackets are kept on one line by a sign that nobody sees.
        assert words in (await watch.page.content()).replace("\u2060", "")
        await watch.page.screenshot(path=shots / f"{name}-ja-easy-390.png", full_page=True)
        problems, watch.problems = [one for one in watch.problems if "status of 40" not in one], []
        found[name] = (await watch.violations(), problems, await watch.overflow())

    await see("claim", "機械（きかい）の とうろく")
    await watch.page.get_by_role("button").click()
    await watch.page.get_by_role("status").wait_for()
    await see("claimed", "いまだけ 見（み）えます")
    for name, path, words in (
        ("outside", "/login/with", "ほかの サービスで ログインする"),
        ("left", "/login/left", "ログアウトしました"),
        ("outside-refused", "/login/from/staff?state=x&code=y", "ログインの つづきが できません"),
    ):
        await watch.page.goto(f"{served.url}{path}")
        await see(name, words)
    await watch.context.add_cookies([{"name": "kumihimo", "value": cookie, "url": served.url}])
    for name, path, words in (
        ("linked", "/me/outside", "つながっていません"),
        ("allowed", "/me/applications", "いいと 言（い）った アプリは"),
        ("log-out", "/oauth/end-session", "ログアウトしますか"),
    ):
        await watch.page.goto(f"{served.url}{path}")
        await see(name, words)
    assert {name: value for name, value in found.items() if value != ([], [], 0)} == {}


async def look(watch: Watch, shot: Path) -> tuple[list[str], list[str], int]:
    """What axe finds on the wide page, what the console said, and by how much the page is too wide."""
    await watch.page.screenshot(path=shot, full_page=True)
    broken = await watch.violations() if "1280" in shot.name else []
    problems, watch.problems = watch.problems, []
    return broken, problems, await watch.overflow()
