"""The rows of imports: how far each is, and the newest instance of each of its series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, NamedTuple

from kumihimo.base import jsontext
from kumihimo.platform.history.bulk import Past
from kumihimo.platform.imports.models import Batch, Run
from kumihimo.storage.database import Schema, Tx

SCHEMA = Schema("imports", __package__)

_RUN = "id, title, state, position, stored, duplicates, corrected, refused, settled, begun_at, changed_at"
_PUT = (
    f"INSERT INTO import_run ({_RUN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, position = excluded.position, stored = excluded.stored,"
    " duplicates = excluded.duplicates, corrected = excluded.corrected, refused = excluded.refused,"
    " settled = excluded.settled, changed_at = excluded.changed_at"
)
_NEWEST = (
    "INSERT INTO import_newest (import_id, entity_id, attribute, dataset, types, observed_at, instance)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (import_id, entity_id, attribute, dataset) DO UPDATE SET"
    " types = excluded.types, observed_at = excluded.observed_at, instance = excluded.instance"
    " WHERE excluded.observed_at >= import_newest.observed_at"
)


class Newest(NamedTuple):
    """The newest instance of one series of an import, and the types to give its entity where there is none."""

    past: Past
    types: list[str]


async def run_tx(tx: Tx, import_id: str) -> Run | None:
    """The import with this id."""
    row = await tx.fetch_one(f"SELECT {_RUN} FROM import_run WHERE id = $1", import_id)
    return None if row is None else Run(*row)


async def put_tx(tx: Tx, run: Run) -> None:
    """Keeps how far the import is."""
    await tx.execute(_PUT, *astuple(run))


async def forget_tx(tx: Tx, import_id: str) -> None:
    """Forgets that there was the import; what it wrote stays."""
    await tx.execute("DELETE FROM import_run WHERE id = $1", import_id)


async def unfinished_tx(tx: Tx, title: str, besides: str) -> list[Run]:
    """Other imports under the same title that stopped on their way."""
    rows = await tx.fetch(
        f"SELECT {_RUN} FROM import_run WHERE title = $1 AND state = 'running' AND id <> $2 ORDER BY begun_at",
        title,
        besides,
    )
    return [Run(*row) for row in rows]


async def hand_over_tx(tx: Tx, old: str, new: str) -> None:
    """Gives the newest instances of an import that is given up to the one in its place, which has none yet."""
    rows = await tx.fetch(
        "SELECT entity_id, attribute, dataset, types, observed_at, instance FROM import_newest WHERE import_id = $1",
        old,
    )
    await tx.execute_many(_NEWEST, [(new, *row) for row in rows])
    await tx.execute("DELETE FROM import_newest WHERE import_id = $1", old)


async def note_newest_tx(tx: Tx, batch: Batch, rows: Sequence[Past]) -> None:
    """Notes the newest of each series; of one moment the last, as it is the correction."""
    newest: dict[tuple[str, str, str], Past] = {}
    for row in rows:
        key = row[:3]
        held = newest.get(key)
        if held is None or row.observed_at >= held.observed_at:
            newest[key] = row
    found: list[tuple[Any, ...]] = [
        (batch.import_id, *key, jsontext.text(list(batch.types[row.entity_id])), row[3], jsontext.text(row.instance))
        for key, row in newest.items()
    ]
    await tx.execute_many(_NEWEST, found)


async def newest_tx(tx: Tx, import_id: str, limit: int) -> list[Newest]:
    """Some of the import's newest instances that were not held against the current state yet."""
    rows = await tx.fetch(
        "SELECT entity_id, attribute, dataset, observed_at, instance, types FROM import_newest WHERE import_id = $1"
        " ORDER BY entity_id, attribute, dataset LIMIT $2",
        import_id,
        limit,
    )
    return [
        Newest(Past(row[0], row[1], row[2], row[3], jsontext.parse(row[4])), jsontext.parse(row[5])) for row in rows
    ]


async def drop_newest_tx(tx: Tx, import_id: str, rows: Sequence[Newest]) -> None:
    """Takes away those that were held against the current state."""
    await tx.execute_many(
        "DELETE FROM import_newest WHERE import_id = $1 AND entity_id = $2 AND attribute = $3 AND dataset = $4",
        [(import_id, *one.past[:3]) for one in rows],
    )
