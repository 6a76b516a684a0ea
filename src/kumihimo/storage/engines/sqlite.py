"""The embedded engine: a platform file and one file per tenant in a folder (decisions 6 and 7)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import StorageRefused
from kumihimo.base.ids import check_tenant
from kumihimo.storage.database import PLATFORM, Dialect, Removals, Schema, Scope, T, Tx, Work
from kumihimo.storage.engines.base import ADD_TENANT, READ_SECONDS, REMOVE_TENANT, TENANTS, Stats, no_tenant
from kumihimo.storage.engines.open_files import raise_limit, tenant_files
from kumihimo.storage.engines.sqlite_connect import Passing
from kumihimo.storage.engines.sqlite_dialect import DIALECT
from kumihimo.storage.engines.sqlite_file import SqliteFile
from kumihimo.storage.engines.sqlite_lock import FolderLock
from kumihimo.storage.engines.sqlite_readers import Readers
from kumihimo.storage.migrate import OWN, of_scope

log = logging.getLogger(__name__)

MAX_OPEN = 200
"""Tenant files open at once; the one idle for longest is closed for another."""


class SqliteDatabase:
    """A data folder: `platform.db`, `tenants/<registry id>.db`, `lock`."""

    dialect: Dialect = DIALECT

    def __init__(self, folder: Path, schemas: Sequence[Schema], clock: Clock, *, max_open: int = MAX_OPEN) -> None:
        self._folder = folder
        self._clock = clock
        self.removals = Removals()
        self._platform_schemas = (OWN, *of_scope(schemas, "platform"))
        self._tenant_schemas = of_scope(schemas, "tenant")
        self._max_open = max_open
        self._read_seconds = READ_SECONDS
        self._lock = FolderLock(folder)
        self._ids: dict[str, str] = {}
        self._files: OrderedDict[Scope, SqliteFile] = OrderedDict()
        self._aside: dict[str, str] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._ended = Stats()
        self._readers: Readers | None = None
        self._closing = True

    # --- life --------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Takes the folder, opens and migrates the platform's file. Raises StorageRefused."""
        await asyncio.to_thread(self._take_folder)
        self._max_open = min(self._max_open, tenant_files(raise_limit()))
        try:
            self._closing = False
            self._readers = Readers(asyncio.get_running_loop(), self._read_seconds)
            fresh = not any((self._folder / "tenants").glob("*.db"))
            await self._open_file(PLATFORM, self._folder / "platform.db", self._platform_schemas, create=fresh)
            self._ids = {str(name): str(one) for name, one in await self.read(PLATFORM, _tenants_tx)}
        except BaseException:
            await self.close()
            raise

    def _take_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / "tenants").mkdir(mode=0o700, exist_ok=True)
            self._lock.take()
        except OSError as problem:
            raise StorageRefused(f"the data folder {self._folder} cannot be used ({problem})") from problem

    async def close(self) -> None:
        """Finishes the writes and reads under way, closes all files and frees the folder."""
        self._closing = True
        for lock in list(self._opening.values()):
            async with lock:  # whoever waited for a file has it now, and its work stands in the queue
                pass
        readers, self._readers = self._readers, None
        files, self._files = list(self._files.values()), OrderedDict()
        if readers is not None:
            await readers.close()
        for file in files:
            await asyncio.to_thread(file.close)
            self._ended.add(file.stats)
        await asyncio.to_thread(self._lock.give_back)
        await asyncio.sleep(0)  # lets those whose work was the last hear of it

    async def _open_file(self, scope: Scope, path: Path, schemas: Sequence[Schema], *, create: bool) -> SqliteFile:
        file = await self._opened(scope, path, schemas, create=create)
        self._files[scope] = file
        return file

    async def _opened(self, scope: Scope, path: Path, schemas: Sequence[Schema], *, create: bool) -> SqliteFile:
        file = SqliteFile(path, scope, asyncio.get_running_loop())
        await asyncio.to_thread(file.open, schemas, times.micros(self._clock.now()), create=create)
        return file

    # --- tenants -----------------------------------------------------------------------------------------

    async def tenants(self) -> list[str]:
        """Names of all tenants, sorted."""
        return sorted(self._ids)

    async def add_tenant(self, name: str) -> bool:
        """Makes the tenant; False where it exists already. BadRequestData where the name can be none.

        The file stands before the tenant is registered: a registered tenant without one has lost it.
        """
        check_tenant(name)
        if name in self._ids:
            return False
        if self._closing:
            raise StorageRefused("the database is closed")
        registry_id, now = secrets.token_hex(8), times.micros(self._clock.now())
        path = self._path(registry_id)

        async def add_tx(tx: Tx) -> bool:
            return await tx.execute(f"{ADD_TENANT} ON CONFLICT (name) DO NOTHING", registry_id, name, now) == 1

        added = False
        try:
            made = await self._opened(name, path, self._tenant_schemas, create=True)
            await asyncio.to_thread(made.close)
            added = await self.write(PLATFORM, add_tx)
        finally:
            if not added:
                await asyncio.to_thread(_unlink, path)
        if added:
            self._ids[name] = registry_id
        return added

    async def remove_tenant(self, name: str) -> bool:
        """Drops the tenant and its file; False where there is none."""
        registry_id = self._ids.get(name)
        if registry_id is None:
            return False

        async def remove_tx(tx: Tx) -> int:
            removed = await tx.execute(REMOVE_TENANT, name)
            if removed:
                await self.removals.run_tx(tx, name)
            return removed

        if not await self.write(PLATFORM, remove_tx):
            return False
        self._ids.pop(name, None)
        async with self._opening.setdefault(name, asyncio.Lock()):
            file = self._files.pop(name, None)
            if file is not None:
                await self._close_file(file)
            self._aside.pop(name, None)
            await asyncio.to_thread(_unlink, self._path(registry_id))
        self.removals.tell(name)
        return True

    def _path(self, registry_id: str) -> Path:
        return self._folder / "tenants" / f"{registry_id}.db"

    # --- files of tenants ----------------------------------------------------------------------------------

    async def _file(self, scope: Scope) -> SqliteFile:
        """The open file of a tenant, opened now where it is not."""
        if self._closing:
            raise StorageRefused("the database is closed")
        if scope not in self._ids:
            raise no_tenant(scope)
        async with self._opening.setdefault(scope, asyncio.Lock()):
            return self._files.get(scope) or await self._open_tenant(scope)

    async def _open_tenant(self, scope: Scope) -> SqliteFile:
        if scope not in self._ids:
            raise no_tenant(scope)
        if aside := self._aside.get(scope):
            raise StorageRefused(aside)
        await self._close_idle()
        try:
            return await self._open_file(scope, self._path(self._ids[scope]), self._tenant_schemas, create=False)
        except Passing:
            raise
        except StorageRefused as problem:
            self._aside[scope] = problem.detail
            log.exception("a tenant is set aside", extra={"scope": scope, "reason": problem.detail})
            raise

    async def _close_idle(self) -> None:
        """Makes room: closes the tenant files that nobody has used for longest and that nobody uses now."""
        while len(self._files) > self._max_open and (scope := self._idle()) is not None:
            async with self._opening.setdefault(scope, asyncio.Lock()):  # who wants the tenant now waits for its end
                await self._close_file(self._files.pop(scope))

    def _idle(self) -> Scope | None:
        for scope, file in self._files.items():
            lock = self._opening.get(scope)
            in_use = file.waiting or file.reading or (lock is not None and lock.locked())
            if scope != PLATFORM and not in_use:
                return scope
        return None

    async def _close_file(self, file: SqliteFile) -> None:
        await file.unread()
        await asyncio.to_thread(file.close)
        self._ended.add(file.stats)

    # --- work ----------------------------------------------------------------------------------------------

    async def write(self, scope: Scope, work: Work[T]) -> T:
        """Runs the work in the scope's next group commit; returns after the commit is durable."""
        file = self._files.get(scope) or await self._file(scope)
        self._files.move_to_end(scope)
        result: T = await file.write(work)
        return result

    async def read(self, scope: Scope, work: Work[T], *, quick: bool = False) -> T:
        """Runs the work on a consistent snapshot, read-only; quick ones of one moment share a snapshot."""
        file = self._files.get(scope) or await self._file(scope)
        if self._readers is None:
            raise StorageRefused("the database is closed")
        self._files.move_to_end(scope)
        result: T = await self._readers.read(file, work, quick=quick)
        return result

    def stats(self) -> dict[str, float]:
        """Counters since the start, for /metrics: commits, works, group sizes, seconds; and what is open."""
        total = Stats()
        total.add(self._ended)
        for file in self._files.values():
            total.add(file.stats)
        if self._readers is not None:
            total.add(self._readers.stats)
        waiting = sum(file.waiting for file in self._files.values())
        aside = len(self._aside) + sum(bool(file.refused) for file in self._files.values())
        return {**total.numbers(), "open_files": len(self._files), "waiting": waiting, "set_aside": aside}


async def _tenants_tx(tx: Tx) -> list[tuple[str, str]]:
    return [(str(name), str(one)) for name, one in await tx.fetch(TENANTS)]


def _unlink(path: Path) -> None:
    for suffix in (".db", ".db-wal", ".db-shm", ".open"):
        path.with_suffix(suffix).unlink(missing_ok=True)
