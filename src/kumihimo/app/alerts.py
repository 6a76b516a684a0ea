"""The alert room's own pages bound: alerts of every source but the wings that run in the town, which have pages of
their own.
"""

from __future__ import annotations

from functools import partial

from kumihimo.app.platform import Platform
from kumihimo.app.rules import about
from kumihimo.app.wings import sources_of
from kumihimo.base.call import Call
from kumihimo.base.errors import Problem
from kumihimo.service.alerts.screens import AlertDoors
from kumihimo.service.alerts.whole import Whole


def alert_doors(platform: Platform) -> AlertDoors:
    """What the pages go through."""

    async def may_decide(call: Call) -> bool:
        try:
            await platform.access.decide(call, "approve")
        except Problem:
            return False
        return True

    return AlertDoors(
        alerts=platform.alerts,
        broker=platform.broker,
        whole=Whole(platform.alerts, platform.broker, partial(sources_of, platform), about),
        rights=lambda call: platform.access.decide(call, "read"),
        may_decide=may_decide,
        compact=platform.contexts.core.compact,
    )
