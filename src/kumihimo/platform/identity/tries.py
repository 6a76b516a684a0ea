"""Whoever tries and fails waits longer each time: for the account's name, and for the address, across restarts."""

from __future__ import annotations

import math
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import TooManyRequests
from kumihimo.base.rates import place_of
from kumihimo.platform.identity.models import digest_of
from kumihimo.platform.identity.store import logins as store
from kumihimo.storage.database import PLATFORM, Database, Tx

FREE_OF_NAME: Final = 5
FREE_OF_PLACE: Final = 20
MAX_WAIT: Final = 900
"""Seconds: the longest wait between two tries, so that nobody is kept out for long by others who try their name."""
FORGIVEN: Final = 600
"""Seconds after which one wrong try counts no more: an office behind one address mistypes all day."""
_FORGOTTEN: Final = 24 * 3600
_SECOND: Final = 1_000_000


def wait_after(failures: int, free: int) -> int:
    """Seconds before the next try: none for the first few, then 1, 2, 4 … up to MAX_WAIT."""
    return 0 if failures < free else min(MAX_WAIT, 2 ** min(failures - free, 20))


class Tries:
    """Counts a try before it is judged, so that many at once are no way around."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(self, what: str, name: str, address: str) -> None:
        """One try at what ("password", "code") for this name from this address. TooManyRequests where it must wait.

        Names are kept as digests: what people mistype is often a password.
        """
        now = times.micros(self._clock.now())
        counted = ((_of_name(what, name), FREE_OF_NAME), (_of_place(address), FREE_OF_PLACE))

        async def work(tx: Tx) -> int:
            await store.forget_old_tries_tx(tx, now - _FORGOTTEN * _SECOND)
            found = [await store.tries_tx(tx, key) for key, _ in counted]
            until = max(row[2] for row in found)
            if until > now:
                return math.ceil((until - now) / _SECOND)
            for (key, free), (before, last, _) in zip(counted, found, strict=True):
                failures = max(0, before - max(0, now - last) // (FORGIVEN * _SECOND)) + 1
                until = now + wait_after(failures, free) * _SECOND
                await store.put_try_tx(tx, key, failures, now, until)
            return 0

        wait = await self._database.write(PLATFORM, work)
        if wait:
            raise TooManyRequests(f"too many tries went wrong; try again in {wait} s", retry_after=wait)

    async def forgive(self, what: str, name: str, address: str) -> None:
        """The try was good: the name's are forgotten, the address has one less."""
        key, place = _of_name(what, name), _of_place(address)
        now = times.micros(self._clock.now())

        async def work(tx: Tx) -> None:
            await store.forget_tries_tx(tx, key)
            failures, _, _ = await store.tries_tx(tx, place)
            if failures > 0:
                await store.put_try_tx(tx, place, failures - 1, now, 0)

        await self._database.write(PLATFORM, work)


def _of_name(what: str, name: str) -> str:
    return f"{what}:{digest_of(name)[:32]}"


def _of_place(address: str) -> str:
    return f"place:{place_of(address)}"
