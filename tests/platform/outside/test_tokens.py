"""Whatever a provider sends is refused in words or taken: nothing of it is a fault of ours."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from tests.fakes import FakeClock

from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.outside.discovery import ALGORITHMS, Metadata, faults, read_metadata, wants
from kumihimo.platform.outside.keysets import KeySets, read_keys
from kumihimo.platform.outside.models import Provider, ProviderFailed
from kumihimo.platform.outside.tokens import TokenRefused, check_id_token, check_logout_token, signed_claims

ONE = Provider("idp", "https://idp.example.jp", "client")
KEYS: list[Any] = [ECKey.generate_key("P-256", {"kid": "ec"}), OKPKey.generate_key("Ed25519", {"kid": "ed"})]
METADATA = Metadata(ONE.issuer, "https://a", "https://b", "https://c", algorithms=ALGORITHMS)
NOW = 1_767_225_600
GOOD = {"iss": ONE.issuer, "aud": "client", "sub": "s", "nonce": "n", "iat": NOW, "exp": NOW + 60}
TOKEN = jwt.encode({"alg": "ES256", "kid": "ec"}, GOOD, KEYS[0], algorithms=["ES256"])

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


class Fixed:
    """Implements HttpFetch: every address has our keys."""

    async def __call__(self, *_: Any, **__: Any) -> HttpAnswer:
        return HttpAnswer(200, {}, dumps({"keys": [key.as_dict(private=False) for key in KEYS]}))


def claims_of(token: str) -> Any:
    return asyncio.run(signed_claims(token, METADATA, KeySets(Fixed(), FakeClock())))


def test_a_good_token_is_taken() -> None:
    header, claims = claims_of(TOKEN)
    assert claims["nonce"] == "n"
    check_id_token(header, claims, ONE, nonce="n", access_token="x", now=NOW)
    check_id_token(header, claims, ONE, nonce="n", access_token="x", now=NOW + 119)


@settings(max_examples=30)
@given(st.integers(0, len(TOKEN) - 1), st.characters(min_codepoint=33, max_codepoint=0x3000))
def test_a_token_of_which_a_letter_was_changed_is_refused(place: int, letter: str) -> None:
    changed = TOKEN[:place] + letter + TOKEN[place + 1 :]
    try:
        _, claims = claims_of(changed)
    except TokenRefused:
        return
    assert claims == GOOD  # the spare bits of the last letter say nothing


@settings(max_examples=30)
@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "zip"]), anything),
    st.binary(max_size=80),
)
def test_no_header_and_no_signature_made_up_is_a_fault(header: dict[str, Any], signature: bytes) -> None:
    parts = (urlsafe_b64encode(one).rstrip(b"=").decode() for one in (dumps(header), dumps(GOOD), signature))
    try:
        claims_of(".".join(parts))
    except TokenRefused:
        return
    raise AssertionError(header)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([*GOOD, "azp", "nbf", "acr", "at_hash", "sid", "events", "jti"]), anything))
def test_no_claim_made_up_is_a_fault_or_passes_for_another(change: dict[str, Any]) -> None:
    claims = {**GOOD, **change}
    try:
        check_id_token({"alg": "ES256"}, claims, ONE, nonce="n", access_token="x", now=NOW)
    except TokenRefused:
        pass
    else:
        assert (claims["iss"], claims["nonce"]) == (ONE.issuer, "n")
        assert claims["aud"] in ("client", ["client"])
    try:
        check_logout_token({"alg": "ES256", "typ": change.get("sid")}, claims, ONE, NOW)
    except TokenRefused:
        return
    raise AssertionError(claims)


NAMES = [
    "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint",
    "id_token_signing_alg_values_supported", "response_types_supported", "scopes_supported", "claims_supported",
]  # fmt: skip


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(NAMES), anything))
def test_no_document_made_up_is_a_fault(change: dict[str, Any]) -> None:
    good = {
        "issuer": ONE.issuer,
        "authorization_endpoint": "https://a",
        "token_endpoint": "https://b",
        "jwks_uri": "https://c",
    }
    document = {**good, **change}
    wrong = faults(ONE, document)
    assert isinstance(wants(ONE, document), list)
    try:
        found = read_metadata(ONE, document)
    except ProviderFailed:
        assert wrong
    else:
        assert not wrong
        assert found.token_endpoint.startswith("https://")
        assert set(found.algorithms) <= set(ALGORITHMS)


@settings(max_examples=30)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "alg", "use"]), anything), max_size=3
    )
)
def test_no_set_of_keys_made_up_is_a_fault(keys: list[dict[str, Any]]) -> None:
    assert read_keys({"keys": keys}) == []


def test_a_key_checks_only_what_it_is_for() -> None:
    async def find(keys: list[dict[str, Any]], kid: str, alg: str) -> Any:
        async def fetch(*_: Any, **__: Any) -> HttpAnswer:
            return HttpAnswer(200, {}, dumps({"keys": keys}))

        return await KeySets(fetch, FakeClock()).find("https://c", kid, alg)

    ec: Any = KEYS[0].as_dict(private=False)
    rsa: Any = RSAKey.generate_key(2048, {"kid": "rsa"}).as_dict(private=False)
    strange: Any = OKPKey.generate_key("X25519", {"kid": "x"}).as_dict(private=False)
    every = [ec, rsa, strange]
    assert asyncio.run(find(every, "ec", "ES256")) is not None
    assert asyncio.run(find(every, "", "ES256")) is not None
    assert asyncio.run(find(every, "ec", "ES384")) is None
    assert asyncio.run(find(every, "ec", "RS256")) is None
    assert asyncio.run(find(every, "x", "EdDSA")) is None
    assert asyncio.run(find([ec, {**ec, "kid": "two"}], "", "ES256")) is None
    assert asyncio.run(find([{**ec, "alg": "ES512"}], "ec", "ES256")) is None
    assert asyncio.run(find([{**rsa, "alg": "RS512"}], "rsa", "RS256")) is None
