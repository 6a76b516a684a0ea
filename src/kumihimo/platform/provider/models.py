"""Applications, what they may ask for, and what they were given."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from kumihimo.base.call import Caller

Kind = Literal["confidential", "private_key_jwt", "public", "key"]
"""How an application proves itself: by a secret, by a key of its own, not at all (PKCE stands in), or it is a simple
client that shows an API key and takes part in no flow."""
KINDS: Final[tuple[Kind, ...]] = ("confidential", "private_key_jwt", "public", "key")
Grant = Literal["authorization_code", "refresh_token", "client_credentials"]
GRANTS: Final[tuple[Grant, ...]] = ("authorization_code", "refresh_token", "client_credentials")
OPENID: Final = "openid"
PERSON_SCOPES: Final = ("openid", "profile", "email")
"""Of a person; an application by itself is not given them."""
API_SCOPES: Final = (
    "ngsi-ld:read",
    "ngsi-ld:write",
    "ngsi-ld:subscribe",
    "devices:write",
    "feeds:read",
    "history:import",
    "tenants:write",
)
MAKES_TENANTS: Final = "tenants:write"
"""Writing to a tenant that there is not makes it (clause 5.5.10): of applications of the platform itself alone."""
SCOPES: Final = (*PERSON_SCOPES, *API_SCOPES)
KEY_PREFIX: Final = "kmh_"
"""By which an API key is known for one, also to those who look for keys in public places."""
OVERLAP_SECONDS: Final = 24 * 3600
"""How long an application's old secret is taken beside the new one, where nothing else is said."""


class Seal(Protocol):
    """Shuts what must be read again, so that only this platform opens it."""

    def seal(self, purpose: str, secret: bytes) -> str:
        """The secret as a text for the store; purpose says what it is, and only with it, it is opened."""
        ...

    def unseal(self, purpose: str, sealed: str) -> bytes:
        """The secret. StorageRefused for what was not sealed here, or for another purpose."""
        ...


def secret_hash(secret: str) -> str:
    """What is kept of a secret of 256 random bits: SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret(prefix: str = "") -> str:
    """256 random bits, base64url."""
    return prefix + secrets.token_urlsafe(32)


def new_name(prefix: str) -> str:
    """A random name of ours, which is no secret."""
    return prefix + secrets.token_hex(12)


@dataclass(frozen=True, slots=True)
class Application:
    """A program that gets tokens for one tenant; moments in microseconds, 0 for never.

    sector: those of one sector know a person by the same `sub` (OpenID Connect Core section 8.1). is_own: the tenant's
    own, for which nobody is asked for consent. is_resource: it may ask whether tokens of its tenant are good. jwks: the
    public keys of a private_key_jwt application, as text. narrowed_at: when scopes were last taken from it; enabled_at:
    when it last came back into use, so that tokens of before then stay refused.
    """

    id: str
    tenant: str
    name: str
    kind: Kind
    redirect_uris: tuple[str, ...] = ()
    logout_uris: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset()
    sector: str = ""
    jwks: str = ""
    is_own: bool = False
    is_resource: bool = False
    made_by: str = ""
    created_at: int = 0
    disabled_at: int = 0
    last_used_at: int = 0
    narrowed_at: int = 0
    enabled_at: int = 0


@dataclass(frozen=True, slots=True)
class Edit:
    """What of an application is to be another; None leaves it. Its kind, its tenant and its id stay for ever."""

    name: str | None = None
    scopes: frozenset[str] | None = None
    redirect_uris: tuple[str, ...] | None = None
    logout_uris: tuple[str, ...] | None = None
    jwks: str | None = None
    is_own: bool | None = None
    is_resource: bool | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """A client secret or an API key, as far as it is kept; expires_at 0 for never."""

    id: str
    application: str
    hash: str = field(repr=False)
    made_by: str = ""
    created_at: int = 0
    expires_at: int = 0
    last_used_at: int = 0

    def is_good(self, now: int) -> bool:
        """Whether it is taken at this moment."""
        return self.expires_at == 0 or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Login:
    """How a person logged in: when (microseconds), how well (`acr`) and by what (`amr`, RFC 8176)."""

    at: int
    acr: str = ""
    amr: tuple[str, ...] = ()


class People(Protocol):
    """What the provider asks of whoever knows the people."""

    async def login(self, caller: Caller) -> Login | None:
        """How this person logged in; None where the log-in is over."""
        ...

    async def claims(self, account: str, scopes: frozenset[str]) -> Mapping[str, Any] | None:
        """What these scopes tell of a person (OpenID Connect Core section 5.4); None where there is no such person."""
        ...

    async def end(self, caller: Caller) -> None:
        """Ends the log-in by which the person came."""
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """What one log-in of a person at one application gave."""

    id: str
    application: str
    account: str
    login: str
    scopes: frozenset[str]
    signed_in: Login
    expires_at: int
    ended_at: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code, as far as it is kept."""

    hash: str = field(repr=False)
    application: str
    family: str
    redirect_uri: str
    challenge: str
    nonce: str
    expires_at: int
    used_at: int = 0


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person let an application have."""

    account: str
    application: str
    scopes: frozenset[str]
    given_at: int


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds that what is given is good for."""

    access: int = 600
    refresh: int = 30 * 24 * 3600


ActKind = Literal["added", "edited", "rotated", "disabled", "enabled"]


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did to an application, at a moment in microseconds; by as an actor is written ("person:p-1")."""

    application: str
    kind: ActKind
    at: int
    by: str


Revoked = Literal["jti", "family", "application", "secret", "keys"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """That something was ended before its time; revision counts them."""

    revision: int
    kind: Revoked
    id: str


@dataclass(slots=True)
class Nudge:
    """Says within this process that something was revoked; a lost one costs a second."""

    wanted: bool = False
