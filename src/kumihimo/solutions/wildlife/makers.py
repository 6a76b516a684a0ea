"""What stands behind an alert of the wing, frozen with it: how detections are merged, the town's rule for sirens, and
what the map of the night said of the place.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date, timedelta
from typing import Final

from kumihimo.base import times
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.service.alerts.models import Maker
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.limits import SirenRule
from kumihimo.solutions.wildlife.merge import METRES, MINUTE, WITHIN
from kumihimo.solutions.wildlife.moments import local
from kumihimo.solutions.wildlife.outlook import Outlook, events_in, level_of, outlook
from kumihimo.solutions.wildlife.risk import cell_of
from kumihimo.solutions.wildlife.rule import RULE_ID, rule_of

METHOD: Final = "1"
"""The version of the map's method (risk.py): raise it with every change of what the map says."""

MERGING: Final = Maker("limits", "wildlife.merge", "1", facts={"minutes": WITHIN // MINUTE, "metres": METRES})
"""How detections are taken for one animal."""


async def rule_maker(doors: WildlifeDoors, tenant: str) -> Maker:
    """The town's rule for sirens as it stands; at is when it was written."""
    doc = await doors.broker.get(tenant, RULE_ID, ALL_ROWS, ALL_ATTRIBUTES)
    found = () if doc is None else doc["attrs"].get(entities.RULE, ())
    moments = [times.micros(times.parse(one["modifiedAt"])) for one in found if "modifiedAt" in one]
    return Maker("limits", "wildlife.siren-rule", at=max(moments, default=0), facts=asdict(rule_of(doc)))


def permission(rule: SirenRule, made: Maker) -> Maker:
    """The standing permission by which a siren sounds without asking: whose, why, and since when."""
    return Maker("permission", rule.allowed_by, at=made.at, facts={"reason": rule.reason, "kept": RULE_ID})


class Nights:
    """What the map says of a place in a night: computed once for each night, from what was known when it began."""

    def __init__(self, doors: WildlifeDoors, tenant: str) -> None:
        self._doors = doors
        self._tenant = tenant
        self._night: date | None = None
        self._said: tuple[Outlook, int, tuple[date, date] | None] | None = None

    async def maker(self, lon: float, lat: float, at: int) -> Maker:
        """The map's cell at the place; facts say "too-few" where the town has too few incidents for a map."""
        found, computed, span = await self._of(at)
        facts: dict[str, object] = {"incidents": found.known, "night": found.day.isoformat(), "cell": cell_of(lon, lat)}
        if span is not None:
            facts |= {"learnedFrom": span[0].isoformat(), "learnedUntil": span[1].isoformat()}
        cell = cell_of(lon, lat)
        if found.forecast is None:
            facts["state"] = "too-few"
        elif cell not in found.forecast.expected:
            facts["state"] = "outside"
        else:
            facts |= {"state": "known", "level": level_of(found.forecast, cell)}
            facts["chance"] = round(found.forecast.chance(cell), 6)
        return Maker("model", "wildlife.risk", METHOD, computed, facts)

    async def _of(self, at: int) -> tuple[Outlook, int, tuple[date, date] | None]:
        night = (local(at) - timedelta(hours=9)).date()
        if self._said is None or self._night != night:
            docs = await self._doors.docs(self._tenant, entities.INCIDENT)
            made = await asyncio.to_thread(outlook, docs, at)
            days = [one.day for one in events_in(docs) if one.day <= made.day]
            span = (min(days), max(days)) if days else None
            self._night, self._said = night, (made, times.micros(self._doors.clock.now()), span)
        return self._said
