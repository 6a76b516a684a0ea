"""The map's schematic background, where no map tiles are allowed: rivers and towns made of the gauges alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kumihimo.solutions.flood.tenants import short_name
from kumihimo.solutions.flood.views import GaugeRow

Point = list[float]
STEPS = 8
"""Pieces of the curve between two gauges."""


def base_map(rows: Sequence[GaugeRow], lang: str = "ja") -> dict[str, Any]:
    """A schematic picture (模式図) made of the gauge list alone: each river as a smooth line joining its gauges in
    order of gauge zero, towns as names in the middle of their gauges, a graticule of a quarter degree. No survey data.
    """
    return {"type": "FeatureCollection", "features": [*_graticule(rows), *_rivers(rows), *_towns(rows, lang)]}


def _feature(kind: str, geometry: str, coordinates: Any, name: str = "") -> dict[str, Any]:
    properties = {"kind": kind, "schematic": True} | ({"name": name} if name else {})
    return {"type": "Feature", "properties": properties, "geometry": {"type": geometry, "coordinates": coordinates}}


def _rivers(rows: Sequence[GaugeRow]) -> list[dict[str, Any]]:
    by_river: dict[str, list[GaugeRow]] = {}
    for row in rows:
        # A zero of 0 is how the list writes "not known"; such a gauge says nothing about its place along the river.
        if row.zero:
            by_river.setdefault(row.river, []).append(row)
    features = []
    for river, found in sorted(by_river.items()):
        line = [[row.lon, row.lat] for row in sorted(found, key=lambda row: (-(row.zero or 0.0), row.number))]
        if len(line) > 1:
            features.append(_feature("river", "LineString", _smooth(line), river))
    return features


def _smooth(line: Sequence[Point]) -> list[Point]:
    """A curve through the same points (a Catmull-Rom spline); it bends more gently, and says nothing more."""
    ends = [line[0], *line, line[-1]]
    found = [line[0]]
    for before, start, end, after in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        found += [_between(before, start, end, after, step / STEPS) for step in range(1, STEPS)]
        found.append(end)
    return found


def _between(before: Point, start: Point, end: Point, after: Point, part: float) -> Point:
    """The point at `part` (0 to 1) of the way from start to end. The tangents are halved: gauges stand far apart, and
    a full one would swing out into what looks like a bend that was surveyed.
    """
    square, cube = part**2, part**3
    weights = (2 * cube - 3 * square + 1, cube - 2 * square + part, 3 * square - 2 * cube, cube - square)
    return [
        round(
            weights[0] * start[axis]
            + weights[1] * (end[axis] - before[axis]) / 4
            + weights[2] * end[axis]
            + weights[3] * (after[axis] - start[axis]) / 4,
            6,
        )
        for axis in (0, 1)
    ]


def _towns(rows: Sequence[GaugeRow], lang: str) -> list[dict[str, Any]]:
    by_town: dict[str, list[GaugeRow]] = {}
    for row in rows:
        if not row.training:
            by_town.setdefault(row.town, []).append(row)
    return [
        _feature(
            "place",
            "Point",
            [
                round(sum(row.lon for row in found) / len(found), 5),
                round(sum(row.lat for row in found) / len(found), 5),
            ],
            short_name(town, lang),
        )
        for town, found in sorted(by_town.items())
        if town
    ]


def _graticule(rows: Sequence[GaugeRow]) -> list[dict[str, Any]]:
    if not rows:
        return []
    west, east = math.floor(min(row.lon for row in rows)) - 1, math.ceil(max(row.lon for row in rows)) + 1
    south, north = math.floor(min(row.lat for row in rows)) - 1, math.ceil(max(row.lat for row in rows)) + 1
    meridians = [west + step / 4 for step in range((east - west) * 4 + 1)]
    parallels = [south + step / 4 for step in range((north - south) * 4 + 1)]
    return [
        *(_feature("graticule", "LineString", [[lon, south], [lon, north]]) for lon in meridians),
        *(_feature("graticule", "LineString", [[west, lat], [east, lat]]) for lat in parallels),
    ]
