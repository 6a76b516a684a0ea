"""What was: the temporal evolution of entities (ETSI GS CIM 009 clauses 4.11, 5.7.3 and 5.7.4).

Entities are selected by types and ids as they stand or stood last, and by what their attributes were in the window of
time. Deleted entities are among them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kumihimo.base.errors import InternalError
from kumihimo.platform.broker import query as current
from kumihimo.platform.broker.masks import admits, admits_head
from kumihimo.platform.broker.models import Query, Restriction, Visible
from kumihimo.platform.history.aggregate import figures_tx
from kumihimo.platform.history.evolve import HEAD, Series, assemble, head, series_tx
from kumihimo.platform.history.find import Holder, cursor, holders_tx
from kumihimo.platform.history.masks import masks_tx
from kumihimo.platform.history.models import MAX_INSTANCES, SCOPE, Evolution, FoundPast, TemporalQuery
from kumihimo.platform.history.scope import reigns_tx, shown
from kumihimo.platform.history.store import COUNTS
from kumihimo.platform.history.window import Window
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Database, Row, Tx


class History:
    """Reads what the broker's writes left behind; page is how many instances of an attribute an answer holds."""

    def __init__(self, database: Database, page: int = 0) -> None:
        self._database = database
        self._page = page

    def _sized(self, query: TemporalQuery) -> TemporalQuery:
        return replace(query, page=self._page) if self._page else query

    async def entity(
        self, tenant: str, entity_id: str, query: TemporalQuery, restriction: Restriction, visible: Visible
    ) -> Evolution | None:
        """The temporal evolution of one entity, deleted ones included; None where there is none that may be seen."""
        sized = self._sized(query)
        return await self._database.read(tenant, lambda tx: entity_tx(tx, entity_id, sized, restriction, visible))

    async def find(self, tenant: str, query: Query, temporal: TemporalQuery) -> FoundPast:
        """The temporal evolution of the entities that have what the query selects in the window of time."""
        sized = self._sized(temporal)
        return await self._database.read(tenant, lambda tx: find_tx(tx, query, sized))

    async def points(
        self, tenant: str, entity_id: str, attribute: str, start: int, end: int, limit: int = 10_000
    ) -> list[tuple[int, Any]]:
        """Moments (microseconds) and numbers of the default instance's series, ascending, both ends included.

        Where there are more than `limit`, the newest are given.
        """
        return await self._database.read(tenant, lambda tx: points_tx(tx, entity_id, attribute, start, end, limit))


async def entity_tx(
    tx: Tx, entity_id: str, query: TemporalQuery, restriction: Restriction, visible: Visible
) -> Evolution | None:
    """As `History.entity`."""
    row = await tx.fetch_one(HEAD, entity_id)
    if row is None or not await _admitted_tx(tx, entity_id, row, restriction):
        return None
    names = (await masks_tx(tx, [entity_id], visible))[entity_id]
    return (await _evolutions_tx(tx, [Holder(entity_id, None, names)], query))[0]


async def _admitted_tx(tx: Tx, entity_id: str, row: Row, restriction: Restriction) -> bool:
    """The restriction is asked of the entity as it stands; a deleted one has types and id left only."""
    if restriction.everything:
        return True
    doc = (await current.docs_tx(tx, [entity_id])).get(entity_id)
    return admits_head(restriction, head(entity_id, row)) if doc is None else admits(restriction, doc)


async def find_tx(tx: Tx, query: Query, temporal: TemporalQuery) -> FoundPast:
    """As `History.find`; the page counts entities, and ends early where they have more instances than fit."""
    page, total, after = await holders_tx(tx, query, temporal)
    evolutions = await _evolutions_tx(tx, page, temporal)
    if len(evolutions) < len(page):
        after = cursor(evolutions[-1].doc["id"])
    extent = next((one.extent for one in evolutions if one.extent is not None), None)
    return FoundPast(evolutions, total, after, extent)


async def _evolutions_tx(tx: Tx, holders: list[Holder], query: TemporalQuery) -> list[Evolution]:
    """The entities over time, as many of them as one answer holds."""
    if query.aggregation is not None:
        return [await _figures_tx(tx, holder, query) for holder in holders]
    docs: list[EntityDoc] = []
    series: list[Series] = []
    for holder in holders:
        window = Window(query, holder.names, tx.dialect)
        found = await series_tx(tx, holder.entity_id, query, window, holder.within)
        if docs and found.size() + sum(one.size() for one in series) > MAX_INSTANCES:
            break
        docs.append(await _head_tx(tx, holder.entity_id))
        series.append(found)
    evolutions = assemble(docs, series, query)
    await _add_scopes_tx(tx, evolutions, query)
    return evolutions


async def _figures_tx(tx: Tx, holder: Holder, query: TemporalQuery) -> Evolution:
    window = Window(query, holder.names, tx.dialect)
    figures = await figures_tx(tx, holder.entity_id, query, window, holder.within)
    return Evolution(await _head_tx(tx, holder.entity_id), figures=figures)


async def _head_tx(tx: Tx, entity_id: str) -> EntityDoc:
    row = await tx.fetch_one(HEAD, entity_id)
    if row is None:
        raise InternalError(f"{entity_id} has instances, but is no entity of the past")
    return head(entity_id, row)


async def _add_scopes_tx(tx: Tx, evolutions: list[Evolution], query: TemporalQuery) -> None:
    reigns = await reigns_tx(tx, [one.doc["id"] for one in evolutions], query)
    for one in evolutions:
        instances = shown(reigns.get(one.doc["id"], ()), query)
        if instances:
            one.doc["attrs"][SCOPE] = instances


async def points_tx(
    tx: Tx, entity_id: str, attribute: str, start: int, end: int, limit: int = 10_000
) -> list[tuple[int, Any]]:
    """As `History.points`."""
    rows = await tx.fetch(
        "SELECT h.observed_at, h.number FROM history h WHERE h.entity_id = $1 AND h.attribute = $2 AND h.dataset = ''"
        f" AND h.observed_at >= $3 AND h.observed_at <= $4 AND h.number IS NOT NULL AND h.kind = 0 AND {COUNTS}"
        " ORDER BY h.observed_at DESC, h.seq DESC, h.ordinal DESC LIMIT $5",
        entity_id,
        attribute,
        start,
        end,
        limit,
    )
    return [(row[0], row[1]) for row in reversed(rows)]
