"""The order of entities (clause 4.23): keys in Python, so that collations and mixed kinds of values are the same on
both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import shapely

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, TooManyResults
from kumihimo.platform.broker import geometry, moments
from kumihimo.platform.broker.collation import Key, collation
from kumihimo.platform.broker.conditions import Conditions, as_double
from kumihimo.platform.broker.models import EVERY_ROW, Ordering, OrderKey, QPath, Visible
from kumihimo.platform.broker.paths import TIME_MEMBERS
from kumihimo.platform.jsonld.languages import choose_language
from kumihimo.platform.jsonld.models import VALUE_MEMBER
from kumihimo.storage.database import Dialect, Tx

MAX_ORDERED = 100_000
"""Entities that one query puts in order at most: their keys are read and compared in Python."""
_STEP = 2000
_ABSENT = object()
_NUMBER, _STRING, _OBJECT, _ARRAY, _FLAG, _MOMENT, _NOTHING = range(7)
"""Places in the comparison order of clause 4.23.2; among moments the kind goes first."""
_FIRST, _LATER, _NULL, _NONE = 0, 1, 2, 3
"""Groups, which stay in this order also where the order is descending: null, and what is not there, come last."""


class _Row(NamedTuple):
    number: int
    keys: list[tuple[int, Key]]


async def ordered_tx(
    tx: Tx, source: str, number: str, conditions: Conditions, where: Sequence[str], order: Ordering, visible: Visible
) -> list[int]:
    """Numbers of all entities that satisfy the conditions, in the order; TooManyResults over 100,000."""
    columns = "".join(f", {_column(conditions, tx.dialect, key, visible)}" for key in order.keys)
    after = conditions.bind(-1)
    condition = " AND ".join([*where, f"{number} > {after}"])
    sql = f"SELECT {number}{columns} FROM {source} WHERE {condition} ORDER BY {number} LIMIT {_STEP}"
    readers = [_reader(key, order) for key in order.keys]
    parameters = list(conditions.parameters)
    found: list[_Row] = []
    while True:
        rows = await tx.fetch(sql, *parameters)
        found += [_Row(row[0], [read(text) for read, text in zip(readers, row[1:], strict=True)]) for row in rows]
        if len(found) > MAX_ORDERED:
            raise TooManyResults(
                f"more than {MAX_ORDERED} entities would have to be ordered; narrow the query by type, id or place"
            )
        if len(rows) < _STEP:
            return _sorted(found, order)
        parameters[int(after[1:]) - 1] = rows[-1][0]


def _sorted(rows: list[_Row], order: Ordering) -> list[int]:
    """By the last key first: sorting keeps what was equal in its place."""
    for place in reversed(range(len(order.keys))):
        descending = order.keys[place].descending
        rows.sort(key=partial(_at, place=place, sign=-1 if descending else 1), reverse=descending)
    return [row.number for row in rows]


def _at(row: _Row, place: int, sign: int) -> tuple[int, Key]:
    group, key = row.keys[place]
    return sign * group, key


def _column(conditions: Conditions, dialect: Dialect, key: OrderKey, visible: Visible) -> str:
    """The part of the document in which the key's value stands; NULL also where it may not be seen."""
    if not key.path.attributes:
        return dialect.json_at("e.doc", (key.path.member,))
    found = dialect.json_at("e.doc", ("attrs", key.path.attributes[0]))
    rows = visible.where(key.path.attributes[0])
    return found if rows == EVERY_ROW else f"CASE WHEN {conditions.rows(rows)} THEN {found} END"


def _reader(key: OrderKey, order: Ordering) -> Callable[[str | None], tuple[int, Key]]:
    """From what `_column` gives to the group and the key by which the entity is ordered."""
    compare = _Compare(order)

    def read(text: str | None) -> tuple[int, Key]:
        if text is None:
            return _NONE, ()
        return compare.key(key, jsontext.parse(text))

    return read


class _Compare:
    """Makes the keys of one ordering."""

    def __init__(self, order: Ordering) -> None:
        self._text = collation(order.collation).key
        self._lang = order.lang
        self._origin = geometry.read(order.origin) if order.origin else None

    def key(self, key: OrderKey, stored: Any) -> tuple[int, Key]:
        """The group and the key of what is stored: the instances of an attribute, or a member of the entity."""
        if not key.path.attributes:
            if isinstance(stored, list) and len(stored) == 1:
                stored = stored[0]
            return self._value(stored, _type_of_member(key.path))
        instance = _instance(stored, key.path)
        if instance is None:
            return _NONE, ()
        value, named = _target(instance, key.path, self._lang)
        if value is _ABSENT:
            return _NONE, ()
        if key.by_distance:
            metres = self._metres(instance, value)
            if metres is not None:
                return _FIRST, (metres,)
            group, found = self._value(value, named)
            return max(group, _LATER), found
        return self._value(value, named)

    def _metres(self, instance: Any, value: Any) -> float | None:
        if instance["type"] != "GeoProperty" or self._origin is None or not isinstance(value, dict):
            return None
        return geometry.haversine(geometry.read(value), self._origin)

    def _value(self, value: Any, named: str) -> tuple[int, Key]:
        if isinstance(value, dict) and value.get("@type") == "@json":
            value = value.get("@value")
        if value is None:
            return _NULL, ()
        return _FIRST, self._ranked(value, named)

    def _ranked(self, value: Any, named: Any = "") -> Key:
        """The kind's place, then what orders values of this kind; named is the type that the value is said to have."""
        if isinstance(value, str):
            kind = moments.stored_kind(named, value)
            if kind is not None:
                return _MOMENT, (moments.KINDS.index(kind), moments.key(kind, value))
            return _STRING, self._text(value)
        if isinstance(value, bool):
            return _FLAG, value
        if isinstance(value, int | float):
            return _NUMBER, as_double(value)
        if isinstance(value, list):
            return _ARRAY, tuple(self._ranked(one) for one in value)
        if isinstance(value, dict):
            return self._object(value)
        return _NOTHING, ()

    def _object(self, value: dict[str, Any]) -> Key:
        """A typed value (clause 4.6.3) orders as what it is, any other object by its members."""
        if moments.stored_kind(value.get("@type"), value.get("@value")) is not None:
            return self._ranked(value["@value"], value["@type"])
        if value.get("@type") == "@json" and "@value" in value:
            return self._ranked(value["@value"])
        return _OBJECT, tuple((name, self._ranked(one)) for name, one in sorted(value.items()))


def _instance(stored: Any, path: QPath) -> Any:
    """The instance at the path: of each attribute the default one, else the first."""
    instance: Any = {"attrs": {path.attributes[0]: stored}}
    for name in path.attributes:
        instances = instance.get("attrs", {}).get(name)
        if not instances:
            return None
        instance = next((one for one in instances if "datasetId" not in one), instances[0])
    return instance


def _type_of_member(path: QPath) -> str:
    return "DateTime" if path.member in TIME_MEMBERS else ""


def _target(instance: Any, path: QPath, lang: str) -> tuple[Any, str]:
    """The value at the path's end (clause 4.9: the target), and the type it is said to have; _ABSENT where none is."""
    if path.member:
        return instance.get(path.member, _ABSENT), _type_of_member(path)
    if instance["type"] == "LanguageProperty" and not path.keys:
        instance = choose_language(instance, lang or "*")
    value = instance.get(VALUE_MEMBER[instance["type"]], _ABSENT)
    for key in path.keys:
        if not isinstance(value, dict) or key not in value:
            return _ABSENT, ""
        value = value[key]
    return value, "" if path.keys else instance.get("valueType", "")


def check_origin(origin: dict[str, Any]) -> None:
    """BadRequestData where no distance can be measured from the geometry."""
    try:
        empty = geometry.read(origin).is_empty
    except shapely.GEOSException as problem:
        raise BadRequestData(f"no distance can be measured from this geometry: {problem}") from problem
    if empty:
        raise BadRequestData("no distance can be measured from a geometry without positions")
