"""The database port, the same on every engine."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import DatabaseFactory

from kumihimo.base.errors import BadRequestData, NonexistentTenant, StorageRefused
from kumihimo.storage.database import PLATFORM, Database, Schema, Tx

ADD = "INSERT INTO thing (id, n) VALUES ($1, $2)"
_ROOMS = itertools.count(1)


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Schema:
    """A room of the tests' own: a package with a schema file."""
    name = f"contract_room_{next(_ROOMS)}"
    package = tmp_path / "packages" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "schema.sql").write_text(
        "-- version 1\nCREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL);\n"
        "-- version 2\nALTER TABLE thing ADD COLUMN doc TEXT;\n"
        "CREATE TABLE thing_part (id TEXT NOT NULL PRIMARY KEY, thing TEXT NOT NULL "
        "REFERENCES thing (id) DEFERRABLE INITIALLY DEFERRED);\n"
    )
    monkeypatch.syspath_prepend(str(package.parent))
    return Schema("thing", name)


@pytest.fixture
async def database(any_database_factory: DatabaseFactory, schema: Schema) -> Database:
    """An open database with the tenant "a"."""
    made = await any_database_factory([schema])
    assert await made.add_tenant("a")
    return made


async def add(database: Database, key: str, number: int = 0, *, tenant: str = "a") -> int:
    async def add_tx(tx: Tx) -> int:
        return await tx.execute(ADD, key, number)

    return await database.write(tenant, add_tx)


async def keys(database: Database, tenant: str = "a") -> list[str]:
    async def keys_tx(tx: Tx) -> list[str]:
        return [str(key) for (key,) in await tx.fetch("SELECT id FROM thing ORDER BY n, id")]

    return await database.read(tenant, keys_tx)


async def test_many_rows_are_added_at_once_and_all_or_none(database: Database) -> None:
    async def fill_tx(tx: Tx) -> None:
        await tx.insert_many("thing", ("n", "id"), [])
        await tx.insert_many("thing", ("n", "id"), [(place, f"水{place:04d}") for place in range(2000)])

    async def again_tx(tx: Tx) -> None:
        await tx.insert_many("thing", ("id", "n"), [("new", 1), ("水0007", 1)])

    await database.write("a", fill_tx)
    with pytest.raises(Exception, match=r"(?i)unique|constraint"):
        await database.write("a", again_tx)
    assert await keys(database) == [f"水{place:04d}" for place in range(2000)]


async def test_a_write_is_read_and_rows_are_plain_tuples(database: Database) -> None:
    assert await add(database, "水位", 2**62) == 1

    async def all_tx(tx: Tx) -> list[tuple[Any, ...]]:
        assert await tx.fetch_one("SELECT id FROM thing WHERE n = $1", 1) is None
        assert await tx.fetch_one("SELECT n FROM thing WHERE id = $1", "水位") == (2**62,)
        return await tx.fetch("SELECT id, n FROM thing WHERE n >= $1 AND $1 > 0", 1)

    rows = await database.read("a", all_tx)
    assert rows == [("水位", 2**62)]
    assert type(rows[0]) is tuple


async def test_execute_counts_the_rows_it_changed(database: Database) -> None:
    async def counts_tx(tx: Tx) -> list[int]:
        await tx.execute_many(ADD, [("a", 1), ("b", 1), ("c", 2)])
        await tx.execute_many(ADD, [])
        return [
            await tx.execute("UPDATE thing SET doc = $1 WHERE n = $2", "x", 1),
            await tx.execute(f"{ADD} ON CONFLICT (id) DO NOTHING", "a", 9),
            await tx.execute("DELETE FROM thing WHERE n = $1", 2),
            await tx.execute("DELETE FROM thing WHERE n = $1", 2),
        ]

    assert await database.write("a", counts_tx) == [2, 0, 1, 0]


async def test_a_parameter_inside_a_literal_is_text(database: Database) -> None:
    async def literal_tx(tx: Tx) -> Any:
        return await tx.fetch_one("SELECT 'it''s $1 and $2', CAST($1 AS BIGINT)", 7)

    assert await database.read("a", literal_tx) == ("it's $1 and $2", 7)


async def test_500_concurrent_writes_share_commits(database: Database) -> None:
    before = database.stats()
    assert await asyncio.gather(*(add(database, str(number)) for number in range(500))) == [1] * 500
    after = database.stats()
    assert after["works"] - before["works"] == 500
    assert after["commits"] - before["commits"] < 100
    assert after["largest_group"] > 10
    assert after["commit_seconds"] > before["commit_seconds"]
    assert after["waiting"] == 0
    assert len(await keys(database)) == 500


async def test_writes_of_a_tenant_keep_their_order(database: Database) -> None:
    order: list[int] = []

    def numbered(number: int) -> Any:
        async def note_tx(tx: Tx) -> None:
            await tx.execute(ADD, str(number), number)
            order.append(number)

        return database.write("a", note_tx)

    await asyncio.gather(*(numbered(number) for number in range(100)))
    assert order == list(range(100))


async def test_a_work_that_raises_is_rolled_back_alone(database: Database) -> None:
    async def half_tx(tx: Tx) -> None:
        await tx.execute(ADD, "half", 1)
        raise LookupError("changed my mind")

    async def broken_tx(tx: Tx) -> None:
        await tx.execute(ADD, "broken", 1)
        await tx.execute("INSERT INTO nowhere (id) VALUES ($1)", "x")

    results = await asyncio.gather(
        add(database, "before", 1),
        database.write("a", half_tx),
        add(database, "between", 2),
        database.write("a", broken_tx),
        add(database, "before", 9),
        add(database, "after", 3),
        return_exceptions=True,
    )
    assert [type(one) is int for one in results] == [True, False, True, False, False, True]
    assert isinstance(results[1], LookupError)
    assert await keys(database) == ["before", "between", "after"]
    assert database.stats()["works_failed"] == 3


async def test_the_first_of_a_group_that_raises_takes_nothing_from_those_behind_it(database: Database) -> None:
    """What the transaction stands on, its schema, is not rolled back with the first work's own."""

    async def wrong(tx: Tx) -> None:
        await tx.execute(ADD, "wrong", 0)
        raise BadRequestData("no")

    async def right(tx: Tx) -> None:
        await tx.execute(ADD, "first", 0)

    works = [database.write("a", wrong), database.write("a", right), add(database, "third")]
    refused, *rest = await asyncio.gather(*works, return_exceptions=True)
    assert isinstance(refused, BadRequestData)
    assert rest == [None, 1]
    assert await keys(database) == ["first", "third"]


async def test_a_commit_that_fails_is_told_to_all_of_its_group(database: Database) -> None:
    """A rule that is checked at the commit only: the one who broke it takes the group along, and all hear it."""
    await add(database, "there")

    async def orphan_tx(tx: Tx) -> int:
        return await tx.execute("INSERT INTO thing_part (id, thing) VALUES ($1, $2)", "part", "nowhere")

    results = await asyncio.gather(
        add(database, "one"), database.write("a", orphan_tx), add(database, "two"), return_exceptions=True
    )
    assert isinstance(results[1], Exception)
    kept = await keys(database)
    for name, result in (("one", results[0]), ("two", results[2])):
        assert (name in kept) is (result == 1)
    assert database.stats()["commits_failed"] == 1
    assert await add(database, "afterwards") == 1


async def test_a_caller_that_gives_up_harms_nobody(database: Database) -> None:
    gone = asyncio.ensure_future(add(database, "gone", 1))
    stays = asyncio.ensure_future(add(database, "stays", 2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert "stays" in await keys(database)
    assert await add(database, "later", 3) == 1


async def test_a_read_that_gives_up_leaves_nothing_behind(database: Database) -> None:
    async def slow_tx(tx: Tx) -> Any:
        counter = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 200000)"
        return await tx.fetch(f"{counter} SELECT max(x) FROM c")

    for _ in range(12):
        reading = asyncio.ensure_future(database.read("a", slow_tx))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert await add(database, "x") == 1
    assert await keys(database) == ["x"]


async def test_a_read_sees_one_snapshot(database: Database) -> None:
    """Writes go on while a read counts twice: the two counts agree, and a later read sees all."""

    async def count_twice_tx(tx: Tx) -> tuple[Any, Any]:
        first = await tx.fetch_one("SELECT count(*) FROM thing")
        for _ in range(20):
            await tx.fetch("SELECT * FROM thing")
        return first, await tx.fetch_one("SELECT count(*) FROM thing")

    async def write_all() -> None:
        for number in range(60):
            await add(database, str(number))

    writing = asyncio.ensure_future(write_all())
    seen = []
    while not writing.done():
        first, second = await database.read("a", count_twice_tx)
        assert first == second
        seen.append(first)
    await writing
    assert seen == sorted(seen)
    assert len(await keys(database)) == 60


async def test_a_read_cannot_write(database: Database) -> None:
    async def sneak_tx(tx: Tx) -> None:
        await tx.execute(ADD, "sneak", 1)

    with pytest.raises(Exception, match=r"read-?\s?only|readonly|reads"):
        await database.read("a", sneak_tx)
    assert await keys(database) == []


async def test_tenants_see_nothing_of_each_other(database: Database) -> None:
    await database.add_tenant("b")
    await add(database, "canary")
    assert await keys(database, "b") == []
    await add(database, "canary", tenant="b")
    assert await database.tenants() == ["a", "b"]
    assert await keys(database) == await keys(database, "b") == ["canary"]


async def test_an_unknown_tenant_is_refused(database: Database) -> None:
    with pytest.raises(NonexistentTenant):
        await keys(database, "nobody")
    with pytest.raises(NonexistentTenant):
        await add(database, "x", tenant="../platform")
    with pytest.raises(BadRequestData):
        await database.add_tenant("../platform")


async def test_adding_twice_and_removing(database: Database) -> None:
    assert not await database.add_tenant("a")
    assert sorted(await asyncio.gather(*(database.add_tenant("b") for _ in range(5)))) == [False] * 4 + [True]
    await add(database, "x", tenant="b")
    assert await database.remove_tenant("b")
    assert not await database.remove_tenant("b")
    with pytest.raises(NonexistentTenant):
        await keys(database, "b")
    assert await database.add_tenant("b")
    assert await keys(database, "b") == []


async def test_tenants_opened_at_once_are_opened_once(database: Database) -> None:
    await database.add_tenant("b")
    assert await asyncio.gather(*(add(database, str(number), tenant="b") for number in range(20))) == [1] * 20


async def test_the_platform_scope_is_its_own(any_database_factory: DatabaseFactory, schema: Schema) -> None:
    database = await any_database_factory([Schema(schema.room, schema.package, "platform")])
    await database.add_tenant("a")
    await add(database, "x", tenant=PLATFORM)
    assert await keys(database, PLATFORM) == ["x"]
    with pytest.raises(Exception, match="thing"):
        await keys(database)


async def test_closing_finishes_what_was_begun(database: Database) -> None:
    writing = [asyncio.ensure_future(add(database, str(number))) for number in range(50)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*writing) == [1] * 50
    with pytest.raises(StorageRefused):
        await keys(database)


async def test_migrations_are_noted_once(database: Database, schema: Schema) -> None:
    async def noted_tx(tx: Tx) -> list[tuple[Any, ...]]:
        return await tx.fetch("SELECT room, version, applied_at FROM migration ORDER BY room, version")

    rows = await database.read("a", noted_tx)
    assert [row[:2] for row in rows] == [("thing", 1), ("thing", 2)]
    assert rows[0][2] == 1767225600000000  # the fake clock's 2026-01-01T00:00:00Z
    assert [row[0] for row in await database.read(PLATFORM, noted_tx)] == ["storage"]
