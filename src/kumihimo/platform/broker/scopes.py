"""Scope queries (clause 4.19): `/a/b`, `+` for one level, `#` for all below, `;` and, `,` or `|` or, parentheses."""

from __future__ import annotations

import re
from functools import lru_cache

from kumihimo.base.errors import BadRequestData, TooComplexQuery
from kumihimo.platform.broker.patterns import compiled

ScopeNode = str | tuple[str, tuple["ScopeNode", ...]]
"""A pattern that one scope must match, or ("AND" | "OR", parts)."""

MAX_SCOPES = 50
_TOKEN = re.compile(r"([();,|])|([^();,|]+)")
_LEVEL = re.compile(r"[\w-]+\Z")


def parse_scope_q(text: str) -> ScopeNode:
    """The expression's tree. BadRequestData where it is none, TooComplexQuery where it is too long."""
    tokens = [found.group(0).strip() for found in _TOKEN.finditer(text)]
    tokens = [token for token in tokens if token]
    if len(tokens) > 2 * MAX_SCOPES:
        raise TooComplexQuery(f"a scope query names at most {MAX_SCOPES} scopes")
    node, rest = _any(tokens, text)
    if rest:
        raise _wrong(text, f"{rest[0]!r} was not expected")
    return node


@lru_cache(maxsize=1024)
def scope_node(text: str) -> ScopeNode:
    """As parse_scope_q, of an expression that is asked often: one that stands in somebody's rights."""
    return parse_scope_q(text)


def _wrong(text: str, why: str) -> BadRequestData:
    return BadRequestData(f"scopeQ {text[:100]!r}: {why}")


def _any(tokens: list[str], text: str) -> tuple[ScopeNode, list[str]]:
    node, rest = _all(tokens, text)
    parts = [node]
    while rest and rest[0] in {",", "|"}:
        node, rest = _all(rest[1:], text)
        parts.append(node)
    return (parts[0] if len(parts) == 1 else ("OR", tuple(parts))), rest


def _all(tokens: list[str], text: str) -> tuple[ScopeNode, list[str]]:
    node, rest = _one(tokens, text)
    parts = [node]
    while rest and rest[0] == ";":
        node, rest = _one(rest[1:], text)
        parts.append(node)
    return (parts[0] if len(parts) == 1 else ("AND", tuple(parts))), rest


def _one(tokens: list[str], text: str) -> tuple[ScopeNode, list[str]]:
    if not tokens or tokens[0] in {")", ";", ",", "|"}:
        raise _wrong(text, "a scope like /Japan/Fukui was expected")
    if tokens[0] != "(":
        return scope_pattern(tokens[0]), tokens[1:]
    node, rest = _any(tokens[1:], text)
    if not rest or rest[0] != ")":
        raise _wrong(text, "a closing parenthesis was expected")
    return node, rest[1:]


def scope_pattern(scope: str) -> str:
    """The pattern that the scopes of this expression match; a leading "/" may be left out."""
    pattern = "^/?"
    for place, level in enumerate(scope.strip("/").split("/")):
        slash = "/" if place else ""
        if level == "#":
            return pattern + ("(?:/[^\n]*)?$" if place else "[^\n]*$")
        if level == "+":
            pattern += slash + "[^/]+"
        elif _LEVEL.match(level):
            pattern += slash + level
        else:
            raise BadRequestData(f"{scope[:100]!r} is no scope; levels are letters, digits, '_' and '-'")
    return pattern + "$"


def matches_scope(scopes: list[str], node: ScopeNode) -> bool:
    """Whether the scopes satisfy the expression."""
    if isinstance(node, str):
        return any(compiled(node).search(one) is not None for one in scopes)
    word, parts = node
    test = all if word == "AND" else any
    return test(matches_scope(scopes, part) for part in parts)
