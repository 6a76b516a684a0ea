"""What may be seen of each entity's past: its rights are asked of the entity as it stands, and hold for all of time.

Of one that was deleted, or was never current, types and id are left; what these do not decide is not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kumihimo.base.jsontext import parse, text
from kumihimo.platform.access.models import Names
from kumihimo.platform.broker import query as current
from kumihimo.platform.broker.masks import decided, names_of
from kumihimo.platform.broker.models import Visible
from kumihimo.storage.database import Tx


async def masks_tx(tx: Tx, ids: Sequence[str], visible: Visible) -> dict[str, Names]:
    """The attributes that may be seen of each of the entities. Nothing is read where they are the same for all."""
    if visible.flat is not None:
        return dict.fromkeys(ids, visible.flat)
    docs = await current.docs_tx(tx, ids)
    heads = await tx.fetch(
        f"SELECT entity_id, types FROM history_entity WHERE {tx.dialect.any_of('entity_id', '$1')}", text(list(ids))
    )
    types: dict[str, Any] = {row[0]: parse(row[1]) for row in heads if row[0] not in docs}
    found = dict.fromkeys(ids, Names())
    found |= {one: names_of(visible, doc) for one, doc in docs.items()}
    for one, many in types.items():
        found[one] = visible.names(partial(decided, head={"id": one, "type": many}))
    return found


async def alike_tx(tx: Tx, ids: Sequence[str], visible: Visible) -> dict[Names, list[str]]:
    """The entities by what may be seen of them, so that those of one kind are asked together."""
    found: dict[Names, list[str]] = {}
    for one, names in (await masks_tx(tx, ids, visible)).items():
        found.setdefault(names, []).append(one)
    return found
