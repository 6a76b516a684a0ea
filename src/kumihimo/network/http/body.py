"""A request's body as it streams in: at most so many bytes, within so many seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.types import Message, Receive

from kumihimo.base.errors import Overloaded, PayloadTooLarge, Problem


class BodyTooLarge(PayloadTooLarge):
    """More came than is taken."""


class BodyTooSlow(Problem):
    """The body did not come to its end in time."""

    title = "Request timeout"
    status = 408


class BodyCrowded(Overloaded):
    """The bodies under way hold as much memory as they may."""


@dataclass(slots=True)
class Held:
    """Bytes of all bodies that are under way, and how many they may be."""

    most: int
    taken: int = 0


class BodyLimit:
    """Stands between an application and ASGI receive; `broken` tells why the body was cut off.

    What it took counts in `held` until `let_go`.
    """

    def __init__(self, receive: Receive, max_bytes: int, seconds: float, held: Held) -> None:
        self._held = held
        self._receive = receive
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._deadline = 0.0
        self._ended = False
        self.taken = 0
        self.broken: Problem | None = None

    async def receive(self) -> Message:
        """As ASGI receive; BodyTooLarge, BodyTooSlow or BodyCrowded once the body is cut off."""
        if self.broken is not None:
            raise self.broken
        if self._ended:
            return await self._receive()
        message = await self._in_time()
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        size = len(message.get("body", b""))
        self.taken += size
        self._held.taken += size
        if self.taken > self._max_bytes:
            self.broken = BodyTooLarge(f"the body is larger than {self._max_bytes} bytes")
            raise self.broken
        if self._held.taken > self._held.most and size:
            self.broken = BodyCrowded("too much is being sent at once; try again in a second")
            raise self.broken
        return message

    def let_go(self) -> None:
        """The request is answered: what it took is nobody's any more."""
        self._held.taken -= self.taken

    async def _in_time(self) -> Message:
        # The machine's timer on purpose: this measures a peer's speed, not a moment that is kept.
        now = asyncio.get_running_loop().time()
        self._deadline = self._deadline or now + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError as problem:
            self.broken = BodyTooSlow(f"the body did not end within {self._seconds:g} s")
            raise self.broken from problem
