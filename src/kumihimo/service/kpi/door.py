"""The room's door: wings register what they measure, and towns have KPIs of their own; figures are made from history
each time they are asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access.grants import Grant, Restriction
from kumihimo.platform.access.models import EVERY_ROW, NO_ROW, RowNode, RowTypes
from kumihimo.platform.access.rows import all_of, any_of, of_type
from kumihimo.service.kpi.models import Definition, Figure

Source = Callable[[str, Restriction], Awaitable[Sequence[Figure]]]
"""The figures of a tenant that rest on these of its entities alone."""
Measured = tuple[Definition, Source]
Here = Callable[[str], Awaitable[bool]]
"""Whether something is measured in a tenant."""
Offered = Callable[[str], Awaitable[Sequence[Measured]]]
"""What is measured in a tenant beside what is registered, each with what makes its figures."""
Extent = Literal["all", "part", "none"]


def readable(definition: Definition, grant: Grant) -> Restriction:
    """The entities, of the types that the KPI rests on, of which a caller may read all that it rests on."""
    if not definition.also:
        return Restriction(_rows(grant, definition.type, definition.attributes))
    parts = (
        all_of((RowTypes(frozenset({type_})), _rows(grant, type_, attributes)))
        for type_, attributes in definition.rests
    )
    return Restriction(any_of(parts))


def extent(definition: Definition, grant: Grant) -> Extent:
    """How much of a KPI a caller may see, as far as its rights alone tell: of two types, one alone is no figure."""
    each = [Restriction(_rows(grant, type_, attributes)).rows for type_, attributes in definition.rests]
    if NO_ROW in each:
        return "none"
    return "all" if all(rows == EVERY_ROW for rows in each) else "part"


def _rows(grant: Grant, type_: str, attributes: Sequence[str]) -> RowNode:
    """Among the entities of a type, those of which the caller may read all of these attributes."""
    visible = grant.visible.of_type(type_)
    return all_of((of_type(grant.restriction.rows, type_), *map(visible.where, attributes)))


class Kpi:
    """The KPIs of every tenant. Figures are not stored: what they rest on is, and can be counted again."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[Measured, Here | None]] = {}
        self._offered: list[Offered] = []

    def register(self, definition: Definition, source: Source, here: Here | None = None) -> None:
        """Adds a KPI of the platform's own; here tells which tenants measure it, without it all do. ValueError for an
        id that is taken.
        """
        if definition.id in self._sources:
            raise ValueError(f"the KPI {definition.id!r} is registered already")
        self._sources[definition.id] = ((definition, source), here)

    def offer(self, offered: Offered) -> None:
        """Adds a place where tenants have KPIs of their own. An id that is registered stays the registered one's."""
        self._offered.append(offered)

    def registered(self) -> list[Definition]:
        """What the platform can measure, whoever measures it, in order of registration."""
        return [definition for (definition, _), _ in self._sources.values()]

    async def definitions(self, tenant: str) -> list[Definition]:
        """The KPIs of a tenant: first the platform's in order of registration, then its own."""
        return [definition for definition, _ in (await self._measured(tenant)).values()]

    async def figures(self, tenant: str, kpi: str, grant: Grant) -> list[Figure]:
        """The figures of one KPI that the caller may see: known ones first, then by time. ResourceNotFound for a KPI
        that the tenant does not have.
        """
        found = (await self._measured(tenant)).get(kpi)
        if found is None:
            raise ResourceNotFound(f"there is no KPI {kpi[:64]!r}")
        figures = await _figures(tenant, found, grant)
        return sorted(figures, key=lambda figure: (figure.state != "known", figure.at, figure.id))

    async def figure(self, tenant: str, figure_id: str, grant: Grant) -> tuple[Definition, Figure]:
        """One figure with its definition. ResourceNotFound also where the caller may not see it."""
        for found in (await self._measured(tenant)).values():
            definition, _ = found
            if not figure_id.startswith(definition.id + "."):
                continue
            for figure in await _figures(tenant, found, grant):
                if figure.id == figure_id:
                    return definition, figure
        raise ResourceNotFound(f"there is no figure {figure_id[:200]!r}")

    async def _measured(self, tenant: str) -> dict[str, Measured]:
        found = {id_: measured for id_, (measured, here) in self._sources.items() if here is None or await here(tenant)}
        for offered in self._offered:
            for measured in await offered(tenant):
                if measured[0].id not in self._sources:
                    found.setdefault(measured[0].id, measured)
        return found


async def _figures(tenant: str, measured: Measured, grant: Grant) -> Sequence[Figure]:
    definition, source = measured
    return [] if extent(definition, grant) == "none" else await source(tenant, readable(definition, grant))
