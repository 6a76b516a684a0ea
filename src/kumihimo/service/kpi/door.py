"""The room's door: wings register what they measure; figures are made from history each time they are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access.grants import Grant, Restriction
from kumihimo.platform.access.models import EVERY_ROW, NO_ROW
from kumihimo.platform.access.rows import all_of, of_type
from kumihimo.service.kpi.models import Definition, Figure

Source = Callable[[str, Restriction], Awaitable[Sequence[Figure]]]
"""The figures of a tenant that rest on these of its entities alone."""
Extent = Literal["all", "part", "none"]


def readable(definition: Definition, grant: Grant) -> Restriction:
    """The entities of which a caller may read all that the KPI rests on."""
    visible = grant.visible.of_type(definition.type)
    rows = all_of((of_type(grant.restriction.rows, definition.type), *map(visible.where, definition.attributes)))
    return Restriction(rows)


def extent(definition: Definition, grant: Grant) -> Extent:
    """How much of a KPI a caller may see, as far as its rights alone tell."""
    rows = readable(definition, grant).rows
    return "all" if rows == EVERY_ROW else "none" if rows == NO_ROW else "part"


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

    async def figures(self, tenant: str, kpi: str, grant: Grant) -> list[Figure]:
        """The figures of one KPI that the caller may see: known ones first, then by time. ResourceNotFound for an
        unknown KPI.
        """
        if kpi not in self._sources:
            raise ResourceNotFound(f"there is no KPI {kpi!r}")
        figures = await self._figures(tenant, kpi, grant)
        return sorted(figures, key=lambda figure: (figure.state != "known", figure.at, figure.id))

    async def figure(self, tenant: str, figure_id: str, grant: Grant) -> tuple[Definition, Figure]:
        """One figure with its definition. ResourceNotFound also where the caller may not see it."""
        for definition, _ in self._sources.values():
            if not figure_id.startswith(definition.id + "."):
                continue
            for figure in await self._figures(tenant, definition.id, grant):
                if figure.id == figure_id:
                    return definition, figure
        raise ResourceNotFound(f"there is no figure {figure_id!r}")

    async def _figures(self, tenant: str, kpi: str, grant: Grant) -> Sequence[Figure]:
        definition, source = self._sources[kpi]
        restriction = readable(definition, grant)
        return [] if restriction.rows == NO_ROW else await source(tenant, restriction)
