"""A reader of a tenant's log with a position of its own: nothing is missed over a restart (decision 1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from kumihimo.base.errors import NonexistentTenant
from kumihimo.base.events import LogRecord
from kumihimo.platform.broker.log import end_tx, position_tx, read_log_tx, set_position_tx
from kumihimo.storage.database import Database, Tx

logger = logging.getLogger(__name__)
BATCH = 500
Handle = Callable[[Sequence[LogRecord]], Awaitable[None]]
May = Callable[[], Awaitable[bool]]


async def begin_at_end_tx(tx: Tx, name: str) -> None:
    """From now on the reader of this name, also one that is new, reads what comes after this transaction alone."""
    await set_position_tx(tx, name, await end_tx(tx))


class LogReader:
    """Hands every record of a tenant's log to `handle`, in order, at least once: the position moves on only after
    handle returned, so that handle must not mind seeing a record twice.

    may is asked before each batch whether it is to be read; while it says no, the position stays.
    """

    def __init__(self, database: Database, tenant: str, name: str, handle: Handle, may: May | None = None) -> None:
        self._database = database
        self.tenant = tenant
        self.name = name
        self._handle = handle
        self._may = may
        self._reading = asyncio.Lock()

    async def catch_up(self) -> int:
        """Reads to the end of the log, as far as it may; the number of records handled. NonexistentTenant where it is
        gone.
        """
        handled = 0
        async with self._reading:
            while records := await self._next():
                await self._handle(records)
                last = records[-1].seq

                async def move_on(tx: Tx, seq: int = last) -> None:
                    if seq > await position_tx(tx, self.name):  # else it was begun at the end meanwhile
                        await set_position_tx(tx, self.name, seq)

                await self._database.write(self.tenant, move_on)
                handled += len(records)
        return handled

    async def _next(self) -> list[LogRecord]:
        if self._may is not None and not await self._may():
            return []
        return await self._database.read(self.tenant, self._next_tx)

    async def _next_tx(self, tx: Tx) -> list[LogRecord]:
        return await read_log_tx(tx, await position_tx(tx, self.name), BATCH, self.tenant)

    async def try_to_catch_up(self) -> bool:
        """As catch_up; False, told in the log, where it did not come to the end: the next nudge tries again."""
        try:
            await self.catch_up()
        except NonexistentTenant:
            return False
        except Exception:
            logger.exception("log reader failed", extra={"tenant": self.tenant, "reader": self.name})
            return False
        return True
