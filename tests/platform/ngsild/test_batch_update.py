"""Batch update: attributes are appended or overwritten, unless noOverwrite (clauses 5.6.9 and 6.16)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.batches import UPDATE, ids, one, parts
from tests.platform.ngsild.calls import Client, gauge, place

NAME = {"type": "Property", "value": "Hino"}
CHANGES: list[tuple[str, Any, Any]] = [
    ("a Property whole", {"type": "Property", "value": 1}, {"type": "Property", "value": 2}),
    (
        "its members",
        {"type": "Property", "value": 1, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"},
        {"type": "Property", "value": 1, "unitCode": "CMT", "observedAt": "2026-01-02T00:00:00Z"},
    ),
    ("a member left out", {"type": "Property", "value": 1, "unitCode": "MTR"}, {"type": "Property", "value": 1}),
    (
        "sub-attributes",
        {"type": "Property", "value": 1, "by": {"type": "Relationship", "object": "urn:x:1"}},
        {"type": "Property", "value": 1, "quality": {"type": "Property", "value": 5}},
    ),
    ("an object in a value", {"type": "Property", "value": {"a": 1, "b": 2}}, {"type": "Property", "value": {"b": 3}}),
    (
        "a Relationship",
        {"type": "Relationship", "object": "urn:x:1"},
        {"type": "Relationship", "object": "urn:x:2", "since": {"type": "Property", "value": 2020}},
    ),
    ("a GeoProperty", place(1, 2), place(3, 4)),
    (
        "a LanguageProperty",
        {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}},
        {"type": "LanguageProperty", "languageMap": {"ja": "大川"}},
    ),
    ("another kind", {"type": "Property", "value": 1}, {"type": "Relationship", "object": "urn:x:1"}),
]


async def test_an_attribute_is_overwritten_whole(client: Client) -> None:
    for number, (_, before, _) in enumerate(CHANGES):
        await client("POST", "/entities", gauge(number, thing=before))
    numbered = zip(ids(*range(len(CHANGES))), CHANGES, strict=True)
    answer = await client(
        "POST", UPDATE, [{"id": each, "type": "Gauge", "thing": after} for each, (_, _, after) in numbered]
    )
    assert (answer.status, answer.body) == (204, b"")
    for number, (what, _, after) in enumerate(CHANGES):
        assert (await client("GET", one(number))).json == {**gauge(number), "thing": after}, what


async def test_what_is_not_there_yet_is_appended(client: Client) -> None:
    await client("POST", "/entities", gauge(1))
    body = {"id": ids(1)[0], "type": "Gauge", "name": NAME, "location": place(1, 2)}
    assert (await client("POST", UPDATE, [body])).status == 204
    assert (await client("GET", one(1))).json == {**gauge(1), "name": NAME, "location": place(1, 2)}


async def test_without_overwriting_only_what_is_new_is_written(client: Client) -> None:
    await client("POST", "/entities", gauge(1))
    await client("POST", "/entities", gauge(2))
    change = {**gauge(1, 9.0), "name": NAME}
    fresh = {"id": ids(2)[0], "type": "Gauge", "name": NAME}
    success, errors = parts(await client("POST", UPDATE, [change, fresh], query="options=noOverwrite"))
    assert (success, [each for each, _ in errors]) == (ids(2), ids(1))
    assert (await client("GET", one(1))).json == {**gauge(1), "name": NAME}
    assert (await client("GET", one(2))).json == {**gauge(2), "name": NAME}


async def test_without_overwriting_an_instance_of_another_dataset_is_new(client: Client) -> None:
    await client("POST", "/entities", gauge(1))
    other = {"type": "Property", "value": 5, "datasetId": "urn:d:1"}
    body = [{**gauge(1), "level": other}]
    assert (await client("POST", UPDATE, body, query="options=noOverwrite")).status == 204
    assert (await client("GET", one(1))).json["level"] == [gauge(1)["level"], other]
    assert parts(await client("POST", UPDATE, body, query="options=noOverwrite"))[0] == []


async def test_the_instance_of_a_dataset_is_overwritten_alone(client: Client) -> None:
    many = [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": 2, "datasetId": "urn:d:1", "unitCode": "MTR"},
    ]
    await client("POST", "/entities", {**gauge(1), "level": many})
    second = {"type": "Property", "value": 5, "datasetId": "urn:d:1"}
    assert (await client("POST", UPDATE, [{**gauge(1), "level": second}])).status == 204
    assert (await client("GET", one(1))).json["level"] == [many[0], second]
    first = {"type": "Property", "value": 4}
    assert (await client("POST", UPDATE, [{**gauge(1), "level": first}])).status == 204
    assert (await client("GET", one(1))).json["level"] == [first, second]


async def test_types_are_added_and_the_scope_is_set(client: Client) -> None:
    await client("POST", "/entities", {**gauge(1), "scope": "/old"})
    await client("POST", "/entities", {**gauge(2), "scope": "/old"})
    more = {"type": ["Sign"], "scope": "/new"}
    assert (await client("POST", UPDATE, [{"id": ids(1)[0], **more}])).status == 204
    told = (await client("GET", one(1))).json
    assert (told["type"], told["scope"]) == (["Gauge", "Sign"], "/new")
    assert (await client("POST", UPDATE, [{"id": ids(2)[0], **more}], query="options=noOverwrite")).status == 204
    assert (await client("GET", one(2))).json["scope"] == ["/old", "/new"]


async def test_the_concise_form_is_taken_in_update(client: Client) -> None:
    await client("POST", "/entities", gauge(1))
    body = {"id": ids(1)[0], "type": "Gauge", "level": 7, "owner": {"object": "urn:x:1"}, "name": {"value": "Hino"}}
    assert (await client("POST", UPDATE, [body])).status == 204
    told = (await client("GET", one(1))).json
    assert told["level"] == {"type": "Property", "value": 7}
    assert told["owner"] == {"type": "Relationship", "object": "urn:x:1"}
    assert told["name"] == NAME


async def test_what_is_not_there_is_not_created_by_an_update(client: Client) -> None:
    await client("POST", "/entities", gauge(1))
    answer = await client("POST", UPDATE, [gauge(9), gauge(1, 9.0)])
    assert parts(answer) == (ids(1), [(ids(9)[0], "ResourceNotFound")])
    assert (await client("GET", one(9))).kind == "ResourceNotFound"
    assert (await client("GET", one(1))).json["level"]["value"] == 9.0


async def test_items_of_one_id_are_taken_one_after_the_other_in_update(client: Client) -> None:
    await client("POST", "/entities", gauge(1))
    assert (await client("POST", UPDATE, [gauge(1, 2.0, name=NAME), gauge(1, 3.0)])).status == 204
    told = (await client("GET", one(1))).json
    assert (told["level"]["value"], told["name"]) == (3.0, NAME)
    first, second = {**gauge(1), "depth": 1}, {**gauge(1), "depth": 2}
    for each in (first, second):
        del each["level"]
    success, errors = parts(await client("POST", UPDATE, [first, second], query="options=noOverwrite"))
    assert (success, [each for each, _ in errors]) == (ids(1), ids(1))
    assert (await client("GET", one(1))).json["depth"]["value"] == 1


@pytest.mark.parametrize("query", ["", "options=noOverwrite"])
async def test_every_update_is_in_the_past(any_client: Client, query: str) -> None:
    await any_client("POST", "/entities", gauge(1))
    for value in (1, 2):
        name = {"type": "Property", "value": value, "datasetId": f"urn:d:{value}"}
        body = {"id": ids(1)[0], "type": "Gauge", "name": name}
        assert (await any_client("POST", UPDATE, [body], query=query)).status == 204
    past = (await any_client("GET", f"/temporal/entities/{ids(1)[0]}")).json
    assert sorted(each["value"] for each in past["name"]) == [1, 2]
