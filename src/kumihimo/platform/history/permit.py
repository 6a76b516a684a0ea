"""Whether a writer may change what was: asked of the entity as it stands, in the transaction, before it is written.

Of an entity that is deleted, or was never current, types and id are left: what these do not decide is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from kumihimo.base.errors import Forbidden, ResourceNotFound
from kumihimo.base.jsontext import parse
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.access.models import Names
from kumihimo.platform.broker import query as current
from kumihimo.platform.broker.masks import admits, admits_head, decided, names_of
from kumihimo.platform.broker.models import Allowed
from kumihimo.platform.broker.permit import UNNAMED, require
from kumihimo.platform.history.models import SCOPE
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Tx


def unknown(entity_id: str) -> ResourceNotFound:
    """What is said of an entity that has no past, or none that may be known of."""
    return ResourceNotFound(f"there is no temporal evolution of an entity {entity_id}")


async def permitted_tx(
    tx: Tx, entity_id: str, allowed: Allowed, attributes: Iterable[str], types: Sequence[str] = ()
) -> None:
    """Forbidden or ResourceNotFound where these attributes of the past may not be written, or these types added.

    Of an entity that has no past nothing is said unless types are given, which is what it would be.
    """
    if allowed.grant.is_all:
        return
    row = await tx.fetch_one("SELECT types FROM history_entity WHERE entity_id = $1", entity_id)
    doc = (await current.docs_tx(tx, [entity_id])).get(entity_id)
    if row is None and not types:
        return
    head = {"id": entity_id, "type": types if row is None else parse(row[0])}
    if row is not None and not _admits(allowed.sight, doc, head) and not _admits(allowed.grant, doc, head):
        if types:
            raise Forbidden(f"you may not write the past of entity {entity_id}")
        raise unknown(entity_id)
    if not _admits(allowed.grant, doc, head):
        raise Forbidden(f"you may not write the past of entity {entity_id}")
    names = _names(allowed.grant, head) if doc is None else names_of(allowed.grant.visible, doc)
    require((UNNAMED if name == SCOPE else name for name in attributes), names, entity_id)
    _check_types(allowed.grant, head, types, names)


async def erasable_tx(tx: Tx, entity_id: str, allowed: Allowed) -> None:
    """As permitted_tx, of all attributes that the entity ever had."""
    if allowed.grant.is_all:
        return
    rows = await tx.fetch("SELECT DISTINCT attribute FROM history WHERE entity_id = $1", entity_id)
    await permitted_tx(tx, entity_id, allowed, [UNNAMED, *(row[0] for row in rows)])


def _admits(grant: Grant, doc: EntityDoc | None, head: dict[str, Any]) -> bool:
    return admits_head(grant.restriction, head) if doc is None else admits(grant.restriction, doc)


def _names(grant: Grant, head: dict[str, Any]) -> Names:
    return grant.visible.names(partial(decided, head=head))


def _check_types(grant: Grant, head: dict[str, Any], types: Sequence[str], names: Names) -> None:
    """Types that are new do not move what was out of, or into, what the writer may write."""
    if all(one in head["type"] for one in types):
        return
    after = {**head, "type": [*head["type"], *types]}
    rows = grant.restriction.rows
    if (
        UNNAMED not in names
        or decided(rows, head) is not decided(rows, after)
        or _names(grant, head) != _names(grant, after)
    ):
        raise Forbidden(f"you may not add a type to the past of entity {head['id']}")
