"""The photographs of a town's reports: kept in its own store, shown, and deleted at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData
from kumihimo.solutions.wildlife import store
from kumihimo.solutions.wildlife.photos import MAX_SENT, Picture, clean
from kumihimo.solutions.wildlife.store import Kept
from kumihimo.storage.database import Database, Tx

MAX_KEPT: Final = 512 * MAX_SENT
"""Bytes of all photographs of one tenant."""

AT_ONCE: Final = 2
"""How many are taken apart at the same time: each costs some fifty megabytes while it lasts."""

UNDER_WAY: Final = 3600 * 1_000_000
"""A photograph this old (microseconds) without a report is one whose report never came."""


class Album:
    """One for all tenants."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)

    async def cleaned(self, body: bytes) -> Picture:
        """The photograph as it may be kept (photos.clean)."""
        async with self._room:
            return await asyncio.to_thread(clean, body)

    async def keep(self, tenant: str, id_: str, picture: Picture) -> bool:
        """Keeps a report's photograph; the first one stays. Whether there is one then: not where it was deleted.
        BadRequestData where the town's room is full.
        """
        at = times.micros(self._clock.now())

        async def work(tx: Tx) -> bool:
            known = await store.has_tx(tx, id_)
            if known is not None:
                return known
            if await store.size_tx(tx) + len(picture.body) > MAX_KEPT:
                said = f"the town's photographs have {MAX_KEPT} bytes together; send the report without one"
                raise BadRequestData(said).worded("wildlife.photo.refused.full")
            await store.add_tx(tx, id_, at, picture)
            return True

        return await self._database.write(tenant, work)

    async def knows(self, tenant: str, id_: str) -> bool:
        """Whether there is or was a photograph of a report."""
        return await self._database.read(tenant, lambda tx: store.has_tx(tx, id_)) is not None

    async def body(self, tenant: str, id_: str) -> bytes | None:
        """The JPEG, None where there is none."""
        return await self._database.read(tenant, lambda tx: store.body_tx(tx, id_))

    async def listed(self, tenant: str) -> dict[str, Kept]:
        """What is known of each, by the report's entity id; also of those that were deleted."""
        return {one.id: one for one in await self._database.read(tenant, store.kept_tx)}

    async def drop(self, tenant: str, id_: str, by: str) -> bool:
        """Deletes it at once; whether it was there."""
        at = times.micros(self._clock.now())
        return await self._database.write(tenant, lambda tx: store.drop_tx(tx, id_, at, by)) == 1

    async def forget(self, tenant: str, ids: Collection[str]) -> None:
        """Takes away whatever is known of these: their reports are gone, or never came."""

        async def work(tx: Tx) -> None:
            for id_ in ids:
                await store.forget_tx(tx, id_)

        if ids:
            await self._database.write(tenant, work)

    async def old(self, tenant: str) -> list[str]:
        """Entity ids of those whose report must have come by now, if it ever comes."""
        before = times.micros(self._clock.now()) - UNDER_WAY
        return [one.id for one in (await self.listed(tenant)).values() if one.at < before and not one.deleted_at]
