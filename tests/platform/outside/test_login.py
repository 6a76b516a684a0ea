"""Log-in through a provider outside, from the first click to the cookie, with all three shapes of providers."""

from __future__ import annotations

import asyncio
import hashlib
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.outside.house import CLIENT, SESSION, TOWN, UNDER_WAY, Browser, Town, query_of

from kumihimo.base.ports import HttpAnswer
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


async def test_two_tabs_that_come_in_at_once_make_one_account(town: Town) -> None:
    await town.register()
    pages = await asyncio.gather(*(town.log_in(Browser(town)) for _ in range(4)))
    assert [page.status for page in pages] == [303] * 4
    assert len(town.people.names) == 1


@pytest.mark.parametrize(
    "alg", ["RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512", "Ed25519", "EdDSA"]
)
async def test_every_signature_that_is_offered_is_understood(
    database_factory: DatabaseFactory, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch, alg: str
) -> None:
    town = Town(await database_factory([SCHEMA]), fake_clock)
    curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        key: Any = RSAKey.import_key(town.mock.key.as_pem(private=True), {"kid": "1"})
        if alg in curve:
            key = ECKey.generate_key(curve[alg], auto_kid=True)
        elif alg.startswith("Ed"):
            key = OKPKey.generate_key("Ed25519", auto_kid=True)

    def signed(claims: dict[str, Any], kind: str = "JWT") -> str:
        name = {"256": "sha256", "384": "sha384"}.get(alg[-3:], "sha512")
        digest = hashlib.new(name, list(town.mock.tokens)[-1].encode()).digest()
        half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jwt.encode({"alg": alg, "kid": key.kid}, {**claims, "at_hash": half}, key, algorithms=[alg])

    document = {**town.mock.document(), "id_token_signing_alg_values_supported": [alg]}
    public = {name: value for name, value in key.as_dict(private=False).items() if name != "alg"}
    monkeypatch.setattr(town.mock, "signed", signed)
    monkeypatch.setattr(town.mock, "document", lambda: document)
    monkeypatch.setattr(town.mock, "certs", lambda: {"keys": [public]})
    await town.register()
    assert (await town.log_in(Browser(town))).status == 303


async def test_signed_userinfo_is_taken_where_it_is_for_us(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    town = Town(await database_factory([SCHEMA]), fake_clock)
    await town.register()
    change: dict[str, Any] = {}

    async def userinfo(method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        told = town.mock.userinfo(headers["authorization"].removeprefix("Bearer "))
        claims = {"iss": town.mock.issuer, "aud": CLIENT, **(told or {}), **change}
        return HttpAnswer(200, {"content-type": "application/jwt"}, town.mock.signed(claims).encode())

    town.net.instead["/userinfo"] = userinfo
    assert (await town.log_in(Browser(town))).status == 303
    for wrong in ({"aud": "x"}, {"iss": "x"}, {"sub": "x"}):
        change = wrong
        assert (await town.log_in(Browser(town))).status == 403


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
