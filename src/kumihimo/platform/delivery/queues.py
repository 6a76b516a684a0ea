"""One tenant's subscriptions that have something to send, by endpoint, and those that must wait for a moment."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from kumihimo.platform.delivery.lanes import Lanes
from kumihimo.platform.delivery.models import Outgoing

WINDOW = 64
"""How many notifications of one subscription are read at once; about twice as many stand in memory."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the outbox: what stands behind after, and what was under way when it was asked."""

    subscription: str
    lanes: Lanes
    generation: int
    after: int
    limit: int
    flying: frozenset[str]


class Queues:
    """What waits, as far as it stands in memory; size is in characters.

    turns holds, by endpoint, the subscriptions whose turn may be next; hungry those of which the outbox has to be
    asked; parked those that are left alone, with the moment (microseconds) until when. looked tells that the outbox was
    asked for all subscriptions: from then on one that is not here has nothing there.
    """

    def __init__(self, endpoint_of: Callable[[str], str]) -> None:
        self._endpoint_of = endpoint_of
        self.lanes: dict[str, Lanes] = {}
        self.turns: dict[str, dict[str, None]] = {}
        self.hungry: dict[str, None] = {}
        self.parked: dict[str, int] = {}
        self.looked = False
        self.size = 0

    def found(self, subscriptions: Iterable[str]) -> None:
        """These have something in the outbox."""
        self.looked = True
        for one in subscriptions:
            if one not in self.lanes:
                self.lanes[one] = Lanes(more=True)
            self.mark(one)

    def hand(self, rows: Sequence[Outgoing], room: int) -> None:
        """Takes what was just put into the outbox; what does not fit here is read from there later.

        room is how many characters may be added.
        """
        for one in rows:
            lanes = self.lanes.setdefault(one.subscription, Lanes(more=not self.looked))
            if lanes.more or len(one.body) > room or lanes.count >= 2 * WINDOW:
                lanes.more = lanes.missed = True
            else:
                room -= len(one.body)
                self.add(lanes, [one])
            self.mark(one.subscription)

    def add(self, lanes: Lanes, rows: Sequence[Outgoing], skip: frozenset[str] = frozenset()) -> None:
        """As `Lanes.add`."""
        self.size -= lanes.size
        lanes.add(rows, skip)
        self.size += lanes.size

    def ask(self, subscription: str, room: int, *, one_only: bool) -> Asked | None:
        """What the outbox has to be asked for; None where nothing, or where there is no room for more."""
        lanes = self.lanes.get(subscription)
        if lanes is None or not lanes.more:
            return None
        flying = lanes.flying
        if room <= 0 and lanes.count > len(flying):
            return None
        lanes.missed = False
        limit = len(flying) + (1 if one_only or room <= 0 else WINDOW)
        return Asked(subscription, lanes, lanes.generation, lanes.upto, limit, flying)

    def answer(self, asked: Asked, rows: Sequence[Outgoing]) -> None:
        """Takes what the outbox said, unless what it was asked for was forgotten meanwhile."""
        lanes = asked.lanes
        if self.lanes.get(asked.subscription) is not lanes or lanes.generation != asked.generation:
            return
        self.add(lanes, rows, asked.flying)
        lanes.more = lanes.missed or len(rows) == asked.limit
        if lanes.is_empty:
            self.drop(asked.subscription)
        else:
            self.mark(asked.subscription)

    def drop(self, subscription: str) -> None:
        """Nothing of it waits any more."""
        self.size -= self.lanes.pop(subscription).size
        self.parked.pop(subscription, None)
        self.hungry.pop(subscription, None)

    def mark(self, subscription: str) -> None:
        """Its turn may come."""
        if subscription not in self.parked:
            self.turns.setdefault(self._endpoint_of(subscription), {}).setdefault(subscription)

    def renew(self, subscriptions: Container[str]) -> None:
        """Subscriptions, and maybe their endpoints, were changed: these are there now."""
        self.turns.clear()
        for one, lanes in list(self.lanes.items()):
            if one in subscriptions or lanes.flying:
                self.mark(one)
            else:
                self.drop(one)

    def park(self, subscription: str, until: int) -> None:
        """Leaves it alone, and keeps nothing of it in memory meanwhile."""
        self.parked[subscription] = until
        self.shed(subscription)

    def unpark(self, now: int) -> None:
        """Those whose moment has come."""
        for one in [id_ for id_, until in self.parked.items() if until <= now]:
            self.release(one)

    def release(self, subscription: str) -> None:
        """Leaves it alone no more."""
        if self.parked.pop(subscription, None) is not None:
            self.mark(subscription)

    def shed(self, subscription: str) -> None:
        """Forgets what waits of it here; the outbox is asked again."""
        lanes = self.lanes.setdefault(subscription, Lanes(more=True))
        self.size -= lanes.size
        lanes.shed()
        self.size += lanes.size
        self.hungry.pop(subscription, None)

    def finish(self, one: Outgoing) -> None:
        """It is under way no more, and waits no more."""
        lanes = self.lanes[one.subscription]
        self.size -= lanes.size
        lanes.finish(one)
        self.size += lanes.size
        if lanes.is_empty:
            self.drop(one.subscription)
        else:
            self.mark(one.subscription)
