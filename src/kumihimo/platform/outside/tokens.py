"""What is asked of an ID token (OpenID Connect Core 3.1.3.7) and of a logout token (Back-Channel Logout 2.6)."""

from __future__ import annotations

import hashlib
import hmac
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning

from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import loads
from kumihimo.platform.outside.discovery import MAX_DEPTH, Metadata
from kumihimo.platform.outside.keysets import KeySets
from kumihimo.platform.outside.models import LogInRefused, Provider

MAX_TOKEN: Final = 32 * 1024
SKEW: Final = 60
"""Seconds by which the provider's clock may differ from ours."""
AGE: Final = 600
"""Seconds after which a token is too old to be that of a log-in that is under way."""
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
MAX_SUB: Final = 255
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class TokenRefused(LogInRefused):
    """A token that is not what it must be; detail says which check it failed, never what stands in it."""

    def __init__(self, check: str, code: str = "token") -> None:
        super().__init__(code, f"a token of the provider was refused: {check}")
        self.check = check


async def signed_claims(token: str, metadata: Metadata, keys: KeySets) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims of a token that the provider signed, with a key of its set. TokenRefused otherwise."""
    header = _header(token)
    alg, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(alg, str) or alg not in metadata.algorithms:
        raise TokenRefused("its algorithm is not one that this provider signs with")
    if not isinstance(kid, str):
        raise TokenRefused("its key id is no text")
    key = await keys.find(metadata.jwks_uri, kid, alg)
    if key is None:
        raise TokenRefused("the provider has no such key")
    try:
        with warnings.catch_warnings():
            # EdDSA says less than Ed25519 (RFC 9864), and is what providers still write.
            warnings.simplefilter("ignore", SecurityWarning)
            found = jws.deserialize_compact(token, key, algorithms=[alg])
        claims = loads(found.payload or b"", max_bytes=MAX_TOKEN, max_depth=MAX_DEPTH)
    except (JoseError, ValueError, Problem) as problem:
        raise TokenRefused("its signature is not the provider's") from problem
    if not isinstance(claims, dict):
        raise TokenRefused("it holds no claims")
    return header, claims


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > MAX_TOKEN or not token.isascii() or token.count(".") != 2:
        raise TokenRefused("it is no signed token")
    try:
        part = token.partition(".")[0]
        found = loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), max_bytes=MAX_TOKEN, max_depth=MAX_DEPTH)
    except (ValueError, Problem) as problem:
        raise TokenRefused("it is no signed token") from problem
    if not isinstance(found, dict) or "crit" in found:
        raise TokenRefused("its header asks for what is not known here")
    return found


def check_id_token(
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
    one: Provider,
    *,
    nonce: str,
    access_token: str,
    now: int,
) -> None:
    """TokenRefused unless these are the claims of somebody who has just proved themselves for us.

    now in seconds since 1970; code "weak" where the person proved themselves in a weaker way than was asked for.
    """
    _check_common(claims, one, now)
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise TokenRefused("its nonce is not that of this log-in")
    if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= MAX_SUB:
        raise TokenRefused("it does not say of whom it is")
    if _seconds(claims, "exp") + SKEW <= now:
        raise TokenRefused("it has run out")
    if "at_hash" in claims and claims["at_hash"] != _half_hash(str(header["alg"]), access_token):
        raise TokenRefused("it belongs to another access token")
    _check_acr(claims, one)


def _check_acr(claims: Mapping[str, Any], one: Provider) -> None:
    said = claims.get("acr")
    words = said.split() if isinstance(said, str) else []
    if not set(one.acr_needed) <= set(words):
        raise TokenRefused("its acr does not hold what is needed", code="weak")


def check_logout_token(header: Mapping[str, Any], claims: Mapping[str, Any], one: Provider, now: int) -> None:
    """TokenRefused unless the provider tells us, and just now, that somebody or a session of theirs is to end."""
    if str(header.get("typ", "logout+jwt")).lower() not in ("logout+jwt", "jwt"):
        raise TokenRefused("its type is not that of a logout token")
    _check_common(claims, one, now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise TokenRefused("it tells of no logout")
    if "nonce" in claims:
        raise TokenRefused("a logout token has no nonce")
    if not isinstance(claims.get("jti"), str) or not 0 < len(claims["jti"]) <= MAX_SUB:
        raise TokenRefused("it has no id")
    if "exp" in claims and _seconds(claims, "exp") + SKEW <= now:
        raise TokenRefused("it has run out")
    names = [claims.get(name) for name in ("sub", "sid") if name in claims]
    if not names or not all(isinstance(name, str) and 0 < len(name) <= MAX_SUB for name in names):
        raise TokenRefused("it says neither whom nor which session")


def _check_common(claims: Mapping[str, Any], one: Provider, now: int) -> None:
    if claims.get("iss") != one.issuer:
        raise TokenRefused("its issuer is another")
    audience = claims.get("aud")
    if audience not in (one.client_id, [one.client_id]):
        raise TokenRefused("it is not for us alone")
    if claims.get("azp", one.client_id) != one.client_id:
        raise TokenRefused("it was asked for by somebody else")
    issued = _seconds(claims, "iat")
    if issued > now + SKEW:
        raise TokenRefused("it comes from the future")
    if issued + AGE + SKEW < now:
        raise TokenRefused("it is too old")
    if "nbf" in claims and _seconds(claims, "nbf") > now + SKEW:
        raise TokenRefused("it is not good yet")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TokenRefused(f"its {name} is no moment")
    return found


def _half_hash(alg: str, text: str) -> str:
    """The left half of the hash of a token (OpenID Connect Core section 3.1.3.6)."""
    digest = _HASHES.get(alg[-3:], hashlib.sha512)(text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def check_userinfo(claims: Mapping[str, Any], sub: str) -> None:
    """TokenRefused where the answer is of somebody else (OpenID Connect Core section 5.3.2: token substitution)."""
    if claims.get("sub") != sub:
        raise TokenRefused("userinfo is of another person than the ID token")
