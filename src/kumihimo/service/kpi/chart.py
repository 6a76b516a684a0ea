"""Where the dots of a chart of figures over time stand; the template draws them (SVG)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from kumihimo.service.kpi.effect import Point

WIDTH: Final = 640
HEIGHT: Final = 240
LEFT: Final = 64
RIGHT: Final = 12
TOP: Final = 12
BOTTOM: Final = 30
"""Pixels; the space around the dots holds the numbers and the days."""
_LABELS: Final = 4
_OF_DAYS: Final = timedelta(days=150) // timedelta(microseconds=1)
"""A chart of a shorter time names days, one of a longer time months: each of its labels says something else."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A figure's place; group: which of the series it belongs to."""

    x: float
    y: float
    group: int
    day: date
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """rows and columns: places with what is written there; cut: where the day stands, None where it is not shown."""

    dots: tuple[Dot, ...]
    rows: tuple[tuple[float, float], ...]
    columns: tuple[tuple[float, str], ...]
    cut: float | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def chart_of(groups: Sequence[Sequence[Point]], cut: int | None = None) -> Chart | None:
    """The dots of each group; None where there are none. cut in microseconds; the axis of values begins at 0 unless
    one lies below.
    """
    points = [one for group in groups for one in group]
    if not points:
        return None
    moments = [one.at for one in points] + ([cut] if cut is not None else [])
    first, last = min(moments), max(moments)
    low, high = min(0.0, *(one.value for one in points)), max(0.0, *(one.value for one in points))
    high = high if high > low else low + 1

    def x(at: int) -> float:
        share = (at - first) / (last - first) if last > first else 0.5
        return round(LEFT + 8 + share * (WIDTH - RIGHT - LEFT - 16), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP - 8), 1)

    dots = [Dot(x(one.at), y(one.value), index, one.day, one.value) for index, g in enumerate(groups) for one in g]
    values = [low + (high - low) * step / _LABELS for step in range(_LABELS + 1)]
    between = [first + (last - first) * step // _LABELS for step in range(_LABELS + 1)] if last > first else [first]
    form = "%Y-%m-%d" if last - first < _OF_DAYS else "%Y-%m"
    named = {Point(at, 0.0).day.strftime(form): x(at) for at in reversed(between)}
    return Chart(
        tuple(dots),
        tuple((y(value), value) for value in values),
        tuple((place, name) for name, place in reversed(named.items())),
        None if cut is None else x(cut),
    )
