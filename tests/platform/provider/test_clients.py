"""private_key_jwt (RFC 7523): what proves a client, and every assertion that does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from tests.platform.provider.house import FORM, ISSUER, House

from kumihimo.base.errors import BadRequestData
from kumihimo.base.rates import place_of
from kumihimo.platform.provider.applications import Made
from kumihimo.platform.provider.assertion import MAX_AHEAD, TYPE
from kumihimo.platform.provider.jwks import MAX_KEYS, check_jwks
from kumihimo.platform.provider.tries import Tries

EC, ED, RSA = ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"), RSAKey.generate_key(2048)
KEYS = (("ES256", EC), ("Ed25519", ED), ("PS256", RSA), ("RS256", RSA))


def public(*keys: Any) -> str:
    return json.dumps({"keys": [dict(one.as_dict(private=False)) for one in keys]})


@pytest.fixture
async def signer(house: House) -> Made:
    return await house.provider.applications.add(
        "mytown", "batch", "private_key_jwt", scopes=["ngsi-ld:write"], jwks=public(EC, ED, RSA)
    )


def assertion(house: House, made: Made, key: Any = EC, alg: str = "ES256", typ: str = "JWT", **changes: Any) -> str:
    now = int(house.clock.now().timestamp())
    name = made.application.id
    claims = {"iss": name, "sub": name, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": "j-1", **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return str(jwt.encode({"alg": alg, "typ": typ}, claims, key, [alg]))


async def show(house: House, text: str, **more: str) -> tuple[int, str]:
    form = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": text, **more}
    reply = await house.client.post("/oauth/token", form, FORM)
    assert text not in reply.text
    return reply.status, json.loads(reply.body).get("error", "")


async def test_an_assertion_proves_its_client_once(house: House, signer: Made) -> None:
    for number, (alg, key) in enumerate(KEYS):
        text = assertion(house, signer, key, alg, jti=f"j-{number}")
        assert await show(house, text) == (200, ""), alg
        assert await show(house, text) == (401, "invalid_client"), "shown again"
    name = signer.application.id
    assert await show(house, assertion(house, signer, jti="a", aud=f"{ISSUER}/oauth/token"), client_id=name) == (
        200,
        "",
    )
    assert await show(house, assertion(house, signer, jti="b", aud=[ISSUER])) == (200, "")
    assert await show(house, assertion(house, signer, jti="c", typ="client-authentication+jwt")) == (200, "")


async def test_an_assertion_that_says_something_else_proves_nothing(house: House, signer: Made) -> None:
    now = int(house.clock.now().timestamp())
    changes: tuple[dict[str, Any], ...] = (
        {"aud": "https://other.example"}, {"aud": [ISSUER, "https://other.example"]}, {"aud": []}, {"aud": None},
        {"exp": now - 31}, {"exp": now + MAX_AHEAD + 1}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": 1e300},
        {"iat": now + 31}, {"nbf": now + 31}, {"jti": None}, {"jti": ""}, {"jti": "x" * 513}, {"jti": 1},
        {"iss": house.web.application.id}, {"sub": house.web.application.id}, {"iss": None},
    )  # fmt: skip
    for one in changes:
        house.provider.clients.tries = Tries()
        assert await show(house, assertion(house, signer, **one)) == (401, "invalid_client"), one
    assert (await show(house, assertion(house, signer, typ="at+jwt")))[1] == "invalid_client"


async def test_an_assertion_of_another_key_proves_nothing(house: House, signer: Made) -> None:
    stranger = ECKey.generate_key("P-256")
    texts = [assertion(house, signer, stranger), "a.b.c", "..", "x" * 8100]
    good = assertion(house, signer)
    texts += [good[:-4] + "AAAA", good.rpartition(".")[0] + "."]
    for text in texts:
        assert await show(house, text) == (401, "invalid_client")


async def test_a_client_with_a_key_needs_no_secret_and_one_with_a_secret_takes_no_key(
    house: House, signer: Made
) -> None:
    form = {"grant_type": "client_credentials", "client_id": signer.application.id, "client_secret": ""}
    assert (await house.client.post("/oauth/token", form, FORM)).status == 401
    named = assertion(house, signer, iss=house.web.application.id, sub=house.web.application.id)
    assert await show(house, named) == (401, "invalid_client")
    odd = {**form, "client_assertion": assertion(house, signer), "client_assertion_type": "other"}
    del odd["client_secret"]
    assert json.loads((await house.client.post("/oauth/token", odd, FORM)).body)["error"] == "invalid_request"


def test_private_weak_and_odd_keys_are_not_registered() -> None:
    strong = dict(RSA.as_dict(private=False))
    small = json.dumps({"keys": [{**strong, "n": str(strong["n"])[:171]}]})
    private = json.dumps({"keys": [dict(EC.as_dict(private=True))]})
    many = public(*[EC] * (MAX_KEYS + 1))
    symmetric = json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}]})
    broken = json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]})
    for text in (private, many, symmetric, broken, small, "", "[]", '{"keys":[]}', '{"keys":{}}', "x" * 20_000):
        with pytest.raises(BadRequestData):
            check_jwks(text)
    assert json.loads(check_jwks(public(EC, RSA)))["keys"][1]["kty"] == "RSA"


def test_the_addresses_of_one_host_count_together() -> None:
    assert place_of("192.0.2.1") == "192.0.2.1" == place_of("::ffff:192.0.2.1")
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:2") == "2001:db8::/64"
    assert place_of("2001:db8:0:1::1") != place_of("2001:db8::1")
    assert place_of("fe80::1%eth0") == "fe80::/64"
    assert place_of("::no address") == "::no address"
