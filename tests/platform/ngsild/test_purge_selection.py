"""What a purge selects: as a query does (clauses 5.6.21 and 6.4.3.3)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LINK, TOWN_CONTEXT, Client, gauge, place
from tests.platform.ngsild.writes import RADAR, VOCAB, link, prop

NEAR = "georel=near%3BmaxDistance==1000&geometry=Point&coordinates=%5B136.1,36.0%5D"
OWNER = "urn:ngsi-ld:Town:1"


@pytest.fixture
async def river(client: Client) -> Client:
    """Three gauges: 1 to 3 m high, 0.1 degree apart, of different owners, scopes and members."""
    more: list[dict[str, Any]] = [
        {"owner": link(OWNER), "scope": "/Fukui/Sabae"},
        {"rain": prop(5, accuracy=prop(1)), "scope": "/Fukui"},
        {"rain": [prop(7), prop(8, datasetId=RADAR)], "scope": "/Ishikawa"},
    ]
    for number, members in enumerate(more, 1):
        body = gauge(number, float(number), location=place(136.0 + number / 10, 36.0), **members)
        assert (await client("POST", "/entities", body)).status == 201
    return client


async def left(client: Client) -> str:
    return "".join(one["id"][-1] for one in (await client("GET", "/entities", query="local=true")).json)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("type=Gauge", ""),
        (f"type={VOCAB}Gauge", ""),
        ("type=Pump,Gauge", ""),
        ("type=(Gauge;Pump)", "123"),
        ("type=*&q=level>1", "1"),
        ("type=Gauge&id=urn:ngsi-ld:Gauge:2", "13"),
        ("type=Gauge&id=urn:ngsi-ld:Gauge:2,urn:ngsi-ld:Gauge:3", "1"),
        ("type=Gauge&idPattern=.*:%5B12%5D$", "3"),
        ("attrs=rain", "1"),
        ("attrs=rain,owner", ""),
        ("q=level==2", "13"),
        ("q=level!=2", "2"),
        ("q=level>2", "12"),
        ("q=level>=2", "1"),
        ("q=level<2", "23"),
        ("q=level<=2", "3"),
        ("q=level==1..2", "3"),
        ("q=rain", "1"),
        ("q=rain.accuracy", "13"),
        ("q=rain.accuracy==1", "13"),
        ("q=rain==8", "12"),
        (f"q=owner==%22{OWNER}%22", "23"),
        ("q=level>1;rain==5", "13"),
        ("q=(level==1|rain==5)", "3"),
        (NEAR, "23"),
        (f"type=Gauge&{NEAR}", "23"),
        (f"type=Gauge&q=level>1&{NEAR}", "123"),
        ("type=Gauge&scopeQ=/Fukui", "13"),
        ("type=Gauge&scopeQ=/Fukui/%23", "3"),
        ("type=Gauge&scopeQ=/Fukui/%2B", "23"),
        ("type=Gauge&q=level>1&scopeQ=/Fukui", "13"),
        ("type=Gauge&id=urn:ngsi-ld:Gauge:2&q=level>2", "123"),
    ],
)
async def test_what_a_query_would_find_goes(river: Client, query: str, numbers: str) -> None:
    found = await river("GET", "/entities", query=query)
    gone = await river("DELETE", "/entities", query=query)
    assert (gone.status, gone.body) == (204, b"")
    assert await left(river) == numbers
    assert {one["id"][-1] for one in found.json} == set("123") - set(numbers)


@pytest.mark.parametrize(
    "query",
    [
        "id=urn:ngsi-ld:Gauge:1",
        "idPattern=.*",
        "scopeQ=/Fukui",
        "id=urn:ngsi-ld:Gauge:1&scopeQ=/Fukui",
        "type=Gauge&id=gauge",
        "type=Gauge&idPattern=(",
        "type=Gauge&q=level>>1",
        "type=Gauge&q=(level",
        "type=(Gauge",
        "type=Gauge&georel=near&geometry=Point&coordinates=%5B1,2%5D",
        "type=Gauge&georel=within&geometry=Circle&coordinates=%5B1,2%5D",
        "type=Gauge&georel=within&geometry=Point&coordinates=here",
        "type=Gauge&georel=within",
        "type=Gauge&geoproperty=location",
        "type=Gauge&scopeQ=/Fukui(",
        "type=Gauge&scopeQ=/Fukui%3B%3B/Sabae",
        "attrs=id",
        "attrs=createdAt,modifiedAt",
        "type=Gauge&drop=createdAt",
        "type=Gauge&keep=modifiedAt",
        "type=Gauge&drop=a%20b",
        "type=Gauge&keep=level&drop=level",
        "q=createdAt>2020-01-01T00:00:00Z",
        "type=Gauge&q=owner%7Blevel%7D==1",
    ],
)
async def test_what_is_too_wide_or_wrong_takes_nothing_away(river: Client, query: str) -> None:
    refused = await river("DELETE", "/entities", query=query)
    assert (refused.status, refused.kind) == (400, "BadRequestData")
    assert await left(river) == "123"


@pytest.mark.parametrize("parameter", ["limit=1", "offset=1", "orderBy=level", "join=inline", "options=keyValues"])
async def test_what_only_a_query_takes_is_refused(river: Client, parameter: str) -> None:
    assert (await river("DELETE", "/entities", query=f"type=Gauge&{parameter}")).kind == "InvalidRequest"
    assert await left(river) == "123"


async def test_attributes_that_are_named_go_with_all_their_instances(river: Client) -> None:
    assert (await river("DELETE", "/entities", query="type=Gauge&drop=rain,owner")).status == 204
    for one in (await river("GET", "/entities", query="type=Gauge")).json:
        assert set(one) == {"id", "type", "scope", "level", "location"}


async def test_attributes_that_are_not_kept_go_and_what_is_none_stays(river: Client) -> None:
    assert (await river("DELETE", "/entities", query="q=rain==8&keep=rain")).status == 204
    third = (await river("GET", "/entities/urn:ngsi-ld:Gauge:3")).json
    assert set(third) == {"id", "type", "scope", "rain"}
    assert len(third["rain"]) == 2
    assert "level" in (await river("GET", "/entities/urn:ngsi-ld:Gauge:2")).json


async def test_names_are_read_with_the_requests_context(client: Client) -> None:
    town = {"link": LINK}
    for number in (1, 2):
        await client("POST", "/entities", gauge(number, float(number)), headers=town)
    await client("DELETE", "/entities", query="type=Gauge")
    await client("DELETE", "/entities", query="q=level>0")
    assert await left(client) == "12"
    assert (await client("DELETE", "/entities", query="type=Gauge&q=level>1&drop=level", headers=town)).status == 204
    level = TOWN_CONTEXT["@context"]["level"]
    assert level not in (await client("GET", "/entities/urn:ngsi-ld:Gauge:2")).json
    assert (await client("DELETE", "/entities", query={"q": f"{level}==1"})).status == 204
    assert await left(client) == "2"
    assert (await client("DELETE", "/entities", query="type=Gauge", headers=town)).status == 204
    assert await left(client) == ""


async def test_another_tenants_entities_stay(river: Client) -> None:
    assert (await river.of("other")("POST", "/entities", gauge(4))).status == 201
    assert (await river("DELETE", "/entities", query="local=true")).status == 204
    assert (await left(river), await left(river.of("other"))) == ("", "4")
