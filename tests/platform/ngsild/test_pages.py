"""Pages: limit, offset and the links between them (clauses 4.12, 5.5.9 and 6.3.10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import LINK, Client, Reply, gauge, place

QUERY = "/entityOperations/query"
TEMPORAL = "/temporal/entityOperations/query"
LIST = "/subscriptions"


def links(reply: Reply) -> dict[str, str]:
    """The address of each page beside this one, by its relation."""
    found = re.findall(r'<([^>]*)>; rel="(next|prev)"', reply.header("link") or "")
    assert len(found) == len({rel for _, rel in found})
    return {rel: target for target, rel in found}


def parameters(address: str) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in address.partition("?")[2].split("&"))


def numbers(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    return "".join(each["id"][-1] for each in reply.json)


async def walk(client: Client, address: str, rel: str, **request: Any) -> list[str]:
    """The pages from this one on, as the links lead."""
    seen = []
    for _ in range(12):
        path, _, query = address.partition("?")
        page = await client(
            request.get("method", "GET"), path, request.get("body"), query=query, headers=request.get("headers")
        )
        seen.append(numbers(page))
        beside = links(page)
        if rel not in beside:
            return seen
        address = beside[rel]
    raise AssertionError("the pages do not end")


def chunks(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


@pytest.fixture
async def river(any_client: Client) -> Client:
    batch = [gauge(number, float(number), location=place(136 + number / 100, 36.0)) for number in range(1, 8)]
    assert (await any_client("POST", "/entityOperations/create", batch)).status == 201
    return any_client


async def test_following_the_links_gives_every_page_once(river: Client) -> None:
    whole = "/entities?type=Gauge"
    for size in (1, 2, 3, 7, 100):
        for start in (f"{whole}&limit={size}", f"{whole}&limit={size}&offset=0", f"{whole}&limit={size}&orderBy=id"):
            assert await walk(river, start, "next") == list(chunks("1234567", size)), start


async def test_the_way_back_gives_them_once_too(river: Client) -> None:
    whole = "/entities?type=Gauge&limit=2"
    last = await river("GET", "/entities", query="type=Gauge&limit=2&offset=6")
    assert (numbers(last), list(links(last))) == ("7", ["prev"])
    assert await walk(river, f"{whole}&offset=6", "prev") == ["7", "56", "34", "12"]
    second = links(await river("GET", "/entities", query="type=Gauge&limit=2"))["next"]
    third = links(await river("GET", "/entities", query=second.partition("?")[2]))["next"]
    assert await walk(river, third, "prev") == ["56", "34", "12"]
    odd = await river("GET", "/entities", query="type=Gauge&limit=3&offset=1")
    assert await walk(river, links(odd)["prev"], "prev") == ["123"]


async def test_there_is_no_link_where_there_is_no_page(river: Client) -> None:
    for query, expected in (
        ("limit=7", []),
        ("limit=8", []),
        ("limit=6", ["next"]),
        ("limit=3&offset=3", ["next", "prev"]),
        ("limit=4&offset=3", ["prev"]),
        ("limit=7&orderBy=id", []),
        ("limit=0&count=true", []),
    ):
        assert sorted(links(await river("GET", "/entities", query=f"type=Gauge&{query}"))) == expected, query


async def test_a_page_beyond_the_end_is_empty(river: Client) -> None:
    for query in ("offset=7", "offset=1000", "offset=7&orderBy=id"):
        page = await river("GET", "/entities", query=f"type=Gauge&limit=2&{query}")
        assert (page.status, page.json, "next" in links(page)) == (200, [], False), query


SAME: dict[str, str] = {
    "type": "Gauge",
    "q": "level%3E=2",
    "attrs": "level",
    "georel": "near%3BmaxDistance%3D%3D100000",
    "geometry": "Point",
    "coordinates": "%5B136%2C36%5D",
    "options": "keyValues",
    "count": "true",
    "limit": "2",
}


async def test_a_link_holds_all_that_the_query_did(river: Client) -> None:
    query = "&".join(f"{name}={value}" for name, value in SAME.items())
    page = await river("GET", "/entities", query=query)
    assert (numbers(page), page.header("ngsild-results-count")) == ("23", "6")
    ahead = links(page)["next"]
    assert ahead.startswith("/ngsi-ld/v1/entities?")
    assert set(parameters(ahead)) == {*SAME, "offset", "after"}
    then = await river("GET", "/entities", query=ahead.partition("?")[2])
    assert then.json == [{"id": f"urn:ngsi-ld:Gauge:{n}", "type": "Gauge", "level": float(n)} for n in (4, 5)]
    assert then.header("ngsild-results-count") == "6"
    back = parameters(links(then)["prev"])
    assert (set(back), back["offset"], back["limit"]) == ({*SAME, "offset"}, "0", "2")


async def test_a_link_says_of_which_media_type_the_page_is(river: Client) -> None:
    for media in ("application/json", "application/ld+json", "application/geo+json"):
        page = await river("GET", "/entities", query="type=Gauge&limit=2&offset=2", headers={"accept": media})
        found = re.findall(r'rel="(?:next|prev)"; type="([^"]*)"', page.header("link") or "")
        assert found == [media, media]


async def test_pages_are_read_by_the_context_of_the_request(client: Client) -> None:
    for number in range(1, 4):
        await client("POST", "/entities", gauge(number), headers={"link": LINK})
    pages = await walk(client, "/entities?type=Gauge&limit=1", "next", headers={"link": LINK})
    assert pages == ["1", "2", "3"]
    assert await walk(client, "/entities?type=Gauge&limit=1", "next") == [""], "by another @context it is another type"


async def test_how_many_are_on_a_page(client: Client) -> None:
    batch = [gauge(number) for number in range(1, 26)]
    assert (await client("POST", "/entityOperations/create", batch)).status == 201
    for query, count in (("", 20), ("limit=25", 25), ("limit=1000", 25), ("limit=21", 21), ("offset=20", 5)):
        assert len((await client("GET", "/entities", query=f"type=Gauge&{query}")).json) == count, query


@pytest.mark.parametrize("path", ["/entities", "/temporal/entities", LIST])
async def test_what_a_page_cannot_be(client: Client, path: str) -> None:
    given = {"/entities": "type=Gauge&", "/temporal/entities": "type=Gauge&timerel=after&timeAt=2026-01-01T00:00:00Z&"}
    query = given.get(path, "")
    for wrong in ("limit=-1", "limit=a", "limit=1.5", "limit=1e2", "offset=-1", "offset=x", "limit=0", "count=maybe"):
        assert (await client("GET", path, query=query + wrong)).kind == "BadRequestData", wrong
    for wide in ("limit=1001", "limit=99999999"):
        refused = await client("GET", path, query=query + wide)
        assert (refused.status, refused.kind) == (403, "TooManyResults"), wide
        assert "1000" in refused.json["detail"]


async def test_queries_in_a_body_have_pages(river: Client) -> None:
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "q": "level>1"}
    pages = await walk(river, f"{QUERY}?limit=4", "next", method="POST", body=body)
    assert pages == ["2345", "67"]
    assert await walk(river, f"{QUERY}?limit=4&offset=4", "prev", method="POST", body=body) == ["67", "2345"]


async def test_temporal_queries_have_pages(river: Client, fake_clock: FakeClock) -> None:
    query = "type=Gauge&timerel=after&timeAt=2020-01-01T00:00:00Z"
    assert await walk(river, f"/temporal/entities?{query}&limit=3", "next") == ["123", "456", "7"]
    assert await walk(river, f"/temporal/entities?{query}&limit=3&offset=6", "prev") == ["7", "456", "123"]
    ahead = links(await river("GET", "/temporal/entities", query=f"{query}&limit=3&count=true&lastN=1"))["next"]
    assert {"type", "timerel", "timeAt", "limit", "count", "lastN"} < set(parameters(ahead))
    body = {
        "type": "Query",
        "entities": [{"type": "Gauge"}],
        "temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"},
    }
    assert await walk(river, f"{TEMPORAL}?limit=3", "next", method="POST", body=body) == ["123", "456", "7"]


async def test_the_last_instances_are_counted_for_each_attribute(client: Client) -> None:
    series = {
        name: [
            {"type": "Property", "value": value, "observedAt": f"2026-01-0{value}T0{hour}:00:00Z"}
            for value in range(1, many + 1)
        ]
        for name, many, hour in (("level", 5, 0), ("rain", 3, 1), ("wind", 1, 2))
    }
    await client("POST", "/temporal/entities", {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", **series})
    past = (await client("GET", "/temporal/entities/urn:ngsi-ld:Gauge:1", query="lastN=2")).json
    kept = {name: sorted(each["value"] for each in past[name]) for name in series}
    assert kept == {"level": [4, 5], "rain": [2, 3], "wind": [1]}


async def test_subscriptions_have_pages(client: Client) -> None:
    body = {
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://a.example/"}},
    }
    for number in range(1, 6):
        made = await client("POST", LIST, {**body, "id": f"urn:ngsi-ld:Subscription:{number}"})
        assert made.status == 201
    assert await walk(client, f"{LIST}?limit=2", "next") == ["12", "34", "5"]
    assert await walk(client, f"{LIST}?limit=2&offset=4", "prev") == ["5", "34", "12"]
    page = await client("GET", LIST, query="limit=2&count=true&options=sysAttrs")
    assert set(parameters(links(page)["next"])) == {"limit", "offset", "count", "options"}
    assert (await client("GET", LIST, query="limit=2&offset=9")).json == []
    assert links(await client("GET", LIST, query="limit=5")) == {}
