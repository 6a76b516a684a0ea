"""What is asked of the past beside a query: a span of time, figures of periods, order (clauses 4.11, 4.5.19, 4.23)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from kumihimo.base.errors import BadRequestData
from kumihimo.base.times import from_micros, micros, parse, text
from kumihimo.platform.broker.models import Ordering, QPath
from kumihimo.platform.history.models import METHODS, Aggregation, Extent, Method, TemporalQuery, Timerel
from kumihimo.platform.history.periods import WHOLE, parse_duration
from kumihimo.platform.ngsild.parameters import Form, Projection, read_integer, split_list

TIMERELS = ("before", "after", "between")
TIME_PROPERTIES = ("observedAt", "createdAt", "modifiedAt", "deletedAt")
MAX_LAST = 100_000
SPAN = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration"})
_ID = QPath((), "id")
RANGE_UNIT = "date-time"
"""The unit of Content-Range (clause 6.3.10), as the test suite and other brokers write it."""


def read_span(query: Mapping[str, str], attrs: tuple[str, ...], projection: Projection, now: int) -> TemporalQuery:
    """timerel, timeAt, endTimeAt, timeproperty, lastN (clause 4.11); BadRequestData where they do not fit."""
    timerel = query.get("timerel", "")
    if timerel and timerel not in TIMERELS:
        raise BadRequestData(f"timerel {timerel[:32]!r} is none of {', '.join(TIMERELS)}")
    name = query.get("timeproperty", "observedAt")
    if name not in TIME_PROPERTIES:
        raise BadRequestData(f"timeproperty {name[:32]!r} is none of {', '.join(TIME_PROPERTIES)}")
    if not timerel and ("timeAt" in query or "endTimeAt" in query):
        raise BadRequestData("timeAt and endTimeAt need timerel")
    last = read_integer(query, "lastN", -1)
    if last == 0 or last > MAX_LAST:
        raise BadRequestData(f"lastN is {last}; use 1 to {MAX_LAST}")
    return TemporalQuery(
        timerel=cast("Timerel", timerel),
        time_at=_moment(query, "timeAt") if timerel else 0,
        end_time_at=_moment(query, "endTimeAt") if timerel == "between" else 0,
        timeproperty=name,
        last_n=max(last, 0),
        attrs=attrs,
        datasets=projection.datasets,
        now=now,
    )


def require_span(span: TemporalQuery) -> TemporalQuery:
    """The span itself; BadRequestData where it is all of time (clause 5.7.4.4)."""
    if not span.timerel:
        raise BadRequestData("a temporal query is needed: give timerel and timeAt (clause 5.7.4.4)")
    return span


def _moment(query: Mapping[str, str], name: str) -> int:
    given = query.get(name)
    if given is None:
        raise BadRequestData(f"timerel={query['timerel']} needs {name}")
    try:
        return micros(parse(given))
    except ValueError as problem:
        raise BadRequestData(f"{name}: {problem}") from problem


def in_order(span: TemporalQuery, order: Ordering | None) -> TemporalQuery:
    """The span in the order asked for; BadRequestData for one by anything but the id (clause 5.7.4.4)."""
    if order is None:
        return span
    if len(order.keys) > 1 or order.keys[0].path != _ID:
        raise BadRequestData("orderBy: over time there is id, id;asc and id;desc (clause 5.7.4.4)")
    return replace(span, descending=order.keys[0].descending, collation=order.collation)


# --- figures of periods ----------------------------------------------------------------------------------


def with_aggregation(span: TemporalQuery, query: Mapping[str, str], form: Form, *, strict: bool) -> TemporalQuery:
    """The span with the figures that aggrMethods and aggrPeriodDuration ask for (clause 4.5.19).

    They count for the aggregated form, which is also meant where they are given and no form is named; beside another
    form they are checked, and change nothing (clause 6.3.12).
    """
    methods, given = _methods(query.get("aggrMethods", "")), query.get("aggrPeriodDuration", "")
    period = parse_duration(given) if given else WHOLE
    if form.aggregated and not methods:
        raise BadRequestData("the aggregated form needs aggrMethods (clause 6.18.3.2)")
    if not methods or (form.named and not form.aggregated):
        return span
    return replace(span, aggregation=Aggregation(methods, period, strict))


def _methods(given: str) -> tuple[Method, ...]:
    names = split_list(given)
    for name in names:
        if name not in METHODS:
            raise BadRequestData(f"aggrMethods has {name[:32]!r}; there are {', '.join(METHODS)}")
    return tuple(dict.fromkeys(cast("list[Method]", names)))


# --- a Query's members -----------------------------------------------------------------------------------


def body_span(body: Mapping[str, Any]) -> dict[str, str]:
    """What a Query's temporalQ and aggrParams (clauses 5.2.21 and 5.2.44) say, as parameters of those names."""
    found = _texts(body, "temporalQ", SPAN)
    figures = _texts(body, "aggrParams", frozenset({"aggrMethods", "aggrPeriodDuration"}))
    both = sorted(found.keys() & figures.keys())
    if both:
        raise BadRequestData(f"{both[0]} is in temporalQ and in aggrParams; give it once")
    return {**found, **figures}


def _texts(body: Mapping[str, Any], member: str, names: frozenset[str]) -> dict[str, str]:
    given = body.get(member, {})
    if not isinstance(given, dict):
        raise BadRequestData(f"{member} must be an object")
    return {name: _text(member, name, value, names) for name, value in given.items() if name != "type"}


def _text(member: str, name: str, value: Any, names: frozenset[str]) -> str:
    if name not in names:
        raise BadRequestData(f"{member} has no member {name[:64]!r}")
    if name == "lastN":
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadRequestData("lastN is a whole number from 1")
        return str(value)
    if isinstance(value, list) and name == "aggrMethods" and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if not isinstance(value, str):
        raise BadRequestData(f"{member}.{name} must be text")
    return value


# --- a part of the answer --------------------------------------------------------------------------------


def content_range(span: TemporalQuery, extent: Extent) -> str:
    """Content-Range of an answer that is not the whole (clause 6.3.10): backwards with lastN, else forwards."""
    if span.last_n:
        start = {"before": span.time_at, "between": span.end_time_at}.get(span.timerel, extent.last)
        end, size = extent.first, str(span.last_n)
    else:
        start = span.time_at if span.timerel in {"after", "between"} else extent.first
        end, size = extent.last, "*"
    return f"{RANGE_UNIT} {text(from_micros(start))}-{text(from_micros(end))}/{size}"
