"""History's tables and what is written into them: rows are added, none is changed (decision 4).

A correction is a row that names the instance it overrides, a deletion a row without value. Late readings belong
to no log record; their ids count up under seq 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, cast

from kumihimo.base import jsontext, times
from kumihimo.platform.broker.instances import moment, same_reading
from kumihimo.platform.broker.models import HistoryRow
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, VALUE_MEMBER, Instance
from kumihimo.storage.database import Schema, Tx

SCHEMA = Schema("history", __package__)

INSTANCE, TOMBSTONE = 0, 2
_CHUNK = 64
_LARGEST = 1e308
_INSERT = (
    "INSERT INTO history (seq, ordinal, kind, entity_id, attribute, dataset, observed_at, created_at, modified_at,"
    " target_seq, target_ordinal, number, expires_at, instance)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
)
_THERE = (
    "INSERT INTO history_entity (entity_id, types, created_at, modified_at) VALUES ($1, $2, $3, $3)"
    " ON CONFLICT (entity_id) DO UPDATE SET types = excluded.types, modified_at = excluded.modified_at,"
    " deleted_at = NULL, apart = 0"
)
_DELETED = "UPDATE history_entity SET deleted_at = $1, modified_at = $1 WHERE entity_id = $2"
_COLUMNS = "h.entity_id, h.attribute, h.dataset, h.observed_at, h.seq, h.ordinal, h.instance"
COUNTS = (
    "NOT EXISTS (SELECT 1 FROM history o WHERE o.target_seq = h.seq AND o.target_ordinal = h.ordinal AND o.kind = 0)"
)
"""A condition on history h: no correction stands in the instance's place."""

Slot = tuple[str, str, str, int]
"""Entity, attribute, dataset and observed moment: where there is one reading at most."""
Standing = tuple[int, int, Instance]
"""Seq, ordinal and content of the instance in a slot."""


async def remember_tx(tx: Tx, rows: Sequence[HistoryRow]) -> set[int]:
    """Keeps the rows; the places of readings that stood there already with the same content."""
    readings = [_slot(row) for row in rows if row.kind == "reading"]
    standing = await standing_tx(tx, readings) if readings else {}
    late = await next_late_tx(tx) if any(row.seq == 0 for row in rows) else 0
    doubles: set[int] = set()
    found: list[tuple[Any, ...]] = []
    await _remember_entities_tx(tx, [row for row in rows if row.instance is None])
    for place, row in enumerate(rows):
        if row.instance is None:
            continue
        target: Standing | None = None
        if row.kind == "reading":
            target = standing.get(_slot(row))
            if target is not None and same_reading(target[2], row.instance):
                doubles.add(place)
                continue
        seq, ordinal = row.seq, row.ordinal
        if seq == 0:
            ordinal, late = late, late + 1
        found.append(_values(row, row.instance, seq, ordinal, target))
        if row.kind == "reading":
            standing[_slot(row)] = (seq, ordinal, row.instance)
    if found:
        await tx.execute_many(_INSERT, found)
    await _forget_expired_tx(tx, rows)
    return doubles


async def _forget_expired_tx(tx: Tx, rows: Sequence[HistoryRow]) -> None:
    """Of an attribute that is gone, what was not to be kept any longer goes too (clause 4.22)."""
    gone = [(row.entity_id, row.attribute, row.dataset, row.at) for row in rows if row.kind == "tombstone"]
    await tx.execute_many(
        "DELETE FROM history WHERE entity_id = $1 AND attribute = $2 AND dataset = $3 AND expires_at <= $4", gone
    )


def _slot(row: HistoryRow) -> Slot:
    return row.entity_id, row.attribute, row.dataset, row.observed_at or 0


def _values(row: HistoryRow, instance: Instance, seq: int, ordinal: int, target: Standing | None) -> tuple[Any, ...]:
    created = instance.get("createdAt")
    value = instance.get("value")
    gone = row.kind == "tombstone"
    return (
        seq,
        ordinal,
        TOMBSTONE if gone else INSTANCE,
        row.entity_id,
        row.attribute,
        row.dataset,
        row.observed_at,
        row.at if created is None or (not gone and created == instance.get("modifiedAt")) else moment(created),
        row.at,
        None if target is None else target[0],
        None if target is None else target[1],
        None if gone else number_of(value),
        None if gone else expiry_of(instance),
        jsontext.text(gone_instance(instance, row.at) if gone else instance),
    )


def expiry_of(instance: Instance) -> int | None:
    """When the instance counts no more (clause 4.22); None for never."""
    at = instance.get("expiresAt", NGSI_LD_NULL)
    return None if at == NGSI_LD_NULL else moment(at)


def gone_instance(instance: Instance, at: int) -> Instance:
    """What is recorded of a deletion (clauses 4.5.7 and 4.5.8): the instance's type, no value, and when it was."""
    kind = instance["type"]
    stamp = times.text(times.from_micros(at))
    gone: dict[str, Any] = {"type": kind, VALUE_MEMBER[kind]: NGSI_LD_NULL}
    if kind == "LanguageProperty":
        gone["languageMap"] = {"@none": NGSI_LD_NULL}
    if "datasetId" in instance:
        gone["datasetId"] = instance["datasetId"]
    gone |= {"createdAt": instance.get("createdAt", stamp), "modifiedAt": stamp, "deletedAt": stamp}
    return cast("Instance", gone)


def number_of(value: Any) -> float | None:
    """The value as a point of a series; None for what is no number or no double."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        return None
    return float(value)


async def standing_tx(tx: Tx, slots: Sequence[Slot]) -> dict[Slot, Standing]:
    """The instances that count now in these slots."""
    found: dict[Slot, Standing] = {}
    asked = list(dict.fromkeys(slots))
    size = 1 if len(asked) == 1 else _CHUNK
    for start in range(0, len(asked), size):
        part = asked[start : start + size]
        # One text of statement for all chunks: the last slot fills up the places that are left.
        part += [part[-1]] * (size - len(part))
        for row in await tx.fetch(_SLOTS[size], *[value for slot in part for value in slot]):
            found[(row[0], row[1], row[2], row[3])] = (row[4], row[5], jsontext.parse(row[6]))
    return found


def _slots_sql(size: int) -> str:
    if size == 1:
        condition = "h.entity_id = $1 AND h.attribute = $2 AND h.dataset = $3 AND h.observed_at = $4"
        return f"SELECT {_COLUMNS} FROM history h WHERE {condition} AND h.kind = 0 AND {COUNTS}"
    places = ", ".join(
        f"(CAST(${n} AS TEXT), CAST(${n + 1} AS TEXT), CAST(${n + 2} AS TEXT), CAST(${n + 3} AS BIGINT))"
        for n in range(1, 4 * size, 4)
    )
    return (
        f"WITH asked (entity_id, attribute, dataset, observed_at) AS (VALUES {places}) SELECT DISTINCT {_COLUMNS}"
        " FROM asked a JOIN history h ON h.entity_id = a.entity_id AND h.attribute = a.attribute"
        f" AND h.observed_at = a.observed_at AND h.dataset = a.dataset WHERE h.kind = 0 AND {COUNTS}"
    )


_SLOTS = {size: _slots_sql(size) for size in (1, _CHUNK)}


async def next_late_tx(tx: Tx) -> int:
    """The ordinal of the next instance that belongs to no log record."""
    row = await tx.fetch_one("SELECT max(ordinal) FROM history WHERE seq = 0")
    return 0 if row is None or row[0] is None else int(row[0]) + 1


async def _remember_entities_tx(tx: Tx, rows: Sequence[HistoryRow]) -> None:
    """That entities came to be, changed their types or were deleted: in this order, like after like in one go."""
    for kind, alike in groupby(rows, key=lambda row: row.kind):
        if kind == "entityDeleted":
            await tx.execute_many(_DELETED, [(row.at, row.entity_id) for row in alike])
        else:
            await tx.execute_many(_THERE, [(row.entity_id, jsontext.text(row.types), row.at) for row in alike])
