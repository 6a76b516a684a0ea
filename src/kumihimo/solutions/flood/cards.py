"""The wing's words on a town's card on the first page: the worst level, gauges per level, what waits for a decision."""

from __future__ import annotations

from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden, Unauthenticated
from kumihimo.base.screens import Card
from kumihimo.solutions.flood import views
from kumihimo.solutions.flood.alert_sights import sights_of
from kumihimo.solutions.flood.attention import attention
from kumihimo.solutions.flood.doors import FloodDoors
from kumihimo.solutions.flood.stage import Stage
from kumihimo.solutions.flood.tenants import TENANTS

TEMPLATE = "kumihimo.solutions.flood:card.html"
SHOWN = 5


class TownCards:
    """The cards of all tenants that have gauges; the demonstration's come first, the prefecture before its cities."""

    def __init__(self, doors: FloodDoors, stage: Stage) -> None:
        self._doors = doors
        self._stage = stage

    async def card(self, call: Call) -> Card | None:
        """As base.screens.CardOf; None also where the wing does not run, or the caller may read nothing."""
        if not await self._doors.runs(call.tenant):
            return None
        try:
            grant = await self._doors.seen_by(call)
        except (Forbidden, Unauthenticated):
            return None
        rows = views.gauge_rows(await views.gauges_of(self._doors.broker, call.tenant, grant))
        if not rows:
            return None
        alerts = await sights_of(self._doors).list(call.tenant, grant, state="open")
        prepared = self._stage.prepared
        is_played = prepared is not None and call.tenant in TENANTS
        data = {
            "worst": max((row.level for row in rows if row.level is not None and not row.training), default=None),
            "counts": views.counts(rows),
            "undecided": sum(one.alert.verdict == "undecided" for one in alerts),
            "attention": (await attention(self._doors, call, rows))[:SHOWN],
            "replay": prepared.player.state() if prepared is not None and is_played else None,
        }
        return Card(TEMPLATE, data, TENANTS.index(call.tenant) if call.tenant in TENANTS else len(TENANTS))
