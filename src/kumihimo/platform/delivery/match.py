"""From the log to the outbox: what a tenant's records mean to its subscriptions (clause 5.8.6).

One position per tenant; it moves in the transaction that fills the outbox, so nothing is lost or matched twice.
Throttling: within the period after a notification nothing is sent; the latest state of each entity that changed
meanwhile is held back and goes out together once the period ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.events import LogRecord
from kumihimo.platform.broker.log import head_tx, position_tx, read_log_tx, set_position_tx
from kumihimo.platform.broker.masks import masked
from kumihimo.platform.delivery import outbox, store
from kumihimo.platform.delivery.catalogue import Catalogue, Delta, Listing, Ready, changes_tx
from kumihimo.platform.delivery.checks import Case, Lookup, comes_to_q
from kumihimo.platform.delivery.group import Group, Groups
from kumihimo.platform.delivery.linked import Docs, asked, joined
from kumihimo.platform.delivery.models import Outgoing, Subscription
from kumihimo.platform.delivery.notice import Notice, compose, from_entity, from_record, from_stored, rendering_of
from kumihimo.platform.delivery.periodic import next_turn, selected_tx
from kumihimo.platform.delivery.room import Room
from kumihimo.platform.delivery.seen import LARGE, Pace, Seen, aside
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)

READER = "delivery"
_SETTLE_STEPS = 100
BATCH = 200
HELD_PER_NOTIFICATION = 500
MAX_DEAD = 10_000
_SAVE_EVERY = 500
"""How far the position in memory may run ahead of the stored one while nothing matches."""


@dataclass(slots=True)
class _Snapshot:
    position: int
    after: int
    head: int
    revision: int
    delta: Delta | None
    queued: dict[str, int]
    records: list[LogRecord] = field(default_factory=list)


Hand = Callable[[str, Sequence[Outgoing], frozenset[str]], None]
"""Hears of what was put into a tenant's outbox, and of endpoints of which the oldest were given up for want of room."""


@dataclass(slots=True)
class _Written:
    """What a plan put into the outbox, the endpoints at which others had to make room for it, and how many had to."""

    rows: Sequence[Outgoing] = ()
    capped: frozenset[str] = frozenset()
    buried: int = 0


@dataclass(slots=True)
class _Plan:
    """What one step writes; queued holds the throttled subscriptions' new moments."""

    outgoing: list[Outgoing] = field(default_factory=list)
    held: list[tuple[str, str, int, dict[str, Any]]] = field(default_factory=list)
    queued: dict[str, int] = field(default_factory=dict)
    released: list[tuple[str, int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.outgoing or self.held or self.released)


class Matcher:
    """Moves tenants' positions; one process at a time wins each step, the others try again."""

    def __init__(self, database: Database, clock: Clock, catalogue: Catalogue, hand: Hand) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._hand = hand
        self._room = Room()
        self._calm: dict[str, tuple[int, int]] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self.overflowed = 0
        self.released = 0

    async def step(self, tenant: str) -> bool:
        """Matches one batch of records; True where more may wait."""
        snapshot = await self._snapshot(tenant)
        listing = await self._catalogue.take(tenant, snapshot.revision, snapshot.delta)
        start = listing.first_start
        target = snapshot.records[-1].seq if snapshot.records else snapshot.after
        if start is None:
            target = snapshot.head
        elif start > target:
            target = min(start, snapshot.head)
        now = times.micros(self._clock.now())
        plan = await self._planned(tenant, listing, snapshot, now) if start is not None else _Plan()
        if not plan and target - snapshot.position < _SAVE_EVERY:
            self._seen[tenant] = (snapshot.revision, target)
            return target < snapshot.head
        saved = await self._save(tenant, snapshot, plan, target)
        return not saved or target < snapshot.head

    async def _snapshot(self, tenant: str) -> _Snapshot:
        known = self._catalogue.revision(tenant)
        seen_revision, seen = self._seen.get(tenant, (None, 0))

        async def work(tx: Tx) -> _Snapshot:
            revision, delta = await changes_tx(tx, known)
            stored = await position_tx(tx, READER)
            after = max(stored, seen) if seen_revision == revision else stored
            # The moments are asked for where some subscription goes by them; of a new listing nobody knows yet.
            queued = await store.queued_tx(tx) if delta is not None or self._catalogue.is_paced(tenant) else {}
            found = _Snapshot(stored, after, await head_tx(tx), revision, delta, queued)
            if (delta is not None and delta.rows) or self._catalogue.is_heard(tenant):
                found.records = await read_log_tx(tx, after, BATCH, tenant)
            return found

        return await self._database.read(tenant, work)

    async def _save(self, tenant: str, snapshot: _Snapshot, plan: _Plan, target: int) -> bool:
        now = times.micros(self._clock.now())

        async def work(tx: Tx) -> _Written | None:
            if await position_tx(tx, READER) != snapshot.position:
                return None
            written = await self._write_at_tx(tx, tenant, plan, snapshot.revision, now)
            if written is not None:
                await set_position_tx(tx, READER, target)
            return written

        saved = await self._write(tenant, work)
        if saved:
            self._seen[tenant] = (snapshot.revision, target)
        return saved

    async def _write(self, tenant: str, work: Callable[[Tx], Awaitable[_Written | None]]) -> bool:
        """Writes, and tells the sender of what was put into the outbox; False where nothing was written."""
        written = await self._database.write(tenant, work)
        if written is None:
            return False
        self.overflowed += written.buried
        if written.rows:
            self._hand(tenant, written.rows, written.capped)
        return True

    async def settle(self, tenant: str) -> None:
        """Matches what is there and stores the position, so that a changed subscription hears nothing of before."""
        for _ in range(_SETTLE_STEPS):
            if not await self.step(tenant):
                break
        revision, seen = self._seen.get(tenant, (0, 0))

        async def work(tx: Tx) -> None:
            if await store.revision_tx(tx) == revision and await position_tx(tx, READER) < seen:
                await set_position_tx(tx, READER, seen)

        if seen:
            await self._database.write(tenant, work)

    async def release(self, tenant: str) -> int | None:
        """Sends what throttling held back and is due; the next moment (microseconds) at which something is."""
        known = self._catalogue.revision(tenant)
        if known is not None and self._calm.get(tenant) == self._catalogue.key(tenant):
            return None
        revision, delta, holders, queued = await self._database.read(tenant, lambda tx: _holders_tx(tx, known))
        listing = await self._catalogue.take(tenant, revision, delta)
        if not holders and not listing.is_paced:
            # Nothing is held back, and as long as these are the subscriptions nothing will be.
            self._calm[tenant] = listing.key
            return None
        now = times.micros(self._clock.now())
        later: list[int] = []
        for subscription_id in holders:
            ready = listing.by_id.get(subscription_id)
            due = 0 if ready is None else due_of(ready.subscription, queued)
            if due > now:
                later.append(due)
            elif await self._release_one(tenant, subscription_id, ready, listing.revision, now):
                later.append(now)
        for ready in listing.periodic:
            due = next_turn(ready.subscription, queued)
            if due <= now and await self._take_turn(tenant, ready, listing.revision, now):
                due = now + round(ready.subscription.interval * 1_000_000)
            later.append(max(due, now))
        return min(later, default=None)

    async def _take_turn(self, tenant: str, ready: Ready, revision: int, now: int) -> bool:
        """Notifies of the entities as they are (clause 5.8.6, timeInterval); False where it changed meanwhile."""
        plan = _Plan(queued={ready.subscription.id: now})
        if ready.subscription.status(now) == "active":
            found = await self._database.read(tenant, lambda tx: selected_tx(tx, ready))
            if found:
                notices = [from_entity(one, now) for one in found]
                plan.outgoing.append(await self._composed(tenant, ready, notices, now))
        written = await self._write(tenant, lambda tx: self._write_at_tx(tx, tenant, plan, revision, now))
        if written and plan.outgoing:
            self.released += 1
        return written

    async def _release_one(
        self, tenant: str, subscription_id: str, ready: Ready | None, revision: int, now: int
    ) -> bool:
        """True where it has to be looked at again at once."""
        held = await self._database.read(tenant, lambda tx: store.held_tx(tx, subscription_id, HELD_PER_NOTIFICATION))
        if not held:
            return False
        plan = _Plan(released=[(subscription_id, held[-1][0])])
        if ready is not None and ready.subscription.status(now) == "active":
            try:
                # Rights may have changed since it was held back: those of now count.
                notices = [one for _, kept in held if (one := from_stored(kept).seen_by(ready.grant)) is not None]
                if notices:
                    plan.outgoing.append(await self._composed(tenant, ready, notices, now))
                    plan.queued[subscription_id] = now
            except Exception:
                log.exception("held back notification dropped", extra={"subscription": subscription_id})
        if not await self._write(tenant, lambda tx: self._write_at_tx(tx, tenant, plan, revision, now)):
            return True
        self.released += 1
        return False

    async def _write_at_tx(self, tx: Tx, tenant: str, plan: _Plan, revision: int, now: int) -> _Written | None:
        """Writes a plan; None, and nothing written, where the subscriptions are of another revision by now."""
        if await store.revision_tx(tx) != revision:
            return None
        if plan.held:
            await store.hold_tx(tx, plan.held)
        for subscription, until in plan.released:
            await store.release_tx(tx, subscription, until)
        if plan.queued:
            await store.set_queued_tx(tx, [(moment, id_) for id_, moment in plan.queued.items()])
        if not plan.outgoing:
            return _Written()
        rows = await outbox.append_tx(tx, plan.outgoing)
        capped = await self._room.made_tx(tx, tenant, Counter(one.endpoint for one in rows), now)
        if capped:
            await outbox.trim_dead_letters_tx(tx, MAX_DEAD)
        return _Written(rows, frozenset(capped), sum(capped.values()))

    async def _planned(self, tenant: str, listing: Listing, snapshot: _Snapshot, now: int) -> _Plan:
        plan, pace, groups = _Plan(), Pace(), Groups()
        for record in snapshot.records:
            candidates = listing.candidates(record)
            if not candidates:
                continue
            seen = await aside(record, partial(Seen, record))
            for ready in candidates:
                await pace.rest()
                try:
                    await self._plan_one(tenant, ready, seen, snapshot, plan, groups, now)
                except Exception:
                    # One subscription that cannot be served must not keep the log from the others.
                    log.exception("record not told", extra={"subscription": ready.subscription.id, "seq": record.seq})
        for group in groups.all:
            await pace.rest()
            plan.outgoing += await self._told(tenant, group, now)
        return plan

    async def _told(self, tenant: str, group: Group, now: int) -> list[Outgoing]:
        """The group's notification; where it cannot be made, one of each of its entities that can."""
        try:
            return [await self._composed(tenant, group.ready, group.notices, now, group.size)]
        except Exception:
            extra = {"subscription": group.ready.subscription.id, "entities": len(group.notices)}
            log.exception("notification not made", extra=extra)
        if len(group.notices) == 1:
            return []
        return [one for part in group.each() for one in await self._told(tenant, part, now)]

    async def _plan_one(
        self, tenant: str, ready: Ready, seen: Seen, snapshot: _Snapshot, plan: _Plan, groups: Groups, now: int
    ) -> None:
        subscription, record = ready.subscription, seen.record
        linked = await self._asked(tenant, ready, seen, now)
        notice = await aside(record, lambda: noticed(ready, seen, now, linked.get))
        if notice is None:
            return
        if subscription.throttling and (
            now < due_of(subscription, plan.queued) or now < due_of(subscription, snapshot.queued)
        ):
            plan.held.append((subscription.id, record.entity_id, record.seq, notice.stored()))
            return
        told = notice.seen_by(ready.grant)
        if told is None:
            return
        groups.add(ready, told, record)
        if subscription.throttling:
            plan.queued[subscription.id] = now

    async def _asked(self, tenant: str, ready: Ready, seen: Seen, now: int) -> Docs:
        """The linked entities that the subscription's q asks about, where the record comes so far at all."""
        if not ready.subscription.q_links or not comes_to_q(ready.checks, _case(ready, seen, now)):
            return {}
        return await asked_by(self._database, tenant, ready, seen.record)

    async def _composed(
        self, tenant: str, ready: Ready, notices: Sequence[Notice], now: int, size: int = LARGE + 1
    ) -> Outgoing:
        """The notification; one of so many characters that the loop would stand still for it is made in a thread."""
        linked: Docs = {}
        if ready.subscription.join_level:
            look = rendering_of(ready.subscription, ready.context)
            docs = [notice.entity for notice in notices if not notice.gone]
            level = ready.subscription.join_level
            linked = await joined(self._database, tenant, docs, look, level, ready.grant) if docs else {}
        work = partial(_compose, tenant, ready, notices, now, linked)
        return await asyncio.to_thread(work) if size > LARGE else work()


async def _holders_tx(tx: Tx, known: int | None) -> tuple[int, Delta | None, list[str], dict[str, int]]:
    return *await changes_tx(tx, known), await store.holders_tx(tx), await store.queued_tx(tx)


def _compose(tenant: str, ready: Ready, notices: Sequence[Notice], now: int, linked: Docs) -> Outgoing:
    return compose(tenant, ready.subscription, notices, ready.context, now, linked)


def due_of(subscription: Subscription, queued: dict[str, int]) -> int:
    """The moment (microseconds) from which a throttled subscription may be sent to again; 0 for now."""
    last = queued.get(subscription.id, 0)
    return last + round(subscription.throttling * 1_000_000) if last and subscription.throttling else 0


def _case(ready: Ready, seen: Seen, now: int) -> Case:
    """The case before anything is known of linked entities."""
    return Case(ready.subscription, ready.grant, seen, now, lambda _: None)


def noticed(ready: Ready, seen: Seen, now: int, lookup: Lookup) -> Notice | None:
    """What the subscription is told of a record that its entities and watched attributes fit; None for nothing. It is
    whole but for what could not be seen before: see `Notice.seen_by`.

    lookup finds the linked entities that q asks about.
    """
    case = Case(ready.subscription, ready.grant, seen, now, lookup)
    for check in ready.checks:
        if not check.holds(case):
            return None
    return from_record(seen.record, case.lost, seen.changes, seen.names(ready.grant.visible)[1])


async def asked_by(database: Database, tenant: str, ready: Ready, record: LogRecord) -> Docs:
    """The linked entities that the subscription's q asks about, if any, as its maker may see them."""
    q = ready.subscription.q
    if q is None or not ready.subscription.q_links:
        return {}
    look = rendering_of(ready.subscription, ready.context)
    whole = replace(look, pick=(), omit=(), datasets=None, linked=())
    entity = masked(cast("EntityDoc", record.entity), ready.grant.visible)
    return await asked(database, tenant, q, entity, whole, ready.grant)
