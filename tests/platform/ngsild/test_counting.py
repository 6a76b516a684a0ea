"""Counting results (clauses 4.13 and 6.3.13): of the whole, whatever part of it a page shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import Client, gauge, place

QUERY = "/entityOperations/query"
SINCE = "timerel=after&timeAt=2020-01-01T00:00:00Z"


async def made(client: Client) -> Client:
    batch = [
        gauge(number, float(number), location=place(136 + number / 100, 36.0), scope=f"/Fukui/S{number % 2}")
        for number in range(1, 6)
    ]
    batch[4]["rain"] = {"type": "Property", "value": 1}
    signs = [{"id": f"urn:ngsi-ld:Sign:{number}", "type": "Sign", "text": "x"} for number in (1, 2)]
    assert (await client("POST", "/entityOperations/create", [*batch, *signs])).status == 201
    return client


@pytest.fixture
async def river(client: Client) -> Client:
    return await made(client)


@pytest.fixture
async def any_river(any_client: Client) -> Client:
    return await made(any_client)


async def count(client: Client, query: str, path: str = "/entities") -> str | None:
    answer = await client("GET", path, query=query)
    assert answer.status == 200, answer.body
    return answer.header("ngsild-results-count")


COUNTS: list[Any] = [
    ("type=Gauge", "5"),
    ("type=Sign", "2"),
    ("type=Gauge|Sign", "7"),
    ("type=*", "7"),
    ("local=true", "7"),
    ("type=Gauge&attrs=rain", "1"),
    ("attrs=text,rain", "3"),
    ("type=Gauge&pick=rain", "1"),
    ("type=Gauge&id=urn:ngsi-ld:Gauge:1,urn:ngsi-ld:Gauge:2,urn:ngsi-ld:Sign:1", "2"),
    ("type=Gauge&idPattern=[123]$", "3"),
    ("type=Gauge&q=level>2", "3"),
    ("type=Gauge&q=level>2;level<5", "2"),
    ("type=Gauge&georel=near;maxDistance==1000&geometry=Point&coordinates=[136.02,36]", "3"),
    ("type=Gauge&georel=near;maxDistance==1000&geometry=Point&coordinates=[136.02,36]&q=level>2", "1"),
    ("type=Gauge&scopeQ=/Fukui/S1", "3"),
    ("type=Nothing", "0"),
    ("type=Gauge&q=level>100", "0"),
    ("type=Gauge&id=urn:ngsi-ld:Gauge:9", "0"),
]


async def test_what_is_counted_is_what_the_query_selects(any_river: Client) -> None:
    for query, expected in COUNTS:
        given = quote(query, safe="=&")
        assert await count(any_river, f"{given}&count=true") == expected, query
        assert await count(any_river, f"{given}&count=true&orderBy=id") == expected, query
        assert len((await any_river("GET", "/entities", query=given)).json) == int(expected), query


async def test_nothing_is_counted_as_nothing(river: Client) -> None:
    for query in ("type=Nothing&count=true", "type=Nothing&count=true&limit=0", "type=Gauge&q=level>9&count=true"):
        none = await river("GET", "/entities", query=query)
        assert (none.status, none.json, none.header("ngsild-results-count")) == (200, [], "0")


async def test_nobody_is_told_a_count_who_did_not_ask(river: Client) -> None:
    for query in ("type=Gauge", "type=Gauge&count=false", "type=Gauge&limit=2&count=false"):
        assert await count(river, query) is None, query
    assert await count(river, f"type=Gauge&{SINCE}&count=false", "/temporal/entities") is None
    for wrong in ("count=yes", "count=1", "count=TRUE"):
        assert (await river("GET", "/entities", query=f"type=Gauge&{wrong}")).kind == "BadRequestData"


async def test_a_count_is_the_same_on_every_page_and_beyond(any_river: Client) -> None:
    for page in ("limit=2", "limit=2&offset=2", "limit=2&offset=4", "offset=5", "offset=500", "limit=0", "limit=1000"):
        assert await count(any_river, f"type=Gauge&count=true&{page}") == "5", page
        if page != "limit=0":
            assert await count(any_river, f"type=Gauge&count=true&orderBy=id&{page}") == "5", page


async def test_the_count_may_be_all_that_is_asked_for(river: Client) -> None:
    alone = await river("GET", "/entities", query="type=Gauge&limit=0&count=true")
    assert (alone.status, alone.json, alone.header("ngsild-results-count")) == (200, [], "5")
    assert (await river("GET", "/entities", query="type=Gauge&limit=0")).kind == "BadRequestData"
    assert (await river("GET", "/entities", query="type=Gauge&limit=0&count=false")).kind == "BadRequestData"


async def test_a_count_goes_with_every_form(river: Client) -> None:
    for media in ("application/json", "application/ld+json", "application/geo+json"):
        answer = await river("GET", "/entities", query="type=Gauge&count=true&limit=1", headers={"accept": media})
        assert answer.header("ngsild-results-count") == "5", media
    for form in ("options=keyValues", "options=sysAttrs,count", "format=concise"):
        assert await count(river, f"type=Gauge&count=true&{form}") == "5", form


async def test_queries_in_a_body_are_counted(river: Client) -> None:
    body: dict[str, Any] = {"type": "Query", "entities": [{"type": "Gauge"}], "q": "level>2"}
    for query, expected in (("count=true", "3"), ("count=true&limit=1&offset=1", "3"), ("limit=1", None)):
        answer = await river("POST", QUERY, body, query=query)
        assert answer.header("ngsild-results-count") == expected, query


async def test_temporal_queries_are_counted(any_river: Client) -> None:
    for query, expected in (
        (f"type=Gauge&{SINCE}", "5"),
        (f"type=Gauge&{SINCE}&limit=2&offset=4", "5"),
        (f"type=Gauge&{SINCE}&offset=50", "5"),
        (f"type=Gauge&{SINCE}&q=level>2", "3"),
        ("type=Gauge&timerel=before&timeAt=2020-01-01T00:00:00Z", "0"),
    ):
        assert await count(any_river, f"{query}&count=true", "/temporal/entities") == expected, query
    body = {
        "type": "Query",
        "entities": [{"type": "Gauge"}],
        "temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"},
    }
    counted = await any_river("POST", "/temporal/entityOperations/query", body, query="count=true&limit=1")
    assert counted.header("ngsild-results-count") == "5"


async def test_subscriptions_are_counted(client: Client) -> None:
    assert await count(client, "count=true", "/subscriptions") == "0"
    body = {
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://a.example/"}},
    }
    for _ in range(3):
        assert (await client("POST", "/subscriptions", body)).status == 201
    for query in ("count=true", "count=true&limit=1&offset=2", "count=true&offset=30", "count=true&limit=0"):
        assert await count(client, query, "/subscriptions") == "3", query
    assert await count(client, "limit=1", "/subscriptions") is None
    assert await count(client.of("default"), "count=true", "/subscriptions") == "3"
