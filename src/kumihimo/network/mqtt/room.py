"""Bytes that may be under way at once; who finds no room waits, and is let in in turn."""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """most in bytes; what is larger than all of it counts as all of it, so that it goes alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = most
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def taken(self) -> int:
        """Bytes that are under way."""
        return self._most - self._free

    async def enter(self, size: int) -> None:
        """Returns once there is room for it; it must `leave` again."""
        size = min(size, self._most)
        if not self._waiting and size <= self._free:
            self._free -= size
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._let_in()  # it may have stood before one that fits
            else:  # it was let in in the same moment
                self.leave(size)
            raise

    def leave(self, size: int) -> None:
        """Gives the room back."""
        self._free += min(size, self._most)
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            size, place = self._waiting[0]
            if not place.done():
                if size > self._free:
                    return
                self._free -= size
                place.set_result(None)
            self._waiting.popleft()
