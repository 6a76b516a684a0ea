"""How fast one client is read: a bucket of tokens, and a turn for all others after every few packets."""

from __future__ import annotations

import asyncio
from typing import Final

EVERY: Final = 64
"""Packets that lie ready are handled without a pause; after so many, others have their turn."""


class Pace:
    """rate in tokens per second; burst is how many may be taken at once."""

    __slots__ = ("__weakref__", "_burst", "_filled_at", "_rate", "_since", "_tokens")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = self._burst
        self._filled_at = asyncio.get_running_loop().time()
        self._since = 0

    async def take(self, tokens: float = 1.0) -> None:
        """Waits where the bucket is empty: the caller then reads no more, and TCP slows the client."""
        now = asyncio.get_running_loop().time()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate) - tokens
        self._filled_at = now
        self._since += 1
        if self._tokens < 0:
            self._since = 0
            await asyncio.sleep(-self._tokens / self._rate)
        elif self._since >= EVERY:
            self._since = 0
            await asyncio.sleep(0)
