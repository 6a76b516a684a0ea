"""Entities over time in the order of their ids, as a language has it (clauses 5.7.4.4 and 4.23), on both engines."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.platform.ngsild.calls import Client

PAST = "/temporal/entities"
QUERY = "/temporal/entityOperations/query"
SPAN = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
NAMES = ["9", "z", "B", "ä", "10", "Z", "1", "a"]


def name(end: str) -> str:
    return f"urn:ngsi-ld:Gauge:{end}"


def ends(answer: Any) -> str:
    assert answer.status == 200, answer.body
    return " ".join(one["id"].rpartition(":")[2] for one in answer.json)


def following(page: Any) -> str:
    """The query of the next page, "" where there is none."""
    found = re.search(r'\?([^>]*)>; rel="next"', page.header("link") or "")
    return found[1] if found else ""


@pytest.fixture
async def town(any_client: Client) -> Client:
    """Entities that stand, and so have a past."""
    batch = [
        {"id": name(end), "type": "Gauge", "level": {"value": 1, "observedAt": "2026-01-01T00:00:00Z"}} for end in NAMES
    ]
    assert (await any_client("POST", "/entityOperations/create", batch)).status == 201
    return any_client


ORDERS: list[Any] = [
    ({"orderBy": "id"}, "1 10 9 a ä B z Z"),
    ({"orderBy": "id;asc"}, "1 10 9 a ä B z Z"),
    ({"orderBy": "id;desc"}, "Z z B ä a 9 10 1"),
    ({"orderBy": "id", "collation": "und"}, "1 10 9 a ä B z Z"),
    ({"orderBy": "id", "collation": "sv"}, "1 10 9 a B z Z ä"),
    ({"orderBy": "id", "collation": "en-u-kf-upper"}, "1 10 9 a ä B Z z"),
    ({"orderBy": "id", "collation": "de-u-kn"}, "1 9 10 a ä B z Z"),
    ({"orderBy": "id;desc", "collation": "sv-u-kn"}, "ä Z z B a 10 9 1"),
]


async def test_ids_are_ordered_as_those_of_the_present(town: Client) -> None:
    for order, expected in ORDERS:
        then = await town("GET", PAST, query={"type": "Gauge", **SPAN, **order})
        assert ends(then) == expected, order
        now = await town("GET", "/entities", query={"type": "Gauge", **order})
        assert ends(now) == expected, order
        listed = {**order, "orderBy": [order["orderBy"]]}
        body = {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": SPAN, "ordering": listed}
        assert ends(await town("POST", QUERY, body)) == expected, order


async def test_without_an_order_ids_stand_by_their_characters(town: Client) -> None:
    for more in ({}, {"collation": "sv"}):
        assert ends(await town("GET", PAST, query={"type": "Gauge", **SPAN, **more})) == "1 10 9 B Z a z ä", more


async def test_ids_that_a_collation_does_not_tell_apart_are_all_given(town: Client) -> None:
    for order, expected in (("id", "1 10 9 a ä B Z z"), ("id;desc", "Z z B a ä 9 10 1")):
        query: Any = {"type": "Gauge", **SPAN, "orderBy": order, "collation": "und-u-ks-level1"}
        assert ends(await town("GET", PAST, query=query)) == expected
        seen: list[str] = []
        query["limit"] = 1
        while query and len(seen) <= len(NAMES):
            page = await town("GET", PAST, query=query)
            seen.append(ends(page))
            query = following(page)
        assert " ".join(seen) == expected


async def test_an_order_and_its_count(town: Client) -> None:
    query = {"type": "Gauge", **SPAN, "orderBy": "id;desc", "collation": "sv", "count": "true", "limit": 2}
    page = await town("GET", PAST, query=query)
    assert (ends(page), page.header("ngsild-results-count")) == ("ä Z", "8")
    assert ends(await town("GET", PAST, query=following(page))) == "z B"
    assert ends(await town("GET", PAST, query={**query, "offset": 3})) == "B a"


REFUSED: list[Any] = [
    ({"orderBy": "name"}, "BadRequestData"),
    ({"orderBy": "createdAt"}, "BadRequestData"),
    ({"orderBy": "name.observedAt"}, "BadRequestData"),
    ({"orderBy": "id,name"}, "BadRequestData"),
    ({"orderBy": "id,id;desc"}, "BadRequestData"),
    ({"orderBy": "id;up"}, "BadRequestData"),
    ({"orderBy": "id;dist-asc", "orderFrom": "[136,36]"}, "BadRequestData"),
    ({"orderBy": "id", "collation": "no tag"}, "BadRequestData"),
    ({"collation": "no tag"}, "BadRequestData"),
    ({"orderBy": "id", "collation": "ru"}, "OperationNotSupported"),
    ({"orderBy": "id", "orderFrom": "[136]"}, "BadRequestData"),
]


async def test_orders_that_there_are_not_over_time(client: Client) -> None:
    for order, kind in REFUSED:
        assert (await client("GET", PAST, query={"type": "Gauge", **SPAN, **order})).kind == kind, order
    members: list[Any] = [
        {"orderBy": ["name"]},
        {"orderBy": ["id", "name"]},
        {"orderBy": "id"},
        {"orderBy": []},
        {"orderBy": ["id"], "collation": 3},
        {"collation": "sv"},
        3,
    ]
    for ordering in members:
        body = {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": SPAN, "ordering": ordering}
        assert (await client("POST", QUERY, body)).kind == "BadRequestData", ordering
