"""Readers of tenants' logs at work: each woken by its nudges, all of them looked after in turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

from kumihimo.base.errors import NonexistentTenant
from kumihimo.base.ports import Bus, log_topic
from kumihimo.platform.broker.follow import Handle, LogReader, May
from kumihimo.storage.database import Database

logger = logging.getLogger(__name__)
AGAIN_SECONDS = 2.0
"""How long a reader rests after a fault before it tries again."""
ROUND_SECONDS = 1.0
"""How often one reader, each in its turn, looks although nothing was heard: a nudge may be lost."""


class NudgedReader(LogReader):
    """A reader of its own that the bus nudges, and that can be held still."""

    def __init__(
        self, database: Database, bus: Bus, tenant: str, name: str, handle: Handle, may: May | None = None
    ) -> None:
        super().__init__(database, tenant, name, handle, may)
        self._bus = bus
        self._nudged = asyncio.Event()

    async def hold(self) -> None:
        """Waits for the batch under way, then keeps the reader still until `let_go`."""
        await self._reading.acquire()

    def let_go(self) -> None:
        """Lets the reader go on after `hold`."""
        self._reading.release()

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


async def go_round(readers: Callable[[], Sequence[NudgedReader]]) -> None:
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
