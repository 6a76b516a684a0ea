"""Linked entities in answers (clause 4.5.23) and in q (clause 4.9, examples 13 and 14), on both engines."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import Client
from tests.platform.ngsild.conftest import SCHEMAS, make_face
from tests.rights import only, rows

from kumihimo.platform.access.decide import Action, Grant
from kumihimo.platform.broker import links
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.platform.ngsild.api import routes
from kumihimo.platform.ngsild.asks import Ask

CREATE = "/entityOperations/create"
QUERY = "/entityOperations/query"


def link(*targets: str, **more: Any) -> dict[str, Any]:
    return {"type": "Relationship", "object": targets[0] if len(targets) == 1 else list(targets), **more}


TOWN: list[dict[str, Any]] = [
    {
        "id": "urn:g:1",
        "type": "Gauge",
        "level": 1,
        "on": link("urn:r:1"),
        "kept": link("urn:p:1", "urn:p:2", "urn:p:9"),
    },
    {"id": "urn:g:2", "type": "Gauge", "level": 2, "on": link("urn:r:1"), "by": link("urn:r:1")},
    {"id": "urn:g:3", "type": "Gauge", "level": 3, "on": link("urn:r:9")},
    {"id": "urn:r:1", "type": "River", "name": "足羽川", "into": link("urn:r:2"), "gauge": link("urn:g:1")},
    {"id": "urn:r:2", "type": "River", "name": "日野川", "into": link("urn:s:1"), "length": 71},
    {"id": "urn:s:1", "type": "Sea", "name": "日本海", "all": {"type": "ListRelationship", "objectList": ["urn:r:2"]}},
    {"id": "urn:p:1", "type": "Person", "name": "a", "age": 40, "boss": link("urn:p:2")},
    {"id": "urn:p:2", "type": "Person", "name": "b", "age": 50, "boss": link("urn:p:1")},
    {"id": "urn:t:1", "type": "Tour", "stops": {"type": "ListRelationship", "objectList": ["urn:g:2", "urn:g:1"]}},
    {
        "id": "urn:t:2",
        "type": "Tour",
        "lead": [link("urn:p:1"), link("urn:p:2", datasetId="urn:d:2")],
        "note": {"type": "Property", "value": "x", "seen": link("urn:g:1")},
    },
]


@pytest.fixture
async def town(any_client: Client) -> Client:
    assert (await any_client("POST", CREATE, TOWN)).status == 201
    return any_client


async def got(client: Client, path: str, query: str = "") -> Any:
    found = await client("GET", "/entities" + path, query=query)
    assert found.status == 200, (path, query, found.body)
    return found.json


SIMPLE = "&format=simplified"
R2 = {"id": "urn:r:2", "type": "River", "name": "日野川", "into": "urn:s:1", "length": 71}
R1 = {"id": "urn:r:1", "type": "River", "name": "足羽川", "into": "urn:r:2", "gauge": "urn:g:1"}
P1 = {"id": "urn:p:1", "type": "Person", "name": "a", "age": 40, "boss": "urn:p:2"}
P2 = {"id": "urn:p:2", "type": "Person", "name": "b", "age": 50, "boss": "urn:p:1"}


async def test_inline(town: Client) -> None:
    one = await got(town, "/urn:g:1", "join=inline")
    assert one["on"] == {
        "type": "Relationship",
        "object": "urn:r:1",
        "entity": {
            "id": "urn:r:1",
            "type": "River",
            "name": {"type": "Property", "value": "足羽川"},
            "into": {"type": "Relationship", "object": "urn:r:2"},
            "gauge": {"type": "Relationship", "object": "urn:g:1"},
        },
    }
    assert [inner["id"] for inner in one["kept"]["entity"]] == ["urn:p:1", "urn:p:2"]
    assert one["kept"]["object"] == ["urn:p:1", "urn:p:2", "urn:p:9"]
    short = await got(town, "/urn:g:1", "join=inline" + SIMPLE)
    assert short == {"id": "urn:g:1", "type": "Gauge", "level": 1, "on": R1, "kept": [P1, P2, "urn:p:9"]}
    concise = await got(town, "/urn:g:2", "join=inline&format=concise")
    assert concise["on"]["entity"]["name"] == "足羽川"
    assert concise["by"] == {"object": "urn:r:1"}, "met before, in this graph"
    assert await got(town, "/urn:g:3", "join=inline" + SIMPLE) == {
        "id": "urn:g:3",
        "type": "Gauge",
        "level": 3,
        "on": "urn:r:9",
    }
    whole = await got(town, "", "type=Gauge&join=inline&pick=id,on" + SIMPLE)
    assert whole == [{"id": "urn:g:1", "on": R1}, {"id": "urn:g:2", "on": R1}, {"id": "urn:g:3", "on": "urn:r:9"}]


async def test_lists_and_several_instances(town: Client) -> None:
    tour = await got(town, "/urn:t:1", "join=inline")
    assert [inner["id"] for inner in tour["stops"]["entityList"]] == ["urn:g:2", "urn:g:1"]
    assert tour["stops"]["objectList"] == [{"object": "urn:g:2"}, {"object": "urn:g:1"}]
    assert [one["id"] for one in (await got(town, "/urn:t:1", "join=inline" + SIMPLE))["stops"]] == [
        "urn:g:2",
        "urn:g:1",
    ]
    led = await got(town, "/urn:t:2", "join=inline")
    assert [one["entity"]["id"] for one in led["lead"]] == ["urn:p:1", "urn:p:2"]
    assert "entity" not in led["note"]["seen"]
    assert (await got(town, "/urn:t:2", "join=inline" + SIMPLE))["lead"] == {"dataset": {"@none": P1, "urn:d:2": P2}}
    chosen = await got(town, "/urn:t:2", "join=inline&datasetId=urn:d:2" + SIMPLE)
    assert chosen["lead"] == P2
    assert [one["id"] for one in await got(town, "/urn:t:2", "join=flat")] == ["urn:t:2", "urn:p:1", "urn:p:2"]


async def test_levels_and_loops(town: Client) -> None:
    two = await got(town, "/urn:g:1", "join=inline&joinLevel=2&pick=on" + SIMPLE)
    assert two == {"on": {**R1, "into": R2, "gauge": "urn:g:1"}}
    deep = await got(town, "/urn:r:1", "join=inline&joinLevel=10&pick=into" + SIMPLE)
    assert deep["into"]["into"]["all"] == ["urn:r:2"]
    bosses = await got(town, "/urn:p:1", "join=inline&joinLevel=10" + SIMPLE)
    assert bosses == {**P1, "boss": P2}
    flat = await got(town, "", "type=Gauge&join=flat&joinLevel=10&format=concise")
    ids = [one["id"] for one in flat]
    assert ids[:3] == ["urn:g:1", "urn:g:2", "urn:g:3"]
    assert sorted(ids[3:]) == ["urn:p:1", "urn:p:2", "urn:r:1", "urn:r:2", "urn:s:1"]
    assert ids.index("urn:r:1") < ids.index("urn:r:2") < ids.index("urn:s:1")
    alone = {"id": "urn:g:3", "type": "Gauge", "level": 3, "on": "urn:r:9"}
    assert await got(town, "/urn:g:3", "join=flat" + SIMPLE) == alone
    assert await got(town, "", "type=Gauge&id=urn:g:3&join=flat" + SIMPLE) == [alone]
    assert (await got(town, "/urn:g:1", "join=@none&joinLevel=3"))["on"] == {
        "type": "Relationship",
        "object": "urn:r:1",
    }


async def test_what_was_met_before_is_not_written_again(town: Client) -> None:
    asked = "join=inline&joinLevel=2&pick=on&containedBy=urn:r:2,urn:x:1" + SIMPLE
    assert await got(town, "/urn:g:1", asked) == {"on": {**R1, "gauge": "urn:g:1"}}
    flat = await got(town, "", "type=Gauge&join=flat&containedBy=urn:r:1,urn:p:1")
    assert [one["id"] for one in flat] == ["urn:g:1", "urn:g:2", "urn:g:3", "urn:p:2"]


NAMED = {"id": "urn:r:2", "name": "日野川"}
NESTED: list[Any] = [
    ("pick=id,on{id,name}", {"id": "urn:g:1", "on": {"id": "urn:r:1", "name": "足羽川"}}),
    ("pick=on{name|into{length}}&joinLevel=2", {"on": {"name": "足羽川", "into": {"length": 71}}}),
    ("pick=on{into{into{name}}}&joinLevel=3", {"on": {"into": {"into": {"name": "日本海"}}}}),
    ("pick=on&omit=on{type,into,gauge}", {"on": {"id": "urn:r:1", "name": "足羽川"}}),
    ("pick=on{id,name}&omit=on{name}", None),
    (
        "omit=id,type,level,kept,on{gauge,into{into,length}}&joinLevel=2",
        {"on": {"id": "urn:r:1", "type": "River", "name": "足羽川", "into": {**NAMED, "type": "River"}}},
    ),
    ("pick=on{nothing}", {"on": "urn:r:1"}),
]


async def test_members_of_linked_entities(town: Client) -> None:
    for query, wanted in NESTED:
        found = await town("GET", "/entities/urn:g:1", query="join=inline&" + query + SIMPLE)
        if wanted is None:
            assert found.kind == "BadRequestData", query
        else:
            assert found.json == wanted, query
    flat = await got(town, "/urn:g:1", "join=flat&joinLevel=2&pick=id,on{id,into{name}}" + SIMPLE)
    assert flat == [{"id": "urn:g:1", "on": "urn:r:1"}, {"id": "urn:r:1", "into": "urn:r:2"}, {"name": "日野川"}]


async def test_a_query_in_a_body_joins_too(town: Client) -> None:
    body = {"type": "Query", "entities": [{"type": "Gauge", "id": "urn:g:1"}], "join": "inline", "joinLevel": 2}
    found = await town("POST", QUERY, {**body, "pick": ["on{into{name}}"]}, query="format=simplified")
    assert found.json == [{"on": {"into": {"name": "日野川"}}}]
    found = await town("POST", QUERY, {**body, "pick": ["on"], "containedBy": ["urn:r:1"]}, query="format=simplified")
    assert found.json == [{"on": "urn:r:1"}]
    found = await town("POST", QUERY, {**body, "entities": [{"type": "Gauge"}], "q": 'on{into{name}}=="日野川"'})
    assert [one["id"] for one in found.json] == ["urn:g:1", "urn:g:2"]


async def test_system_attributes_are_inside_as_well(town: Client) -> None:
    one = await got(town, "/urn:g:1", "join=inline&options=sysAttrs")
    assert "createdAt" in one["on"]["entity"]
    assert "modifiedAt" in one["on"]["entity"]["name"]
    assert "createdAt" not in (await got(town, "/urn:g:1", "join=inline"))["on"]["entity"]


async def test_geojson(town: Client) -> None:
    accept = {"accept": "application/geo+json"}
    one = (await town("GET", "/entities/urn:g:1", query="join=inline" + SIMPLE, headers=accept)).json
    assert (one["type"], one["properties"]["on"]["name"]) == ("Feature", "足羽川")
    flat = (await town("GET", "/entities/urn:g:1", query="join=flat&pick=on" + SIMPLE, headers=accept)).json
    assert (flat["type"], [each["id"] for each in flat["features"]]) == ("FeatureCollection", ["urn:g:1", "urn:r:1"])
    many = (await town("GET", "/entities", query="type=Gauge&join=inline" + SIMPLE, headers=accept)).json
    assert many["features"][1]["properties"]["on"]["name"] == "足羽川"


LINKED_Q: list[Any] = [
    ("on{name}", 1, "12"),
    ('on{name}=="足羽川"', 1, "12"),
    ('on{name}!="足羽川"', 1, ""),
    ('on{River:name}=="足羽川"', 1, "12"),
    ('on{Sea,River:name}=="足羽川"', 1, "12"),
    ('on{Sea:name}=="足羽川"', 1, ""),
    ("on{into{length}}>70", 2, "12"),
    ("on{into{River:length}}>70", 2, "12"),
    ("on{River:into{River:into{Sea:name}}}", 3, "12"),
    ("kept{age}>45", 1, "1"),
    ("kept{age}==40;kept{name}==%22b%22", 1, "1"),
    ("kept{age}>45|level==3", 1, "13"),
    ("(kept{age}>60|on{name});level>1", 1, "2"),
    ('on{name}~="川$"', 1, "12"),
    ("on{into.observedAt}", 1, ""),
    ('on{name[x]}=="a"', 1, ""),
    ("kept{age}==35..45,100", 1, "1"),
]


async def test_q_asks_linked_entities(town: Client) -> None:
    for q, level, numbers in LINKED_Q:
        query = f"type=Gauge&join=inline&joinLevel={level}&pick=id&q={q if '%' in q else quote(q)}"
        assert "".join(one["id"][-1] for one in await got(town, "", query)) == numbers, q
        if level > 1:
            refused = await town("GET", "/entities", query=query.replace(f"Level={level}", f"Level={level - 1}"))
            assert refused.kind == "BadRequestData", q
    assert [one["id"] for one in await got(town, "", "type=Tour&join=flat&q=stops{level}==2&pick=id")] == ["urn:t:1"]


async def test_an_answer_with_too_many_linked_entities_is_refused(
    town: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MAX_LINKED", 4)
    assert (await town("GET", "/entities", query="type=Gauge&join=flat&limit=1")).status == 200
    refused = await town("GET", "/entities", query="type=Gauge&join=flat&joinLevel=2")
    assert refused.kind == "TooManyResults"


async def test_what_may_not_be_seen_is_not_joined(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The restriction and the mask hold for linked entities, in what is given and in what q asks of them."""
    client = Client(Starlette(routes=routes(await make_face(await any_database_factory(SCHEMAS), fake_clock))))
    assert (await client("POST", CREATE, TOWN)).status == 201
    allowed = rows(ids=("urn:g:1", "urn:g:2", "urn:r:1", "urn:p:2"))
    seen = frozenset(DEFAULT_VOCAB + name for name in ("on", "kept", "name", "level"))

    async def decide(ask: Ask, action: Action) -> Grant:
        return Grant(allowed, only(*seen))

    monkeypatch.setattr(Ask, "decide", decide)
    one = await got(client, "/urn:g:1", "join=inline&joinLevel=3" + SIMPLE)
    assert one["on"] == {"id": "urn:r:1", "type": "River", "name": "足羽川"}
    assert one["kept"] == ["urn:p:1", {"id": "urn:p:2", "type": "Person", "name": "b"}, "urn:p:9"]
    flat = await got(client, "", "type=Gauge&join=flat&joinLevel=3&format=concise")
    assert [each["id"] for each in flat] == ["urn:g:1", "urn:g:2", "urn:r:1", "urn:p:2"]
    asked = {"kept{age}": "", 'kept{name}=="a"': "", 'kept{name}=="b"': "1", "on{into{name}}": "", "by{name}": ""}
    for q, numbers in asked.items():
        query = f"type=Gauge&join=inline&joinLevel=2&pick=id&q={quote(q)}"
        assert "".join(each["id"][-1] for each in await got(client, "", query)) == numbers, q
