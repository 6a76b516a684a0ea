"""A pack's own figure month by month of Japan's time, made of the readings of each month as they are in history.

Of each entity the mean of its readings of the month stands for it, so that one that reports every minute counts no more
than one that reports once a day; of the least and the most, its least and its most. A value that was written without
observedAt holds until the next. A month without readings says "too few data": no later value fills it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, NamedTuple

from kumihimo.base import times
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, Query, Restriction
from kumihimo.platform.history.spread import Holders, Life, Seen, Span, Spread
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.service.kpi.effect import begins
from kumihimo.service.kpi.measures import day_of
from kumihimo.service.kpi.models import Definition, Figure, Lineage
from kumihimo.solutions.packs.figures import MAX_ENTITIES
from kumihimo.solutions.packs.models import FigureEntry, KpiEntry, Pack
from kumihimo.solutions.packs.ports import PackDoors
from kumihimo.solutions.packs.said import note_of, page_of, role_of

MONTHS: Final = 60
"""So many months a figure has, the newest."""
SHOWN: Final = 40
"""So many readings of an attribute stand behind a month's figure at most, the newest of each entity first."""
KEPT: Final = 64
"""So many series keep their months that are over: each a figure of a town, for those who may read the same of it."""
KEPT_FOR: Final = 600_000_000
"""Microseconds for which a series keeps them at most, whatever was written since."""
MARGIN: Final = 60_000_000
"""Microseconds before a series was looked at from which on all counts as written since: what was not committed yet was
not seen.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A KPI of a pack in a town. mark tells this state of the pack from every other."""

    mark: str
    pack: Pack
    kpi: KpiEntry
    entry: FigureEntry
    definition: Definition
    context: Context

    @property
    def unit(self) -> Mapping[str, str]:
        """The units of the type's attributes, as the pack's model gives them."""
        return next((one.units for one in self.pack.models if one.type == self.entry.type), {})


class Month(NamedTuple):
    """Beginning and end in microseconds, and the name, such as 2026-11."""

    start: int
    end: int
    name: str


Key = tuple[str, str, str, Restriction]


@dataclass(slots=True)
class _Kept:
    """The figures of months that are over, by beginning. made: when the first of them; looked: when it was seen last
    that nothing was written since.
    """

    made: int
    looked: int
    ids: frozenset[str]
    figures: dict[int, Figure] = field(default_factory=dict)


class Series:
    """Makes the months of every pack's figures. What is over is kept, per rights, until something of it is written."""

    def __init__(self, doors: PackDoors) -> None:
        self._doors = doors
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        doors.database.removals.told.append(self._forget)

    async def figures(self, tenant: str, asked: Asked, restriction: Restriction) -> list[Figure]:
        """The months from the first with a reading, MONTHS at most, up to the one that is not over, in order of time.
        TooManyResults where it is of more entities than a figure is made of.
        """
        now = times.micros(self._doors.clock.now())
        key, names = (tenant, asked.mark, asked.definition.id, restriction), asked.definition.attributes
        kept = self._kept.get(key)
        if kept is not None and not 0 <= now - kept.made < KEPT_FOR:
            kept = None
        query = Query(restriction, ALL_ATTRIBUTES, types=asked.definition.type)
        since = now if kept is None else kept.looked - MARGIN
        holders = await self._doors.spreads.holders(tenant, query, names, since, MAX_ENTITIES)
        if asked.entry.kind == "count":
            return [_count(asked, month, holders.lives, now) for month in months(_first_life(holders), now)]
        kept = self._still(key, kept, holders, now)
        every = list(months(holders.first, now))
        missing = [one for one in every if one.start not in kept.figures]
        made = dict(kept.figures)
        ends = [min(one.end, now + 1) for one in missing]
        states = await self._doors.spreads.states(tenant, holders.lives, names, ends)
        for month, held in zip(missing, states, strict=True):
            span = await self._doors.spreads.span(tenant, holders.lives, names, month.start, month.end, now, SHOWN)
            made[month.start] = _figure(asked, month, span, held)
            if month.end <= now:
                kept.figures[month.start] = made[month.start]
        return [made[one.start] for one in every]

    def _still(self, key: Key, kept: _Kept | None, holders: Holders, now: int) -> _Kept:
        """What holds still of what was kept: nothing of which something was written or taken away since."""
        ids = frozenset(holders.lives)
        if kept is None or not kept.ids <= ids:
            kept = _Kept(now, now, ids)
        elif holders.touched is not None:
            kept.figures = {start: one for start, one in kept.figures.items() if one.until <= holders.touched}
        kept.looked, kept.ids = now, ids
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return kept

    def _forget(self, tenant: str) -> None:
        for key in [one for one in self._kept if one[0] == tenant]:
            del self._kept[key]


def months(first: int | None, now: int) -> Iterator[Month]:
    """From the month of the first moment on, MONTHS at most, to that of now."""
    if first is None or first > now:
        return
    last, month = day_of(now).replace(day=1), day_of(first).replace(day=1)
    earliest = last.year * 12 + last.month - MONTHS
    month = max(month, date(earliest // 12, earliest % 12 + 1, 1))
    while month <= last:
        following = (month + timedelta(days=31)).replace(day=1)
        yield Month(begins(month), begins(following), f"{month:%Y-%m}")
        month = following


def _first_life(holders: Holders) -> int | None:
    return min((one.created_at for one in holders.lives.values() if not one.is_apart), default=None)


def _count(asked: Asked, month: Month, lives: Mapping[str, Life], now: int) -> Figure:
    """How many there were when the month was over, or are now."""
    end = min(month.end, now + 1)
    there = sorted(((one.created_at, id_) for id_, one in lives.items() if one.holds(end)), reverse=True)
    behind = [Lineage(id_, "", "", at, 1.0, "", role_of("")) for at, id_ in there[:SHOWN]]
    return _made(asked, month, float(len(there)), behind, len(there), len(there))


def _figure(asked: Asked, month: Month, span: Span, states: Sequence[Seen]) -> Figure:
    """Out of the readings of the month, and of states where an entity has none."""
    values: dict[str, dict[str, float]] = {name: {} for name in asked.definition.attributes}
    counts: dict[tuple[str, str], int] = {}
    for spread in span.spreads:
        values[spread.attribute][spread.entity_id] = _of_entity(asked.entry, spread)
        counts[spread.entity_id, spread.attribute] = spread.size
    holding = [one for one in states if (one.entity_id, one.attribute) not in counts]
    for one in holding:
        values[one.attribute][one.entity_id] = one.number
        counts[one.entity_id, one.attribute] = 1
    used = set.intersection(*(set(each) for each in values.values()))
    columns = [[values[name][id_] for id_ in sorted(used)] for name in asked.definition.attributes]
    value = _over_entities(asked.entry, columns)
    behind = [_lineage(asked, one) for one in (*span.newest, *holding[:SHOWN]) if one.entity_id in used]
    readings = sum(count for (id_, _), count in counts.items() if id_ in used)
    return _made(asked, month, value, behind, readings, len(used))


def _of_entity(entry: FigureEntry, spread: Spread) -> float:
    if entry.kind in {"least", "most"}:
        return spread.least if entry.kind == "least" else spread.most
    return spread.total / spread.size


def _over_entities(entry: FigureEntry, columns: Sequence[Sequence[float]]) -> float | None:
    """The figure of the entities' values, one column for each attribute; None where it rests on nothing."""
    values = columns[0]
    if not values:
        return None
    if entry.kind == "share":
        whole = sum(columns[1])
        return sum(values) / whole if whole else None
    if entry.kind == "mean":
        return sum(values) / len(values)
    if entry.kind == "sum":
        return sum(values)
    return min(values) if entry.kind == "least" else max(values)


def _lineage(asked: Asked, one: Seen) -> Lineage:
    entry = asked.entry
    is_part = one.attribute == asked.definition.attributes[0]
    term = (entry.attribute if is_part else entry.of) or ""
    role = "" if not entry.of else "part" if is_part else "of"
    return Lineage(one.entity_id, one.attribute, term, one.at, one.number, asked.unit.get(term, ""), role_of(role))


def _made(
    asked: Asked, month: Month, value: float | None, behind: Sequence[Lineage], readings: int, entities: int
) -> Figure:
    return Figure(
        id=f"{asked.definition.id}.{month.name}",
        kpi=asked.definition.id,
        subject=month.name,
        label={"ja": f"{month.name[:4]}年{int(month.name[5:])}月", "en": month.name},
        at=month.start,
        until=month.end,
        state="too-few" if value is None else "known",
        value=value,
        lineage=tuple(sorted(behind, key=lambda one: (one.at, one.entity_id, one.attribute))),
        href=page_of(asked.pack, asked.entry.type),
        note=note_of(asked.kpi, readings, entities),
    )
