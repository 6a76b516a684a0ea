"""One SQLite file: its writer thread with grouped commits, and its reading connections (decision 7)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any, Literal

import apsw

from kumihimo.base.errors import StorageRefused
from kumihimo.storage.database import Schema
from kumihimo.storage.engines.base import (
    MAX_GROUP,
    MAX_GROUP_SECONDS,
    MAX_WAITING,
    Done,
    Job,
    Stats,
    refuse_waiting,
    resolve,
)
from kumihimo.storage.engines.sqlite_connect import (
    DAMAGED,
    Passing,
    connect_reader,
    connect_writer,
    damage,
    damaged,
    refusal,
)
from kumihimo.storage.engines.sqlite_deadline import Deadline
from kumihimo.storage.engines.sqlite_tx import SqliteTx, drive, translate
from kumihimo.storage.migrate import NOTE, READ, TABLE, pending

log = logging.getLogger(__name__)

CHECKPOINT_PAGES = 4000
"""Pages in the write-ahead log from which a checkpoint is made."""


class SqliteFile:
    """An open file. `write` belongs to the event loop; the connection belongs to the writer thread."""

    def __init__(self, path: Path, scope: str, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.scope = scope
        self.where = f"tenant {scope!r}" if scope else "the platform's own file"
        self.stats = Stats()
        self.waiting = 0
        self.reading = 0
        self.refused = ""
        self._loop = loop
        self._unread = asyncio.Event()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._ending = False
        self._readers: list[apsw.Connection] = []
        self._checkpoint_state: Literal["idle", "beside", "finish"] = "idle"
        self._marker = path.with_suffix(".open")
        self._thread = Thread(target=self._run, name=f"write-{path.stem}", daemon=True)

    # --- opening and closing, off the event loop ---------------------------------------------------------

    def open(self, schemas: Sequence[Schema], now: int, *, create: bool) -> None:
        """Opens, checks after an unclean end, migrates, and starts the writer.

        Raises StorageRefused; without `create` also where the file is missing or empty, because what stood in it is
        lost, and an empty one in its place would hide that.
        """
        if not create and not (self.path.exists() and self.path.stat().st_size):
            raise damaged(self.where, f"{self.path.name} is missing or empty", alone=bool(self.scope))
        unclean = self._marker.exists()
        self._mark()
        try:
            self._connection = connect_writer(self.path, create=create)
        except apsw.Error as problem:
            raise refusal(problem, self.where) from problem
        try:
            if unclean:
                self._check()
            self._migrate(schemas, now)
        except BaseException as problem:
            self._connection.close()  # the sign stays, so that the next start looks again
            raise refusal(problem, self.where) from problem
        self._connection.set_wal_hook(self._committed)
        self._tx = SqliteTx(self._connection)
        self._thread.start()

    async def unread(self) -> None:
        """Returns when nobody reads the file any more."""
        while self.reading:
            self._unread.clear()
            await self._unread.wait()

    def end_read(self) -> None:
        """Counts a read, or a checkpoint beside the writer, as done; on the event loop."""
        self.reading -= 1
        if not self.reading:
            self._unread.set()

    def close(self) -> None:
        """Finishes what waits, then closes; the last connection folds the log into the file."""
        self._queue.put(None)
        self._thread.join()
        while self._readers:
            self._readers.pop().close()
        self._connection.close()
        self._marker.unlink(missing_ok=True)

    def _mark(self) -> None:
        """Leaves a sign that the file is open; who finds it at a start knows that the end was not clean."""
        try:
            handle = os.open(self._marker, os.O_CREAT | os.O_WRONLY, 0o600)
        except OSError as problem:
            raise Passing(f"{self.where}: {self._marker.parent} cannot be written ({problem})") from problem
        os.fsync(handle)
        os.close(handle)

    def _check(self) -> None:
        if finding := damage(self._connection):
            raise damaged(self.where, finding, alone=bool(self.scope))

    def _migrate(self, schemas: Sequence[Schema], now: int) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(TABLE)
            applied = {(room, version): digest for room, version, digest in connection.execute(READ)}
            for part in pending(schemas, "sqlite", applied, self.where):
                connection.execute(part.sql).fetchall()
                connection.execute(translate(NOTE), (part.room, part.version, part.digest, now))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has taken it back by itself
                connection.execute("ROLLBACK")
            raise

    # --- writing -----------------------------------------------------------------------------------------

    async def write(self, work: Any) -> Any:
        """What the work returns, after the commit that holds it is durable."""
        if self.refused:
            raise StorageRefused(self.refused)
        if self.waiting >= MAX_WAITING:
            raise refuse_waiting(self.scope, self.waiting)
        future = self._loop.create_future()
        self.waiting += 1
        self._queue.put(Job(work, future))
        return await future

    def _run(self) -> None:
        while not self._ending:
            job = self._queue.get()
            if job is None:
                return
            done = self._group(job)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._answer, done)
            # The loop above goes on to the next group; what this one gave must not live as long as that waits.
            del job, done
            if self._checkpoint_state == "finish":
                self._checkpoint(self._connection)
                self._checkpoint_state = "idle"

    def _answer(self, done: list[Done]) -> None:
        self.waiting -= len(done)
        resolve(done)

    def _group(self, first: Job) -> list[Done]:
        """Runs works that wait, each in a savepoint, and commits them once."""
        start = perf_counter()
        done: list[Done] = []
        commit_start = start
        job = first
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in self._next(first, start):
                done.append(self._one(job))
            commit_start = perf_counter()
            self._connection.execute("COMMIT")
        except apsw.Error as problem:
            self.stats.commits_failed += 1
            if len(done) == 0 or done[-1].future is not job.future:
                done.append(Done(job.future, None, None))
            return self._lost(done, problem)
        end = perf_counter()
        self.stats.group(len(done), sum(one.error is not None for one in done), end - start, end - commit_start)
        return done

    def _next(self, first: Job, start: float) -> Iterator[Job]:
        yield first
        for _ in range(MAX_GROUP - 1):
            if perf_counter() - start > MAX_GROUP_SECONDS:
                return
            try:
                job = self._queue.get_nowait()
            except Empty:
                return
            if job is None:
                self._ending = True
                return
            yield job

    def _one(self, job: Job) -> Done:
        """Runs one work; what it did is taken back where it raises. Raises apsw.Error where the group is lost."""
        connection = self._connection
        connection.execute("SAVEPOINT work")
        try:
            value = drive(job.work(self._tx))
        except BaseException as problem:
            if not connection.in_transaction:
                raise self._as_apsw(problem) from problem
            connection.execute("ROLLBACK TO work; RELEASE work")
            return Done(job.future, None, self._refused(problem))
        connection.execute("RELEASE work")
        return Done(job.future, value, None)

    @staticmethod
    def _as_apsw(problem: BaseException) -> apsw.Error:
        """SQLite has rolled the whole group back by itself; the error that told so may have been wrapped."""
        if isinstance(problem, apsw.Error):
            return problem
        return apsw.IOError(f"the transaction was lost: {problem}")

    def _refused(self, problem: BaseException) -> BaseException:
        answer = refusal(problem, self.where)
        if isinstance(problem, DAMAGED) and isinstance(answer, StorageRefused):
            self.refused = answer.detail
            log.error("a file is damaged", extra={"scope": self.scope, "path": str(self.path), "finding": str(problem)})
        return answer

    def _lost(self, done: list[Done], problem: apsw.Error) -> list[Done]:
        """The group's transaction is gone: everyone in it hears why."""
        with contextlib.suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        answer = self._refused(problem)
        log.error("a commit failed", extra={"scope": self.scope, "works": len(done), "reason": str(problem)})
        return [Done(one.future, None, one.error or answer) for one in done]

    # --- checkpoints -------------------------------------------------------------------------------------

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        """SQLite's hook after a commit, in the writer thread: asks for a checkpoint.

        Most of it is done beside the writer; the writer then does what was written meanwhile, which is little,
        because only a log that is folded in to its end is begun anew.
        """
        if pages >= CHECKPOINT_PAGES and self._checkpoint_state == "idle":
            self._checkpoint_state = "beside"
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ask_checkpoint)
        return apsw.SQLITE_OK

    def _ask_checkpoint(self) -> None:
        self.reading += 1  # keeps the file from being closed meanwhile
        done = self._loop.run_in_executor(None, self._checkpoint_beside)
        done.add_done_callback(self._checkpointed)

    def _checkpointed(self, done: asyncio.Future[None]) -> None:
        self.end_read()
        self._checkpoint_state = "finish"
        if not done.cancelled() and (problem := done.exception()) is not None:
            log.warning("a checkpoint failed", extra={"scope": self.scope, "reason": str(problem)})

    def _checkpoint_beside(self) -> None:
        connection = apsw.Connection(str(self.path))
        try:
            connection.execute("PRAGMA schema_version")  # a connection that has read nothing checkpoints nothing
            self._checkpoint(connection)
        finally:
            connection.close()

    def _checkpoint(self, connection: apsw.Connection) -> None:
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as problem:
            log.warning("a checkpoint failed", extra={"scope": self.scope, "reason": str(problem)})

    # --- reading, in a reader thread -----------------------------------------------------------------------

    def read(self, works: Sequence[tuple[Any, Any]], deadline: Deadline) -> list[Done]:
        """What the works, each with its caller's future, return or raise on one snapshot; each has its own time."""
        if self.refused:
            raise StorageRefused(self.refused)
        connection = self._reader()
        try:
            connection.execute("BEGIN")
            try:
                tx = SqliteTx(connection, deadline.check)
                return [self._read_one(tx, work, future, connection, deadline) for work, future in works]
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
        except apsw.Error as problem:
            raise self._refused(problem) from problem
        finally:
            self._readers.append(connection)

    def _reader(self) -> apsw.Connection:
        try:
            return self._readers.pop()
        except IndexError:
            pass
        try:
            return connect_reader(self.path)
        except apsw.Error as problem:
            raise self._refused(problem) from problem

    def _read_one(self, tx: SqliteTx, work: Any, future: Any, connection: apsw.Connection, deadline: Deadline) -> Done:
        try:
            with deadline.over(connection):
                return Done(future, drive(work(tx)), None)
        except apsw.Error as problem:
            return Done(future, None, self._refused(problem))
        except BaseException as problem:  # noqa: BLE001 - whatever a work raises belongs to its caller
            return Done(future, None, problem)
