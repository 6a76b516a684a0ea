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


_EARTH = 6_371_008.8
"""The mean radius of the earth in metres, for spherical distances."""


@lru_cache(maxsize=4096)
def _read(text: str) -> BaseGeometry:
    return repaired(shapely.from_geojson(text))


def read(value: dict[str, Any]) -> BaseGeometry:
    """The geometry of a GeoJSON object."""
    return _read(jsontext.text(value))


def repaired(shape: BaseGeometry) -> BaseGeometry:
    """The geometry itself, or where it crosses itself the valid one of the same lines: GeoJSON forbids it not, but
    relations are defined for valid ones only (clause 4.10).
    """
    return shape if shapely.is_valid(shape) else shapely.make_valid(shape)


def stands(value: Any, geo: GeoQuery) -> bool:
    """Whether the stored geometry stands in the query's relation; False for what is no geometry."""
    if not isinstance(value, dict):
        return False
    try:
        stored, asked = read(value), read(geo.geometry)
        if geo.relation != "near":
            return bool(_RELATIONS[geo.relation](stored, asked))
        metres = distance(stored, asked)
    except shapely.GEOSException:
        return False
    below = geo.max_distance is None or metres <= geo.max_distance
    return below and (geo.min_distance is None or metres > geo.min_distance)


def distance(one: BaseGeometry, other: BaseGeometry) -> float:
    """Metres between the geometries: exact between points, else between the points nearest in a local plane."""
    return _measured(one, other, _geodesic)


def haversine(one: BaseGeometry, other: BaseGeometry) -> float:
    """Metres between the geometries as distances are ordered: on a sphere (clause 4.23.1)."""
    return _measured(one, other, _spherical)


def _geodesic(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    return float(_GEOD.inv(lon, lat, other_lon, other_lat)[2])


def _spherical(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    up, aside = math.radians(other_lat - lat) / 2, math.radians(other_lon - lon) / 2
    part = math.sin(up) ** 2 + math.cos(math.radians(lat)) * math.cos(math.radians(other_lat)) * math.sin(aside) ** 2
    return 2 * _EARTH * math.asin(math.sqrt(min(1.0, part)))


def _measured(one: BaseGeometry, other: BaseGeometry, between: Callable[[float, float, float, float], float]) -> float:
    if one.geom_type == "Point" and other.geom_type == "Point":
        return math.inf if one.is_empty or other.is_empty else between(one.x, one.y, other.x, other.y)
    if one.is_empty or other.is_empty:
        return math.inf
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
        metres = between(start.x / scale, start.y, end.x / scale, end.y)
        latitude = (start.y + end.y) / 2
    return metres
