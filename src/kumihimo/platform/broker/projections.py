"""The attribute projection language (clause 4.21): `a,b` or `a|b`, and `rel{a,b}` for what a relationship leads to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.links import MAX_LEVEL

_TOKEN = re.compile(r"[{},|]|[^{},|]+")


@dataclass(frozen=True, slots=True)
class Named:
    """A member that is named; inside is what is named of the entities that it links to, () where nothing is."""

    name: str
    inside: tuple[Named, ...] = ()


def parse_members(text: str) -> tuple[Named, ...]:
    """The members that the text names; BadRequestData where it cannot be read, or goes deeper than any join does."""
    tokens = [found[0] for found in _TOKEN.finditer(text)]
    named, rest = _list(tokens, 0)
    if rest:
        raise BadRequestData(f"{text[:100]!r}: {rest[0]!r} was not expected")
    return named


def _list(tokens: list[str], depth: int) -> tuple[tuple[Named, ...], list[str]]:
    found = []
    while True:
        one, tokens = _one(tokens, depth)
        found.append(one)
        if not tokens or tokens[0] not in (",", "|"):
            return tuple(found), tokens
        tokens = tokens[1:]


def _one(tokens: list[str], depth: int) -> tuple[Named, list[str]]:
    if not tokens or tokens[0] in ("{", "}", ",", "|") or not tokens[0].strip():
        raise BadRequestData("a list of members has an empty place; name a member there, or leave the comma away")
    name, rest = tokens[0].strip(), tokens[1:]
    if not rest or rest[0] != "{":
        return Named(name), rest
    if depth >= MAX_LEVEL:
        raise BadRequestData(f"members of linked entities are named more than {MAX_LEVEL} links deep")
    inside, rest = _list(rest[1:], depth + 1)
    if not rest or rest[0] != "}":
        raise BadRequestData(f"the brace behind {name[:64]!r} is not closed")
    return Named(name, inside), rest[1:]
