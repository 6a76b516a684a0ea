"""Calls that come while a write is under way are written together by the next: one statement for each table."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from kumihimo.base.call import Call
from kumihimo.base.errors import Overloaded, Problem
from kumihimo.platform.broker.models import Change, Outcome

MAX_CHANGES = 256
"""Changes that are written together at most; a call with more is written alone."""
MAX_WAITING = 8192
"""Calls of one tenant that may wait before more are refused."""

Calls = Sequence[tuple[Call, Sequence[Change]]]
WriteCalls = Callable[[str, Calls], Awaitable[list[list[Outcome]]]]


class _Part(NamedTuple):
    call: Call
    changes: Sequence[Change]
    future: asyncio.Future[list[Outcome]]


class Gather:
    """Keeps one write of each tenant under way; `write` makes one transaction of what it is given."""

    def __init__(self, write: WriteCalls) -> None:
        self._write = write
        self._waiting: dict[str, deque[_Part]] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    async def apply(self, call: Call, changes: Sequence[Change]) -> list[Outcome]:
        """The outcomes, once they are committed; Overloaded where too many calls wait."""
        tenant = call.tenant
        waiting = self._waiting.setdefault(tenant, deque())
        if len(waiting) >= MAX_WAITING:
            raise Overloaded(
                f"{len(waiting)} writes of tenant {tenant!r} wait already; try again in a second", retry_after=1
            )
        part = _Part(call, changes, asyncio.get_running_loop().create_future())
        waiting.append(part)
        if tenant not in self._writing:
            self._writing[tenant] = asyncio.create_task(self._run(tenant, waiting), name=f"apply-{tenant}")
        return await part.future

    async def _run(self, tenant: str, waiting: deque[_Part]) -> None:
        """Writes until nothing waits. Whoever is cancelled with it leaves nobody waiting for ever."""
        parts: list[_Part] = []
        try:
            while waiting:
                parts = _take(waiting)
                await self._together(tenant, parts)
        finally:
            del self._writing[tenant], self._waiting[tenant]
            for part in (*parts, *waiting):
                part.future.cancel()

    async def _together(self, tenant: str, parts: Sequence[_Part]) -> None:
        try:
            given = await self._write(tenant, [(part.call, part.changes) for part in parts])
        except Exception as problem:  # noqa: BLE001 - whatever it is belongs to those who wait
            if len(parts) > 1 and not isinstance(problem, Problem):
                # A fault over one of them, and all was taken back: it must not cost the others their write.
                for part in parts:
                    await self._together(tenant, [part])
                return
            _refuse(parts, problem)
            return
        for part, outcomes in zip(parts, given, strict=True):
            if not part.future.done():
                part.future.set_result(outcomes)


def _refuse(parts: Sequence[_Part], problem: Exception) -> None:
    for part in parts:
        if not part.future.done():
            part.future.set_exception(problem)


def _take(waiting: deque[_Part]) -> list[_Part]:
    """The oldest calls, as many as are written together."""
    parts = [waiting.popleft()]
    room = MAX_CHANGES - len(parts[0].changes)
    while waiting and len(waiting[0].changes) <= room:
        parts.append(waiting.popleft())
        room -= len(parts[-1].changes)
    return parts
