"""What all changes of a tenant's access have in common: one transaction, counted, and told of once it is committed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from kumihimo.base import times
from kumihimo.base.call import Actor
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.access import store
from kumihimo.storage.database import PLATFORM, Database, Tx

T = TypeVar("T")
MAX_WORDS: Final = 500
"""Characters of a reason or a purpose."""


class Changes:
    """Writes to the store; `told` are called with the scope after each change."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self._clock = clock
        self.told: list[Callable[[str], None]] = []

    def now(self) -> int:
        """The present moment in microseconds."""
        return times.micros(self._clock.now())

    async def place(self, scope: str, actor: Actor) -> None:
        """Notes, before a right is given, where somebody may have something to do from now on (see `places`).

        NonexistentTenant for an unknown scope, of which nothing is noted.
        """
        if scope == PLATFORM:
            return
        await self.database.read(scope, store.revision_tx, quick=True)
        await self.database.write(PLATFORM, lambda tx: store.add_places_tx(tx, scope, (actor,)))

    async def write(self, scope: str, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Runs the work and counts the change, durably; then tells of it."""
        now = self.now()

        async def counted(tx: Tx) -> T:
            found = await work(tx)
            await store.touch_tx(tx, now)
            return found

        try:
            return await self.database.write(scope, counted)
        finally:
            for tell in self.told:
                tell(scope)


def check_words(text: str, what: str) -> str:
    """The words without space around them. BadRequestData where there are none, or too many."""
    found = text.strip()
    if not found or len(found) > MAX_WORDS or not found.replace("\n", " ").replace("\r", " ").isprintable():
        raise BadRequestData(f"{what}: say it in 1 to {MAX_WORDS} characters").worded("refused.words", most=MAX_WORDS)
    return found
