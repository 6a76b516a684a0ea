"""Purging: many entities, or some of their attributes, are taken away by a query (clause 6.4.3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.models import ANYTHING, Allowed, Change, Op, Outcome, Query
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.ngsild.answers import Answer, done, plain
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import request_context
from kumihimo.platform.ngsild.parameters import READING, SELECTION, expand_names, read_flag, read_query, split_list
from kumihimo.platform.ngsild.table import Operation

STEP = 500
"""How many entities are read and changed in one transaction."""


async def purge_entities(ask: Ask) -> Answer:
    """Clause 6.4.3.3 (5.6.21): deletes the entities that a query selects; with keep or drop, only their attributes.

    204; 207 where some could not be deleted. What is named by `drop` goes, or all but what is named by `keep`.
    With dryRun=true, which is ours, nothing goes: 200 with how much would.
    """
    some = ask.query.get("keep") or ask.query.get("drop")
    allowed = await ask.allowed("write" if some else "delete")
    context = await request_context(ask)
    keep = expand_names(split_list(ask.query.get("keep", "")), context)
    drop = expand_names(split_list(ask.query.get("drop", "")), context)
    if keep and drop:
        raise BadRequestData("keep and drop exclude each other")
    attrs = expand_names(split_list(ask.query.get("attrs", "")), context)
    # What is selected is what the caller may see: what a refusal says of it is not more than that.
    query = replace(read_query(ask.query, context, allowed.sight, attrs), limit=STEP)
    if read_flag(ask.query, "dryRun"):
        return await _counted(ask, query, keep, drop)
    refused: list[Outcome] = []
    success: list[str] = []
    while True:
        found = await ask.face.broker.find(ask.tenant, query)
        outcomes = await ask.face.broker.apply(ask.call, _changes(found.entities, keep, drop, allowed))
        refused += [one for one in outcomes if one.problem is not None and one.problem.status != 404]
        success += [one.id for one in outcomes if one.problem is None]
        if not found.after:
            break
        query = replace(query, after=found.after)
    if not refused:
        return done()
    errors = [{"entityId": one.id, "error": one.problem.document()} for one in refused if one.problem is not None]
    return plain(207, {"success": list(dict.fromkeys(success)), "errors": errors})


async def _counted(ask: Ask, query: Query, keep: Sequence[str], drop: Sequence[str]) -> Answer:
    """How many entities would be touched, and where only attributes would go, how many of these."""
    entities = attributes = 0
    while True:
        found = await ask.face.broker.find(ask.tenant, query)
        changes = _changes(found.entities, keep, drop, ANYTHING)
        entities += len({one.id for one in changes})
        attributes += sum(one.op is Op.DELETE_ATTRIBUTE for one in changes)
        if not found.after:
            break
        query = replace(query, after=found.after)
    body = {"entities": entities} | ({"attributes": attributes} if keep or drop else {})
    answer = plain(200, body)
    answer.headers.append((b"ngsild-results-count", str(entities).encode()))
    return answer


def _changes(entities: Sequence[EntityDoc], keep: Sequence[str], drop: Sequence[str], allowed: Allowed) -> list[Change]:
    """What takes away what is asked for; entities are as the caller may see them."""
    if not keep and not drop:
        return [Change(Op.DELETE, doc["id"], allowed=allowed) for doc in entities]
    return [
        Change(Op.DELETE_ATTRIBUTE, doc["id"], attribute=name, every=True, allowed=allowed)
        for doc in entities
        for name in doc["attrs"]
        if (name in drop if drop else name not in keep)
    ]


PURGE = Operation(purge_entities, SELECTION | READING | {"attrs", "keep", "drop", "dryRun"})
