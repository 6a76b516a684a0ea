"""The pages of the room: all KPIs with their figures, and one figure with the readings behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kumihimo.base.call import Call
from kumihimo.base.screens import Answer, Ask, Page, Screen
from kumihimo.platform.access.grants import Grant
from kumihimo.service.kpi.door import Kpi, extent

PACKAGE = "kumihimo.service.kpi"
Rights = Callable[[Call], Awaitable[Grant]]
"""What a caller may read; a Problem for nothing at all."""


Shows = Callable[[str], Awaitable[bool]]
"""Whether a tenant shows figures to everybody."""


def kpi_screens(kpi: Kpi, rights: Rights, shows: Shows) -> list[Screen]:
    """/kpi and /kpi/{id}, with the figures of which a caller may read all that they rest on, and the way to what the
    town shows everybody, where it shows anything.
    """
    pages = _Pages(kpi, rights, shows)
    return [
        Screen("/kpi", pages.index, nav="kpi.nav", order=40, package=PACKAGE, needs="read"),
        Screen("/kpi/{id}", pages.figure, package=PACKAGE, needs="read"),
    ]


class _Pages:
    def __init__(self, kpi: Kpi, rights: Rights, shows: Shows) -> None:
        self._kpi = kpi
        self._rights = rights
        self._shows = shows

    async def index(self, ask: Ask) -> Answer:
        """All KPIs with their figures, and why some are not shown."""
        grant = await self._rights(ask.call)
        groups = [
            (one, await self._kpi.figures(ask.tenant, one.id, grant), extent(one, grant))
            for one in await self._kpi.definitions(ask.tenant)
        ]
        data = {"groups": groups, "shows": await self._shows(ask.tenant)}
        return Page(f"{PACKAGE}:kpi.html", "kpi.title", data)

    async def figure(self, ask: Ask) -> Answer:
        """One figure with the readings behind it."""
        definition, figure = await self._kpi.figure(ask.tenant, ask.path["id"], await self._rights(ask.call))
        data = {"definition": definition, "figure": figure, "base_url": ask.base_url}
        return Page(f"{PACKAGE}:figure.html", figure.label[ask.lang], data)
