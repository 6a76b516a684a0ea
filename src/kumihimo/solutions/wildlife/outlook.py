"""The risk map of one town, from the incidents that stand in its entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.moments import local, micros_of
from kumihimo.solutions.wildlife.risk import (
    Event,
    Forecast,
    RiskMap,
    cell_of,
    cells_around,
    night_of,
    outline_of,
    place_of,
)

FEWEST = 50
"""Below so many incidents nothing is said of cells: too few data."""

STEPS = (2.0, 4.0, 8.0, 16.0)
"""Times the mean of all cells from which a cell is of level 1, 2, 3, 4."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What may be said of the next night; forecast is None where there are too few incidents."""

    day: date
    known: int
    forecast: Forecast | None = None


def events_in(docs: Sequence[EntityDoc]) -> list[Event]:
    """The incidents of these entities in the order in which they became known; what cannot be read is left out."""
    found = [event for doc in docs if (event := _event(doc)) is not None]
    return sorted(found, key=lambda event: (event.at, event.cell))


def _event(doc: EntityDoc) -> Event | None:
    value, place = entities.value_of(doc, entities.DATE), entities.place_of(doc)
    text = value.get("@value") if isinstance(value, dict) else None
    if not isinstance(text, str) or place is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    at = entities.observed_at(doc, entities.KIND)
    counts = at is not None and entities.text_at(doc, entities.KIND) != "trace"
    return Event(micros_of(day, 24 * 60) if at is None else at, day, cell_of(*place), at is not None, counts)


def outlook(docs: Sequence[EntityDoc], now: int) -> Outlook:
    """The night that comes or is under way at `now` (microseconds): what happened after it began is not in it."""
    day = local(now).date()
    if local(now).hour < 9:
        day -= timedelta(days=1)
    begin = night_of(day)[0]
    known = [event for event in events_in(docs) if event.at <= begin]
    if len(known) < FEWEST:
        return Outlook(day, len(known))
    risk = RiskMap(cells_around(known), known[0].day)
    for event in known:
        risk.learn(event)
    return Outlook(day, len(known), risk.forecast(day))


def level_of(forecast: Forecast, cell: str) -> int:
    """0 to 4: how a cell stands against the mean of all."""
    mean = sum(forecast.expected.values()) / len(forecast.expected)
    return sum(forecast.expected[cell] >= step * mean for step in STEPS)


def cells_as_features(forecast: Forecast, label: str) -> list[dict[str, Any]]:
    """The raised cells as points in their middle, in the form that km-map takes; label has {level} and {chance}."""
    found = []
    for cell in forecast.ranked():
        level = level_of(forecast, cell)
        if not level:
            break
        lon, lat = place_of(cell)
        text = label.format(level=level, chance=f"{100 * forecast.chance(cell):.2g}")
        properties = {"id": cell, "name": "", "level": level, "label": text}
        geometry = {"type": "Point", "coordinates": [lon, lat]}
        found.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return found


def outlines(forecast: Forecast) -> list[dict[str, Any]]:
    """The outlines of all cells, for the base of the map."""
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [outline_of(cell)]},
            "properties": {"kind": "boundary"},
        }
        for cell in sorted(forecast.expected)
    ]
