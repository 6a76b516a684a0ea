"""Providers outside, the identities that people have there, and what can go wrong; pure. Moments in microseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Protocol

from kumihimo.base.call import Caller
from kumihimo.base.errors import KUMIHIMO_ERRORS, Problem

ClientAuth = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]
KeyAlg = Literal["ES256", "RS256"]
SignUp = Literal["nobody", "anyone", "domains"]

CLAIMS: Final = ("name", "email", "preferred_username", "address", "birthdate", "gender")
"""Claims that can be taken over (OpenID Connect Core section 5.1). What says roles or groups is never one of them."""
MAX_PROVIDERS: Final = 20
MAX_IDENTITIES: Final = 10
"""Outside identities of one account."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider outside, as the operator named it.

    take: claims that are asked for a new account (name, preferred_username, email). keep: claims that are kept, sealed,
    with the identity; all others are forgotten at once. acr_needed: words of which the answer's `acr` must hold every
    one. endpoints: addresses that are not asked for by discovery, by their name there; empty asks. pass_on: parameters
    of a start that go on to the provider. secret is sealed.
    """

    name: str
    issuer: str
    client_id: str
    title_ja: str = ""
    title_en: str = ""
    auth: ClientAuth = "client_secret_basic"
    key_alg: KeyAlg = "ES256"
    scopes: tuple[str, ...] = ("openid",)
    acr_values: tuple[str, ...] = ()
    acr_needed: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    pass_on: tuple[str, ...] = ()
    take: tuple[str, ...] = ("name",)
    keep: tuple[str, ...] = ()
    signup: SignUp = "nobody"
    domains: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    active: bool = True
    secret: str = field(default="", repr=False)
    made_at: int = 0
    updated_at: int = 0

    def title(self, lang: str) -> str:
        """How the provider is called on a page in this language."""
        return (self.title_en if lang == "en" else self.title_ja) or self.title_ja or self.title_en or self.name


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody's identity at a provider, and the account here that it opens. subject is `subject_of`, not the `sub`."""

    provider: str
    subject: str
    account: str
    kept: str = field(default="", repr=False)
    linked_at: int = 0
    used_at: int = 0


@dataclass(frozen=True, slots=True)
class OutsideLogin:
    """A log-in here that came from a provider: subject and session id there as digests, hint the sealed ID token."""

    login: str
    account: str
    provider: str
    subject: str
    sid: str
    hint: str = field(repr=False)
    at: int = 0


@dataclass(frozen=True, slots=True)
class Proven:
    """What a provider proved of the person at the browser: who they are there, and the claims that were named."""

    subject: str
    sid: str
    claims: Mapping[str, Any] = field(repr=False)
    id_token: str = field(repr=False)


def subject_of(issuer: str, sub: str) -> str:
    """How an identity is kept: SHA-256 in hex of its issuer and its `sub`, so that the store tells neither."""
    return hashlib.sha256(f"{issuer}\n{sub}".encode("utf-8", "surrogatepass")).hexdigest()


def session_of(issuer: str, sid: str) -> str:
    """As subject_of, for a session id there (`sid`); "" for none."""
    return hashlib.sha256(f"sid\n{issuer}\n{sid}".encode("utf-8", "surrogatepass")).hexdigest() if sid else ""


# --- what can go wrong ------------------------------------------------------------------------------------


class LogInRefused(Problem):
    """A log-in through a provider outside came to nothing. code names the words on the page (texts.toml).

    detail is for the log and for programs: it holds nothing that the provider or the browser sent.
    """

    type = KUMIHIMO_ERRORS + "LogInRefused"
    title = "Log-in refused"
    status = 403

    def __init__(self, code: str, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after=retry_after, code=code)
        self.code = code


class NoProvider(LogInRefused):
    """There is no such provider, or it is switched off; which of both is not said."""

    status = 404

    def __init__(self) -> None:
        super().__init__("no-provider", "there is no such log-in; choose one of those on the log-in page")


class ProviderFailed(LogInRefused):
    """The provider cannot be reached, hangs, or answers what nobody can use."""

    title = "The other side failed"
    status = 502
    patience: ClassVar[int] = 30


class TooManyTries(LogInRefused):
    """Too many starts from one address."""

    title = "Too many tries"
    status = 429

    def __init__(self, wait: float) -> None:
        super().__init__("too-many", "too many log-ins were begun from this address", retry_after=int(wait) + 1)


# --- what this room asks of others --------------------------------------------------------------------------


class Sealer(Protocol):
    """Keeps secrets that must be read again (AES-GCM under a key beside the store)."""

    def seal(self, purpose: str, secret: bytes) -> str:
        """The secret as a text; only with the same purpose it is unsealed."""
        ...

    def unseal(self, purpose: str, sealed: str) -> bytes:
        """The secret; StorageRefused where it was sealed for another purpose or key, or was changed."""
        ...


@dataclass(frozen=True, slots=True)
class Entered:
    """A log-in just opened: name and value of its cookie, and the id under which it can be ended."""

    cookie: str
    value: str = field(repr=False)
    login: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from, what its browser calls itself, its language (ja or en), and whether by TLS."""

    address: str
    device: str = ""
    lang: str = "ja"
    secure: bool = True


class Accounts(Protocol):
    """The people who may log in here, as this room needs them."""

    async def may_log_in(self, account: str) -> bool:
        """Whether there is such an account and it is not disabled."""
        ...

    async def create(self, name: str, email: str, language: str) -> str:
        """A new account without any role; its id. An e-mail address that another has gives no way into that one."""
        ...

    async def log_in(self, account: str, visitor: Visitor) -> Entered:
        """Opens a log-in of the account; address and device are shown to the person in their list of log-ins."""
        ...

    async def is_fresh(self, caller: Caller) -> bool:
        """Whether the person proved themselves a short time ago."""
        ...

    async def own_ways(self, account: str) -> int:
        """In how many ways the account is entered without an outside identity: password, passkeys."""
        ...

    async def end(self, account: str, login: str) -> None:
        """Ends a log-in of the account; nothing where it ended before."""
        ...
