"""Which entities a temporal query may ask for, and in which pages they come (clauses 5.7.4.4, 6.3.10 and 6.3.13)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, TOWN_CONTEXT, Client

PAST = "/temporal/entities"
QUERY = "/temporal/entityOperations/query"
SPAN = {"timerel": "after", "timeAt": "2026-03-01T00:00:00Z"}
POINT = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[136.2,36.06]"}


def one(value: Any, hour: int = 12, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2026-03-01T{hour:02}:00:00Z", **more}


def thing(kind: str, number: int, **attrs: Any) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Thing:{number}", "type": kind, **attrs}


@pytest.fixture
async def town(client: Client) -> Client:
    point = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.06]}}
    bodies = [
        thing("Gauge", 1, level=[one(1), one(2, 13)], location=[{**point, "observedAt": "2026-03-01T12:00:00Z"}]),
        thing("Gauge", 2, level=[one(2)], rain=[one(5), one(6, 14)]),
        thing("Gauge", 3, level=[{**one(3), "observedAt": "2026-01-01T00:00:00Z"}]),
        thing("Pump", 4, flow=[one(4)], rain=[one(7)]),
        {**thing("Pump", 5, flow=[one(5)]), "type": ["Pump", "Gate"]},
        thing("Gauge", 6, level=[one(6, 15)], scope=[one("/fukui/asuwa", 1)]),
    ]
    for body in bodies:
        assert (await client("POST", PAST, body)).status == 201
    return client


async def found(client: Client, **query: Any) -> str:
    answer = await client("GET", PAST, query={**SPAN, **query})
    assert answer.status == 200, (query, answer.body)
    return "".join(each["id"][-1] for each in answer.json)


ENOUGH: list[Any] = [
    ({"type": "Gauge"}, "126"),
    ({"type": "*"}, "12456"),
    ({"attrs": "rain"}, "24"),
    ({"attrs": "rain,createdAtAll"}, "24"),
    ({"q": "level==2"}, "12"),
    ({"q": "createdAt>2020-01-01T00:00:00Z;flow"}, "45"),
    (POINT, "1"),
    ({"local": "true"}, "12456"),
]
TOO_WIDE: list[Any] = [
    {},
    {"id": "urn:ngsi-ld:Thing:1"},
    {"idPattern": "Thing"},
    {"scopeQ": "/fukui/asuwa"},
    {"q": "createdAt>2020-01-01T00:00:00Z"},
    {"pick": "level"},
    {"local": "false"},
    {"csf": "a==1"},
]


async def test_one_restriction_is_enough(town: Client) -> None:
    for query, numbers in ENOUGH:
        assert await found(town, **query) == numbers, query


async def test_what_selects_too_widely_is_refused(town: Client) -> None:
    for query in TOO_WIDE:
        answer = await town("GET", PAST, query={**SPAN, **query})
        assert answer.kind == "BadRequestData", query
    for name in ("createdAt", "id", "type"):
        assert (await town("GET", PAST, query={**SPAN, "attrs": name})).kind == "BadRequestData", name
    body: dict[str, Any] = {"type": "Query", "temporalQ": SPAN}
    for more in ({}, {"q": "createdAt>2020-01-01T00:00:00Z"}, {"scopeQ": "/a"}, {"pick": ["level"]}):
        assert (await town("POST", QUERY, {**body, **more})).kind == "BadRequestData", more


async def test_a_span_of_time_is_needed(town: Client) -> None:
    for query in ({}, {"lastN": "1"}, {"timeproperty": "modifiedAt"}, {"timeAt": SPAN["timeAt"]}):
        assert (await town("GET", PAST, query={"type": "Gauge", **query})).kind == "BadRequestData", query
    body: dict[str, Any] = {"type": "Query", "entities": [{"type": "Gauge"}]}
    spans: list[Any] = [{}, {"temporalQ": {}}, {"temporalQ": {"lastN": 1}}, {"temporalQ": {"timerel": "after"}}]
    for given in spans:
        assert (await town("POST", QUERY, {**body, **given})).kind == "BadRequestData", given


CHOSEN: list[Any] = [
    ({"type": "Gauge,Gate"}, "1256"),
    ({"type": "Pump;Gate"}, "5"),
    ({"type": "(Pump,Gauge);Gate"}, "5"),
    ({"type": "Pump", "id": "urn:ngsi-ld:Thing:4,urn:ngsi-ld:Thing:1"}, "4"),
    ({"type": "Gauge", "id": "urn:ngsi-ld:Thing:3"}, ""),
    ({"type": "*", "idPattern": ":[46]$"}, "46"),
    ({"type": "*", "idPattern": "Thing:[^1-3]"}, "456"),
    ({"type": "Gauge", "idPattern": "Gauge"}, ""),
    ({"type": "Gauge", "scopeQ": "/fukui/asuwa"}, "6"),
    ({"type": "Gauge", "scopeQ": "/fukui/#"}, "6"),
    ({"type": "Gauge", "scopeQ": "/ishikawa"}, ""),
    ({"type": "Gauge", "attrs": "rain"}, "2"),
    ({"type": "Gauge", "pick": "id,rain"}, "126"),
    ({"type": "Gauge", "pick": "id"}, "126"),
    ({"type": "Gauge", "omit": "level"}, "126"),
    ({"type": "Gauge", "csf": "a==1", "splitEntities": "true"}, "126"),
    ({"type": "Nothing"}, ""),
]


async def test_types_ids_patterns_and_scopes_select(town: Client) -> None:
    for query, numbers in CHOSEN:
        assert await found(town, **query) == numbers, query


async def test_names_are_read_by_the_context(client: Client) -> None:
    await client("POST", PAST, {**thing("Gauge", 1, level=[one(1)]), **TOWN_CONTEXT}, media=LD)
    await client("POST", PAST, thing("Gauge", 2, level=[one(1)]))
    link = {"link": LINK}
    for query in ({"type": "Gauge"}, {"attrs": "level"}, {"q": "level==1"}, {"type": "*", "pick": "id,level"}):
        town = await client("GET", PAST, query={**SPAN, **query}, headers=link)
        assert [each["id"][-1] for each in town.json if "level" in each] == ["1"], query
        plain = await client("GET", PAST, query={**SPAN, **query})
        assert [each["id"][-1] for each in plain.json if "level" in each] == ["2"], query
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "attrs": ["level"], "temporalQ": SPAN}
    asked = await client("POST", QUERY, {**body, **TOWN_CONTEXT}, media=LD)
    assert [each["id"][-1] for each in asked.json] == ["1"]
    assert [each["id"][-1] for each in (await client("POST", QUERY, body)).json] == ["2"]


async def test_the_members_and_instances_of_each_entity(town: Client) -> None:
    query = {**SPAN, "type": "Gauge", "attrs": "level,rain", "lastN": 1}
    answer = (await town("GET", PAST, query=query)).json
    assert [
        {name: [v["value"] for v in each[name]] for name in ("level", "rain") if name in each} for each in answer
    ] == [
        {"level": [2]},
        {"level": [2], "rain": [6]},
        {"level": [6]},
    ]
    assert all("location" not in each for each in answer)
    nothing = await town("GET", PAST, query={**SPAN, "type": "Gauge", "omit": "id,type,scope,level,rain,location"})
    assert nothing.json == []
    picked = (await town("GET", PAST, query={**SPAN, "type": "Gauge", "pick": "id,rain"})).json
    assert [set(each) for each in picked] == [{"id"}, {"id", "rain"}, {"id"}]
    omitted = (await town("GET", PAST, query={**SPAN, "type": "Gauge", "omit": "level,scope,id"})).json
    assert [set(each) for each in omitted] == [{"type", "location"}, {"type", "rain"}, {"type"}]


async def test_the_past_of_what_stands_and_of_what_is_gone_is_one(client: Client) -> None:
    for number in (1, 2):
        made = await client("POST", "/entities", thing("Gauge", number, level=one(number)))
        assert made.status == 201
    await client("POST", PAST, thing("Gauge", 3, level=[one(3)]))
    await client("DELETE", "/entities/urn:ngsi-ld:Thing:2")
    assert await found(client, type="Gauge") == "123"
    assert await found(client, type="Gauge", q="level>=2") == "23"
    gone = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "deletedAt"}
    assert [each["id"][-1] for each in (await client("GET", PAST, query={"type": "Gauge", **gone})).json] == ["2"]


def links(answer: Any) -> dict[str, str]:
    """The queries of the pages beside this one."""
    return {rel: to for to, rel in re.findall(r'<[^>?]*\?([^>]*)>; rel="(next|prev)"', answer.header("link") or "")}


async def test_pages_count_all_and_lead_on_and_back(town: Client) -> None:
    seen, turn = [], 0
    query: Any = {**SPAN, "type": "*", "limit": 2, "count": "true", "attrs": "level,flow"}
    while query:
        page = await town("GET", PAST, query=query)
        assert page.header("ngsild-results-count") == "5"
        seen.append("".join(each["id"][-1] for each in page.json))
        assert set(links(page)) == ({"next"}, {"next", "prev"}, {"prev"})[turn]
        query, back = links(page).get("next", ""), links(page).get("prev", "")
        turn += 1
    assert seen == ["12", "45", "6"]
    before = await town("GET", PAST, query=back)
    assert "".join(each["id"][-1] for each in before.json) == "45"
    assert set(before.json[0]) == {"id", "type", "flow"}


async def test_pages_of_a_query_in_a_body(town: Client) -> None:
    body = {"type": "Query", "entities": [{"type": "Gauge"}, {"type": "Pump"}], "temporalQ": SPAN, "q": "level|flow"}
    page = await town("POST", QUERY, body, query="limit=3&count=true")
    assert ([each["id"][-1] for each in page.json], page.header("ngsild-results-count")) == (["1", "2", "4"], "5")
    rest = await town("POST", QUERY, body, query="limit=3&offset=3")
    assert ([each["id"][-1] for each in rest.json], rest.header("ngsild-results-count")) == (["5", "6"], None)


async def test_numbers_of_pages(town: Client) -> None:
    base = {**SPAN, "type": "Gauge"}
    alone = await town("GET", PAST, query={**base, "limit": 0, "count": "true"})
    assert (alone.json, alone.header("ngsild-results-count")) == ([], "3")
    assert (await town("GET", PAST, query=base)).header("ngsild-results-count") is None
    assert (await town("GET", PAST, query={**base, "options": "count"})).header("ngsild-results-count") == "3"
    beyond = await town("GET", PAST, query={**base, "offset": 9, "count": "true"})
    assert (beyond.json, beyond.header("ngsild-results-count")) == ([], "3")
    for query, kind in (
        ({"limit": 0}, "BadRequestData"),
        ({"limit": -1}, "BadRequestData"),
        ({"limit": "few"}, "BadRequestData"),
        ({"offset": -1}, "BadRequestData"),
        ({"count": "yes"}, "BadRequestData"),
        ({"limit": 1001}, "TooManyResults"),
        ({"entityMap": "true"}, "OperationNotSupported"),
    ):
        assert (await town("GET", PAST, query={**base, **query})).kind == kind, query


async def test_nothing_found_is_an_empty_array(town: Client) -> None:
    for query in ({"type": "Nothing"}, {"type": "Gauge", "q": "level==77"}):
        answer = await town("GET", PAST, query={**SPAN, **query})
        assert (answer.status, answer.json) == (200, []), query
    inside = await town("GET", PAST, query={**SPAN, "type": "Gauge", "limit": 1}, headers={"accept": LD})
    assert "@context" in inside.json[0]
    assert (await town.of("nowhere")("GET", PAST, query={**SPAN, "type": "Gauge"})).kind == "NonexistentTenant"
