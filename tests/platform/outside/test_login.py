"""Log-in through a provider outside, from the first click to the cookie, with all three shapes of providers."""

from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.outside.house import CLIENT, SESSION, TOWN, UNDER_WAY, Browser, Town, query_of

from kumihimo.platform.outside.store import SCHEMA


@pytest.fixture(params=["keycloak", "entra", "digital-auth-app"])
async def town(request: pytest.FixtureRequest, database_factory: DatabaseFactory, fake_clock: FakeClock) -> Town:
    return Town(await database_factory([SCHEMA]), fake_clock, request.param)


async def test_a_person_comes_in_by_a_provider_and_is_the_same_the_next_time(town: Town) -> None:
    await town.register()
    browser = Browser(town)
    page = await town.log_in(browser)
    assert (page.status, page.location) == (303, "/t/fukui/entities")
    cookie = next(one for one in page.cookies if one.startswith(SESSION + "="))
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert UNDER_WAY not in browser.cookies[TOWN]
    assert [name for name, _, _ in town.people.names.values()] == ["架空 太郎"]
    await town.log_in(Browser(town))
    assert len(town.people.names) == 1
    assert [(one.address, one.secure) for one in town.people.visits] == [("203.0.113.7", True)] * 2
    await town.log_in(Browser(town), "hanako")
    assert [name for name, _, _ in town.people.names.values()] == ["架空 太郎", "見本 花子"]


async def test_what_is_asked_of_the_provider_is_fresh_each_time(town: Town) -> None:
    await town.register()
    first, second = [query_of((await Browser(town).get(f"{TOWN}/login/with/idp")).location) for _ in range(2)]
    assert first["response_type"] == "code"
    assert first["client_id"] == CLIENT
    assert first["redirect_uri"] == f"{TOWN}/login/from/idp"
    assert first["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


async def test_a_log_in_in_the_place_of_another_ends_that(town: Town) -> None:
    await town.register()
    browser = Browser(town)
    await town.log_in(browser)
    await town.log_in(browser, "hanako")
    assert list(town.people.logins.values()) == ["p-1"]


async def test_nobody_logs_in_where_a_cookie_would_travel_in_the_clear(town: Town) -> None:
    await town.register()
    plain = TOWN.replace("https", "http")
    town.net.apps[plain] = town.net.apps[TOWN]
    for path in ("/login/with/idp", "/login/from/idp?code=x&state=x"):
        page = await Browser(town).get(plain + path)
        assert page.status == 403
        assert "暗号化されていない接続" in page.text


async def test_the_digital_authentication_app_is_asked_with_its_own_parameters(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    town = Town(await database_factory([SCHEMA]), fake_clock, "digital-auth-app")
    scopes = ("openid", "name", "address", "birthdate", "gender", "sign")
    await town.register(scopes=scopes)
    transaction = "65a04b4e-af8b-45a2-8713-5ec2631bab64"
    page = await Browser(town).get(f"{TOWN}/login/with/idp?sign_transaction_id={transaction}&prompt=none")
    asked = query_of(page.location)
    assert asked["scope"] == "openid name address birthdate gender sign"
    assert asked["acr_values"] == "aal3 crl"
    assert asked["sign_transaction_id"] == transaction
    assert "prompt" not in asked
    assert "%20" in page.location
    page = await Browser(town).get(f"{TOWN}/login/with/idp?sign_transaction_id=1%0d%0aSet-Cookie:x=1")
    assert page.status == 403
    assert "location" not in page.headers
