"""The keys' rows: the newest that is not retired signs; of a retired one only the public half is kept."""

from __future__ import annotations

from kumihimo.platform.signing.models import Key, PublicKey
from kumihimo.storage.database import Schema, Tx

SCHEMA = Schema("signing", __package__)


async def current_tx(tx: Tx) -> Key | None:
    """The key that signs now."""
    row = await tx.fetch_one(
        "SELECT private FROM signing_key WHERE retired_at = 0 ORDER BY created_at DESC, id DESC LIMIT 1"
    )
    return Key.from_text(row[0]) if row is not None else None


async def insert_tx(tx: Tx, key: Key, now: int) -> None:
    """Adds a key, which signs from now on."""
    await tx.execute(
        "INSERT INTO signing_key (id, public, private, created_at, retired_at) VALUES ($1, $2, $3, $4, 0)",
        key.id,
        key.public,
        key.text(),
        now,
    )


async def retire_tx(tx: Tx, now: int) -> int:
    """Ends all keys that sign and forgets their private halves; how many there were."""
    return await tx.execute("UPDATE signing_key SET private = '', retired_at = $1 WHERE retired_at = 0", now)


async def trim_tx(tx: Tx, most: int) -> None:
    """Forgets the oldest retired keys beyond so many keys in all."""
    await tx.execute(
        "DELETE FROM signing_key WHERE retired_at > 0 AND id NOT IN"
        " (SELECT id FROM signing_key ORDER BY created_at DESC, id DESC LIMIT $1)",
        most,
    )


async def public_tx(tx: Tx) -> list[PublicKey]:
    """The public halves, newest first."""
    rows = await tx.fetch(
        "SELECT id, public, created_at, retired_at FROM signing_key ORDER BY created_at DESC, id DESC"
    )
    return [PublicKey(row[0], row[1], int(row[2]), int(row[3])) for row in rows]
