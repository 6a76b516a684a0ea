"""Entities that were written into the past alone (clause 5.6.11) and never stood among the current ones: finding them.

They are few beside the current ones, and the broker does not know them; so they are asked in memory, as
subscriptions are, with the newest instance of each attribute and dataset.
"""

from __future__ import annotations

from typing import Any

from kumihimo.base.errors import TooManyResults
from kumihimo.base.jsontext import parse
from kumihimo.platform.broker.evaluate import admits, matches_geo, matches_q, matches_types
from kumihimo.platform.broker.models import Query
from kumihimo.platform.broker.patterns import compiled
from kumihimo.platform.broker.scopes import matches_scope, parse_scope_q
from kumihimo.platform.history.store import COUNTS
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.storage.database import Tx

MAX_APART = 20_000


async def apart_tx(tx: Tx, query: Query) -> list[str]:
    """Ids of those that the query selects, in their order; TooManyResults where there are more than 20,000 in all."""
    rows = await tx.fetch(
        f"SELECT entity_id, types, scope FROM history_entity WHERE apart = 1 ORDER BY entity_id LIMIT {MAX_APART + 1}"
    )
    if len(rows) > MAX_APART:
        raise TooManyResults(f"there are more than {MAX_APART} entities of the past alone; ask for them by id")
    found = []
    for entity_id, types, scope in rows:
        head: Any = {"id": entity_id, "type": parse(types), "scope": parse(scope), "attrs": {}}
        if not _head_fits(head, query):
            continue
        if query.attrs or query.q or query.geo or not query.restriction.everything:
            head["attrs"] = await _newest_tx(tx, entity_id)
        if _fits(head, query):
            found.append(entity_id)
    return found


def _head_fits(doc: EntityDoc, query: Query) -> bool:
    return (
        (query.types is None or matches_types(doc["type"], query.types))
        and (not query.ids or doc["id"] in query.ids)
        and (not query.id_pattern or compiled(query.id_pattern).search(doc["id"]) is not None)
        and (not query.scope_q or matches_scope(doc.get("scope", []), parse_scope_q(query.scope_q)))
    )


def _fits(doc: EntityDoc, query: Query) -> bool:
    if not admits(query.restriction, doc):
        return False
    seen = {name: many for name, many in doc["attrs"].items() if query.visible.shows(name)}
    doc = {**doc, "attrs": seen}
    return (
        (not query.attrs or any(name in seen for name in query.attrs))
        and (query.q is None or matches_q(doc, query.q))
        and (query.geo is None or matches_geo(doc, query.geo))
    )


async def _newest_tx(tx: Tx, entity_id: str) -> dict[str, list[Instance]]:
    rows = await tx.fetch(
        f"SELECT h.attribute, h.dataset, h.instance FROM history h WHERE h.entity_id = $1 AND h.kind = 0 AND {COUNTS}"
        " ORDER BY coalesce(h.observed_at, h.modified_at), h.seq, h.ordinal",
        entity_id,
    )
    newest = {(attribute, dataset): instance for attribute, dataset, instance in rows}
    attrs: dict[str, list[Instance]] = {}
    for (attribute, _), instance in newest.items():
        attrs.setdefault(attribute, []).append(parse(instance))
    return attrs
