"""The rules of all tenants as they are kept: what decisions are made of, and by what they are changed."""

from __future__ import annotations

from collections.abc import Collection

from kumihimo.base.call import ANONYMOUS, Actor
from kumihimo.base.clock import Clock
from kumihimo.base.ports import Bus, screens_topic
from kumihimo.platform.access import store
from kumihimo.platform.access.agreements import MAX_READ, Agreements
from kumihimo.platform.access.changes import Changes
from kumihimo.platform.access.documents import Documents, documents_tx, names_strangers
from kumihimo.platform.access.emergencies import SHOWN, Emergencies
from kumihimo.platform.access.members import Members
from kumihimo.platform.access.records import Document, Member, Standing
from kumihimo.platform.access.standing import PLATFORM, Looked
from kumihimo.storage.database import Database, Tx


class StoredRules:
    """Implements Rules. changes.told is where those are put who must hear of a change; open pages hear by the bus."""

    def __init__(self, database: Database, clock: Clock, bus: Bus | None = None) -> None:
        self.changes = Changes(database, clock)
        if bus is not None:
            self.changes.told.append(lambda tenant: bus.publish(screens_topic(tenant)))
        self.members = Members(self.changes)
        self.documents = Documents(self.changes)
        self.agreements = Agreements(self.changes)
        self.emergencies = Emergencies(self.changes)
        database.removals.works.append(self.agreements.removed_tx)
        database.removals.told.append(self._gone)
        self._database = database
        self._standing: dict[str, Standing] = {}

    def _gone(self, tenant: str) -> None:
        """A tenant was removed: its rules, and the agreements that it was a side of, stand no more."""
        self._standing.pop(tenant, None)
        for scope in (tenant, PLATFORM):
            for tell in self.changes.told:
                tell(scope)

    async def revision(self, scope: str) -> int:
        """A number that grows with every change."""
        return await self._database.read(scope, store.revision_tx, quick=True)

    async def look(self, scope: str, actor: Actor, now: int) -> Looked:
        """What stands in the scope, and what somebody holds there."""

        async def work(tx: Tx) -> tuple[int, list[Member]]:
            return await store.revision_tx(tx), await store.held_tx(tx, actor, now) if actor.id else []

        revision, held = await self._database.read(scope, work, quick=True)
        standing = self._standing.get(scope)
        if standing is None or standing.revision != revision:
            standing = await self._database.read(scope, lambda tx: _standing_tx(tx, scope))
            self._standing[scope] = standing
        return Looked(revision, standing, held)

    async def places(self, actor: Actor) -> set[str]:
        """The tenants in which somebody may have something to do, by a role or by an agreement; it may be too many."""
        found = set(await self._database.read(PLATFORM, lambda tx: store.places_tx(tx, actor), quick=True))
        agreements = (await self.look(PLATFORM, ANONYMOUS, 0)).standing.agreements
        return found | {one.giver for one in agreements if one.taker in found}

    async def tenants(self) -> list[str]:
        """All tenants."""
        return list(await self._database.tenants())

    async def indexed(self) -> dict[str, set[Actor]]:
        """Whom the index of places names, by tenant."""
        return await self._database.read(PLATFORM, store.all_places_tx)

    async def index(self, tenant: str, known: Collection[Actor]) -> bool:
        """Enters those of a tenant into the index of places who are not known to be in it; whether there were any."""

        async def work(tx: Tx) -> tuple[list[Actor], list[Document]]:
            return await store.actors_tx(tx), await documents_tx(tx)

        actors, documents = await self._database.read(tenant, work)
        if any(names_strangers(one.text) for one in documents):
            actors.append(ANONYMOUS)

        lacking = [one for one in actors if one not in known]
        if lacking:
            await self._database.write(PLATFORM, lambda tx: store.add_places_tx(tx, tenant, lacking))
        return bool(lacking)

    async def add_member(self, scope: str, actor: Actor, role: str, by: str, until: int | None) -> None:
        """Gives somebody a role."""
        await self.members.add(scope, actor, role, by, until)


async def _standing_tx(tx: Tx, scope: str) -> Standing:
    agreements = await store.agreements_tx(tx, MAX_READ) if scope == PLATFORM else []
    return Standing(
        scope,
        await store.revision_tx(tx),
        tuple(await documents_tx(tx)),
        tuple(await store.emergencies_tx(tx, SHOWN)),
        tuple(agreements),
    )
