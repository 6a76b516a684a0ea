"""The room's door: wings register what they measure; figures are made from history each time they are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from kumihimo.base.errors import ResourceNotFound
from kumihimo.service.kpi.models import Definition, Figure

Source = Callable[[str], Awaitable[Sequence[Figure]]]
"""The figures of a tenant."""


class Kpi:
    """The KPIs of the platform. Figures are not stored: what they rest on is, and can be counted again."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[Definition, Source]] = {}

    def register(self, definition: Definition, source: Source) -> None:
        """Adds a KPI. ValueError for an id that is taken."""
        if definition.id in self._sources:
            raise ValueError(f"the KPI {definition.id!r} is registered already")
        self._sources[definition.id] = (definition, source)

    def definitions(self) -> list[Definition]:
        """All KPIs, in order of registration."""
        return [definition for definition, _ in self._sources.values()]

    async def figures(self, tenant: str, kpi: str) -> list[Figure]:
        """The figures of one KPI: known ones first, then by time. ResourceNotFound for an unknown KPI."""
        if kpi not in self._sources:
            raise ResourceNotFound(f"there is no KPI {kpi!r}")
        figures = await self._sources[kpi][1](tenant)
        return sorted(figures, key=lambda figure: (figure.state != "known", figure.at, figure.id))

    async def figure(self, tenant: str, figure_id: str) -> tuple[Definition, Figure]:
        """One figure with its definition. ResourceNotFound."""
        for definition, source in self._sources.values():
            if not figure_id.startswith(definition.id + "."):
                continue
            for figure in await source(tenant):
                if figure.id == figure_id:
                    return definition, figure
        raise ResourceNotFound(f"there is no figure {figure_id!r}")
