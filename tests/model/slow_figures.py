"""What aggregation gives, worked out in the most obvious way; imports nothing of the platform."""

from __future__ import annotations

import statistics
from typing import Any


def figures(points: list[tuple[int, Any]], origin: int, width: int, method: str) -> list[tuple[Any, int, int]]:
    """Value, beginning and end of each period that holds something; points are moments and numbers."""
    cut: dict[int, list[Any]] = {}
    for moment, value in sorted(points):
        cut.setdefault((moment - origin) // width, []).append(value)
    return [(figure(values, method), origin + n * width, origin + (n + 1) * width) for n, values in sorted(cut.items())]


def figure(values: list[Any], method: str) -> Any:
    if method == "totalCount":
        return len(values)
    if method == "distinctCount":
        return len(set(values))
    if method == "sum":
        return sum(values)
    if method == "avg":
        return statistics.fmean(values)
    if method == "min":
        return min(values)
    if method == "max":
        return max(values)
    if method == "stddev":
        return statistics.pstdev(values)
    return sum(value * value for value in values)
