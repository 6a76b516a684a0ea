"""Whose an identity is: linked by who has just proved themselves, to one account, and never by an e-mail address."""

from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.outside.house import SECRET, SESSION, TOWN, Browser, Town

from kumihimo.platform.outside.models import Provider
from kumihimo.platform.outside.store import SCHEMA


@pytest.fixture
async def town(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Town:
    return Town(await database_factory([SCHEMA]), fake_clock)


async def test_a_linked_identity_opens_the_account_that_linked_it(town: Town) -> None:
    await town.register(signup="nobody")
    browser = Browser(town)
    browser.enter(town, "p-own")
    page = await town.link(browser)
    assert (page.status, page.location) == (303, "/me/outside")
    assert not any(one.startswith(SESSION + "=") for one in page.cookies)
    assert "連携中" in (await browser.get("/me/outside")).text
    page = await town.log_in(Browser(town))
    assert page.status == 303
    assert [*town.people.logins.values()] == ["p-own", "p-own"]
    assert list(town.people.names) == ["p-own"]


async def test_who_is_linked_with_nobody_is_told_what_to_do(town: Town) -> None:
    await town.register(signup="nobody")
    page = await town.log_in(Browser(town))
    assert page.status == 403
    assert "アカウントがありません" in page.text
    assert "いつもの方法でログイン" in page.text
    assert town.people.names == {}


async def test_an_e_mail_address_opens_no_account(town: Town) -> None:
    """Account takeover: the provider says a verified address that somebody here has."""
    await town.register(signup="domains", domains=("town.example.jp",))
    victim = await town.people.create("Victim", "taro@town.example.jp", "ja")
    page = await town.log_in(Browser(town), "taro")
    assert page.status == 303
    assert victim not in town.people.logins.values()
    assert len(town.people.names) == 2
    page = await town.log_in(Browser(town), "jiro")
    assert page.status == 403
    assert "このメールアドレスでは登録できません" in page.text


async def test_an_identity_is_linked_with_one_account_alone(town: Town) -> None:
    await town.register(signup="nobody")
    first, second = Browser(town), Browser(town)
    first.enter(town, "p-1")
    second.enter(town, "p-2")
    assert (await town.link(first)).status == 303
    page = await town.link(second)
    assert page.status == 403
    assert "別のアカウントに結び付いています" in page.text
    assert "未連携" in (await second.get("/me/outside")).text
    page = await town.link(first, "hanako")
    assert page.status == 403
    assert "すでに連携しています" in page.text


async def test_a_link_needs_a_log_in_a_fresh_proof_and_the_same_log_in_to_the_end(town: Town) -> None:
    await town.register(signup="nobody")
    stranger = Browser(town)
    assert (await town.link(stranger)).status == 401
    assert (await stranger.get("/me/outside")).location == "/login?next=/me/outside"
    browser = Browser(town)
    browser.enter(town, "p-1")
    town.people.stale.add("own-p-1")
    page = await town.link(browser)
    assert page.status == 403
    assert "/prove?next=/me/outside" in page.text
    town.people.stale.clear()
    begun = await browser.post("/me/outside", {"provider": "idp", "action": "link"})
    location = begun.text.partition('<a href="')[2].partition('"')[0].replace("&amp;", "&")
    answer = await town.choose(browser, location)
    browser.enter(town, "p-2")
    page = await browser.get(answer)
    assert page.status == 403
    assert "違うログイン" in page.text
    assert (await town.log_in(Browser(town))).status == 403


async def test_a_way_out_to_another_site_is_a_page_and_not_an_answer_to_a_form(town: Town) -> None:
    await town.register(signup="nobody")
    browser = Browser(town)
    browser.enter(town, "p-1")
    page = await browser.post("/me/outside?lang=en", {"provider": "idp", "action": "link"})
    assert page.status == 200
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert "You are leaving for idp" in page.text
    assert 'http-equiv="refresh"' in page.text


async def test_a_link_is_taken_away_but_not_the_last_way_in(town: Town) -> None:
    await town.register(keep=("email",))
    browser = Browser(town)
    await town.log_in(browser)
    assert "保管している項目: email" in (await browser.get("/me/outside")).text
    page = await browser.post("/me/outside", {"provider": "idp", "action": "unlink"})
    assert page.status == 403
    assert "ログインできなくなります" in page.text
    town.people.ways = 1
    page = await browser.post("/me/outside", {"provider": "idp", "action": "unlink"})
    assert (page.status, page.location) == (303, "/me/outside")
    await town.log_in(Browser(town))
    assert len(town.people.names) == 2


async def test_the_pages_speak_three_languages_and_remember_which(town: Town) -> None:
    await town.register()
    browser = Browser(town)
    browser.enter(town, "p-1")
    page = await browser.get("/me/outside")
    assert '<html lang="ja">' in page.text
    assert 'href="/me/outside?lang=en"' in page.text
    assert "Log-ins of other services" in (await browser.get("/me/outside?lang=en")).text
    assert "Log-ins of other services" in (await browser.get("/me/outside")).text
    assert "You are logged out" in (await browser.get("/login/left?lang=<script>")).text
    assert "ほかの サービスの ログイン" in (await browser.get("/me/outside?lang=ja-easy")).text
    page = await browser.get("/me/outside")
    assert '<html lang="ja">' in page.text
    assert "ほかの サービスの ログイン" in page.text
    assert 'href="/me/outside?lang=ja"' in page.text


async def test_a_disabled_account_is_not_entered(town: Town) -> None:
    await town.register()
    await town.log_in(Browser(town))
    town.people.disabled.add("p-0")
    assert (await town.log_in(Browser(town))).status == 403
    assert len(town.people.logins) == 1


async def test_a_provider_that_is_switched_off_is_no_way_in(town: Town) -> None:
    await town.register()
    browser = Browser(town)
    answer = await town.choose(browser, (await browser.get(f"{TOWN}/login/with/idp")).location)
    assert "/login/with/idp?next=/x" in (await browser.get("/login/with?next=/x")).text
    assert "evil" not in (await browser.get("/login/with?next=//evil.example")).text
    await town.outside.providers.switch("idp", active=False)
    assert (await browser.get(answer)).status == 404
    assert (await browser.get(f"{TOWN}/login/with/idp")).status == 404
    assert "/login/with/idp" not in (await browser.get("/login/with")).text


async def test_groups_and_roles_of_the_provider_come_to_nothing(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    for shape in ("keycloak", "entra"):
        town = Town(await database_factory([SCHEMA]), fake_clock, shape)
        await town.register(scopes=("openid", "profile"), take=("name", "preferred_username"))
        browser = Browser(town)
        await town.log_in(browser)
        caller = town.people.caller(f"{SESSION}={browser.cookies[TOWN][SESSION]}")
        assert caller.actor.kind == "person"
        assert "operator" not in repr(town.people)


async def test_two_providers_open_one_account(town: Town) -> None:
    await town.register()
    other = town.add_mock("https://other.example.jp", "other")
    await town.outside.providers.add(Provider("other", other.issuer, "RP00000001"), SECRET)
    browser = Browser(town)
    await town.log_in(browser)
    town.name = "other"
    assert (await town.link(browser, "hanako")).status == 303
    await town.log_in(Browser(town), "hanako")
    assert {*town.people.logins.values()} == {"p-0"}
    assert (await browser.post("/me/outside", {"provider": "idp", "action": "unlink"})).status == 303
