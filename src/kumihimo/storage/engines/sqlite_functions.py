"""Functions that SQLite does not have: patterns by RE2, topology by GEOS, distance by PROJ's geodesics.

All are deterministic and answer NULL for NULL. Topology is planar in lon/lat, distance geodesic on WGS84.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import apsw
import numpy as np
import re2
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

_GEOD = Geod(ellps="WGS84")
_RELATIONS: dict[str, Callable[[BaseGeometry, BaseGeometry], Any]] = {
    "equals": shapely.equals,
    "disjoint": shapely.disjoint,
    "intersects": shapely.intersects,
    "within": shapely.within,
    "contains": shapely.contains,
    "overlaps": shapely.overlaps,
}
_INVERSE = {"within": "contains", "contains": "within"}


@lru_cache(maxsize=1024)
def _pattern(source: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(source, options)


def matches_pattern(text: str | None, pattern: str | None) -> bool | None:
    """Whether the pattern is found anywhere in the text."""
    if text is None or pattern is None:
        return None
    return _pattern(pattern).search(text) is not None


@lru_cache(maxsize=65536)
def _stored(text: str) -> BaseGeometry:
    """The geometry; one that crosses itself as the valid one of the same lines, for which relations are defined."""
    geometry = shapely.from_geojson(text)
    return geometry if shapely.is_valid(geometry) else shapely.make_valid(geometry)


@lru_cache(maxsize=256)
def _asked(text: str) -> BaseGeometry:
    """The geometry of a query, prepared: it is compared with many."""
    geometry = _stored(text)
    shapely.prepare(geometry)
    return geometry


def geo_relation(stored: str | None, relation: str, asked: str | None) -> bool | None:
    """Whether the stored geometry stands in the relation to the asked one; NULL where GEOS cannot say."""
    if stored is None or asked is None:
        return None
    # GEOS uses the preparation of the first argument only, so the asked one goes first.
    ask = _RELATIONS[_INVERSE.get(relation, relation)]
    try:
        return bool(ask(_asked(asked), _stored(stored)))
    except shapely.GEOSException:
        return None


def geo_distance(stored: str | None, asked: str | None) -> float | None:
    """Metres between the two geometries; 0 where they touch."""
    if stored is None or asked is None:
        return None
    try:
        return _distance(_stored(stored), _asked(asked))
    except shapely.GEOSException:
        return None


def _distance(one: BaseGeometry, other: BaseGeometry) -> float | None:
    if one.is_empty or other.is_empty:
        return None
    if one.geom_type == "Point" and other.geom_type == "Point":
        return float(_GEOD.inv(one.x, one.y, other.x, other.y)[2])
    # Lines that meet in the plane need not meet on the earth, where an edge is no straight line of longitude and
    # latitude; with an area, what lies in it is in both.
    if max(shapely.get_dimensions([one, other])) == 2 and shapely.intersects(other, one):
        return 0.0
    lon, lat = shapely.shortest_line(one, other).interpolate(0.5, normalized=True).coords[0]
    metres = 0.0
    for _ in range(2):  # the first pass finds roughly where the two are near, the second measures there
        start, end = _nearest(one, other, lon, lat)
        azimuth, _back, metres = _GEOD.inv(*start, *end)
        lon, lat, _back = _GEOD.fwd(*start, azimuth, metres / 2)
    return float(metres)


def _nearest(one: BaseGeometry, other: BaseGeometry, lon: float, lat: float) -> list[tuple[float, float]]:
    """The nearest points, lon/lat, found in the azimuthal-equidistant plane around a point: there, edges near the
    point are as straight as on the ellipsoid.
    """

    def flatten(points: Any) -> Any:
        count = len(points)
        azimuth, _back, metres = _GEOD.inv([lon] * count, [lat] * count, points[:, 0], points[:, 1])
        angle = np.radians(azimuth)
        return np.column_stack((metres * np.sin(angle), metres * np.cos(angle)))

    ends = shapely.shortest_line(shapely.transform(one, flatten), shapely.transform(other, flatten)).coords
    return [_GEOD.fwd(lon, lat, math.degrees(math.atan2(x, y)), math.hypot(x, y))[:2] for x, y in ends]


def register(connection: apsw.Connection) -> None:
    """Gives the functions to a connection."""
    functions: tuple[tuple[str, Callable[..., Any], int], ...] = (
        ("matches_pattern", matches_pattern, 2),
        ("geo_relation", geo_relation, 3),
        ("geo_distance", geo_distance, 2),
    )
    for name, function, count in functions:
        connection.create_scalar_function(name, function, count, deterministic=True)
