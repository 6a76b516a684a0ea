from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import LINK, Client, gauge, place

CREATE = "/entityOperations/create"
QUERY = "/entityOperations/query"


@pytest.fixture
async def river(any_client: Client) -> Client:
    batch = [
        gauge(number, float(number), location=place(136.0 + number / 100, 36.0), scope=f"/Fukui/S{number % 2}")
        for number in range(1, 6)
    ]
    sign = {"id": "urn:ngsi-ld:Sign:1", "type": "Sign", "text": {"type": "Property", "value": "避難"}}
    assert (await any_client("POST", CREATE, [*batch, sign])).status == 201
    return any_client


NEAR = "georel=near;maxDistance==1500&geometry=Point&coordinates=[136.02,36.0]"


SELECTION: list[Any] = [
    ("type=Gauge", "12345"),
    ("type=Gauge|Sign&attrs=level", "12345"),
    ("type=*", "123451"),
    ("local=true&idPattern=.*:Sign:.*", "1"),
    ("type=Gauge&id=urn:ngsi-ld:Gauge:2,urn:ngsi-ld:Gauge:4,urn:ngsi-ld:Sign:1", "24"),
    ("type=Gauge&idPattern=^urn:ngsi-ld:Gauge:[34]$", "34"),
    ("q=level>=4", "45"),
    ("q=level==1..2", "12"),
    ("q=text==%22避難%22", "1"),
    (NEAR, "123"),
    (
        "georel=within&geometry=Polygon&coordinates=[[[136.025,35.9],[137,35.9],[137,36.1],[136.025,36.1],[136.025,35.9]]]",
        "345",
    ),
    ("type=Gauge&scopeQ=/Fukui/S1", "135"),
    ("type=Gauge&limit=2&offset=1", "23"),
    ("type=Nothing", ""),
]


async def test_selection(river: Client) -> None:
    for query, numbers in SELECTION:
        found = await river("GET", "/entities", query=query)
        assert found.status == 200, found.body
        assert "".join(one["id"][-1] for one in found.json) == numbers, query


QUERIES_THAT_CANNOT_BE_RUN: list[Any] = [
    "",
    "id=urn:ngsi-ld:Gauge:2",
    "limit=2",
    "local=false",
    "type=*&local=false",
    "type=Gauge&local=perhaps",
    "type=Gauge&id=not-a-uri",
    "type=Gauge&idPattern=**",
    "attrs=id",
    "q=level>",
    "q=((((",
    "q=level~=(a%2B)%2B$)",
    "type=Gauge&limit=-1",
    "type=Gauge&limit=abc",
    "type=Gauge&limit=1.5",
    "type=Gauge&limit=0",
    "type=Gauge&offset=-1",
    "type=Gauge&after=nonsense",
    "type=Gauge&count=yes",
    "type=Gauge&geoproperty=location",
    "georel=near;maxDistance==10&geometry=Point",
    "georel=near;maxDistance==ten&geometry=Point&coordinates=[1,2]",
    "georel=near&geometry=Circle&coordinates=[1,2]",
    "georel=beside&geometry=Point&coordinates=[1,2]",
    "georel=within&geometry=Point&coordinates=[1,",
    "georel=within&geometry=Point&coordinates=[NaN,1]",
    "georel=within&geometry=Polygon&coordinates=[[[0,0],[2,2],[2,0],[0,2],[0,0]]]",
    "type=Gauge&scopeQ=((",
]


async def test_queries_that_cannot_be_run(client: Client) -> None:
    for query in QUERIES_THAT_CANNOT_BE_RUN:
        assert (await client("GET", "/entities", query=query)).kind == "BadRequestData", query


PARAMETERS_THAT_CANNOT_BE_TAKEN: list[Any] = [
    ("type=Gauge&limit=1000000000", "TooManyResults"),
    ("type=Gauge&limit=1001", "TooManyResults"),
    ("type=Gauge&type=Sign", "InvalidRequest"),
    ("type=Gauge&colour=red", "InvalidRequest"),
    ("type=Gauge&options=pretty", "InvalidRequest"),
    ("type=Gauge&format=xml", "InvalidRequest"),
    ("type=Gauge&options=keyValues,pretty", "InvalidRequest"),
    ("type=%ff", "InvalidRequest"),
    ("type=a%00b", "InvalidRequest"),
    ("type=Gauge&orderBy=level", "OperationNotSupported"),
    ("&".join(f"a{number}=1" for number in range(80)), "InvalidRequest"),
]


async def test_parameters_that_cannot_be_taken(client: Client) -> None:
    for query, kind in PARAMETERS_THAT_CANNOT_BE_TAKEN:
        assert (await client("GET", "/entities", query=query)).kind == kind, query


async def test_the_next_page_is_a_link_and_nothing_is_lost_on_the_way(river: Client) -> None:
    seen: list[str] = []
    query = "type=Gauge&limit=2&count=true"
    backs = []
    for _ in range(5):
        page = await river("GET", "/entities", query=query)
        assert page.header("ngsild-results-count") is not None
        seen += [one["id"][-1] for one in page.json]
        links = dict(re.findall(r'</ngsi-ld/v1/entities\?([^>]*)>; rel="(next|prev)"', page.header("link") or ""))
        found = {rel: target for target, rel in links.items()}
        backs.append(found.get("prev", ""))
        if len(seen) == 2:
            await river("DELETE", "/entities/urn:ngsi-ld:Gauge:1")
        if "next" not in found:
            break
        query = found["next"]
    assert "".join(seen) == "12345"
    assert backs[0] == ""
    assert "offset=0" in backs[1]
    assert "after" not in backs[1]


async def test_entities_of_which_nothing_is_left_are_left_out(river: Client) -> None:
    found = await river("GET", "/entities", query="type=*&pick=text&options=keyValues")
    assert found.json == [{"text": "避難"}]
    paged = await river("GET", "/entities", query="type=*&pick=text&limit=1&count=true")
    assert (len(paged.json), paged.header("ngsild-results-count")) == (1, "1")
    without = await river("GET", "/entities", query="type=Sign&omit=id,type,text")
    assert without.json == []


async def test_the_count_alone(river: Client) -> None:
    page = await river("GET", "/entities", query="type=Gauge&limit=0&count=true")
    assert (page.json, page.header("ngsild-results-count")) == ([], "5")
    assert (await river("GET", "/entities", query="type=Gauge&options=count")).header("ngsild-results-count") == "5"


QUERY_BY_BODY: list[Any] = [
    ({"entities": [{"type": "Gauge"}], "q": "level>3"}, "45"),
    ({"entities": [{"type": "Gauge"}, {"type": "Sign"}]}, "123451"),
    (
        {
            "entities": [
                {"type": "Gauge", "id": "urn:ngsi-ld:Gauge:1"},
                {"type": "Gauge", "id": ["urn:ngsi-ld:Gauge:3"]},
            ]
        },
        "13",
    ),
    ({"attrs": ["text"]}, "1"),
    ({"entities": [{"type": "Gauge", "id": "urn:ngsi-ld:Gauge:2", "idPattern": ".*5$"}]}, "2"),
    ({"geoQ": {"georel": "near;maxDistance==1500", "geometry": "Point", "coordinates": [136.02, 36.0]}}, "123"),
    ({"entities": [{"type": "Gauge", "idPattern": ".*[12]$"}], "pick": ["id"]}, "12"),
    ({"entities": [{"type": "Gauge"}], "scopeQ": "/Fukui/S0"}, "24"),
]


async def test_query_by_body(river: Client) -> None:
    for body, numbers in QUERY_BY_BODY:
        found = await river("POST", QUERY, {"type": "Query", **body})
        assert found.status == 200, found.body
        assert "".join(one["id"][-1] for one in found.json) == numbers, body


BODIES_THAT_ARE_NO_QUERY: list[Any] = [
    {"type": "NotQuery", "entities": [{"type": "Gauge"}]},
    {"type": "Query"},
    {"type": "Query", "entities": []},
    {"type": "Query", "entities": [{"id": "urn:ngsi-ld:Gauge:1"}]},
    {"type": "Query", "entities": [{"type": "Gauge", "id": "no uri"}]},
    {"type": "Query", "entities": ["Gauge"]},
    {"type": "Query", "entities": [{"type": "Gauge"}], "attrs": []},
    {"type": "Query", "entities": [{"type": "Gauge"}], "attrs": [5]},
    {"type": "Query", "entities": [{"type": "Gauge"}], "q": 42},
    {"type": "Query", "entities": [{"type": "Gauge"}], "geoQ": {"georel": "within"}},
    {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": {"timerel": "after"}},
]


async def test_bodies_that_are_no_query(client: Client) -> None:
    for body in BODIES_THAT_ARE_NO_QUERY:
        assert (await client("POST", QUERY, body)).kind == "BadRequestData", body


async def test_what_a_query_in_a_body_cannot_do_yet_is_said(client: Client) -> None:
    one = {"type": "Query", "entities": [{"type": "Gauge"}]}
    assert (await client("POST", QUERY, {**one, "join": "inline"})).kind == "OperationNotSupported"
    two = [{"type": "Gauge", "id": "urn:a:1"}, {"type": "Sign", "id": "urn:a:2"}]
    assert (await client("POST", QUERY, {**one, "entities": two})).kind == "OperationNotSupported"
    patterns = [{"type": "Gauge", "idPattern": "a"}, {"type": "Gauge", "idPattern": "b"}]
    assert (await client("POST", QUERY, {**one, "entities": patterns})).kind == "OperationNotSupported"


async def test_types(river: Client) -> None:
    listed = (await river("GET", "/types")).json
    assert (listed["type"], sorted(listed["typeList"])) == ("EntityTypeList", ["Gauge", "Sign"])
    detailed = {one["typeName"]: one for one in (await river("GET", "/types", query="details=true")).json}
    assert detailed["Sign"]["attributeNames"] == ["text"]
    assert detailed["Gauge"]["id"].endswith("/Gauge")
    other = await river("GET", "/types", headers={"link": LINK})
    assert all(":" in name for name in other.json["typeList"] if "Gauge" in name)


async def test_relationships_have_no_order_and_match_no_pattern(river: Client) -> None:
    body = {"id": "urn:ngsi-ld:Pump:1", "type": "Pump", "of": {"type": "Relationship", "object": "urn:ngsi-ld:Gauge:1"}}
    assert (await river("POST", "/entities", body)).status == 201
    for q, count in (
        ('of=="urn:ngsi-ld:Gauge:1"', 1),
        ('of!="urn:ngsi-ld:Gauge:1"', 0),
        ('of>"urn:a"', 0),
        ("of~=urn", 0),
        ("of!~=nothing", 0),
    ):
        found = await river("GET", "/entities", query=f"type=Pump&q={quote(q)}")
        assert len(found.json) == count, q


@pytest.mark.parametrize("query", ["q=owner{name}==1", "georel=near;maxDistance==0&geometry=Point&coordinates=[1,2]"])
async def test_what_cannot_be_asked(river: Client, query: str) -> None:
    found = await river("GET", "/entities", query="type=Gauge&" + quote(query, safe="=&"))
    assert (found.status, found.kind) == (400, "BadRequestData")


async def test_instances_are_chosen_by_their_dataset(river: Client) -> None:
    level = [{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}, {"value": 3, "datasetId": "urn:d:2"}]
    body = {"id": "urn:ngsi-ld:Pump:1", "type": "Pump", "level": level, "name": "a"}
    assert (await river("POST", "/entities", body)).status == 201
    for datasets, values, named in (("@none", [1], True), ("urn:d:1,urn:d:2", [2, 3], False), ("urn:d:9", [], False)):
        for path in ("/entities/urn:ngsi-ld:Pump:1", "/temporal/entities/urn:ngsi-ld:Pump:1"):
            found = (await river("GET", path, query=f"datasetId={datasets}")).json
            many = found.get("level", [])
            assert [one["value"] for one in (many if isinstance(many, list) else [many])] == values, (path, datasets)
            assert ("name" in found) == named
        listed = await river(
            "POST", QUERY, {"type": "Query", "entities": [{"type": "Pump"}], "datasetId": datasets.split(",")}
        )
        assert ("level" in listed.json[0]) == bool(values)
    assert (await river("GET", "/entities", query="type=Pump&datasetId=none")).kind == "BadRequestData"
