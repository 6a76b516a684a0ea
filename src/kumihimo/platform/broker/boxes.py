"""Boxes around what a geographic query can find, so that the index is asked before the geometry."""

from __future__ import annotations

import math

from kumihimo.platform.broker.models import GeoQuery
from kumihimo.platform.broker.store import bounds

Box = tuple[float, float, float, float]
_METRES_PER_DEGREE = 110_500.0
"""A little less than the shortest degree of a meridian (110,574 m), so that the box is never too small."""
_POLAR = 88.0


def box_of(geo: GeoQuery) -> Box | None:
    """Min lon, min lat, max lon, max lat outside of which nothing is found; None where there is no such box."""
    if geo.relation == "disjoint" or (geo.relation == "near" and geo.max_distance is None):
        return None
    box = bounds(geo.geometry)
    if box is None or geo.max_distance is None:
        return box
    return _widened(box, geo.max_distance)


def _widened(box: Box, metres: float) -> Box:
    up = metres / _METRES_PER_DEGREE
    south, north = box[1] - up, box[3] + up
    furthest = max(abs(south), abs(north))
    if furthest > _POLAR:
        return -360.0, south, 360.0, north
    aside = up / math.cos(math.radians(furthest)) * 1.01
    west, east = box[0] - aside, box[2] + aside
    if west < -180.0 or east > 180.0:
        return -360.0, south, 360.0, north
    return west, south, east, north
