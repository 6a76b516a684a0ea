"""Hands a city the readings of the prefecture's gauges that stand in it.

A log reader per city: each new level in the prefecture's log becomes a reading in the city's tenant, whose cause
names the record it came from; rain of all stations is handed over alike. Seeing a record twice writes nothing new:
the broker ignores the duplicate.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.events import LogRecord
from kumihimo.base.ports import Bus, Ingest, Reading, ReadingOutcome
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.follow import NudgedReader
from kumihimo.storage.database import Database

logger = logging.getLogger(__name__)
PURPOSE = "share"
SHARED = {entities.GAUGE: entities.LEVEL, entities.RAIN_GAUGE: entities.RAIN}
"""What is handed over, by type of entity: levels of the city's own gauges, rain of all stations."""


class Share:
    """The sharing of one prefecture with one city."""

    def __init__(self, database: Database, bus: Bus, ingest: Ingest, source: str, city: str) -> None:
        self._ingest = ingest
        self._source = source
        self._city = city
        self.reader = NudgedReader(database, bus, source, f"flood.share.{city}", self.pass_on)

    async def pass_on(self, records: Sequence[LogRecord]) -> None:
        """Writes the levels among these records that are the city's.

        A reading that the city's store cannot keep is told and passed, so that one gauge keeps back no other.
        """
        by_gauge: dict[str, list[tuple[int, Reading]]] = {}
        for record in records:
            reading = self._reading(record)
            if reading is not None:
                by_gauge.setdefault(reading.entity_id, []).append((record.seq, reading))
        await asyncio.gather(*(self._write_all(readings) for readings in by_gauge.values()))

    async def _write_all(self, readings: Sequence[tuple[int, Reading]]) -> None:
        """One gauge's readings one after the other, so that none comes late; the gauges side by side."""
        for seq, reading in readings:
            outcome = await self._write(seq, reading)
            if outcome.status == "refused":
                where = {"tenant": self._city, "source": self._source, "seq": seq, "why": outcome.detail}
                logger.warning("a reading was not handed over", extra=where)

    async def _write(self, seq: int, reading: Reading) -> ReadingOutcome:
        call = Call(self._city, Actor("system", "flood.share"), PURPOSE, cause=f"log:{self._source}:{seq}")
        [outcome] = await self._ingest(call, [reading])
        return outcome

    def _reading(self, record: LogRecord) -> Reading | None:
        doc = record.entity
        kind = next((kind for kind in SHARED if kind in doc.get("type", ())), "")
        if not kind or SHARED[kind] not in record.changed:
            return None
        if kind == entities.GAUGE and entities.value_of(doc, entities.RESPONSIBLE) != self._city:
            return None
        level = entities.instance_of(doc, SHARED[kind])
        if level is None or "observedAt" not in level:
            return None
        return Reading(
            entity_id=record.entity_id,
            entity_type=kind,
            attribute=SHARED[kind],
            value=level.get("value"),
            observed_at=times.micros(times.parse(level["observedAt"])),
            unit_code=level.get("unitCode", ""),
        )
