"""The @contexts' rows: one for each that a tenant keeps. The document is "" where it lies with the program."""

from __future__ import annotations

from collections.abc import Sequence

from kumihimo.base import jsontext
from kumihimo.platform.jsonld.shelf import Kept, Kind
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("shelf", __package__)

_COLUMNS = "id, kind, url, document, created_at, expires_at, last_usage, hits"
_BARE = "id, kind, url, '', created_at, expires_at, last_usage, hits"


def _kept(row: Row) -> Kept:
    return Kept(row[0], row[1], row[2], jsontext.parse(row[3]) if row[3] else None, *row[4:])


async def one_tx(tx: Tx, id_: str) -> Kept | None:
    """The @context with this local id."""
    row = await tx.fetch_one(f"SELECT {_COLUMNS} FROM context WHERE id = $1", id_)
    return _kept(row) if row is not None else None


async def cached_tx(tx: Tx, url: str) -> Kept | None:
    """The copy of what was fetched from this address."""
    row = await tx.fetch_one(f"SELECT {_COLUMNS} FROM context WHERE url = $1 AND url <> ''", url)
    return _kept(row) if row is not None else None


async def all_tx(tx: Tx, kind: Kind | None) -> list[Kept]:
    """All @contexts, or those of one kind, oldest first, without their documents."""
    where, given = ("", ()) if kind is None else (" WHERE kind = $1", (kind,))
    rows = await tx.fetch(f"SELECT {_BARE} FROM context{where} ORDER BY created_at, id", *given)
    return [_kept(row) for row in rows]


async def count_tx(tx: Tx, kind: Kind) -> int:
    """How many @contexts of a kind there are."""
    row = await tx.fetch_one("SELECT COUNT(*) FROM context WHERE kind = $1", kind)
    return int(row[0]) if row is not None else 0


async def insert_tx(tx: Tx, one: Kept, *, lasting: bool) -> None:
    """Adds an @context; what is not lasting may be pushed out."""
    await tx.execute(
        f"INSERT INTO context ({_COLUMNS}, lasting) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        one.id,
        one.kind,
        one.url,
        "" if one.document is None else jsontext.text(one.document),
        one.created_at,
        one.expires_at,
        one.last_usage,
        one.hits,
        int(lasting),
    )


async def refresh_tx(tx: Tx, one: Kept) -> None:
    """Puts a newer document in the place of the old one."""
    await tx.execute(
        "UPDATE context SET document = $1, created_at = $2, expires_at = $3 WHERE id = $4",
        "" if one.document is None else jsontext.text(one.document),
        one.created_at,
        one.expires_at,
        one.id,
    )


async def hold_tx(tx: Tx, id_: str) -> None:
    """Lets an @context last."""
    await tx.execute("UPDATE context SET lasting = 1 WHERE id = $1", id_)


async def push_out_tx(tx: Tx, kind: Kind) -> bool:
    """Drops the one of a kind that was unused for longest; False where all of them last."""
    unused = "SELECT id FROM context WHERE kind = $1 AND lasting = 0 ORDER BY last_usage, created_at, id LIMIT 1"
    return await tx.execute(f"DELETE FROM context WHERE id IN ({unused})", kind) > 0


async def delete_tx(tx: Tx, id_: str) -> bool:
    """Drops an @context; False where there is none."""
    return await tx.execute("DELETE FROM context WHERE id = $1", id_) > 0


async def add_uses_tx(tx: Tx, uses: Sequence[tuple[str, int, int]]) -> None:
    """Adds to the counters: id, how many uses, and when the last of them was."""
    await tx.execute_many(
        "UPDATE context SET hits = hits + $1, last_usage = $2 WHERE id = $3",
        [(count, last, id_) for id_, count, last in uses],
    )
