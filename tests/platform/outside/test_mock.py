"""The mock refuses what the reference of デジタル認証アプリ says, so that a fault of ours shows early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.outside.house import CLIENT, IDP, TOWN, Browser, Town, query_of

from kumihimo.platform.outside.store import SCHEMA


@pytest.fixture
async def town(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Town:
    town = Town(await database_factory([SCHEMA]), fake_clock, "digital-auth-app")
    await town.register()
    return town


async def asked(town: Town, change: Mapping[str, str | None]) -> dict[str, str]:
    """What the mock answers to a request of ours that was changed: "page" for one that it takes."""
    browser = Browser(town)
    given: dict[str, Any] = query_of((await browser.get(f"{TOWN}/login/with/idp")).location)
    given = {name: value for name, value in {**given, **change}.items() if value is not None}
    page = await browser.get(f"{town.mock.endpoints}/auth?{urlencode(given)}")
    if page.status == 200:
        return {"page": page.text}
    return query_of(page.location) if page.location else {"refused": str(page.status)}


async def test_it_takes_a_request_that_holds_and_says_that_it_is_a_mock(town: Town) -> None:
    page = (await asked(town, {}))["page"]
    assert "模擬" in page
    assert "MOCK" in page
    assert "架空" in page
    assert "invented" in page


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "name"}, "invalid_scope"),
        ({"scope": "openid email"}, "invalid_scope"),
        ({"scope": "openid sign"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"nonce": None}, "invalid_request"),
        ({"nonce": "x" * 256}, "invalid_request"),
        ({"nonce": "改行\n"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"acr_values": "aal1"}, "invalid_request"),
        ({"sign_transaction_id": "1"}, "invalid_request"),
    ],
)
async def test_it_refuses_a_request_that_lacks_something(town: Town, change: dict[str, str | None], error: str) -> None:
    answer = await asked(town, change)
    assert answer["error"] == error
    assert ("state" in answer) == ("state" not in change)


async def test_it_sends_nobody_to_an_address_that_is_not_registered(town: Town) -> None:
    assert await asked(town, {"redirect_uri": "https://evil.example"}) == {"refused": "400"}
    assert await asked(town, {"client_id": "RP2"}) == {"refused": "400"}


async def token_error(town: Town, form: dict[str, str]) -> str:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    page = await Browser(town)._send("POST", f"{town.mock.endpoints}/token", headers, urlencode(form).encode())
    assert page.status in (400, 401)
    return query_of("?" + urlencode({"e": page.text}))["e"]


async def test_it_refuses_a_proof_of_the_client_that_does_not_hold(town: Town) -> None:
    await town.log_in(Browser(town))
    form = next(query_of("?" + body.decode()) for _, url, _, body in town.net.asked if url.endswith("/token"))
    assert "shown before" in await token_error(town, form)
    provider = await town.outside.providers.get("idp")
    key = await town.outside.providers.key(provider)
    now = int(town.clock.now().timestamp())
    good = {"iss": CLIENT, "sub": CLIENT, "aud": f"{town.mock.endpoints}/token", "exp": now + 60}

    async def said(signer: Any = key, **change: Any) -> str:
        claims = {name: value for name, value in {**good, "jti": str(change), **change}.items() if value is not None}
        made = jwt.encode({"alg": "ES256"}, claims, signer, algorithms=["ES256"])
        return await token_error(town, {**form, "client_assertion": made})

    assert "the code is not good" in await said()
    assert "iss and sub" in await said(sub="x")
    assert "aud" in await said(aud="https://idp.example.jp")
    assert "exp" in await said(exp=now)
    assert "exp" in await said(exp=None)
    assert "jti" in await said(jti=None)
    assert "not signed" in await said(ECKey.generate_key("P-256"))
    assert "client_assertion_type" in await token_error(town, {**form, "client_assertion_type": "x"})
    assert "client_secret_post is not taken" in await token_error(town, {"client_id": CLIENT, "client_secret": "x"})


async def test_it_refuses_another_verifier_and_a_code_shown_twice(town: Town) -> None:
    browser = Browser(town)
    answer = query_of(await town.choose(browser, (await browser.get(f"{TOWN}/login/with/idp")).location))
    provider = await town.outside.providers.get("idp")
    key = await town.outside.providers.key(provider)

    async def said(number: int) -> str:
        now = int(town.clock.now().timestamp())
        claims = {"iss": CLIENT, "sub": CLIENT, "aud": town.mock.issuer, "exp": now + 60, "jti": str(number)}
        form = {
            "client_id": CLIENT,
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": f"{TOWN}/login/from/idp",
            "code_verifier": "another",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": "ES256"}, claims, key, algorithms=["ES256"]),
        }
        return await token_error(town, form)

    assert "code_verifier does not fit" in await said(1)
    assert "the code is not good" in await said(2)


async def test_a_person_is_another_for_each_client_and_claims_come_by_their_scope(town: Town) -> None:
    await town.log_in(Browser(town))
    (grant,) = town.mock.sessions.values()
    other = town.mock.id_claims(grant, "t") | {}
    (token,) = town.mock.tokens
    told = town.mock.userinfo(token)
    assert told is not None
    assert set(told) == {"sub", "name"}
    assert told["sub"] == other["sub"]
    page = await Browser(town)._send("GET", f"{IDP}/api/realms/main/protocol/openid-connect/userinfo", {}, b"")
    assert page.status == 401


async def test_who_cancels_is_told_so(town: Town) -> None:
    page = await town.log_in(Browser(town), "")
    assert page.status == 403
    assert "中止されました" in page.text
    assert town.people.logins == {}
