"""Watches the sensors and traps of every tenant that there is or comes to be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kumihimo.base.errors import NonexistentTenant, Problem
from kumihimo.base.ports import ALL_LOGS, log_topic
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.watch import Watch

logger = logging.getLogger(__name__)
ROUND_SECONDS = 1.0
"""How often one tenant, each in its turn, is looked at although nothing was heard: a nudge may be lost."""

AT_ONCE = 8
"""How many tenants' logs are read at the same time."""


class Watching:
    """The watches of all tenants. A tenant that trips up, or whose store is away, holds up no other."""

    def __init__(self, doors: WildlifeDoors) -> None:
        self._doors = doors
        self._watches: dict[str, Watch] = {}
        self._again: dict[str, bool] = {}
        """Tenants that are being looked at, and whether something was heard of them meanwhile."""
        self._room = asyncio.Semaphore(AT_ONCE)
        self._turns: dict[str, asyncio.Lock] = {}
        self._troubled: set[str] = set()

    async def run(self) -> None:
        """Looks at all tenants once, then at each that something is heard of, and in rounds; until cancelled."""
        heard = self._doors.bus.listen(ALL_LOGS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._go_round())
            for tenant in await self._tenants():
                self._nudge(tenant, group)
            async for topic in heard:
                self._nudge(topic.removeprefix(log_topic("")), group)

    def _nudge(self, tenant: str, group: asyncio.TaskGroup) -> None:
        if tenant in self._again:
            self._again[tenant] = True
            return
        self._again[tenant] = False
        group.create_task(self._read_on(tenant))

    async def _read_on(self, tenant: str) -> None:
        try:
            async with self._room:
                await self.look(tenant)
                while self._again[tenant]:
                    self._again[tenant] = False
                    await self.look(tenant)
        finally:
            del self._again[tenant]

    async def look(self, tenant: str) -> bool:
        """Reads the tenant's log to its end; False where it could not, which the log tells."""
        async with self._turn(tenant):
            watch = self._watches.setdefault(tenant, Watch(self._doors, tenant))
            return await watch.reader.try_to_catch_up()

    def _turn(self, tenant: str) -> asyncio.Lock:
        return self._turns.setdefault(tenant, asyncio.Lock())

    @asynccontextmanager
    async def still(self, tenant: str) -> AsyncIterator[None]:
        """Nothing of the tenant is looked at inside, where it is made anew; what was remembered of it is forgotten."""
        async with self._turn(tenant):
            try:
                yield
            finally:
                self._watches.pop(tenant, None)

    async def _go_round(self) -> None:
        while True:
            tenants = await self._tenants()
            for gone in self._watches.keys() - set(tenants):
                del self._watches[gone]
            for tenant in tenants:
                await asyncio.sleep(ROUND_SECONDS)
                await self.look(tenant)
                await self._close_stale(tenant)
            if not tenants:
                await asyncio.sleep(ROUND_SECONDS)

    async def _close_stale(self, tenant: str) -> None:
        """Closes alerts of animals that are gone, where nothing is seen any more."""
        try:
            async with self._turn(tenant):
                watch = self._watches.setdefault(tenant, Watch(self._doors, tenant))
                await watch.close_stale()
                await watch.sweep_photos()
            self._troubled.discard(tenant)
        except NonexistentTenant:
            logger.info("tenant is away", extra={"tenant": tenant})
        except Problem as problem:
            self._tell(tenant, problem)

    async def _tenants(self) -> list[str]:
        try:
            found = sorted(await self._doors.database.tenants())
        except Problem as problem:
            self._tell("", problem)
            return []
        self._troubled.discard("")
        return found

    def _tell(self, tenant: str, problem: Problem) -> None:
        """Tells of a trouble once, until it is over."""
        if tenant not in self._troubled:
            logger.warning("the watch waits for the store", extra={"tenant": tenant, "why": problem.title})
        self._troubled.add(tenant)
