"""What the measured platform stands on: its engine, and the core that is its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Self

import asyncpg
from harness import Platform, on_core

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.postgres_server import PostgresServer

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "1GB"}


class Ground:
    """Platforms on one engine, each on fresh storage and on the first core; the measuring process takes the others.

    engine: sqlite, or postgresql: a cluster of its own in a temporary folder, on the platform's core.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine
        cores = sorted(os.sched_getaffinity(0))
        self.core = cores[0] if len(cores) > 1 else None
        self.others = set(cores) - {self.core}
        self.server = PostgresServer(DURABLE) if engine == "postgresql" else None

    def __enter__(self) -> Self:
        self.before = os.sched_getaffinity(0)
        if self.server:
            with on_core(self.core):
                self.server.start()
        os.sched_setaffinity(0, self.others)
        return self

    def __exit__(self, *_: object) -> None:
        os.sched_setaffinity(0, self.before)
        if self.server:
            self.server.stop()

    def platform(self, *, closed: bool = False) -> Platform:
        """A platform that is not started yet."""
        url = self.server.url(self.server.create_database()) if self.server else ""
        return Platform(database_url=url, core=self.core, closed=closed)

    @property
    def durability(self) -> str:
        """What a commit waits for, in the table's words."""
        if self.server:
            return "PostgreSQL, fsync per commit (synchronous_commit=on)"
        return "SQLite WAL, fsync per commit (synchronous=FULL)"

    @property
    def place(self) -> str:
        """Where the platform and the generator run."""
        if self.core is None:
            return "one core for platform and generator together"
        beside = " with its PostgreSQL" if self.server else ""
        return f"platform{beside} on core {self.core} alone, generator on {sorted(self.others)}"

    def disk(self, platform: Platform) -> int:
        """Bytes that its data takes."""
        if platform.database_url:
            return asyncio.run(_database_size(platform.database_url))
        return sum(file.stat().st_size for file in Path(platform.folder.name).rglob("*") if file.is_file())


async def _database_size(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()
