"""Log-out, what a person allowed, userinfo, introspection, and what browsers of other origins may read."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.platform.provider.house import FORM, ISSUER, House, answered, basic, claims_of, hidden, request
from tests.service.console.asgi_client import Reply

from kumihimo.platform.provider.discovery import OPEN
from kumihimo.platform.provider.errors import BadToken

BYE = "https://app.example.jp/bye"
COOKIE = {"cookie": "who=p-1"}


async def leave(house: House, who: str = "p-1", **given: str) -> Reply:
    headers = {"cookie": f"who={who}"} if who else {}
    return await house.client.get(f"/oauth/end-session?{urlencode(given)}", headers)


async def test_the_pages_are_in_easy_japanese_too_and_remember_it(house: House) -> None:
    page = await house.client.get("/me/applications?lang=ja-easy", COOKIE)
    assert page.headers["set-cookie"].startswith("lang=ja-easy;")
    for path, words in (
        (f"/oauth/authorize?{urlencode(request(house.web.application.id))}", "つかいたいと"),
        ("/oauth/authorize?client_id=a-none", "まちがいが"),
        ("/me/applications", "ありません"),
        ("/oauth/end-session", "ログアウトしますか"),
    ):
        page = await house.client.get(path, {"cookie": "who=p-1; lang=ja-easy"})
        assert words in page.text, path
        assert '<html lang="ja">' in page.text


# --- log-out ---------------------------------------------------------------------------------------------


async def test_an_application_logs_its_person_out_and_all_that_the_log_in_gave_ends(house: House) -> None:
    given = await house.tokens()
    house.clock.advance(300)
    reply = await leave(house, id_token_hint=given["id_token"], post_logout_redirect_uri=BYE, state="x&y=1")
    assert (reply.status, answered(reply, BYE)) == (303, {"state": "x&y=1"})
    assert house.people.ended == ["l-p-1"]
    with pytest.raises(BadToken):
        await house.caller(given["access_token"])
    again = await house.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert again.status == 400


async def test_an_expired_id_token_is_a_hint_all_the_same(house: House) -> None:
    given = await house.tokens()
    house.clock.advance(86_400)
    await leave(house, id_token_hint=given["id_token"])
    assert house.people.ended == ["l-p-1"]


async def test_without_proof_that_this_person_is_meant_the_person_is_asked(house: House) -> None:
    given = await house.tokens()
    for page in (
        await leave(house),
        await leave(house, client_id=house.web.application.id, post_logout_redirect_uri=BYE),
        await leave(house, "p-2", id_token_hint=given["id_token"]),
    ):
        assert (page.status, house.people.ended) == (200, [])
    page = await leave(house, client_id=house.web.application.id, post_logout_redirect_uri=BYE)
    ticket = hidden(page.text, "ticket")
    assert f"form-action 'self' {BYE.removesuffix('/bye')};" in page.headers["content-security-policy"]
    other = await house.client.post("/oauth/end-session", {"ticket": ticket}, {**FORM, "cookie": "who=p-2"})
    assert (other.status, house.people.ended) == (400, [])
    done = await house.client.post("/oauth/end-session", {"ticket": ticket}, {**FORM, **COOKIE})
    assert (done.headers["location"], house.people.ended) == (BYE, ["l-p-1"])


async def test_log_out_leads_nowhere_but_where_the_client_registered(house: House) -> None:
    given = await house.tokens()
    client = house.web.application.id
    for uri in (
        "https://evil.example/",
        BYE + "/",
        BYE + "?x",
        BYE + "#x",
        "https://app.example.jp/cb",
        "//evil.example",
    ):
        for more in ({"client_id": client}, {"id_token_hint": given["id_token"]}, {}):
            reply = await leave(house, post_logout_redirect_uri=uri, **more)
            assert (reply.status, reply.headers.get("location")) == (400, None), (uri, more)
    wrong = await leave(house, client_id=house.spa.application.id, id_token_hint=given["id_token"])
    assert wrong.status == 400
    for hint in ("a.b.c", given["access_token"], given["id_token"][:-4] + "AAAA"):
        assert (await leave(house, id_token_hint=hint)).status == 400
    assert house.people.ended == []
    assert (await leave(house, "", client_id=client, post_logout_redirect_uri=BYE)).headers["location"] == BYE


# --- what a person allowed -------------------------------------------------------------------------------


async def test_a_person_sees_what_they_allowed_and_takes_it_back(house: House) -> None:
    given = await house.tokens()
    page = await house.client.get("/me/applications", COOKIE)
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert "図書館アプリ" in page.text
    assert "図書館アプリ" not in (await house.client.get("/me/applications", {"cookie": "who=p-2"})).text
    english = await house.client.get("/me/applications?lang=en", COOKIE)
    assert "Take it back" in english.text
    form = {"ticket": hidden(page.text, "ticket"), "application": house.web.application.id}
    for headers in ({**FORM, "cookie": "who=p-2"}, FORM):
        assert (await house.client.post("/me/applications", form, headers)).status in (400, 401)
    forged = await house.client.post("/me/applications", {**form, "ticket": "AAAA"}, {**FORM, **COOKIE})
    assert forged.status == 400
    consent = hidden((await house.authorize(prompt="consent")).text, "ticket")
    mixed = await house.client.post("/me/applications", {**form, "ticket": consent}, {**FORM, **COOKIE})
    assert mixed.status == 400, "a ticket is for one purpose"
    assert await house.caller(given["access_token"])
    done = await house.client.post("/me/applications", form, {**FORM, **COOKIE})
    assert (done.status, done.headers["location"]) == (303, "/me/applications")
    assert "図書館アプリ" not in (await house.client.get("/me/applications", COOKIE)).text
    with pytest.raises(BadToken):
        await house.caller(given["access_token"])
    assert (await house.authorize()).status == 200, "the person is asked again"


async def test_a_stranger_is_sent_to_log_in(house: House) -> None:
    reply = await house.client.get("/me/applications")
    assert (reply.status, reply.headers["location"]) == (303, "/login?next=%2Fme%2Fapplications")


# --- userinfo and introspection --------------------------------------------------------------------------


async def userinfo(house: House, token: str, method: str = "GET") -> Reply:
    return await house.client.send(method, "/oauth/userinfo", {"authorization": f"Bearer {token}"})


async def test_userinfo_tells_what_was_allowed_under_the_same_name(house: House) -> None:
    given = await house.tokens()
    for method in ("GET", "POST"):
        reply = await userinfo(house, given["access_token"], method)
        assert json.loads(reply.body) == {"sub": claims_of(given["id_token"])["sub"], "name": "花子", "locale": "ja"}
    mail = await house.tokens(scope="openid email")
    assert set(json.loads((await userinfo(house, mail["access_token"])).body)) == {"sub", "email"}


async def test_userinfo_is_told_for_a_persons_openid_token_only(house: House) -> None:
    alone = json.loads((await house.token(grant_type="client_credentials")).body)["access_token"]
    without = (await house.tokens(scope="ngsi-ld:read"))["access_token"]
    for token in (alone, without):
        reply = await userinfo(house, token)
        assert (reply.status, 'error="insufficient_scope"' in reply.headers["www-authenticate"]) == (403, True)
    good = (await house.tokens())["access_token"]
    nowhere = await house.client.get(f"/oauth/userinfo?access_token={good}")
    assert (nowhere.status, nowhere.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    for token in ("", "x", "a.b.c", "kmh_x"):
        assert (await userinfo(house, token)).status == 401
    house.people.closed.add("p-1")
    assert (await userinfo(house, good)).status == 401


async def test_an_application_that_serves_a_resource_asks_after_tokens_of_its_tenant(house: House) -> None:
    add = house.provider.applications.add
    here = await add("mytown", "r", "confidential", scopes=["ngsi-ld:read"], is_resource=True)
    there = await add("othertown", "r", "confidential", scopes=["ngsi-ld:read"], is_resource=True)
    key = await add("mytown", "k", "key", scopes=["ngsi-ld:read"])
    given = await house.tokens()

    async def ask(made: Any, token: str) -> dict[str, Any]:
        reply = await house.client.post("/oauth/introspect", {"token": token}, {**FORM, **basic(made)})
        found: dict[str, Any] = json.loads(reply.body)
        return found

    found = await ask(here, given["access_token"])
    assert (found["active"], found["client_id"], found["tenant"], found["iss"]) == (
        True, house.web.application.id, "mytown", ISSUER,
    )  # fmt: skip
    assert (await ask(here, key.secret))["scope"] == "ngsi-ld:read"
    for made, token in (
        (there, given["access_token"]), (there, key.secret), (here, given["refresh_token"]), (here, given["id_token"]),
        (here, "nonsense"), (here, "kmh_x"),
    ):  # fmt: skip
        assert await ask(made, token) == {"active": False}
    house.clock.advance(600)
    assert await ask(here, given["access_token"]) == {"active": False}
    assert (await ask(house.web, given["access_token"]))["error"] == "access_denied"


# --- browsers --------------------------------------------------------------------------------------------


async def test_pages_of_registered_origins_read_answers_and_no_others(house: House) -> None:
    origin = {"origin": "https://map.example.jp"}
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth/jwks"):
        shared = await house.client.get(path, origin)
        assert (shared.status, shared.headers["access-control-allow-origin"]) == (200, origin["origin"])
        assert (shared.headers["vary"], "access-control-allow-credentials" in shared.headers) == ("Origin", False)
        for other in ("https://evil.example", "null", "https://map.example.jp.evil.example", "http://map.example.jp"):
            refused = await house.client.get(path, {"origin": other})
            assert (refused.status, "access-control-allow-origin" in refused.headers) == (403, False)
        assert (await house.client.get(path)).status == 200
    for path in ("/oauth/token", "/oauth/userinfo", "/oauth/revoke"):
        asked = await house.client.send("OPTIONS", path, origin)
        assert (asked.status, asked.headers["access-control-allow-headers"]) == (204, "Authorization, Content-Type")
        assert (await house.client.send("OPTIONS", path, {"origin": "https://evil.example"})).status == 403
    form = {"grant_type": "client_credentials"}
    posted = await house.client.post("/oauth/token", form, {**FORM, **basic(house.web), **origin})
    assert posted.headers["access-control-allow-origin"] == origin["origin"]
    evil = await house.client.post("/oauth/token", form, {**FORM, **basic(house.web), "origin": "https://evil.example"})
    assert (evil.status, b"access_token" in evil.body) == (403, False)
    await house.provider.applications.disable("mytown", house.spa.application.id)
    assert (await house.client.get("/oauth/jwks", origin)).status == 403


async def test_discovery_names_addresses_that_there_are_and_the_key_set_holds_no_private_half(house: House) -> None:
    found = json.loads((await house.client.get("/.well-known/openid-configuration")).body)
    paths = {value.removeprefix(ISSUER) for name, value in found.items() if name.endswith(("_endpoint", "_uri"))}
    assert paths <= {path for _, path in OPEN}
    assert (found["issuer"], found["code_challenge_methods_supported"]) == (ISSUER, ["S256"])
    keys = json.loads((await house.client.get("/oauth/jwks")).body)["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


async def test_every_open_path_is_a_route_and_every_route_is_open(house: House) -> None:
    found = {(method, route.path) for route in house.client.app.routes for method in route.methods if method != "HEAD"}
    assert found == set(OPEN)


# --- secrets ---------------------------------------------------------------------------------------------


async def test_no_secret_is_in_the_log_in_an_error_or_readable_in_the_store(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    code = await house.code()
    given = json.loads((await house.exchange(code)).body)
    key = await house.provider.applications.add("mytown", "k", "key", scopes=["ngsi-ld:read"])
    secrets = [house.web.secret, key.secret, code, given["access_token"], given["id_token"], given["refresh_token"]]
    said = [
        (await house.exchange(code)).text,
        (await house.token(grant_type="refresh_token", refresh_token=given["refresh_token"] + "x")).text,
        (await house.client.post("/oauth/token", {"client_id": "x", "client_secret": key.secret}, FORM)).text,
        (await house.client.post("/oauth/token", {"client_secret": house.web.secret, "a": "b" * 9000}, FORM)).text,
        (await userinfo(house, given["access_token"] + "x")).text,
        repr((house.web, key, await house.provider.applications.secrets(key.application.id))),
        caplog.text,
    ]
    assert [one for one in secrets for text in said if one in text] == []

    async def everything(tx: Any) -> str:
        tables = re.findall(r"\w+", str(await tx.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")))
        return str([await tx.fetch(f"SELECT * FROM {one}") for one in tables if one.startswith(("prov", "appl"))])

    kept = await house.database.read("", everything)
    assert house.web.application.id in kept
    assert [one for one in secrets if one in kept] == []
    signing = await house.provider.keys.signing()
    assert str(signing.key.as_dict(private=True)["d"]) not in kept
