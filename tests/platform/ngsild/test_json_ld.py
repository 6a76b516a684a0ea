"""JSON-LD at the door: nulls, where the @context stands, names and values (clauses 5.5.4 to 5.5.7)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client, gauge

from kumihimo.platform.jsonld.models import CORE_CONTEXT, DEFAULT_VOCAB

ONE = "/entities/urn:ngsi-ld:Gauge:1"
QUERY = "/entityOperations/query"
NULL = "urn:ngsi-ld:null"
FULL = "https://example.org/town#"
NULLS: list[Any] = [
    {"level": NULL},
    {"scope": NULL},
    {"expiresAt": NULL},
    {"level": {"type": "Property", "value": NULL}},
    {"level": {"type": "Relationship", "object": NULL}},
    {"level": {"type": "LanguageProperty", "languageMap": {"@none": NULL}}},
    {"level": {"type": "LanguageProperty", "languageMap": NULL}},
    {"level": {"type": "VocabProperty", "vocab": NULL}},
    {"level": {"type": "JsonProperty", "json": NULL}},
    {"level": {"type": "ListProperty", "valueList": NULL}},
    {"level": {"type": "ListRelationship", "objectList": NULL}},
    {"level": {"type": "Property", "value": {"a": {"b": NULL}}}},
    {"level": {"type": "Property", "value": [{"a": NULL}]}},
    {"level": {"type": "Property", "value": 1, "unitCode": NULL}},
    {"level": {"type": "Property", "value": 1, "by": {"type": "Property", "value": NULL}}},
]


async def test_the_ngsi_ld_null_is_in_no_whole_entity(client: Client) -> None:
    for members in NULLS:
        body = {**gauge(2), **members}
        assert (await client("POST", "/entities", body)).kind == "BadRequestData", members
    assert (await client("GET", "/entities", query="type=Gauge")).json == []


async def test_the_ngsi_ld_null_replaces_nothing(client: Client) -> None:
    await client("POST", "/entities", gauge())
    for members in NULLS:
        assert (await client("PUT", ONE, {**gauge(), **members})).kind == "BadRequestData", members
        assert (await client("POST", f"{ONE}/attrs", members)).kind == "BadRequestData", members
    assert (await client("GET", ONE)).json == gauge()


async def test_the_ngsi_ld_null_is_in_no_subscription_that_is_made(client: Client) -> None:
    body: dict[str, Any] = {
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://a.example/"}},
    }
    for member in ("q", "description", "expiresAt", "entities", "notification", "watchedAttributes"):
        assert (await client("POST", "/subscriptions", {**body, member: NULL})).kind == "BadRequestData", member
    assert (await client("GET", "/subscriptions")).json == []


async def test_json_null_is_no_value(client: Client) -> None:
    await client("POST", "/entities", gauge())
    for value in (
        None,
        {"value": None},
        {"type": "Relationship", "object": None},
        {"type": "GeoProperty", "value": None},
    ):
        for method, path in (("POST", "/entities"), ("PATCH", ONE), ("PATCH", f"{ONE}/attrs"), ("PUT", ONE)):
            body = {**gauge(2 if method == "POST" else 1), "level": value}
            assert (await client(method, path, body)).kind == "BadRequestData", (method, path, value)
    assert (await client("GET", ONE)).json == gauge()


async def test_a_query_in_json_is_read_by_the_link_header(client: Client) -> None:
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "q": "level>1"}
    assert (await client("POST", QUERY, body)).json == []
    found = await client("POST", QUERY, body, headers={"link": LINK})
    assert (found.json, TOWN in (found.header("link") or "")) == ([gauge()], True)
    inside = await client("POST", QUERY, {**body, "@context": TOWN})
    assert inside.kind == "BadRequestData"
    both = await client("POST", QUERY, {**body, "@context": TOWN}, headers={"link": LINK})
    assert both.kind == "BadRequestData"


async def test_a_query_in_json_ld_is_read_by_its_own_context(client: Client) -> None:
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    body = {
        "type": "Query",
        "entities": [{"type": "G"}],
        "q": "l>1",
        "@context": {"G": FULL + "Gauge", "l": FULL + "level"},
    }
    found = await client("POST", QUERY, body, media=LD, headers={"accept": LD})
    assert (found.json[0]["type"], found.json[0]["l"]["value"]) == ("G", 1.5)
    assert found.json[0]["@context"] == [body["@context"], CORE_CONTEXT]
    assert (await client("POST", QUERY, body, media=LD, headers={"link": LINK})).kind == "BadRequestData"
    bare = {name: value for name, value in body.items() if name != "@context"}
    assert (await client("POST", QUERY, bare, media=LD)).kind == "BadRequestData"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/entities", gauge(2)),
        ("PUT", ONE, gauge()),
        ("PATCH", ONE, gauge()),
        ("POST", f"{ONE}/attrs", {"level": gauge()["level"]}),
        ("PATCH", f"{ONE}/attrs", {"level": gauge()["level"]}),
        ("PATCH", f"{ONE}/attrs/level", {"value": 1}),
        ("POST", "/subscriptions", {"type": "Subscription"}),
        ("POST", "/temporal/entities", gauge(3)),
    ],
)
async def test_a_context_stands_where_the_media_type_says(client: Client, method: str, path: str, body: Any) -> None:
    await client("POST", "/entities", gauge())
    for media, inside, headers in (
        ("application/json", {"@context": TOWN}, {}),
        ("application/json", {"@context": TOWN}, {"link": LINK}),
        (LD, {}, {}),
        (LD, {}, {"link": LINK}),
        (LD, {"@context": TOWN}, {"link": LINK}),
    ):
        refused = await client(method, path, {**body, **inside}, media=media, headers=headers)
        assert refused.kind == "BadRequestData", (media, inside, headers)
        assert "@context" in refused.json["detail"]
    assert (await client("GET", ONE)).json == gauge()


async def test_two_links_to_contexts_contradict_each_other(client: Client) -> None:
    second = LINK.replace("town", "other")
    for headers in ({"link": f"{LINK}, {second}"},):
        refused = await client("GET", "/entities", query="type=Gauge", headers=headers)
        assert refused.kind == "BadRequestData"
        assert "more than one" in refused.json["detail"]
    assert (await client("GET", "/entities", query="type=Gauge", headers={"link": f"{LINK}, {LINK}"})).status == 200


async def test_without_a_context_names_are_of_the_default_one(client: Client) -> None:
    await client("POST", "/entities", gauge())
    listed = (await client("GET", "/attributes", query="details=true")).json
    assert [each["id"] for each in listed] == [DEFAULT_VOCAB + "level"]
    assert (await client("GET", "/entities", query={"type": DEFAULT_VOCAB + "Gauge"})).json == [gauge()]
    told = await client("GET", ONE, headers={"accept": LD})
    assert told.json == {**gauge(), "@context": CORE_CONTEXT}


async def test_the_core_context_goes_before_the_clients_wherever_it_stands(client: Client) -> None:
    mine = {"location": "https://example.org/mine", "observedAt": "https://example.org/when", "level": FULL + "level"}
    point = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    contexts: list[Any] = [mine, [mine, CORE_CONTEXT], [CORE_CONTEXT, mine], [mine, CORE_CONTEXT, mine]]
    for number, context in enumerate(contexts):
        made = await client("POST", "/entities", {**gauge(number), "location": point, "@context": context}, media=LD)
        assert made.status == 201, context
        told = (await client("GET", f"/entities/urn:ngsi-ld:Gauge:{number}")).json
        assert told == {
            "id": f"urn:ngsi-ld:Gauge:{number}",
            "type": "Gauge",
            FULL + "level": gauge()["level"],
            "location": point,
        }


async def test_the_values_of_a_vocab_property_are_names(client: Client) -> None:
    context = {"kind": FULL + "kind", "Gauge": FULL + "Gauge", "river": FULL + "River", "lake": FULL + "Lake"}
    kind = {"type": "VocabProperty", "vocab": ["river", "lake", "pond"]}
    body = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "kind": kind, "@context": context}
    assert (await client("POST", "/entities", body, media=LD)).status == 201
    plain = (await client("GET", ONE)).json[FULL + "kind"]["vocab"]
    assert plain == [FULL + "River", FULL + "Lake", "pond"]
    query = {"type": "Query", "entities": [{"type": "Gauge"}], "@context": context}
    assert (await client("POST", QUERY, query, media=LD)).json[0]["kind"] == kind


async def test_the_keys_of_a_json_property_are_no_names(client: Client) -> None:
    inside = {"level": 1, "Gauge": {"id": "x", "type": "y", "@context": "z"}, FULL + "level": [{"level": None}]}
    raw = {"type": "JsonProperty", "json": inside}
    await client("POST", "/entities", gauge(raw=raw), headers={"link": LINK})
    assert (await client("GET", ONE, headers={"link": LINK})).json["raw"] == raw
    assert (await client("GET", ONE)).json["raw"] == raw
    assert (await client("GET", ONE, query="options=keyValues", headers={"link": LINK})).json["raw"] == {"json": inside}


async def test_the_members_of_a_value_are_no_names(client: Client) -> None:
    value = {"level": 1, "Gauge": {"level": 2}, "観測": [{"level": 3}]}
    await client("POST", "/entities", gauge(thing={"type": "Property", "value": value}), headers={"link": LINK})
    for headers in ({}, {"link": LINK}):
        told = (await client("GET", ONE, headers=headers)).json["thing"]
        assert told["value"] == value


async def test_a_name_may_be_short_full_or_by_a_prefix(client: Client) -> None:
    context = {"t": FULL, "stage": "t:level"}
    for number, name in enumerate(("stage", "t:level", FULL + "level")):
        body = {"id": f"urn:ngsi-ld:Gauge:{number}", "type": "t:Gauge", name: 1, "@context": context}
        assert (await client("POST", "/entities", body, media=LD)).status == 201
        told = (await client("GET", f"/entities/urn:ngsi-ld:Gauge:{number}", headers={"link": LINK})).json
        assert (told["type"], told["level"]["value"]) == ("Gauge", 1)


async def test_a_merge_patch_is_read_by_the_link_header(client: Client) -> None:
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    merge = "application/merge-patch+json"
    assert (await client("PATCH", ONE, {"level": {"value": 2}}, media=merge, headers={"link": LINK})).status == 204
    assert (await client("GET", ONE, headers={"link": LINK})).json["level"]["value"] == 2
    inside = {"level": {"value": 3}, "@context": TOWN}
    assert (await client("PATCH", ONE, inside, media=merge)).status == 204
    assert (await client("GET", ONE, headers={"link": LINK})).json["level"]["value"] == 3
