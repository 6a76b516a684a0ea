"""The door of the room: a tenant's @contexts (clauses 5.13.2 to 5.13.5), and the shelf that resolving looks into."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kumihimo.base import jsontext, times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import NonexistentTenant, PayloadTooLarge, Problem, TooManyResults
from kumihimo.base.ids import new_id
from kumihimo.platform.jsonld.shelf import Kept, Kind
from kumihimo.platform.shelf import store
from kumihimo.storage.database import Database, Tx, Work

MAX_HOSTED = 1000
MAX_CACHED = 256
MAX_IMPLICIT = 1000
MAX_DOCUMENT = 1 << 20
"""The largest @context that is hosted, in bytes."""
FLUSH_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Uses:
    """Uses that are not written yet."""

    count: int = 0
    last: int = 0


class TenantShelf:
    """Implements jsonld.shelf.Shelf over the tenants' tables; `run` must run for uses to be written."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._uses: dict[str, dict[str, _Uses]] = {}
        self._flushing = asyncio.Lock()

    # --- what resolving asks -----------------------------------------------------------------------------

    async def cached(self, tenant: str, url: str) -> Kept | None:
        """As jsonld.shelf.Shelf."""
        return await self._look(tenant, lambda tx: store.cached_tx(tx, url))

    async def local(self, tenant: str, id_: str) -> Kept | None:
        """As jsonld.shelf.Shelf."""
        kept = await self._look(tenant, lambda tx: store.one_tx(tx, id_))
        return kept if kept is not None and kept.kind != "Cached" else None

    async def keep(self, tenant: str, url: str, document: Any, expires_at: int) -> str:
        """As jsonld.shelf.Shelf."""
        fresh = Kept(new_id("Context"), "Cached", url, document, self._now(), expires_at)

        async def work(tx: Tx) -> str:
            old = await store.cached_tx(tx, url)
            if old is not None:
                await store.refresh_tx(tx, replace(fresh, id=old.id))
                return old.id
            await _make_room_tx(tx, "Cached", MAX_CACHED)
            await store.insert_tx(tx, fresh, lasting=False)
            return fresh.id

        try:
            return await self._database.write(tenant, work) if tenant else ""
        except NonexistentTenant:
            return ""

    async def give(self, tenant: str, id_: str, document: Any, *, lasting: bool) -> None:
        """As jsonld.shelf.Shelf."""
        fresh = Kept(id_, "ImplicitlyCreated", document=document, created_at=self._now())

        async def work(tx: Tx) -> None:
            if await store.one_tx(tx, id_) is None:
                await _make_room_tx(tx, "ImplicitlyCreated", MAX_IMPLICIT)
                await store.insert_tx(tx, fresh, lasting=lasting)
            elif lasting:
                await store.hold_tx(tx, id_)

        await self._database.write(tenant, work)

    def used(self, tenant: str, ids: Sequence[str]) -> None:
        """As jsonld.shelf.Shelf; written within seconds."""
        uses, now = self._uses.setdefault(tenant, {}), self._now()
        for id_ in ids:
            one = uses.setdefault(id_, _Uses())
            one.count += 1
            one.last = now

    # --- what clients ask --------------------------------------------------------------------------------

    async def add(self, tenant: str, document: Any) -> str:
        """Hosts an @context, the content of "@context" (clause 5.13.2); its local id."""
        size = len(jsontext.dumps(document))
        if size > MAX_DOCUMENT:
            raise PayloadTooLarge(f"the @context has {size} bytes; at most {MAX_DOCUMENT} are hosted")
        fresh = Kept(new_id("Context"), "Hosted", document=document, created_at=self._now())

        async def work(tx: Tx) -> None:
            if await store.count_tx(tx, "Hosted") >= MAX_HOSTED:
                raise TooManyResults(f"a tenant hosts at most {MAX_HOSTED} @contexts; delete one that is not needed")
            await store.insert_tx(tx, fresh, lasting=True)

        await self._database.write(tenant, work)
        return fresh.id

    async def list(self, tenant: str, kind: Kind | None) -> list[Kept]:
        """All that the tenant keeps, or those of one kind, oldest first, without their documents (clause 5.13.3)."""
        await self.flush(tenant)
        return await self._database.read(tenant, lambda tx: store.all_tx(tx, kind))

    async def find(self, tenant: str, name: str, *, counted: bool) -> Kept | None:
        """The @context of this local id, or a cached one by the address it was fetched from (clause 5.13.4).

        counted brings its counters up to date first.
        """
        if counted:
            await self.flush(tenant)

        async def work(tx: Tx) -> Kept | None:
            return await store.one_tx(tx, name) or await store.cached_tx(tx, name)

        return await self._database.read(tenant, work)

    async def delete(self, tenant: str, id_: str) -> bool:
        """Drops an @context (clause 5.13.5); False where there is none. What refers to it is not looked for."""
        self._uses.get(tenant, {}).pop(id_, None)
        return await self._database.write(tenant, lambda tx: store.delete_tx(tx, id_))

    # --- counting ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Writes uses every few seconds until cancelled, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self._flush_all()
        finally:
            await self._flush_all()

    async def _flush_all(self) -> None:
        for tenant in list(self._uses):
            await self.flush(tenant)

    async def flush(self, tenant: str) -> None:
        """Writes the uses that were counted; where the store fails they are kept for the next time."""
        async with self._flushing:
            uses = self._uses.pop(tenant, {})
            rows = [(id_, one.count, one.last) for id_, one in uses.items()]
            try:
                if rows:
                    await self._database.write(tenant, lambda tx: store.add_uses_tx(tx, rows))
            except NonexistentTenant:
                return
            except Problem:
                log.exception("uses of @contexts could not be written", extra={"tenant": tenant})
                self._restore(tenant, uses)

    def _restore(self, tenant: str, uses: dict[str, _Uses]) -> None:
        newer = self._uses.setdefault(tenant, {})
        for id_, one in uses.items():
            newer.setdefault(id_, _Uses(last=one.last)).count += one.count

    async def _look(self, tenant: str, work: Work[Kept | None]) -> Kept | None:
        """What the work finds; nothing where there is no such tenant, which the operation itself will say."""
        try:
            return await self._database.read(tenant, work, quick=True) if tenant else None
        except NonexistentTenant:
            return None

    def _now(self) -> int:
        return times.micros(self._clock.now())


async def _make_room_tx(tx: Tx, kind: Kind, most: int) -> None:
    if await store.count_tx(tx, kind) >= most and not await store.push_out_tx(tx, kind):
        raise TooManyResults(
            f"a tenant keeps at most {most} @contexts of the kind {kind}; delete one that is not needed"
        )
