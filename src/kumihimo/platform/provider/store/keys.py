"""Rows of keys, of the secret behind pairwise names, and of what was revoked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kumihimo.platform.provider.models import Revocation, Revoked
from kumihimo.storage.database import Tx

MOST_AT_ONCE = 1000


class KeyRow(NamedTuple):
    """public is the JWK as JSON, sealed the private half in base64; it signs from starts_at on."""

    id: str
    public: str
    sealed: str
    starts_at: int


async def keys_tx(tx: Tx) -> list[KeyRow]:
    """All keys, the newest first."""
    rows = await tx.fetch("SELECT id, public, sealed, starts_at FROM provider_key ORDER BY starts_at DESC, id DESC")
    return [KeyRow(row[0], row[1], row[2], int(row[3])) for row in rows]


async def add_key_tx(tx: Tx, key: KeyRow) -> None:
    """Adds a key."""
    sql = "INSERT INTO provider_key (id, public, sealed, starts_at) VALUES ($1, $2, $3, $4)"
    await tx.execute(sql, *key)


async def drop_keys_tx(tx: Tx, ids: Sequence[str]) -> None:
    """Forgets keys; nothing that they signed is good any more."""
    await tx.execute_many("DELETE FROM provider_key WHERE id = $1", [(one,) for one in ids])


async def secret_tx(tx: Tx, name: str) -> str | None:
    """A sealed secret."""
    row = await tx.fetch_one("SELECT sealed FROM provider_secret WHERE name = $1", name)
    return None if row is None else str(row[0])


async def keep_secret_tx(tx: Tx, name: str, sealed: str) -> str:
    """Keeps a sealed secret where there is none of this name yet; the one that is kept."""
    await tx.execute(
        "INSERT INTO provider_secret (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, sealed
    )
    row = await tx.fetch_one("SELECT sealed FROM provider_secret WHERE name = $1", name)
    return str(row[0]) if row is not None else sealed


async def revoke_tx(tx: Tx, kind: Revoked, name: str, until: int) -> None:
    """Tells all processes that something is ended. The one row that counts is locked until the commit, so that a
    process which has seen a revision has seen all before it.
    """
    await tx.execute("UPDATE provider_revision SET value = value + 1 WHERE one = 1")
    await tx.execute(
        "INSERT INTO provider_revocation (revision, kind, id, until) SELECT value, $1, $2, $3 FROM provider_revision",
        kind,
        name,
        until,
    )


async def revision_tx(tx: Tx) -> int:
    """How many were revoked until now."""
    row = await tx.fetch_one("SELECT value FROM provider_revision WHERE one = 1")
    return int(row[0]) if row is not None else 0


async def revoked_since_tx(tx: Tx, revision: int) -> list[Revocation]:
    """What was revoked after this revision, in its order; at most MOST_AT_ONCE."""
    rows = await tx.fetch(
        "SELECT revision, kind, id FROM provider_revocation WHERE revision > $1 ORDER BY revision LIMIT $2",
        revision,
        MOST_AT_ONCE,
    )
    return [Revocation(int(row[0]), row[1], row[2]) for row in rows]


async def is_revoked_tx(tx: Tx, kind: Revoked, name: str) -> bool:
    """Whether this was revoked; asked for what has no row of its own."""
    row = await tx.fetch_one("SELECT revision FROM provider_revocation WHERE kind = $1 AND id = $2", kind, name)
    return row is not None
