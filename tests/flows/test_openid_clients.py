"""Clients that share no code with us log in against a whole platform: openid-client on Node, and oauthlib."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc.jwk import ECKey
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidGrantError
from tools.assets import find_node

from kumihimo.app.platform import Platform
from kumihimo.app.start import run
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.platform.provider.errors import BadToken

pytestmark = pytest.mark.enable_socket
HERE = Path(__file__).parent
MODULE = HERE.parents[1] / "node_modules/openid-client"
BACK, SPA, BYE = "https://app.example.jp/cb", "https://map.example.jp/cb", "https://app.example.jp/bye"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    made = wire(Settings(data=str(tmp_path / "data"), host="127.0.0.1", port=0, mqtt_port=-1), SystemClock())
    started = asyncio.Event()
    running = asyncio.create_task(run(made, started=started.set))
    async with asyncio.timeout(30):
        await started.wait()
    await made.database.add_tenant("mytown")
    yield made
    made.stop.set()
    assert await running, "a part of the platform failed"


async def hanako(platform: Platform) -> tuple[str, str]:
    """An account's id, and the cookie of its log-in."""
    account = await platform.identity.add("hanako", "花子")
    cookie = await platform.identity.log_in(account.id, "password", "127.0.0.1")
    return account.id, f"kumihimo={cookie}"


async def test_openid_client_logs_in_refreshes_signs_revokes_and_logs_out(platform: Platform) -> None:
    node = find_node()
    if node is None or not MODULE.is_dir():
        reason = "openid-client is not there: run `make assets`"
        if os.environ.get("KUMIHIMO_TEST_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    add = platform.provider.applications.add
    scopes = ["openid", "profile", "ngsi-ld:read", "ngsi-ld:write"]
    web = await add(
        "mytown", "web", "confidential", scopes=scopes, redirect_uris=[BACK], logout_uris=[BYE], is_resource=True
    )
    spa = await add("mytown", "spa", "public", scopes=scopes, redirect_uris=[SPA], is_own=True)
    key = ECKey.generate_key("P-256")
    jwks = json.dumps({"keys": [dict(key.as_dict(private=False))]})
    signer = await add("mytown", "signer", "private_key_jwt", scopes=scopes, jwks=jwks)
    given = {
        "issuer": platform.provider.issuer(), "redirect": BACK, "spaRedirect": SPA, "bye": BYE,
        "web": {"id": web.application.id, "secret": web.secret}, "spa": {"id": spa.application.id},
        "cookie": (await hanako(platform))[1], "signer": signer.application.id, "key": dict(key.as_dict(private=True)),
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        node, HERE / "openid_peer.mjs", json.dumps(given), stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    found = json.loads(said)
    assert (found["claims"]["aud"], found["scope"]) == (web.application.id, "ngsi-ld:read openid profile")
    told = {name: found["userinfo"][name] for name in ("sub", "name", "preferred_username", "locale")}
    assert told == {"sub": found["claims"]["sub"], "name": "花子", "preferred_username": "hanako", "locale": "ja"}
    assert found["spa"]["sub"] != found["claims"]["sub"], "another sector"
    assert (found["replay"], found["revoked"]) == ("invalid_grant", "invalid_grant")
    assert found["wrong"] == "OAUTH_WWW_AUTHENTICATE_CHALLENGE", "its name for 401 with a challenge"
    assert (found["mixup"] != "", found["refreshed"], found["afterwards"] != "") == (True, True, True)
    assert (found["introspected"]["active"], found["introspected"]["tenant"]) == (True, "mytown")
    assert found["left"] == f"{BYE}?state=done"
    bearer = platform.provider.bearer
    with pytest.raises(BadToken):
        await bearer.caller(found["access"])  # its code was shown twice
    caller = await bearer.caller(found["signed"]["access_token"])
    assert caller is not None
    assert (caller.actor, caller.scopes) == (
        Actor("application", signer.application.id), frozenset({"ngsi-ld:write"}),
    )  # fmt: skip


async def test_oauthlib_gets_tokens_for_itself_and_for_a_person(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # loopback
    issuer = platform.provider.issuer()
    made = await platform.provider.applications.add(
        "mytown", "lib", "confidential", scopes=["openid", "ngsi-ld:read"], redirect_uris=[BACK], is_own=True
    )
    login = {"Authorization": aiohttp.encode_basic_auth(made.application.id, made.secret)}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with aiohttp.ClientSession(headers=form) as session:

        async def post(body: str) -> str:
            async with session.post(f"{issuer}/oauth/token", data=body, headers=login) as answer:
                return await answer.text()

        alone = BackendApplicationClient(made.application.id)
        body = alone.prepare_request_body(scope="ngsi-ld:read", include_client_id=False)
        assert alone.parse_request_body_response(await post(body))["scope"] == ["ngsi-ld:read"]
        web = WebApplicationClient(made.application.id)
        verifier = web.create_code_verifier(64)
        asked = web.prepare_request_uri(
            f"{issuer}/oauth/authorize", redirect_uri=BACK, scope=["openid", "ngsi-ld:read"], state="s-1", nonce="n-1",
            code_challenge=web.create_code_challenge(verifier, "S256"), code_challenge_method="S256",
        )  # fmt: skip
        account, cookie = await hanako(platform)
        async with session.get(asked, headers={"Cookie": cookie}, allow_redirects=False) as answer:
            back = answer.headers["Location"]
        assert parse_qs(urlsplit(back).query)["iss"] == [issuer]
        web.parse_request_uri_response(back, state="s-1")
        body = web.prepare_request_body(redirect_uri=BACK, code_verifier=verifier, include_client_id=False)
        first = web.parse_request_body_response(await post(body), scope=["openid", "ngsi-ld:read"])
        caller = await platform.provider.bearer.caller(first["access_token"])
        assert caller is not None
        assert caller.actor == Actor("person", account)
        body = web.prepare_refresh_body(refresh_token=first["refresh_token"])
        second = web.parse_request_body_response(await post(body), scope=["openid", "ngsi-ld:read"])
        assert second["refresh_token"] != first["refresh_token"]
        with pytest.raises(InvalidGrantError):
            web.parse_request_body_response(await post(body))
