"""The scopes that entities had over time (clauses 4.18, 5.7.4.4 and annex C.5.16)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kumihimo.base.errors import TooManyResults
from kumihimo.base.jsontext import parse, text
from kumihimo.platform.broker.scopes import ScopeNode, matches_scope
from kumihimo.platform.history.evolve import INSTANCE_ID
from kumihimo.platform.history.models import SCOPE, TemporalQuery
from kumihimo.platform.history.store import COUNTS, INSTANCE
from kumihimo.platform.jsonld.models import Instance
from kumihimo.storage.database import Tx

MAX_CHANGES = 1_000
"""Changes of scope of one entity that a query looks at."""
_ALWAYS = 1 << 62


class Reign(NamedTuple):
    """A scope and how long it held: from start until before stop. scopes is empty for none."""

    start: int
    stop: int
    scopes: list[str]
    instance: Instance


async def reigns_tx(tx: Tx, entity_ids: Sequence[str], query: TemporalQuery) -> dict[str, list[Reign]]:
    """The scopes of each of the entities, one after the other; deletions are among them."""
    moment = "coalesce(h.observed_at, h.modified_at)" if query.timeproperty == "observedAt" else "h.modified_at"
    rows = await tx.fetch(
        f"SELECT h.entity_id, {moment} AS moment, h.seq, h.ordinal, h.kind, h.instance FROM history h"
        f" WHERE {tx.dialect.any_of('h.entity_id', '$1')} AND h.attribute = '{SCOPE}' AND h.instance <> '' AND {COUNTS}"
        " ORDER BY h.entity_id, moment, h.seq, h.ordinal",
        text(list(entity_ids)),
    )
    changes: dict[str, list[tuple[int, list[str], Instance]]] = {}
    for entity_id, at, seq, ordinal, kind, stored in rows:
        instance = parse(stored)
        instance["instanceId"] = f"{INSTANCE_ID}{seq}-{ordinal}"
        changes.setdefault(entity_id, []).append((at, _scopes(instance) if kind == INSTANCE else [], instance))
    return {one: _reigns(one, many) for one, many in changes.items()}


def _scopes(instance: Instance) -> list[str]:
    value: Any = instance["value"]
    return value if isinstance(value, list) else [value]


def _reigns(entity_id: str, changes: Sequence[tuple[int, list[str], Instance]]) -> list[Reign]:
    if len(changes) > MAX_CHANGES:
        raise TooManyResults(f"the scope of {entity_id} changed more than {MAX_CHANGES} times")
    stops = [at for at, _, _ in changes[1:]] + [_ALWAYS]
    return [Reign(at, stop, scopes, instance) for (at, scopes, instance), stop in zip(changes, stops, strict=True)]


def spans_of(reigns: Sequence[Reign], node: ScopeNode, query: TemporalQuery) -> list[tuple[int, int]]:
    """The parts of the query's time in which the scope matched; those that touch are one."""
    begin, end = limits(query)
    spans: list[tuple[int, int]] = []
    for reign in reigns:
        start, stop = max(reign.start, begin), min(reign.stop, end)
        if start >= stop or not matches_scope(reign.scopes, node):
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return spans


def limits(query: TemporalQuery) -> tuple[int, int]:
    """The first moment of the query's time and the first behind it."""
    begin = query.time_at if query.timerel in {"after", "between"} else -_ALWAYS
    end = query.end_time_at if query.timerel == "between" else query.time_at if query.timerel == "before" else _ALWAYS
    return begin, end


def shown(reigns: Sequence[Reign], query: TemporalQuery) -> list[Instance]:
    """What is given of the scope: what held at some moment of the query's time, the newest last_n of them.

    Of deletions what was deleted in that time, where they are asked for; else they are not given. A scope that was
    deleted is told as none, [], and not as the NGSI-LD Null of clause 4.18: so has it ETSI's suite (020_19, 020_20).
    """
    begin, end = limits(query)
    if query.timeproperty == "deletedAt":
        told = [one for one in reigns if "deletedAt" in one.instance and begin <= one.start < end]
        kept = [one._replace(instance={**one.instance, "value": one.scopes}) for one in told]
    else:
        kept = [one for one in reigns if one.scopes and one.start < end and one.stop > begin and one.start < one.stop]
    kept = kept[-query.last_n :] if query.last_n else kept
    return [one.instance for one in kept]
