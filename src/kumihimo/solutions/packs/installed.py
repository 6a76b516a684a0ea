"""What is installed in each town, and how what it made stands."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.ports import screens_topic
from kumihimo.solutions.packs import store
from kumihimo.solutions.packs.archive import read_archive
from kumihimo.solutions.packs.keepers import keepers_of
from kumihimo.solutions.packs.manifest import read_pack
from kumihimo.solutions.packs.models import Event, Held, Install, Item, Town
from kumihimo.solutions.packs.plan import Standing, key_of
from kumihimo.solutions.packs.ports import PackDoors
from kumihimo.solutions.packs.running import Running
from kumihimo.storage.database import Tx

log = logging.getLogger(__name__)
SHOWN: Final = 50
POPULATION: Final = "人口は 0 以上の整数で入れてください"


class Installed:
    """What there is of packs in every tenant."""

    def __init__(self, doors: PackDoors) -> None:
        self.doors = doors
        self._database = doors.database
        self._keepers = keepers_of(doors)
        self._titled: dict[str, tuple[Sequence[Any], Mapping[str, Mapping[str, str]]]] = {}
        self.running = Running(doors.database, doors.clock)

    # --- what there is -----------------------------------------------------------------------------------

    async def all(self, tenant: str) -> list[Install]:
        """The packs of a tenant, by id, without their archives."""
        return await self._database.read(tenant, store.installs_tx)

    async def get(self, tenant: str, id_: str) -> tuple[Install, Held]:
        """A pack as it was installed. ResourceNotFound."""
        found = await self._database.read(tenant, lambda tx: store.install_tx(tx, id_))
        if found is None:
            raise ResourceNotFound(f"tenant {tenant!r} has no pack {id_[:64]!r}")
        return found, _held(found)

    async def owner(self, tenant: str, kind: str, name: str) -> str:
        """Which pack made a thing of this kind and name in a tenant, "" for none."""
        return await self._database.read(tenant, lambda tx: store.owner_tx(tx, kind, name))

    async def values(self, tenant: str, id_: str) -> dict[str, Any]:
        """The values that the town gave itself, by parameter."""
        return await self._database.read(tenant, lambda tx: store.values_tx(tx, id_))

    async def attribute_titles(self, tenant: str) -> Mapping[str, Mapping[str, str]]:
        """What attributes are called by the pages of a tenant's packs, by their short name, then by language."""
        standing = tuple((one.id, one.version, one.revision) for one in await self.all(tenant))
        before, titles = self._titled.get(tenant, ((), {}))
        if standing == before:
            return titles
        found: dict[str, Mapping[str, str]] = {}
        for raw in await self._archives(tenant, ""):
            for screen in read_pack(read_archive(raw)).screens:
                for name, said in screen.columns.items():
                    found.setdefault(name, {lang: said.in_(lang) for lang in ("ja", "en")})
        self._titled[tenant] = (standing, found)
        return found

    async def events(self, tenant: str, id_: str) -> list[Event]:
        """What was done with a pack, the newest first."""
        return await self._database.read(tenant, lambda tx: store.events_tx(tx, id_, SHOWN))

    async def town(self, tenant: str) -> Town:
        """What a town says of itself."""
        return await self._database.read(tenant, lambda tx: store.town_tx(tx, tenant))

    async def describe(self, town: Town) -> None:
        """Keeps what a town says of itself. BadRequestData."""
        if not 0 <= town.population <= 100_000_000:
            raise BadRequestData("population: say a whole number of people").said(POPULATION)
        await self._database.write(town.tenant, lambda tx: store.put_town_tx(tx, town))
        self.doors.bus.publish(screens_topic(town.tenant))

    async def towns(self) -> list[tuple[Town, list[Install]]]:
        """The towns that let others see them, each with its packs."""
        found = []
        for tenant in await self._database.tenants():
            try:
                town = await self.town(tenant)
                if town.listed:
                    found.append((town, await self.all(tenant)))
            except Problem as problem:  # one town whose store is ill hides no other
                log.warning("a town is left out of the register", extra={"tenant": tenant, "why": problem.title})
        return found

    # --- what is looked at -------------------------------------------------------------------------------

    async def _shipped(self, tenant: str, id_: str) -> list[Item]:
        return await self._database.read(tenant, lambda tx: store.items_tx(tx, id_))

    async def _archives(self, tenant: str, but: str) -> list[bytes]:
        """Those of the tenant's other packs."""

        async def work(tx: Tx) -> list[bytes]:
            others = [one.id for one in await store.installs_tx(tx) if one.id != but]
            return [found.archive for id_ in others if (found := await store.install_tx(tx, id_)) is not None]

        return await self._database.read(tenant, work)

    async def _standing(self, tenant: str, items: Sequence[Item]) -> Mapping[Any, Standing]:
        found: dict[Any, Standing] = {}
        for one in items:
            if key_of(one) not in found:
                owner = await self._database.read(tenant, lambda tx: store.owner_tx(tx, one.kind, one.name))  # noqa: B023
                found[key_of(one)] = Standing(await self._keepers[one.kind].now(tenant, one), owner)
        return found


def _held(install: Install) -> Held:
    files = read_archive(install.archive)
    return Held(read_pack(files), files, install.origin, install.trust, install.signer)
