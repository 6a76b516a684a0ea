"""What the wing's alerts rest on, and how they are called where that may not be seen."""

from __future__ import annotations

from typing import Final

from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.sights import Rests, Sights
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.doors import FloodDoors
from kumihimo.solutions.flood.watch import SOURCE

RESTS: Final = Rests(
    reading=(entities.LEVEL,),
    level=tuple(entities.THRESHOLDS.values()),
    name=(entities.NAME, entities.RIVER),
    place=(entities.ADDRESS, entities.LOCATION, entities.SIMULATED),
)
"""Where a gauge is decides whose sign is proposed, and a gauge for training proposes other words."""


def sights_of(doors: FloodDoors) -> Sights:
    """The alerts as callers may see them."""
    return Sights(doors.alerts, doors.broker, SOURCE, RESTS, entitled)


def entitled(doc: EntityDoc) -> dict[str, str]:
    """The title of an alert of which it is hidden what it says: the gauge as far as it may be named."""
    river, name = entities.text_at(doc, entities.RIVER), entities.text_at(doc, entities.NAME) or doc["id"]
    here, there = f"{river} {name}".strip(), f"{name} ({river})" if river else name
    return {"ja": f"{here}：警報", "en": f"{there}: alert"}
