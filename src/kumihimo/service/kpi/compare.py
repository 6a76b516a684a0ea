"""Towns side by side: the same KPI in several towns, each as far as the reader may read it there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem
from kumihimo.base.screens import Ask, Page, Screen
from kumihimo.platform.access.grants import Grant, Restriction
from kumihimo.service.kpi.chart import Chart, chart_of
from kumihimo.service.kpi.door import Extent, Kpi, extent, readable
from kumihimo.service.kpi.effect import LEAST, MOST, Beside, Point, beside, points_of
from kumihimo.service.kpi.models import Definition
from kumihimo.service.kpi.screens import PACKAGE

PEOPLE: Final = 1_000
"""A figure that grows with a town is told per so many of its people."""
MAX_TOWNS: Final = 30
"""Towns on one page, the reader's own first."""
KEPT_FOR: Final = 300_000_000
"""Microseconds for which the figures of another town serve whoever may read the same of it; one's own are made anew."""
KEPT: Final = 500
"""So many of them are kept: each a KPI of a town, for those who may read the same of it."""


@dataclass(frozen=True, slots=True)
class Town:
    """A town as the reader may see it. population: 0 where it says none; grant: what the reader may read there; offers:
    the KPIs whose newest figure it lets the reader see by standing in the register, None for all that the grant shows.
    """

    tenant: str
    population: int
    grant: Grant
    offers: frozenset[str] | None = None


Towns = Callable[[Call], Awaitable[Sequence[Town]]]
"""The towns of which a caller may see anything, its own among them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A town's figures. points: what is compared, per PEOPLE where the KPI grows and population is known; middle:
    their median; offered: it shows its newest figure alone, by standing in the register; unfit: the KPI grows with a
    town and nobody said how many live there; against: how far it lies from the reader's own town, None for that itself
    and where it cannot be said.
    """

    tenant: str
    population: int
    points: tuple[Point, ...]
    middle: float
    newest: Point
    chart: Chart | None
    is_part: bool
    offered: bool
    unfit: bool
    against: Beside | None


@dataclass(frozen=True, slots=True)
class Group:
    """A KPI with a row for each town that has figures of it; per: whether they are told per PEOPLE."""

    definition: Definition
    per: bool
    rows: tuple[Row, ...]


Key = tuple[str, str, Restriction, Extent]
"""Tenant, KPI, and what may be read of what it rests on: figures are made of nothing else."""


class Compare:
    """Puts towns side by side."""

    def __init__(self, kpi: Kpi, towns: Towns, clock: Clock) -> None:
        self._kpi = kpi
        self._towns = towns
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[int, list[Point]]] = OrderedDict()

    def forget(self, tenant: str) -> None:
        """Nothing is kept of a tenant that is gone."""
        for key in [one for one in self._kept if one[0] == tenant]:
            del self._kept[key]

    async def groups(self, call: Call) -> list[Group]:
        """Each KPI of which the caller's own town or another has figures that the caller may see."""
        towns = sorted(await self._towns(call), key=lambda one: (one.tenant != call.tenant, one.tenant))[:MAX_TOWNS]
        known: dict[str, Definition] = {}
        having: dict[str, list[Town]] = {}
        for town in towns:
            for one in await self._definitions(town):
                # The same id says the same only where it is measured alike; the own town's words count.
                if known.setdefault(one.id, one).is_like(one):
                    having.setdefault(one.id, []).append(town)
        found = []
        for id_, definition in known.items():
            seen = [
                (town, points)
                for town in having[id_]
                if (points := await self._points(town, definition, is_own=town.tenant == call.tenant))
            ]
            if seen:
                found.append(_group(definition, call.tenant, seen))
        return found

    async def _definitions(self, town: Town) -> Sequence[Definition]:
        try:
            return await self._kpi.definitions(town.tenant)
        except Problem:  # a town whose store is ill is left out
            return ()

    async def _points(self, town: Town, definition: Definition, *, is_own: bool) -> list[Point]:
        if town.offers is not None and definition.id not in town.offers:
            return []
        key = (town.tenant, definition.key, readable(definition, town.grant), extent(definition, town.grant))
        now, (made, points) = times.micros(self._clock.now()), self._kept.get(key, (0, []))
        if is_own or not made or not 0 <= now - made < KEPT_FOR:
            try:
                points = await self._made(town, definition)
            except Problem:  # a town whose store is ill is left out
                return []
            self._kept[key] = (now, points)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return points[-MOST if town.offers is None else -1 :]

    async def _made(self, town: Town, definition: Definition) -> list[Point]:
        figures = await self._kpi.figures(town.tenant, definition.id, town.grant)
        known = [one for one in figures if one.state == "known" and one.value is not None]
        # What has no series yet is shown by what it is now; the two are not mixed.
        return points_of(known) or points_of(replace(one, is_now=False) for one in known)


def _group(definition: Definition, own: str, seen: Sequence[tuple[Town, list[Point]]]) -> Group:
    """Per PEOPLE only where each town says its population, so that like stands beside like."""
    per = definition.grows and all(town.population for town, _ in seen)
    scaled = {
        town.tenant: [replace(one, value=one.value * PEOPLE / town.population) for one in points] if per else points
        for town, points in seen
    }
    rows = []
    for town, _ in seen:
        points = scaled[town.tenant]
        unfit = definition.grows and not per
        against = None
        if town.tenant != own and own in scaled and not unfit and town.offers is None:
            against = beside(scaled[own], points)
        is_part = town.offers is None and extent(definition, town.grant) != "all"
        rows.append(
            Row(
                town.tenant,
                town.population,
                tuple(points),
                median(one.value for one in points),
                points[-1],
                chart_of([points]) if town.offers is None else None,
                is_part,
                town.offers is not None,
                unfit,
                against,
            )
        )
    return Group(definition, per, tuple(rows))


def compare_screens(compare: Compare) -> list[Screen]:
    """/kpi/compare."""

    async def show(ask: Ask) -> Page:
        """Each KPI in the towns of which the reader may read it."""
        data = {
            "groups": await compare.groups(ask.call),
            "people": PEOPLE,
            "least": LEAST,
            "minutes": KEPT_FOR // 60_000_000,
        }
        return Page(f"{PACKAGE}:compare.html", "compare.title", data)

    return [Screen("/kpi/compare", show, package=PACKAGE, needs="read")]
