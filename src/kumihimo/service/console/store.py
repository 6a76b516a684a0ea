"""The webhook page's tables: one address per tenant, and the last notifications that came to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kumihimo.base.ids import new_token
from kumihimo.base.jsontext import parse, text
from kumihimo.storage.database import Schema, Tx

SCHEMA = Schema("console", __package__)
KEPT = 100


@dataclass(frozen=True, slots=True)
class Message:
    """One notification that arrived; at is microseconds."""

    seq: int
    at: int
    headers: Mapping[str, str]
    body: str


async def token_tx(tx: Tx) -> str:
    """The secret part of the tenant's webhook address, "" where none was made yet."""
    row = await tx.fetch_one("SELECT token FROM webhook WHERE name = $1", "page")
    return str(row[0]) if row is not None else ""


async def make_token_tx(tx: Tx) -> str:
    """The secret part of the tenant's webhook address, made at the first call."""
    known = await token_tx(tx)
    if known:
        return known
    token = new_token(16)
    await tx.execute("INSERT INTO webhook (name, token) VALUES ($1, $2)", "page", token)
    return token


async def keep_message_tx(tx: Tx, at: int, headers: Mapping[str, str], body: str) -> int:
    """Keeps a message and forgets all but the last hundred; its number."""
    row = await tx.fetch_one("SELECT max(seq) FROM webhook_message")
    seq = int(row[0] or 0) + 1 if row is not None else 1
    await tx.execute(
        "INSERT INTO webhook_message (seq, at, headers, body) VALUES ($1, $2, $3, $4)", seq, at, text(headers), body
    )
    await tx.execute("DELETE FROM webhook_message WHERE seq <= $1", seq - KEPT)
    return seq


async def clear_messages_tx(tx: Tx) -> None:
    """Forgets every message."""
    await tx.execute("DELETE FROM webhook_message")


async def messages_tx(tx: Tx, limit: int) -> list[Message]:
    """The newest messages first."""
    rows = await tx.fetch("SELECT seq, at, headers, body FROM webhook_message ORDER BY seq DESC LIMIT $1", limit)
    return [Message(row[0], row[1], parse(row[2]), row[3]) for row in rows]
