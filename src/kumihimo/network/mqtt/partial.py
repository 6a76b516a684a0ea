"""Packets that have begun to arrive and are not whole: what they hold of memory, over all clients."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol


class Holder(Hashable, Protocol):
    """A connection, as far as it can be ended."""

    def crowded_out(self) -> None: ...


class Partials:
    """Who begins large packets and never ends them must make room in time.

    The one that goes is the oldest of the tenant that holds most, so that a tenant with many such clients loses its
    own and none of another's. Tenant "" are also those that have not said CONNECT.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, dict[Holder, int]] = {}
        self._of_tenant: dict[str, int] = {}
        self.total = 0

    def hold(self, holder: Holder, tenant: str, size: int) -> None:
        """The holder's packet has so many bytes by now; somebody is told to go where it is too much for all."""
        those = self._held.setdefault(tenant, {})
        more = size - those.get(holder, 0)
        those[holder] = size
        self._of_tenant[tenant] = self._of_tenant.get(tenant, 0) + more
        self.total += more
        if self.total > self._most:
            worst = max(self._of_tenant, key=self._of_tenant.__getitem__)
            oldest = next(iter(self._held[worst]))
            self.let_go(oldest, worst)
            oldest.crowded_out()

    def let_go(self, holder: Holder, tenant: str) -> None:
        """The packet is whole, or its client gone; harmless where nothing was held."""
        those = self._held.get(tenant)
        size = None if those is None else those.pop(holder, None)
        if those is None or size is None:
            return
        self.total -= size
        self._of_tenant[tenant] -= size
        if not those:
            del self._held[tenant], self._of_tenant[tenant]
