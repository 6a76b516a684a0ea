"""Kill -9 in the middle of an import of history: it goes on where it was committed, nothing doubled, nothing lost."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.processes import KUMIHIMO, Served

ROWS = 30_000


def levels(folder: Path, rows: int) -> Path:
    """Two gauges, a row for each minute of each."""
    found, first = folder / "levels.csv", datetime(2020, 1, 1, tzinfo=UTC)
    lines = (f"{n % 2},{first + timedelta(minutes=n // 2):%Y-%m-%d %H:%M},{n}" for n in range(rows))
    found.write_text("id,time,level\n" + "\n".join(lines) + "\n")
    return found


def command(file: Path, data: Path) -> list[str]:
    return [*KUMIHIMO, "import-history", str(file), "--tenant", "town", "--type", "G", "--apply", "--data", str(data)]


def add_tenant(data: Path) -> None:
    subprocess.run([*KUMIHIMO, "tenant", "add", "town", "--data", str(data)], check=True, capture_output=True)


def ask(data: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the tenant's file, beside whoever writes it."""
    (path,) = (data / "tenants").glob("*.db")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(10_000)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def committed(data: Path) -> int:
    """How many records the import has behind it."""
    return max((row[0] for row in ask(data, "SELECT position FROM import_run")), default=0)


@contextmanager
def importing(file: Path, data: Path, beyond: int) -> Iterator[subprocess.Popen[str]]:
    """An import that has just come beyond so many records."""
    process = subprocess.Popen(command(file, data), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.monotonic() + 60
    try:
        while committed(data) <= beyond:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.002)
        yield process
    finally:
        process.kill()
        process.communicate()


def check(data: Path, said: str, rows: int) -> None:
    assert f"{rows} stored, 0 there already, 0 corrected, 0 refused; 2 became the current value" in said
    assert ask(data, "SELECT count(*), count(DISTINCT observed_at || entity_id) FROM history") == [(rows, rows)]
    assert ask(data, "SELECT sum(number) FROM history") == [(rows * (rows - 1) / 2,)]
    assert len(ask(data, "SELECT seq FROM log")) == 2


def story(folder: Path, rows: int, kills: int) -> int:
    """Kills the import so many times, each time after it has committed more, and lets it end; what the kills left."""
    data, file, reached = folder / "data", levels(folder, rows), 0
    add_tenant(data)
    for _ in range(kills):
        with importing(file, data, reached) as process:
            process.kill()
            process.wait()
        reached = committed(data)
    assert 0 < reached < rows
    ended = subprocess.run(command(file, data), check=True, capture_output=True, text=True)
    assert f"Goes on behind record {reached}," in ended.stdout
    check(data, ended.stdout, rows)
    return reached


@pytest.mark.slow
def test_the_import_is_killed_and_ends_whole(tmp_path: Path) -> None:
    assert 0 < story(tmp_path, ROWS, 1) < ROWS


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_platform_is_killed_and_the_import_goes_on_with_the_next(tmp_path: Path) -> None:
    served, file = Served(tmp_path / "data"), levels(tmp_path, ROWS)
    with served:
        add_tenant(served.data)
        with importing(file, served.data, 0) as process:
            served.kill()
            said, _ = process.communicate(timeout=60)
        reached = committed(served.data)
        assert "kumihimo: stopped behind record " in said
        assert "run the same command again to go on" in said
        assert process.returncode == 1
        assert reached < ROWS
        served.start()
        ended = subprocess.run(command(file, served.data), check=True, capture_output=True, text=True)
        assert served.stop() == 0
    check(served.data, ended.stdout, ROWS)
