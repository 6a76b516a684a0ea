"""`make bench BENCH_ARGS=--history`: values per second of an import of history, against the engine's own bare insert.

Ours is all that the command does with a file: reading the CSV, making instances of it, looking for what stood there,
and writing, with the position, in durable transactions. Bare is the same rows, made beforehand, into the same table
with the same indexes, in transactions of the same size: executemany on SQLite, COPY on PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ground
from harness import keep

from kumihimo.base.call import Call
from kumihimo.base.clock import SystemClock
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.history.bulk import COLUMNS
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.imports.models import Batch
from kumihimo.platform.imports.observations import Layout, Observations
from kumihimo.platform.imports.pieces import PIECE_ROWS
from kumihimo.platform.imports.rows import Series, from_columns
from kumihimo.platform.imports.scan import scan
from kumihimo.platform.imports.store import SCHEMA as IMPORTS
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.storage.database import Database, Tx
from kumihimo.storage.opening import database_for

STATIONS = 50


def table(values: int) -> bytes:
    """A CSV of two values to a row, of 50 stations every ten minutes."""
    start = datetime(2000, 1, 1, tzinfo=UTC)
    rows = ["観測所,日時,水位,雨量"]
    for n in range(values // 2):
        moment = start + timedelta(minutes=n // STATIONS * 10)
        rows.append(f"{n % STATIONS:03},{moment:%Y/%m/%d %H:%M},{1 + n % 97 / 100:.2f},{n % 5}")
    return "\n".join([*rows, ""]).encode()


async def ours(database: Database, tenant: str, raw: bytes) -> float:
    """Seconds of the import of a file into an empty tenant."""
    await database.add_tenant(tenant)
    imports, core = Imports(database, SystemClock(), MemoryBus(), remember_tx), Contexts().core
    file, began = io.BytesIO(raw), time.perf_counter()
    run, _ = await imports.begin(tenant, "bench", "bench.csv")
    reader = Observations(file, scan(file), Layout(entity_type="Gauge"), lambda _: True)
    pieces = reader.pieces()
    piece = next(pieces, None)
    while piece is not None:
        body = piece.body
        found = from_columns([Series(*one) for one in body["series"]], body["of"], body["at"], body["values"], core)
        batch = Batch("bench", run.position, piece.after, found.rows, found.types, piece.refused)
        reading = asyncio.create_task(asyncio.to_thread(next, pieces, None))
        run = (await imports.take(tenant, batch)).run
        piece = await reading
    await imports.finish(Call(tenant), "bench")
    return time.perf_counter() - began


async def bare(database: Database, tenant: str, rows: list[tuple[Any, ...]]) -> float:
    """Seconds of the bare insert of the same rows into an empty tenant."""
    await database.add_tenant(tenant)
    began = time.perf_counter()
    for start in range(0, len(rows), PIECE_ROWS):
        part = rows[start : start + PIECE_ROWS]

        async def work(tx: Tx, part: list[tuple[Any, ...]] = part) -> None:
            await tx.insert_many("history", COLUMNS, part)

        await database.write(tenant, work)
    return time.perf_counter() - began


async def rounds(database: Database, values: int, count: int) -> list[tuple[float, float]]:
    """Values per second of ours and of the bare insert, in turn."""
    await database.open()
    try:
        raw, found = table(values), []
        for place in range(count + 1):
            mine = await ours(database, f"ours{place}", raw)
            rows = await database.read(f"ours{place}", lambda tx: tx.fetch(f"SELECT {', '.join(COLUMNS)} FROM history"))
            other = await bare(database, f"bare{place}", rows)
            if len(rows) != values:
                raise SystemExit(f"{len(rows)} rows were written of {values}")
            if place:  # the first round warms up
                found.append((values / mine, values / other))
        return found
    finally:
        await database.close()


def line(engine: str, values: int, count: int) -> str:
    """The line of the table for an engine."""
    with ground.Ground(engine) as stands, tempfile.TemporaryDirectory() as folder:
        url = stands.server.url(stands.server.create_database()) if stands.server else None
        database = database_for(Path(folder), url, [BROKER, HISTORY, IMPORTS], SystemClock())
        found = asyncio.run(rounds(database, values, count))
    mine, other = (statistics.median(one[place] for one in found) for place in (0, 1))
    ratio = statistics.median(one / two for one, two in found)
    note = "executemany" if engine == "sqlite" else "COPY"
    return f"| history import, {engine} | {mine:,.0f} | {other:,.0f} | values/s | **{ratio:.3f}** | bare: {note} |"


def main(words: list[str]) -> int:
    """0; prints the table, and with --keep writes it into bench/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    options = parser.parse_args(words)
    lines = ["| what | ours | bare insert | unit | ratio | note |", "|---|---|---|---|---|---|"]
    lines += [line(engine, options.values, options.rounds) for engine in ("sqlite", "postgresql")]
    print("\n".join(lines))
    if options.keep:
        keep("history", "\n".join(lines))
    return 0
