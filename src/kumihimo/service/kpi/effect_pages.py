"""The page of one KPI before and after a day."""

from __future__ import annotations

from datetime import date
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.screens import Ask, Page, Screen
from kumihimo.service.kpi.chart import chart_of
from kumihimo.service.kpi.door import Kpi, extent
from kumihimo.service.kpi.effect import LEAST, Basis, begins, effect_of, points_of
from kumihimo.service.kpi.models import Definition
from kumihimo.service.kpi.screens import PACKAGE, Rights

FIRST_YEAR: Final = 1900


def effect_screens(kpi: Kpi, rights: Rights, clock: Clock) -> list[Screen]:
    """/kpi/{id}/effect."""
    pages = _Pages(kpi, rights, clock)
    return [Screen("/kpi/{id}/effect", pages.show, package=PACKAGE, needs="read")]


async def definition_of(kpi: Kpi, tenant: str, id_: str) -> Definition:
    """A KPI of a tenant by its id. ResourceNotFound."""
    found = next((one for one in await kpi.definitions(tenant) if one.id == id_), None)
    if found is None:
        raise ResourceNotFound(f"there is no KPI {id_[:64]!r}")
    return found


def day_of_text(text: str) -> date:
    """A day as a form sends it, 2025-04-01. BadRequestData."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if found.year < FIRST_YEAR or found.year == date.max.year:
        raise BadRequestData(f"{text[:40]!r} is no day; write it as 2025-04-01").worded("kpi.refused.day")
    return found


class _Pages:
    def __init__(self, kpi: Kpi, rights: Rights, clock: Clock) -> None:
        self._kpi = kpi
        self._rights = rights
        self._clock = clock

    async def show(self, ask: Ask) -> Page:
        """All figures of the KPI and, where a day is chosen, those before it against those from it on."""
        grant = await self._rights(ask.call)
        definition = await definition_of(self._kpi, ask.tenant, ask.path["id"])
        figures = await self._kpi.figures(ask.tenant, definition.id, grant)
        asked, problem, effect, day = ask.query.get("date", "").strip(), None, None, None
        basis: Basis = "all" if ask.query.get("basis") == "all" else "months"
        if asked:
            try:
                day = day_of_text(asked)
                effect = effect_of(figures, day, times.micros(self._clock.now()), basis)
            except Problem as refused:
                problem = refused
        known = points_of(one for one in figures if one.state == "known" and one.value is not None)
        groups = [known] if effect is None else [effect.before, effect.after]
        data = {
            "definition": definition,
            "extent": extent(definition, grant),
            "effect": effect,
            "chart": chart_of(groups, None if day is None else begins(day)),
            "asked": asked,
            "basis": basis,
            "least": LEAST,
            "count": len(known),
            "problem": problem,
        }
        return Page(f"{PACKAGE}:effect.html", "effect.title", data, status=200 if problem is None else problem.status)
