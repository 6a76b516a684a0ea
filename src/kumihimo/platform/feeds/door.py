"""The door of the room: feeds of entities, each a position in the tenant's log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import Overloaded, Problem
from kumihimo.base.ports import Bus
from kumihimo.platform.broker.log import head_tx
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.delivery.watch import Watch
from kumihimo.platform.feeds.models import Event
from kumihimo.platform.feeds.tail import Tail
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.storage.database import Database

MAX_FEEDS = 1000
MAX_FEEDS_OF_TENANT = 250
MAX_FEEDS_OF_STRANGERS = 100
"""Of one tenant, and of all tenants half of the feeds: who is not known leaves room for those who are."""
PING_SECONDS = 10.0
Events = AsyncGenerator[Event, None]


class Feeds:
    """The feeds of all tenants. strangers: how many of one tenant those may have who are not logged in; None where
    nobody is a stranger.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        delivery: Delivery,
        *,
        ping: float = PING_SECONDS,
        strangers: int | None = MAX_FEEDS_OF_STRANGERS,
    ) -> None:
        self._most_of_strangers = strangers
        self._database = database
        self._bus = bus
        self._delivery = delivery
        self._ping = ping
        self._tails: dict[str, tuple[Tail, asyncio.Task[None]]] = {}
        self._open: Counter[str] = Counter()
        self._strangers: Counter[str] = Counter()
        self._closing = asyncio.Event()

    @property
    def count(self) -> int:
        """How many feeds are open now."""
        return self._open.total()

    async def open(
        self, call: Call, document: Mapping[str, Any], context: Context, *, after: int | None, standing: bool
    ) -> Events:
        """A feed of what the document selects (clause 5.2.12), from the position on, or from now.

        standing: it begins with the entities as they are. Overloaded where too many feeds are open; Unauthenticated,
        Forbidden, BadRequestData or NonexistentTenant as for a subscription.
        """
        if self._closing.is_set():
            raise Overloaded("the platform is stopping; come back in a moment", retry_after=5)
        if self.count >= MAX_FEEDS or self._open[call.tenant] >= MAX_FEEDS_OF_TENANT:
            raise Overloaded(f"{self._open[call.tenant]} feeds of this tenant are open already", retry_after=10)
        if call.actor.kind == "anonymous" and self._is_full_of_strangers(call.tenant):
            raise Overloaded("many who are not logged in listen already; log in, or try again later", retry_after=10)
        head = await self._database.read(call.tenant, head_tx, quick=True)
        begin = head if after is None else after
        watch = await self._delivery.watch(call, document, context)
        return self._events(call, watch, head, begin, standing=standing and after is None)

    def _is_full_of_strangers(self, tenant: str) -> bool:
        most = self._most_of_strangers
        return most is not None and (self._strangers[tenant] >= most or self._strangers.total() >= MAX_FEEDS // 2)

    async def close(self) -> None:
        """Ends every feed, so that the server can drain."""
        self._closing.set()
        tasks = [task for _, task in self._tails.values()]
        for tail, task in list(self._tails.values()):
            task.cancel()
            await tail.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _events(self, call: Call, watch: Watch, head: int, position: int, *, standing: bool) -> Events:
        tail = self._join(call, head)
        # A position behind the log's head is of a log that is no more.
        restarts = tail.restarts if position <= head else -1
        try:
            yield Event("ping", position)
            if standing:
                async for one in _standing(watch, position):
                    yield one
            while not self._closing.is_set():
                if not await tail.moved(position, restarts, self._ping):
                    await watch.decide()
                    yield Event("ping", position)
                    continue
                if tail.restarts != restarts:
                    restarts, position = tail.restarts, 0
                    yield Event("reset", position)
                records = await tail.after(position)
                # Only now: rights that were taken away before one of these was written hold for it.
                grant = await watch.decide()
                for record in records:
                    entity = await watch.told(record, grant)
                    position = record.seq
                    if entity is not None:
                        yield Event(record.kind, position, times.text(times.from_micros(record.at)), entity)
        except Problem as problem:
            yield Event("end", position, detail=problem.detail)
        finally:
            self._leave(call)

    def _join(self, call: Call, head: int) -> Tail:
        tenant = call.tenant
        self._open[tenant] += 1
        if call.actor.kind == "anonymous":
            self._strangers[tenant] += 1
        found = self._tails.get(tenant)
        if found is None:
            tail = Tail(self._database, self._bus, tenant, head)
            found = self._tails[tenant] = (tail, asyncio.create_task(tail.run(), name=f"feeds-{tenant}"))
        return found[0]

    def _leave(self, call: Call) -> None:
        tenant = call.tenant
        self._open -= Counter([tenant])
        if call.actor.kind == "anonymous":
            self._strangers -= Counter([tenant])
        if not self._open[tenant] and (found := self._tails.pop(tenant, None)) is not None:
            found[1].cancel()


async def _standing(watch: Watch, position: int) -> Events:
    """The entities as they are now, page by page; what changes meanwhile is told again behind them."""
    cursor = ""
    while True:
        page, cursor = await watch.standing(cursor, await watch.decide())
        for entity in page:
            yield Event("current", position, entity=entity)
        if not cursor:
            return
