"""Entities found by what they were (clause 5.7.4.4): types and ids, then what holds in the window of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from kumihimo.base.errors import BadRequestData
from kumihimo.base.jsontext import text
from kumihimo.platform.access.grants import same_everywhere
from kumihimo.platform.access.models import Names
from kumihimo.platform.broker import query as current
from kumihimo.platform.broker.collation import collation
from kumihimo.platform.broker.models import Grant, Query
from kumihimo.platform.broker.scopes import ScopeNode, parse_scope_q
from kumihimo.platform.history.apart import apart_tx
from kumihimo.platform.history.masks import alike_tx
from kumihimo.platform.history.models import TemporalQuery
from kumihimo.platform.history.scope import reigns_tx, spans_of
from kumihimo.platform.history.window import PastConditions, Spans, Window
from kumihimo.storage.database import Tx

_CHUNK, _LARGEST_CHUNK = 200, 4000
"""How many entities one statement asks of: few at first, as a page may need no more."""


class Holder(NamedTuple):
    """An entity that the query finds; within are the parts of time in which its scope matched, None for all, names the
    attributes that may be seen of it.
    """

    entity_id: str
    within: Spans | None
    names: Names


class Holders(NamedTuple):
    """A page of them, the number of all where it was asked for, and the cursor of the next page."""

    page: list[Holder]
    total: int | None
    after: str


async def holders_tx(tx: Tx, query: Query, temporal: TemporalQuery) -> Holders:
    """The page of entities; where the count is not asked for, no more are looked at than it needs."""
    ids = await _candidates_tx(tx, query, temporal)
    # What selects is what the query names; members that are merely picked select nothing (clause 4.21).
    temporal = replace(temporal, attrs=query.attrs)
    order = _Order(temporal)
    behind = _behind(query.after) if query.after else ""
    wanted = None if query.count else query.offset + query.limit + 1
    if behind and not query.count:
        ids = [one for one in ids if order.follows(one, behind)]
    found = await _matching_tx(tx, ids, query, temporal, wanted)
    total = len(found) if query.count else None
    if behind:
        found = [one for one in found if order.follows(one.entity_id, behind)]
    page = found[query.offset : query.offset + max(query.limit, 0)]
    more = len(found) > query.offset + len(page) and bool(page)
    return Holders(page, total, cursor(page[-1].entity_id) if more else "")


async def _candidates_tx(tx: Tx, query: Query, temporal: TemporalQuery) -> list[str]:
    """Ids of all that types, ids and the restriction leave, in their order."""
    return _Order(temporal).sorted(await ids_tx(tx, query))


async def ids_tx(tx: Tx, query: Query) -> set[str]:
    """Ids of all that the query's types, ids and restriction leave, whether they are there now or were."""
    head = replace(query, q=None, geo=None, attrs=(), scope_q="", limit=1, offset=0, after="", count=False)
    selected = {one for _, one in await current.selected_tx(tx, head)}
    return selected.union(await apart_tx(tx, head))


async def _matching_tx(
    tx: Tx, ids: Sequence[str], query: Query, temporal: TemporalQuery, wanted: int | None
) -> list[Holder]:
    """Those of the entities that have what the query asks for in the window; `wanted` are enough."""
    node = parse_scope_q(query.scope_q) if query.scope_q else None
    found: list[Holder] = []
    start, size = 0, _CHUNK
    while start < len(ids):
        chunk = ids[start : start + size]
        start, size = start + size, min(2 * size, _LARGEST_CHUNK)
        matching: dict[str, Names] = {}
        for names, alike in (await alike_tx(tx, chunk, query.visible)).items():
            matching |= dict.fromkeys(await _holding_tx(tx, alike, names, query, temporal), names)
        held = [Holder(one, None, matching[one]) for one in chunk if one in matching]
        found += held if node is None else await _in_scope_tx(tx, held, node, temporal)
        if wanted is not None and len(found) >= wanted:
            break
    return found


async def _holding_tx(tx: Tx, ids: Sequence[str], names: Names, query: Query, temporal: TemporalQuery) -> set[str]:
    """Those that have an instance to show in the window, and satisfy q and the geo-query there.

    Of all of them the same attributes may be seen.
    """
    window, visible = Window(temporal, names, tx.dialect), same_everywhere(names)
    conditions = PastConditions(window, tx.dialect)
    where = [
        tx.dialect.any_of("n.entity_id", conditions.bind(text(list(ids)))),
        f"EXISTS (SELECT 1 FROM history h WHERE h.entity_id = n.entity_id AND {window.shown(conditions.bind)})",
    ]
    if query.q is not None:
        where.append(conditions.q(query.q, visible, Grant(query.restriction, visible)))
    if query.geo is not None:
        where.append(conditions.geo(query.geo, visible))
    rows = await tx.fetch(
        f"SELECT n.entity_id FROM history_entity n WHERE {' AND '.join(where)}", *conditions.parameters
    )
    return {row[0] for row in rows}


async def _in_scope_tx(tx: Tx, holders: Sequence[Holder], node: ScopeNode, temporal: TemporalQuery) -> list[Holder]:
    """Those that had an instance to show while their scope matched (annex C.5.16)."""
    reigns = await reigns_tx(tx, [one.entity_id for one in holders], temporal)
    found = []
    for one in holders:
        holder = one._replace(within=spans_of(reigns.get(one.entity_id, ()), node, temporal))
        if holder.within and await _shows_tx(tx, holder, temporal):
            found.append(holder)
    return found


async def _shows_tx(tx: Tx, holder: Holder, temporal: TemporalQuery) -> bool:
    bound: list[Any] = [holder.entity_id]

    def bind(value: Any) -> str:
        bound.append(value)
        return f"${len(bound)}"

    shown = Window(temporal, holder.names, tx.dialect).shown(bind, holder.within)
    row = await tx.fetch_one(f"SELECT 1 FROM history h WHERE h.entity_id = $1 AND {shown} LIMIT 1", *bound)
    return row is not None


class _Order:
    """The order of ids (clause 4.23): those that a collation does not tell apart stand by their characters."""

    def __init__(self, temporal: TemporalQuery) -> None:
        self._descending = temporal.descending
        self._key: Callable[[str], Any] = collation(temporal.collation).key if temporal.collation else str

    def sorted(self, ids: Iterable[str]) -> list[str]:
        """The ids in their order."""
        return sorted(sorted(ids), key=self._key, reverse=self._descending)

    def follows(self, one: str, behind: str) -> bool:
        """Whether the id stands after another."""
        left, right = self._key(one), self._key(behind)
        if left == right:
            return one > behind
        return bool(left < right) == self._descending


def cursor(entity_id: str) -> str:
    """The opaque text for "behind this entity"."""
    return "i:" + quote(entity_id, safe=":")


def _behind(after: str) -> str:
    if not after.startswith("i:"):
        raise BadRequestData("the page's cursor is not one that this platform gave; begin again without it")
    return unquote(after[2:])
