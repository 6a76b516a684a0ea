"""The entities that a notified entity links to: for a q that asks about them (clause 4.9), and for join (4.5.23)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kumihimo.base.errors import TooManyResults
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.links import linked_tx
from kumihimo.platform.broker.models import QAnd, QLink, QNode, QOr
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.jsonld.rendering import Rendering
from kumihimo.storage.database import Database

log = logging.getLogger(__name__)

Docs = Mapping[str, EntityDoc]


def asks_of_links(q: QNode) -> bool:
    """Whether a part of the expression reaches into a linked entity."""
    if isinstance(q, QLink):
        return True
    return isinstance(q, QAnd | QOr) and any(asks_of_links(part) for part in q.parts)


def _depth(q: QNode) -> int:
    if isinstance(q, QLink):
        return 1 + _depth(q.part)
    return max(map(_depth, q.parts), default=0) if isinstance(q, QAnd | QOr) else 0


def _look(q: QNode, look: Rendering) -> Rendering:
    """What shows the relationships that the expression follows, and no other."""
    followed: dict[str, Rendering] = {}
    waiting = [q]
    while waiting:
        node = waiting.pop()
        if isinstance(node, QLink):
            behind = _look(node.part, followed.get(node.attribute, look))
            known = followed.get(node.attribute)
            followed[node.attribute] = behind if known is None else _both(known, behind)
        elif isinstance(node, QAnd | QOr):
            waiting.extend(node.parts)
    return replace(look, pick=tuple(followed) or ("id",), linked=tuple(followed.items()))


def _both(one: Rendering, other: Rendering) -> Rendering:
    """What shows what either shows."""
    return replace(one, pick=(*one.pick, *other.pick), linked=(*one.linked, *other.linked))


async def asked(database: Database, tenant: str, q: QNode, doc: EntityDoc, look: Rendering, grant: Grant) -> Docs:
    """The linked entities that the expression asks about, as the subscription's maker may see them."""
    return await _read(database, tenant, [doc], _look(q, look), _depth(q), grant)


async def joined(
    database: Database, tenant: str, docs: Sequence[EntityDoc], look: Rendering, level: int, grant: Grant
) -> Docs:
    """The linked entities that are told along, as the subscription's maker may see them."""
    return await _read(database, tenant, docs, look, level, grant)


async def _read(
    database: Database, tenant: str, docs: Sequence[EntityDoc], look: Rendering, level: int, grant: Grant
) -> Docs:
    try:
        return await database.read(
            tenant, lambda tx: linked_tx(tx, docs, look, level, (), grant.restriction, grant.visible)
        )
    except TooManyResults:
        # The change itself is told of all the same.
        log.warning("too many linked entities", extra={"tenant": tenant, "entity": docs[0]["id"]})
        return {}
