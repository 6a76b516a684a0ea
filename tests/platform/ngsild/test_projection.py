"""The members that an answer keeps: attrs, pick and omit (clauses 4.21, 5.7.1 and 5.7.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import LINK, TOWN, Client, gauge

CREATE = "/entityOperations/create"
QUERY = "/entityOperations/query"
SIMPLE = "&format=simplified"


def link(target: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


RIVER = {"id": "urn:r:1", "type": "River", "name": "足羽川", "length": 61, "into": link("urn:r:2")}
TOWN_OF = [
    {"id": "urn:g:1", "type": "Gauge", "level": 1, "rain": 2, "scope": "/a", "on": link("urn:r:1")},
    {"id": "urn:g:2", "type": "Gauge", "level": 3, "on": link("urn:r:2")},
    {"id": "urn:g:3", "type": "Gauge", "rain": 4},
    RIVER,
    {"id": "urn:r:2", "type": "River", "name": "日野川", "length": 71},
]


@pytest.fixture
async def town(any_client: Client) -> Client:
    assert (await any_client("POST", CREATE, TOWN_OF)).status == 201
    return any_client


KEPT: list[tuple[str, set[str]]] = [
    ("pick=level", {"level"}),
    ("pick=level,rain", {"level", "rain"}),
    ("pick=level|rain", {"level", "rain"}),
    ("pick=id|type,level", {"id", "type", "level"}),
    ("pick=scope", {"scope"}),
    ("pick=level,nothing", {"level"}),
    ("pick=type", {"type"}),
    ("omit=level", {"id", "type", "scope", "rain", "on"}),
    ("omit=level,rain", {"id", "type", "scope", "on"}),
    ("omit=level|rain", {"id", "type", "scope", "on"}),
    ("omit=id,type,scope", {"level", "rain", "on"}),
    ("omit=nothing", {"id", "type", "scope", "level", "rain", "on"}),
    ("pick=id,level,rain&omit=on", {"id", "level", "rain"}),
    ("attrs=level", {"id", "type", "scope", "level"}),
    ("attrs=level,rain", {"id", "type", "scope", "level", "rain"}),
    ("attrs=rain,nothing", {"id", "type", "scope", "rain"}),
]


async def test_what_is_kept_of_an_entity(town: Client) -> None:
    for query, members in KEPT:
        encoded = quote(query, safe="=&,")
        one = await town("GET", "/entities/urn:g:1", query=encoded)
        assert (one.status, set(one.json)) == (200, members), query
        many = await town("GET", "/entities", query=f"type=Gauge&id=urn:g:1&{encoded}")
        assert [set(found) for found in many.json] == [members], query
        body = {key: value.replace("|", ",").split(",") for key, value in (p.split("=") for p in query.split("&"))}
        asked = {"type": "Query", "entities": [{"type": "Gauge", "id": "urn:g:1"}], **body}
        assert (await town("POST", QUERY, asked)).json == many.json, query


FOUND: list[tuple[str, str]] = [
    ("attrs=level", "12"),
    ("attrs=rain", "13"),
    ("attrs=level,rain", "123"),
    ("attrs=level,nothing", "12"),
    ("attrs=nothing", ""),
    ("pick=id,level", "123"),
    ("omit=level", "123"),
]


async def test_attrs_select_entities_and_pick_does_not(town: Client) -> None:
    """An entity with one of the attrs is found; pick and omit act on what was found."""
    for query, numbers in FOUND:
        found = await town("GET", "/entities", query=f"type=Gauge&{query}&count=true")
        assert "".join(one["id"][-1] for one in found.json) == numbers, query
        assert found.header("ngsild-results-count") == str(len(numbers)), query


LINKED: list[tuple[str, Any]] = [
    ("pick=on{name}", {"on": {"name": "足羽川"}}),
    ("pick=on{name,length}", {"on": {"name": "足羽川", "length": 61}}),
    ("pick=on{name|length}", {"on": {"name": "足羽川", "length": 61}}),
    ("pick=level,on{id}", {"level": 1, "on": {"id": "urn:r:1"}}),
    ("pick=on{into{name}}&joinLevel=2", {"on": {"into": {"name": "日野川"}}}),
    (
        "pick=id,on{name,into{length}},rain&joinLevel=2",
        {"id": "urn:g:1", "rain": 2, "on": {"name": "足羽川", "into": {"length": 71}}},
    ),
    ("pick=on&omit=on{into,type}", {"on": {"id": "urn:r:1", "name": "足羽川", "length": 61}}),
]


async def test_members_of_linked_entities_are_named_in_braces(town: Client) -> None:
    for query, wanted in LINKED:
        found = await town("GET", "/entities/urn:g:1", query="join=inline&" + quote(query, safe="=&,") + SIMPLE)
        assert found.status == 200, (query, found.body)
        assert found.json == wanted, query
        many = await town(
            "GET", "/entities", query="type=Gauge&id=urn:g:1&join=inline&" + quote(query, safe="=&,") + SIMPLE
        )
        assert many.json == [wanted], query


NO_PROJECTION = [
    "pick=,",
    "pick=level,",
    "pick=,level",
    "pick=level||rain",
    "pick=level rain",
    "pick=level;rain",
    "pick=on{",
    "pick=on{}",
    "pick=on}",
    "pick=on{name",
    "pick=on{name}}",
    "pick=on{name}length",
    "pick={name}",
    "pick=on{name,}",
    "pick=on{na me}",
    "pick=1level",
    'pick="level"',
    "pick=level&omit=level",
    "pick=level&attrs=level",
    "omit=level&attrs=rain",
    "pick=on{name}&omit=on{name}",
    "attrs=,",
    "attrs=level,",
    "attrs=le vel",
    "attrs=on{name}",
    "attrs=id",
    "attrs=scope",
    "attrs=level;rain",
]


async def test_what_is_no_projection_is_refused(client: Client) -> None:
    assert (await client("POST", CREATE, TOWN_OF)).status == 201
    for query in NO_PROJECTION:
        for word in ("pick", "omit") if query.count("=") == 1 and query.startswith("pick") else ("pick",):
            asked = "join=inline&" + quote(query.replace("pick", word, 1), safe="=&,")
            for path, first in (("/entities/urn:g:1", ""), ("/entities", "type=Gauge&")):
                assert (await client("GET", path, query=first + asked)).kind == "BadRequestData", (path, asked)


async def test_names_are_read_by_the_context(client: Client) -> None:
    """Of two attributes that are called the same, the one that the @context of the request means."""
    body = {**gauge(), "@context": [TOWN], "https://example.org/other#level": 5}
    assert (await client("POST", "/entities", body, media="application/ld+json")).status == 201
    one = "/entities/urn:ngsi-ld:Gauge:1"
    for word in ("pick", "attrs"):
        found = (await client("GET", one, query=f"{word}=level{SIMPLE}", headers={"link": LINK})).json
        assert (found["level"], "https://example.org/other#level" in found) == (1.5, False)
        assert (await client("GET", one, query=f"{word}=level")).kind == "ResourceNotFound"
        full = quote("https://example.org/other#level", safe="")
        found = (await client("GET", one, query=f"{word}={full}{SIMPLE}")).json
        assert found["https://example.org/other#level"] == 5
    left = (await client("GET", one, query=f"omit=level{SIMPLE}", headers={"link": LINK})).json
    assert set(left) == {"id", "type", "https://example.org/other#level"}


async def test_sub_attributes_and_system_attributes_stay_with_what_is_kept(client: Client) -> None:
    level = {"type": "Property", "value": 1, "by": {"type": "Property", "value": "radar"}}
    assert (
        await client("POST", "/entities", {"id": "urn:g:1", "type": "Gauge", "level": level, "rain": 1})
    ).status == 201
    kept = (await client("GET", "/entities/urn:g:1", query="pick=level&options=sysAttrs")).json
    assert set(kept) == {"level"}
    assert kept["level"]["by"]["value"] == "radar"
    assert "createdAt" in kept["level"]
    dated = (await client("GET", "/entities/urn:g:1", query="pick=createdAt,level&options=sysAttrs")).json
    assert set(dated) == {"createdAt", "level"}
    whole = (await client("GET", "/entities/urn:g:1", query="omit=createdAt,rain&options=sysAttrs")).json
    assert set(whole) == {"id", "type", "modifiedAt", "level"}
    named = (await client("GET", "/entities/urn:g:1", query="attrs=level&options=sysAttrs")).json
    assert set(named) == {"id", "type", "createdAt", "modifiedAt", "level"}
    assert (await client("GET", "/entities/urn:g:1", query="pick=nothing&options=sysAttrs")).kind == "ResourceNotFound"
    by = await client("GET", "/entities/urn:g:1", query="omit=by")
    assert by.json["level"]["by"]["value"] == "radar", "omit is of members of the entity"
