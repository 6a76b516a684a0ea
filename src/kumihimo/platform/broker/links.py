"""Following links (clause 4.5.23): the entities behind the relationships of an answer, as far as they may be seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kumihimo.base.errors import TooManyResults
from kumihimo.base.jsontext import parse, text
from kumihimo.platform.broker.conditions import Conditions
from kumihimo.platform.broker.masks import masked
from kumihimo.platform.broker.models import Restriction, Visible
from kumihimo.platform.jsonld.linked import Looked, targets_of
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.jsonld.rendering import Rendering
from kumihimo.storage.database import Tx

MAX_LEVEL = 10
"""How many links deep an answer may go (joinLevel)."""
MAX_LINKED = 5_000
"""Linked entities of one answer at most."""
_STEP = 500


async def linked_tx(
    tx: Tx,
    docs: Sequence[EntityDoc],
    look: Rendering,
    level: int,
    known: Collection[str],
    restriction: Restriction,
    visible: Visible,
) -> dict[str, EntityDoc]:
    """The entities behind the links that the look shows, by id, masked; without those that are known already.

    One look-up by ids for each level. TooManyResults over 5,000 entities.
    """
    found: dict[str, EntityDoc] = {}
    asked = set(known)
    walked: set[tuple[str, Rendering]] = set()
    wave: list[Looked] = [(doc, look) for doc in docs]
    for _ in range(level):
        ahead = [one for one in dict.fromkeys(targets_of(wave)) if one not in walked and one[0] not in known]
        walked.update(ahead)
        wanted = [target for target in dict.fromkeys(target for target, _ in ahead) if target not in asked]
        asked.update(wanted)
        if len(asked) - len(known) > MAX_LINKED:
            raise TooManyResults(
                f"the answer would hold more than {MAX_LINKED} linked entities; narrow it by limit, pick or joinLevel"
            )
        for start in range(0, len(wanted), _STEP):
            found |= await _seen_tx(tx, wanted[start : start + _STEP], restriction, visible)
        wave = [(found[target], behind) for target, behind in ahead if target in found]
    return found


async def _seen_tx(tx: Tx, ids: Sequence[str], restriction: Restriction, visible: Visible) -> dict[str, EntityDoc]:
    conditions = Conditions(tx.dialect)
    where = [tx.dialect.any_of("e.id", conditions.bind(text(list(ids))))]
    if not restriction.everything:
        where += conditions.restricted(restriction)
    rows = await tx.fetch(f"SELECT e.id, e.doc FROM entity e WHERE {' AND '.join(where)}", *conditions.parameters)
    return {row[0]: masked(parse(row[1]), visible) for row in rows}
