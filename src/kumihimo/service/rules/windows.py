"""Figures over a window of the past; pure. A point is a moment in microseconds and a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kumihimo.service.rules.definition import Figure

MINUTE: Final = 60_000_000
HOUR: Final = 3_600_000_000
Point = tuple[int, Any]


def within(points: Sequence[Point], at: int, minutes: int) -> list[Point]:
    """Those of the minutes up to and with `at`; the moment at which they begin is outside."""
    return [one for one in points if at - minutes * MINUTE < one[0] <= at]


def figure_of(figure: Figure, points: Sequence[Point]) -> float | None:
    """The figure of the points of one window, ascending by moment; None where they are too few to have one."""
    if figure == "count":
        return float(len(points))
    numbers = [(moment, float(value)) for moment, value in points if is_number(value)]
    values = [value for _, value in numbers]
    if not values:
        return None
    if figure == "least":
        return min(values)
    if figure == "most":
        return max(values)
    if figure == "mean":
        return sum(values) / len(values)
    return _per_hour(numbers) if figure == "rate" else _slope(numbers)


def is_number(value: Any) -> bool:
    """Whether it can be counted with; a truth value cannot."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _per_hour(numbers: Sequence[tuple[int, float]]) -> float | None:
    (first, start), (last, end) = numbers[0], numbers[-1]
    return None if last == first else (end - start) * HOUR / (last - first)


def _slope(numbers: Sequence[tuple[int, float]]) -> float | None:
    """By least squares, per hour; moments are measured from the first, so that they stay small."""
    start = numbers[0][0]
    hours = [(moment - start) / HOUR for moment, _ in numbers]
    middle = sum(hours) / len(hours)
    spread = sum((hour - middle) ** 2 for hour in hours)
    if spread == 0:
        return None
    level = sum(value for _, value in numbers) / len(numbers)
    return sum((hour - middle) * (value - level) for hour, (_, value) in zip(hours, numbers, strict=True)) / spread
