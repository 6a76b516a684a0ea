"""From the text of a request to the typed selection of entity types (clause 4.17)."""

from __future__ import annotations

import re
from collections.abc import Callable

from kumihimo.base.errors import TooComplexQuery
from kumihimo.platform.broker.models import TypeAnd, TypeNode, TypeOr
from kumihimo.platform.broker.tokens import Token, wrong

Expand = Callable[[str], str]
MAX_LENGTH = 8192
MAX_TYPES = 100
MAX_DEPTH = 20

_TYPE_TOKEN = re.compile(r"[();,|]|[^();,|\s]+")


def parse_types(text: str, expand: Expand) -> TypeNode:
    """The tree of a type selection (clause 4.17): `,` or `|` is or, `;` is and; parentheses group.

    BadRequestData where it cannot be read, TooComplexQuery over its limits.
    """
    if len(text) > MAX_LENGTH:
        raise TooComplexQuery(f"type has {len(text)} characters; at most {MAX_LENGTH} are taken")
    tokens = [Token("word", found[0], found.start()) for found in _TYPE_TOKEN.finditer(text)]
    if len(tokens) > 2 * MAX_TYPES:
        raise TooComplexQuery(f"type selects among more than {MAX_TYPES} names")
    reader = _TypeReader(text, [*tokens, Token("end", "", len(text))], expand)
    node = reader.any_of(0)
    reader.expect("", "expected ';', ',', '|' or the end")
    return node


class _TypeReader:
    """Recursive descent over the words of a type selection."""

    def __init__(self, text: str, tokens: list[Token], expand: Expand) -> None:
        self._text = text
        self._tokens = tokens
        self._place = 0
        self._expand = expand

    def _next(self) -> Token:
        return self._tokens[self._place]

    def expect(self, word: str, why: str) -> None:
        """Steps over the word; BadRequestData where another stands."""
        token = self._next()
        if token.text != word:
            raise wrong("type", self._text, token.at, why)
        self._place += 1

    def any_of(self, depth: int) -> TypeNode:
        """Alternatives."""
        parts = [self._all_of(depth)]
        while self._next().text in {",", "|"}:
            self._place += 1
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else TypeOr(tuple(parts))

    def _all_of(self, depth: int) -> TypeNode:
        parts = [self._one(depth)]
        while self._next().text == ";":
            self._place += 1
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else TypeAnd(tuple(parts))

    def _one(self, depth: int) -> TypeNode:
        token = self._next()
        if token.text == "(":
            if depth >= MAX_DEPTH:
                raise TooComplexQuery(f"type is nested more than {MAX_DEPTH} deep")
            self._place += 1
            node = self.any_of(depth + 1)
            self.expect(")", "expected ')'")
            return node
        if token.text in {"", ")", ";", ",", "|"}:
            raise wrong("type", self._text, token.at, "expected the name of a type")
        self._place += 1
        return self._expand(token.text)
