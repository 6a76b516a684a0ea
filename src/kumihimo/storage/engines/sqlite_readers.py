"""A few threads that run reads for all files, so that the event loop waits for no disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from kumihimo.base.errors import Overloaded
from kumihimo.storage.engines.base import Done, Stats, resolve
from kumihimo.storage.engines.sqlite_file import SqliteFile

THREADS = 4
MAX_WAITING = 4096


class _Read(NamedTuple):
    file: SqliteFile
    work: Any
    future: asyncio.Future[Any]


class Readers:
    """The reader threads of one database. Quick reads of one turn of the loop go to a thread and come back together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stats = Stats()
        self._loop = loop
        self._waiting = 0
        self._quick: list[_Read] = []
        self._queue: SimpleQueue[list[_Read] | None] = SimpleQueue()
        self._threads = [Thread(target=self._run, name=f"read-{place}", daemon=True) for place in range(THREADS)]
        for thread in self._threads:
            thread.start()

    async def read(self, file: SqliteFile, work: Any, *, quick: bool = False) -> Any:
        """What the work returns on a snapshot of the file."""
        if self._waiting >= MAX_WAITING:
            raise Overloaded(f"{self._waiting} reads wait already; try again in a second", retry_after=1)
        one = _Read(file, work, self._loop.create_future())
        self._waiting += 1
        file.reading += 1
        if not quick:
            self._queue.put([one])
            return await one.future
        if not self._quick:
            self._loop.call_soon(self._send_quick)
        self._quick.append(one)
        return await one.future

    def _send_quick(self) -> None:
        together, self._quick = self._quick, []
        if together:
            self._queue.put(together)

    def close(self) -> None:
        """Finishes the reads that wait, then ends the threads."""
        self._send_quick()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (reads := self._queue.get()) is not None:
            done = self._together(reads)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._answer, [one.file for one in reads], done)
            del reads, done

    @staticmethod
    def _together(reads: Sequence[_Read]) -> list[Done]:
        """All of them, on one snapshot of each file, which is taken after the last of them was asked."""
        done: list[Done] = []
        for file in dict.fromkeys(one.file for one in reads):
            own = [one for one in reads if one.file is file]
            try:
                done += file.read([(one.work, one.future) for one in own])
            except BaseException as problem:  # noqa: BLE001 - whatever is raised belongs to the callers
                done += [Done(one.future, None, problem) for one in own]
        return done

    def _answer(self, files: Sequence[SqliteFile], done: list[Done]) -> None:
        self._waiting -= len(files)
        for file in files:
            file.end_read()
        self.stats.reads += len(files)
        resolve(done)
