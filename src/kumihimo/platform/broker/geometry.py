"""Relations and distances of GeoJSON geometries in memory: topology planar, distances geodesic on WGS84."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from kumihimo.base import jsontext
from kumihimo.platform.broker.models import GeoQuery

_GEOD = Geod(ellps="WGS84")
_RELATIONS: dict[str, Callable[[BaseGeometry, BaseGeometry], Any]] = {
    "equals": shapely.equals,
    "disjoint": shapely.disjoint,
    "intersects": shapely.intersects,
    "within": shapely.within,
    "contains": shapely.contains,
    "overlaps": shapely.overlaps,
}


@lru_cache(maxsize=4096)
def _read(text: str) -> BaseGeometry:
    return shapely.from_geojson(text)


def stands(value: Any, geo: GeoQuery) -> bool:
    """Whether the stored geometry stands in the query's relation; False for what is no geometry."""
    if not isinstance(value, dict):
        return False
    try:
        stored, asked = _read(jsontext.text(value)), _read(jsontext.text(geo.geometry))
        if geo.relation != "near":
            return bool(_RELATIONS[geo.relation](stored, asked))
        metres = distance(stored, asked)
    except shapely.GEOSException:
        return False
    below = geo.max_distance is None or metres <= geo.max_distance
    return below and (geo.min_distance is None or metres >= geo.min_distance)


def distance(one: BaseGeometry, other: BaseGeometry) -> float:
    """Metres between the geometries: exact between points, else between the points nearest in a local plane."""
    if one.geom_type == "Point" and other.geom_type == "Point":
        return float(_GEOD.inv(one.x, one.y, other.x, other.y)[2])
    if shapely.intersects(one, other):
        return 0.0
    # The plane is shrunk to the latitude of the nearest points, which the second round knows better.
    latitude = (one.centroid.y + other.centroid.y) / 2
    metres = math.inf
    for _ in range(3):
        scale = max(math.cos(math.radians(latitude)), 0.01)
        line = shapely.shortest_line(
            *(shapely.transform(shape, lambda at, by=scale: at * (by, 1.0)) for shape in (one, other))
        )
        start, end = shapely.get_point(line, [0, 1])
        metres = float(_GEOD.inv(start.x / scale, start.y, end.x / scale, end.y)[2])
        latitude = (start.y + end.y) / 2
    return metres
