"""Batch creation: what is created is what a create of one entity would have made (clauses 5.6.7 and 6.14)."""

from __future__ import annotations

from typing import Any

from tests.platform.ngsild.batches import CREATE, ids, one, parts
from tests.platform.ngsild.calls import Client, gauge, place

ATTRIBUTES: list[tuple[str, Any, Any]] = [
    ("Property", {"type": "Property", "value": 1, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"}, None),
    ("Property of an object", {"type": "Property", "value": {"city": "鯖江", "no": [1, None]}}, None),
    ("Relationship", {"type": "Relationship", "object": "urn:x:1", "objectType": "River"}, None),
    ("Relationship to many", {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]}, None),
    ("GeoProperty", place(136.2, 36.0), None),
    ("LanguageProperty", {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}}, None),
    ("VocabProperty", {"type": "VocabProperty", "vocab": "fast"}, None),
    ("JsonProperty", {"type": "JsonProperty", "json": {"id": 1, "type": None}}, None),
    ("ListProperty", {"type": "ListProperty", "valueList": [1, "a"]}, None),
    ("ListRelationship", {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}] * 2}, None),
    ("sub-attributes", {"type": "Property", "value": 1, "by": {"type": "Relationship", "object": "urn:x:1"}}, None),
    (
        "many instances",
        [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}],
        None,
    ),
    ("a number alone", 5, {"type": "Property", "value": 5}),
    ("a value alone", {"value": "x"}, {"type": "Property", "value": "x"}),
    ("an object alone", {"object": "urn:x:1"}, {"type": "Relationship", "object": "urn:x:1"}),
    ("a geometry alone", {"value": place(1, 2)["value"]}, place(1, 2)),
    ("languages alone", {"languageMap": {"ja": "川"}}, {"type": "LanguageProperty", "languageMap": {"ja": "川"}}),
]


async def test_every_kind_of_attribute_is_created_as_alone(client: Client) -> None:
    numbers = range(len(ATTRIBUTES))
    bodies = [
        {"id": each, "type": "Gauge", "thing": given}
        for each, (_, given, _) in zip(ids(*numbers), ATTRIBUTES, strict=True)
    ]
    made = await client("POST", CREATE, bodies)
    assert (made.status, made.json) == (201, ids(*numbers))
    for number, (what, given, kept) in enumerate(ATTRIBUTES):
        alone = {"id": ids(100 + number)[0], "type": "Gauge", "thing": given}
        assert (await client("POST", "/entities", alone)).status == 201
        found = [(await client("GET", one(each))).json["thing"] for each in (number, 100 + number)]
        assert found == [kept or given] * 2, what


async def test_types_and_scopes_are_created(client: Client) -> None:
    batch = [{**gauge(1), "type": ["Gauge", "Sign"], "scope": ["/Fukui", "/River"]}, {**gauge(2), "scope": "/Fukui"}]
    assert (await client("POST", CREATE, batch)).status == 201
    first = (await client("GET", one(1))).json
    assert (sorted(first["type"]), first["scope"]) == (["Gauge", "Sign"], ["/Fukui", "/River"])
    found = await client("GET", "/entities", query="type=Sign&scopeQ=/Fukui")
    assert [each["id"] for each in found.json] == ids(1)


async def test_a_201_holds_the_ids_alone_in_their_order(client: Client) -> None:
    made = await client("POST", CREATE, [gauge(2), gauge(1), gauge(3)])
    assert (made.status, made.json) == (201, ids(2, 1, 3))
    assert made.header("content-type") == "application/json"
    for number in (1, 2, 3):
        assert (await client("GET", one(number))).status == 200


async def test_what_exists_is_left_as_it_is(client: Client) -> None:
    await client("POST", "/entities", gauge(1, 1.0))
    assert parts(await client("POST", CREATE, [gauge(1, 9.0), gauge(2)])) == (ids(2), [(ids(1)[0], "AlreadyExists")])
    assert (await client("GET", one(1))).json == gauge(1, 1.0)


async def test_the_first_of_two_with_one_id_is_created(client: Client) -> None:
    answer = await client("POST", CREATE, [gauge(1, 1.0), {**gauge(1), "level": None}, gauge(1, 3.0)])
    success, errors = parts(answer)
    assert success == ids(1)
    assert sorted(errors) == [(ids(1)[0], "AlreadyExists"), (ids(1)[0], "BadRequestData")]
    assert (await client("GET", one(1))).json["level"]["value"] == 1.0


async def test_one_entity_is_a_batch_too(client: Client) -> None:
    made = await client("POST", CREATE, [gauge(1)])
    assert (made.status, made.json) == (201, ids(1))


async def test_times_are_the_platforms_own(client: Client) -> None:
    batch = [{**gauge(1), "createdAt": "2001-01-01T00:00:00Z", "modifiedAt": "2001-01-01T00:00:00Z"}]
    assert (await client("POST", CREATE, batch)).status == 201
    told = (await client("GET", one(1), query="options=sysAttrs")).json
    assert (told["createdAt"], told["modifiedAt"]) == ("2026-01-01T00:00:00.000Z",) * 2
    assert (told["level"]["createdAt"], told["level"]["modifiedAt"]) == ("2026-01-01T00:00:00.000Z",) * 2


async def test_what_is_created_has_a_past(client: Client) -> None:
    await client("POST", CREATE, [gauge(1), gauge(2)])
    for number in (1, 2):
        past = await client("GET", f"/temporal/entities/{ids(number)[0]}")
        assert [each["value"] for each in past.json["level"]] == [1.5]
