"""The page that everybody may see, and the one on which it is chosen what stands there."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Page, Redirect, Screen
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.kpi.effect_pages import day_of_text
from kumihimo.service.kpi.measures import LEVELS, said
from kumihimo.service.kpi.measures_door import Measures
from kumihimo.service.kpi.public.door import Public
from kumihimo.service.kpi.public.models import LEAST_FIGURES, LEAST_READINGS, Kind
from kumihimo.service.kpi.screens import PACKAGE

PATH: Final = "/public/kpi"
CHOOSES: Final = "policies"
"""What one must be allowed to do to choose: the right by which a town publishes anything."""
_KINDS: Final[dict[str, Kind]] = {"kpi": "kpi", "measure": "measure"}


def public_screens(public: Public, kpi: Kpi, measures: Measures) -> list[Screen]:
    """/public/kpi for everybody, and /kpi-public for whoever chooses."""
    pages = _Pages(public, kpi, measures)
    return [
        Screen(PATH, pages.show, package=PACKAGE, needs="", is_public=True),
        Screen(
            "/kpi-public",
            pages.choose,
            pages.take,
            nav="public.nav",
            order=68,
            package=PACKAGE,
            needs=CHOOSES,
            takes=CHOOSES,
            menu="nav.manage",
        ),
    ]


class _Pages:
    def __init__(self, public: Public, kpi: Kpi, measures: Measures) -> None:
        self._public = public
        self._kpi = kpi
        self._measures = measures

    async def show(self, ask: Ask) -> Page:
        """What the town shows everybody: figures, targets, method, uncertainty, and as of when."""
        kpis, measures = await self._public.page(ask.tenant)
        data = {
            "kpis": kpis,
            "measures": sorted(measures, key=lambda each: LEVELS.index(each.measure.level)),
            "least": LEAST_READINGS,
            "least_figures": LEAST_FIGURES,
            "said": said,
        }
        return Page(f"{PACKAGE}:public.html", "public.title", data)

    async def choose(self, ask: Ask) -> Page:
        """Every KPI and measure of the town with whether everybody sees it."""
        return await self._choose(ask)

    async def _choose(self, ask: Ask, problem: Problem | None = None) -> Page:
        every = [one for branch in await self._measures.tree(ask.tenant) for one in branch.walk()]
        data = {
            "definitions": await self._kpi.definitions(ask.tenant),
            "every": every,
            "shown": {(one.kind, one.ref): one for one in await self._public.shown(ask.tenant)},
            "changed": await self._public.changed(ask.tenant),
            "public_path": f"{ask.base_url}/t/{ask.tenant}{PATH}",
            "least": LEAST_READINGS,
            "least_figures": LEAST_FIGURES,
            "problem": problem,
        }
        page = Page(f"{PACKAGE}:public_choose.html", "public.choose.title", data)
        return page if problem is None else replace(page, status=problem.status, headers=problem.headers())

    async def take(self, ask: Ask) -> Answer:
        """Takes the form: kind and ref, action show (with since, a day or nothing) or hide."""
        try:
            kind = _KINDS.get(ask.form.get("kind", ""))
            if kind is None:
                raise BadRequestData("kind is kpi or measure")
            ref, since = ask.form.get("ref", ""), ask.form.get("since", "").strip()
            if ask.form.get("action") == "show":
                await self._public.put(ask.call, kind, ref, day_of_text(since) if since else None)
            else:
                await self._public.take(ask.call, kind, ref)
        except Problem as problem:
            return await self._choose(ask, problem)
        return Redirect("/kpi-public")
