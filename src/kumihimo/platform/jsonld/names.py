"""What may stand in names, scopes and language tags (clauses 4.6.2, 4.18)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import is_uri

MAX_NAME = 512
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*\Z", re.ASCII)


@lru_cache(maxsize=20_000)
def is_name(text: str) -> bool:
    """Whether this can name an attribute or type: letter, then letters, numbers and "_"; or prefix:name; or a URI."""
    if len(text) > MAX_NAME:
        return False
    prefix, colon, rest = text.partition(":")
    if _is_plain(prefix) and (not colon or _is_plain(rest)):
        return True
    return bool(colon) and is_uri(text)


def _is_plain(text: str) -> bool:
    return bool(text) and unicodedata.category(text[0])[0] == "L" and _is_level(text)


def _is_level(text: str) -> bool:
    return bool(text) and all(char == "_" or unicodedata.category(char)[0] in "LN" for char in text)


def check_name(text: Any, what: str) -> str:
    """The name itself; BadRequestData where it can name neither attribute nor type."""
    if not isinstance(text, str) or not is_name(text):
        raise BadRequestData(
            f"{str(text)[:64]!r} cannot be {what}: use a letter, then letters, numbers, '_'; or prefix:name, or a URI"
        )
    return text


def check_scopes(value: Any) -> list[str]:
    """The scopes as a list, in the order given; BadRequestData unless each is /levels/of/names (clause 4.18)."""
    scopes = value if isinstance(value, list) else [value]
    for scope in scopes:
        levels = scope.removeprefix("/").split("/") if isinstance(scope, str) else [""]
        if not all(_is_plain(level) for level in levels):
            raise BadRequestData(f"scope: {str(scope)[:64]!r} is no scope; write it like /Japan/Fukui")
    if not scopes:
        raise BadRequestData("scope: an empty array says nothing; leave the member out")
    return list(dict.fromkeys(scopes))


def is_language(tag: Any) -> bool:
    """Whether this is a language tag of BCP 47 in form, or "@none"."""
    return isinstance(tag, str) and (tag == "@none" or _LANGUAGE.match(tag) is not None)
