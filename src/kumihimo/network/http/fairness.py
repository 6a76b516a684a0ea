"""What one tenant, or one client, may take of the listener, so that none crowds out the others."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable

from starlette.types import Scope

from kumihimo.base.rates import Rates, place_of
from kumihimo.network.http.refuse import Refusal

Whose = Callable[[Scope], str]
"""The name of the tenant that a request concerns, "" for one that concerns none."""


class Fairness:
    """Requests under way by tenant, and how often each tenant and each client may ask.

    rates in requests per second, 0 sets no limit: client_rate for each address that a connection comes from,
    tenant_rate for each tenant. most: requests of one tenant that are answered at once.
    """

    def __init__(self, whose: Whose, most: int, *, tenant_rate: float = 0.0, client_rate: float = 0.0) -> None:
        self._whose = whose
        self._most = most
        self._tenants = Rates(tenant_rate)
        self._clients = Rates(client_rate)
        self._under_way: Counter[str] = Counter()

    def tenant(self, scope: Scope) -> str:
        """Whose place the request takes; "" where it concerns no tenant."""
        return self._whose(scope)

    def refusal(self, scope: Scope, tenant: str) -> Refusal | None:
        """503 where too much of the tenant is under way, 429 where the tenant or the client asks too often."""
        if tenant and self._under_way[tenant] >= self._most:
            return Refusal(503, "too many requests of this tenant are under way; try again in a second", retry_after=1)
        now = asyncio.get_running_loop().time()
        client = scope.get("client")
        if client and (seconds := self._clients.take(place_of(str(client[0])), now)):
            return _too_often("this client asks", seconds)
        if tenant and (seconds := self._tenants.take(tenant, now)):
            return _too_often("this tenant is asked", seconds)
        return None

    def enter(self, tenant: str) -> None:
        """A request of the tenant is under way."""
        if tenant:
            self._under_way[tenant] += 1

    def leave(self, tenant: str) -> None:
        """It is answered, or has become a stream."""
        if tenant:
            self._under_way[tenant] -= 1
            if not self._under_way[tenant]:
                del self._under_way[tenant]


def _too_often(who: str, seconds: float) -> Refusal:
    wait = max(1, math.ceil(seconds))
    return Refusal(429, f"{who} more often than is allowed; try again in {wait} s", retry_after=wait)
