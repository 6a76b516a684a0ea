"""Makes and reads the provider's own tokens: access tokens (RFC 9068) and ID tokens, all signed with ES256."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError

from kumihimo.base import jsontext, times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem
from kumihimo.platform.provider.errors import BadToken
from kumihimo.platform.provider.keys import ALGORITHM, SECOND, Keys
from kumihimo.platform.provider.models import Application, Family, Lifetimes

ACCESS: Final = "at+jwt"
IDENTITY: Final = "JWT"
MAX_TOKEN: Final = 4096
"""Characters; ours have a quarter of it."""
LEEWAY: Final = 30
"""Seconds by which a clock of ours may be behind another of ours."""
_MEMBERS: Final = {"alg", "typ", "kid"}
"""What the head of each of our tokens holds, and nothing more: no key and no address of one can be slipped in."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token says; moments in seconds. family is "" for one that an application got for itself."""

    jti: str
    subject: str
    application: str
    tenant: str
    scopes: frozenset[str]
    family: str
    issued_at: int
    expires_at: int


class Tokens:
    """issuer gives the address of the platform, which is both who issues and, for access tokens, whom they are for."""

    def __init__(self, keys: Keys, clock: Clock, issuer: Callable[[], str], lifetimes: Lifetimes) -> None:
        self._keys = keys
        self._clock = clock
        self.issuer = issuer
        self.lifetimes = lifetimes

    def now(self) -> int:
        """The moment, in microseconds."""
        return times.micros(self._clock.now())

    async def subject(self, application: Application, family: Family | None) -> str:
        """The person's name in the application's sector, or the application itself."""
        return application.id if family is None else await self._keys.pairwise(application.sector, family.account)

    async def access(self, application: Application, family: Family | None, scopes: frozenset[str]) -> str:
        """An access token (RFC 9068 section 2.2) for the application's tenant."""
        claims = {
            **(await self._standing(application, family)),
            "aud": self.issuer(),
            "jti": secrets.token_urlsafe(16),
            "client_id": application.id,
            "scope": " ".join(sorted(scopes)),
            "tenant": application.tenant,
        }
        if family is not None:
            claims["family"] = family.id
        return await self._signed(claims, ACCESS)

    async def identity(self, application: Application, family: Family, nonce: str) -> str:
        """An ID token (OpenID Connect Core section 2); nonce "" where there is none to be told."""
        signed_in = family.signed_in
        claims = {
            **(await self._standing(application, family)),
            "aud": application.id,
            "azp": application.id,
            "auth_time": signed_in.at // SECOND,
        }
        optional: dict[str, Any] = {"nonce": nonce, "acr": signed_in.acr, "amr": list(signed_in.amr)}
        claims.update({name: value for name, value in optional.items() if value})
        return await self._signed(claims, IDENTITY)

    async def _standing(self, application: Application, family: Family | None) -> dict[str, Any]:
        now = self.now() // SECOND
        subject = await self.subject(application, family)
        return {"iss": self.issuer(), "sub": subject, "iat": now, "exp": now + self.lifetimes.access}

    async def _signed(self, claims: dict[str, Any], kind: str) -> str:
        key = await self._keys.signing()
        return str(jwt.encode({"alg": ALGORITHM, "typ": kind, "kid": key.id}, claims, key.key, [ALGORITHM]))

    async def read(self, token: str) -> Access:
        """What a good access token says, as far as it says it itself. BadToken for any other."""
        claims = await self._verified(token, ACCESS)
        try:
            found = Access(
                jti=_text(claims, "jti"),
                subject=_text(claims, "sub"),
                application=_text(claims, "client_id"),
                tenant=_text(claims, "tenant"),
                scopes=frozenset(_text(claims, "scope").split()),
                family=str(claims.get("family", "")),
                issued_at=_moment(claims, "iat"),
                expires_at=_moment(claims, "exp"),
            )
        except (KeyError, TypeError) as problem:
            raise BadToken("the access token lacks what ours hold") from problem
        now = self.now() // SECOND
        if claims.get("aud") != self.issuer():
            raise BadToken("the access token is for another audience; ask for one at this platform's token endpoint")
        if now >= found.expires_at:
            raise BadToken("the access token has expired; get a new one")
        if found.issued_at > now + LEEWAY:
            raise BadToken("the access token is of the future")
        return found

    async def read_hint(self, token: str) -> Mapping[str, Any]:
        """What an ID token of ours says, expired or not, as a hint of who logs out. BadToken for any other."""
        return await self._verified(token, IDENTITY)

    async def _verified(self, token: str, kind: str) -> Mapping[str, Any]:
        kid = _kid(token, kind)
        key = await self._keys.key(kid)
        if key is None:
            raise BadToken("the token was signed with a key that is none of ours")
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as problem:
            raise BadToken("the token's signature is not good") from problem
        if claims.get("iss") != self.issuer():
            raise BadToken("the token is of another issuer")
        return dict(claims)


def looks_like_jwt(token: str) -> bool:
    """Three parts with points between; keys of devices hold none."""
    return token.count(".") == 2


def _kid(token: str, kind: str) -> str:
    """The id of the key; BadToken unless the head is just as ours are: this algorithm, this kind, and nothing else."""
    if len(token) > MAX_TOKEN or not token.isascii() or not looks_like_jwt(token):
        raise BadToken("this is no token of ours")
    head = token.partition(".")[0]
    try:
        found = jsontext.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)), max_depth=2)
    except (ValueError, Problem) as problem:
        raise BadToken("the token's head cannot be read") from problem
    if not isinstance(found, dict) or set(found) != _MEMBERS:
        raise BadToken("the token's head is none of ours")
    if found["alg"] != ALGORITHM or found["typ"] != kind or not isinstance(found["kid"], str):
        raise BadToken(f"the token is not one of kind {kind}, signed with {ALGORITHM}")
    return found["kid"]


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _moment(claims: Mapping[str, Any], name: str) -> int:
    value = claims[name]
    if type(value) is not int:
        raise TypeError(name)
    return value
