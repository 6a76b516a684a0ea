"""Figures of periods in the place of instances (clause 4.5.19): numbers by the engine, other values in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from kumihimo.base.errors import InvalidRequest, TooManyResults
from kumihimo.base.jsontext import parse
from kumihimo.platform.history.kinds import METHODS_OF, Value, figure, kind_of, value_of
from kumihimo.platform.history.models import (
    MAX_INSTANCES,
    Aggregation,
    Figures,
    Method,
    TemporalQuery,
)
from kumihimo.platform.history.periods import MAX_PERIODS, Periods
from kumihimo.platform.history.scope import limits
from kumihimo.platform.history.window import Spans, Window
from kumihimo.storage.database import Tx

_LARGEST = 1e150
"""Numbers whose squares no double holds are not given to the engines, of which one would refuse them."""


class _Series(NamedTuple):
    """One attribute and dataset in the window: what it has, and how much of it are numbers."""

    attribute: str
    dataset: str
    first: int
    last: int
    size: int
    numbers: int
    largest: float


class _Source:
    """The instances of one entity that are aggregated, as a query to which more is added."""

    def __init__(self, entity_id: str, window: Window, within: Spans | None) -> None:
        self.bound: list[Any] = [entity_id]
        self.moment = window.moment
        self.where = f"h.entity_id = $1 AND {window.shown(self.bind, within)}"

    def bind(self, value: Any) -> str:
        """The place of the value."""
        self.bound.append(value)
        return f"${len(self.bound)}"


async def figures_tx(
    tx: Tx, entity_id: str, query: TemporalQuery, window: Window, within: Spans | None
) -> dict[str, list[Figures]]:
    """The figures of each attribute, for each of its datasets.

    InvalidRequest for an attribute that was asked for and to which no method applies; TooManyResults for more than
    10,000 periods of an attribute, or more than 100,000 instances of one that is not aggregated by the engine.
    """
    aggregation = query.aggregation
    if aggregation is None:
        return {}
    held = await _held_tx(tx, _Source(entity_id, window, within))
    if not held:
        return {}
    periods = _periods(aggregation, query, held)
    quick = [one for one in held if one.numbers == one.size and one.largest < _LARGEST and not periods.bounds]
    found: dict[tuple[str, str], Figures] = {}
    if quick:
        found = await _numbers_tx(tx, _Source(entity_id, window, within), aggregation, periods)
    for one in held:
        if one not in quick:
            values = await _values_tx(tx, _Source(entity_id, window, within), one)
            found[one.attribute, one.dataset] = _figures(one, values, aggregation, periods)
    return _by_attribute(held, found, aggregation, query.last_n)


async def _held_tx(tx: Tx, source: _Source) -> list[_Series]:
    rows = await tx.fetch(
        f"SELECT h.attribute, h.dataset, min({source.moment}), max({source.moment}), count(*), count(h.number),"
        f" coalesce(max(abs(h.number)), 0) FROM history h WHERE {source.where} GROUP BY h.attribute, h.dataset"
        " ORDER BY h.attribute, h.dataset",
        *source.bound,
    )
    return [_Series(*row) for row in rows]


def _periods(aggregation: Aggregation, query: TemporalQuery, held: Sequence[_Series]) -> Periods:
    """They begin where the query's time begins, or else with the first instance; all attributes have the same."""
    begin, end = limits(query)
    first = begin if query.timerel in {"after", "between"} else min(one.first for one in held)
    last = max(one.last for one in held)
    whole = aggregation.period.nothing and query.timerel in {"before", "between"}
    return Periods(aggregation.period, first, end if whole else last)


async def _numbers_tx(
    tx: Tx, source: _Source, aggregation: Aggregation, periods: Periods
) -> dict[tuple[str, str], Figures]:
    """The figures of numbers, whichever attribute they are of, from one statement."""
    number = "CAST(0 AS BIGINT)"
    if periods.width:
        origin, width = source.bind(periods.span(0)[0]), source.bind(periods.width)
        number = f"({source.moment} - CAST({origin} AS BIGINT)) / CAST({width} AS BIGINT)"
    mean = (
        ", avg(g.number) OVER (PARTITION BY g.attribute, g.dataset, p) AS m" if "stddev" in aggregation.methods else ""
    )
    inner = f"SELECT h.attribute, h.dataset, h.number, {number} AS p FROM history h WHERE {source.where}"
    columns = ", ".join(_SQL[method] for method in aggregation.methods)
    rows = await tx.fetch(
        f"SELECT g.attribute, g.dataset, p, {columns}"
        f" FROM (SELECT g.*{mean} FROM ({inner} AND h.number IS NOT NULL) g) g"
        f" GROUP BY g.attribute, g.dataset, p ORDER BY g.attribute, g.dataset, p LIMIT {MAX_INSTANCES + 1}",
        *source.bound,
    )
    if len(rows) > MAX_INSTANCES:
        raise TooManyResults(f"there are more than {MAX_INSTANCES} periods in all; make them longer, or ask for less")
    found: dict[tuple[str, str], Figures] = {}
    for attribute, dataset, place, *figures in rows:
        if (attribute, dataset) not in found:
            found[attribute, dataset] = Figures("Property", dataset, {method: [] for method in aggregation.methods})
        into = found[attribute, dataset].methods
        span = periods.span(place)
        for method, one in zip(aggregation.methods, figures, strict=True):
            into[method].append((math.sqrt(one) if method == "stddev" else one, *span))
    return found


_SQL: dict[Method, str] = {
    "totalCount": "count(*)",
    "distinctCount": "count(DISTINCT g.number)",
    "sum": "sum(g.number)",
    "avg": "avg(g.number)",
    "min": "min(g.number)",
    "max": "max(g.number)",
    "stddev": "sum((g.number - m) * (g.number - m)) / count(*)",
    "sumsq": "sum(g.number * g.number)",
}


async def _values_tx(tx: Tx, source: _Source, series: _Series) -> list[tuple[int, str, Value]]:
    """Moment, attribute type and value of all instances of a series."""
    if series.size > MAX_INSTANCES:
        raise TooManyResults(
            f"{series.attribute} has {series.size} instances in this time; at most {MAX_INSTANCES} are aggregated"
            " where they are not numbers, or periods are months or years"
        )
    which = f"h.attribute = {source.bind(series.attribute)} AND h.dataset = {source.bind(series.dataset)}"
    rows = await tx.fetch(
        f"SELECT {source.moment} AS moment, h.instance FROM history h WHERE {source.where} AND {which} ORDER BY moment",
        *source.bound,
    )
    found = []
    for at, stored in rows:
        instance = parse(stored)
        found.append((at, instance["type"], value_of(instance)))
    return found


def _figures(
    series: _Series, values: Sequence[tuple[int, str, Value]], aggregation: Aggregation, periods: Periods
) -> Figures:
    kind = kind_of(one for _, _, one in values)
    cut: dict[int, list[Value]] = {}
    for at, _, one in values:
        cut.setdefault(periods.number(at), []).append(one)
    methods: dict[str, list[tuple[Any, int, int]]] = {}
    for method in aggregation.methods:
        applies = method in METHODS_OF[kind]
        methods[method] = [(figure(method, kind, cut[n]), *periods.span(n)) for n in sorted(cut)] if applies else []
    return Figures(values[-1][1], series.dataset, methods)


def _by_attribute(
    held: Sequence[_Series], found: dict[tuple[str, str], Figures], aggregation: Aggregation, last: int
) -> dict[str, list[Figures]]:
    """By attribute; those to which no method applies are left out, or refused where they were asked for."""
    result: dict[str, list[Figures]] = {}
    for one in held:
        figures = found[one.attribute, one.dataset]
        if not any(figures.methods.values()):
            if aggregation.strict:
                raise InvalidRequest(f"none of {', '.join(aggregation.methods)} applies to {one.attribute}")
            continue
        if any(len(many) > MAX_PERIODS for many in figures.methods.values()):
            raise TooManyResults(f"{one.attribute} has more than {MAX_PERIODS} periods; make them longer")
        result.setdefault(one.attribute, []).append(_newest(figures, last) if last else figures)
    return result


def _newest(figures: Figures, last: int) -> Figures:
    return Figures(figures.kind, figures.dataset, {name: many[-last:] for name, many in figures.methods.items()})
