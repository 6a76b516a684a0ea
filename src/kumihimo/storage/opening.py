"""Which engine: the one place that chooses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kumihimo.base.clock import Clock
from kumihimo.storage.database import Database, Schema


def database_for(folder: Path, url: str | None, schemas: Sequence[Schema], clock: Clock) -> Database:
    """The database of a platform, not yet open: SQLite in `folder`, or PostgreSQL where a url is given."""
    if not url:
        from kumihimo.storage.engines.sqlite import SqliteDatabase  # noqa: PLC0415 - one engine is loaded, not both

        return SqliteDatabase(folder, schemas, clock)
    from kumihimo.storage.engines.postgres import PostgresDatabase  # noqa: PLC0415 - as above

    return PostgresDatabase(url, schemas, clock)
