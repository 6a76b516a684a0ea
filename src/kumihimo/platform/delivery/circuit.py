"""Which endpoints are sent to, and how much at once: a circuit for each, and slots that the dead cannot take.

An endpoint is what `Endpoint.key` names: scheme, host, port and path. Behind one host may stand many applications of
which one is ill; so a path of its own has a circuit of its own. Tenants have circuits apart, as what one of them sends
may be what makes an endpoint fail.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass

from kumihimo.platform.delivery.models import Attempt, Rest

Place = tuple[str, str]
"""A tenant and an endpoint's key."""
_SLOW_SECONDS = 1.0
_MAX_KNOWN = 20_000
_SERVER_ERRORS = 500


def is_endpoints(attempt: Attempt) -> bool:
    """Whether the failure tells of the endpoint as a whole: no answer, or a fault of its own.

    Any other answer is one to this notification or this subscription; its neighbours may fare better.
    """
    return attempt.status == 0 or attempt.status >= _SERVER_ERRORS


@dataclass(frozen=True, slots=True)
class Slots:
    """Limits of what is under way at once."""

    per_endpoint: int
    total: int
    opens_after: int


@dataclass(slots=True)
class _Circuit:
    """failed in a row; until (microseconds) is set once it is open; pauses is how often it was left alone in a row."""

    failed: int = 0
    pauses: int = 0
    until: int = 0


class Circuits:
    """The state of all endpoints; what is under way at each.

    seconds gives the length of the pause after so many in a row, jitter and all.
    """

    def __init__(self, slots: Slots, seconds: Callable[[int], float]) -> None:
        self._slots = slots
        self._seconds = seconds
        self._circuits: dict[Place, _Circuit] = {}
        self._known: dict[Place, None] = {}
        self._begun: dict[Place, dict[str, float]] = {}
        self._busy: Counter[str] = Counter()
        self.used = 0

    @property
    def resting(self) -> int:
        """How many endpoints are left alone at present, or tried with one."""
        return sum(one.until > 0 for one in self._circuits.values())

    @property
    def is_full(self) -> bool:
        """Whether all slots are taken."""
        return self.used >= self._slots.total

    def is_failing(self, place: Place) -> bool:
        """Whether the endpoint's last attempt failed."""
        return place in self._circuits

    def rest(self, place: Place) -> Rest | None:
        """How long the endpoint is left alone; None where it is not."""
        circuit = self._circuits.get(place)
        return Rest(circuit.until, circuit.failed) if circuit is not None and circuit.until else None

    def admits(self, place: Place, now: int) -> bool:
        """Whether a subscription that has none under way may send to the endpoint now (microseconds)."""
        slots, begun = self._slots, self._begun.get(place)
        if self.is_full or self._busy[place[1]] >= slots.per_endpoint:
            return False
        circuit = self._circuits.get(place)
        if circuit is not None:
            return circuit.until <= now and not begun and self._failing() < max(1, slots.total // 4)
        # Slots are kept for those that are known to be well, however many hang that were never heard of.
        return place in self._known or self._strangers() < max(1, slots.total // 2)

    def admits_more(self, place: Place) -> bool:
        """Whether a subscription may have more than one under way at the endpoint, which admits one more.

        Only where it is known to be well; and of the last slots only those whose answers do not keep one waiting.
        """
        if place not in self._known or self.used >= self._slots.total // 2:
            return False
        begun = self._begun.get(place)
        return self.used < self._slots.total // 4 or not begun or not self._is_slow(begun)

    def _failing(self) -> int:
        return sum(place in self._circuits for place in self._begun)

    def _strangers(self) -> int:
        return sum(len(begun) for place, begun in self._begun.items() if place not in self._known)

    @staticmethod
    def _is_slow(begun: dict[str, float]) -> bool:
        return asyncio.get_running_loop().time() - next(iter(begun.values())) > _SLOW_SECONDS

    def begin(self, place: Place, notification: str) -> None:
        """Takes a slot."""
        self.used += 1
        self._busy[place[1]] += 1
        self._begun.setdefault(place, {})[notification] = asyncio.get_running_loop().time()

    def end(self, place: Place, notification: str) -> bool:
        """Gives the slot back; False where that was done."""
        begun = self._begun.get(place, {})
        if begun.pop(notification, None) is None:
            return False
        self.used -= 1
        self._busy -= Counter([place[1]])
        if not begun:
            del self._begun[place]
        return True

    def note(self, place: Place, attempt: Attempt, pauses: int, now: int) -> bool:
        """What came of an attempt; True where the endpoint was failing and is well again, or has just failed.

        pauses is how often in a row the subscription was left alone by itself, which the endpoint's own count goes on
        from.
        """
        if attempt.taken or not is_endpoints(attempt):
            self._known.pop(place, None)
            self._known[place] = None
            if len(self._known) > _MAX_KNOWN:
                del self._known[next(iter(self._known))]
            return self._circuits.pop(place, None) is not None
        self._known.pop(place, None)
        circuit = self._circuits.setdefault(place, _Circuit())
        circuit.failed += 1
        if circuit.until > now or circuit.failed < self._slots.opens_after:
            # Several that were under way together: the endpoint failed once, not many times.
            return False
        circuit.pauses = circuit.pauses + 1 if circuit.until else max(pauses, 1)
        circuit.until = now + round(self._seconds(circuit.pauses) * 1_000_000)
        return True

    def hasten(self, place: Place, now: int) -> None:
        """Tries the endpoint again at once, where it is left alone."""
        if (circuit := self._circuits.get(place)) is not None and circuit.until:
            circuit.until = now

    def keep(self, tenant: str, endpoints: Container[str]) -> None:
        """Forgets endpoints of the tenant that no subscription names any more."""
        gone = [place for place in self._circuits if place[0] == tenant and place[1] not in endpoints]
        for place in gone:
            del self._circuits[place]
