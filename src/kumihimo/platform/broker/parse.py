"""From the text of a request to the typed query: q (clause 4.9), type selection (4.17), geo-queries (4.10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, cast, get_args

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, InvalidRequest, TooComplexQuery
from kumihimo.platform.broker.models import (
    GeoQuery,
    GeoRelation,
    QAnd,
    QNode,
    QOperator,
    QOr,
    QPath,
    QRange,
    QTerm,
    QValue,
    TypeAnd,
    TypeNode,
    TypeOr,
)
from kumihimo.platform.broker.paths import TIME_MEMBERS
from kumihimo.platform.broker.patterns import check_pattern
from kumihimo.platform.broker.tokens import Token, Tokens, wrong
from kumihimo.platform.jsonld.geojson import check_geometry
from kumihimo.platform.jsonld.models import NGSI_LD

__all__ = ["check_pattern", "parse_geo", "parse_q", "parse_types"]

MAX_LENGTH = 8192
MAX_TERMS = 100
MAX_VALUES = 500
MAX_DEPTH = 20

Expand = Callable[[str], str]

_MEMBERS = TIME_MEMBERS | {"unitCode", "datasetId", "objectType"}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)
_RANGE = re.compile(r"(.+?)\.\.(.+)\Z")
_ORDERED = frozenset({">", ">=", "<", "<="})
_KEY = re.compile(r"[^\x00-\x1f\"\\*]+\Z")


def parse_q(text: str, expand: Expand) -> QNode:
    """The tree of a q expression; `expand` gives the full name of an attribute.

    Raises BadRequestData with the place where it cannot be read and what was expected, TooComplexQuery over 8,192
    characters, 100 terms, 500 values or 20 levels.
    """
    if len(text) > MAX_LENGTH:
        raise TooComplexQuery(f"q has {len(text)} characters; at most {MAX_LENGTH} are taken")
    return _Reader(text, expand).whole()


class _Reader:
    """Recursive descent over the tokens: or over and over terms."""

    def __init__(self, text: str, expand: Expand) -> None:
        self._tokens = Tokens(text)
        self._expand = expand
        self._terms = 0
        self._values = 0

    def whole(self) -> QNode:
        node = self._or(0)
        rest = self._tokens.peek()
        if rest.kind != "end":
            raise self._wrong(rest, "expected ';', '|' or the end")
        return node

    def _wrong(self, token: Token, why: str) -> BadRequestData:
        return wrong("q", self._tokens.text, token.at, why)

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
        token = self._tokens.take()
        if (token.kind, token.text) != ("mark", ")"):
            raise self._wrong(token, "expected ')', ';' or '|'")
        return node

    def _term(self) -> QTerm:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise TooComplexQuery(f"q has more than {MAX_TERMS} terms")
        if self._next_is("!"):
            self._tokens.take()
            return QTerm(self._path(), "absent")
        path = self._path()
        if self._tokens.peek().kind != "operator":
            return QTerm(path, "exists")
        token = self._tokens.take()
        operator = cast("QOperator", token.text)
        if operator in {"~=", "!~="}:
            pattern, at = self._tokens.pattern()
            if not pattern:
                raise wrong("q", self._tokens.text, at, "expected a pattern")
            return QTerm(path, operator, (check_pattern(pattern),))
        if operator in _ORDERED:
            return QTerm(path, operator, (self._single(),))
        return QTerm(path, operator, self._list())

    # --- paths -----------------------------------------------------------------------------------------

    def _path(self) -> QPath:
        token = self._tokens.take()
        if token.kind != "word":
            raise self._wrong(token, "expected the name of an attribute")
        if "{" in token.text:
            raise self._wrong(token, "an attribute of a linked entity needs join, which is not given (clause 5.7.2.4)")
        keys: tuple[str, ...] = ()
        if self._next_is("["):
            keys = self._keys()
        names = self._names(token.text)
        if any(not name for name in names):
            raise self._wrong(token, "expected a name on both sides of the '.'")
        member = names[-1] if names[-1] in _MEMBERS and (len(names) > 1 or names[-1] in TIME_MEMBERS) else ""
        attributes = names[:-1] if member else names
        return QPath(tuple(self._expand(name) for name in attributes), member, keys)

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
        if not all(_KEY.match(key) for key in keys):
            raise self._wrong(token, "a key is not empty and holds no quote, backslash, '*' or control character")
        closing = self._tokens.take()
        if (closing.kind, closing.text) != ("mark", "]"):
            raise self._wrong(closing, "expected ']'")
        return keys

    # --- values ----------------------------------------------------------------------------------------

    def _list(self) -> tuple[QValue | QRange, ...]:
        values = [self._value()]
        while self._next_is(","):
            self._tokens.take()
            values.append(self._value())
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


# --- type selection --------------------------------------------------------------------------------------

_TYPE_TOKEN = re.compile(r"[();,|]|[^();,|\s]+")


def parse_types(text: str, expand: Expand) -> TypeNode:
    """The tree of a type selection (clause 4.17): `,` or `|` is or, `;` is and; parentheses group.

    BadRequestData where it cannot be read, TooComplexQuery over its limits.
    """
    if len(text) > MAX_LENGTH:
        raise TooComplexQuery(f"type has {len(text)} characters; at most {MAX_LENGTH} are taken")
    tokens = [Token("word", found[0], found.start()) for found in _TYPE_TOKEN.finditer(text)]
    if len(tokens) > 2 * MAX_TERMS:
        raise TooComplexQuery(f"type selects among more than {MAX_TERMS} names")
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


# --- geo-queries -----------------------------------------------------------------------------------------

_DISTANCE = re.compile(r"(maxDistance|minDistance)==(?!0+(?:\.0+)?\Z)(\d+(?:\.\d+)?)\Z", re.ASCII)
_GEOMETRIES = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"})
_RELATIONS = tuple(relation for relation in get_args(GeoRelation) if relation != "near")
_FARTHEST = 40_100_000.0


def parse_geo(georel: str, geometry: str, coordinates: str | list[Any], geoproperty: str, expand: Expand) -> GeoQuery:
    """The geo-query (clause 4.10) of georel, geometry's type, its coordinates (JSON text or list) and the property.

    Raises BadRequestData where one is missing or broken; geoproperty "" is `location`.
    """
    missing = [
        name
        for name, given in (("georel", georel), ("geometry", geometry), ("coordinates", coordinates))
        if given in ("", None)
    ]
    if missing:
        raise BadRequestData(f"a geo-query needs georel, geometry and coordinates; {', '.join(missing)} is missing")
    if geometry not in _GEOMETRIES:
        raise BadRequestData(f"geometry {geometry[:40]!r} is none of {', '.join(sorted(_GEOMETRIES))}")
    shape = check_geometry({"type": geometry, "coordinates": _coordinates(coordinates)})
    name = expand(geoproperty) if geoproperty else NGSI_LD + "location"
    relation, _, modifier = georel.partition(";")
    if relation == "near":
        return _near(modifier, shape, name)
    if relation not in _RELATIONS or modifier:
        raise BadRequestData(
            f"georel {georel[:60]!r} is none of {', '.join(_RELATIONS)}, near;maxDistance==N, near;minDistance==N"
        )
    return GeoQuery(cast("GeoRelation", relation), shape, name)


def _coordinates(given: str | Iterable[Any]) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return jsontext.loads(given.encode("utf-8", "surrogatepass"))
    except InvalidRequest as problem:
        raise BadRequestData(f"coordinates are not a JSON array: {problem.detail}") from problem


def _near(modifier: str, shape: dict[str, Any], name: str) -> GeoQuery:
    found = _DISTANCE.match(modifier)
    if found is None:
        raise BadRequestData(
            "near needs one distance above 0 in metres: near;maxDistance==1000 or near;minDistance==1000"
        )
    metres = min(float(found[2]), _FARTHEST)
    if found[1] == "maxDistance":
        return GeoQuery("near", shape, name, max_distance=metres)
    return GeoQuery("near", shape, name, min_distance=metres)
