"""One gauge: its history against its own thresholds, rain nearby, the readings in a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.jsontext import dumps
from kumihimo.base.screens import Answer, Ask, Document, Page
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.kpi.models import temporal_path
from kumihimo.solutions.flood import entities, views
from kumihimo.solutions.flood.alert_sights import sights_of
from kumihimo.solutions.flood.demo import FloodDoors
from kumihimo.solutions.flood.thresholds import HOUR, rate_of_rise, time_to_next

SPANS = (24, 72, 168)
TABLE_ROWS = 200


@dataclass(frozen=True, slots=True)
class _Seen:
    """What both the page and its chart need."""

    grant: Grant
    row: views.GaugeRow
    levels: list[tuple[int, Any]]
    rain: list[tuple[int, Any]]
    station: EntityDoc | None
    distance: float
    hours: int
    start: int
    end: int


class GaugePages:
    """/flood/gauges/{id} and its chart."""

    def __init__(self, doors: FloodDoors) -> None:
        self._doors = doors

    async def _see(self, ask: Ask) -> _Seen:
        entity_id = entities.gauge_id(ask.path["id"])
        grant = await self._doors.seen_by(ask.call)
        docs = await views.gauges_of(self._doors.broker, ask.tenant, grant, (entity_id,))
        rows = views.gauge_rows(docs)
        if not rows:
            raise ResourceNotFound(f"there is no gauge {ask.path['id'][:64]!r} here")
        [doc], [row] = docs, rows
        hours = _hours(ask.query.get("hours", ""))
        end = row.at or 0
        start = end - hours * HOUR
        levels = await self._points(ask, doc, entities.LEVEL, start, end)
        stations = await views.docs_of(self._doors.broker, ask.tenant, entities.RAIN_GAUGE, grant)
        near = views.nearest((row.lon, row.lat), stations)
        if near is None:
            return _Seen(grant, row, levels, [], None, 0.0, hours, start, end)
        rain = await self._points(ask, near[0], entities.RAIN, start, end)
        return _Seen(grant, row, levels, rain, near[0], near[1], hours, start, end)

    async def _points(self, ask: Ask, doc: EntityDoc | None, name: str, start: int, end: int) -> list[tuple[int, Any]]:
        """A series of what may be seen of the entity."""
        if doc is None or name not in doc["attrs"]:
            return []
        return await self._doors.history.points(ask.tenant, doc["id"], name, start, end)

    async def show(self, ask: Ask) -> Answer:
        """One gauge: its levels against its thresholds, its curve, its alerts."""
        seen = await self._see(ask)
        row = views.said(seen.row, ask.lang)
        heights = [(at, float(value)) for at, value in seen.levels if entities.is_number(value)]
        rate = rate_of_rise(heights, row.at or 0)
        to_next = time_to_next(row.height or 0.0, row.thresholds, rate)
        rain_at = {at: value for at, value in seen.rain if entities.is_number(value)}
        data = {
            "row": row,
            "rate": rate,
            "to_next": to_next,
            "next_level": None if to_next.level is None else int(to_next.level),
            "thresholds": views.threshold_rows(row.thresholds),
            "readings": list(reversed(heights))[:TABLE_ROWS],
            "more": len(heights) > TABLE_ROWS,
            "rain": sorted(rain_at.items(), reverse=True)[:TABLE_ROWS],
            "station": entities.text_at(seen.station, entities.NAME) if seen.station else "",
            "station_id": seen.station["id"] if seen.station else "",
            "rain_credit": views.credit(seen.station, ask.lang) if seen.station else "",
            "distance": round(seen.distance, 1),
            "hours": seen.hours,
            "spans": SPANS,
            "temporal": temporal_path(row.id, "waterLevel", seen.start, seen.end),
            "base_url": ask.base_url,
            "alerts": await sights_of(self._doors).list(ask.tenant, seen.grant, subject=row.id, limit=20),
        }
        return Page(
            "kumihimo.solutions.flood:gauge.html",
            row.name if row.training else f"{row.river} {row.name}",
            data,
            live=(row.id,),
        )

    async def chart_json(self, ask: Ask) -> Answer:
        """The chart for km-chart."""
        seen = await self._see(ask)
        name = entities.text_at(seen.station, entities.NAME) if seen.station else ""
        chart = views.chart_of(seen.row, seen.levels, seen.rain, name, ask.lang)
        return Document(dumps(chart), "application/json")


def _hours(text: str) -> int:
    if not text:
        return SPANS[1]
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 24 * 31:
        raise BadRequestData("hours must be a whole number from 1 to 744")
    return int(text)
