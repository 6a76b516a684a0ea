"""Writes what must survive a kill: changes that wait for a tenant are committed together, in the order they came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kumihimo.base.errors import NonexistentTenant
from kumihimo.base.ports import MqttChange, SessionStore

log = logging.getLogger(__name__)
AGAIN_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Entry:
    """done is None where nobody waits: such changes are tried again until they are written."""

    changes: Sequence[MqttChange]
    done: asyncio.Future[None] | None


@dataclass(slots=True)
class _Page:
    """What waits for one tenant, and the task that writes it."""

    waiting: list[_Entry] = field(default_factory=list)
    writing: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None


class Journal:
    """Without a store nothing survives, and nobody waits."""

    def __init__(self, store: SessionStore | None) -> None:
        self._store = store
        self._pages: dict[str, _Page] = {}
        self.failed = 0

    def write(self, changes: Mapping[str, Sequence[MqttChange]]) -> list[asyncio.Future[None]]:
        """Takes changes by tenant; the futures are done once they are durable, and raise where they could not be."""
        if self._store is None:
            return []
        return [self._take(tenant, some, asyncio.Future()) for tenant, some in changes.items() if some]

    async def commit(self, tenant: str, changes: Sequence[MqttChange]) -> None:
        """Returns once the changes are durable."""
        for done in self.write({tenant: changes}):
            await done

    def note(self, tenant: str, *changes: MqttChange) -> None:
        """Takes changes that nobody waits for: losing them to a kill repeats something, and loses nothing."""
        if self._store is not None:
            self._take(tenant, changes, None)

    async def close(self, seconds: float) -> None:
        """Returns once all that was taken is written or could not be; what hangs for so long is given up."""
        until = asyncio.get_running_loop().time() + seconds
        while tasks := [page.writing for page in self._pages.values() if page.writing is not None]:
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                log.error("what MQTT clients count on could not be written in time")
                for task in tasks:
                    task.cancel()
            await asyncio.wait(tasks, timeout=max(left, 0.1))
        for page in self._pages.values():
            if page.timer is not None:
                page.timer.cancel()
        self._pages.clear()

    def _take(
        self, tenant: str, changes: Sequence[MqttChange], done: asyncio.Future[None] | None
    ) -> asyncio.Future[None]:
        page = self._pages.setdefault(tenant, _Page())
        page.waiting.append(_Entry(changes, done))
        self._start(tenant, page)
        return done or asyncio.Future()

    def _start(self, tenant: str, page: _Page) -> None:
        page.timer = None
        if page.writing is None and page.waiting:
            page.writing = asyncio.create_task(self._write(tenant, page))

    async def _write(self, tenant: str, page: _Page) -> None:
        try:
            while page.waiting:
                entries, page.waiting = page.waiting, []
                if not await self._commit(tenant, page, entries):
                    break
        finally:
            page.writing = None
            if page.waiting and page.timer is None:
                page.timer = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._start, tenant, page)

    async def _commit(self, tenant: str, page: _Page, entries: list[_Entry]) -> bool:
        assert self._store is not None  # noqa: S101 - without a store nothing is taken
        try:
            await self._store.apply(tenant, [change for entry in entries for change in entry.changes])
        except NonexistentTenant as problem:
            _settle(entries, problem)
            return True
        except Exception as problem:
            self.failed += 1
            log.exception("what MQTT clients count on could not be written", extra={"tenant": tenant})
            _settle(entries, problem)
            page.waiting[:0] = [entry for entry in entries if entry.done is None]
            return False
        _settle(entries, None)
        return True


def _settle(entries: list[_Entry], problem: Exception | None) -> None:
    for entry in entries:
        if entry.done is None or entry.done.done():
            continue
        if problem is None:
            entry.done.set_result(None)
        else:
            entry.done.set_exception(problem)
            entry.done.exception()  # looked at: who waited may have gone
