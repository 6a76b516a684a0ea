"""Geometries: what is taken and what is not."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.geojson import MAX_POSITIONS, check_geometry

SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
HOLE = [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]
BOW = [[0, 0], [4, 4], [4, 0], [0, 4], [0, 0]]


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": [136.2, 36.1]},
        {"type": "Point", "coordinates": [-180, 90, 12.5]},
        {"type": "MultiPoint", "coordinates": []},
        {"type": "MultiPoint", "coordinates": [[0, 0], [1, 1]]},
        {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
        {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]},
        {"type": "Polygon", "coordinates": [SQUARE]},
        # RFC 7946 does not forbid these: crossing itself, a hole like that, no area at all, one inside the other.
        {"type": "Polygon", "coordinates": [BOW]},
        {"type": "Polygon", "coordinates": [SQUARE, BOW]},
        {"type": "Polygon", "coordinates": [[[0, 0]] * 4]},
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [HOLE]]},
        {"type": "Polygon", "coordinates": [SQUARE, HOLE]},
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [[[10, 10], [11, 10], [11, 11], [10, 10]]]]},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 0]}]},
    ],
)
def test_geometries_are_given_back_as_they_are(geometry: dict[str, Any]) -> None:
    assert check_geometry(geometry) is geometry


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (None, "an object"),
        ("POINT(1 1)", "an object"),
        ({}, "no GeoJSON"),
        ({"type": ["Point"]}, "no GeoJSON"),
        ({"type": "Circle", "coordinates": [0, 0]}, "no GeoJSON"),
        ({"type": "Feature"}, "no GeoJSON"),
        ({"type": "Point"}, "a position is"),
        ({"type": "Point", "coordinates": [0]}, "a position is"),
        ({"type": "Point", "coordinates": [0, 0, 0, 0]}, "a position is"),
        ({"type": "Point", "coordinates": ["0", 0]}, "finite numbers"),
        ({"type": "Point", "coordinates": [0, 0, 10**400]}, "finite numbers"),
        ({"type": "Point", "coordinates": [True, 0]}, "finite numbers"),
        ({"type": "Point", "coordinates": [math.nan, 0]}, "finite numbers"),
        ({"type": "Point", "coordinates": [0, 0, math.inf]}, "finite numbers"),
        ({"type": "Point", "coordinates": [36.1, 136.2]}, "longitude comes first"),
        ({"type": "Point", "coordinates": [181, 0]}, "longitude comes first"),
        ({"type": "LineString", "coordinates": [[0, 0]]}, "a line has 2"),
        ({"type": "LineString", "coordinates": 5}, "an array"),
        ({"type": "MultiLineString", "coordinates": [5]}, "an array"),
        ({"type": "Polygon", "coordinates": []}, "outer ring"),
        ({"type": "Polygon", "coordinates": [SQUARE[:3]]}, "a ring has 4"),
        ({"type": "Polygon", "coordinates": [SQUARE[:4]]}, "ends where it begins"),
        ({"type": "GeometryCollection"}, "array of at most"),
        (
            {"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection", "geometries": []}]},
            "no further",
        ),
        ({"type": "GeometryCollection", "geometries": [5]}, "no further"),
        ({"type": "MultiPoint", "coordinates": [[0, 0]] * (MAX_POSITIONS + 1)}, "more than 10000"),
    ],
)
def test_what_is_no_geometry(geometry: Any, words: str) -> None:
    with pytest.raises(BadRequestData, match=words):
        check_geometry(geometry)


numbers = st.floats() | st.integers(-200, 200) | st.none() | st.booleans()
nested = st.recursive(numbers, lambda inner: st.lists(inner, max_size=5), max_leaves=20)


@given(st.sampled_from(["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]), nested)
def test_no_coordinates_break_the_check(kind: str, coordinates: Any) -> None:
    with contextlib.suppress(BadRequestData):
        check_geometry({"type": kind, "coordinates": coordinates})
