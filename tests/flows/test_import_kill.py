"""Kill -9 in the middle of an import of history: it goes on where it was committed, nothing doubled, nothing lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest
from tests.processes import KUMIHIMO, Served

ROWS = 30_000
COUNTED = "SELECT count(*), count(DISTINCT observed_at || entity_id) FROM history"


def levels(folder: Path, rows: int) -> Path:
    """Two gauges, a row for each minute of each."""
    found, first = folder / "levels.csv", datetime(2020, 1, 1, tzinfo=UTC)
    lines = (f"{n % 2},{first + timedelta(minutes=n // 2):%Y-%m-%d %H:%M},{n}" for n in range(rows))
    found.write_text("id,time,level\n" + "\n".join(lines) + "\n")
    return found


def command(file: Path, data: Path) -> list[str]:
    return [*KUMIHIMO, "import-history", str(file), "--tenant", "town", "--type", "G", "--apply", "--data", str(data)]


Environ = Mapping[str, str]
"""What the command is told of its engine: nothing for SQLite, the address of a PostgreSQL database."""
URL = "KUMIHIMO_DATABASE_URL"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def environ(request: pytest.FixtureRequest) -> Environ:
    return {} if request.param == "sqlite" else {URL: request.getfixturevalue("postgres_url")}


def add_tenant(data: Path, environ: Environ) -> None:
    words = [*KUMIHIMO, "tenant", "add", "town", "--data", str(data)]
    subprocess.run(words, env={**os.environ, **environ}, check=True, capture_output=True)


def ask(data: Path, environ: Environ, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the tenant's file or schema, beside whoever writes it."""
    if environ:
        return asyncio.run(_ask_server(environ[URL], sql))
    (path,) = (data / "tenants").glob("*.db")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(10_000)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def _ask_server(url: str, sql: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        space = await connection.fetchval("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kumihimo_t_%'")
        await connection.execute(f'SET search_path TO "{space}", public')
        return [tuple(row) for row in await connection.fetch(sql)]
    except asyncpg.UndefinedTableError:  # the import, which makes the tenant's tables, has not begun
        return []
    finally:
        await connection.close()


def committed(data: Path, environ: Environ) -> int:
    """How many records the import has behind it."""
    return max((row[0] for row in ask(data, environ, "SELECT position FROM import_run")), default=0)


def settle(data: Path, environ: Environ) -> None:
    """Returns once the server, too, knows that its client is dead: until then it may still commit what it was sent."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    until = time.monotonic() + 60
    while environ and ask(data, environ, others) != [(0,)]:
        assert time.monotonic() < until
        time.sleep(0.02)


@contextmanager
def importing(file: Path, data: Path, environ: Environ, beyond: int) -> Iterator[subprocess.Popen[str]]:
    """An import that has just come beyond so many records."""
    process = subprocess.Popen(
        command(file, data), env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    until = time.monotonic() + 60
    try:
        while committed(data, environ) <= beyond:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.002)
        yield process
    finally:
        process.kill()
        process.communicate()


def check(data: Path, environ: Environ, said: str, rows: int) -> None:
    assert f"{rows} stored, 0 there already, 0 corrected, 0 refused; 2 became the current value" in said
    assert ask(data, environ, COUNTED) == [(rows, rows)]
    assert ask(data, environ, "SELECT sum(number) FROM history") == [(rows * (rows - 1) / 2,)]
    assert len(ask(data, environ, "SELECT seq FROM log")) == 2


def story(folder: Path, rows: int, kills: int, environ: Environ) -> int:
    """Kills the import so many times, each time after it has committed more, and lets it end; what the kills left."""
    data, file, reached = folder / "data", levels(folder, rows), 0
    add_tenant(data, environ)
    for _ in range(kills):
        with importing(file, data, environ, reached) as process:
            process.kill()
            process.wait()
        settle(data, environ)
        reached = committed(data, environ)
    assert 0 < reached < rows
    told = {**os.environ, **environ}
    ended = subprocess.run(command(file, data), env=told, check=True, capture_output=True, text=True)
    assert f"Goes on behind record {reached}," in ended.stdout
    check(data, environ, ended.stdout, rows)
    return reached


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_import_is_killed_and_ends_whole(tmp_path: Path, environ: Environ) -> None:
    rows = ROWS // 2 if environ else ROWS
    assert 0 < story(tmp_path, rows, 1, environ) < rows


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_platform_is_killed_and_the_import_goes_on_with_the_next(tmp_path: Path) -> None:
    served, file = Served(tmp_path / "data"), levels(tmp_path, ROWS)
    with served:
        add_tenant(served.data, {})
        with importing(file, served.data, {}, 0) as process:
            served.kill()
            said, _ = process.communicate(timeout=60)
        reached = committed(served.data, {})
        assert "kumihimo: stopped behind record " in said
        assert "run the same command again to go on" in said
        assert process.returncode == 1
        assert reached < ROWS
        served.start()
        ended = subprocess.run(command(file, served.data), check=True, capture_output=True, text=True)
        assert served.stop() == 0
    check(served.data, {}, ended.stdout, ROWS)
