"""A few threads that run reads for all files, so that the event loop waits for no disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from kumihimo.base.errors import Overloaded, StorageRefused
from kumihimo.storage.engines.base import Done, Stats, resolve
from kumihimo.storage.engines.share import Share
from kumihimo.storage.engines.sqlite_deadline import Deadline
from kumihimo.storage.engines.sqlite_file import SqliteFile

THREADS = 4
LONG, LONG_OF_ONE = 3, 2
"""Threads that reads which are not quick may have at once: in all, and those of one tenant."""
MAX_WAITING = 4096
LOOK_SECONDS = 0.2
"""How often reads under way are looked at, whether they have run too long."""


class _Read(NamedTuple):
    file: SqliteFile
    work: Any
    future: asyncio.Future[Any]
    quick: bool


class Readers:
    """The reader threads of one database. Quick reads of one turn of the loop go to a thread and come back together."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.stats = Stats()
        self._loop = loop
        self._waiting = 0
        self._closed = False
        self._quick: list[_Read] = []
        self._share = Share(LONG, LONG_OF_ONE)
        self._queue: SimpleQueue[list[_Read] | None] = SimpleQueue()
        self._deadlines = [Deadline(seconds) for _ in range(THREADS)]
        self._looking = False
        self._threads = [
            Thread(target=self._run, args=(deadline,), name=f"read-{place}", daemon=True)
            for place, deadline in enumerate(self._deadlines)
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, file: SqliteFile, work: Any, *, quick: bool = False) -> Any:
        """What the work returns on a snapshot of the file; TooComplexQuery where it takes too long."""
        if self._waiting >= MAX_WAITING:
            raise Overloaded(f"{self._waiting} reads wait already; try again in a second", retry_after=1)
        self._waiting += 1
        file.reading += 1
        one = _Read(file, work, self._loop.create_future(), quick)
        if not quick:
            await self._enter(file)
            self._send([one])
            return await one.future
        if not self._quick:
            self._loop.call_soon(self._send_quick)
        self._quick.append(one)
        return await one.future

    async def _enter(self, file: SqliteFile) -> None:
        """Waits for a place, which the thread's answer gives back, even where the caller has gone away."""
        try:
            await self._share.enter(file.scope)
        except BaseException:
            self._left(file)
            raise
        if self._closed:
            self._share.leave(file.scope)
            self._left(file)
            raise StorageRefused("the database is closed")

    def _send_quick(self) -> None:
        together, self._quick = self._quick, []
        if together:
            self._send(together)

    def _send(self, reads: list[_Read]) -> None:
        self._queue.put(reads)
        if not self._looking:
            self._looking = True
            self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Ends reads that have run too long, as long as there are any."""
        for deadline in self._deadlines:
            deadline.look()
        self._looking = self._waiting > 0
        if self._looking:
            self._loop.call_later(LOOK_SECONDS, self._look)

    def _left(self, file: SqliteFile) -> None:
        self._waiting -= 1
        file.end_read()

    async def close(self) -> None:
        """Finishes the reads under way, then ends the threads."""
        self._send_quick()
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _run(self, deadline: Deadline) -> None:
        while (reads := self._queue.get()) is not None:
            done = self._together(reads, deadline)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._answer, reads[:], done)
            del reads, done

    @staticmethod
    def _together(reads: Sequence[_Read], deadline: Deadline) -> list[Done]:
        """All of them, on one snapshot of each file, which is taken after the last of them was asked."""
        done: list[Done] = []
        for file in dict.fromkeys(one.file for one in reads):
            own = [one for one in reads if one.file is file]
            try:
                done += file.read([(one.work, one.future) for one in own], deadline)
            except BaseException as problem:  # noqa: BLE001 - whatever is raised belongs to the callers
                done += [Done(one.future, None, problem) for one in own]
        return done

    def _answer(self, reads: Sequence[_Read], done: list[Done]) -> None:
        for one in reads:
            self._left(one.file)
            if not one.quick:
                self._share.leave(one.file.scope)
        self.stats.reads += len(reads)
        resolve(done)
