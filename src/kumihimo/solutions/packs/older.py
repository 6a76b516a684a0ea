"""Towns that are older than what tells where a wing runs: one that uses a wing is noted to run its pack.

Else a watch would end with a new version of the program, and nobody would have said so. It is done once: what a town
removes later stays removed, and a town that is made later installs what it wants.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from kumihimo.base import times
from kumihimo.base.errors import Problem
from kumihimo.solutions.packs import store
from kumihimo.solutions.packs.archive import write_archive
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.models import Event, Held, Install
from kumihimo.storage.database import PLATFORM, Tx

log = logging.getLogger(__name__)
BY: Final = "system platform"


class Older:
    """wings: the pack that comes with each part of the platform, by the part's name."""

    def __init__(self, packs: Packs, wings: Mapping[str, Held]) -> None:
        self._packs = packs
        self._doors = packs.doors
        self._wings = wings

    async def record(self) -> list[tuple[str, str]]:
        """Notes what towns that were there before run; tenant and pack of each that was noted.

        Nothing else is made: no right is given and no policy changes. A town whose store is away is looked at when the
        program starts again.
        """
        database, found = self._doors.database, []
        before = await database.read(PLATFORM, store.before_tx)
        if before is None:
            before = set(await database.tenants())
            noted = frozenset(before)
            await database.write(PLATFORM, lambda tx: store.note_before_tx(tx, noted))
        for tenant in sorted(before & set(await database.tenants())):
            try:
                found += [(tenant, pack) for pack in await self._record(tenant)]
            except Problem as problem:
                log.warning("what a town runs was not noted", extra={"tenant": tenant, "why": problem.title})
                continue
            await self._done(tenant)
        return found

    async def _done(self, tenant: str) -> None:
        await self._doors.database.write(PLATFORM, lambda tx: store.forget_before_tx(tx, tenant))

    async def _record(self, tenant: str) -> list[str]:
        runs = await self._packs.running.of(tenant)
        used = [
            held
            for part, held in self._wings.items()
            if part not in runs and await self._doors.parts[part].is_used(tenant)
        ]
        for held in used:
            await self._note(tenant, held)
            log.warning(
                "the town used this wing before packs told where it runs; its pack is noted as installed",
                extra={"tenant": tenant, "pack": held.name},
            )
        return [held.pack.id for held in used]

    async def _note(self, tenant: str, held: Held) -> None:
        now, pack = times.micros(self._doors.clock.now()), held.pack
        archive = write_archive(held.files)
        made = Install(
            pack.id, pack.version, "installed", held.origin, held.trust, held.signer, False, now, BY, 1, archive
        )

        async def work(tx: Tx) -> None:
            if await store.install_tx(tx, pack.id) is None:
                await store.put_install_tx(tx, made)
                await store.add_event_tx(tx, Event(now, pack.id, pack.version, "noted", BY))

        await self._doors.database.write(tenant, work)
        self._packs.running.forget(tenant)
