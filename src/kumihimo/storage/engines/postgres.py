"""The engine for scale-out: one PostgreSQL database with PostGIS, a schema per tenant (decisions 6 and 10)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import Any

import asyncpg

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import StorageRefused
from kumihimo.base.ids import check_tenant
from kumihimo.storage.database import PLATFORM, Dialect, Removals, Schema, Scope, T, Tx, Work
from kumihimo.storage.engines.base import (
    ADD_TENANT,
    READ_SECONDS,
    REMOVE_TENANT,
    TENANT_ID,
    TENANTS,
    Stats,
    no_tenant,
    too_long,
)
from kumihimo.storage.engines.postgres_dialect import BY_CODE, DIALECT
from kumihimo.storage.engines.postgres_tx import ACQUIRE_SECONDS, LOST, PostgresTx, Removed, begun, refusal
from kumihimo.storage.engines.postgres_writer import PostgresWriter
from kumihimo.storage.engines.share import Share
from kumihimo.storage.migrate import NOTE, OWN, READ, TABLE, of_scope, pending

log = logging.getLogger(__name__)

PLATFORM_SPACE = "kumihimo_platform"
TENANT_SPACE = "kumihimo_t_"
_MIGRATION_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('kumihimo.migration', 0))"
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BY_CODE = f"""SELECT format('ALTER TABLE %s ', c.oid::regclass)
    || string_agg(format('ALTER COLUMN %I TYPE text {BY_CODE}', a.attname), ', ')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    AND a.atttypid = 'text'::regtype AND a.attcollation = 'pg_catalog."default"'::regcollation
  GROUP BY c.oid"""
"""Statements that let text columns of a schema be compared by their code points, where they are not yet."""
_MIGRATION_SECONDS = 3600.0
_POOL = 10
_LONG, _LONG_OF_ONE = 8, 4
"""Connections that reads which are not quick may have at once: in all, and those of one tenant."""


async def _leave_as_is(_connection: Any) -> None:
    """Nothing outlives our transactions on a connection, so that giving it back needs no round trip."""


async def _order_by_code(connection: Any, space: str) -> None:
    """Brings the schema's text columns to the order of code points, on which pages and ranges rely.

    A database's own alphabet is not ours to choose, and a dump may come from a database with another one.
    """
    for statement in await connection.fetch(_BY_CODE, space):
        await connection.execute(statement[0], timeout=_MIGRATION_SECONDS)


class PostgresDatabase:
    """A database named by a URL; schemas `kumihimo_platform` and `kumihimo_t_<registry id>`."""

    dialect: Dialect = DIALECT

    def __init__(self, url: str, schemas: Sequence[Schema], clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self.removals = Removals()
        self._platform_schemas = (OWN, *of_scope(schemas, "platform"))
        self._tenant_schemas = of_scope(schemas, "tenant")
        self._pool: Any = None
        self._writers: dict[Scope, PostgresWriter] = {}
        self._spaces: dict[Scope, str] = {}
        self._opening_one = asyncio.Lock()
        self._stats = Stats()
        self._share = Share(_LONG, _LONG_OF_ONE)
        self._read_seconds = READ_SECONDS
        self._closing = False

    # --- life --------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connects, sees to PostGIS, and migrates the platform's schema. Raises StorageRefused."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url, min_size=1, max_size=_POOL, reset=_leave_as_is, command_timeout=60, timeout=10
            )
            await self._see_to_postgis()
            await self._prepare(PLATFORM, PLATFORM_SPACE, self._platform_schemas)
        except BaseException as problem:
            await self.close()
            answer = refusal(problem)
            if answer is problem:
                raise
            raise answer from problem

    async def close(self) -> None:
        """Finishes the writes under way, then closes the connections."""
        self._closing = True
        async with self._opening_one:  # whoever waited for a schema has it now, and its work stands in the queue
            pass
        for writer in list(self._writers.values()):
            await writer.finish()
        pool, self._pool = self._pool, None
        self._writers.clear()
        self._spaces.clear()
        if pool is not None:
            await pool.close()

    async def _see_to_postgis(self) -> None:
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            try:
                await connection.execute("CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public")
            except asyncpg.UniqueViolationError:
                return  # another process made it in the same moment
            except (asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError) as problem:
                raise StorageRefused(
                    f"the database server has no PostGIS ({problem}); install it (Debian and Ubuntu: "
                    "postgresql-postgis) and start again"
                ) from problem
            except asyncpg.InsufficientPrivilegeError as problem:
                raise StorageRefused(
                    "PostGIS is not in this database and this role may not add it; "
                    'let an administrator run "CREATE EXTENSION postgis" there once'
                ) from problem

    async def _prepare(self, scope: Scope, space: str, schemas: Sequence[Schema]) -> None:
        """Makes the schema where there is none, migrates it, and gives the scope its writer."""
        where = f"tenant {scope!r}" if scope else "the platform's own schema"
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute(_MIGRATION_LOCK)
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{space}"')
            await connection.execute(f'SET LOCAL search_path TO "{space}", public')
            await connection.execute(TABLE)
            await _order_by_code(connection, space)
            applied = {(room, version): digest for room, version, digest in await connection.fetch(READ)}
            parts = pending(schemas, "postgres", applied, where)
            for part in parts:
                await connection.execute(part.sql, timeout=_MIGRATION_SECONDS)
                now = times.micros(self._clock.now())
                await connection.execute(NOTE, part.room, part.version, part.digest, now)
            if parts:
                await _order_by_code(connection, space)
        self._spaces[scope] = space
        self._writers[scope] = PostgresWriter(self._pool, scope, space, self._stats)

    # --- tenants -----------------------------------------------------------------------------------------

    async def tenants(self) -> list[str]:
        """Names of all tenants, sorted."""

        async def tenants_tx(tx: Tx) -> list[str]:
            return sorted(str(name) for name, _ in await tx.fetch(TENANTS))

        return await self.read(PLATFORM, tenants_tx)

    async def add_tenant(self, name: str) -> bool:
        """Makes the tenant; False where it exists already. BadRequestData where the name can be none."""
        check_tenant(name)
        registry_id, now = secrets.token_hex(8), times.micros(self._clock.now())

        async def add_tx(tx: Tx) -> bool:
            return await tx.execute(f"{ADD_TENANT} ON CONFLICT (name) DO NOTHING", registry_id, name, now) == 1

        return await self.write(PLATFORM, add_tx)

    async def remove_tenant(self, name: str) -> bool:
        """Drops the tenant and its schema; False where there is none."""

        async def remove_tx(tx: Tx) -> bool:
            row = await tx.fetch_one(TENANT_ID, name)
            if row is None:
                return False
            await tx.execute(REMOVE_TENANT, name)
            await self.removals.run_tx(tx, name)
            await tx.execute(f'DROP SCHEMA IF EXISTS "{TENANT_SPACE}{row[0]}" CASCADE')
            return True

        # Nobody opens it meanwhile: a reader that comes between would leave a way to the schema that is gone.
        async with self._opening_one:
            writer = self._writers.pop(name, None)
            if writer is not None:
                await writer.finish()
            self._spaces.pop(name, None)
            removed = await self.write(PLATFORM, remove_tx)
        if removed:
            self.removals.tell(name)
        return removed

    async def _ready(self, scope: Scope) -> None:
        """Sees to it that the scope has its schema and writer. Raises NonexistentTenant or StorageRefused."""
        if scope in self._writers:
            return
        if self._closing or scope == PLATFORM:
            raise StorageRefused("the database is closed")
        async with self._opening_one:
            if scope not in self._writers:
                await self._open_tenant(scope)

    async def _open_tenant(self, scope: Scope) -> None:
        async def id_tx(tx: Tx) -> str:
            row = await tx.fetch_one(TENANT_ID, scope)
            return str(row[0]) if row else ""

        registry_id = await self.read(PLATFORM, id_tx)
        if not registry_id:
            raise no_tenant(scope)
        try:
            await self._prepare(scope, TENANT_SPACE + registry_id, self._tenant_schemas)
        except (asyncpg.PostgresError, OSError) as problem:
            raise refusal(problem) from problem

    # --- work ----------------------------------------------------------------------------------------------

    async def write(self, scope: Scope, work: Work[T]) -> T:
        """Runs the work in the scope's next group commit; returns after the commit is durable."""
        await self._ready(scope)
        try:
            result: T = await self._writers[scope].write(work)
        except Removed:
            self._forget(scope)
            raise
        return result

    def _forget(self, scope: Scope) -> None:
        self._writers.pop(scope, None)
        self._spaces.pop(scope, None)

    async def read(self, scope: Scope, work: Work[T], *, quick: bool = False) -> T:
        """Runs the work on a consistent snapshot, read-only; TooComplexQuery where it takes too long."""
        await self._ready(scope)
        if quick:
            return await self._read(scope, work)
        await self._share.enter(scope)
        try:
            return await self._read(scope, work)
        finally:
            self._share.leave(scope)

    async def _read(self, scope: Scope, work: Work[T]) -> T:
        self._stats.reads += 1
        seconds = self._read_seconds
        statement = f"{_BEGIN_READ}; SET LOCAL statement_timeout = {round(seconds * 1000)}"
        try:
            async with begun(self._pool, statement, self._spaces[scope]) as connection:
                result = await work(PostgresTx(connection, seconds))
                await connection.execute("COMMIT")
                return result
        except Removed:
            self._forget(scope)
            raise
        except asyncpg.QueryCanceledError as problem:
            raise too_long(seconds) from problem
        except (asyncpg.PostgresError, *LOST) as problem:
            answer = refusal(problem)
            if answer is problem:
                raise
            raise answer from problem

    def stats(self) -> dict[str, float]:
        """Counters since the start, for /metrics: commits, works, group sizes, seconds; and what is open."""
        waiting = sum(writer.waiting for writer in self._writers.values())
        connections = self._pool.get_size() if self._pool is not None else 0
        return {**self._stats.numbers(), "waiting": waiting, "connections": connections}
