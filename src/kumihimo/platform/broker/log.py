"""The change log as its readers see it: they keep a position and catch up (decision 1)."""

from __future__ import annotations

from kumihimo.base.events import LogRecord
from kumihimo.base.jsontext import parse
from kumihimo.storage.database import Row, Tx

_COLUMNS = (
    "seq, at, kind, entity_id, entity, changed, deleted, previous, actor, purpose, cause, request_id, key_id, version"
)


async def read_log_tx(tx: Tx, after: int, limit: int, tenant: str = "") -> list[LogRecord]:
    """Up to `limit` records behind the position, oldest first; the reader names the tenant it reads."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM log WHERE seq > $1 ORDER BY seq LIMIT $2", after, limit)
    return [_record(row, tenant) for row in rows]


async def newest_of_tx(
    tx: Tx, entity_id: str, after: int, before: int, limit: int, tenant: str = ""
) -> list[LogRecord]:
    """Up to `limit` records of an entity between two positions, both excluded, newest first.

    The log has no index by entity, as every write would pay for it: keep the positions near to each other.
    """
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM log WHERE seq > $1 AND seq < $2 AND entity_id = $3 ORDER BY seq DESC LIMIT $4",
        after,
        before,
        entity_id,
        limit,
    )
    return [_record(row, tenant) for row in rows]


def _record(row: Row, tenant: str) -> LogRecord:
    return LogRecord(
        tenant=tenant,
        seq=row[0],
        at=row[1],
        kind=row[2],
        entity_id=row[3],
        entity=parse(row[4]),
        changed=tuple(parse(row[5])),
        deleted=tuple(parse(row[6])),
        previous=parse(row[7]),
        actor=row[8],
        purpose=row[9],
        cause=row[10],
        request_id=row[11],
        key_id=row[12],
        version=row[13],
        size=len(row[4]) + len(row[7]),
    )


async def oldest_tx(tx: Tx) -> int:
    """Seq of the oldest record that is still there, 0 where there is none."""
    row = await tx.fetch_one("SELECT min(seq) FROM log")
    return int(row[0] or 0) if row is not None else 0


async def head_tx(tx: Tx) -> int:
    """Seq of the newest record, 0 where there is none."""
    row = await tx.fetch_one("SELECT max(seq) FROM log")
    return int(row[0] or 0) if row is not None else 0


async def position_tx(tx: Tx, reader: str) -> int:
    """How far the reader has come; 0, the beginning, for one that is new."""
    row = await tx.fetch_one("SELECT seq FROM log_position WHERE reader = $1", reader)
    return int(row[0]) if row is not None else 0


async def end_tx(tx: Tx) -> int:
    """The newest record's position; 0 for a log that is empty."""
    row = await tx.fetch_one("SELECT MAX(seq) FROM log")
    return int(row[0]) if row is not None and row[0] is not None else 0


async def set_position_tx(tx: Tx, reader: str, seq: int) -> None:
    """Notes how far the reader has come."""
    await tx.execute(
        "INSERT INTO log_position (reader, seq) VALUES ($1, $2) ON CONFLICT (reader) DO UPDATE SET seq = excluded.seq",
        reader,
        seq,
    )
