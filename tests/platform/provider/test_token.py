"""The token endpoint: what is given for what, and to whom it is not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.platform.provider.house import BACK, FORM, ISSUER, VERIFIER, House, answered, basic, challenge, claims_of

from kumihimo.base.call import Actor
from kumihimo.platform.provider.errors import BadToken
from kumihimo.platform.provider.tries import WRONG_BURST_SECONDS, WRONG_RATE


def error(reply: object) -> str:
    return str(json.loads(reply.body)["error"])  # type: ignore[attr-defined]


async def test_a_code_gives_tokens_that_say_who_for_what_and_how_they_logged_in(house: House) -> None:
    reply = await house.exchange(await house.code())
    assert (reply.headers["cache-control"], reply.headers["content-type"]) == ("no-store", "application/json")
    given = json.loads(reply.body)
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 600)
    assert given["scope"] == "ngsi-ld:read openid profile"
    access, identity = claims_of(given["access_token"]), claims_of(given["id_token"])
    client = house.web.application.id
    assert (access["aud"], access["client_id"], access["tenant"]) == (ISSUER, client, "mytown")
    assert access["exp"] - access["iat"] == 600
    assert (identity["iss"], identity["aud"], identity["nonce"]) == (ISSUER, client, "n-1")
    assert (identity["acr"], identity["amr"]) == ("urn:kumihimo:two-factors", ["pwd", "otp"])
    assert identity["auth_time"] == int(house.clock.now().timestamp())
    assert identity["sub"] == access["sub"]
    assert "p-1" not in json.dumps([access, identity]), "the account's id is nobody's business"
    caller = await house.caller(given["access_token"])
    assert caller is not None
    assert (caller.actor, caller.tenant) == (Actor("person", "p-1"), "mytown")
    assert caller.scopes == frozenset({"openid", "profile", "ngsi-ld:read"})


async def test_applications_of_different_sectors_cannot_tell_that_a_person_is_the_same(house: House) -> None:
    back = "https://map.example.jp/cb"
    code = await house.authorize(client_id=house.spa.application.id, redirect_uri=back)
    shown = await house.exchange(answered(code, back)["code"], house.spa, redirect_uri=back)
    here, there = (await house.tokens())["id_token"], json.loads(shown.body)["id_token"]
    assert claims_of(here)["sub"] != claims_of(there)["sub"]
    assert claims_of(here)["sub"] == claims_of((await house.tokens())["id_token"])["sub"]
    assert claims_of((await house.tokens(who="p-2"))["id_token"])["sub"] != claims_of(here)["sub"]


WRONG: tuple[dict[str, Any], ...] = (
    {"code_verifier": "b" * 43},
    {"code_verifier": challenge(VERIFIER)},
    {"code_verifier": "short"},
    {"code_verifier": VERIFIER + " "},
    {"redirect_uri": BACK + "/"},
    {"redirect_uri": "https://map.example.jp/cb"},
)


async def test_a_code_with_another_verifier_or_address_gives_nothing_and_is_used_up(house: House) -> None:
    for changes in WRONG:
        code = await house.code()
        wrong = await house.exchange(code, **changes)
        assert (wrong.status, error(wrong)) == (400, "invalid_grant"), changes
        right = await house.exchange(code)
        assert (right.status, error(right)) == (400, "invalid_grant"), changes


async def test_what_is_missing_is_not_made_up(house: House) -> None:
    form: dict[str, Any] = {
        "grant_type": "authorization_code",
        "code": "x",
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    for missing in ("code", "redirect_uri", "code_verifier"):
        reply = await house.token(**{name: value for name, value in form.items() if name != missing})
        assert (reply.status, error(reply)) == (400, "invalid_request"), missing


async def test_a_code_that_is_shown_again_ends_what_it_gave(house: House) -> None:
    code = await house.code()
    given = json.loads((await house.exchange(code)).body)
    assert await house.caller(given["access_token"])
    assert error(await house.exchange(code)) == "invalid_grant"
    with pytest.raises(BadToken):
        await house.caller(given["access_token"])
    again = await house.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert error(again) == "invalid_grant"


async def test_the_code_of_another_client_gives_nothing(house: House) -> None:
    code = await house.code()
    other = await house.provider.applications.add(
        "mytown", "other", "confidential", scopes=["openid"], redirect_uris=[BACK]
    )
    assert error(await house.exchange(code, other)) == "invalid_grant"
    assert error(await house.exchange(code)) == "invalid_grant", "it was in wrong hands"


async def test_a_refresh_token_is_used_once_and_twice_ends_all(house: House) -> None:
    first = await house.tokens()
    reply = await house.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    second = json.loads(reply.body)
    assert second["refresh_token"] != first["refresh_token"]
    assert "nonce" not in claims_of(second["id_token"])
    assert claims_of(second["id_token"])["auth_time"] == claims_of(first["id_token"])["auth_time"]
    assert await house.caller(first["access_token"])
    stolen = await house.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (stolen.status, error(stolen)) == (400, "invalid_grant")
    ended = await house.token(grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert error(ended) == "invalid_grant"
    for token in (first["access_token"], second["access_token"]):
        with pytest.raises(BadToken):
            await house.caller(token)


async def test_a_refresh_gives_less_but_never_more(house: House) -> None:
    given = await house.tokens()
    more = await house.token(
        grant_type="refresh_token", refresh_token=given["refresh_token"], scope="ngsi-ld:read ngsi-ld:write"
    )
    assert error(more) == "invalid_scope"
    # Whoever asked for too much has not lost what it had.
    less = await house.token(grant_type="refresh_token", refresh_token=given["refresh_token"], scope="ngsi-ld:read")
    found = json.loads(less.body)
    assert (found["scope"], "id_token" in found) == ("ngsi-ld:read", False)
    assert claims_of(found["access_token"])["scope"] == "ngsi-ld:read"


async def test_a_refresh_token_ends_with_its_time_and_with_the_account(house: House) -> None:
    given = await house.tokens()
    house.clock.advance(30 * 24 * 3600)
    late = await house.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert error(late) == "invalid_grant"
    given = await house.tokens()
    house.people.closed.add("p-1")
    gone = await house.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert error(gone) == "invalid_grant"
    with pytest.raises(BadToken):
        await house.caller(given["access_token"])


async def test_a_public_client_shows_no_secret_and_gets_nothing_by_itself(house: House) -> None:
    alone = await house.token(house.spa, grant_type="client_credentials")
    assert error(alone) == "unauthorized_client"
    with_secret = await house.token(house.spa, grant_type="refresh_token", refresh_token="x", client_secret="x")
    assert (with_secret.status, error(with_secret)) == (401, "invalid_client")


async def test_an_application_by_itself_gets_what_it_was_registered_for_and_nothing_of_people(house: House) -> None:
    reply = await house.token(grant_type="client_credentials")
    found = json.loads(reply.body)
    assert (found["scope"], set(found)) == (
        "ngsi-ld:read ngsi-ld:write", {"access_token", "token_type", "expires_in", "scope"},
    )  # fmt: skip
    client = house.web.application.id
    assert claims_of(found["access_token"])["sub"] == client
    caller = await house.caller(found["access_token"])
    assert caller is not None
    assert (caller.actor, caller.tenant) == (Actor("application", client), "mytown")
    for scope in ("openid", "devices:write", "ngsi-ld:read openid"):
        assert error(await house.token(grant_type="client_credentials", scope=scope)) == "invalid_scope"


async def test_other_grants_are_not_served(house: House) -> None:
    for kind in ("password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"):
        assert error(await house.token(grant_type=kind)) == "unsupported_grant_type"


async def test_what_stands_in_the_address_twice_or_in_another_form_is_refused(house: House) -> None:
    shown = {**FORM, **basic(house.web)}
    post = house.client.post
    assert (await post("/oauth/token", {"grant_type": "client_credentials"}, shown)).status == 200
    assert error(await post("/oauth/token?grant_type=client_credentials", {}, shown)) == "invalid_request"
    assert (
        error(await post("/oauth/token?scope=openid", {"grant_type": "client_credentials"}, shown)) == "invalid_request"
    )
    twice = urlencode([("grant_type", "client_credentials"), ("grant_type", "refresh_token")]).encode()
    assert error(await house.client.send("POST", "/oauth/token", shown, twice)) == "invalid_request"
    as_json = {**shown, "content-type": "application/json"}
    body = b'{"grant_type":"client_credentials"}'
    assert error(await house.client.send("POST", "/oauth/token", as_json, body)) == "invalid_request"
    for body in (b"grant_type=%ff", b"grant_type=client_credentials&x=%00", b"x=" + b"y" * 70_000, b"a=1&" * 80):
        assert error(await house.client.send("POST", "/oauth/token", shown, body)) == "invalid_request"


async def test_a_form_is_posted_never_got(house: House) -> None:
    for path in ("token", "revoke", "introspect", "consent"):
        reply = await house.client.get(f"/oauth/{path}?grant_type=client_credentials", basic(house.web))
        assert (reply.status, "POST" in reply.headers["allow"]) == (405, True), path


async def test_a_client_that_does_not_prove_itself_is_told_the_same_whether_it_exists_or_not(house: House) -> None:
    known, nobody = house.web.application.id, "a-0123456789abcdef01234567"
    said = []
    for name in (known, nobody, house.spa.application.id):
        reply = await house.client.post(
            "/oauth/token", {"grant_type": "client_credentials", "client_id": name, "client_secret": "wrong"}, FORM
        )
        said.append((reply.status, reply.body))
    assert len(set(said)) == 1
    assert (said[0][0], b"invalid_client" in said[0][1]) == (401, True)
    tried = await house.client.post(
        "/oauth/token", {"grant_type": "client_credentials"}, {**FORM, "authorization": "Basic eDp5"}
    )
    assert (tried.status, tried.headers["www-authenticate"].startswith("Basic ")) == (401, True)


async def test_a_client_proves_itself_in_one_way_only(house: House) -> None:
    form = {"grant_type": "client_credentials", "client_id": house.web.application.id}
    both = await house.client.post(
        "/oauth/token", {**form, "client_secret": house.web.secret}, {**FORM, **basic(house.web)}
    )
    assert error(both) == "invalid_request"
    posted = await house.client.post("/oauth/token", {**form, "client_secret": house.web.secret}, FORM)
    assert posted.status == 200
    other = await house.client.post(
        "/oauth/token", {**form, "client_id": house.spa.application.id}, {**FORM, **basic(house.web)}
    )
    assert error(other) == "invalid_request"


async def test_a_header_that_is_none_is_refused(house: House) -> None:
    for shown in ("Basic", "Basic !!!", "Basic eHg=", "Bearer x", "Digest x", "Basic /w=="):
        headers = {**FORM, "authorization": shown}
        reply = await house.client.post("/oauth/token", {"grant_type": "client_credentials"}, headers)
        assert (reply.status, error(reply)) == (401, "invalid_client"), shown


async def test_wrong_tries_are_slowed_whether_the_client_exists_or_not(house: House) -> None:
    form = {"grant_type": "client_credentials", "client_id": "a-nobody", "client_secret": "wrong"}
    borne = int(WRONG_RATE * WRONG_BURST_SECONDS)
    statuses = [(await house.client.post("/oauth/token", form, FORM)).status for _ in range(borne + 2)]
    assert statuses == [401] * (borne + 1) + [429]
    slowed = await house.token(grant_type="client_credentials")
    assert (slowed.status, int(slowed.headers["retry-after"]) >= 1) == (429, True), "the right one waits with the rest"
    house.clock.advance(6)
    assert (await house.token(grant_type="client_credentials")).status == 200
