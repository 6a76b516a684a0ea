"""The transaction handed to stores on PostgreSQL, and what the server's errors mean to a caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from math import inf
from time import monotonic
from typing import Any

import asyncpg

from kumihimo.base.errors import Overloaded, StorageRefused
from kumihimo.storage.database import Row
from kumihimo.storage.engines.base import too_long
from kumihimo.storage.engines.postgres_dialect import DIALECT, PostgresDialect

ACQUIRE_SECONDS = 10.0


class PostgresTx:
    """A transaction on one connection; it neither begins nor ends it. After `seconds` it begins no query."""

    __slots__ = ("_connection", "_seconds", "_until")

    def __init__(self, connection: Any, seconds: float = inf) -> None:
        self._connection = connection
        self._seconds = seconds
        self._until = monotonic() + seconds

    def _check(self) -> None:
        if monotonic() > self._until:
            raise too_long(self._seconds)

    @property
    def dialect(self) -> PostgresDialect:
        """How PostgreSQL says what the engines say differently."""
        return DIALECT

    async def execute(self, sql: str, *parameters: Any) -> int:
        """Runs one statement; the number of rows it changed."""
        verb, _, rest = str(await self._connection.execute(sql, *parameters)).partition(" ")
        return int(rest.rpartition(" ")[2]) if verb in {"INSERT", "UPDATE", "DELETE", "MERGE"} else 0

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs one statement for each row of parameters."""
        if rows:
            await self._connection.executemany(sql, rows)

    async def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Adds rows by COPY in its binary form."""
        if rows:
            await self._connection.copy_records_to_table(table, records=rows, columns=list(columns))

    async def fetch(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of a query."""
        self._check()
        return [tuple(row) for row in await self._connection.fetch(sql, *parameters)]

    async def fetch_one(self, sql: str, *parameters: Any) -> Row | None:
        """The first row of a query, or None."""
        self._check()
        row = await self._connection.fetchrow(sql, *parameters)
        return None if row is None else tuple(row)


class Removed(StorageRefused):
    """Another process removed the tenant, and may have made one of the same name."""


@asynccontextmanager
async def begun(pool: Any, statement: str, space: str, last: str = "") -> AsyncIterator[Any]:
    """A connection of the pool in a new transaction, to be ended by the caller. last: as `begin`.

    A waiting connection may have been cut without our notice; nothing was asked of it yet, so the next is tried.
    """
    cut: BaseException | None = None
    for _ in range(pool.get_max_size() + 1):
        async with _acquired(pool) as connection:
            try:
                await begin(connection, statement, space, last)
            except BaseException as problem:
                await abandon(connection, problem)
                if not is_lost(problem):
                    raise
                cut = problem
                continue
            try:
                yield connection
            except BaseException as problem:
                await abandon(connection, problem)
                raise
            return
    raise StorageRefused(f"the database server ends every connection ({cut}); try again") from cut


@asynccontextmanager
async def _acquired(pool: Any) -> AsyncIterator[Any]:
    """A connection of the pool; Overloaded where none came free in time."""
    try:
        connection = await pool.acquire(timeout=ACQUIRE_SECONDS)
    except TimeoutError as problem:
        raise Overloaded(
            f"none of the {pool.get_max_size()} connections to the database server came free within "
            f"{ACQUIRE_SECONDS:g} seconds; try again",
            retry_after=1,
        ) from problem
    try:
        yield connection
    finally:
        await pool.release(connection)


async def begin(connection: Any, statement: str, space: str, last: str = "") -> None:
    """Begins a transaction in one round trip, with the schema as its ground. last: a statement after that, as a
    savepoint must be: what is rolled back to it would take the schema along.

    Raises Removed where the schema is gone: an unqualified name would be looked for elsewhere.
    """
    try:
        await connection.execute(
            f'{statement}; SET LOCAL search_path TO "{space}", public;'
            f' SELECT 1 FROM "{space}".migration LIMIT 0; {last}'
        )
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as problem:
        raise Removed("the tenant was removed by another process; try again") from problem


async def abandon(connection: Any, problem: BaseException) -> None:
    """Takes the transaction back; ends the connection where a statement may be half-way or the server is gone.

    A connection whose server said FATAL looks open until its socket closes, but can be asked nothing more.
    """
    if isinstance(problem, Exception):
        try:
            await connection.execute("ROLLBACK")
            return
        except Exception:  # noqa: BLE001, S110 - whatever hinders a rollback, nobody may inherit the transaction
            pass
    with suppress(asyncpg.InterfaceError):  # the pool took it back when its socket closed
        connection.terminate()


def is_lost(problem: BaseException) -> bool:
    """Whether the error means that the connection is gone or was never made (a value that fits no column is not)."""
    return isinstance(problem, LOST) and not isinstance(problem, ValueError)


def refusal(problem: BaseException) -> BaseException:
    """StorageRefused or Overloaded where the fault is the server's or the network's; else the error itself."""
    if isinstance(problem, asyncpg.DiskFullError):
        return StorageRefused("the database server's disk is full; nothing was stored. Make room; no restart is needed")
    if isinstance(problem, asyncpg.TooManyConnectionsError):
        return Overloaded(f"the database server has no connection free ({problem}); try again", retry_after=1)
    if isinstance(problem, TimeoutError):
        return StorageRefused("the database server gave no answer in time; try again")
    if isinstance(problem, asyncpg.ReadOnlySQLTransactionError):
        return StorageRefused("the database server only reads at present, or a read tried to write")
    if isinstance(problem, asyncpg.InvalidCachedStatementError):
        return StorageRefused("another process has just brought the tables up to date; nothing was stored, try again")
    if isinstance(problem, asyncpg.TransactionRollbackError):
        return Overloaded(f"the database server took the transaction back ({problem}); try again", retry_after=1)
    if is_lost(problem):
        return StorageRefused(f"the database server cannot be reached ({problem or type(problem).__name__}); try again")
    if isinstance(problem, asyncpg.PostgresError) and (problem.sqlstate or "")[:2] in _OF_THE_SERVER:
        return StorageRefused(f"the database server could not do it ({problem}); nothing was stored, try again")
    return problem


_OF_THE_SERVER = frozenset({"53", "54", "55", "57", "58", "XX"})
"""Classes of SQLSTATE that say nothing of our statement: resources, limits, state, intervention, system, faults."""

LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a database that takes no connections at present
    ConnectionError,
    OSError,
)
"""Errors of a connection that is gone or was never made; asked through `is_lost`."""
