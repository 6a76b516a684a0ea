"""How often somebody may do something: a token bucket for each name. Pure: the caller has the clock."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

MAX_KEPT: Final = 10_000
"""Buckets that are kept. The one not used for longest goes; it comes back full, so that whoever makes up so many
names gains one burst by it."""
BURST_SECONDS: Final = 10.0
"""A bucket holds what its rate fills in so many seconds, so that who was away may catch up at once."""


@dataclass(slots=True)
class Bucket:
    """rate in tokens per second, burst the most that it holds; at in seconds."""

    rate: float
    burst: float
    tokens: float
    at: float

    def wait(self, now: float) -> float:
        """The seconds until there is a token, 0 where there is one; none is taken."""
        tokens = min(self.burst, self.tokens + max(now - self.at, 0.0) * self.rate)
        return 0.0 if tokens >= 1.0 else (1.0 - tokens) / self.rate

    def take(self, now: float) -> float:
        """Takes a token; 0, or the seconds until there is one, and then none is taken."""
        self.tokens = min(self.burst, self.tokens + max(now - self.at, 0.0) * self.rate)
        self.at = now
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return 0.0
        return (1.0 - self.tokens) / self.rate


class Rates:
    """One bucket for each name. rate in tokens per second; 0 sets no limit and keeps nothing."""

    def __init__(self, rate: float, *, burst_seconds: float = BURST_SECONDS, kept: int = MAX_KEPT) -> None:
        self._rate = rate
        self._burst = max(1.0, rate * burst_seconds)
        self._kept = kept
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, name: str, now: float) -> float:
        """The seconds until the name may go on, 0 where it may; to be asked where only some turns are to be counted."""
        bucket = self._buckets.get(name)
        return 0.0 if bucket is None else bucket.wait(now)

    def take(self, name: str, now: float) -> float:
        """0 where the name may go on; else the seconds after which it may."""
        if not self._rate:
            return 0.0
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(self._rate, self._burst, self._burst, now)
            if len(self._buckets) > self._kept:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
        return bucket.take(now)


def place_of(address: str) -> str:
    """Whose tries are counted together: an IPv4 address, or the /64 of an IPv6 one, out of which a host may choose."""
    if ":" not in address:
        return address[:64]
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
