"""Access tokens and API keys as credentials: what is let in, and every token that is not."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.platform.provider.house import FORM, ISSUER, House, basic, claims_of

from kumihimo.base.call import Actor, call_of
from kumihimo.base.errors import Forbidden
from kumihimo.base.ports import Credentials
from kumihimo.base.problems import told
from kumihimo.platform.provider.bearer import MAX_REMEMBERED
from kumihimo.platform.provider.errors import BadToken
from kumihimo.platform.provider.tokens import MAX_TOKEN


async def access(house: House) -> str:
    reply = await house.token(grant_type="client_credentials")
    return str(json.loads(reply.body)["access_token"])


async def is_refused(house: House, token: str) -> bool:
    with pytest.raises(BadToken) as caught:
        await house.caller(token)
    body, status, headers = told(caught.value)
    assert (status, headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert token not in body.decode()
    return True


def part(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def forged(house: House, head: dict[str, Any], changes: dict[str, Any] | None = None) -> str:
    """A token that our own key signed, with another head or other claims."""
    key = await house.provider.keys.signing()
    claims = {**claims_of(await access(house)), **(changes or {})}
    claims = {name: value for name, value in claims.items() if value is not None}
    whole = {"alg": "ES256", "typ": "at+jwt", "kid": key.id, **head}
    return str(jwt.encode({k: v for k, v in whole.items() if v is not None}, claims, key.key, ["ES256"]))


async def test_what_is_none_of_ours_is_left_to_others(house: House) -> None:
    for shown in ("", "Basic eDp5", "Bearer 0123456789abcdef", "Bearer ", "Bearer a.b", "Digest a.b.c"):
        assert await house.provider.bearer(Credentials("GET", "/", authorization=shown)) is None
    assert await house.provider.bearer(Credentials("GET", "/", cookie="kmh_x")) is None


async def test_claims_that_are_not_ours_are_refused(house: House) -> None:
    now = int(house.clock.now().timestamp())
    assert await house.caller(await forged(house, {}))
    for changes in (
        {"exp": now}, {"exp": now - 1}, {"exp": None}, {"exp": "2099"}, {"exp": 4e9}, {"iat": now + 31}, {"iat": None},
        {"iss": "https://evil.example"}, {"iss": ISSUER + "/"}, {"iss": None}, {"iss": [ISSUER]},
        {"aud": "https://other.example"}, {"aud": [ISSUER, "x"]}, {"aud": None}, {"client_id": "a-nobody"},
        {"client_id": None}, {"tenant": "othertown"}, {"tenant": None}, {"scope": None}, {"scope": ["ngsi-ld:read"]},
        {"jti": None}, {"family": "f-nobody"},
    ):  # fmt: skip
        assert await is_refused(house, await forged(house, {}, changes)), changes


async def test_a_token_expires(house: House) -> None:
    token = await access(house)
    house.clock.advance(599)
    assert await house.caller(token)
    house.clock.advance(1)
    assert await is_refused(house, token)


async def test_heads_that_are_not_ours_are_refused(house: House) -> None:
    other = ECKey.generate_key("P-256")
    heads: tuple[dict[str, Any], ...] = (
        {"typ": "JWT"}, {"typ": None}, {"typ": "AT+JWT"}, {"kid": "nobody"}, {"kid": None}, {"crit": ["exp"], "exp": 1},
        {"crit": []}, {"jwk": dict(other.as_dict(private=False))}, {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/x"}, {"b64": True}, {"cty": "JWT"},
    )  # fmt: skip
    for head in heads:
        try:
            token = await forged(house, head)
        except Exception:  # noqa: BLE001 - a head that our library does not even sign; written by hand
            token = f"{part({'alg': 'ES256', 'typ': 'at+jwt', **head})}.{part({})}.AAAA"
        assert await is_refused(house, token), head


async def test_the_id_token_is_no_access_token(house: House) -> None:
    given = await house.tokens()
    assert await house.caller(given["access_token"])
    assert await is_refused(house, given["id_token"])


async def test_no_algorithm_another_key_and_key_confusion_are_refused(house: House) -> None:
    token = await access(house)
    key = await house.provider.keys.signing()
    claims = claims_of(token)
    kid = key.id
    for alg in ("none", "None", "NONE", "", None):
        unsigned = f"{part({'alg': alg, 'typ': 'at+jwt', 'kid': kid})}.{part(claims)}."
        assert await is_refused(house, unsigned)
        assert await is_refused(house, unsigned + token.rpartition(".")[2])
    public = key.key.as_pem(private=False)
    for secret in (public, json.dumps(key.public()).encode(), key.public()["x"].encode()):
        signed = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{part(claims)}"
        mac = urlsafe_b64encode(hmac.digest(secret, signed.encode(), "sha256")).rstrip(b"=").decode()
        assert await is_refused(house, f"{signed}.{mac}")
    for alg, other in (("ES256", ECKey.generate_key("P-256")), ("PS256", RSAKey.generate_key(2048))):
        assert await is_refused(house, jwt.encode({"alg": alg, "typ": "at+jwt", "kid": kid}, claims, other, [alg]))


async def test_a_token_that_was_changed_is_refused(house: House) -> None:
    token = await access(house)
    head, body, signature = token.split(".")
    claims = claims_of(token)
    assert await is_refused(house, f"{head}.{part({**claims, 'tenant': 'othertown'})}.{signature}")
    assert await is_refused(house, f"{head}.{body}.")
    assert await is_refused(house, f"{head}.{body}.{signature[:-4]}AAAA")
    assert await is_refused(house, f"{head}.{body}.{'A' * len(signature)}")


async def test_huge_and_odd_tokens_are_refused_at_once(house: House) -> None:
    for token in (
        "a" * MAX_TOKEN + ".b.c",
        "..",
        ". .",
        "é.b.c",
        "a.b.c",
        f"{part([])}.x.y",
        f"{part({'a': {'b': {'c': 1}}})}.x.y",
    ):
        assert await is_refused(house, token)
    deep = urlsafe_b64encode(b'{"alg":' + b"[" * 900 + b"]" * 900 + b"}").decode()
    assert await is_refused(house, f"{deep}.x.y")


async def test_a_token_that_is_too_long_is_not_even_decoded(house: House) -> None:
    """One that our own key signed and that would be good, so that its length alone tells."""
    good = await forged(house, {}, {"more": "x" * 100})
    assert await house.caller(good)
    assert await is_refused(house, await forged(house, {}, {"more": "x" * MAX_TOKEN}))


async def test_a_token_of_one_tenant_makes_no_call_in_another(house: House) -> None:
    caller = await house.caller(await access(house))
    assert call_of({"caller": caller}, "mytown").actor == Actor("application", house.web.application.id)
    with pytest.raises(Forbidden):
        call_of({"caller": caller}, "othertown")


async def test_a_key_stands_for_its_application_until_it_is_replaced(house: House) -> None:
    applications = house.provider.applications
    made = await applications.add("mytown", "csv", "key", scopes=["ngsi-ld:read"])
    assert made.secret.startswith("kmh_")
    caller = await house.caller(made.secret)
    assert caller is not None
    assert (caller.actor, caller.scopes, caller.tenant, caller.name) == (
        Actor("application", made.application.id), frozenset({"ngsi-ld:read"}), "mytown", "csv",
    )  # fmt: skip
    second = await applications.rotate("mytown", made.application.id, overlap=3600)
    house.clock.advance(3599)
    assert await house.caller(made.secret)
    assert await house.caller(second.secret)
    house.clock.advance(1)
    assert await is_refused(house, made.secret)
    third = await applications.rotate("mytown", made.application.id, overlap=0)
    assert await is_refused(house, second.secret)
    assert await house.caller(third.secret)
    await applications.disable("mytown", made.application.id)
    assert await is_refused(house, third.secret)
    for wrong in ("kmh_", "kmh_" + "x" * 43, "kmh_" + "x" * 100_000, third.secret + "x"):
        assert await is_refused(house, wrong)


async def test_a_client_secret_is_no_key_and_a_key_no_client_secret(house: House) -> None:
    assert await house.caller(house.web.secret) is None
    made = await house.provider.applications.add("mytown", "csv", "key", scopes=["ngsi-ld:read"])
    reply = await house.token(made, grant_type="client_credentials")
    assert (reply.status, json.loads(reply.body)["error"]) == (401, "invalid_client")


async def test_revoked_tokens_are_refused_at_once_also_where_they_are_remembered(house: House) -> None:
    first, second = await access(house), await access(house)
    assert await house.caller(first)
    assert await house.caller(second)
    reply = await house.client.post("/oauth/revoke", {"token": first}, await headers(house))
    assert (reply.status, reply.body) == (200, b"{}")
    assert await is_refused(house, first)
    assert await house.caller(second)
    given = await house.tokens()
    assert await house.caller(given["access_token"])
    await house.client.post("/oauth/revoke", {"token": given["refresh_token"]}, await headers(house))
    assert await is_refused(house, given["access_token"])
    await house.provider.applications.disable("mytown", house.web.application.id)
    assert await is_refused(house, second)


async def headers(house: House) -> dict[str, str]:
    return {**FORM, **basic(house.web)}


async def test_no_client_ends_the_token_of_another_and_nobody_is_told(house: House) -> None:
    other = await house.provider.applications.add("othertown", "other", "confidential", scopes=["ngsi-ld:read"])
    given = await house.tokens()
    said = set()
    for token in (given["access_token"], given["refresh_token"], "nonsense", "a.b.c", "kmh_x"):
        reply = await house.client.post("/oauth/revoke", {"token": token}, {**FORM, **basic(other)})
        said.add((reply.status, reply.body))
    assert said == {(200, b"{}")}
    assert await house.caller(given["access_token"])


async def test_what_is_remembered_is_bounded(house: House) -> None:
    bearer = house.provider.bearer
    known = await bearer.known(await access(house))
    assert known is not None
    bearer._known.clear()
    bearer._known.update({str(number): known for number in range(MAX_REMEMBERED)})
    assert await house.caller(await access(house))
    assert (len(bearer), "0" in bearer._known) == (MAX_REMEMBERED, False)


async def test_a_good_token_is_read_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await access(house)
    assert await house.caller(token)

    async def nothing(token: str) -> Any:
        raise AssertionError("it was looked at again")

    monkeypatch.setattr(house.provider.tokens, "read", nothing)
    for _ in range(5):
        house.clock.advance(0.5)
        assert await house.caller(token)


async def test_what_is_revoked_while_it_is_looked_up_is_not_remembered(house: House) -> None:
    token = await access(house)
    bearer = house.provider.bearer
    standing = bearer.standing

    async def overtaken(says: Any) -> Any:
        found = await standing(says)
        await house.client.post("/oauth/revoke", {"token": token}, await headers(house))
        return found

    bearer.standing = overtaken  # type: ignore[method-assign]
    assert await house.caller(token), "it was good when it was looked at"
    bearer.standing = standing  # type: ignore[method-assign]
    assert len(bearer) == 0
    assert await is_refused(house, token)


async def test_keys_change_with_overlap_or_at_once(house: House) -> None:
    old = await access(house)
    kids = [one["kid"] for one in await house.provider.keys.public()]
    await house.provider.keys.rotate()
    shown = [one["kid"] for one in await house.provider.keys.public()]
    assert (len(shown), shown[1:]) == (2, kids)
    assert (await house.provider.keys.signing()).id == kids[0], "the new one is shown before it signs"
    await house.provider.keys.rotate()
    assert len(await house.provider.keys.public()) == 2, "one that waits is enough"
    house.clock.advance(599)
    token = await access(house)
    house.clock.advance(1)
    assert (await house.provider.keys.signing()).id == shown[0]
    assert await house.caller(token)
    assert await is_refused(house, old), "by its own time"
    await house.provider.keys.rotate(at_once=True)
    assert await is_refused(house, token)
    assert len(await house.provider.keys.public()) == 1
    assert await house.caller(await access(house))


async def test_a_key_is_followed_by_a_new_one_after_its_days_and_then_forgotten(house: House) -> None:
    first = (await house.provider.keys.signing()).id
    house.clock.advance(90 * 86_400 + 1)
    assert (await house.provider.keys.signing()).id == first
    house.clock.advance(601)
    assert (await house.provider.keys.signing()).id != first
    assert first in [one["kid"] for one in await house.provider.keys.public()]
    house.clock.advance(8 * 86_400)
    assert first not in [one["kid"] for one in await house.provider.keys.public()]


async def test_what_is_open_under_a_credential_stands_as_long_as_that_does(house: House) -> None:
    bearer, applications = house.provider.bearer, house.provider.applications
    key = await applications.add("mytown", "csv", "key", scopes=["ngsi-ld:read"])
    given = await house.tokens()
    own, other, person, by_key = [
        str(caller.login)
        for token in (await access(house), await access(house), given["access_token"], key.secret)
        if (caller := await house.caller(token)) is not None
    ]
    assert [await bearer.is_live(one) for one in (own, other, person, by_key)] == [True] * 4
    assert await bearer.is_live("l-p-1") is None, "a log-in of a person is not ours to judge"
    assert [await bearer.is_live(one) for one in ("f-0", "s-0", "t-9999999999.x.a-0")] == [False] * 3
    await house.provider.grants.end("p-1")
    await applications.rotate("mytown", key.application.id, overlap=60)
    house.clock.advance(60)
    assert [await bearer.is_live(one) for one in (own, person, by_key)] == [True, False, False]
    house.clock.advance(540)
    assert await bearer.is_live(own) is False, "by its own time"
    fresh = await house.caller(await access(house))
    assert fresh is not None
    assert await bearer.is_live(fresh.login)
    await applications.disable("mytown", house.web.application.id)
    assert await bearer.is_live(fresh.login) is False
