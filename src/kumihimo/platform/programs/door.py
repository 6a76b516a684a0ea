"""The room's door: programs of packs called by who uses them, each user's in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kumihimo.platform.programs.models import Function, Program, ProgramReached, ProgramsUnsafe
from kumihimo.platform.programs.worker import Worker

MAX_WORKERS: Final = 8
"""Processes that stand ready at once; the one unused longest gives way."""
AT_ONCE: Final = 4
"""Calls at once, of all users together."""
IDLE_SECONDS: Final = 60.0
_PROBE: Final = Program(
    "import os\n\ndef reach():\n    os.getppid()\n    return {}\n", (), (Function("reach", (), ()),)
)


@dataclass(slots=True)
class _Place:
    """A user's program with its process. waiting: calls that are under way or stand in line."""

    mark: str
    worker: Worker
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    timer: asyncio.TimerHandle | None = None


class Programs:
    """All programs at work in this process. A user is any key, such as (tenant, pack): no process serves two."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._places: dict[Hashable, _Place] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._idle_seconds = idle_seconds
        self._ending: set[asyncio.Task[None]] = set()
        self._unsafe: ProgramsUnsafe | None = None
        self._is_safe = False
        self._trying = asyncio.Lock()

    def counters(self) -> Mapping[str, float]:
        """How many processes stand ready or are at work."""
        return {"processes": sum(one.worker.pid is not None for one in self._places.values())}

    async def check_safe(self) -> None:
        """ProgramsUnsafe unless a program that reaches out of its process was seen to be ended here; tried once.

        ProgramFailed where that could not be tried now, as for want of processes.
        """
        async with self._trying:
            if self._unsafe is None and not self._is_safe:
                try:
                    await _probe()
                except ProgramsUnsafe as problem:
                    self._unsafe = problem
                else:
                    self._is_safe = True
        if self._unsafe is not None:
            raise ProgramsUnsafe(self._unsafe.ja, self._unsafe.en)

    async def call(self, user: Hashable, program: Program, function: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the function gives, by name. ProgramFailed with the reason; the next call is served all the same."""
        await self.check_safe()
        place = await self._place(user, program)
        place.waiting += 1
        try:
            async with place.turn, self._gate:
                return await place.worker.call(function, given)
        finally:
            place.waiting -= 1
            self._rest(user, place)

    async def try_program(self, program: Program) -> None:
        """Begins the program in a process of its own and ends it. ProgramFailed where it does not begin."""
        await self.check_safe()
        worker = Worker(program)
        try:
            async with self._gate:
                await worker.begin()
        finally:
            await worker.end()

    async def close(self) -> None:
        """Ends all processes."""
        for user in list(self._places):
            self._drop(user)
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _place(self, user: Hashable, program: Program) -> _Place:
        mark, found = program.mark, self._places.get(user)
        if found is not None and found.mark != mark:
            self._drop(user)
            found = None
        if found is None:
            idle = [key for key, one in self._places.items() if not one.waiting]
            if idle and len(self._places) >= MAX_WORKERS:
                self._drop(idle[0])
            found = self._places[user] = _Place(mark, Worker(program))
        if found.timer is not None:
            found.timer.cancel()
        return found

    def _rest(self, user: Hashable, place: _Place) -> None:
        """Puts the place behind the others, and has it ended if nobody calls for a while."""
        if self._places.get(user) is not place or place.waiting:
            return
        self._places[user] = self._places.pop(user)
        if len(self._places) > MAX_WORKERS:
            self._drop(next(key for key, one in self._places.items() if not one.waiting))
        if user not in self._places:
            return
        place.timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._drop, user)

    def _drop(self, user: Hashable) -> None:
        place = self._places.pop(user)
        if place.timer is not None:
            place.timer.cancel()
        task = asyncio.create_task(_ended(place))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _ended(place: _Place) -> None:
    async with place.turn:
        await place.worker.end()


async def _probe() -> None:
    """ProgramsUnsafe where the filter cannot be set, or does not hold; ProgramFailed where it could not be tried."""
    worker = Worker(_PROBE)
    try:
        await worker.begin()
        await worker.call("reach", {})
    except ProgramReached:
        return
    finally:
        await worker.end()
    raise ProgramsUnsafe(
        "プログラムを囲うフィルターが効いていないため、パックのプログラムは動きません",
        "the filter around programs does not hold here, so programs of packs are not run",
    )
