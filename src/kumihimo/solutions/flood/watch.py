"""Watches one tenant's gauges: a threshold reached raises an alert with the readings behind it.

The prefecture's tenant watches the gauges that no city answers for; a city's tenant those that are its own.
One open alert per gauge: it climbs with the river, eases, and closes when the river has fallen below the lowest
threshold by the hysteresis. A gauge that is above a threshold when it is first seen raises one too.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Problem
from kumihimo.base.events import LogRecord
from kumihimo.base.ports import Bus
from kumihimo.platform.history.query import History
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.models import PACK_GONE, Content, Evidence, Maker, Proposal, Sighting
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.follow import NudgedReader
from kumihimo.solutions.flood.models import LEVEL_NAMES, Level, Thresholds
from kumihimo.solutions.flood.thresholds import (
    HYSTERESIS,
    WINDOW,
    Rate,
    held_level,
    level_of,
    rate_of_rise,
    time_to_next,
)
from kumihimo.storage.database import Database

logger = logging.getLogger(__name__)
READER = "flood.watch"
SOURCE = "flood"


Here = Callable[[str], Awaitable[str]]
"""By which installation the wing runs in a tenant, "" where it does not."""


class Propose(Protocol):
    """The steps to propose at a level of the gauge, given as its entity; falling says that it came from above."""

    def __call__(
        self, tenant: str, level: Level, doc: dict[str, Any], *, falling: bool = False
    ) -> tuple[Proposal, ...]: ...


Teller = Callable[[LogRecord, Level], Awaitable[None]]
"""Tells people that the gauge in this record rose to a level; asked twice, it tells them once."""
MAX_UNTOLD = 100
"""Rises of which people could not be told yet, that are kept in memory to be told at the next look."""


async def facts_now(history: History, tenant: str, doc: EntityDoc | dict[str, Any]) -> dict[str, Any] | None:
    """The figures of the gauge's newest reading, as `facts` has them; None where it has none."""
    seen, thresholds = sighting_of(doc), entities.thresholds_of(doc)
    if seen is None:
        return None
    at, height = seen
    heights = await _heights(history, tenant, doc["id"], seen)
    return facts(at, height, level_of(height, thresholds), thresholds, rate_of_rise(heights, at))


async def _heights(history: History, tenant: str, entity_id: str, newest: tuple[int, float]) -> list[tuple[int, float]]:
    """The readings of the window that ends with the newest."""
    at, height = newest
    points = await history.points(tenant, entity_id, entities.LEVEL, at - WINDOW, at)
    heights = [(moment, float(value)) for moment, value in points if entities.is_number(value)]
    if not heights or heights[-1][0] != at:
        heights.append((at, height))
    return heights


class Watch:
    """The watch over one tenant; its memory is the tenant's open alerts.

    It stands still where the wing does not run, and remembers nothing of an earlier installation.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        history: History,
        alerts: Alerts,
        propose: Propose,
        tenant: str,
        here: Here | None = None,
        teller: Teller | None = None,
    ) -> None:
        self._teller = teller
        self._untold: list[tuple[LogRecord, Level]] = []
        self._history = history
        self._alerts = alerts
        self._propose = propose
        self.tenant = tenant
        self.reader = NudgedReader(database, bus, tenant, READER, self.see, self.is_on)
        self._here = here
        self._installation = ""
        self._standing: dict[str, int] | None = None

    async def _levels(self) -> dict[str, int]:
        if self._standing is None:
            standing = await self._alerts.list(self.tenant, state="open", limit=100_000)
            self._standing = {alert.subject: alert.severity for alert in standing}
        return self._standing

    def forget(self) -> None:
        """Drops what is remembered, after the tenant's data was made anew."""
        self._standing = None

    async def is_on(self) -> bool:
        """Whether the wing runs in the tenant."""
        if self._here is None:
            return True
        found = await self._here(self.tenant)
        if found != self._installation:
            self.forget()
            self._installation = found
        return bool(found)

    async def see(self, records: Sequence[LogRecord]) -> None:
        """Looks at log records; only new levels of this tenant's own gauges matter.

        A record that trips us up is told and passed, so that one gauge keeps the watch from no other; a store that
        refuses is raised, and the records are looked at again.
        """
        if self._untold and await self.is_on():
            again, self._untold = self._untold, []
            for rise in again:
                await self._tell(*rise)
        for record in records:
            if not await self.is_on():
                return
            if entities.LEVEL not in record.changed or entities.GAUGE not in record.entity.get("type", ()):
                continue
            try:
                await self._look(record)
            except Problem:
                raise
            except Exception:
                logger.exception("a record could not be looked at", extra={"tenant": self.tenant, "seq": record.seq})

    async def _look(self, record: LogRecord) -> None:
        doc = record.entity
        seen, thresholds = sighting_of(doc), entities.thresholds_of(doc)
        if seen is None or not thresholds.known() or not self._answers_for(doc):
            return
        at, height = seen
        standing = await self._levels()
        before = standing.get(record.entity_id, 0)
        held = held_level(height, before, thresholds)
        if held == before:
            return
        content = await self._content(doc, held, thresholds, (at, height), falling=held < before)
        call = Call(self.tenant, Actor("system", "flood.watch"), "watch", cause=f"log:{self.tenant}:{record.seq}")
        if held > before:
            # Before the alert stands: after a kill between the two the rise is seen again, and people are told once.
            await self._tell(record, held)
        sighting = Sighting(SOURCE, record.entity_id, int(held), at, content)
        alert = await self._alerts.sight(call, sighting)
        if not await self.is_on():  # the pack went meanwhile, and its open alerts closed before this one was made
            await self._alerts.end(call, SOURCE, PACK_GONE)
        elif alert is not None:
            standing[record.entity_id] = alert.severity if alert.state == "open" else 0

    async def _tell(self, record: LogRecord, level: Level) -> None:
        """Tells people; what keeps them from being told keeps no alert from being raised."""
        if self._teller is None:
            return
        try:
            await self._teller(record, level)
        except Problem as problem:
            logger.warning("people cannot be told yet", extra={"tenant": self.tenant, "why": problem.title})
            self._untold = [*self._untold[1 - MAX_UNTOLD :], (record, level)]
        except Exception:
            logger.exception("people could not be told", extra={"tenant": self.tenant, "seq": record.seq})

    def _answers_for(self, doc: dict[str, Any]) -> bool:
        """A gauge that names nobody belongs to the town whose tenant it stands in."""
        return (entities.value_of(doc, entities.RESPONSIBLE) or self.tenant) == self.tenant

    async def _content(
        self, doc: dict[str, Any], level: Level, thresholds: Thresholds, newest: tuple[int, float], *, falling: bool
    ) -> Content:
        at, height = newest
        rate = rate_of_rise(await _heights(self._history, self.tenant, doc["id"], newest), at)
        return Content(
            title=title(
                entities.text_at(doc, entities.RIVER),
                entities.text_at(doc, entities.NAME) or doc["id"],
                level,
                falling=falling,
            ),
            place=entities.address_of(doc, "streetAddress"),
            attribute=entities.LEVEL,
            evidence=tuple(Evidence(moment, value, entities.METRE) for moment, value in rate.points),
            facts=facts(at, height, level, thresholds, rate),
            proposals=self._propose(self.tenant, level, doc, falling=falling),
            location=entities.place_of(doc),
            makers=(limits_of(doc, thresholds),),
        )


def limits_of(doc: dict[str, Any], thresholds: Thresholds) -> Maker:
    """The gauge's thresholds as they were, in metres by the name of their level, with the figures that are fixed; at is
    when the newest of them was written, where the broker says.
    """
    found = [one for name in entities.THRESHOLDS.values() for one in doc["attrs"].get(name, ())]
    moments = [times.micros(times.parse(one["modifiedAt"])) for one in found if "modifiedAt" in one]
    heights = {level.name.lower(): height for level, height in thresholds.known()}
    facts = {**heights, "hysteresis": HYSTERESIS, "windowMinutes": WINDOW // 60_000_000}
    return Maker("limits", "flood.thresholds", at=max(moments, default=0), facts=facts)


def sighting_of(doc: EntityDoc | dict[str, Any]) -> tuple[int, float] | None:
    """Moment and height of the gauge's newest reading; None where it has none that is a number with a moment."""
    level, height = entities.instance_of(doc, entities.LEVEL), entities.number_at(doc, entities.LEVEL)
    if level is None or height is None or "observedAt" not in level:
        return None
    return times.micros(times.parse(level["observedAt"])), height


def title(river: str, name: str, level: Level, *, falling: bool = False) -> dict[str, str]:
    """The alert's title in ja and en."""
    ja, en = LEVEL_NAMES[level]
    here, there = f"{river} {name}".strip(), f"{name} ({river})" if river else name
    if level is Level.NORMAL:
        return {"ja": f"{here}：平常に戻りました", "en": f"{there}: back to normal"}
    if falling:
        return {"ja": f"{here}：{ja}の段階まで低下", "en": f"{there}: fallen to {en} level"}
    return {"ja": f"{here}：{ja}に到達", "en": f"{there}: reached {en} level"}


def facts(at: int, height: float, level: Level, thresholds: Thresholds, rate: Rate) -> dict[str, Any]:
    """The figures on the alert, as plain JSON values: microseconds, metres, metres per hour, minutes."""
    to_next = time_to_next(height, thresholds, rate)
    return {
        "at": at,
        "height": height,
        "threshold": thresholds.height(level) if level else None,
        "rateState": rate.state,
        "rate": rate.metres_per_hour if rate.state == "known" else None,
        "nextState": to_next.state,
        "nextLevel": None if to_next.level is None else int(to_next.level),
        "nextHeight": None if to_next.level is None else thresholds.height(to_next.level),
        "nextMinutes": to_next.minutes,
    }
