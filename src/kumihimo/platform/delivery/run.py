"""The loop that matches and sends: it sleeps until something was committed, sent, or is due."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import NonexistentTenant, Problem
from kumihimo.base.ports import ALL_LOGS, Bus
from kumihimo.platform.delivery.match import Matcher
from kumihimo.platform.delivery.send import Sender
from kumihimo.storage.database import Database

log = logging.getLogger(__name__)

TOPIC = "delivery."
_ROUND_SECONDS = 1.0
"""How often one tenant, each in its turn, is looked at although nothing was heard of it: a nudge may be lost."""
_SHORTEST_WAIT = 0.01
_AGAIN_SECONDS = 1.0
_BATCHES = 5
"""How many batches of one tenant are matched before the others have their turn."""


class Runner:
    """Drives matcher and sender for all tenants; one tenant's trouble stops no other."""

    def __init__(self, database: Database, clock: Clock, bus: Bus, matcher: Matcher, sender: Sender) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._matcher = matcher
        self._sender = sender
        self._due: dict[str, int] = {}
        self._troubled: set[str] = set()
        self._begun = False
        self._round: deque[str] = deque()

    def wake(self, tenant: str) -> None:
        """Asks for a look at the tenant."""
        self._bus.publish(TOPIC + tenant)

    async def run(self) -> None:
        """Runs until it is cancelled; what was under way then is sent again by the next run."""
        heard = self._bus.listen(ALL_LOGS, TOPIC + "*")
        loop = asyncio.get_running_loop()
        turn = loop.time()
        try:
            while True:
                if loop.time() >= turn:
                    for found in await self._in_turn():
                        await self.advance(found, look=True)
                    turn = loop.time() + _ROUND_SECONDS
                tenant = await self._next(heard, turn - loop.time())
                await self._look_at([tenant] if tenant else [])
                # Also while nudges come without a pause: who waits for a moment must not wait for silence.
                await self._look_at(self._overdue())
        finally:
            await self._sender.stop()

    async def _in_turn(self) -> list[str]:
        """All tenants at the start, for what an earlier run left; then one at a time, so that idle ones cost nothing.

        None while the database server is away, which must not end the notifications for good.
        """
        try:
            if not self._round:
                self._round.extend(await self._database.tenants())
        except Problem as problem:
            log.warning("delivery waits for the store", extra={"why": problem.title})
            return []
        if not self._begun:
            self._begun = True
            found = list(self._round)
            self._round.clear()
            return found
        return [self._round.popleft()] if self._round else []

    async def _look_at(self, tenants: list[str]) -> None:
        for tenant in tenants:
            await self.advance(tenant)

    async def _next(self, heard: AsyncIterator[str], at_most: float) -> str:
        """The tenant of the next nudge, "" once something is due or so many seconds have passed."""
        now = times.micros(self._clock.now())
        soonest = min(self._due.values(), default=now + 60_000_000)
        wait = max(min((soonest - now) / 1_000_000, at_most), _SHORTEST_WAIT)
        try:
            async with asyncio.timeout(wait):
                topic = await anext(heard)
        except TimeoutError:
            return ""
        return topic.partition(".")[2]

    def _overdue(self) -> list[str]:
        now = times.micros(self._clock.now())
        return [tenant for tenant, due in self._due.items() if due <= now]

    async def advance(self, tenant: str, *, look: bool = False) -> None:
        """Matches, releases and starts sending what is due for one tenant; look: and what another process left."""
        self._due.pop(tenant, None)
        try:
            await self._match(tenant)
            await self._sender.pump(tenant, look=look)
            if await self._release(tenant):
                await self._sender.pump(tenant)
        except NonexistentTenant:
            self._sender.drop(tenant)
            return
        except Problem as problem:
            # Its store is set aside, full or damaged: the others go on, and it is looked at again.
            if tenant not in self._troubled:
                log.warning("delivery waits for the tenant's store", extra={"tenant": tenant, "why": problem.title})
            self._again(tenant)
        except Exception:
            # A fault of ours in one tenant must not end the notifications of all.
            if tenant not in self._troubled:
                log.exception("delivery failed for a tenant", extra={"tenant": tenant})
            self._again(tenant)
        else:
            self._troubled.discard(tenant)
        self._note_due(tenant, self._sender.next_due(tenant))

    async def _match(self, tenant: str) -> None:
        for _ in range(_BATCHES):
            if not await self._matcher.step(tenant):
                break
        else:
            self.wake(tenant)

    async def _release(self, tenant: str) -> bool:
        """After what is new is on its way; whether something that was held back has now to be sent."""
        released = self._matcher.released
        self._note_due(tenant, await self._matcher.release(tenant))
        return self._matcher.released != released

    def _again(self, tenant: str) -> None:
        """Looks at the tenant again in a while; its trouble is told of once, not each time."""
        self._troubled.add(tenant)
        self._note_due(tenant, times.micros(self._clock.now()) + round(_AGAIN_SECONDS * 1_000_000))

    def _note_due(self, tenant: str, moment: int | None) -> None:
        if moment is not None:
            self._due[tenant] = min(moment, self._due.get(tenant, moment))

    async def catch_up(self, tenant: str) -> None:
        """Matches and sends all that is due now, and returns when nothing of it is under way."""
        while await self._matcher.step(tenant):
            pass
        await self._matcher.release(tenant)
        while await self._sender.pump(tenant) or self._sender.under_way:
            await self._sender.idle()
