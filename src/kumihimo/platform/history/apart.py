"""Entities of the past alone: written there (clause 5.6.11) and never among the current ones, or deleted since.

They are few beside the current ones, and the broker does not know them; so types and ids are asked in memory.
"""

from __future__ import annotations

from typing import Any

from kumihimo.base.errors import TooManyResults
from kumihimo.base.jsontext import parse, text
from kumihimo.platform.broker.evaluate import matches_types
from kumihimo.platform.broker.masks import admits_head
from kumihimo.platform.broker.models import Query
from kumihimo.platform.broker.patterns import compiled
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Tx

MAX_APART = 20_000


async def apart_tx(tx: Tx, query: Query) -> list[str]:
    """Ids of those that types, ids and the restriction leave; TooManyResults where there are more than 20,000 in all.

    What a restriction asks of attributes or scopes nobody can tell: nothing says any more what they are, and an
    entity that is not for certain among the rows is not given.
    """
    where, bound = "apart = 1 OR deleted_at IS NOT NULL", []
    if query.ids:
        where = f"({where}) AND {tx.dialect.any_of('entity_id', '$1')}"
        bound.append(text(list(query.ids)))
    rows = await tx.fetch(f"SELECT entity_id, types FROM history_entity WHERE {where} LIMIT {MAX_APART + 1}", *bound)
    if len(rows) > MAX_APART:
        raise TooManyResults(f"there are more than {MAX_APART} entities of the past alone; ask for them by id")
    heads: list[Any] = [{"id": entity_id, "type": parse(types), "attrs": {}} for entity_id, types in rows]
    return [doc["id"] for doc in heads if _fits(doc, query)]


def _fits(doc: EntityDoc, query: Query) -> bool:
    return (
        admits_head(query.restriction, doc)
        and (query.types is None or matches_types(doc["type"], query.types))
        and (not query.id_pattern or compiled(query.id_pattern).search(doc["id"]) is not None)
    )
