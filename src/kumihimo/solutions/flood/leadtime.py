"""The KPI of the wing: how long a town had between 水防団待機 and はん濫危険, per gauge and event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from kumihimo.base import times
from kumihimo.base.times import JST
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, Query, Restriction
from kumihimo.platform.history.query import History
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.kpi.models import Definition, Figure, FigureState, Lineage
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.models import Level, Thresholds
from kumihimo.solutions.flood.thresholds import Point, held_level, level_of

MINUTE = 60_000_000
ALL_TIME = (0, 4_102_444_800_000_000)
MAX_READINGS = 10_000

LEAD_TIME = Definition(
    id="flood.lead-time",
    title={
        "ja": "「水防団待機水位」から「はん濫危険水位」までの時間",
        "en": "Lead time from stand-by to flood danger",
    },
    method={
        "ja": "出来事ごとに、水防団待機水位以上になった最初の観測から、はん濫危険水位以上になった最初の観測までの時間。"
        "観測はおよそ1時間ごとなので、実際の時刻は一つ前の観測との間にある。",
        "en": "Per event: from the first reading at or above the stand-by level to the first at or above the flood "
        "danger level. Readings come about once an hour, so each true moment lies between that reading and the one "
        "before.",
    },
    unit={"ja": "分", "en": "min"},
    type=entities.GAUGE,
    attributes=(
        entities.LEVEL,
        entities.THRESHOLDS["standby"],
        entities.THRESHOLDS["danger"],
        entities.NAME,
        entities.RIVER,
        entities.SIMULATED,
    ),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One rise above the stand-by level. before_* are the readings just before a crossing; danger is None where
    the danger level was not reached. state is too-few where the readings begin above the stand-by level.
    """

    state: FigureState
    standby: Point
    before_standby: Point | None
    peak: Point
    danger: Point | None = None
    before_danger: Point | None = None

    def minutes(self) -> float | None:
        """The lead time, None unless state is known."""
        if self.state != "known" or self.danger is None:
            return None
        return (self.danger[0] - self.standby[0]) / MINUTE


def events(points: Sequence[Point], thresholds: Thresholds) -> list[Event]:
    """The events in a gauge's readings (ascending); needs both thresholds, otherwise there are none.

    An event ends when the river has fallen below the stand-by level by the hysteresis.
    """
    if thresholds.standby is None or thresholds.danger is None:
        return []
    outer = Thresholds(standby=thresholds.standby)
    found: list[list[Point]] = []
    firsts: list[int] = []
    held = Level.NORMAL
    for index, (_, height) in enumerate(points):
        before, held = held, held_level(height, held, outer)
        if held and not before:
            found.append([])
            firsts.append(index)
        if held:
            found[-1].append(points[index])
    return [
        _event(run, points[first - 1] if first else None, thresholds) for run, first in zip(found, firsts, strict=True)
    ]


def _event(run: Sequence[Point], before: Point | None, thresholds: Thresholds) -> Event:
    peak = max(run, key=lambda point: point[1])
    reached = [index for index, (_, height) in enumerate(run) if level_of(height, thresholds) >= Level.DANGER]
    danger = run[reached[0]] if reached else None
    before_danger = None
    if reached:
        before_danger = run[reached[0] - 1] if reached[0] else before
    state: FigureState = "too-few" if before is None else "known" if danger else "not-reached"
    return Event(state, run[0], before, peak, danger, before_danger)


class LeadTimes:
    """Makes the figures of a tenant from its history; a source for `service.kpi`."""

    def __init__(self, broker: Broker, history: History) -> None:
        self._broker = broker
        self._history = history

    async def __call__(self, tenant: str, restriction: Restriction) -> list[Figure]:
        """One figure per gauge among these and event; training gauges and those without both thresholds have none."""
        query = Query(restriction, ALL_ATTRIBUTES, types=entities.GAUGE, limit=1000)
        found = await self._broker.find(tenant, query)
        return [figure for doc in found.entities for figure in await self._figures(tenant, doc)]

    async def _figures(self, tenant: str, doc: EntityDoc) -> list[Figure]:
        thresholds = entities.thresholds_of(doc)
        if (
            thresholds.standby is None
            or thresholds.danger is None
            or entities.value_of(doc, entities.SIMULATED) is True
        ):
            return []
        points = await self._history.points(tenant, doc["id"], entities.LEVEL, *ALL_TIME, MAX_READINGS)
        heights = [(at, float(value)) for at, value in points if entities.is_number(value)]
        return [_figure(doc, event) for event in events(heights, thresholds)]


def _figure(doc: EntityDoc, event: Event) -> Figure:
    number = entities.number_of(doc["id"])
    name, river = entities.text_at(doc, entities.NAME) or doc["id"], entities.text_at(doc, entities.RIVER)
    day = times.from_micros(event.standby[0]).astimezone(JST).strftime("%Y-%m-%d %H:%M")
    return Figure(
        id=f"{LEAD_TIME.id}.{number}.{event.standby[0] // MINUTE}",
        kpi=LEAD_TIME.id,
        subject=doc["id"],
        label={
            "ja": f"{river} {name}（{day}〜）".lstrip(),
            "en": f"{name} ({river}), from {day} JST" if river else f"{name}, from {day} JST",
        },
        at=event.standby[0],
        state=event.state,
        value=event.minutes(),
        lineage=_lineage(doc["id"], event),
        href=f"/flood/gauges/{quote(number, safe='')}",
        note=_note(event),
    )


def _lineage(entity_id: str, event: Event) -> tuple[Lineage, ...]:
    parts = (
        (event.before_standby, {"ja": "水防団待機水位の前の観測", "en": "last reading below stand-by"}),
        (event.standby, {"ja": "水防団待機水位に到達", "en": "stand-by level reached"}),
        (event.before_danger, {"ja": "はん濫危険水位の前の観測", "en": "last reading below danger"}),
        (event.danger, {"ja": "はん濫危険水位に到達", "en": "flood danger level reached"}),
        (event.peak, {"ja": "最高水位", "en": "highest reading"}),
    )
    return tuple(
        Lineage(entity_id, entities.LEVEL, "waterLevel", point[0], point[1], "m", role)
        for point, role in parts
        if point is not None
    )


def _note(event: Event) -> dict[str, str] | None:
    if event.state == "too-few":
        return {
            "ja": "観測が水防団待機水位より上から始まるため、到達時刻が分からない",
            "en": "the readings begin above the stand-by level: when it was reached is not known",
        }
    if event.state == "not-reached":
        return {"ja": "はん濫危険水位には達していない", "en": "the flood danger level was not reached"}
    return None
