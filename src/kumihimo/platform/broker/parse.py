"""From the text of a request to the typed query: q (clause 4.9); type selection and geo-queries stand beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast
from urllib.parse import unquote

from kumihimo.base.errors import BadRequestData, TooComplexQuery
from kumihimo.platform.access.models import ANY_LANGUAGE
from kumihimo.platform.broker.models import (
    OrderKey,
    QAnd,
    QLink,
    QNode,
    QOperator,
    QOr,
    QPath,
    QRange,
    QTerm,
    QValue,
)
from kumihimo.platform.broker.paths import TIME_MEMBERS
from kumihimo.platform.broker.patterns import check_pattern
from kumihimo.platform.broker.places import parse_geo, parse_geometry
from kumihimo.platform.broker.selections import parse_types
from kumihimo.platform.broker.tokens import Token, Tokens, wrong

__all__ = [
    "Reading",
    "check_pattern",
    "parse_geo",
    "parse_geometry",
    "parse_order",
    "parse_q",
    "parse_types",
    "renamed_q",
]

MAX_LENGTH = 8192
MAX_TERMS = 100
MAX_VALUES = 500
MAX_DEPTH = 20

Expand = Callable[[str], str]
_AnyValue = TypeVar("_AnyValue", QValue, QValue | QRange)

DIRECTIONS = ("asc", "desc", "dist-asc", "dist-desc")
ENTITY_MEMBERS = frozenset({"id", "type", "scope"})
"""Members of an entity by which it is ordered; the moments of its life are known to q as well."""
_MEMBERS = TIME_MEMBERS | {"unitCode", "datasetId", "objectType"}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)
_RANGE = re.compile(r"(.+?)\.\.(.+)\Z")
_ORDERED = frozenset({">", ">=", "<", "<="})
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_NO_TEXT = re.compile("[\x00\ufffd]")
_KEY = re.compile(r"[^\x00-\x1f\"\\*]+\Z")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an expression is read with beside the names: how deep it may reach into linked entities (joinLevel), and
    the attributes, by full name, whose values are names themselves (expandValues).

    in_body: it did not come in an address. A text that is percent-encoded all the same, as it is where it was copied
    from one, stands for itself and for what it encodes.
    """

    depth: int = 0
    expanded: frozenset[str] = frozenset()
    in_body: bool = False


PLAIN = Reading()


def parse_q(text: str, expand: Expand, reading: Reading = PLAIN) -> QNode:
    """The tree of a q expression; `expand` gives the full name of an attribute.

    Raises BadRequestData with the place where it cannot be read and what was expected, TooComplexQuery over 8,192
    characters, 100 terms, 500 values or 20 levels.
    """
    if len(text) > MAX_LENGTH:
        raise TooComplexQuery(f"q has {len(text)} characters; at most {MAX_LENGTH} are taken")
    return _Reader(text, expand, reading).whole()


def renamed_q(text: str, expand: Expand, name: Expand, reading: Reading = PLAIN) -> str:
    """The expression with `name` of each name in it; `expand` and `reading` are those it is read with.

    Whether the new names can stand where the old ones stood is for the caller to see: by reading it again.
    """
    reader = _Reader(text, expand, reading)
    reader.whole()
    parts, done = [], 0
    for start, end, given in sorted(reader.names):
        new = name(given)
        quoted = text.startswith('"', start)
        parts += [text[done:start], '"' + new.replace("\\", "\\\\").replace('"', '\\"') + '"' if quoted else new]
        done = end
    return "".join(parts) + text[done:]


def parse_order(text: str, expand: Expand) -> OrderKey:
    """One element of orderBy: a path as in q, or id, type or scope, with `;` and a direction (clause 4.23.3)."""
    path, mark, direction = (part.strip() for part in text.partition(";"))
    if mark and direction not in DIRECTIONS:
        raise BadRequestData(f"orderBy has the direction {direction[:32]!r}; there are {', '.join(DIRECTIONS)}")
    found = QPath((), path) if path in ENTITY_MEMBERS else _Reader(path, expand, what="orderBy").path_alone()
    if found.keys == (ANY_LANGUAGE,):
        raise BadRequestData(f"{path}: entities are ordered by one language; name it, or leave the brackets away")
    by_distance = direction.startswith("dist-")
    if by_distance and not found.attributes:
        raise BadRequestData(f"{path} has no distance; order it by asc or desc")
    return OrderKey(found, direction.endswith("desc"), by_distance)


class _Reader:
    """Recursive descent over the tokens: or over and over terms."""

    def __init__(self, text: str, expand: Expand, reading: Reading = PLAIN, what: str = "q") -> None:
        self._tokens = Tokens(text, what)
        self._expand = expand
        self._reading = reading
        self._terms = 0
        self._values = 0
        self.names: list[tuple[int, int, str]] = []
        """Where each name begins and ends in the text, and the name."""

    def whole(self) -> QNode:
        node = self._or(0)
        rest = self._tokens.peek()
        if rest.kind != "end":
            raise self._wrong(rest, "expected ';', '|' or the end")
        return node

    def path_alone(self) -> QPath:
        """The expression where it is a path and no more."""
        path = self._path(self._word())
        rest = self._tokens.peek()
        if rest.kind != "end":
            raise self._wrong(rest, "expected the end")
        return path

    def _wrong(self, token: Token, why: str) -> BadRequestData:
        return wrong(self._tokens.what, self._tokens.text, token.at, why)

    def _full(self, name: str, at: int, end: int = 0) -> str:
        """The full name of one that stands in the text from `at` on."""
        self.names.append((at, end or at + len(name), name))
        return self._expand(name)

    def _next_is(self, mark: str) -> bool:
        token = self._tokens.peek()
        return token.kind == "mark" and token.text == mark

    def _or(self, depth: int) -> QNode:
        parts = [self._and(depth)]
        while self._next_is("|"):
            self._tokens.take()
            parts.append(self._and(depth))
        return parts[0] if len(parts) == 1 else QOr(tuple(parts))

    def _and(self, depth: int) -> QNode:
        parts = [self._part(depth)]
        while self._next_is(";"):
            self._tokens.take()
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else QAnd(tuple(parts))

    def _part(self, depth: int) -> QNode:
        if not self._next_is("("):
            return self._term()
        if depth >= MAX_DEPTH:
            raise TooComplexQuery(f"q is nested more than {MAX_DEPTH} deep")
        self._tokens.take()
        node = self._or(depth + 1)
        self._close(")")
        return node

    def _term(self) -> QNode:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise TooComplexQuery(f"q has more than {MAX_TERMS} terms")
        if self._next_is("!"):
            self._tokens.take()
            return QTerm(self._path(self._word()), "absent")
        links: list[tuple[str, tuple[str, ...]]] = []
        token = self._word()
        while self._next_is("{"):
            links.append(self._link(token, len(links)))
            token = self._hinted(links)
        path = self._path(token)
        for _ in links:
            self._close("}")
        node: QNode = self._comparison(path)
        for attribute, types in reversed(links):
            node = QLink(attribute, node, types)
        return node

    def _comparison(self, path: QPath) -> QTerm:
        if self._tokens.peek().kind != "operator":
            return QTerm(path, "exists")
        token = self._tokens.take()
        operator = cast("QOperator", token.text)
        if operator in {"~=", "!~="}:
            pattern, at = self._tokens.pattern()
            if not pattern:
                raise wrong(self._tokens.what, self._tokens.text, at, "expected a pattern")
            return QTerm(path, operator, (check_pattern(pattern),))
        if operator in _ORDERED:
            return QTerm(path, operator, (self._meant(path, self._single),))
        return QTerm(path, operator, self._list(path))

    def _meant(self, path: QPath, read: Callable[[], _AnyValue]) -> _AnyValue:
        """The value, or where the attribute's values are names (expandValues), what the name stands for."""
        at = self._tokens.peek().at
        value = read()
        if isinstance(value, str) and path.attributes and path.attributes[-1] in self._reading.expanded:
            return self._full(value, at, self._tokens.at)
        return value

    # --- linked entities -------------------------------------------------------------------------------

    def _link(self, token: Token, depth: int) -> tuple[str, tuple[str, ...]]:
        """The relationship before a brace, no types yet."""
        brace = self._tokens.take()
        if depth >= self._reading.depth:
            raise self._wrong(
                brace, "this asks of linked entities more deeply than join and joinLevel reach (clause 5.7.2.4)"
            )
        return self._full(token.text, token.at), ()

    def _hinted(self, links: list[tuple[str, tuple[str, ...]]]) -> Token:
        """The name behind a brace, once the types before its ":" are set aside for the link: `{A,B:name}`."""
        types: list[Token] = []
        token = self._word()
        while self._next_is(","):
            self._tokens.take()
            types.append(token)
            token = self._word()
        hint, colon, name = token.text.partition(":")
        if colon and not name.startswith("//"):
            types.append(Token("word", hint, token.at))
            token = Token("word", name, token.at + len(hint) + 1)
        elif types:
            raise self._wrong(token, "expected ':' between the types and the name")
        if not all(one.text for one in types) or not token.text:
            raise self._wrong(token, "expected a name on both sides of the ':'")
        links[-1] = (links[-1][0], tuple(self._full(one.text, one.at) for one in types))
        return token

    # --- paths -----------------------------------------------------------------------------------------

    def _word(self) -> Token:
        token = self._tokens.take()
        if token.kind != "word":
            raise self._wrong(token, "expected the name of an attribute")
        return token

    def _close(self, mark: str) -> None:
        token = self._tokens.take()
        if (token.kind, token.text) != ("mark", mark):
            raise self._wrong(token, f"expected {mark!r}")

    def _path(self, token: Token) -> QPath:
        keys: tuple[str, ...] = ()
        if self._next_is("["):
            keys = self._keys()
        names = self._names(token.text)
        if any(not name for name in names):
            raise self._wrong(token, "expected a name on both sides of the '.'")
        member = names[-1] if names[-1] in _MEMBERS and (len(names) > 1 or names[-1] in TIME_MEMBERS) else ""
        attributes = names[:-1] if member else names
        full, at = [], token.at
        for name in attributes:
            full.append(self._full(name, at))
            at += len(name) + 1
        return QPath(tuple(full), member, keys)

    @staticmethod
    def _names(text: str) -> list[str]:
        """The names of the path. A whole IRI has dots of its own, so only a member is cut off behind it."""
        if "://" not in text:
            return text.split(".")
        iri, _, last = text.rpartition(".")
        return [iri, last] if last in _MEMBERS else [text]

    def _keys(self) -> tuple[str, ...]:
        self._tokens.take()
        token = self._tokens.take()
        if token.kind not in {"word", "string"}:
            raise self._wrong(token, "expected a key like [city] or [address.city]")
        keys = (token.text,) if token.kind == "string" else tuple(token.text.split("."))
        if token.kind == "word" and keys == (ANY_LANGUAGE,):
            self._close("]")
            return keys
        if not all(_KEY.match(key) for key in keys):
            raise self._wrong(token, "a key is not empty and holds no quote, backslash, '*' or control character")
        self._close("]")
        return keys

    # --- values ----------------------------------------------------------------------------------------

    def _list(self, path: QPath) -> tuple[QValue | QRange, ...]:
        values = [self._meant(path, self._value)]
        while self._next_is(","):
            self._tokens.take()
            values.append(self._meant(path, self._value))
        if self._reading.in_body:
            encoded = [_decoded(one) for one in values if isinstance(one, str) and _ENCODED.search(one)]
            values += [one for one in encoded if not _NO_TEXT.search(one)]
        return tuple(values)

    def _single(self) -> QValue:
        token = self._tokens.peek()
        value = self._value()
        if isinstance(value, QRange):
            raise self._wrong(token, "expected one value; a range goes with == and != only")
        return value

    def _value(self) -> QValue | QRange:
        self._values += 1
        if self._values > MAX_VALUES:
            raise TooComplexQuery(f"q has more than {MAX_VALUES} values")
        token = self._tokens.take()
        if token.kind == "string":
            return self._after_string(token)
        if token.kind != "word":
            raise self._wrong(token, "expected a value: a number, true, false, a date, a URI or text in double quotes")
        if token.text.startswith(".."):
            raise self._wrong(token, "expected the lower end of the range; put a text that begins so in double quotes")
        found = _RANGE.match(token.text)
        if found is not None:
            return self._range(token, plain_value(found[1]), plain_value(found[2]))
        if token.text.endswith(".."):
            high = self._tokens.take()
            if high.kind == "string":
                return self._range(token, plain_value(token.text[:-2]), high.text)
            raise self._wrong(high, "expected the upper end of the range")
        return plain_value(token.text)

    def _after_string(self, token: Token) -> QValue | QRange:
        following = self._tokens.peek()
        if following.kind != "word" or not following.text.startswith(".."):
            return token.text
        self._tokens.take()
        if len(following.text) > 2:
            return self._range(token, token.text, plain_value(following.text[2:]))
        high = self._tokens.take()
        if high.kind != "string":
            raise self._wrong(high, "expected the upper end of the range")
        return self._range(token, token.text, high.text)

    def _range(self, token: Token, low: QValue, high: QValue) -> QRange:
        texts = isinstance(low, str), isinstance(high, str)
        if isinstance(low, bool) or isinstance(high, bool) or texts[0] != texts[1]:
            raise self._wrong(token, "both ends of a range are numbers, or both are texts or moments")
        return QRange(low, high)


def _decoded(text: str) -> str:
    """What a percent-encoded text stands for; its quotes may have been encoded with it."""
    found = unquote(text)
    return found[1:-1] if len(found) > 1 and found[0] == found[-1] == '"' else found


def plain_value(word: str) -> QValue:
    """What an unquoted word means: true, false, a number, or text (a date, a URI)."""
    if word in {"true", "false"}:
        return word == "true"
    if not _NUMBER.match(word):
        return word
    try:
        return int(word)
    except ValueError:
        return float(word)
