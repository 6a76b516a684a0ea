"""What is made of a provider's claims: a name, an e-mail address, and whether somebody new may come in; pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from kumihimo.platform.outside.models import LogInRefused, Provider

MAX_NAME: Final = 100
MAX_EMAIL: Final = 254


def name_of(one: Provider, claims: Mapping[str, Any], otherwise: str) -> str:
    """How a new account is called: the claim name, else preferred_username, where they are taken; else `otherwise`."""
    for claim in ("name", "preferred_username"):
        said = claims.get(claim)
        if claim in one.take and isinstance(said, str):
            name = "".join(letter for letter in unicodedata.normalize("NFC", said) if letter.isprintable()).strip()
            if name:
                return name[:MAX_NAME]
    return otherwise


def email_of(one: Provider, claims: Mapping[str, Any]) -> str:
    """The e-mail address, where it is taken and the provider says that it is verified; else ""."""
    said = claims.get("email")
    if "email" not in one.take or claims.get("email_verified") is not True or not isinstance(said, str):
        return ""
    local, _, domain = said.rpartition("@")
    if not local or not domain or len(said) > MAX_EMAIL or not said.isprintable() or any(one in said for one in ' <>"'):
        return ""
    return said


def may_sign_up(one: Provider, claims: Mapping[str, Any]) -> None:
    """LogInRefused where the provider brings nobody new, or nobody of this e-mail domain."""
    if one.signup == "anyone":
        return
    if one.signup == "nobody":
        raise LogInRefused("no-account", "the identity is linked with no account, and the provider brings nobody new")
    domain = email_of(one, claims).rpartition("@")[2].lower()
    if domain not in one.domains:
        raise LogInRefused("wrong-domain", "the identity has no verified e-mail address of a domain that may sign up")
