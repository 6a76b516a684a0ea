"""Steps of one connection that run at once and end in the order in which they began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Turn:
    """The place of one step: it may settle what it does after the step before did, and end after that one ended."""

    before: Turn | None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def to_settle(self) -> None:
        """Waits until the step before has settled what it does."""
        if self.before is not None:
            await self.before.settled.wait()

    async def to_end(self) -> None:
        """Waits until the step before has ended."""
        self.settled.set()
        if self.before is not None:
            await self.before.ended.wait()
            self.before = None


class Chain:
    """Starts steps; `finish` waits for all of them, and cancels none."""

    __slots__ = ("_last", "_tasks")

    def __init__(self) -> None:
        self._last: Turn | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}  # an empty set is three times as large, and most are idle

    @property
    def is_idle(self) -> bool:
        """Whether every step has ended."""
        return not self._tasks

    def add(self, step: Callable[[Turn], Awaitable[None]]) -> None:
        """Starts the step with its turn. It must not raise."""
        turn = self._last = Turn(self._last if self._tasks else None)
        task = asyncio.create_task(self._run(step, turn))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def finish(self) -> None:
        """Returns when all steps have ended."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _run(self, step: Callable[[Turn], Awaitable[None]], turn: Turn) -> None:
        try:
            await step(turn)
        finally:
            turn.settled.set()
            turn.ended.set()
            turn.before = None
