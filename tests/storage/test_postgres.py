"""What only the PostgreSQL engine does: several processes, a server that goes away, missing rights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.fakes import FakeClock
from tests.postgres_relay import PostgresRelay
from tests.postgres_server import PostgresServer

from kumihimo.base.errors import Overloaded, StorageRefused, TooComplexQuery
from kumihimo.storage.database import Schema, Tx
from kumihimo.storage.engines import postgres_writer
from kumihimo.storage.engines.postgres import PostgresDatabase
from kumihimo.storage.opening import database_for

pytestmark = pytest.mark.postgres
FIRST = "-- version 1\nCREATE TABLE thing (seq BIGINT NOT NULL PRIMARY KEY, who TEXT NOT NULL);\n"


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Schema:
    """A room whose PostgreSQL schema has a version that its SQLite schema has not."""
    folder = tmp_path / "packages" / f"room_{tmp_path.name}"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "schema.sql").write_text(FIRST)
    (folder / "schema.postgres.sql").write_text(FIRST + "-- version 2\nCREATE INDEX ON thing (who);\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    return Schema("thing", folder.name)


@pytest.fixture
async def database(postgres_url: str, schema: Schema) -> AsyncIterator[PostgresDatabase]:
    """An open database with the tenant a."""
    made = database_for(Path("unused"), postgres_url, [schema], FakeClock())
    assert isinstance(made, PostgresDatabase)
    await made.open()
    await made.add_tenant("a")
    yield made
    await made.close()


def numbered(who: str) -> Any:
    """A work as the log writes: the next number is one above the highest that it sees."""

    async def next_tx(tx: Tx) -> int:
        row = await tx.fetch_one("SELECT coalesce(max(seq), 0) + 1 FROM thing")
        assert row is not None
        await tx.execute("INSERT INTO thing (seq, who) VALUES ($1, $2)", row[0], who)
        return int(row[0])

    return next_tx


async def count_tx(tx: Tx) -> int:
    """How many things there are."""
    row = await tx.fetch_one("SELECT count(*) FROM thing")
    assert row is not None
    return int(row[0])


async def test_more_writes_than_may_wait_are_refused(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_writer, "MAX_WAITING", 10)
    works = [database.write("a", numbered(str(number))) for number in range(50)]
    results = await asyncio.gather(*works, return_exceptions=True)
    refused = [one for one in results if isinstance(one, Overloaded)]
    taken = sorted(one for one in results if isinstance(one, int))
    assert taken == list(range(1, 11)), "those that had room are written, in turn"
    assert [one.retry_after for one in refused] == [1] * 40
    assert await database.write("a", numbered("later")) == 11


async def test_two_processes_keep_one_order(database: PostgresDatabase, postgres_url: str, schema: Schema) -> None:
    other = PostgresDatabase(postgres_url, [schema], FakeClock())
    await other.open()
    assert await other.tenants() == ["a"]
    assert not await other.add_tenant("a")
    writes = [one.write("a", numbered(str(place))) for place, one in enumerate([database, other] * 60)]
    assert sorted(await asyncio.gather(*writes)) == list(range(1, 121))
    await other.close()


async def test_the_rooms_own_postgres_schema_is_used(database: PostgresDatabase) -> None:
    async def versions_tx(tx: Tx) -> Any:
        return await tx.fetch("SELECT version FROM migration WHERE room = $1 ORDER BY version", "thing")

    assert await database.read("a", versions_tx) == [(1,), (2,)]


async def test_texts_are_ordered_by_code_points_whatever_the_alphabet(
    database: PostgresDatabase, postgres_url: str, schema: Schema
) -> None:
    """The template of the tests has a dictionary's order; a column that was made before gets the right one."""
    told = await asyncpg.connect(postgres_url)
    dictionary = await told.fetchval("SELECT 'a' < 'B'")
    assert dictionary, "the test's database orders texts by code points already and proves nothing"

    async def order_tx(tx: Tx) -> list[Any]:
        if await count_tx(tx) == 0:
            for number, who in enumerate("aBZ_あ"):
                await tx.execute("INSERT INTO thing (seq, who) VALUES ($1, $2)", number, who)
        rows = await tx.fetch("SELECT who FROM thing WHERE who > $1 ORDER BY who", "B")
        return [row[0] for row in rows]

    assert await database.write("a", order_tx) == ["Z", "_", "a", "あ"]
    await database.close()
    space = await told.fetchval("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kumihimo_t_%'")
    await told.execute(f'ALTER TABLE "{space}".thing ALTER who TYPE text COLLATE "default"')
    await told.close()
    again = PostgresDatabase(postgres_url, [schema], FakeClock())
    await again.open()
    assert await again.write("a", order_tx) == ["Z", "_", "a", "あ"]
    await again.close()


async def test_a_newer_schema_is_refused(database: PostgresDatabase, postgres_url: str) -> None:
    await database.write("a", numbered("x"))

    async def newer_tx(tx: Tx) -> int:
        return await tx.execute("INSERT INTO migration VALUES ($1, $2, $3, $4)", "thing", 3, "x", 0)

    await database.write("a", newer_tx)
    older = PostgresDatabase(postgres_url, database._tenant_schemas, FakeClock())
    await older.open()
    with pytest.raises(StorageRefused, match="'thing' are at version 3, this program knows them up to 2"):
        await older.read("a", numbered("x"))
    await older.close()


async def test_a_lost_connection_is_told_and_made_anew(database: PostgresDatabase, postgres_url: str) -> None:
    await database.write("a", numbered("before"))
    cut_off = asyncio.Event()

    async def cut_tx(tx: Tx) -> None:
        outside = await asyncpg.connect(postgres_url)
        await outside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await outside.close()
        cut_off.set()
        await tx.execute("SELECT 1")

    results = await asyncio.gather(
        database.write("a", numbered("same group")), database.write("a", cut_tx), return_exceptions=True
    )
    assert cut_off.is_set()
    assert [type(one) for one in results] == [StorageRefused, StorageRefused]
    assert await database.write("a", numbered("after")) == 2  # though every connection of the pool was cut


async def test_a_server_that_is_not_there() -> None:
    database = PostgresDatabase("postgresql://postgres@/none?host=/nowhere", [], FakeClock())
    with pytest.raises(StorageRefused, match="cannot be reached"):
        await database.open()


async def test_without_postgis_and_without_the_right_to_add_it(postgres_server: PostgresServer) -> None:
    name = postgres_server.create_database(template="template0")
    owner = await asyncpg.connect(postgres_server.url(name))
    await owner.execute("CREATE ROLE guest LOGIN")
    await owner.close()
    url = postgres_server.url(name).replace("postgres@", "guest@")
    with pytest.raises(StorageRefused, match="let an administrator run"):
        await PostgresDatabase(url, [], FakeClock()).open()
    owner = await asyncpg.connect(postgres_server.url(name))
    await owner.execute("DROP ROLE guest")
    await owner.close()
    postgres_server.drop_database(name)


async def test_a_tenant_made_again_elsewhere_is_found(
    database: PostgresDatabase, postgres_url: str, schema: Schema
) -> None:
    """Another process drops the tenant and makes one of the same name: this one must not write into the old."""
    await database.write("a", numbered("old"))
    other = PostgresDatabase(postgres_url, [schema], FakeClock())
    await other.open()
    await other.remove_tenant("a")
    await other.add_tenant("a")
    await other.write("a", numbered("new"))
    with pytest.raises(StorageRefused, match="was removed"):
        await database.write("a", numbered("late"))
    assert await database.write("a", numbered("second")) == 2
    await other.close()


async def test_a_connection_lost_in_the_middle_of_a_read_is_a_refusal(
    database: PostgresDatabase, postgres_url: str
) -> None:
    begun = asyncio.Event()

    async def slow_tx(tx: Tx) -> None:
        await tx.fetch_one("SELECT 1")
        begun.set()
        await tx.fetch_one("SELECT 1 FROM pg_sleep(20)")

    async def cut() -> None:
        await begun.wait()
        other = await asyncpg.connect(postgres_url)
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await other.close()

    for _ in range(3):
        begun.clear()
        cutting = asyncio.create_task(cut())
        with pytest.raises(StorageRefused):
            await database.read("a", slow_tx)
        await cutting
    assert await database.tenants() == ["a"]


@pytest.mark.parametrize("ask", ["read", "write"])
async def test_a_waiting_connection_that_was_told_fatal_is_left_for_another(
    postgres_url: str, schema: Schema, tmp_path: Path, ask: str
) -> None:
    """It looks open until its socket closes, and nothing was asked of it yet."""
    server = Path(postgres_url.partition("host=")[2])
    address = postgres_url.replace(str(server), str(tmp_path))
    async with PostgresRelay(tmp_path, server) as relay:
        database = PostgresDatabase(address, [schema], FakeClock())
        await database.open()
        await database.add_tenant("a")
        assert await database.write("a", numbered("before")) == 1
        await relay.say_fatal()
        for _ in range(5):  # the loop's turns in which the word is read; the socket's end never comes
            await asyncio.sleep(0)
        if ask == "write":
            assert await database.write("a", numbered("after")) == 2
        assert await database.read("a", count_tx) == (2 if ask == "write" else 1)
        await database.close()


async def test_what_is_the_servers_fault_is_a_refusal(database: PostgresDatabase) -> None:
    async def cancelled_tx(tx: Tx) -> None:
        await tx.execute("SET LOCAL statement_timeout = '5ms'")
        await tx.fetch("SELECT pg_sleep(1)")

    async def unserializable_tx(tx: Tx) -> None:
        await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$")

    with pytest.raises(StorageRefused, match="try again"):
        await database.write("a", cancelled_tx)
    with pytest.raises(TooComplexQuery):
        await database.read("a", cancelled_tx)
    for ask in (database.write, database.read):
        with pytest.raises(Overloaded, match="try again"):
            await ask("a", unserializable_tx)
    with pytest.raises(asyncpg.UndefinedTableError):  # a mistake in a statement stays what it is
        await database.read("a", lambda tx: tx.fetch("SELECT 1 FROM nowhere"))
