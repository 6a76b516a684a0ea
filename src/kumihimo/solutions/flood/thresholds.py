"""Levels, crossings, the rate of rise and what it means: pure arithmetic on readings.

Heights in metres, moments in microseconds, rates in metres per hour.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kumihimo.solutions.flood.models import Level, Thresholds

HOUR = 3_600_000_000
WINDOW = 90 * 60_000_000
"""The gauges report about once an hour, at irregular minutes: an hour's rise needs a window a little wider."""

SHORTEST = 10 * 60_000_000
HYSTERESIS = 0.10
"""A level is left only when the river stands this many metres below its threshold, so that waves raise no new alert."""

Point = tuple[int, float]
"""Moment and height."""


def level_of(height: float, thresholds: Thresholds) -> Level:
    """The highest level whose threshold is reached (>=); NORMAL below all, also where there are none."""
    reached = [level for level, limit in thresholds.known() if height >= limit]
    return max(reached, default=Level.NORMAL)


def held_level(height: float, before: int, thresholds: Thresholds) -> Level:
    """The level now, seen from the level before: rising counts at once, falling only below threshold - HYSTERESIS."""
    now = level_of(height, thresholds)
    if now >= before:
        return now
    held = [level for level, limit in thresholds.known() if level <= before and height > limit - HYSTERESIS]
    return max([now, *held])


@dataclass(frozen=True, slots=True)
class Crossing:
    """The river reached `level` (or passed several at once, up to it) between two readings."""

    at: int
    height: float
    before: Level
    level: Level


def crossings(points: Sequence[Point], thresholds: Thresholds) -> list[Crossing]:
    """Upward moves to a higher level, without hysteresis, in order of time; the first point crosses nothing."""
    found = []
    for (_, earlier), (at, height) in itertools.pairwise(points):
        before, level = level_of(earlier, thresholds), level_of(height, thresholds)
        if level > before:
            found.append(Crossing(at, height, before, level))
    return found


RateState = Literal["known", "too-few"]


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast the river rises; metres_per_hour is 0.0 and points hold what there was where state is too-few."""

    state: RateState
    metres_per_hour: float = 0.0
    points: tuple[Point, ...] = ()


def rate_of_rise(points: Sequence[Point], now: int) -> Rate:
    """The rise over the last hour's readings up to `now`: from the reading nearest to one hour before the newest.

    Too few where there is no other reading between 10 and 90 minutes before it.
    """
    recent = tuple(point for point in points if now - WINDOW <= point[0] <= now)
    if not recent or recent[-1][0] != now:
        return Rate("too-few", points=recent)
    newest_at, newest = recent[-1]
    earlier = [point for point in recent if newest_at - point[0] >= SHORTEST]
    if not earlier:
        return Rate("too-few", points=recent)
    start_at, start = min(earlier, key=lambda point: abs(newest_at - HOUR - point[0]))
    return Rate("known", round((newest - start) / ((newest_at - start_at) / HOUR), 3), recent)


ForecastState = Literal["known", "falling", "highest", "too-few"]


@dataclass(frozen=True, slots=True)
class ToNext:
    """When the next level would be reached at this rate: arithmetic, no flood forecast.

    minutes is None unless state is known; level is the next one that the gauge has, None at the highest.
    """

    state: ForecastState
    level: Level | None = None
    minutes: int | None = None


def time_to_next(height: float, thresholds: Thresholds, rate: Rate) -> ToNext:
    """Minutes until the next higher threshold at the given rate."""
    above = [(level, limit) for level, limit in thresholds.known() if limit > height]
    if not above:
        return ToNext("highest")
    level, limit = above[0]
    if rate.state == "too-few":
        return ToNext("too-few", level)
    if rate.metres_per_hour <= 0:
        return ToNext("falling", level)
    return ToNext("known", level, round((limit - height) / rate.metres_per_hour * 60))
