"""The transaction handed to stores on SQLite: its awaits never suspend, so that a thread can drive the work."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache
from typing import Any

import apsw

from kumihimo.storage.database import Row
from kumihimo.storage.engines.sqlite_dialect import DIALECT, SqliteDialect

_LITERAL_OR_PARAMETER = re.compile(r"'(?:[^']|'')*'|\$(\d+)")
_CHANGES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.IGNORECASE)


def _as_question(found: re.Match[str]) -> str:
    number = found.group(1)
    return f"?{number}" if number else found.group(0)


@lru_cache(maxsize=4096)
def translate(sql: str) -> str:
    """The statement with `?1` for each `$1` outside of literals."""
    return _LITERAL_OR_PARAMETER.sub(_as_question, sql)


@lru_cache(maxsize=4096)
def _prepared(sql: str) -> tuple[str, bool]:
    return translate(sql), _CHANGES.match(sql) is not None


class SqliteTx:
    """A transaction on one connection; it neither begins nor ends it. `check` is called before each query."""

    __slots__ = ("_check", "_connection")

    def __init__(self, connection: apsw.Connection, check: Callable[[], None] | None = None) -> None:
        self._connection = connection
        self._check = check

    @property
    def dialect(self) -> SqliteDialect:
        """How SQLite says what the engines say differently."""
        return DIALECT

    async def execute(self, sql: str, *parameters: Any) -> int:
        """Runs one statement; the number of rows it changed."""
        text, changes = _prepared(sql)
        self._connection.execute(text, parameters).close()
        return self._connection.changes() if changes else 0

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs one statement for each row of parameters."""
        if rows:
            self._connection.executemany(translate(sql), [tuple(row) for row in rows]).close()

    async def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Adds rows with one statement, prepared once."""
        if rows:
            places = ", ".join("?" * len(columns))
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
            self._connection.executemany(sql, rows).close()

    async def fetch(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of a query."""
        if self._check is not None:
            self._check()
        return self._connection.execute(translate(sql), parameters).fetchall()

    async def fetch_one(self, sql: str, *parameters: Any) -> Row | None:
        """The first row of a query, or None."""
        if self._check is not None:
            self._check()
        cursor = self._connection.execute(translate(sql), parameters)
        row = cursor.fetchone()
        cursor.close(True)
        return row


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns, run to its end without an event loop.

    Raises RuntimeError where it waits for anything but its Tx.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("the work awaited something that is not its Tx; do that before or after the transaction")
