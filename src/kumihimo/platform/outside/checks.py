"""What an operator may say of a provider, and what may stand in an address; pure."""

from __future__ import annotations

import re
from typing import Final, get_args
from urllib.parse import urlsplit

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.outside.models import CLAIMS, ClientAuth, KeyAlg, Provider, SignUp

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\Z", re.ASCII)
_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}\Z")
"""A scope or acr value (RFC 6749 section 3.3)."""
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_MANY_DIRECTORIES: Final = ("common", "organizations", "consumers", "{tenantid}")
"""Entra ID's addresses of no directory in particular; its tokens are then issued under each person's own directory."""
OURS: Final = (
    "response_type",
    "response_mode",
    "scope",
    "client_id",
    "redirect_uri",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "acr_values",
    "request",
    "request_uri",
)
"""Parameters of a request that only we say."""
ENDPOINTS: Final = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "end_session_endpoint",
)
MAX_ADDRESS: Final = 2000
MAX_LIST: Final = 30


def check_provider_name(name: str) -> str:
    """The name itself where it can be a provider's: 1 to 32 of a-z, 0-9 and "-"; BadRequestData otherwise."""
    if not _NAME.match(name):
        raise BadRequestData(f"{name[:40]!r} is no name of a provider: use 1 to 32 of a-z, 0-9 and '-'")
    return name


def is_address(text: object, *, like: str = "https://") -> bool:
    """Whether this is an address that a provider may name: https, without a fragment, a user or what cannot be seen.

    http is taken on this machine's own loopback alone, and only where the issuer (`like`) is there too.
    """
    if not isinstance(text, str) or not 0 < len(text) <= MAX_ADDRESS or not text.isascii() or not text.isprintable():
        return False
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.fragment or parts.username is not None or " " in text or "\\" in text:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK and like.startswith("http://"))


def check_issuer(issuer: str) -> str:
    """The issuer itself, where it can be one (OpenID Connect Discovery section 2). BadRequestData otherwise."""
    if not is_address(issuer, like=issuer) or urlsplit(issuer).query:
        raise BadRequestData(
            f"{issuer[:200]!r} is no issuer: it is https://…, without ? and #, exactly as the provider writes it"
        )
    if any(part in _MANY_DIRECTORIES for part in urlsplit(issuer).path.lower().split("/")):
        raise BadRequestData(
            f"{issuer[:200]!r} stands for any directory: name your own, https://login.microsoftonline.com/<directory"
            " (tenant) id>/v2.0, so that nobody from another directory gets in"
        )
    return issuer


def check_provider(one: Provider) -> Provider:
    """The provider itself, where all that is said of it can be. BadRequestData names what cannot."""
    check_provider_name(one.name)
    check_issuer(one.issuer)
    _check_text("client_id", one.client_id, 255)
    for what, text in (("a title", one.title_ja), ("a title", one.title_en)):
        if len(text) > 100 or not text.isprintable():
            raise BadRequestData(f"{what} has at most 100 letters that can be seen")
    _one_of("client authentication", one.auth, get_args(ClientAuth))
    _one_of("key", one.key_alg, get_args(KeyAlg))
    _one_of("sign-up", one.signup, get_args(SignUp))
    for name, words in (("scope", one.scopes), ("acr value", one.acr_values), ("needed acr", one.acr_needed)):
        if len(words) > MAX_LIST or not all(_WORD.match(word) for word in words):
            raise BadRequestData(f"a {name} is a word of visible ASCII; there are at most {MAX_LIST}")
    if "openid" not in one.scopes:
        raise BadRequestData("the scopes must hold openid: without it no ID token comes")
    for name in (*one.take, *one.keep):
        _one_of("claim", name, CLAIMS)
    _check_parameters(one)
    _check_sign_up(one)
    for name, address in one.endpoints.items():
        _one_of("endpoint", name, ENDPOINTS)
        if not is_address(address, like=one.issuer):
            raise BadRequestData(f"{name} {address[:200]!r} is no https address")
    return one


def _check_text(what: str, text: str, most: int) -> None:
    if not 0 < len(text) <= most or not text.isascii() or not text.isprintable():
        raise BadRequestData(f"{what} has 1 to {most} visible ASCII letters")


def _one_of(what: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise BadRequestData(f"{word[:64]!r} is no {what} here; there are {', '.join(words)}")


def _check_parameters(one: Provider) -> None:
    if len(one.extra) + len(one.pass_on) > MAX_LIST:
        raise BadRequestData(f"at most {MAX_LIST} parameters are added")
    for name in (*one.extra, *one.pass_on):
        if name in OURS or not _PARAMETER.match(name):
            raise BadRequestData(
                f"{name[:64]!r} cannot be added to a request: the log-in itself says it, or it is no name"
            )
    for value in one.extra.values():
        if len(value) > 500 or not value.isascii() or not value.isprintable():
            raise BadRequestData("the value of a parameter has at most 500 visible ASCII letters")


def _check_sign_up(one: Provider) -> None:
    if (one.signup == "domains") != bool(one.domains):
        raise BadRequestData("sign-up by domains needs domains, and domains need it")
    if len(one.domains) > MAX_LIST or not all(_DOMAIN.match(domain) for domain in one.domains):
        raise BadRequestData(f"a domain looks like town.example.jp, in small letters; there are at most {MAX_LIST}")
    if one.signup == "domains" and "email" not in one.take:
        raise BadRequestData("sign-up by domains needs the claim email")


def is_way(text: str) -> bool:
    """Whether this leads to a page of ours and nowhere else: a path, with a query at most."""
    if not 0 < len(text) <= 500 or not text.isascii() or not text.isprintable() or "\\" in text or " " in text:
        return False
    if not text.startswith("/") or text.startswith("//"):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and parts.path.startswith("/") and not parts.path.startswith("//")
