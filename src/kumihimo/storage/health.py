"""Whether the store answers: what readiness asks, at little cost however often it is asked."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from kumihimo.base.errors import Problem
from kumihimo.storage.database import PLATFORM, Database, Tx

log = logging.getLogger(__name__)
FRESH_SECONDS: Final = 1.0
"""For how long an answer holds; the store is looked at no more often."""
PATIENCE_SECONDS: Final = 2.0
"""A store that takes longer for one row is away."""


class Health:
    """Awaiting it gives whether the platform's own scope can be read. One tenant that is set aside changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looking = asyncio.Lock()
        self._answers = False
        self._until: float | None = None

    async def __call__(self) -> bool:
        """False while the store refuses or says nothing; at most one look a second, shared by all who ask."""
        loop = asyncio.get_running_loop()
        async with self._looking:
            if self._until is None or loop.time() >= self._until:
                self._answers = await self._look()
                self._until = loop.time() + FRESH_SECONDS
            return self._answers

    async def _look(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._database.read(PLATFORM, _one_tx, quick=True)
        except (Problem, TimeoutError):
            return False
        except Exception:
            log.exception("the store answers with a fault")
            return False
        return True


async def _one_tx(tx: Tx) -> object:
    return await tx.fetch_one("SELECT 1")
