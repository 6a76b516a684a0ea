"""The register: which packs there are and which towns run them; and the planner, which finds towns like this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Page, Redirect
from kumihimo.platform.broker.models import EVERYTHING
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.figures import FigureNow
from kumihimo.solutions.packs.installed import POPULATION
from kumihimo.solutions.packs.items import context_of
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.packs.likeness import MOST, alike, is_described, suits
from kumihimo.solutions.packs.models import TRAITS, Install, Town
from kumihimo.solutions.packs.ports import PackDoors
from kumihimo.solutions.packs.results import figures_of

PACKAGE: Final = "kumihimo.solutions.packs"
_Others = Sequence[tuple[Town, list[Install]]]


class Register:
    """/pack-register and /pack-planner. Of other towns only those are seen that let others see them."""

    def __init__(self, doors: PackDoors, packs: Packs, library: Library) -> None:
        self._doors = doors
        self._packs = packs
        self._library = library

    async def show(self, ask: Ask) -> Page:
        """The packs there are, which towns run each, and with which results."""
        own = {one.id: one for one in await self._packs.all(ask.tenant)}
        others = [(town, packs) for town, packs in await self._packs.towns() if town.tenant != ask.tenant]
        offered = {one.pack.id: one for one in self._library.all()}
        ids = [*offered, *(id_ for id_ in own if id_ not in offered)]
        entries = []
        for id_ in ids:
            held = offered[id_] if id_ in offered else (await self._packs.get(ask.tenant, id_))[1]
            entries.append(
                {
                    "held": held,
                    "pack": held.pack,
                    "own": own.get(id_),
                    "results": await self._results(ask.tenant, id_) if id_ in own else [],
                    "towns": await self._towns(id_, others),
                }
            )
        data = {"entries": entries, "broken": self._library.broken()}
        return Page(f"{PACKAGE}:register.html", "packs.register.title", data)

    async def _towns(self, id_: str, others: _Others) -> list[dict[str, Any]]:
        running = [(town, one) for town, packs in others for one in packs if one.id == id_]
        return [
            {"town": town, "install": one, "results": await self._results(town.tenant, id_)} for town, one in running
        ]

    async def _results(self, tenant: str, id_: str) -> list[FigureNow]:
        """The town's figures as a whole, which it offers by letting others see it."""
        try:
            _, held = await self._packs.get(tenant, id_)
            context = await context_of(self._doors.contexts, held)
            return await figures_of(self._doors, held, tenant, context, EVERYTHING)
        except Problem:  # a town whose store is ill is shown without figures
            return []

    async def planner(self, ask: Ask) -> Page:
        """What the town is like, towns like it and what they run, and the packs that are made for such a town."""
        return await self._planner(ask)

    async def describe(self, ask: Ask) -> Answer:
        """Takes the form: population, a box for each trait, listed."""
        form = ask.form
        text = form.get("population", "").replace(",", "").strip() or "0"
        try:
            if not (text.isascii() and text.isdecimal() and len(text) < 12):
                raise BadRequestData("population: say a whole number of people").said(POPULATION)
            traits = frozenset(one for one in TRAITS if form.get(one) == "yes")
            await self._packs.describe(Town(ask.tenant, int(text), traits, listed=form.get("listed") == "yes"))
        except Problem as problem:
            return await self._planner(ask, problem)
        return Redirect("/pack-planner")

    async def _planner(self, ask: Ask, problem: Problem | None = None) -> Page:
        town = await self._packs.town(ask.tenant)
        own = {one.id for one in await self._packs.all(ask.tenant)}
        offered = {one.pack.id: one.pack for one in self._library.all()}
        data = {
            "town": town,
            "described": is_described(town),
            "traits": TRAITS,
            "likes": [one for one in alike(town, await self._packs.towns()) if one.score > 0],
            "most": MOST,
            "own": own,
            "offered": offered,
            "suited": [one for one in offered.values() if suits(one.fits, town) and one.id not in own],
            "problem": problem,
        }
        page = Page(f"{PACKAGE}:planner.html", "packs.planner.title", data)
        return page if problem is None else replace(page, status=problem.status, headers=problem.headers())
