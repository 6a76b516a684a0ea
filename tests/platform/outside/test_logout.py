"""The end of log-ins that came from outside: here, at the provider, and when the provider says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.outside.house import CLIENT, TOWN, Browser, Page, Town, query_of

from kumihimo.platform.outside.store import SCHEMA
from kumihimo.platform.outside.tokens import LOGOUT_EVENT


@pytest.fixture
async def town(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Town:
    town = Town(await database_factory([SCHEMA]), fake_clock)
    await town.register()
    return town


async def tell(town: Town, token: str) -> Page:
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site"}
    return await Browser(town)._send(
        "POST", f"{TOWN}/login/ended/idp", headers, urlencode({"logout_token": token}).encode()
    )


async def test_who_leaves_is_led_to_the_provider_and_comes_back(town: Town) -> None:
    browser = Browser(town)
    await town.log_in(browser)
    page = await browser.post("/login/leave", {})
    assert town.people.logins == {}
    assert page.status == 200
    location = page.text.partition('<a href="')[2].partition('"')[0].replace("&amp;", "&")
    asked = query_of(location)
    assert asked["post_logout_redirect_uri"] == f"{TOWN}/login/left"
    assert asked["client_id"] == CLIENT
    assert len(town.mock.sessions) == 1
    back = await browser.get(location)
    assert back.location == f"{TOWN}/login/left"
    assert len(town.mock.sessions) == 0
    assert "ログアウトしました" in (await browser.get(back.location)).text


async def test_who_came_by_a_way_of_our_own_leaves_only_here(town: Town) -> None:
    browser = Browser(town)
    browser.enter(town, "p-1")
    page = await browser.post("/login/leave", {})
    assert (page.status, page.location) == (303, "/login/left")
    assert town.people.logins == {}
    assert (await Browser(town).post("/login/leave", {})).location == "/login/left"


async def test_the_providers_logout_ends_that_session_here_and_no_other(town: Town) -> None:
    for person in ("taro", "taro", "hanako"):
        await town.log_in(Browser(town), person)
    first = next(iter(town.mock.sessions.values()))
    hint = town.mock.signed({"sid": first.sid})
    await Browser(town).get(f"{town.mock.endpoints}/logout?id_token_hint={hint}&client_id={CLIENT}")
    assert [*town.people.logins] == ["login-1", "login-2"]


async def test_a_logout_token_of_a_person_ends_all_their_sessions_once(town: Town) -> None:
    for person in ("taro", "taro", "hanako"):
        await town.log_in(Browser(town), person)
    claims = jwt.decode(town.mock.logout_token(next(iter(town.mock.sessions.values()))), town.mock.key).claims
    del claims["sid"]
    token = town.mock.signed(claims, "logout+jwt")
    page = await tell(town, token)
    assert (page.status, page.body, page.headers["cache-control"]) == (200, b"", "no-store")
    assert [*town.people.logins] == ["login-2"]
    again = await tell(town, token)
    assert again.status == 400
    assert b"shown before" in again.body


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: claims.update(aud="somebody else"),
        lambda claims: claims.update(iss="https://evil.example"),
        lambda claims: claims.update(nonce="x"),
        lambda claims: claims.update(exp=0),
        lambda claims: claims.update(iat=0),
        lambda claims: claims.update(events={}),
        lambda claims: claims.update(events={LOGOUT_EVENT: 1}),
        lambda claims: claims.update(events=[LOGOUT_EVENT]),
        lambda claims: claims.pop("jti"),
        lambda claims: (claims.pop("sub"), claims.pop("sid")),
        lambda claims: claims.update(sid=["x"]),
        lambda claims: claims.update(sub=""),
    ],
)
async def test_a_logout_token_that_does_not_hold_ends_nothing(town: Town, change: Change) -> None:
    await town.log_in(Browser(town))
    claims = jwt.decode(town.mock.logout_token(next(iter(town.mock.sessions.values()))), town.mock.key).claims
    change(claims)
    assert (await tell(town, town.mock.signed(claims, "logout+jwt"))).status == 400
    assert len(town.people.logins) == 1


async def test_what_is_no_logout_token_ends_nothing(town: Town) -> None:
    browser = Browser(town)
    await town.log_in(browser)
    grant = next(iter(town.mock.sessions.values()))
    for token in (
        "",
        "x",
        town.mock.signed(town.mock.id_claims(grant, "t")),
        town.mock.logout_token(grant)[:-4] + "AAAA",
    ):
        page = await tell(town, token)
        assert page.status == 400
        assert page.headers["content-type"] == "application/problem+json"
    assert (await browser.post("/login/ended/nobody", {"logout_token": "x"})).status == 404
    assert len(town.people.logins) == 1
