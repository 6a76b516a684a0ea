"""The rows of photographs in a tenant: each belongs to the report's entity of its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kumihimo.base import jsontext
from kumihimo.solutions.wildlife.photos import Picture
from kumihimo.storage.database import Schema, Tx

SCHEMA: Final = Schema("wildlife", __package__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A photograph as it is listed. Moments in microseconds; deleted_at is 0 while it is there, size in bytes."""

    id: str
    at: int
    width: int
    height: int
    size: int
    removed: tuple[str, ...]
    deleted_at: int
    deleted_by: str


async def kept_tx(tx: Tx) -> list[Kept]:
    """All of them without their bodies, also those that were deleted."""
    rows = await tx.fetch("SELECT id, at, width, height, size, removed, deleted_at, deleted_by FROM wildlife_photo")
    return [
        Kept(str(row[0]), int(row[1]), int(row[2]), int(row[3]), int(row[4]), _names(row[5]), int(row[6]), str(row[7]))
        for row in rows
    ]


def _names(text: object) -> tuple[str, ...]:
    return tuple(jsontext.parse(str(text)))


async def size_tx(tx: Tx) -> int:
    """Bytes of all together."""
    row = await tx.fetch_one("SELECT COALESCE(SUM(size), 0) FROM wildlife_photo")
    return 0 if row is None else int(row[0])


async def has_tx(tx: Tx, id_: str) -> bool | None:
    """Whether it is there; False where it was deleted, None where there never was one."""
    row = await tx.fetch_one("SELECT deleted_at FROM wildlife_photo WHERE id = $1", id_)
    return None if row is None else int(row[0]) == 0


async def add_tx(tx: Tx, id_: str, at: int, picture: Picture) -> None:
    """Adds one that there is not."""
    await tx.execute(
        "INSERT INTO wildlife_photo (id, at, width, height, size, removed, deleted_at, deleted_by, body)"
        " VALUES ($1, $2, $3, $4, $5, $6, 0, '', $7)",
        id_,
        at,
        picture.width,
        picture.height,
        len(picture.body),
        jsontext.text(list(picture.removed)),
        picture.body,
    )


async def body_tx(tx: Tx, id_: str) -> bytes | None:
    """Its bytes, None where there are none."""
    row = await tx.fetch_one("SELECT body FROM wildlife_photo WHERE id = $1 AND deleted_at = 0", id_)
    return None if row is None else bytes(row[0])


async def drop_tx(tx: Tx, id_: str, at: int, by: str) -> int:
    """Takes its bytes away and notes who did so and when; 1 where it was there."""
    return await tx.execute(
        "UPDATE wildlife_photo SET body = $1, size = 0, removed = '[]', deleted_at = $2, deleted_by = $3"
        " WHERE id = $4 AND deleted_at = 0",
        b"",
        at,
        by,
        id_,
    )


async def forget_tx(tx: Tx, id_: str) -> None:
    """Takes away all that is known of it, as if it had never been sent."""
    await tx.execute("DELETE FROM wildlife_photo WHERE id = $1", id_)
