"""What waits of one subscription, as far as it stands in memory: the outbox is the truth, this is its beginning.

Order is kept within an entity: a notification may go once none that tells of one of its entities stands before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from heapq import heappop, heappush

from kumihimo.platform.delivery.models import Outgoing


class Lanes:
    """The oldest waiting notifications, and those that are under way.

    more tells that the outbox may hold others behind `upto`; missed that one was put there since the last look began.
    count and size, in characters, are of all that stand here. generation grows when what waits was forgotten, so that a
    look begun before counts no more.
    """

    __slots__ = ("_flying", "_ready", "_rows", "count", "generation", "missed", "more", "size", "upto")

    def __init__(self, *, more: bool) -> None:
        self._rows: dict[str, deque[Outgoing]] = {}
        self._ready: list[tuple[int, str, Outgoing]] = []
        self._flying: dict[str, Outgoing] = {}
        self.count = 0
        self.size = 0
        self.upto = 0
        self.more = more
        self.missed = False
        self.generation = 0

    @property
    def flying(self) -> frozenset[str]:
        """Ids of the notifications under way."""
        return frozenset(self._flying)

    @property
    def is_ready(self) -> bool:
        """Whether one stands in memory that may go."""
        return bool(self._ready)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, here or in the outbox, and nothing is under way."""
        return not self._rows and not self.more

    def add(self, rows: Iterable[Outgoing], skip: Container[str] = ()) -> None:
        """Puts notifications behind those that stand here, in the outbox's order; not those whose ids are skipped."""
        for one in rows:
            self.upto = max(self.upto, one.seq)
            if one.id in self._flying or one.id in skip:
                continue
            self.count += 1
            self.size += len(one.body)
            for key in one.keys:
                self._rows.setdefault(key, deque()).append(one)
            self._note_ready(one)

    def take(self) -> Outgoing | None:
        """The oldest that may go; it is under way from now on."""
        if not self._ready:
            return None
        one = heappop(self._ready)[2]
        self._flying[one.id] = one
        return one

    def finish(self, one: Outgoing) -> None:
        """It is under way no more and waits no more; those behind it may go."""
        del self._flying[one.id]
        self.count -= 1
        self.size -= len(one.body)
        behind: dict[str, Outgoing] = {}
        for key in one.keys:
            lane = self._rows[key]
            lane.popleft()
            if lane:
                behind[lane[0].id] = lane[0]
            else:
                del self._rows[key]
        for next_ in behind.values():
            self._note_ready(next_)

    def shed(self) -> None:
        """Forgets what waits; the outbox is asked for it again."""
        self._rows = {key: deque([one]) for one in self._flying.values() for key in one.keys}
        self._ready = []
        self.count = len(self._flying)
        self.size = sum(len(one.body) for one in self._flying.values())
        self.upto, self.more = 0, True
        self.generation += 1

    def _note_ready(self, one: Outgoing) -> None:
        if all(self._rows[key][0] is one for key in one.keys):
            heappush(self._ready, (one.seq, one.id, one))
