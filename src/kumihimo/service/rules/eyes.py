"""What a rule looks up beside the entity at hand: its past, and other entities; with the rights of the set's owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kumihimo.base import times
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import GeoQuery, Query, TypeNode, TypeOr
from kumihimo.platform.history.models import TemporalQuery
from kumihimo.platform.history.query import History
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.rules.compile import Looks
from kumihimo.service.rules.definition import Join, Window
from kumihimo.service.rules.models import Functions, Uncomputed
from kumihimo.service.rules.naming import Names
from kumihimo.service.rules.refusal import Words
from kumihimo.service.rules.view import LOCATION, default_of, value_of, values_of
from kumihimo.service.rules.windows import MINUTE, Point, figure_of, within

MAX_JOINED: Final = 50
"""Entities of one join."""
MAX_POINTS: Final = 5000
"""Readings of one window: the newest, where there are more."""


class Eyes:
    """Looks up what a rule's windows and joins need."""

    def __init__(self, broker: Broker, history: History) -> None:
        self._broker = broker
        self._history = history
        self.functions: Functions | None = None

    async def call(self, tenant: str, rule_set: str, function: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """As models.Functions.call."""
        if self.functions is None:
            raise Uncomputed(
                Words("この基盤ではパックのプログラムは動きません。", "this platform runs no programs of packs")
            )
        return await self.functions.call(tenant, rule_set, function, arguments)

    async def known(self, tenant: str, grant: Grant, names: Names) -> list[tuple[str, list[str]]]:
        """The types there are, each with the attributes of its entities, as short names; of what the grant shows."""
        found = await self._broker.types(tenant, grant.restriction, grant.visible)
        return sorted((names.compact(name), sorted(map(names.compact, attrs))) for name, attrs, count in found if count)

    async def figures(self, tenant: str, looks: Looks, doc: EntityDoc, at: int, grant: Grant) -> dict[str, Any]:
        """The figure of each window, of attributes that the owner may see; None where there are too few readings."""
        found: dict[str, Any] = {}
        for window, attribute in looks.windows:
            points = await self._points(tenant, window, attribute, doc, at, grant)
            found[window.name] = figure_of(window.figure, within(points, at, window.minutes))
        return found

    async def _points(
        self, tenant: str, window: Window, attribute: str, doc: EntityDoc, at: int, grant: Grant
    ) -> Sequence[Point]:
        if attribute not in doc["attrs"]:
            return ()
        start = at - window.minutes * MINUTE
        if window.figure != "count":
            return await self._history.points(tenant, doc["id"], attribute, start, at, MAX_POINTS)
        return await self.past(tenant, doc["id"], (attribute,), start, at + 1, grant)

    async def past(
        self, tenant: str, entity_id: str, attributes: Sequence[str], start: int, end: int, grant: Grant
    ) -> list[Point]:
        """Moments and values of attributes from `start` up to before `end`, ascending."""
        query = TemporalQuery(
            "between",
            start,
            end,
            attrs=tuple(attributes),
            datasets=frozenset({""}),
            last_n=MAX_POINTS,
        )
        found = await self._history.entity(tenant, entity_id, query, grant.restriction, grant.visible)
        many = () if found is None else (one for name in attributes for one in found.doc["attrs"].get(name, ()))
        points = [(times.micros(times.parse(one["observedAt"])), value_of(one)) for one in many if "observedAt" in one]
        return sorted(points, key=lambda one: one[0])

    async def joined(self, tenant: str, looks: Looks, doc: EntityDoc, grant: Grant) -> dict[str, Any]:
        """The entities of each join as they are now, MAX_JOINED at most."""
        return {
            join.name: [
                values_of(one, looks.names.compact) for one in await self._join(tenant, join, types, via, doc, grant)
            ]
            for join, types, via in looks.joins
        }

    async def _join(
        self, tenant: str, join: Join, types: tuple[str, ...], via: str, doc: EntityDoc, grant: Grant
    ) -> list[EntityDoc]:
        if join.relationship:
            ids = _objects(doc, via)
            return await self.find(tenant, types, grant, ids=ids) if ids else []
        place = default_of(doc["attrs"].get(LOCATION, ()))
        if place is None:
            return []
        shape = place["value"]
        if join.inside:
            near = GeoQuery("contains", shape, LOCATION)
        else:
            near = GeoQuery("near", shape, LOCATION, max_distance=float(join.metres))
        found = await self.find(tenant, types, grant, near=near, limit=MAX_JOINED + 1)
        return [one for one in found if one["id"] != doc["id"]][:MAX_JOINED]

    async def find(
        self,
        tenant: str,
        types: Sequence[str],
        grant: Grant,
        *,
        ids: tuple[str, ...] = (),
        near: GeoQuery | None = None,
        limit: int = MAX_JOINED,
    ) -> list[EntityDoc]:
        """Entities of the types that the owner may see."""
        query = Query(grant.restriction, grant.visible, types=type_node(types), ids=ids, geo=near, limit=limit)
        return (await self._broker.find(tenant, query)).entities

    async def get(self, tenant: str, entity_id: str, grant: Grant) -> EntityDoc | None:
        """One entity as it is now; None where there is none that the owner may see."""
        return await self._broker.get(tenant, entity_id, grant.restriction, grant.visible)


def type_node(types: Sequence[str]) -> TypeNode | None:
    """Any of the types; None for all."""
    if not types:
        return None
    return types[0] if len(types) == 1 else TypeOr(tuple(types))


def _objects(doc: EntityDoc, relationship: str) -> tuple[str, ...]:
    found: list[str] = []
    for one in doc["attrs"].get(relationship, ()):
        named = one.get("object", one.get("objectList", ()))
        found += [named] if isinstance(named, str) else [each for each in named if isinstance(each, str)]
    return tuple(found[:MAX_JOINED])
