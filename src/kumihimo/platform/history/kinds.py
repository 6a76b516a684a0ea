"""What can be aggregated of which kind of value, and doing so in memory (clause 4.5.19.1, its tables 1 to 3).

Numbers are aggregated by the engines; what is here serves all other kinds, and periods that the calendar makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import time, timedelta
from typing import Any, Literal, NamedTuple

from kumihimo.base.jsontext import text
from kumihimo.platform.history.models import METHODS, Method
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, VALUE_MEMBER, Instance

Kind = Literal["number", "boolean", "array", "dateTime", "date", "time", "string", "uri", "object", "relationship"]

_COUNTS: tuple[Method, ...] = ("totalCount", "distinctCount")
_ORDERED: tuple[Method, ...] = (*_COUNTS, "min", "max")
METHODS_OF: dict[Kind, tuple[Method, ...]] = {
    "number": METHODS,
    "boolean": METHODS,
    "array": (*_ORDERED, "sum", "avg"),
    "dateTime": _ORDERED,
    "date": _ORDERED,
    "time": (*_ORDERED, "avg"),
    "string": _ORDERED,
    "uri": _COUNTS,
    "object": _COUNTS,
    "relationship": _COUNTS,
}
"""In the order in which a series of several kinds is taken for one of them; the others are counted only."""
_TYPED: tuple[tuple[str, Kind], ...] = (("DateTime", "dateTime"), ("Date", "date"), ("Time", "time"))
_RELATIONS = frozenset({"Relationship", "ListRelationship"})


class Value(NamedTuple):
    """A value: its kind, what is reckoned with, and what makes it the same as another."""

    kind: Kind
    figure: Any
    same: Any


def value_of(instance: Instance) -> Value:
    """What an instance counts as."""
    held: dict[str, Any] = instance  # type: ignore[assignment]  # members by name
    value = held[VALUE_MEMBER[instance["type"]]]
    if instance["type"] in _RELATIONS:
        return Value("relationship", None, text(value))
    if instance["type"] == "VocabProperty":
        return Value("uri", None, text(value))
    if isinstance(value, dict) and isinstance(value.get("@value"), str | int | float):
        return _typed(value["@value"], str(value.get("@type", "")))
    return _typed(value, str(held.get("valueType", "")))


def _typed(value: Any, named: str) -> Value:
    if isinstance(value, bool):
        return Value("boolean", float(value), value)
    if isinstance(value, int | float):
        return Value("number", _double(value), value)
    if isinstance(value, list):
        return Value("array", float(len(value)), text(value))
    if not isinstance(value, str) or value == NGSI_LD_NULL:
        return Value("object", None, text(value))
    if named.endswith(("URI", "anyURI", "@id")):
        return Value("uri", None, value)
    return Value(next((kind for end, kind in _TYPED if named.endswith(end)), "string"), value, value)


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def kind_of(values: Iterable[Value]) -> Kind:
    """The kind of a series: the first in the order of METHODS_OF that is among its values."""
    seen = {one.kind for one in values}
    return next(kind for kind in METHODS_OF if kind in seen)


def figure(method: Method, kind: Kind, values: Sequence[Value]) -> Any:
    """The figure of one period; None where the method says nothing of it, or no double can hold it."""
    if method == "totalCount":
        return len(values)
    if method == "distinctCount":
        return len({(one.kind, one.same) for one in values})
    figures = [one.figure for one in values if one.kind == kind]
    if not figures or method not in METHODS_OF[kind]:
        return None
    if kind == "time" and method == "avg":
        return _mean_time(figures)
    found = _FUNCTIONS[method](figures)
    return None if isinstance(found, float) and not math.isfinite(found) else found


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / len(figures)


def _deviation(figures: Sequence[float]) -> float:
    """Of all values, not of a sample."""
    mean = _mean(figures)
    return math.sqrt(sum(_square(one - mean) for one in figures) / len(figures))


def _square(number: float) -> float:
    return number * number


_FUNCTIONS: dict[Method, Callable[[Sequence[Any]], Any]] = {
    "sum": sum,
    "avg": _mean,
    "min": min,
    "max": max,
    "stddev": _deviation,
    "sumsq": lambda figures: sum(_square(one) for one in figures),
}


def _mean_time(figures: Sequence[str]) -> str | None:
    """The mean of times of the day, to the millisecond; None where none of them is one."""
    clocks = [clock for one in figures if (clock := _clock(one)) is not None]
    if not clocks:
        return None
    whole = sum(clocks, timedelta()) / len(clocks)
    hours, rest = divmod(whole // timedelta(milliseconds=1), 3_600_000)
    minutes, millis = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{millis // 1000:02}.{millis % 1000:03}Z"


def _clock(written: str) -> timedelta | None:
    try:
        clock = time.fromisoformat(written)
    except ValueError:
        return None
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)
