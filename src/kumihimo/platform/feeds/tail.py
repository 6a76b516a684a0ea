"""The newest records of a tenant's log, read once for all who follow it.

The log is the truth, the bus a nudge (decision 1): a lost nudge delays a feed by one round at most. Who is behind what
is kept in memory reads the store, so that nobody's slowness costs memory or loses a record.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from kumihimo.base.errors import Problem
from kumihimo.base.events import LogRecord
from kumihimo.base.ports import Bus, log_topic
from kumihimo.platform.broker.log import head_tx, read_log_tx
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)

BATCH = 200
KEPT = 1000
ROUND_SECONDS = 1.0
"""How long a lost nudge delays a feed at most."""


class Tail:
    """Follows one tenant's log while somebody is interested; head is the newest record's seq when that began."""

    def __init__(self, database: Database, bus: Bus, tenant: str, head: int) -> None:
        self._database = database
        self._bus = bus
        self._tenant = tenant
        self._records: deque[LogRecord] = deque(maxlen=KEPT)
        self._news = asyncio.Condition()
        self._head = head
        self.restarts = 0
        """How often the tenant was removed and made anew, so that its log began again."""
        self.closed = False

    async def run(self) -> None:
        """Reads what is new until it is cancelled."""
        heard = self._bus.listen(log_topic(self._tenant))
        while True:
            try:
                while await self._read():
                    pass
            except Problem as problem:
                log.warning("feeds wait for the store", extra={"tenant": self._tenant, "why": problem.title})
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    await anext(heard)
            except TimeoutError:
                continue

    async def _read(self) -> bool:
        """True where more may wait."""
        head, records = await self._database.read(self._tenant, lambda tx: _news_tx(tx, self._head, self._tenant))
        async with self._news:
            if head < self._head:
                self._records.clear()
                self.restarts += 1
            self._records.extend(records)
            self._head = records[-1].seq if records else head
            self._news.notify_all()
        return len(records) == BATCH

    async def after(self, position: int) -> Sequence[LogRecord]:
        """Up to a batch of records behind the position; none where it is the newest that is known."""
        if position >= self._head:
            return ()
        if self._records and self._records[0].seq <= position + 1:
            return [one for one in self._records if one.seq > position][:BATCH]
        return await self._database.read(self._tenant, lambda tx: read_log_tx(tx, position, BATCH, self._tenant))

    async def moved(self, position: int, restarts: int, seconds: float) -> bool:
        """Whether there is more behind the position, a new log or an end, at once or within so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self._head > position or self.restarts != restarts or self.closed)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Wakes everybody for the last time."""
        async with self._news:
            self.closed = True
            self._news.notify_all()


async def _news_tx(tx: Tx, head: int, tenant: str) -> tuple[int, list[LogRecord]]:
    newest = await head_tx(tx)
    if newest <= head:
        return newest, []
    return newest, await read_log_tx(tx, head, BATCH, tenant)
