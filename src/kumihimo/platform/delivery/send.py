"""Sends what waits in the outbox, at least once; no endpoint delays another.

Order is kept within subscription and entity. A subscription whose notification is not taken is left alone for a while
that doubles with each failure, then tried with one; its neighbours at the same endpoint go on, until the endpoint as a
whole seems to be dead: then all of them wait for one of them to get through.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kumihimo.base import times
from kumihimo.base.call import ANONYMOUS
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem
from kumihimo.base.ports import Meter
from kumihimo.platform.delivery import outbox
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.catalogue import Catalogue, Delta, Listing, changes_tx
from kumihimo.platform.delivery.circuit import Circuits, Place, Slots, is_endpoints
from kumihimo.platform.delivery.models import Attempt, Endpoint, Outgoing, Rest
from kumihimo.platform.delivery.pauses import Owner, Pauses
from kumihimo.platform.delivery.queues import Asked, Queues
from kumihimo.platform.delivery.settle import Settler
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)

_DETAIL = 200
_MAX_SIZE = 64 << 20
"""Characters of all notifications in memory above which no more are taken in, but one for each subscription."""
_MAX_TASKS = 1024
"""How many may be under way or wait to be written down."""
_ASKED = 50
"""Of how many subscriptions the outbox is asked in one transaction."""
Flight = tuple[str, int]
"""A notification's id and the moment (microseconds) at which this attempt began."""


@dataclass(frozen=True, slots=True)
class SendNumbers:
    """Limits; seconds where they are times.

    attempts: after so many a notification is given up: with the pauses between them that is a little more than a day,
    longer than an office is closed at night. kept: attempts that are remembered for each subscription, sometimes twice
    as many. opens_after: failures of an endpoint in a row after which it is left alone.
    """

    per_endpoint: int = 16
    per_subscription: int = 8
    total: int = 256
    attempts: int = 400
    first_pause: float = 1.0
    longest_pause: float = 300.0
    kept: int = 50
    opens_after: int = 5


class Sender:
    """Keeps what is under way and what is next; all is in the outbox, so that a crash loses nothing."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalogue: Catalogue,
        carry: Carrier,
        wake: Callable[[str], None],
        numbers: SendNumbers | None = None,
        chance: Callable[[float, float], float] = random.uniform,
        meter: Meter | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._carry = carry
        self._wake = wake
        self._numbers = numbers = numbers or SendNumbers()
        self._chance = chance
        self._meter = meter
        self._settler = Settler(database, numbers.attempts, numbers.kept)
        self._circuits = Circuits(Slots(numbers.per_endpoint, numbers.total, numbers.opens_after), self._seconds)
        self._queues: dict[str, Queues] = {}
        self._revisions: dict[str, tuple[int, int]] = {}
        self._stale: dict[str, set[str]] = defaultdict(set)
        self._tasks: dict[asyncio.Task[None], Owner] = {}
        self._busy_subscriptions: Counter[Owner] = Counter()
        self._pauses = Pauses(self._seconds)
        self._crowded_out: dict[str, None] = {}
        self._soon: dict[str, None] = {}
        self._flying: dict[Owner, set[Flight]] = defaultdict(set)
        self.sent = 0
        self.failed = 0
        self.buried = 0

    @property
    def under_way(self) -> int:
        """How many notifications are being sent, or written down as sent, at this moment."""
        return len(self._tasks)

    @property
    def resting(self) -> int:
        """How many endpoints are left alone at this moment, because they do not answer."""
        return self._circuits.resting

    def rest(self, tenant: str, endpoint: str) -> Rest | None:
        """How long the endpoint (its key) is left alone; None where it is not."""
        return self._circuits.rest((tenant, endpoint))

    # --- what waits ------------------------------------------------------------------------------------------

    def take(self, tenant: str, rows: Sequence[Outgoing], capped: frozenset[str]) -> None:
        """Takes what was just put into the outbox; capped are endpoints of which the oldest were given up."""
        queues = self._queues.get(tenant)
        if queues is None:
            return
        if capped:
            for one in [id_ for id_ in queues.lanes if self._endpoint_of(tenant, id_) in capped]:
                queues.shed(one)
        queues.hand(rows, self._room())

    async def pump(self, tenant: str, *, look: bool = False) -> int:
        """Starts sending whatever may be sent now; the number started.

        look asks the outbox for all that waits, as is done the first time: another process may have put it there.
        """
        queues = self._queues.get(tenant)
        if queues is None:
            queues = self._queues[tenant] = Queues(lambda id_: self._endpoint_of(tenant, id_))
        await self._refresh(tenant, queues, look=look)
        queues.unpark(self._now())
        started = self._launch(tenant)
        while queues.hungry:
            await self._feed(tenant, queues)
            started += self._launch(tenant)
        return started

    async def _refresh(self, tenant: str, queues: Queues, *, look: bool) -> None:
        """Has the subscriptions as they are now, and those of which something waits where that is not known."""
        stale = set(self._stale[tenant])
        await self._catalogue.look(tenant)
        known = self._catalogue.revision(tenant)
        if not (
            look
            or stale
            or not queues.looked
            or known is None
            or self._revisions.get(tenant) != self._catalogue.key(tenant)
        ):
            return
        waiting, revision, delta = await self._database.read(tenant, lambda tx: _waiting_tx(tx, known))
        listing = await self._catalogue.take(tenant, revision, delta)
        queues.found(waiting)
        self._stale[tenant] -= stale
        if self._revisions.get(tenant) != listing.key or stale:
            self._revisions[tenant] = listing.key
            queues.renew(listing.by_id)
            self._circuits.keep(tenant, {one.endpoint for one in listing.by_id.values()})

    async def _feed(self, tenant: str, queues: Queues) -> None:
        """Asks the outbox for what comes next of the subscriptions that have nothing in memory."""
        ids = list(queues.hungry)[:_ASKED]
        asked: list[Asked] = []
        for id_ in ids:
            del queues.hungry[id_]
            slow = (tenant, id_) in self._pauses or self._circuits.is_failing((tenant, self._endpoint_of(tenant, id_)))
            if (one := queues.ask(id_, self._room(), one_only=slow)) is not None:
                asked.append(one)
        if not asked:
            return
        try:
            found = await self._database.read(tenant, lambda tx: _behind_tx(tx, asked))
        except BaseException:
            queues.hungry.update(dict.fromkeys(one.subscription for one in asked))  # it is asked again next time
            raise
        for one, rows in zip(asked, found, strict=True):
            queues.answer(one, rows)

    def _room(self) -> int:
        return _MAX_SIZE - sum(one.size for one in self._queues.values())

    def _endpoint_of(self, tenant: str, subscription: str) -> str:
        listing = self._catalogue.kept(tenant)
        ready = listing.by_id.get(subscription) if listing is not None else None
        return ready.endpoint if ready is not None else ""

    # --- starting --------------------------------------------------------------------------------------------

    def _launch_soon(self, *tenants: str) -> None:
        """Starts what may be started, once for all that ends at this moment."""
        if not self._soon:
            asyncio.get_running_loop().call_soon(self._launch_those)
        self._soon.update(dict.fromkeys(tenants))

    def _launch_those(self) -> None:
        # Those that found all senders busy come first: who has just had its turn comes after them.
        tenants, self._soon, self._crowded_out = {**self._crowded_out, **self._soon}, {}, {}
        for tenant in tenants:
            if (queues := self._queues.get(tenant)) is not None:
                self._launch(tenant)
                if queues.hungry:
                    self._wake(tenant)

    def _launch(self, tenant: str) -> int:
        """Takes from the endpoints in turn, and at each from its subscriptions in turn: a long queue shuts out none."""
        queues, listing, now = self._queues[tenant], self._catalogue.kept(tenant), self._now()
        started, before = 0, -1
        while listing is not None and started != before:
            before = started
            for endpoint in list(queues.turns):
                if self._circuits.is_full or self.under_way >= _MAX_TASKS:
                    break
                started += self._start_at(tenant, queues, endpoint, listing, now)
        if queues.turns:
            # Its turn may come with the end of another tenant's sending, of which it would hear nothing.
            self._crowded_out[tenant] = None
        return started

    def _start_at(self, tenant: str, queues: Queues, endpoint: str, listing: Listing, now: int) -> bool:
        """Starts one notification to the endpoint, where one may be started; its subscription is the last in turn then.

        The endpoint too, so that all have theirs where there are more of them than senders.
        """
        place, turns = (tenant, endpoint), queues.turns.pop(endpoint)
        rest = self._circuits.rest(place)
        if rest is not None and rest.until > now:
            for id_ in turns:
                queues.park(id_, rest.until)
            return False
        one = None
        while turns and one is None and self._circuits.admits(place, now):
            id_ = next(iter(turns))
            del turns[id_]
            one = self._next_of(tenant, queues, id_, listing, now)
            if id_ in queues.hungry and rest is not None:
                break  # of one that is tried with one notification, one is read
        if one is not None:
            self._start(tenant, one, place, listing.by_id[one.subscription].subscription.endpoint)
            turns[one.subscription] = None
        if turns:
            queues.turns[endpoint] = {**turns, **queues.turns.get(endpoint, {})}
        return one is not None

    def _next_of(self, tenant: str, queues: Queues, id_: str, listing: Listing, now: int) -> Outgoing | None:
        """The subscription's next notification, where it may have one more under way."""
        ready, lanes = listing.by_id.get(id_), queues.lanes.get(id_)
        if ready is None or lanes is None or not ready.subscription.is_active or id_ in self._stale[tenant]:
            return None
        owner, place = (tenant, id_), (tenant, ready.endpoint)
        until = self._pauses.until(owner, is_resting=self._circuits.rest(place) is not None)
        if until > now:
            queues.park(id_, until)
            return None
        most = 1 if owner in self._pauses else self._numbers.per_subscription
        busy = self._busy_subscriptions[owner]
        if busy >= most or (busy and not self._circuits.admits_more(place)):
            return None
        one = lanes.take()
        if not lanes.is_ready and lanes.more:
            queues.hungry[id_] = None
        return one

    def _start(self, tenant: str, one: Outgoing, place: Place, target: Endpoint) -> None:
        self._circuits.begin(place, one.id)
        self._busy_subscriptions[tenant, one.subscription] += 1
        task = asyncio.create_task(self._deliver(tenant, one, place, target))
        self._tasks[task] = (tenant, one.subscription)
        task.add_done_callback(lambda done: self._ended(done, place, one))

    def _free(self, place: Place, one: Outgoing) -> None:
        if self._circuits.end(place, one.id):
            self._busy_subscriptions -= Counter([(place[0], one.subscription)])

    def _ended(self, done: asyncio.Task[None], place: Place, one: Outgoing) -> None:
        del self._tasks[done]
        self._free(place, one)  # one that was broken off before it began has not done so itself
        tenant = place[0]
        queues = self._queues.get(tenant)
        if queues is None or done.cancelled():
            return
        if done.exception() is not None:
            # A fault of ours: without a pause it would be met again at once, for ever.
            self._pauses.begin((tenant, one.subscription), self._now())
            queues.shed(one.subscription)
            log.error("sending failed", extra={"subscription": one.subscription}, exc_info=done.exception())
        queues.finish(one)
        self._launch_soon(tenant)

    # --- one notification ------------------------------------------------------------------------------------

    async def _deliver(self, tenant: str, one: Outgoing, place: Place, endpoint: Endpoint) -> None:
        """One attempt, written down before those behind it may go."""
        owner = (tenant, one.subscription)
        flight = (one.id, self._now())
        self._flying[owner].add(flight)
        try:
            try:
                attempt = await self._attempt(tenant, one, endpoint, flight[1])
            finally:
                self._free(place, one)
            self._judge(tenant, place, attempt, endpoint)
            await self._settle(tenant, attempt)
        finally:
            self._flying[owner].discard(flight)
            if not self._flying[owner]:
                del self._flying[owner]

    async def _attempt(self, tenant: str, one: Outgoing, endpoint: Endpoint, at: int) -> Attempt:
        loop = asyncio.get_running_loop()
        began = loop.time()
        status, detail = await self._carry(tenant, one, endpoint)
        took = round((loop.time() - began) * 1000)
        return Attempt(one.subscription, one.id, one.entity, at, took, status, detail[:_DETAIL], one.entities)

    def _judge(self, tenant: str, place: Place, attempt: Attempt, endpoint: Endpoint) -> None:
        """What the attempt means for those that come after it; the slot is free for one of them."""
        owner, now = (tenant, attempt.subscription), self._now()
        if attempt.taken:
            self._pauses.end(owner)
        else:
            where = place[1] if is_endpoints(attempt) else ""
            self._pauses.begin(owner, now, cooldown=endpoint.cooldown, endpoint=where)
        changed = self._circuits.note(place, attempt, self._pauses.failures(owner), now)
        if (queues := self._queues.get(tenant)) is None:
            return
        if changed and not self._circuits.is_failing(place):
            # Who waited for the endpoint waits no more.
            self._pauses.well_again(*place, now)
            for id_ in [one for one in queues.parked if self._endpoint_of(tenant, one) == place[1]]:
                queues.release(id_)
        queues.mark(attempt.subscription)
        self._launch_soon(tenant)

    async def _settle(self, tenant: str, attempt: Attempt) -> None:
        try:
            buried = await self._settler.settle(tenant, attempt)
        except Problem as problem:
            # The endpoint may get it once more; the tenant's store is what must be mended.
            self._pauses.begin((tenant, attempt.subscription), self._now())
            log.warning("outcome not written", extra={"tenant": tenant, "why": problem.title})
            self._look_again(tenant, attempt)
            return
        self.sent += attempt.taken
        self.failed += not attempt.taken
        self.buried += buried
        self._count(tenant, attempt)
        if not attempt.taken:
            self._look_again(tenant, attempt)
            extra = {"tenant": tenant, "subscription": attempt.subscription, "status": attempt.status}
            log.info("notification not taken", extra={**extra, "given_up": buried})

    def _count(self, tenant: str, attempt: Attempt) -> None:
        """For whoever made the subscription, where it is still there."""
        listing = self._catalogue.kept(tenant)
        ready = listing.by_id.get(attempt.subscription) if listing is not None else None
        if self._meter is not None:
            actor = ready.subscription.stored.actor if ready is not None else ANONYMOUS
            self._meter.count(tenant, "sent" if attempt.taken else "failed", actor)

    def _look_again(self, tenant: str, attempt: Attempt) -> None:
        """It still stands in the outbox, unless it was given up; when it is tried again the outbox says."""
        if (queues := self._queues.get(tenant)) is not None:
            queues.shed(attempt.subscription)
            self._wake(tenant)  # there is a new moment to wait for

    # --- what is left alone ----------------------------------------------------------------------------------

    def _seconds(self, failures: int) -> float:
        """The length of a pause: it doubles each time, and no two are alike."""
        numbers = self._numbers
        longest = min(numbers.longest_pause, numbers.first_pause * 2.0 ** min(failures - 1, 30))
        return longest * self._chance(0.5, 1.0)

    def next_due(self, tenant: str) -> int | None:
        """The next moment (microseconds) at which something that was left alone is tried again."""
        queues = self._queues.get(tenant)
        return min(queues.parked.values(), default=None) if queues is not None else None

    def forget(self, tenant: str, subscription: str) -> None:
        """Tries this subscription again at once: it was changed, deleted, or somebody asked for a replay."""
        self._pauses.end((tenant, subscription))
        self._circuits.hasten((tenant, self._endpoint_of(tenant, subscription)), self._now())
        self._stale[tenant].add(subscription)
        if (queues := self._queues.get(tenant)) is not None:
            queues.shed(subscription)
            queues.release(subscription)

    # --- what is under way -----------------------------------------------------------------------------------

    async def landing(self, tenant: str, subscription: str, at_most: float) -> None:
        """Returns when what is on its way now has its outcome, after so many seconds at the latest."""
        if (tenant, subscription) not in self._flying:
            return
        tasks = [task for task, owner in self._tasks.items() if owner == (tenant, subscription)]
        if tasks:
            await asyncio.wait(tasks, timeout=at_most)

    def all_flying(self, tenant: str) -> dict[str, frozenset[Flight]]:
        """What is on its way, sent but not written down yet, by subscription."""
        return {id_: frozenset(flights) for (owner, id_), flights in self._flying.items() if owner == tenant}

    async def idle(self) -> None:
        """Returns when nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Breaks off what is under way; it stays in the outbox."""
        self._queues.clear()
        self._revisions.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._settler.stop()

    def drop(self, tenant: str) -> None:
        """The tenant is no more."""
        self._queues.pop(tenant, None)
        self._revisions.pop(tenant, None)
        self._stale.pop(tenant, None)
        self._pauses.drop(tenant)
        self._circuits.keep(tenant, ())

    def _now(self) -> int:
        return times.micros(self._clock.now())


async def _waiting_tx(tx: Tx, known: int | None) -> tuple[list[str], int, Delta | None]:
    return await outbox.waiting_tx(tx), *await changes_tx(tx, known)


async def _behind_tx(tx: Tx, asked: Sequence[Asked]) -> list[list[Outgoing]]:
    return [await outbox.behind_tx(tx, one.subscription, one.after, one.limit) for one in asked]
