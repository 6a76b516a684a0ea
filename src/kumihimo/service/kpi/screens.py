"""The pages of the room: all KPIs with their figures, and one figure with the readings behind it."""

from __future__ import annotations

from kumihimo.base.screens import Answer, Ask, Page, Screen
from kumihimo.service.kpi.door import Kpi

PACKAGE = "kumihimo.service.kpi"


def kpi_screens(kpi: Kpi) -> list[Screen]:
    """/kpi and /kpi/{id}."""
    pages = _Pages(kpi)
    return [
        Screen("/kpi", pages.index, nav="kpi.nav", order=40, package=PACKAGE),
        Screen("/kpi/{id}", pages.figure, package=PACKAGE),
    ]


class _Pages:
    def __init__(self, kpi: Kpi) -> None:
        self._kpi = kpi

    async def index(self, ask: Ask) -> Answer:
        """All KPIs with their figures."""
        groups = [(one, await self._kpi.figures(ask.tenant, one.id)) for one in self._kpi.definitions()]
        return Page(f"{PACKAGE}:kpi.html", "kpi.title", {"groups": groups})

    async def figure(self, ask: Ask) -> Answer:
        """One figure with the readings behind it."""
        definition, figure = await self._kpi.figure(ask.tenant, ask.path["id"])
        data = {"definition": definition, "figure": figure, "base_url": ask.base_url}
        return Page(f"{PACKAGE}:figure.html", figure.label[ask.lang], data)
