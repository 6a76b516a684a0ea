"""GeoJSON geometries (RFC 7946) as values of GeoProperties (clause 4.7): checked, never changed."""

from __future__ import annotations

import math
from typing import Any

from kumihimo.base.errors import BadRequestData

GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
MAX_POSITIONS = 10_000
MAX_NUMBER = 10**9
MAX_MEMBERS = 1_000
"""How many geometries a collection may hold."""


def looks_like_geometry(value: Any) -> bool:
    """Whether this is meant as a GeoJSON geometry: the concise form needs to tell it from other objects."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("type"), str)
        and value["type"] in GEOMETRIES
        and ("geometries" if value["type"] == "GeometryCollection" else "coordinates") in value
    )


def check_geometry(value: Any) -> dict[str, Any]:
    """The geometry itself; BadRequestData where it is none.

    Positions are [longitude, latitude] or [longitude, latitude, altitude] in degrees and metres, WGS84; rings are
    closed and have 4 positions or more; at most 10,000 positions in all. RFC 7946 does not forbid a polygon to cross
    itself: it is kept as it was given, and compared as the valid one of the same lines.
    """
    if not isinstance(value, dict):
        raise BadRequestData('a geometry is an object like {"type": "Point", "coordinates": [136.2, 36.1]}')
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in GEOMETRIES:
        raise BadRequestData(f"{str(kind)[:40]!r} is no GeoJSON geometry type")
    budget = [MAX_POSITIONS]
    if kind == "GeometryCollection":
        _check_collection(value.get("geometries"), budget)
    else:
        _check_coordinates(kind, value.get("coordinates"), budget)
    return value


def _check_collection(members: Any, budget: list[int]) -> None:
    if not isinstance(members, list) or len(members) > MAX_MEMBERS:
        raise BadRequestData(f"a GeometryCollection has an array of at most {MAX_MEMBERS} geometries")
    for member in members:
        kind = member.get("type") if isinstance(member, dict) else None
        if not isinstance(kind, str) or kind not in GEOMETRIES or kind == "GeometryCollection":
            raise BadRequestData("a GeometryCollection holds geometries, and no further collection")
        _check_coordinates(kind, member.get("coordinates"), budget)


def _check_coordinates(kind: str, coordinates: Any, budget: list[int]) -> None:
    if kind == "Point":
        _check_position(coordinates, budget)
    elif kind == "MultiPoint":
        _check_line(coordinates, budget, least=0)
    elif kind == "LineString":
        _check_line(coordinates, budget, least=2)
    elif kind == "MultiLineString":
        for line in _array(coordinates, kind):
            _check_line(line, budget, least=2)
    elif kind == "Polygon":
        _check_rings(coordinates, budget)
    else:
        for polygon in _array(coordinates, kind):
            _check_rings(polygon, budget)


def _array(value: Any, kind: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRequestData(f"coordinates of a {kind} are an array")
    return value


def _check_position(position: Any, budget: list[int]) -> None:
    budget[0] -= 1
    if budget[0] < 0:
        raise BadRequestData(f"the geometry has more than {MAX_POSITIONS} positions")
    if not isinstance(position, list) or len(position) not in (2, 3):
        raise BadRequestData("a position is [longitude, latitude] or [longitude, latitude, altitude]")
    for number in position:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise BadRequestData("a position consists of finite numbers")
        # Integers may be too large to be a float at all: compared first.
        if abs(number) > MAX_NUMBER or not math.isfinite(number):
            raise BadRequestData("a position consists of finite numbers")
    if abs(position[0]) > 180 or abs(position[1]) > 90:
        raise BadRequestData(
            f"{position[:2]} is no position: longitude comes first (-180 to 180), then latitude (-90 to 90)"
        )


def _check_line(line: Any, budget: list[int], *, least: int, what: str = "line") -> None:
    positions = _array(line, what)
    if len(positions) < least:
        raise BadRequestData(f"a {what} has {least} positions or more")
    for position in positions:
        _check_position(position, budget)


def _check_rings(rings: Any, budget: list[int]) -> None:
    if not _array(rings, "Polygon"):
        raise BadRequestData("a polygon has an outer ring")
    for ring in rings:
        _check_line(ring, budget, least=4, what="ring")
        if ring[0] != ring[-1]:
            raise BadRequestData("a ring of a polygon ends where it begins: repeat the first position at the end")
