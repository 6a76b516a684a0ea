"""Numbers in memory until they are written: what every request passes, so nothing here waits."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Final

from kumihimo.base.call import Actor, ActorKind
from kumihimo.base.clock import Clock
from kumihimo.base.ports import Measure
from kumihimo.platform.metering.days import day_of, span_of
from kumihimo.platform.metering.models import APPLICATION, KINDS, MAX_SERVICES, MEASURES, OTHERS, Used

MAX_STRANGE: Final = 256
"""Names that are no known tenant's (it may just have been made), for which is counted until they are looked up."""
MAX_KEYS: Final = MAX_SERVICES * len(MEASURES)

Key = tuple[ActorKind, str, Measure]
"""Kind of who calls, the id of an application ("" of all others), measure: what costs least to look up."""


class Counters:
    """Implements base.ports.Meter. What is counted belongs to the day of the last `tick`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: frozenset[str] = frozenset()
        self._open: dict[str, dict[Key, int]] = {}
        self._closed: dict[str, list[tuple[str, dict[Key, int]]]] = {}
        self._strange = 0
        self._day = day_of(clock.now())
        self._since, self._until = span_of(self._day)
        self.lost = 0
        """What was counted for more strange names than are kept."""

    def count(self, tenant: str, what: Measure, who: Actor, amount: int = 1) -> None:
        """As base.ports.Meter; under a microsecond, see bench/meter.py."""
        numbers = self._open.get(tenant)
        if numbers is None and (numbers := self._begun(tenant)) is None:
            self.lost += amount
            return
        kind = who.kind
        key = (kind, who.id if kind == "application" else "", what)
        try:
            numbers[key] += amount
        except KeyError:
            self._first(numbers, key, amount)

    def _begun(self, tenant: str) -> dict[Key, int] | None:
        """Where a tenant's numbers go; None for one strange name too many, so that a stranger fills no memory."""
        if tenant not in self._known:
            if self._strange >= MAX_STRANGE:
                return None
            self._strange += 1
        numbers = self._open[tenant] = {}
        return numbers

    def _first(self, numbers: dict[Key, int], key: Key, amount: int) -> None:
        if len(numbers) >= MAX_KEYS:
            key = ("application", "", key[2])
        numbers[key] = numbers.get(key, 0) + amount

    def tick(self) -> None:
        """Looks at the clock: on another day (an earlier one too, where the clock was put right) what was counted
        stays the old one's. To be called at midnight, so that `count` need not ask what time it is.
        """
        if self._since <= self._clock.now() < self._until:
            return
        for tenant, numbers in self._open.items():
            if numbers:
                self._closed.setdefault(tenant, []).append((self._day, numbers))
        self._open = {}
        self._day = day_of(self._clock.now())
        self._since, self._until = span_of(self._day)

    @property
    def left(self) -> float:
        """Seconds until the day is over."""
        return (self._until - self._clock.now()).total_seconds()

    # --- what is written -----------------------------------------------------------------------------------

    def know(self, tenants: Collection[str]) -> None:
        """Says which tenants there are, for which is always counted."""
        self._known = frozenset(tenants)
        self._strange = len({*self._open, *self._closed} - self._known)

    def waiting(self) -> list[str]:
        """Tenants of which something is to be written."""
        return [*self._closed, *(name for name, one in self._open.items() if one and name not in self._closed)]

    def take(self, tenant: str, most: int) -> list[Used]:
        """Takes out up to so many numbers, the oldest day first."""
        found: list[Used] = []
        closed = self._closed.get(tenant, [])
        while closed and len(found) < most:
            day, numbers = closed[0]
            found += _moved(day, numbers, most - len(found))
            if not numbers:
                closed.pop(0)
        if not closed:
            self._closed.pop(tenant, None)
        if len(found) < most:
            found += _moved(self._day, self._open.get(tenant, {}), most - len(found))
        return found

    def forget(self, tenant: str) -> None:
        """Drops what was counted for a tenant."""
        self._open.pop(tenant, None)
        self._closed.pop(tenant, None)


def _moved(day: str, numbers: dict[Key, int], most: int) -> list[Used]:
    return [Used(day, _service(key), key[2], numbers.pop(key)) for key in list(islice(numbers, most))]


def _service(key: Key) -> str:
    kind, id_, _ = key
    if kind != "application":
        return KINDS[kind]
    return APPLICATION + id_ if id_ else OTHERS
