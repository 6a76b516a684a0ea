"""Watches the rivers of every tenant that there is or comes to be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Problem
from kumihimo.base.ports import ALL_LOGS
from kumihimo.solutions.flood.doors import FloodDoors
from kumihimo.solutions.flood.follow import NudgedReader, go_round
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.telling import Telling
from kumihimo.solutions.flood.watch import Watch

logger = logging.getLogger(__name__)


def watch_of(doors: FloodDoors, tenant: str) -> Watch:
    """The watch over a tenant."""
    teller = None if doors.tell is None else Telling(doors, tenant)
    return Watch(doors.database, doors.bus, doors.history, doors.alerts, propose, tenant, doors.here, teller)


class Watching:
    """The watches of all tenants but those of `apart`, which somebody else watches; each stands still while the wing
    does not run there.
    """

    def __init__(self, doors: FloodDoors, apart: Collection[str] = ()) -> None:
        self._doors = doors
        self._apart = frozenset(apart)
        self._watched: dict[str, NudgedReader] = {}
        self._waiting: set[str] = set()

    async def run(self) -> None:
        """Begins a watch for each tenant as it comes, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(go_round(lambda: list(self._watched.values())))
            await self._look(group)
            async for _ in self._doors.bus.listen(ALL_LOGS):
                await self._look(group)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        try:
            tenants = set(await self._doors.database.tenants())
        except Exception as problem:  # noqa: BLE001 - told of in _wait
            self._wait("", problem)
            return
        for tenant in tenants - self._watched.keys() - self._apart:
            try:
                await self._begin(tenant, group)
            except Exception as problem:  # noqa: BLE001 - told of in _wait
                self._wait(tenant, problem)

    async def _begin(self, tenant: str, group: asyncio.TaskGroup) -> None:
        doors = self._doors
        await doors.alerts.recover(Call(tenant, Actor("system", "flood"), "start"))
        watch = watch_of(doors, tenant)
        group.create_task(watch.reader.run(), name=f"watch-{tenant}")
        self._watched[tenant] = watch.reader

    def _wait(self, tenant: str, problem: Exception) -> None:
        """One that is set aside, or a server that is away, stops no other; it is tried again at every nudge."""
        if tenant not in self._waiting:
            ours = None if isinstance(problem, Problem) else problem
            why = {"tenant": tenant, "why": str(problem)}
            logger.warning("the watch waits for the store", extra=why, exc_info=ours)
        self._waiting.add(tenant)
