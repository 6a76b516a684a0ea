"""What only the embedded engine does: files, their faults, threads and limits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.fakes import FakeClock

from kumihimo.base.errors import Overloaded, StorageRefused
from kumihimo.storage.database import PLATFORM, Schema, Tx
from kumihimo.storage.engines import sqlite_file
from kumihimo.storage.engines.sqlite import SqliteDatabase
from kumihimo.storage.engines.sqlite_connect import connect_writer

FIRST = "-- version 1\nCREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, doc TEXT);\n"
SECOND = FIRST + "-- version 2\nCREATE TABLE thing_more (id TEXT NOT NULL PRIMARY KEY);\n"
ADD = "INSERT INTO thing (id, doc) VALUES ($1, $2)"
Rooms = Callable[[str, str], Schema]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Makes a package with the given schema file; two packages can hold two ages of the same room."""
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))

    def make(package: str, source: str) -> Schema:
        folder = tmp_path / "packages" / f"{package}_{tmp_path.name}"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "schema.sql").write_text(source)
        return Schema("thing", folder.name)

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_what_is_kept_is_for_the_platforms_own_user(room: Rooms, folder: Path, fake_clock: FakeClock) -> None:
    """Whatever the umask: others who have an account on the machine read neither a town's store nor its WAL."""
    before = os.umask(0o022)
    try:
        made = SqliteDatabase(folder, [room("ground", FIRST)], fake_clock)
        await made.open()
        await made.add_tenant("a")
        await add(made, "first", tenant="a")
    finally:
        os.umask(before)
    found = rights_of_others(folder)
    await made.close()
    assert any(name.endswith("-wal") for name in found)
    assert {name for name, others in found.items() if others} == set()


def rights_of_others(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))}


@pytest.fixture
async def database(room: Rooms, folder: Path, fake_clock: FakeClock) -> AsyncIterator[SqliteDatabase]:
    """An open database with tenants a and b, both used once."""
    made = SqliteDatabase(folder, [room("ground", FIRST)], fake_clock)
    await made.open()
    for tenant in ("a", "b"):
        await made.add_tenant(tenant)
        await add(made, "first", tenant=tenant)
    yield made
    await made.close()


async def add(database: SqliteDatabase, key: str, doc: str = "", *, tenant: str = "a") -> int:
    async def add_tx(tx: Tx) -> int:
        return await tx.execute(ADD, key, doc)

    return await database.write(tenant, add_tx)


async def count(database: SqliteDatabase, tenant: str = "a") -> Any:
    async def count_tx(tx: Tx) -> Any:
        row = await tx.fetch_one("SELECT count(*) FROM thing")
        return row[0] if row else None

    return await database.read(tenant, count_tx)


def file_of(database: SqliteDatabase, folder: Path, tenant: str) -> Path:
    return folder / "tenants" / f"{database._ids[tenant]}.db"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def size_of(path: Path) -> int:
    return path.stat().st_size


def spoil(path: Path) -> None:
    """Overwrites the file's pages after the first, as a broken disk might."""
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


async def reopened(folder: Path, schema: Schema) -> SqliteDatabase:
    database = SqliteDatabase(folder, [schema], FakeClock())
    await database.open()
    return database


async def test_the_file_bears_no_name_from_outside(database: SqliteDatabase, folder: Path) -> None:
    await database.add_tenant("fukui-city")
    await add(database, "x", tenant="fukui-city")
    names = names_in(folder)
    assert not any("fukui" in name for name in names)
    assert {"platform.db", "tenants", "lock"} <= names


async def test_every_commit_is_synced(database: SqliteDatabase) -> None:
    connection = database._files["a"]._connection
    assert connection.execute("PRAGMA synchronous").fetchall() == [(2,)]
    assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    assert connection.execute("PRAGMA foreign_keys").fetchall() == [(1,)]
    assert connection.execute("PRAGMA wal_autocheckpoint").fetchall() == [(0,)]


async def test_it_keeps_what_was_written(database: SqliteDatabase, folder: Path, room: Rooms) -> None:
    await database.close()
    assert not any(name.endswith((".open", "-wal")) for name in names_in(folder))
    again = await reopened(folder, room("again", SECOND))
    assert await again.tenants() == ["a", "b"]
    assert await count(again) == 1
    await again.close()


async def test_a_work_that_waits_for_something_else_is_told_so(database: SqliteDatabase) -> None:
    async def napping_tx(tx: Tx) -> None:
        await tx.execute(ADD, "half", "")
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="not its Tx"):
        await database.write("a", napping_tx)
    with pytest.raises(RuntimeError, match="not its Tx"):
        await database.read("a", napping_tx_of_reading)
    assert await count(database) == 1


async def napping_tx_of_reading(_tx: Tx) -> None:
    await asyncio.sleep(0)


async def test_a_newer_file_is_refused(database: SqliteDatabase, folder: Path, room: Rooms) -> None:
    await database.close()
    newer = await reopened(folder, room("newer", SECOND))
    await add(newer, "x")
    await newer.close()
    older = await reopened(folder, room("older", FIRST))
    with pytest.raises(StorageRefused, match="'thing' are at version 2, this program knows them up to 1"):
        await count(older)
    assert await count(older, "b") == 1
    assert older.stats()["set_aside"] == 1
    await older.close()


async def test_a_newer_platform_file_stops_the_start(folder: Path, room: Rooms) -> None:
    newer = room("newer", SECOND)
    database = await reopened(folder, Schema("thing", newer.package, "platform"))
    await database.close()
    older = room("older", FIRST)
    with pytest.raises(StorageRefused, match=r"the platform's own file.*version 2"):
        await reopened(folder, Schema("thing", older.package, "platform"))
    again = await reopened(folder, Schema("thing", newer.package, "platform"))  # the refused start let go of the folder
    await again.close()


async def test_an_edited_schema_is_refused(database: SqliteDatabase, folder: Path, room: Rooms) -> None:
    await database.close()
    edited = await reopened(folder, room("edited", FIRST.replace("doc TEXT", "doc BIGINT")))
    with pytest.raises(StorageRefused, match="version 1 of the tables of 'thing' was edited"):
        await count(edited)
    await edited.close()


async def test_a_migration_that_fails_changes_nothing(database: SqliteDatabase, folder: Path, room: Rooms) -> None:
    await database.close()
    broken = await reopened(folder, room("broken", SECOND + "-- version 3\nCREATE TABEL oops;\n"))
    with pytest.raises(apsw.SQLError):
        await count(broken)
    await broken.close()
    again = await reopened(folder, room("mended", FIRST))
    assert await count(again) == 1
    await again.close()


async def test_after_an_unclean_end_a_damaged_tenant_is_set_aside(
    database: SqliteDatabase, folder: Path, room: Rooms
) -> None:
    path = file_of(database, folder, "a")
    await database.close()
    spoil(path)
    path.with_suffix(".open").touch()
    again = await reopened(folder, room("again", FIRST))
    for _ in range(2):
        with pytest.raises(StorageRefused, match="tenant 'a' is set aside because its file is damaged"):
            await count(again)
    assert await count(again, "b") == 1
    assert again.stats()["set_aside"] == 1
    await again.close()
    assert path.exists()


async def test_damage_found_while_running_sets_the_tenant_aside(
    database: SqliteDatabase, folder: Path, room: Rooms
) -> None:
    path = file_of(database, folder, "a")
    await database.close()
    spoil(path)
    again = await reopened(folder, room("again", FIRST))
    with pytest.raises(StorageRefused, match="damaged"):
        await count(again)
    with pytest.raises(StorageRefused, match="damaged"):
        await add(again, "x")
    assert await count(again, "b") == 1
    await again.close()


async def test_a_file_that_is_no_database(database: SqliteDatabase, folder: Path, room: Rooms) -> None:
    path = file_of(database, folder, "a")
    await database.close()
    path.write_bytes(b"not a database at all" * 400)
    again = await reopened(folder, room("again", FIRST))
    with pytest.raises(StorageRefused, match="damaged"):
        await count(again)
    await again.close()


async def test_no_check_after_a_clean_end(
    database: SqliteDatabase, folder: Path, room: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[apsw.Connection] = []

    def sound(connection: apsw.Connection) -> str:
        checked.append(connection)
        return ""

    monkeypatch.setattr(sqlite_file, "damage", sound)
    await database.close()
    again = await reopened(folder, room("again", FIRST))
    await count(again)
    assert checked == []
    await again.close()
    (folder / "platform.open").touch()
    await (await reopened(folder, room("once_more", FIRST))).close()
    assert len(checked) == 1


async def test_a_second_process_is_refused_and_told_who_holds_the_folder(
    database: SqliteDatabase, folder: Path
) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from kumihimo.base.clock import SystemClock\n"
        "from kumihimo.storage.opening import database_for\n"
        "asyncio.run(database_for(pathlib.Path(sys.argv[1]), None, [], SystemClock()).open())\n"
    )
    run = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert f"in use by process {os.getpid()}" in run.stderr
    with pytest.raises(StorageRefused, match="in use"):
        await SqliteDatabase(folder, [], FakeClock()).open()
    assert await add(database, "still served") == 1


async def test_a_full_disk_refuses_writes_serves_reads_and_recovers(database: SqliteDatabase) -> None:
    """max_page_count makes SQLite report SQLITE_FULL just as a full disk does."""
    connection = database._files["a"]._connection
    pages = connection.pragma("page_count")
    assert isinstance(pages, int)
    connection.pragma("max_page_count", pages + 8)
    results = await asyncio.gather(
        *(add(database, f"big{number}", "x" * 9000) for number in range(30)), return_exceptions=True
    )
    refused = [one for one in results if isinstance(one, StorageRefused)]
    assert refused
    assert len(refused) + results.count(1) == 30
    assert "disk is full" in refused[0].detail
    assert await count(database) == 1 + results.count(1)
    assert await add(database, "elsewhere", tenant="b") == 1
    connection.pragma("max_page_count", 1_000_000)
    assert await add(database, "big", "x" * 90000) == 1


async def test_a_lost_transaction_is_told_to_all_of_its_group(database: SqliteDatabase) -> None:
    async def rolls_back_tx(tx: Tx) -> None:
        await tx.execute("ROLLBACK")  # what SQLite does by itself on some disk errors
        raise apsw.FullError("database or disk is full")

    results = await asyncio.gather(add(database, "one"), database.write("a", rolls_back_tx), return_exceptions=True)
    assert isinstance(results[1], StorageRefused)
    assert await count(database) == (2 if results[0] == 1 else 1)
    assert await add(database, "after") == 1


async def test_more_writes_than_may_wait_are_refused(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "MAX_WAITING", 10)
    results = await asyncio.gather(*(add(database, str(number)) for number in range(50)), return_exceptions=True)
    assert results.count(1) == 10
    assert all(one == 1 or isinstance(one, Overloaded) for one in results)
    assert await add(database, "later") == 1


async def test_the_idle_tenant_is_closed_for_another(room: Rooms, folder: Path) -> None:
    database = SqliteDatabase(folder, [room("ground", FIRST)], FakeClock(), max_open=2)
    await database.open()
    names = [f"t{number}" for number in range(6)]
    for name in names:
        await database.add_tenant(name)
        await add(database, "x", tenant=name)
        assert database.stats()["open_files"] <= 3  # two tenants and the platform
    await asyncio.gather(*(add(database, str(number), tenant=name) for name in names for number in range(20)))
    for name in names:
        assert await count(database, name) == 21
    await add(database, "last", tenant=names[0])
    assert PLATFORM in database._files
    assert database.stats()["works"] == 6 + 6 + 120 + 1
    await database.close()


async def test_the_write_ahead_log_stays_small(
    database: SqliteDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "CHECKPOINT_PAGES", 50)
    for number in range(300):
        await add(database, str(number), "x" * 8000)
        await database._files["a"].unread()  # a checkpoint beside the writer counts as a reader
    assert size_of(Path(f"{file_of(database, folder, 'a')}-wal")) < 300 * 8000 / 4
    assert await count(database) == 301


async def test_the_folder_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(StorageRefused, match="cannot be used"):
        await SqliteDatabase(tmp_path / "plain", [], FakeClock()).open()


@pytest.mark.parametrize("how", ["missing", "empty"])
async def test_a_tenant_whose_file_is_gone_is_no_fresh_one(
    database: SqliteDatabase, folder: Path, room: Rooms, how: str
) -> None:
    await add(database, "kept")
    path = file_of(database, folder, "a")
    await database.close()
    path.unlink()
    if how == "empty":
        path.touch()
    again = await reopened(folder, room("room", FIRST))
    for _ in range(2):
        with pytest.raises(StorageRefused, match=r"is missing or empty.*restore the file"):
            await add(again, "x")
    assert await add(again, "y", tenant="b") == 1
    await again.close()


async def test_a_platform_file_that_is_gone_hides_no_tenants(
    database: SqliteDatabase, folder: Path, room: Rooms
) -> None:
    await add(database, "kept")
    await database.close()
    (folder / "platform.db").unlink()
    with pytest.raises(StorageRefused, match=r"platform.db is missing or empty"):
        await reopened(folder, room("room", FIRST))


async def test_a_tenant_that_could_not_be_registered_leaves_nothing(
    database: SqliteDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names_in(folder)
    write = database.write

    async def full(scope: str, work: Any) -> Any:
        raise StorageRefused("the disk is full")

    monkeypatch.setattr(database, "write", full)
    with pytest.raises(StorageRefused):
        await database.add_tenant("late")
    with pytest.raises(StorageRefused):
        await database.remove_tenant("a")
    monkeypatch.setattr(database, "write", write)
    assert names_in(folder) == before
    assert await database.tenants() == ["a", "b"], "what could not be removed is still there"
    assert await database.add_tenant("late")


async def test_a_disk_that_fills_up_while_a_tenant_opens_is_a_refusal(
    database: SqliteDatabase, folder: Path, room: Rooms
) -> None:
    await add(database, "kept")
    path = file_of(database, folder, "a")
    await database.close()
    again = await reopened(folder, room("second", SECOND))
    pages = size_of(path) // 4096

    def small(where: Path, *, create: bool) -> apsw.Connection:
        connection = connect_writer(where, create=create)
        connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_file, "connect_writer", small)
        with pytest.raises(StorageRefused, match="the disk is full"):
            await add(again, "x")
    assert await add(again, "x") == 1, "room was made; no restart is needed"
    await again.close()
