"""The broker's door: changes in, entities out, each in one transaction of the tenant."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace

from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import NonexistentTenant, Problem
from kumihimo.base.jsontext import parse
from kumihimo.base.ports import Bus, log_topic
from kumihimo.platform.broker import query as queries
from kumihimo.platform.broker.census import Census, census_tx
from kumihimo.platform.broker.expiry import Expiry
from kumihimo.platform.broker.gather import Calls, Gather
from kumihimo.platform.broker.links import linked_tx
from kumihimo.platform.broker.models import Change, Found, FoundTexts, Outcome, Query, Remember, Restriction, Visible
from kumihimo.platform.broker.write import apply_calls_tx
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.jsonld.rendering import Rendering
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often what expired while nobody asked is taken away, and one tenant asked for what another process wrote."""


class Broker:
    """Current state of every tenant's entities; `remember` is history's hook inside the transaction."""

    def __init__(self, database: Database, clock: Clock, bus: Bus, remember: Remember) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._remember = remember
        self._gather = Gather(self._write)
        self._expiry = Expiry(database, clock, self._expire_tx, lambda tenant: bus.publish(log_topic(tenant)))
        self._troubled: set[str] = set()

    async def apply(self, call: Call, changes: Sequence[Change]) -> list[Outcome]:
        """Applies the changes and returns after the commit, one outcome each; then nudges the log's readers.

        Calls that come at the same time share a transaction; each has its own outcomes.

        Raises NonexistentTenant, Overloaded or StorageRefused for the whole batch; what is wrong with one change is
        in its outcome.
        """
        if not changes:
            return []
        await self._expiry.settle(call.tenant)
        outcomes = await self._gather.apply(call, changes)
        self._expiry.expect(call.tenant, changes)
        return outcomes

    async def _expire_tx(self, tx: Tx, call: Call, changes: Sequence[Change]) -> None:
        await apply_calls_tx(tx, [(call, changes)], self._clock.now(), self._remember)

    async def settle(self, tenant: str) -> None:
        """Takes away what has expired; all that reads or writes here does so by itself."""
        await self._expiry.settle(tenant)

    async def run(self) -> None:
        """Takes away what expires while nobody asks, until it is cancelled.

        What is known to be due costs no look at the store; one tenant after the other is asked anew.
        """
        turn: list[str] = []
        while True:
            tenants = await self._tenants()
            turn = turn or tenants[::-1]
            for tenant in tenants:
                await self._expire(tenant, self._expiry.settle)
            if turn:
                await self._expire(turn.pop(), self._expiry.look)
            await asyncio.sleep(LOOK_SECONDS)

    async def _tenants(self) -> list[str]:
        """None while the database server is away, which must not end the platform."""
        try:
            return await self._database.tenants()
        except Problem as problem:
            log.warning("expiry waits for the store", extra={"why": problem.title})
        except Exception:
            log.exception("expiry waits for the store")
        return []

    async def _expire(self, tenant: str, look: Callable[[str], Awaitable[None]]) -> None:
        try:
            await look(tenant)
        except NonexistentTenant:
            return
        except Problem as problem:
            if tenant not in self._troubled:
                log.warning("expiry waits for the tenant's store", extra={"tenant": tenant, "why": problem.title})
            self._troubled.add(tenant)
        except Exception:
            log.exception("expiry of a tenant failed; it is tried again", extra={"tenant": tenant})
        else:
            self._troubled.discard(tenant)

    async def _write(self, tenant: str, calls: Calls) -> list[list[Outcome]]:
        async def work(tx: Tx) -> list[list[Outcome]]:
            return await apply_calls_tx(tx, calls, self._clock.now(), self._remember)

        given = await self._database.write(tenant, work)
        if any(outcome.seq for outcomes in given for outcome in outcomes):
            self._bus.publish(log_topic(tenant))
        return given

    async def find(self, tenant: str, query: Query) -> Found:
        """A page of the entities that the query selects (clause 5.7.2), masked."""
        await self._expiry.settle(tenant)
        return await self._database.read(tenant, lambda tx: queries.find_tx(tx, query))

    async def find_all(self, tenant: str, query: Query, most: int | None = None) -> list[EntityDoc]:
        """As find, the entities of all pages behind one another; where most is given, until there are as many."""
        found: list[EntityDoc] = []
        while most is None or len(found) < most:
            page = await self.find(tenant, query)
            found += page.entities
            if not page.after or not page.entities:
                break
            query = replace(query, after=page.after)
        return found

    async def find_texts(self, tenant: str, query: Query) -> FoundTexts:
        """As find, each entity as the JSON text of its stored form, masked: equal texts are equal entities."""
        await self._expiry.settle(tenant)
        quick = queries.is_quick(query)
        return await self._database.read(tenant, lambda tx: queries.find_texts_tx(tx, query), quick=quick)

    async def get(self, tenant: str, entity_id: str, restriction: Restriction, visible: Visible) -> EntityDoc | None:
        """One entity (clause 5.7.1), masked; None where there is none that the caller may see."""
        found = await self.get_text(tenant, entity_id, restriction, visible)
        return None if found is None else parse(found)

    async def get_text(self, tenant: str, entity_id: str, restriction: Restriction, visible: Visible) -> str | None:
        """As get, the entity as the JSON text of its stored form, masked."""
        await self._expiry.settle(tenant)
        stored = await self._database.read(tenant, lambda tx: queries.stored_tx(tx, entity_id), quick=True)
        if stored is None:
            return None
        if len(stored) <= queries.SMALL or (restriction.everything and visible.is_all):
            return queries.seen_text(stored, restriction, visible)
        return await asyncio.to_thread(queries.seen_text, stored, restriction, visible)

    async def linked(
        self,
        tenant: str,
        docs: Sequence[EntityDoc],
        look: Rendering,
        level: int,
        known: Collection[str],
        restriction: Restriction,
        visible: Visible,
    ) -> dict[str, EntityDoc]:
        """The entities behind the links of these (clause 4.5.23), by id, masked; see `links.linked_tx`."""
        return await self._database.read(
            tenant, lambda tx: linked_tx(tx, docs, look, level, known, restriction, visible)
        )

    async def census(self, tenant: str, restriction: Restriction, visible: Visible, type_: str = "") -> Census:
        """Types and attributes there are (clauses 5.7.7 to 5.7.10), of one type or of all."""
        await self._expiry.settle(tenant)
        return await self._database.read(tenant, lambda tx: census_tx(tx, restriction, visible, type_))

    async def types(self, tenant: str, restriction: Restriction, visible: Visible) -> list[tuple[str, list[str], int]]:
        """The entity types there are (clause 5.7.5): type, attributes of its entities, how many there are."""
        await self._expiry.settle(tenant)
        return await self._database.read(tenant, lambda tx: queries.types_tx(tx, restriction, visible))
