"""Accounts, what people prove themselves with, and their log-ins; pure. Moments in microseconds."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from typing import Final, Literal

from kumihimo.base.errors import BadRequestData, Forbidden, Unauthenticated

Language = Literal["ja", "en", "ja-easy"]
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en", "ja-easy")
How = Literal["password", "password+totp", "password+recovery", "recovery", "passkey", "link", "outside"]
"""What a log-in was opened with; "link" is the one-time link of the operator, "outside" another provider."""

MAX_SIGN_IN: Final = 64
MAX_NAME: Final = 100
MAX_EMAIL: Final = 254
MAX_DEVICE: Final = 200
MAX_PASSKEYS: Final = 20
MAX_LOGINS: Final = 50
"""Log-ins of one account; the one unused for longest makes room."""
MAX_LISTED: Final = 1000
RECOVERY_CODES: Final = 10
MAX_PENDING: Final = 10_000
"""Log-ins half done and questions to passkeys that may wait at once; the one that ends first makes room."""
_SIGN_IN = re.compile(r"[^\s<>\"'&/\\]{1,64}\Z")
_EMAIL = re.compile(r"[^\s@<>\"]{1,64}@[^\s@<>\"]{1,189}\Z")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Times in seconds. idle: a log-in unused for so long ends; absolute: every log-in ends then."""

    idle: float = 3600.0
    absolute: float = 12 * 3600.0
    fresh: float = 600.0
    pending: float = 300.0
    first_link: float = 3600.0
    link: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may log in. id is random and ours; disabled_at is 0 for one that may."""

    id: str
    sign_in: str
    name: str
    email: str
    lang: str
    made_at: int
    updated_at: int
    disabled_at: int = 0
    password: str = field(default="", repr=False)
    password_at: int = 0
    totp: str = field(default="", repr=False)
    totp_step: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """What other rooms may know of an account: how it signs in, how it is called, and when that changed."""

    id: str
    sign_in: str
    name: str
    email: str
    lang: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential; id and public in base64url, counter as the authenticator last said it."""

    id: str
    account: str
    public: str = field(repr=False)
    counter: int
    name: str
    made_at: int
    used_at: int


@dataclass(frozen=True, slots=True)
class Login:
    """A log-in that stands. id may be shown, digest is the SHA-256 of the cookie; proved_at: the last fresh proof."""

    digest: str = field(repr=False)
    id: str
    account: str
    how: str
    made_at: int
    seen_at: int
    proved_at: int
    address: str
    device: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from: its address, what its browser calls itself, and the site that it asked.

    origin: "https://host:port", as the browser's address line shows it.
    """

    address: str
    device: str = ""
    origin: str = ""

    @property
    def host(self) -> str:
        """The name of the site, without its port: a WebAuthn relying party's id."""
        return re.sub(r":\d+\Z", "", self.origin.partition("://")[2])


@dataclass(frozen=True, slots=True)
class Opened:
    """A log-in just made: the value of its cookie is known nowhere else."""

    cookie: str = field(repr=False)
    login: str
    account: Account


@dataclass(frozen=True, slots=True)
class Half:
    """The password was right, a code is wanted; token stands for that."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mine:
    """Everything that a person sees of their own account."""

    account: Account
    passkeys: list[Passkey]
    codes_left: int
    logins: list[Login]


class Wrong(Unauthenticated):
    """The credentials do not go together; never said which of them."""


class ProofNeeded(Forbidden):
    """The log-in is good, but too old for this: who sits there has to prove themselves anew."""


class NotTaken(BadRequestData):
    """A name or a password that is not taken; reason is a short word for screens that say it in their language."""

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason


class LinkGone(Forbidden):
    """The one-time link was used, is too old, or a newer one was made."""


def digest_of(secret: str) -> str:
    """SHA-256 in hex, under which a random secret is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """256 random bits that fit into a cookie and an address."""
    return secrets.token_urlsafe(32)


def new_account_id() -> str:
    """A fresh id of an account, which says nothing of the person."""
    return f"p-{secrets.token_hex(12)}"


def check_sign_in(text: str) -> str:
    """The sign-in name as it is compared (NFKC, no case); BadRequestData where it cannot be one."""
    found = sign_in_of(text)
    if not _SIGN_IN.match(found) or not found.isprintable():
        raise NotTaken("a sign-in name has 1 to 64 letters, digits or signs, and no space", "sign_in")
    return found


def sign_in_of(text: str) -> str:
    """What somebody typed as their sign-in name, as it is compared; cut where it is too long for any."""
    found = unicodedata.normalize("NFKC", text[: 4 * MAX_SIGN_IN].replace("\x00", " ")).casefold().strip()
    return found[: MAX_SIGN_IN + 1]


def check_name(text: str, what: str = "a shown name") -> str:
    """A name as screens show it; BadRequestData where it is empty, too long, or holds what cannot be seen."""
    found = unicodedata.normalize("NFC", text).strip()
    if not 0 < len(found) <= MAX_NAME or not found.isprintable():
        raise NotTaken(f"{what} has 1 to {MAX_NAME} letters that can be seen", "name")
    return found


def check_email(text: str) -> str:
    """An e-mail address, or "" for none; BadRequestData otherwise."""
    found = text.strip()
    if found and (len(found) > MAX_EMAIL or not _EMAIL.match(found) or not found.isprintable()):
        raise NotTaken("this is no e-mail address", "email")
    return found


def check_lang(text: str) -> str:
    """One of the languages that there are; BadRequestData otherwise."""
    if text not in LANGUAGES:
        raise BadRequestData(f"{text[:16]!r} is no language here; there are {', '.join(LANGUAGES)}")
    return text


def check_device(text: str) -> str:
    """What a browser calls itself, without what cannot be seen, cut."""
    return "".join(one for one in text[:MAX_DEVICE] if one.isprintable())
