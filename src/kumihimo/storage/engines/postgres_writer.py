"""One tenant's writer on PostgreSQL: works that wait are committed together, in the log's order.

The order holds across processes: each group takes the tenant's advisory lock first and keeps it to its commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from time import perf_counter
from typing import Any

from kumihimo.base.errors import StorageRefused
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
from kumihimo.storage.engines.postgres_tx import PostgresTx, begun, refusal

log = logging.getLogger(__name__)


class PostgresWriter:
    """The queue of one scope; its task lives as long as there is work."""

    def __init__(self, pool: Any, scope: str, space: str, stats: Stats) -> None:
        self.scope = scope
        self._pool = pool
        self._stats = stats
        self._jobs: deque[Job] = deque()
        self._running = 0
        self._task: asyncio.Task[None] | None = None
        self._space = space
        self._begin = f"BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('{space}', 0))"

    @property
    def waiting(self) -> int:
        """Works that wait or run."""
        return len(self._jobs) + self._running

    async def write(self, work: Any) -> Any:
        """What the work returns, after the commit that holds it is durable."""
        if self.waiting >= MAX_WAITING:
            raise refuse_waiting(self.scope, self.waiting)
        future = asyncio.get_running_loop().create_future()
        self._jobs.append(Job(work, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"write-{self.scope}")
        return await future

    async def finish(self) -> None:
        """Returns when nothing waits any more."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._jobs:
                resolve(await self._group())
        finally:
            self._task = None

    async def _group(self) -> list[Done]:
        start = perf_counter()
        done: list[Done] = []
        taken: list[Job] = []
        try:
            async with begun(self._pool, self._begin, self._space, "SAVEPOINT work") as connection:
                commit_start = await self._in_transaction(connection, taken, done, start)
        except Exception as problem:  # noqa: BLE001 - whatever ends a group is told to everyone in it
            return self._lost(taken, done, problem)
        finally:
            self._running = 0
        end = perf_counter()
        failed = sum(one.error is not None for one in done)
        self._stats.group(len(done), failed, end - start, end - commit_start)
        return done

    async def _in_transaction(self, connection: Any, taken: list[Job], done: list[Done], start: float) -> float:
        """Runs what waits and commits it; the moment at which the commit began."""
        tx = PostgresTx(connection)
        while self._jobs and len(taken) < MAX_GROUP and perf_counter() - start < MAX_GROUP_SECONDS:
            job = self._jobs.popleft()
            taken.append(job)
            self._running = len(taken)
            done.append(await self._one(connection, tx, job))
        commit_start = perf_counter()
        await connection.execute("COMMIT")
        return commit_start

    @staticmethod
    async def _one(connection: Any, tx: PostgresTx, job: Job) -> Done:
        """Runs one work; what it did is taken back where it raises. Raises where the connection is gone."""
        try:
            value = await job.work(tx)
            # Raises where the work swallowed an error of the server's: nothing that it did would hold.
            await connection.execute("RELEASE SAVEPOINT work; SAVEPOINT work")
        except Exception as problem:  # noqa: BLE001 - whatever a work raises is its own caller's
            try:
                await connection.execute("ROLLBACK TO SAVEPOINT work")
            except Exception as gone:
                raise StorageRefused(f"the connection to the database server was lost ({problem}); try again") from gone
            return Done(job.future, None, refusal(problem))
        return Done(job.future, value, None)

    def _lost(self, taken: list[Job], done: list[Done], problem: Exception) -> list[Done]:
        """The group's transaction is gone: everyone in it hears why; with none taken, the first that waits."""
        if not taken:
            taken = list(self._jobs)
            self._jobs.clear()
        answer = refusal(problem)
        self._stats.commits_failed += 1
        log.error("a commit failed", extra={"scope": self.scope, "works": len(taken), "reason": str(problem)})
        errors = {id(one.future): one.error for one in done}
        return [Done(job.future, None, errors.get(id(job.future)) or answer) for job in taken]
