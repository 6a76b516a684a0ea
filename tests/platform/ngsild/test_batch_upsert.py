"""Batch creation or update: replace, which is the default, and update (clauses 5.6.8 and 6.15)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.batches import UPSERT, VOCAB, ids, one, parts
from tests.platform.ngsild.calls import Client, gauge

NAME = {"type": "Property", "value": "Hino"}


@pytest.mark.parametrize("query", ["", "options=replace"])
async def test_replacing_leaves_nothing_of_what_was(client: Client, fake_clock: FakeClock, query: str) -> None:
    await client("POST", "/entities", {**gauge(1, name=NAME), "scope": "/old", "type": ["Gauge", "Old"]})
    fake_clock.advance(60)
    body = {"id": ids(1)[0], "type": "Sign", "depth": {"type": "Property", "value": 2}}
    assert (await client("POST", UPSERT, [body], query=query)).status == 204
    assert (await client("GET", one(1))).json == body
    times = (await client("GET", one(1), query="options=sysAttrs")).json
    assert (times["createdAt"], times["modifiedAt"]) == ("2026-01-01T00:00:00.000Z", "2026-01-01T00:01:00.000Z")


async def test_updating_overwrites_what_is_named_and_leaves_the_rest(client: Client) -> None:
    await client("POST", "/entities", {**gauge(1, name=NAME), "scope": "/old"})
    fragment = {"id": ids(1)[0], "type": "Sign", "level": {"type": "Property", "value": 2}, "depth": 3}
    assert (await client("POST", UPSERT, [fragment], query="options=update")).status == 204
    told = (await client("GET", one(1))).json
    assert (told["level"], told["name"], told["scope"]) == ({"type": "Property", "value": 2}, NAME, "/old")
    assert (told["depth"]["value"], told["type"]) == (3, ["Gauge", "Sign"])


@pytest.mark.parametrize("query", ["", "options=replace", "options=update"])
async def test_what_is_not_there_is_created(client: Client, query: str) -> None:
    await client("POST", "/entities", gauge(1))
    both = await client("POST", UPSERT, [gauge(2), gauge(1, 9.0), gauge(3)], query=query)
    assert (both.status, both.json) == (201, ids(2, 3))
    assert (await client("GET", one(1))).json["level"]["value"] == 9.0
    assert (await client("GET", one(3))).json == gauge(3)


@pytest.mark.parametrize("query", ["", "options=replace", "options=update"])
async def test_where_nothing_came_to_be_there_is_nothing_to_say(client: Client, query: str) -> None:
    await client("POST", UPSERT, [gauge(1), gauge(2)])
    answer = await client("POST", UPSERT, [gauge(1, 2.0), gauge(2, 3.0)], query=query)
    assert (answer.status, answer.body, answer.header("content-type")) == (204, b"", None)


@pytest.mark.parametrize("query", ["", "options=update"])
async def test_a_207_names_what_was_created_and_what_was_changed(client: Client, query: str) -> None:
    await client("POST", "/entities", gauge(1))
    wrong = {**gauge(3), "level": {"type": "Property"}}
    answer = await client("POST", UPSERT, [gauge(1, 9.0), gauge(2), wrong], query=query)
    assert parts(answer) == (ids(1, 2), [(ids(3)[0], "BadRequestData")])


async def test_items_of_one_id_are_taken_one_after_the_other_in_upsert(client: Client) -> None:
    first, second = gauge(1, 1.0, name=NAME), gauge(1, 2.0)
    assert (await client("POST", UPSERT, [first, second])).json == ids(1)
    assert (await client("GET", one(1))).json == second
    assert (await client("POST", UPSERT, [first, second], query="options=update")).status == 204
    told = (await client("GET", one(1))).json
    assert (told["level"]["value"], told["name"]) == (2.0, NAME)


async def test_an_update_replaces_the_instance_of_its_dataset_alone(client: Client) -> None:
    many: list[dict[str, Any]] = [
        {"type": "Property", "value": 1, "unitCode": "MTR"},
        {"type": "Property", "value": 2, "datasetId": "urn:d:1", "unitCode": "MTR"},
    ]
    await client("POST", "/entities", {**gauge(1), "level": many})
    change = {"type": "Property", "value": 5, "datasetId": "urn:d:1"}
    assert (await client("POST", UPSERT, [{**gauge(1), "level": change}], query="options=update")).status == 204
    assert (await client("GET", one(1))).json["level"] == [many[0], change]
    other = {"type": "Property", "value": 6, "datasetId": "urn:d:2"}
    assert (await client("POST", UPSERT, [{**gauge(1), "level": other}], query="options=update")).status == 204
    assert (await client("GET", one(1))).json["level"] == [many[0], change, other]
    assert (await client("POST", UPSERT, [{**gauge(1), "level": other}])).status == 204
    assert (await client("GET", one(1))).json["level"] == other


@pytest.mark.parametrize("query", ["options=replace,update", "options=update,replace"])
async def test_only_one_of_the_two_can_be_asked(client: Client, query: str) -> None:
    assert (await client("POST", UPSERT, [gauge(1)], query=query)).kind == "BadRequestData"
    assert (await client("GET", one(1))).kind == "ResourceNotFound"


async def test_the_concise_form_is_taken_in_upsert(client: Client) -> None:
    body = {"id": ids(1)[0], "type": "Gauge", "level": {"value": 1, "unitCode": "MTR"}, "owner": {"object": "urn:x:1"}}
    assert (await client("POST", UPSERT, [body])).json == ids(1)
    told = (await client("GET", one(1))).json
    assert told["level"] == {"type": "Property", "value": 1, "unitCode": "MTR"}
    assert told["owner"] == {"type": "Relationship", "object": "urn:x:1"}
    assert (await client("GET", "/attributes/level")).json["id"] == VOCAB + "level"


async def test_a_replaced_entity_is_not_found_by_what_it_was(any_client: Client) -> None:
    await any_client("POST", UPSERT, [{**gauge(1, name=NAME), "type": "Old"}])
    assert (await any_client("POST", UPSERT, [gauge(1, 7.0)])).status == 204
    for query in ("type=Old", 'q=name=="Hino"', "type=Gauge&attrs=name"):
        assert (await any_client("GET", "/entities", query=query)).json == [], query
    assert [each["id"] for each in (await any_client("GET", "/entities", query="type=Gauge&q=level==7")).json] == ids(1)
