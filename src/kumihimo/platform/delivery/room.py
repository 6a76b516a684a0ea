"""How many notifications may wait for one endpoint; the oldest beyond are given up."""

from __future__ import annotations

from collections.abc import Mapping

from kumihimo.platform.delivery import outbox
from kumihimo.storage.database import Tx

MAX_QUEUE = 10_000
_LONGEST = 1000
_MAX_KNOWN = 20_000


class Room:
    """Remembers how much room each endpoint has at least, so that its queue need not be counted with each write.

    What was sent meanwhile makes more room, another process less: so it is counted anew now and then.
    """

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], int] = {}

    async def made_tx(self, tx: Tx, tenant: str, added: Mapping[str, int], now: int) -> dict[str, int]:
        """After so many were added for each endpoint: how many of each were given up, where any were."""
        if len(self._left) > _MAX_KNOWN:
            self._left.clear()
        buried: dict[str, int] = {}
        for endpoint, count in added.items():
            left = self._left.get((tenant, endpoint), 0) - count
            if left < 0:
                gone = await outbox.cap_tx(tx, endpoint, MAX_QUEUE, now)
                if gone:
                    buried[endpoint] = gone
                left = min(MAX_QUEUE - await outbox.count_tx(tx, endpoint), _LONGEST)
            self._left[tenant, endpoint] = left
        return buried
