"""Entities in the order that was asked for (clause 4.23), on both engines."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, Client, gauge, place

from kumihimo.platform.ngsild.api import Face

CREATE = "/entityOperations/create"
QUERY = "/entityOperations/query"

NAMES = {1: "zebra", 2: "Ähre", 3: "apfel", 4: "Apfel", 5: None}
MIXED: dict[int, Any] = {1: True, 2: "text", 3: 5, 4: [1], 5: {"city": "b"}, 6: -1.5, 7: {"city": "a"}}


@pytest.fixture
async def town(any_client: Client) -> Client:
    batch = []
    for number in range(1, 8):
        name = NAMES.get(number)
        one = gauge(number, 7.0 - number, where=place(136.0 + number / 100, 36.0))
        one["level"]["quality"] = {
            "type": "Property",
            "value": number % 3,
            "observedAt": f"2026-01-0{number}T00:00:00Z",
        }
        one["mixed"] = {"type": "Property", "value": MIXED[number]}
        if name is not None:
            one["name"] = name
        batch.append(one)
    del batch[6]["where"]
    batch[5]["where"] = {"type": "Property", "value": "at home"}
    batch[6]["type"] = ["Sign", "Gauge"]
    # In another order than that of their ids.
    assert (await any_client("POST", CREATE, batch[3:] + batch[:3])).status == 201
    return any_client


ORDERS: list[Any] = [
    ("orderBy=id", "1234567"),
    ("orderBy=id;desc", "7654321"),
    ("orderBy=id;asc", "1234567"),
    ("orderBy=createdAt,id;desc", "7654321"),
    ("orderBy=modifiedAt;desc,id", "1234567"),
    ("orderBy=type,id;desc", "6543217"),
    ("orderBy=level", "7654321"),
    ("orderBy=level;desc", "1234567"),
    ("orderBy=level.observedAt,level", "7654321"),
    ("orderBy=level.unitCode,id", "1234567"),
    ("orderBy=level.quality,id", "3614725"),
    ("orderBy=level.quality;desc,id;desc", "5274163"),
    ("orderBy=level.quality.observedAt;desc", "7654321"),
    ("orderBy=nothing,id", "1234567"),
    # Numbers, texts, objects, arrays, flags; absent comes last both ways.
    ("orderBy=mixed", "6327541"),
    ("orderBy=mixed;desc", "1457236"),
    ("orderBy=mixed[city],id", "7512346"),
    ("orderBy=mixed[city];desc,id", "5712346"),
    ("orderBy=name,id", "2341567"),
    ("orderBy=name;desc,id", "1432567"),
    ("orderBy=name,id&collation=und", "2341567"),
    ("orderBy=name,id&collation=de-u-co-phonebk", "2341567"),
    ("orderBy=name,id&collation=sv", "3412567"),
    ("orderBy=name,id&collation=en-u-kf-upper", "2431567"),
    ("orderBy=name,id;desc&collation=en-u-ks-level1", "2431765"),
    # By distance: what is no place follows by its value, what is not there comes last.
    ("orderBy=where;dist-asc&orderFrom=[136.02,36]&limit=7", "2"),
    ("orderBy=where;dist-desc,id&orderFrom=[136,36]", "5432167"),
    ("orderBy=where;dist-asc&orderFrom=[136,36]", "1234567"),
    ("orderBy=where;dist-asc,id&orderFrom=[[136.042,35],[136.042,37]]&orderGeometry=LineString", "4"),
    ("q=level>=4&orderBy=level", "321"),
    ("type=Sign&orderBy=level", "7"),
    ("orderBy=level&limit=2&offset=2", "54"),
    ("orderBy=level&limit=2&offset=9", ""),
]


async def test_orders(town: Client) -> None:
    for query, numbers in ORDERS:
        chosen = "" if query.startswith("type") else "type=Gauge&"
        found = await town("GET", "/entities", query=chosen + query.replace("[", "%5B").replace("]", "%5D"))
        assert found.status == 200, (query, found.body)
        seen = "".join(one["id"][-1] for one in found.json)
        assert seen.startswith(numbers) if numbers else seen == "", (query, seen)


async def test_ordered_pages_are_the_whole(town: Client) -> None:
    seen = ""
    query = "type=Gauge&orderBy=level.quality;desc,id&limit=3&count=true"
    for turn in range(3):
        page = await town("GET", "/entities", query=query)
        assert page.header("ngsild-results-count") == "7"
        seen += "".join(one["id"][-1] for one in page.json)
        link = page.header("link") or ""
        links = {rel: to for to, rel in re.findall(r'</ngsi-ld/v1/entities\?([^>]*)>; rel="(next|prev)"', link)}
        assert set(links) == ({"next"}, {"next", "prev"}, {"prev"})[turn]
        query = links.get("next", "")
    assert seen == "2514736"
    none = await town("GET", "/entities", query="type=Gauge&orderBy=level&limit=0&count=true")
    assert (none.json, none.header("ngsild-results-count")) == ([], "7")


async def test_the_order_of_a_query_in_a_body(town: Client) -> None:
    body: dict[str, Any] = {"type": "Query", "entities": [{"type": "Gauge"}]}
    orders: list[Any] = [
        ({"orderBy": ["level.quality;desc", "id"]}, "2514736"),
        ({"orderBy": ["name", "id"], "collation": "sv"}, "3412567"),
        ({"orderBy": ["where;dist-desc"], "coordinates": [136.0, 36.0]}, "5432167"),
        (
            {"orderBy": ["where;dist-desc"], "geometry": "MultiPoint", "coordinates": [[136, 36], [136.06, 36]]},
            "3",
        ),
    ]
    for ordering, numbers in orders:
        found = await town("POST", QUERY, {**body, "ordering": ordering})
        assert found.status == 200, found.body
        assert "".join(one["id"][-1] for one in found.json).startswith(numbers), ordering


async def test_names_of_an_order_are_read_by_the_context(any_client: Client) -> None:
    context = {"水位": "https://example.org/level", "Gauge": "https://example.org/Gauge"}
    for number, level in ((1, 2), (2, 1)):
        body = {"id": f"urn:a:{number}", "type": "Gauge", "水位": level, "@context": context}
        assert (await any_client("POST", "/entities", body, media=LD)).status == 201
    query = {"type": "https://example.org/Gauge", "orderBy": "https://example.org/level"}
    found = await any_client("GET", "/entities", query=query)
    assert [one["id"] for one in found.json] == ["urn:a:2", "urn:a:1"]
    asked = {"type": "Query", "entities": [{"type": "Gauge"}], "ordering": {"orderBy": ["水位;desc"]}}
    found = await any_client("POST", QUERY, {**asked, "@context": context}, media=LD)
    assert [one["id"] for one in found.json] == ["urn:a:1", "urn:a:2"]


async def test_languages_are_ordered_by_the_one_that_is_shown(any_client: Client) -> None:
    for number, (ja, en) in enumerate((("か", "b"), ("あ", "c"), ("さ", "a"))):
        name = {"type": "LanguageProperty", "languageMap": {"ja": ja, "en": en}}
        assert (await any_client("POST", "/entities", {**gauge(number), "name": name})).status == 201
    for more, numbers in (("", "102"), ("&lang=en", "201"), ("&lang=ja", "102")):
        found = await any_client("GET", "/entities", query="type=Gauge&orderBy=name" + more)
        assert "".join(one["id"][-1] for one in found.json) == numbers, more
    found = await any_client("GET", "/entities", query="type=Gauge&orderBy=name%5Ben%5D")
    assert "".join(one["id"][-1] for one in found.json) == "201"


@pytest.mark.parametrize(
    ("usual", "named", "order"), [("und", "", "321"), ("und-u-co-direct", "", "312"), ("ja", "und-u-co-direct", "312")]
)
async def test_the_house_says_which_collation_is_usual(
    face: Face, client: Client, usual: str, named: str, order: str
) -> None:
    face.collation = usual
    texts = ("b", "á", "A")
    batch = [{**gauge(number), "name": name} for number, name in enumerate(texts, start=1)]
    assert (await client("POST", CREATE, batch)).status == 201
    query = "type=Gauge&orderBy=name&pick=id" + (f"&collation={named}" if named else "")
    assert _numbers((await client("GET", "/entities", query=query)).json) == order
    ordering = {"orderBy": ["name"], **({"collation": named} if named else {})}
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "ordering": ordering}
    assert _numbers((await client("POST", QUERY, body)).json) == order


def _numbers(found: list[dict[str, Any]]) -> str:
    return "".join(one["id"][-1] for one in found)
