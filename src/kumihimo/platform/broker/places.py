"""From the text of a request to the typed geo-query (clause 4.10)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, cast, get_args

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, InvalidRequest
from kumihimo.platform.broker.models import GeoQuery, GeoRelation
from kumihimo.platform.jsonld.geojson import check_geometry
from kumihimo.platform.jsonld.models import NGSI_LD

Expand = Callable[[str], str]

_DISTANCE = re.compile(r"(maxDistance|minDistance)==(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\Z", re.ASCII)
_GEOMETRIES = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"})
_RELATIONS = tuple(relation for relation in get_args(GeoRelation) if relation != "near")
_FARTHEST = 40_100_000.0


def parse_geo(georel: str, geometry: str, coordinates: str | list[Any], geoproperty: str, expand: Expand) -> GeoQuery:
    """The geo-query (clause 4.10) of georel, geometry's type, its coordinates (JSON text or list) and the property.

    Raises BadRequestData where one is missing or broken; geoproperty "" is `location`.
    """
    missing = [
        name
        for name, given in (("georel", georel), ("geometry", geometry), ("coordinates", coordinates))
        if given in ("", None)
    ]
    if missing:
        raise BadRequestData(f"a geo-query needs georel, geometry and coordinates; {', '.join(missing)} is missing")
    shape = parse_geometry(geometry, coordinates)
    name = expand(geoproperty) if geoproperty else NGSI_LD + "location"
    relation, _, modifier = georel.partition(";")
    if relation == "near":
        return _near(modifier, shape, name)
    if relation not in _RELATIONS or modifier:
        raise BadRequestData(
            f"georel {georel[:60]!r} is none of {', '.join(_RELATIONS)}, near;maxDistance==N, near;minDistance==N"
        )
    return GeoQuery(cast("GeoRelation", relation), shape, name)


def parse_geometry(kind: str, coordinates: str | list[Any]) -> dict[str, Any]:
    """The GeoJSON geometry of its type and its coordinates (JSON text or list); BadRequestData where it is none."""
    if kind not in _GEOMETRIES:
        raise BadRequestData(f"geometry {kind[:40]!r} is none of {', '.join(sorted(_GEOMETRIES))}")
    return check_geometry({"type": kind, "coordinates": _coordinates(coordinates)})


def _coordinates(given: str | Iterable[Any]) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return jsontext.loads(given.encode("utf-8", "surrogatepass"))
    except InvalidRequest as problem:
        raise BadRequestData(f"coordinates are not a JSON array: {problem.detail}") from problem


def _near(modifier: str, shape: dict[str, Any], name: str) -> GeoQuery:
    found = _DISTANCE.match(modifier)
    if found is None or not 0 < float(found[2]) < math.inf:
        raise BadRequestData(
            "near needs one distance above 0 in metres: near;maxDistance==1000 or near;minDistance==1000"
        )
    metres = min(float(found[2]), _FARTHEST)
    if found[1] == "maxDistance":
        return GeoQuery("near", shape, name, max_distance=metres)
    return GeoQuery("near", shape, name, min_distance=metres)
