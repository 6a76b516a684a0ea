"""The door: what a town shows everybody. Chosen by whoever may change its policies, as all that is published is; it is
made anew each time it is asked for, a minute apart at least, and taken off at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Forbidden, ResourceNotFound
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import EVERYTHING, Grant
from kumihimo.service.kpi.door import Kpi, extent
from kumihimo.service.kpi.measures_door import Measures
from kumihimo.service.kpi.models import Definition
from kumihimo.service.kpi.public import store
from kumihimo.service.kpi.public.models import (
    Kind,
    PublicKpi,
    PublicMeasure,
    PublicTarget,
    Shown,
    is_fit,
    public_kpi,
)
from kumihimo.storage.database import PLATFORM, Database

KEPT_FOR: Final = 60_000_000
"""Microseconds for which figures that were made for strangers serve the next ones: their asking costs little."""
_KEPT: Final = 500


class Public:
    """What the towns of the platform show everybody."""

    def __init__(self, database: Database, clock: Clock, access: Access, kpi: Kpi, measures: Measures) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._kpi = kpi
        self._measures = measures
        self._made: dict[tuple[str, Shown], tuple[int, PublicKpi | PublicMeasure | None]] = {}
        self._turns: dict[tuple[str, Shown], asyncio.Lock] = {}
        database.removals.works.append(store.removed_tx)

    async def shown(self, tenant: str) -> list[Shown]:
        """What a town chose to show. The time it takes does not tell whether there is such a town."""
        return await self._database.read(PLATFORM, lambda tx: store.shown_tx(tx, tenant))

    async def shows(self, tenant: str) -> bool:
        """Whether a town shows anything."""
        return bool(await self.shown(tenant))

    async def put(self, call: Call, kind: Kind, ref: str, since: date | None) -> None:
        """Shows a KPI, compared from a day on where one is given, or a measure as it is now. Forbidden for whoever may
        not change policies, or may not read all that it rests on; ResourceNotFound for what there is not.
        """
        await self._access.decide(call, "policies")
        grant = await self._access.decide(call, "read")
        revision, definitions = await self._rests(call.tenant, kind, ref)
        for definition in definitions:
            _check_whole(definition, grant)
        rests = frozenset(one.key for one in definitions)
        day, now = since if kind == "kpi" else None, times.micros(self._clock.now())
        one = Shown(kind, ref, day, now, str(call.actor), rests, revision)
        await self._database.write(PLATFORM, lambda tx: store.put_tx(tx, call.tenant, one))

    async def take(self, call: Call, kind: Kind, ref: str) -> None:
        """Shows it no more, from now on. Forbidden."""
        await self._access.decide(call, "policies")
        await self._database.write(PLATFORM, lambda tx: store.take_tx(tx, call.tenant, kind, ref))

    async def page(self, tenant: str) -> tuple[list[PublicKpi], list[PublicMeasure]]:
        """What everybody sees of a town: its KPIs and its measures, as far as their figures are fit for it."""
        kpis, measures = [], []
        for one in await self.shown(tenant):
            made = await self._of(tenant, one)
            if isinstance(made, PublicKpi):
                kpis.append(made)
            elif made is not None:
                measures.append(made)
        return kpis, measures

    async def _of(self, tenant: str, one: Shown) -> PublicKpi | PublicMeasure | None:
        """Made once a minute at most, however many ask; what is slow holds up nothing else. None for what is gone."""
        key = (tenant, one)
        async with self._turns.setdefault(key, asyncio.Lock()):
            now, kept = times.micros(self._clock.now()), self._made.get(key)
            if kept is not None and 0 <= now - kept[0] < KEPT_FOR:
                return kept[1]
            try:
                made = await self._make(tenant, one, now)
            except ResourceNotFound:
                made = None
            if len(self._turns) > _KEPT:
                self._made.clear()
                self._turns.clear()
            self._made[key] = (now, made)
            return made

    async def _make(self, tenant: str, one: Shown, now: int) -> PublicKpi | PublicMeasure:
        if one.kind == "kpi":
            definition = await self._definition(tenant, one.ref)
            if not one.holds(definition):
                raise ResourceNotFound(f"{one.ref[:64]!r} is another KPI than the one that was chosen")
            figures = await self._kpi.figures(tenant, one.ref, EVERYTHING)
            return public_kpi(definition, figures, one.since, now)
        measure = await self._measures.version(tenant, one.ref, one.revision)
        held = {each.id for each in await self._kpi.definitions(tenant) if one.holds(each)}
        chosen = replace(measure, targets=tuple(each for each in measure.targets if each.kpi in held))
        seen = (await self._measures.seen(tenant, [chosen], EVERYTHING, is_over=True))[measure.id]
        targets = []
        for each in seen:
            figure = None if each.standing is None else each.standing.figure
            state: str = "no-data" if each.standing is None else each.standing.state
            if figure is not None and not is_fit(figure):
                figure, state = None, "withheld"
            targets.append(PublicTarget(each.target, each.definition, figure, state))
        return PublicMeasure(chosen, tuple(targets), now)

    async def changed(self, tenant: str) -> set[tuple[Kind, str]]:
        """What was chosen and is another now: a measure that was changed since is shown as it was then, a KPI that
        somebody defined anew is not shown.
        """
        known = {one.id: one for one in await self._kpi.definitions(tenant)}
        measures = {one.id: one.revision for branch in await self._measures.tree(tenant) for one in branch.walk()}
        return {
            (one.kind, one.ref)
            for one in await self.shown(tenant)
            if (one.kind == "kpi" and one.ref in known and not one.holds(known[one.ref]))
            or (one.kind == "measure" and measures.get(one.ref, one.revision) != one.revision)
        }

    async def _rests(self, tenant: str, kind: Kind, ref: str) -> tuple[int, Sequence[Definition]]:
        """The revision of a measure, and the KPIs."""
        if kind == "kpi":
            return 0, [await self._definition(tenant, ref)]
        measure = await self._measures.get(tenant, ref)
        known = {one.id: one for one in await self._kpi.definitions(tenant)}
        return measure.revision, [known[one.kpi] for one in measure.targets if one.kpi in known]

    async def _definition(self, tenant: str, id_: str) -> Definition:
        found = next((one for one in await self._kpi.definitions(tenant) if one.id == id_), None)
        if found is None:
            raise ResourceNotFound(f"there is no KPI {id_[:64]!r}")
        return found


def _check_whole(definition: Definition, grant: Grant) -> None:
    """Who shows something to everybody may read it."""
    if extent(definition, grant) != "all":
        said = f"{definition.id} rests on data that you may not read as a whole; who may read it can show it"
        raise Forbidden(said).worded("public.refused.part", title=definition.id)
