"""Writing the past in bulk: what `remember_tx` does for readings, at the pace of the engine's own inserts.

Most of what is imported lies where nothing was before. So each series of a batch is asked first whether it has anything
between its first and last moment, many series in one statement; only where it has are moments looked up one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from kumihimo.base import jsontext, times
from kumihimo.base.errors import PayloadTooLarge
from kumihimo.platform.broker.instances import MAX_BYTES, same_reading, stamped
from kumihimo.platform.history import store
from kumihimo.platform.jsonld.models import Instance
from kumihimo.storage.database import Tx

COLUMNS = (
    "seq",
    "ordinal",
    "kind",
    "entity_id",
    "attribute",
    "dataset",
    "observed_at",
    "created_at",
    "modified_at",
    "target_seq",
    "target_ordinal",
    "number",
    "expires_at",
    "instance",
)
_CHUNK = 64
_SPANS = (
    "WITH asked (place, entity_id, attribute, first, last) AS (VALUES "
    + ", ".join(
        f"(CAST(${n} AS BIGINT), CAST(${n + 1} AS TEXT), CAST(${n + 2} AS TEXT), CAST(${n + 3} AS BIGINT),"
        f" CAST(${n + 4} AS BIGINT))"
        for n in range(1, 5 * _CHUNK, 5)
    )
    + ") SELECT place FROM asked a WHERE EXISTS (SELECT 1 FROM history h WHERE h.entity_id = a.entity_id"
    " AND h.attribute = a.attribute AND h.observed_at BETWEEN a.first AND a.last)"
)
_APART = (
    "INSERT INTO history_entity (entity_id, types, created_at, modified_at, apart) VALUES ($1, $2, $3, $3, 1)"
    " ON CONFLICT (entity_id) DO NOTHING"
)


class Past(NamedTuple):
    """One instance that was observed: entity, attribute (expanded), dataset ("" for none), microseconds, and itself.

    The instance has observedAt in UTC, and no createdAt and modifiedAt yet.
    """

    entity_id: str
    attribute: str
    dataset: str
    observed_at: int
    instance: Instance


class Added(NamedTuple):
    """How many instances are new, stood there with the same value, or took the place of another value."""

    stored: int = 0
    duplicates: int = 0
    corrected: int = 0


class Head(NamedTuple):
    """What history knows of an entity: whether it stands among the current ones, and when it was last deleted."""

    is_apart: bool
    deleted_at: int | None


async def heads_tx(tx: Tx, ids: Sequence[str]) -> dict[str, Head]:
    """Those of the entities that ever were."""
    condition = tx.dialect.any_of("entity_id", "$1")
    rows = await tx.fetch(
        f"SELECT entity_id, apart, deleted_at FROM history_entity WHERE {condition}", jsontext.text(list(ids))
    )
    return {row[0]: Head(bool(row[1]), row[2]) for row in rows}


async def begin_tx(tx: Tx, types: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Entities that never were begin as ones of the past alone; those that were stay as they are."""
    at = times.micros(now)
    await tx.execute_many(_APART, [(name, jsontext.text(list(kinds)), at) for name, kinds in types.items()])


async def add_many_tx(tx: Tx, rows: Sequence[Past], now: datetime) -> Added:
    """Keeps the instances (decision 4): the same again is ignored, another of the same moment is a correction.

    Their entities must have begun. PayloadTooLarge where one has more than 2 MiB.
    """
    standing = await _standing_tx(tx, rows)
    ordinal = await store.next_late_tx(tx)
    at, stamp = times.micros(now), times.text(now)
    found: list[tuple[Any, ...]] = []
    duplicates = corrected = 0
    for entity_id, attribute, dataset, observed_at, instance in rows:
        slot = (entity_id, attribute, dataset, observed_at)
        target = standing.get(slot)
        if target is not None and same_reading(target[2], instance):
            duplicates += 1
            continue
        corrected += target is not None
        standing[slot] = (0, ordinal, instance)
        found.append(
            (
                0,
                ordinal,
                store.INSTANCE,
                *slot,
                at,
                at,
                None if target is None else target[0],
                None if target is None else target[1],
                store.number_of(instance.get("value")),
                store.expiry_of(instance) if "expiresAt" in instance else None,
                _stored(attribute, instance, stamp),
            )
        )
        ordinal += 1
    await tx.insert_many("history", COLUMNS, found)
    return Added(len(found) - corrected, duplicates, corrected)


def _stored(attribute: str, instance: Instance, stamp: str) -> str:
    """The instance as it is stored, written now."""
    whole = (
        stamped(instance, stamp, None) if "attrs" in instance else {**instance, "createdAt": stamp, "modifiedAt": stamp}
    )
    stored = jsontext.text(whole)
    if len(stored) > MAX_BYTES // 4 and len(stored.encode()) > MAX_BYTES:
        raise PayloadTooLarge(f"an instance of {attribute} would have more than {MAX_BYTES} bytes; split its value")
    return stored


async def _standing_tx(tx: Tx, rows: Sequence[Past]) -> dict[store.Slot, store.Standing]:
    """The instances that count now where these would stand."""
    spans: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        span = spans.setdefault((row.entity_id, row.attribute), [row.observed_at, row.observed_at])
        if row.observed_at < span[0]:
            span[0] = row.observed_at
        elif row.observed_at > span[1]:
            span[1] = row.observed_at
    series = list(spans)
    touched: set[tuple[str, str]] = set()
    for start in range(0, len(series), _CHUNK):
        part = [(place, *series[place], *spans[series[place]]) for place in range(start, len(series))[:_CHUNK]]
        part += [part[-1]] * (_CHUNK - len(part))  # one text of statement for all chunks
        found = await tx.fetch(_SPANS, *[value for one in part for value in one])
        touched |= {series[row[0]] for row in found}
    if not touched:
        return {}
    slots = [(one[0], one[1], one[2], one[3]) for one in rows if (one[0], one[1]) in touched]
    return await store.standing_tx(tx, slots)
