"""A reader of a tenant's log with a position of its own: nothing is missed over a restart (decision 1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from kumihimo.base.errors import NonexistentTenant
from kumihimo.base.events import LogRecord
from kumihimo.base.ports import Bus, log_topic
from kumihimo.platform.broker.log import position_tx, read_log_tx, set_position_tx
from kumihimo.storage.database import Database, Tx

logger = logging.getLogger(__name__)
BATCH = 500
AGAIN_SECONDS = 2.0
"""How long a reader rests after a fault before it tries again."""
ROUND_SECONDS = 1.0
"""How often one reader, each in its turn, looks although nothing was heard: a nudge may be lost."""

Handle = Callable[[Sequence[LogRecord]], Awaitable[None]]


class LogReader:
    """Hands every record of a tenant's log to `handle`, in order, at least once.

    The position moves on only after `handle` returned, so that handle must not mind seeing a record twice.
    """

    def __init__(self, database: Database, bus: Bus, tenant: str, name: str, handle: Handle) -> None:
        self._database = database
        self._bus = bus
        self.tenant = tenant
        self.name = name
        self._handle = handle
        self._reading = asyncio.Lock()
        self._nudged = asyncio.Event()

    async def hold(self) -> None:
        """Waits for the batch under way, then keeps the reader still until `let_go`."""
        await self._reading.acquire()

    def let_go(self) -> None:
        """Lets the reader go on after `hold`."""
        self._reading.release()

    async def catch_up(self) -> int:
        """Reads to the end of the log; the number of records handled."""
        async with self._reading:
            return await self._catch_up()

    async def _catch_up(self) -> int:
        handled = 0
        while True:
            records = await self._database.read(self.tenant, self._next_tx)
            if not records:
                return handled
            await self._handle(records)
            last = records[-1].seq

            async def move_on(tx: Tx, seq: int = last) -> None:
                await set_position_tx(tx, self.name, seq)

            await self._database.write(self.tenant, move_on)
            handled += len(records)

    async def _next_tx(self, tx: Tx) -> list[LogRecord]:
        return await read_log_tx(tx, await position_tx(tx, self.name), BATCH, self.tenant)

    def nudge(self) -> None:
        """Asks for a look at the log."""
        self._nudged.set()

    async def run(self) -> None:
        """Catches up on every nudge until cancelled; a fault is logged and tried again, so that none ends the watch."""
        self.nudge()
        pump = asyncio.create_task(self._pump(self._bus.listen(log_topic(self.tenant))))
        try:
            while True:
                await self._nudged.wait()
                self._nudged.clear()
                try:
                    await self.catch_up()
                except NonexistentTenant:
                    logger.info("tenant is away", extra={"tenant": self.tenant, "reader": self.name})
                except Exception:
                    logger.exception("log reader failed", extra={"tenant": self.tenant, "reader": self.name})
                    await asyncio.sleep(AGAIN_SECONDS)
                    self.nudge()
        finally:
            pump.cancel()

    async def _pump(self, heard: AsyncIterator[str]) -> None:
        async for _ in heard:
            self.nudge()


async def go_round(readers: Callable[[], Sequence[LogReader]]) -> None:
    """Nudges the readers one after the other, one each ROUND_SECONDS, until cancelled.

    What a thousand idle readers cost so is what one does; a nudge that was lost is made good after one round.
    """
    while True:
        turn = list(readers())
        for reader in turn:
            await asyncio.sleep(ROUND_SECONDS)
            reader.nudge()
        if not turn:
            await asyncio.sleep(ROUND_SECONDS)
