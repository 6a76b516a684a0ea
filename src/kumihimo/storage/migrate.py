"""Migrations: a room's schema file, cut into versions, and which of them a file or schema still needs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

from kumihimo.base.errors import StorageRefused
from kumihimo.storage.database import Schema

Engine = Literal["sqlite", "postgres"]
Applied = Mapping[tuple[str, int], str]
"""Digest by room and version, as the table `migration` holds it."""

TABLE = """CREATE TABLE IF NOT EXISTS migration (
  room TEXT NOT NULL,
  version BIGINT NOT NULL,
  digest TEXT NOT NULL,
  applied_at BIGINT NOT NULL,
  PRIMARY KEY (room, version)
)"""
READ = "SELECT room, version, digest FROM migration"
NOTE = "INSERT INTO migration (room, version, digest, applied_at) VALUES ($1, $2, $3, $4)"

_CUT = re.compile(r"^-- version (\d+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """One version of one room's tables: the statements and their digest (SHA-256, hex)."""

    room: str
    version: int
    sql: str
    digest: str


def cut(room: str, source: str) -> list[Part]:
    """The parts of a schema file, in order. ValueError where they are not numbered from 1 without a gap."""
    pieces = _CUT.split(source)
    if pieces[0].strip():
        raise ValueError(f'the schema of {room} begins before its line "-- version 1"')
    parts = []
    for place, (number, body) in enumerate(zip(pieces[1::2], pieces[2::2], strict=True), start=1):
        if int(number) != place:
            raise ValueError(f"the schema of {room} has version {number} where {place} should stand")
        sql = body.strip()
        parts.append(Part(room, place, sql, hashlib.sha256(sql.encode()).hexdigest()))
    return parts


@lru_cache(maxsize=256)
def parts_of(schema: Schema, engine: Engine) -> tuple[Part, ...]:
    """The parts of a room for an engine: schema.postgres.sql where the room has one, else schema.sql."""
    folder = resources.files(schema.package)
    special = folder / "schema.postgres.sql"
    found = special if engine == "postgres" and special.is_file() else folder / "schema.sql"
    return tuple(cut(schema.room, found.read_text(encoding="utf-8")))


def pending(schemas: Iterable[Schema], engine: Engine, applied: Applied, where: str) -> list[Part]:
    """The parts still to be applied, in order.

    Raises StorageRefused where `where` holds a room or a version that this program does not know, or where the text
    of a version that was applied has been edited since.
    """
    needed: list[Part] = []
    schemas = list(schemas)
    _refuse_unknown({schema.room for schema in schemas}, applied, where)
    for schema in schemas:
        parts = parts_of(schema, engine)
        _refuse_newer(schema.room, len(parts), applied, where)
        for part in parts:
            digest = applied.get((part.room, part.version))
            if digest is None:
                needed.append(part)
            elif digest != part.digest:
                raise StorageRefused(
                    f"{where}: version {part.version} of the tables of {part.room!r} was edited after it was applied; "
                    "put the old text back and add what changed as a new version"
                )
    return needed


def _refuse_unknown(known: set[str], applied: Applied, where: str) -> None:
    unknown = sorted({room for room, _ in applied} - known)
    if unknown:
        raise StorageRefused(
            f"{where} holds the tables of {unknown[0]!r}, which this program does not know; "
            "start the newer program, or restore the backup made before it was installed"
        )


def _refuse_newer(room: str, known: int, applied: Applied, where: str) -> None:
    newest = max((version for name, version in applied if name == room), default=0)
    if newest > known:
        raise StorageRefused(
            f"{where}: the tables of {room!r} are at version {newest}, this program knows them up to {known}; "
            "start the newer program, or restore the backup made before it was installed"
        )


def of_scope(schemas: Sequence[Schema], scope: Literal["tenant", "platform"]) -> tuple[Schema, ...]:
    """The schemas that belong to one scope."""
    return tuple(schema for schema in schemas if schema.scope == scope)


OWN = Schema("storage", "kumihimo.storage", "platform")
"""The registry of tenants."""
