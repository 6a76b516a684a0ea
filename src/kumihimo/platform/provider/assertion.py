"""What a client signs to prove itself (RFC 7523): read against its registered keys; pure."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode
from typing import Any, Final, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError

from kumihimo.base import jsontext
from kumihimo.base.errors import Problem
from kumihimo.platform.provider.errors import invalid_client
from kumihimo.platform.provider.jwks import ALGORITHMS, candidates
from kumihimo.platform.provider.models import Application

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_ASSERTION: Final = 8192
MAX_AHEAD: Final = 600
"""Seconds: an assertion that is good for longer is not taken, so that few must be remembered for long."""
LEEWAY: Final = 30
_KINDS: Final = ("JWT", "client-authentication+jwt")


class Shown(NamedTuple):
    """An assertion that is good, if it was not shown before: a short name of it, and until when (seconds)."""

    jti: str
    expires_at: int


def read_assertion(one: Application, text: str, audiences: tuple[str, ...], now: int) -> Shown:
    """What an assertion says. OAuthError invalid_client unless it is signed with a key of the application, names it as
    issuer and subject, is for one of these audiences and nobody else, and is good now and not for long.
    """
    claims = _verified(one, text)
    if claims.get("iss") != one.id or claims.get("sub") != one.id:
        raise invalid_client("iss and sub of the client assertion must both be the client id")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not named or any(one not in audiences for one in named):
        raise invalid_client(f"aud of the client assertion must be {audiences[0]}")
    expires_at, jti = _number(claims.get("exp")), claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 512:
        raise invalid_client("the client assertion needs a jti")
    if expires_at is None or not now - LEEWAY < expires_at <= now + MAX_AHEAD:
        raise invalid_client(f"exp of the client assertion must be within {MAX_AHEAD} seconds from now")
    for name in ("iat", "nbf"):
        value = _number(claims.get(name, now))
        if value is None or value > now + LEEWAY:
            raise invalid_client(f"{name} of the client assertion is of the future")
    return Shown(hashlib.sha256(jti.encode()).hexdigest(), int(expires_at) + LEEWAY + 1)


def issuer_of(text: str) -> str:
    """Whose assertion this says it is; believed only once its signature was checked with that client's keys."""
    return str(_part(text, 1).get("iss", ""))[:64]


def _part(text: str, place: int) -> dict[str, Any]:
    """The head or the claims of an assertion, not yet believed."""
    parts = text[:MAX_ASSERTION].split(".")
    try:
        part = parts[place]
        found = jsontext.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), max_depth=4)
    except (ValueError, IndexError, Problem) as problem:
        raise invalid_client("the client assertion cannot be read") from problem
    return found if isinstance(found, dict) else {}


def _verified(one: Application, text: str) -> dict[str, Any]:
    if len(text) > MAX_ASSERTION or not text.isascii():
        raise invalid_client(f"a client assertion has at most {MAX_ASSERTION} characters")
    head = _part(text, 0)
    algorithm, kid = head.get("alg"), head.get("kid", "")
    if algorithm not in ALGORITHMS or not isinstance(kid, str) or head.get("typ", "JWT") not in _KINDS:
        raise invalid_client(f"the client assertion is no JWT signed by one of {', '.join(ALGORITHMS)}")
    for key in candidates(one.jwks, kid, algorithm):
        try:
            return dict(jwt.decode(text, key, algorithms=[algorithm]).claims)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    raise invalid_client("the client assertion is not signed with a registered key of the client")


def _number(value: object) -> float | None:
    """A moment in seconds; None for what is no number, or none that a moment could be."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1 << 53:
        return None
    return value
