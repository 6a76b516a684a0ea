"""Which parts of the platform run in which town: those that a pack stands on that is installed there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from kumihimo.base.clock import Clock
from kumihimo.solutions.packs import store
from kumihimo.solutions.packs.archive import read_archive
from kumihimo.solutions.packs.manifest import read_pack
from kumihimo.solutions.packs.models import Install
from kumihimo.storage.database import Database, Tx

LOOK_AGAIN: Final = timedelta(seconds=1)
"""How long what another process did may stay unseen; what this one did is seen at once."""
RUNS: Final = frozenset({"installing", "installed"})
"""A pack that is brought to another version is being installed too, and its part must miss nothing meanwhile."""
Parts = Mapping[str, str]
"""The parts that run, each with what tells this installation from every other."""


class Running:
    """Looks at the packs of each tenant once a second at most."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._looked: dict[str, tuple[datetime, Parts]] = {}
        self._read: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {}
        self._forgotten = 0
        database.removals.told.append(self.forget)

    async def here(self, part: str, tenant: str) -> str:
        """By which installation the part runs in the tenant, "" where it does not: another text after every change.
        NonexistentTenant.
        """
        return (await self.of(tenant)).get(part, "")

    async def of(self, tenant: str) -> Parts:
        """The parts that run in the tenant. NonexistentTenant."""
        now, looked = self._clock.now(), self._looked.get(tenant)
        if looked is not None and looked[0] <= now < looked[0] + LOOK_AGAIN:
            return looked[1]
        forgotten = self._forgotten
        found = await self._look(tenant)
        if forgotten == self._forgotten:  # else it may be of before what was done here meanwhile
            self._looked[tenant] = (now, found)
        return found

    def forget(self, tenant: str) -> None:
        """Looks anew at the next question: something was done with the tenant's packs."""
        self._forgotten += 1
        self._looked.pop(tenant, None)
        self._read.pop(tenant, None)

    async def _look(self, tenant: str) -> Parts:
        installs = await self._database.read(tenant, store.installs_tx, quick=True)
        found: dict[str, list[str]] = {}
        for one in installs:
            if one.state in RUNS:
                for part in await self._parts(tenant, one):
                    found.setdefault(part, []).append(mark_of(one))
        return {part: ", ".join(marks) for part, marks in found.items()}

    async def _parts(self, tenant: str, install: Install) -> tuple[str, ...]:
        """What the pack stands on; its archive is read once for each change of it."""
        mark, known = mark_of(install), self._read.get(tenant, {}).get(install.id)
        if known is not None and known[0] == mark:
            return known[1]

        async def work(tx: Tx) -> Install | None:
            return await store.install_tx(tx, install.id)

        whole = await self._database.read(tenant, work)
        parts = () if whole is None else read_pack(read_archive(whole.archive)).parts
        self._read.setdefault(tenant, {})[install.id] = (mark, parts)
        return parts


def mark_of(install: Install) -> str:
    """Tells this state of a pack in its town from every other."""
    return f"{install.id} {install.version} #{install.revision} @{install.at}"
