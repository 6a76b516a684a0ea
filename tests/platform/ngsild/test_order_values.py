"""Orders by values of every kind (clause 4.23), on both engines."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import Client, place

CREATE = "/entityOperations/create"


def typed(kind: str, text: str) -> dict[str, Any]:
    return {"value": {"@type": kind, "@value": text}}


def link(*targets: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": targets[0] if len(targets) == 1 else list(targets)}


ROWS: dict[int, dict[str, Any]] = {
    1: {"any": True, "begin": typed("DateTime", "2026-01-01T00:00:00.5Z"), "on": link("urn:b"), "n": 1, "m": 2},
    2: {"any": typed("DateTime", "2026-01-01T00:00:00Z"), "begin": typed("DateTime", "2026-01-01T00:00:00Z"), "n": 1},
    3: {
        "any": {"value": {"a": 1}},
        "begin": typed("DateTime", "2025-12-31T23:59:59.999Z"),
        "on": link("urn:a"),
        "m": 1,
    },
    4: {"any": "text", "spot": place(0, 60), "n": 2, "m": 2},
    5: {"any": typed("Time", "10:00:00Z"), "spot": place(1.9, 0), "n": 2, "m": 1},
    6: {"any": typed("Date", "2026-01-01"), "spot": place(0, 2), "name": "Éclair"},
    7: {"any": {"value": {"@type": "@json", "@value": None}}, "spot": {"value": 5}, "name": "eclair"},
    8: {"any": 5, "on": link("urn:c"), "name": "Zebra", "level": {"value": 1, "by": {"value": 3}}},
    9: {"any": [1], "name": "éclair", "level": {"value": 2, "by": {"value": 1, "observedAt": "2026-01-01T00:00:00Z"}}},
}
"""Number 0 has nothing of all this."""


@pytest.fixture
async def rows(any_client: Client) -> Client:
    batch = [{"id": f"urn:o:{number}", "type": "Row", **ROWS.get(number, {"rest": 1})} for number in range(9, -1, -1)]
    assert (await any_client("POST", CREATE, batch)).status == 201
    return any_client


FROM = "&orderFrom=[0,0]"
ORDERS: list[tuple[str, str]] = [
    # Number, text, object, array, flag, time, date, date-time, null; last what is not there.
    ("any", "8439156270"),
    ("any;asc", "8439156270"),
    ("any;desc", "2651934870"),
    ("begin,id", "321"),
    ("begin;desc,id", "123"),
    ("on,id", "318"),
    ("on;desc,id", "813"),
    ("n,m;desc", "12"),
    ("n;desc,m", "5412"),
    ("n;asc,m;asc,id;desc", "1254"),
    ("level.by,id", "98"),
    ("level.by;desc,id", "89"),
    ("level.by.observedAt,id", "9"),
    ("any[a],id", "3"),
    ("id", "0123456789"),
    ("id;desc", "9876543210"),
    ("nothing,id;desc", "9876543210"),
    # The root collation: accents before case, both behind the letters.
    ("name,id", "7968"),
    ("name;desc,id", "8697"),
    ("name,id&collation=und", "7968"),
    ("name,id&collation=und-u-ks-level1", "6798"),
    ("name,id;desc&collation=und-u-ks-level1", "9768"),
    ("name,id&collation=und-u-ks-level2", "7698"),
    # From a point on the equator: 1.9 degrees of longitude, 2 and 60 of latitude, no geometry, nothing.
    ("spot;dist-asc,id" + FROM, "56470"),
    ("spot;dist-desc,id" + FROM, "46570"),
    # From 60 degrees north a degree of longitude is half as long.
    ("spot;dist-asc,id&orderFrom=[2,59]", "4"),
    ("spot;dist-asc,id&orderFrom=[[1.9,-5],[1.9,5]]&orderGeometry=LineString", "564"),
    ("spot;dist-asc,id&orderFrom=[[-1,1.5],[1,1.5],[1,3],[-1,3],[-1,1.5]]&orderGeometry=MultiPoint", "65"),
]


async def test_the_order_of_values(rows: Client) -> None:
    for query, numbers in ORDERS:
        keys, _, more = query.partition("&")
        found = await rows(
            "GET", "/entities", query=f"type=Row&orderBy={quote(keys)}&{quote(more, safe='=&')}".rstrip("&")
        )
        assert found.status == 200, (query, found.body)
        assert "".join(one["id"][-1] for one in found.json).startswith(numbers), query


async def test_what_is_not_there_comes_last_both_ways(rows: Client) -> None:
    for direction in ("asc", "desc"):
        found = await rows("GET", "/entities", query=f"type=Row&orderBy=any;{direction}")
        assert [one["id"][-1] for one in found.json][-2:] == ["7", "0"], direction
    for direction in ("dist-asc", "dist-desc"):
        found = await rows("GET", "/entities", query=f"type=Row&orderBy=spot;{direction}&orderFrom=[0,0]")
        assert "".join(one["id"][-1] for one in found.json)[3:5] == "79", (
            "what is no geometry follows those that are one"
        )


async def test_distances_are_those_of_a_sphere(any_client: Client) -> None:
    """At 80 degrees north, ten degrees of longitude are nearer than two of latitude, which a plane has not."""
    for number, spot in ((1, place(0, 82)), (2, place(10, 80)), (3, place(-179, 80))):
        assert (
            await any_client("POST", "/entities", {"id": f"urn:o:{number}", "type": "Row", "spot": spot})
        ).status == 201
    found = await any_client("GET", "/entities", query="type=Row&orderBy=spot;dist-asc&orderFrom=[0,80]")
    assert "".join(one["id"][-1] for one in found.json) == "213"
    across = await any_client("GET", "/entities", query="type=Row&orderBy=spot;dist-asc&orderFrom=[179,80]")
    assert "".join(one["id"][-1] for one in across.json) == "312", "and the date line is none"


NO_ORDER = [
    "orderBy=any;up",
    "orderBy=any;",
    "orderBy=,",
    "orderBy=any,",
    "orderBy=any,,on",
    "orderBy=a..b",
    "orderBy=any[",
    "orderBy=any[]",
    "orderBy=any==1",
    "orderBy=any;dist-asc",
    "orderBy=any;dist-asc&orderFrom=[1]",
    "orderBy=any;dist-asc&orderFrom=[181,0]",
    "orderBy=any;dist-asc&orderFrom=[0,91]",
    "orderBy=any;dist-asc&orderFrom=0,0",
    "orderBy=any;dist-asc&orderFrom={}",
    "orderBy=any;dist-asc&orderFrom=[0,0]&orderGeometry=GeometryCollection",
    "orderBy=any;dist-asc&orderFrom=[0,0]&orderGeometry=LineString",
    "orderBy=id;dist-asc&orderFrom=[0,0]",
    "orderBy=any&collation=!!nope",
    "orderBy=any&collation=en-u-ks-level9",
]


async def test_what_is_no_order_is_refused(client: Client) -> None:
    for query in NO_ORDER:
        found = await client("GET", "/entities", query="type=Row&" + quote(query, safe="=&"))
        assert found.kind == "BadRequestData", query
