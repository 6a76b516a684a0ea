"""Watches the sensors and traps of every tenant that there is or comes to be."""

from __future__ import annotations

import asyncio
import logging

from kumihimo.base.errors import Problem
from kumihimo.base.ports import ALL_LOGS
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.watch import Watch

logger = logging.getLogger(__name__)
ROUND_SECONDS = 5.0
"""How often all tenants are looked at although nothing was heard: a nudge may be lost, an animal may be gone."""


class Watching:
    """The watches of all tenants, one after the other: one that is set aside stops no other."""

    def __init__(self, doors: WildlifeDoors) -> None:
        self._doors = doors
        self._watches: dict[str, Watch] = {}
        self._nudged = asyncio.Event()
        self._troubled: set[str] = set()

    async def run(self) -> None:
        """Looks at every nudge, and in rounds, until cancelled."""
        ear = asyncio.create_task(self._listen())
        try:
            while True:
                self._nudged.clear()
                await self.look()
                try:
                    async with asyncio.timeout(ROUND_SECONDS):
                        await self._nudged.wait()
                except TimeoutError:
                    await self.close_stale()
        finally:
            ear.cancel()

    async def _listen(self) -> None:
        async for _ in self._doors.bus.listen(ALL_LOGS):
            self._nudged.set()

    async def look(self) -> int:
        """Reads every tenant's log to its end; in how many it did."""
        tenants = await self._tenants()
        done = 0
        for tenant in tenants:
            watch = self._watches.setdefault(tenant, Watch(self._doors, tenant))
            done += await watch.reader.try_to_catch_up()
        for gone in self._watches.keys() - set(tenants):
            del self._watches[gone]
        return done

    async def _tenants(self) -> list[str]:
        try:
            return sorted(await self._doors.database.tenants())
        except Problem as problem:
            self._tell("", problem)
            return []

    async def close_stale(self) -> None:
        """Closes alerts of animals that are gone, in tenants where nothing is seen any more."""
        for tenant, watch in list(self._watches.items()):
            try:
                await watch.close_stale()
                self._troubled.discard(tenant)
            except Problem as problem:
                self._tell(tenant, problem)

    def _tell(self, tenant: str, problem: Problem) -> None:
        if tenant not in self._troubled:
            logger.warning("the watch waits for the store", extra={"tenant": tenant, "why": problem.title})
        self._troubled.add(tenant)
