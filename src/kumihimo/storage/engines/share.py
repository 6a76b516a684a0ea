"""Who may read now: one tenant's long queries leave places for other tenants and for short reads."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from kumihimo.base.errors import Overloaded

MAX_WAITING = 1000
"""Reads of one tenant that may wait for a place before more are refused."""


class Share:
    """Places for reads: `whole` in all, `each` for one tenant; tenants that wait take turns."""

    def __init__(self, whole: int, each: int) -> None:
        self._free = whole
        self._each = each
        self._taken: dict[str, int] = {}
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def enter(self, scope: str) -> None:
        """Returns when the tenant has a place, which it must give back by `leave`; Overloaded where too many wait."""
        if self._free and self._taken.get(scope, 0) < self._each:
            self._take(scope)
            return
        waiting = self._waiting.setdefault(scope, deque())
        if len(waiting) >= MAX_WAITING:
            raise Overloaded(
                f"{len(waiting)} queries of this tenant wait already; try again in a second", retry_after=1
            )
        place = asyncio.get_running_loop().create_future()
        waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given the place in the same moment
                self.leave(scope)
            raise

    def leave(self, scope: str) -> None:
        """Gives a place back."""
        self._free += 1
        self._taken[scope] -= 1
        if not self._taken[scope]:
            del self._taken[scope]
        for one in list(self._waiting):
            if self._free and self._taken.get(one, 0) < self._each:
                self._pass_on(one)

    def _pass_on(self, scope: str) -> None:
        """Gives a free place to the tenant's first that still waits; then others come first."""
        waiting = self._waiting[scope]
        while waiting:
            place = waiting.popleft()
            if not place.done():
                self._take(scope)
                place.set_result(None)
                break
        if waiting:
            self._waiting.move_to_end(scope)
        else:
            del self._waiting[scope]

    def _take(self, scope: str) -> None:
        self._free -= 1
        self._taken[scope] = self._taken.get(scope, 0) + 1
