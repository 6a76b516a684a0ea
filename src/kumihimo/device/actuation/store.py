"""The table of commands."""

from __future__ import annotations

from typing import Final

from kumihimo.base.jsontext import parse, text
from kumihimo.base.ports import CommandState
from kumihimo.device.actuation.models import CommandRecord
from kumihimo.device.words import Words
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("actuation", __package__)
_COLUMNS: Final = (
    "number, id, device, name, arguments, level, reason, actor, purpose, cause, state, detail_ja, detail_en,"
    " asked_at, ended_at"
)


def _record(row: Row) -> CommandRecord:
    detail, (asked_at, ended_at) = Words(row[11], row[12]), row[13:15]
    return CommandRecord(
        number=row[0],
        id=row[1],
        device=row[2],
        name=row[3],
        arguments=parse(row[4]),
        level=row[5],
        reason=row[6],
        actor=row[7],
        purpose=row[8],
        cause=row[9],
        state=row[10],
        detail=detail,
        asked_at=asked_at,
        ended_at=ended_at,
    )


async def next_number_tx(tx: Tx) -> int:
    """The number of the command that is written next."""
    row = await tx.fetch_one("SELECT MAX(number) FROM command")
    return 1 + (int(row[0]) if row is not None and row[0] is not None else 0)


async def add_command_tx(tx: Tx, one: CommandRecord) -> None:
    """Keeps a decision."""
    await tx.execute(
        f"INSERT INTO command ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        one.number,
        one.id,
        one.device,
        one.name,
        text(dict(one.arguments)),
        one.level,
        one.reason,
        one.actor,
        one.purpose,
        one.cause,
        one.state,
        one.detail.ja,
        one.detail.en,
        one.asked_at,
        one.ended_at,
    )


async def end_command_tx(tx: Tx, ended: CommandRecord, was: CommandState) -> bool:
    """Writes how a command ended; False where it is no longer in the state that the caller saw."""
    sql = "UPDATE command SET state = $2, detail_ja = $3, detail_en = $4, ended_at = $5 WHERE id = $1 AND state = $6"
    return bool(await tx.execute(sql, ended.id, ended.state, ended.detail.ja, ended.detail.en, ended.ended_at, was))


async def find_command_tx(tx: Tx, command: str) -> CommandRecord | None:
    """The command of this id."""
    row = await tx.fetch_one(f"SELECT {_COLUMNS} FROM command WHERE id = $1", command)
    return None if row is None else _record(row)


async def list_commands_tx(tx: Tx, device: str, limit: int) -> list[CommandRecord]:
    """The newest first; of all devices where device is ""."""
    where = "WHERE device = $2" if device else "WHERE $2 = ''"
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM command {where} ORDER BY number DESC LIMIT $1", limit, device)
    return [_record(row) for row in rows]


async def recent_commands_tx(tx: Tx, device: str, limit: int) -> list[CommandRecord]:
    """The device's last commands that were let through, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM command WHERE device = $1 AND state <> 'refused' ORDER BY number DESC LIMIT $2",
        device,
        limit,
    )
    return [_record(row) for row in rows]


async def overdue_commands_tx(tx: Tx, before: int) -> list[CommandRecord]:
    """Commands that are still unanswered and were asked for before this moment."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM command WHERE state = 'sent' AND asked_at <= $1 ORDER BY number", before
    )
    return [_record(row) for row in rows]
