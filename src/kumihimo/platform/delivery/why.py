"""Gathers what the explanation of a subscription needs: the log of one entity, and what was sent of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, Forbidden, ResourceNotFound
from kumihimo.base.events import LogRecord
from kumihimo.base.ids import is_uri
from kumihimo.platform.access.decide import Access, Grant
from kumihimo.platform.broker.log import head_tx, newest_of_tx, oldest_tx, position_tx
from kumihimo.platform.broker.masks import admits
from kumihimo.platform.broker.query import get_tx
from kumihimo.platform.delivery import outbox, store
from kumihimo.platform.delivery.catalogue import Catalogue, Ready
from kumihimo.platform.delivery.explain import (
    LOOK_BACK,
    MAX_CHANGES,
    Explained,
    Explanation,
    Standing,
    explained,
    unheard,
)
from kumihimo.platform.delivery.match import READER, asked_by, due_of
from kumihimo.platform.delivery.models import Attempt, DeadLetter, Outgoing, Rest, StoredSubscription
from kumihimo.platform.delivery.seen import Seen, aside
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Database, Tx

_ROWS = 50


@dataclass(frozen=True, slots=True)
class _Found:
    records: list[LogRecord]
    earlier: int
    position: int
    held: int
    queued: dict[str, int]
    is_there: bool
    attempts: list[Attempt]
    waiting: list[Outgoing]
    dead: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class Why:
    """Answers why a subscription was told of an entity's changes or not; core names what has no other context.

    rest tells how long a tenant's endpoint, by its key, is left alone.
    """

    database: Database
    clock: Clock
    access: Access
    catalogue: Catalogue
    core: Context
    rest: Callable[[str, str], Rest | None]

    async def explain(self, call: Call, subscription_id: str, entity_id: str, limit: int, before: int) -> Explanation:
        """See `Delivery.explain`."""
        seen = await self.access.decide(call, "subscribe")
        viewer = await self.access.decide(call, "read")
        if not is_uri(entity_id):
            raise BadRequestData("entity: an entity's id is a URI, e.g. urn:ngsi-ld:RiverGauge:1", member="entity")
        if not 1 <= limit <= MAX_CHANGES or before < 0:
            raise BadRequestData(f"limit goes from 1 to {MAX_CHANGES}, before from 0", member="limit")
        stored = await self.database.read(call.tenant, lambda tx: store.one_tx(tx, subscription_id))
        if stored is None or not (seen.is_all or stored.actor == call.actor):
            raise ResourceNotFound(f"there is no subscription {subscription_id[:200]}")
        if not (viewer.is_all or stored.actor == call.actor):
            # Whether a filter of somebody who sees more was passed would tell of what this caller may not see.
            raise Forbidden("this subscription is somebody else's; its maker, or who may see everything, can ask why")
        ready = (await self.catalogue.listing(call.tenant)).by_id.get(subscription_id)
        look = partial(_look_tx, call.tenant, stored, entity_id, viewer, limit, before)
        found = await self.database.read(call.tenant, look)
        shown = [one for one in found.records if admits(viewer.restriction, cast("EntityDoc", one.entity))]
        return Explanation(
            entity=entity_id,
            changes=tuple([await self._one(call.tenant, ready, record, viewer, found) for record in shown]),
            attempts=tuple(found.attempts),
            waiting=tuple(found.waiting),
            dead=tuple(found.dead),
            is_there=found.is_there,
            is_aside=ready is None,
            several="" in {one.entity for many in (found.attempts, found.waiting, found.dead) for one in many},
            rest=self.rest(call.tenant, ready.endpoint) if ready is not None else None,
            earlier=found.earlier,
        )

    async def _one(
        self, tenant: str, ready: Ready | None, record: LogRecord, viewer: Grant, found: _Found
    ) -> Explained:
        seen = await aside(record, partial(Seen, record))
        if ready is None:
            return unheard(record, seen, viewer.visible, self.core.compact)
        linked = await asked_by(self.database, tenant, ready, record)
        queued = found.queued.get(ready.subscription.id, 0)
        standing = Standing(found.position, found.held, due_of(ready.subscription, found.queued), queued)
        now = times.micros(self.clock.now())
        return await aside(record, lambda: explained(ready, seen, now, linked.get, viewer, standing))


async def _look_tx(
    tenant: str,
    stored: StoredSubscription,
    entity_id: str,
    viewer: Grant,
    limit: int,
    before: int,
    tx: Tx,
) -> _Found:
    """All of one moment."""
    top = min(before or (1 << 62), await head_tx(tx) + 1)
    floor = max(top - 1 - LOOK_BACK, 0)
    records = await newest_of_tx(tx, entity_id, floor, top, limit, tenant)
    reached = records[-1].seq if len(records) == limit else floor + 1
    return _Found(
        records=records,
        earlier=reached if 0 < await oldest_tx(tx) < reached else 0,
        position=await position_tx(tx, READER),
        held=await store.held_seq_tx(tx, stored.id, entity_id),
        queued=await store.queued_tx(tx),
        is_there=await get_tx(tx, entity_id, viewer.restriction, viewer.visible) is not None,
        attempts=await outbox.attempts_of_tx(tx, stored.id, entity_id, _ROWS),
        waiting=await outbox.waiting_of_tx(tx, stored.id, entity_id, _ROWS),
        dead=await outbox.dead_letters_of_tx(tx, stored.id, entity_id, _ROWS),
    )
