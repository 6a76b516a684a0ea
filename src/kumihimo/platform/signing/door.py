"""The door of the room: a tenant's key, made when it is first needed, and its change."""

from __future__ import annotations

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.platform.signing import store
from kumihimo.platform.signing.models import Key, PublicKey
from kumihimo.storage.database import Database, Tx

KEPT = 10
"""Keys of a tenant whose public halves are still given out, the retired ones among them."""
_REMEMBERED = 60_000_000
"""Microseconds for which a key is used without a look at the store, where another process may have changed it."""


class Signing:
    """The signing keys of all tenants."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[int, Key]] = {}

    async def key(self, tenant: str) -> Key:
        """The key that signs for the tenant now."""
        now = times.micros(self._clock.now())
        found = self._known.get(tenant)
        if found is not None and 0 <= now - found[0] < _REMEMBERED:
            return found[1]
        key = await self._database.read(tenant, store.current_tx, quick=True)
        if key is None:
            key = await self._database.write(tenant, lambda tx: _current_or_new_tx(tx, now))
        self._known[tenant] = (now, key)
        return key

    async def rotate(self, tenant: str) -> Key:
        """A new key in place of the old one, which signs no more and can still be asked for."""
        now = times.micros(self._clock.now())
        key = Key.made()

        async def work(tx: Tx) -> None:
            await store.retire_tx(tx, now)
            await store.insert_tx(tx, key, now)
            await store.trim_tx(tx, KEPT)

        await self._database.write(tenant, work)
        self._known.pop(tenant, None)
        return key

    async def public(self, tenant: str) -> list[PublicKey]:
        """The public halves of the tenant's keys, the one that signs first."""
        await self.key(tenant)
        return await self._database.read(tenant, store.public_tx)


async def _current_or_new_tx(tx: Tx, now: int) -> Key:
    found = await store.current_tx(tx)
    if found is None:
        found = Key.made()
        await store.insert_tx(tx, found, now)
    return found
