"""Wrong tries, counted and slowed: whoever fails often waits, whether what it names exists or not."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

from kumihimo.base.errors import TooManyRequests
from kumihimo.base.rates import Rates

WRONG_RATE: Final = 0.2
"""Wrong tries of one name in a second, on average; ten at once are borne."""
WRONG_BURST_SECONDS: Final = 50.0
MAX_WAITING: Final = 10_000


class Tries:
    """Names are what a try came from and what it aimed at. Moments in seconds."""

    def __init__(self) -> None:
        self._rates = Rates(WRONG_RATE, burst_seconds=WRONG_BURST_SECONDS)
        self._waiting: OrderedDict[str, float] = OrderedDict()
        self.wrong = 0

    def check(self, name: str, now: float) -> None:
        """TooManyRequests while the name must wait."""
        until = self._waiting.get(name, 0.0)
        if now < until:
            wait = math.ceil(until - now)
            raise TooManyRequests(f"too many wrong tries; try again in {wait} s", retry_after=wait)
        self._waiting.pop(name, None)

    def failed(self, name: str, now: float) -> None:
        """Notes a wrong try; one too many makes the name wait."""
        self.wrong += 1
        wait = self._rates.take(name, now)
        if wait:
            self._waiting[name] = now + wait
            self._waiting.move_to_end(name)
            if len(self._waiting) > MAX_WAITING:
                self._waiting.popitem(last=False)
