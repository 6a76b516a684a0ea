"""Sends what waits in the outbox, at least once; no endpoint delays another.

Order is kept within subscription and entity. A subscription whose endpoint does not take a notification is left
alone for a while that doubles with each failure, then tried with one; its neighbours at the same endpoint go on.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem
from kumihimo.platform.delivery import outbox, store
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.catalogue import Catalogue, Listing, changes_tx
from kumihimo.platform.delivery.models import Attempt, Endpoint, Outgoing, StoredSubscription
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)

_DETAIL = 200
Flight = tuple[str, int]
"""A notification's id and the moment (microseconds) at which this attempt began."""


@dataclass(frozen=True, slots=True)
class SendNumbers:
    """Limits; seconds where they are times.

    attempts: after so many a notification is given up: with the pauses between them that is a little more than a day,
    longer than an office is closed at night. kept: attempts that are remembered for each subscription.
    """

    per_endpoint: int = 16
    per_subscription: int = 8
    total: int = 256
    attempts: int = 400
    first_pause: float = 1.0
    longest_pause: float = 300.0
    kept: int = 50


@dataclass(slots=True)
class _Pause:
    """How often in a row it failed, and until when (microseconds) the subscription is left alone."""

    failures: int
    until: int


class Sender:
    """Keeps what is under way; all else is in the outbox, so that a crash loses nothing."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalogue: Catalogue,
        carry: Carrier,
        wake: Callable[[str], None],
        numbers: SendNumbers | None = None,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._carry = carry
        self._wake = wake
        self._numbers = numbers or SendNumbers()
        self._chance = chance
        self._lanes: dict[tuple[str, str, str], asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._busy_subscriptions: Counter[tuple[str, str]] = Counter()
        self._pauses: dict[tuple[str, str], _Pause] = {}
        self._crowded_out: set[str] = set()
        self._flying: dict[tuple[str, str], set[Flight]] = defaultdict(set)
        self.sent = 0
        self.failed = 0
        self.buried = 0

    @property
    def under_way(self) -> int:
        """How many notifications are being sent at this moment."""
        return len(self._lanes)

    async def pump(self, tenant: str) -> int:
        """Starts sending whatever may be sent now; the number started."""
        known = self._catalogue.revision(tenant)
        waiting, revision, rows = await self._database.read(tenant, lambda tx: _waiting_tx(tx, known))
        listing = await self._catalogue.take(tenant, revision, rows)
        if not waiting:
            return 0
        by_endpoint: dict[str, list[str]] = defaultdict(list)
        for endpoint, subscription in waiting:
            by_endpoint[endpoint].append(subscription)
        started = 0
        for endpoint, subscriptions in by_endpoint.items():
            started += await self._pump_endpoint(tenant, endpoint, subscriptions, listing)
        return started

    async def _pump_endpoint(self, tenant: str, endpoint: str, subscriptions: list[str], listing: Listing) -> int:
        """Takes from the endpoint's subscriptions in turn, so that a long queue does not shut out a short one."""
        free = min(self._numbers.per_endpoint - self._busy[endpoint], self._numbers.total - self.under_way)
        queues: list[list[Outgoing]] = []
        for subscription in subscriptions:
            quota = self._quota(tenant, subscription, listing)
            if quota > 0 and free > 0:
                queues.append(await self._heads(tenant, subscription, quota))
        started = 0
        while free > started and any(queues):
            for queue in queues:
                if queue and free > started:
                    self._start(tenant, endpoint, queue.pop(0), listing)
                    started += 1
        if free <= started:
            # Its turn may come with the end of another tenant's sending, of which it would hear nothing.
            self._crowded_out.add(tenant)
        return started

    def _quota(self, tenant: str, subscription: str, listing: Listing) -> int:
        """How many more of this subscription may be under way."""
        ready = listing.by_id.get(subscription)
        if ready is None or not ready.subscription.is_active:
            return 0
        most = self._numbers.per_subscription
        pause = self._pauses.get((tenant, subscription))
        if pause is not None:
            most = 1 if pause.until <= times.micros(self._clock.now()) else 0
        return most - self._busy_subscriptions[tenant, subscription]

    async def _heads(self, tenant: str, subscription: str, quota: int) -> list[Outgoing]:
        """The next notifications of entities of which none is under way."""
        limit = quota + self._busy_subscriptions[tenant, subscription]
        # As it was before the read: what ends meanwhile may still stand in the snapshot, and would be sent twice.
        under_way = {lane[2] for lane in self._lanes if lane[:2] == (tenant, subscription)}
        heads = await self._database.read(tenant, lambda tx: outbox.heads_tx(tx, subscription, limit))
        return [one for one in heads if one.entity not in under_way][:quota]

    def _start(self, tenant: str, endpoint: str, one: Outgoing, listing: Listing) -> None:
        owner = (tenant, one.subscription)
        lane = (*owner, one.entity)
        self._busy[endpoint] += 1
        self._busy_subscriptions[owner] += 1
        target = listing.by_id[one.subscription].subscription.endpoint
        task = asyncio.create_task(self._deliver(tenant, one, target))
        self._lanes[lane] = task

        def ended(done: asyncio.Task[None]) -> None:
            del self._lanes[lane]
            if not done.cancelled() and done.exception() is not None:
                # A fault of ours: without a pause it would be met again at once, for ever.
                self._pause_for(tenant, one.subscription, 0.0)
                log.error("sending failed", extra={"subscription": one.subscription}, exc_info=done.exception())
            self._busy -= Counter([endpoint])
            self._busy_subscriptions -= Counter([owner])
            crowded_out, self._crowded_out = self._crowded_out, set()
            for waiting in {tenant, *crowded_out}:
                self._wake(waiting)

        task.add_done_callback(ended)

    async def _deliver(self, tenant: str, one: Outgoing, endpoint: Endpoint) -> None:
        """One attempt, written down before its place in the order is given free."""
        owner = (tenant, one.subscription)
        flight = (one.id, times.micros(self._clock.now()))
        self._flying[owner].add(flight)
        try:
            await self._deliver_at(tenant, one, endpoint, flight[1])
        finally:
            self._flying[owner].discard(flight)
            if not self._flying[owner]:
                del self._flying[owner]

    async def _deliver_at(self, tenant: str, one: Outgoing, endpoint: Endpoint, at: int) -> None:
        attempt = await self._attempt(tenant, one, endpoint, at)
        self._pause_after(tenant, attempt, endpoint)
        try:
            buried = await self._database.write(tenant, lambda tx: self._settle_tx(tx, attempt))
        except Problem as problem:
            # The endpoint may get it once more; the tenant's store is what must be mended.
            self._pause_for(tenant, one.subscription, 0.0)
            log.warning("outcome not written", extra={"tenant": tenant, "why": problem.title})
            return
        self.sent += attempt.taken
        self.failed += not attempt.taken
        self.buried += buried
        if not attempt.taken:
            extra = {"tenant": tenant, "subscription": one.subscription, "status": attempt.status, "given_up": buried}
            log.info("notification not taken", extra=extra)

    async def landing(self, tenant: str, subscription: str, at_most: float) -> None:
        """Returns when what is on its way now has its outcome, after so many seconds at the latest."""
        tasks = [task for lane, task in self._lanes.items() if lane[:2] == (tenant, subscription)]
        if tasks:
            await asyncio.wait(tasks, timeout=at_most)

    def all_flying(self, tenant: str) -> dict[str, frozenset[Flight]]:
        """What is on its way, sent but not written down yet, by subscription."""
        return {id_: frozenset(flights) for (owner, id_), flights in self._flying.items() if owner == tenant}

    async def _attempt(self, tenant: str, one: Outgoing, endpoint: Endpoint, at: int) -> Attempt:
        loop = asyncio.get_running_loop()
        began = loop.time()
        status, detail = await self._carry(tenant, one, endpoint)
        took = round((loop.time() - began) * 1000)
        return Attempt(one.subscription, one.id, one.entity, at, took, status, detail[:_DETAIL])

    async def _settle_tx(self, tx: Tx, attempt: Attempt) -> bool:
        """Writes down what came of an attempt; True where the notification was given up."""
        buried = False
        if attempt.taken:
            await outbox.sent_tx(tx, attempt.notification)
        else:
            reason = f"{attempt.status or 'no answer'}: {attempt.detail}"
            buried = await outbox.failed_tx(tx, attempt.notification, self._numbers.attempts, attempt.at, reason)
        await store.count_attempt_tx(tx, attempt.subscription, attempt.at, attempt.taken)
        await outbox.note_attempt_tx(tx, attempt, self._numbers.kept)
        return buried

    def _pause_after(self, tenant: str, attempt: Attempt, endpoint: Endpoint) -> None:
        if attempt.taken:
            self._pauses.pop((tenant, attempt.subscription), None)
            return
        self._pause_for(tenant, attempt.subscription, endpoint.cooldown)

    def _pause_for(self, tenant: str, subscription: str, at_least: float) -> None:
        key = (tenant, subscription)
        now = times.micros(self._clock.now())
        known = self._pauses.get(key)
        if known is not None and known.until > now:
            # One of several that were under way together: the endpoint failed once, not many times.
            return
        failures = known.failures + 1 if known is not None else 1
        longest = min(self._numbers.longest_pause, self._numbers.first_pause * 2.0 ** min(failures - 1, 30))
        seconds = max(at_least, longest * self._chance(0.5, 1.0))
        self._pauses[key] = _Pause(failures, now + round(seconds * 1_000_000))

    def next_due(self, tenant: str) -> int | None:
        """The next moment (microseconds) at which a subscription that was left alone is tried again."""
        now = times.micros(self._clock.now())
        return min(
            (one.until for key, one in self._pauses.items() if key[0] == tenant and one.until > now), default=None
        )

    def forget(self, tenant: str, subscription: str) -> None:
        """Tries this subscription again at once: it was changed, deleted, or somebody asked for a replay."""
        self._pauses.pop((tenant, subscription), None)

    async def idle(self) -> None:
        """Returns when nothing is under way any more."""
        while self._lanes:
            await asyncio.wait(list(self._lanes.values()))
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Breaks off what is under way; it stays in the outbox."""
        tasks = list(self._lanes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _waiting_tx(tx: Tx, known: int | None) -> tuple[list[tuple[str, str]], int, list[StoredSubscription] | None]:
    return await outbox.waiting_tx(tx), *await changes_tx(tx, known)
