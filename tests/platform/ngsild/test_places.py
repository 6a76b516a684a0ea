"""Geo-queries (clauses 4.10 and 5.7.2), on both engines."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import Client, place

CREATE = "/entityOperations/create"
LINE = {"type": "LineString", "coordinates": [[136.0, 36.0], [136.4, 36.0]]}
AREA = {"type": "Polygon", "coordinates": [[[136.1, 35.9], [136.3, 35.9], [136.3, 36.1], [136.1, 36.1], [136.1, 35.9]]]}
BOXES = {
    "type": "MultiPolygon",
    "coordinates": [AREA["coordinates"], [[[137, 35], [138, 35], [138, 36], [137, 36], [137, 35]]]],
}


def shape(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": value, **more}


@pytest.fixture
async def map_(any_client: Client) -> Client:
    spots: dict[int, dict[str, Any]] = {
        1: {"location": place(136.2, 36.0)},
        2: {"location": place(136.4, 36.0)},
        3: {"location": [place(140, 40), {**place(136.21, 36.0), "datasetId": "urn:d:1"}]},
        4: {"location": shape(LINE), "observationSpace": shape(AREA)},
        5: {"location": shape(AREA)},
        6: {"home": place(136.2, 36.0), "location": place(137.5, 35.5)},
        7: {"home": {"type": "Property", "value": "by the river"}},
        8: {"name": "nowhere"},
    }
    batch = [{"id": f"urn:s:{number}", "type": "Spot", **attrs} for number, attrs in spots.items()]
    assert (await any_client("POST", CREATE, batch)).status == 201
    return any_client


POINT = ("Point", [136.2, 36.0])
FOUND: list[tuple[str, str, Any, str, str]] = [
    ("near;maxDistance==1000", *POINT, "", "1345"),
    ("near;maxDistance==10", *POINT, "", "15"),
    ("near;maxDistance==20000", *POINT, "", "12345"),
    ("near;minDistance==1000", *POINT, "", "236"),
    ("within", "Polygon", AREA["coordinates"], "", "135"),
    ("contains", *POINT, "", "145"),
    ("intersects", "LineString", LINE["coordinates"], "", "12345"),
    ("intersects", "MultiPoint", [[136.2, 36.0], [137.5, 35.5]], "", "1456"),
    ("intersects", "MultiLineString", [LINE["coordinates"], [[137.5, 35], [137.5, 36]]], "", "123456"),
    ("within", "MultiPolygon", BOXES["coordinates"], "", "1356"),
    ("disjoint", "MultiPolygon", BOXES["coordinates"], "", "23"),
    ("disjoint", "Polygon", AREA["coordinates"], "", "236"),
    ("equals", *POINT, "", "1"),
    ("equals", "LineString", LINE["coordinates"][::-1], "", "4"),
    ("equals", "Polygon", AREA["coordinates"], "", "5"),
    ("overlaps", "Polygon", [[[136.2, 35.9], [137, 35.9], [137, 36.1], [136.2, 36.1], [136.2, 35.9]]], "", "5"),
    ("near;maxDistance==1000", *POINT, "home", "6"),
    ("contains", *POINT, "observationSpace", "4"),
    ("near;maxDistance==1000", *POINT, "name", ""),
]


async def test_what_a_geo_query_finds(map_: Client) -> None:
    """Of several instances any may stand there; what has no geometry, or none of this name, is not found."""
    for georel, geometry, coordinates, name, numbers in FOUND:
        asked = {"georel": georel, "geometry": geometry, "coordinates": json.dumps(coordinates)}
        asked |= {"geoproperty": name} if name else {}
        found = await map_("GET", "/entities", query={"type": "Spot", **asked})
        assert found.status == 200, (asked, found.body)
        assert "".join(one["id"][-1] for one in found.json) == numbers, asked
        body = {"type": "Query", "geoQ": {**asked, "coordinates": coordinates}}
        assert (await map_("POST", "/entityOperations/query", body)).json == found.json, asked


async def test_a_geo_query_alone_narrows_enough(map_: Client) -> None:
    found = await map_("GET", "/entities", query="georel=contains&geometry=Point&coordinates=[136.2,36]&count=true")
    assert (len(found.json), found.header("ngsild-results-count")) == (3, "3")
    both = await map_(
        "GET", "/entities", query="georel=contains&geometry=Point&coordinates=[136.2,36]&q=observationSpace"
    )
    assert [one["id"] for one in both.json] == ["urn:s:4"]


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates"),
    [
        ("near;maxDistance==0", "Point", "[1,2]"),
        ("near;maxDistance==-5", "Point", "[1,2]"),
        ("near;minDistance==0", "Point", "[1,2]"),
        ("near;minDistance==-5", "Point", "[1,2]"),
        ("near;maxDistance==abc", "Point", "[1,2]"),
        ("near;maxDistance=5", "Point", "[1,2]"),
        ("near;distance==5", "Point", "[1,2]"),
        ("near", "Point", "[1,2]"),
        ("near;maxDistance==5;minDistance==1", "Point", "[1,2]"),
        ("within;maxDistance==5", "Point", "[1,2]"),
        ("intersects", "GeometryCollection", "[[1,2]]"),
        ("intersects", "point", "[1,2]"),
        ("intersects", "Polygon", "[[[0,0],[1,0],[1,1]]]"),
        ("intersects", "Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]"),
        ("intersects", "LineString", "[[0,0]]"),
        ("intersects", "Point", "[[0,0]]"),
        ("intersects", "Point", "[0]"),
        ("intersects", "Point", "[190,0]"),
        ("intersects", "Point", "0,0"),
        ("intersects", "Point", ""),
        ("intersects", "", "[1,2]"),
        ("", "Point", "[1,2]"),
        ("Intersects", "Point", "[1,2]"),
    ],
)
async def test_a_geo_query_that_is_none(client: Client, georel: str, geometry: str, coordinates: str) -> None:
    query = f"type=Spot&georel={quote(georel)}&geometry={geometry}&coordinates={coordinates}"
    assert (await client("GET", "/entities", query=query)).kind == "BadRequestData"
    geo = {"georel": georel, "geometry": geometry, "coordinates": coordinates}
    body = {"type": "Query", "entities": [{"type": "Spot"}], "geoQ": geo}
    assert (await client("POST", "/entityOperations/query", body)).kind == "BadRequestData"


async def test_a_geoproperty_needs_a_geo_query(client: Client) -> None:
    assert (await client("GET", "/entities", query="type=Spot&geoproperty=location")).kind == "BadRequestData"
    near = "georel=near;maxDistance==5&geometry=Point&coordinates=[1,2]"
    assert (await client("GET", "/entities", query=f"type=Spot&{near}&geoproperty=a b")).kind == "BadRequestData"
