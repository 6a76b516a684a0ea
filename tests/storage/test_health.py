from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.fakes import DatabaseFactory
from tests.postgres_server import PostgresServer

from kumihimo.base.clock import SystemClock
from kumihimo.base.errors import StorageRefused
from kumihimo.storage import health
from kumihimo.storage.engines.postgres import PostgresDatabase
from kumihimo.storage.health import Health


async def test_it_follows_the_store_on_both_engines(
    any_database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    database = await any_database_factory([])
    answers = Health(database)
    assert await answers()
    await database.close()
    assert not await answers()
    await database.open()
    assert await answers()


async def test_the_store_is_looked_at_once_however_many_ask(
    database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await database_factory([])
    plain, looks = database.read, 0

    async def read(*arguments: Any, **named: Any) -> Any:
        nonlocal looks
        looks += 1
        return await plain(*arguments, **named)

    monkeypatch.setattr(database, "read", read)
    answers = Health(database)
    assert all(await asyncio.gather(*(answers() for _ in range(50))))
    assert looks == 1


@pytest.mark.parametrize("fault", [StorageRefused("away"), None])
async def test_a_store_that_refuses_or_says_nothing_is_away(
    fault: Exception | None, database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await database_factory([])
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.02)

    async def read(*_: Any, **__: Any) -> Any:
        if fault is None:
            await asyncio.Event().wait()
        raise fault or AssertionError

    monkeypatch.setattr(database, "read", read)
    assert not await Health(database)()


@pytest.mark.postgres
async def test_a_server_that_takes_no_connection_is_away(
    postgres_server: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    name = urlsplit(postgres_url).path.removeprefix("/")
    database = PostgresDatabase(postgres_url, [], SystemClock())
    await database.open()
    answers = Health(database)
    assert await answers()
    try:
        postgres_server._sql("postgres", f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        postgres_server._sql(
            "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        async with asyncio.timeout(10):
            while await answers():  # noqa: ASYNC110 - the server ends its connections in its own time
                await asyncio.sleep(0.01)
        postgres_server._sql("postgres", f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert await answers()
    finally:
        await database.close()
