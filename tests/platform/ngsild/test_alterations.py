"""Three ways to alter an attribute: partial update at two levels, and merge (clauses 5.5.8 and 5.5.12)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.batches import ids, one
from tests.platform.ngsild.calls import Client, gauge

NULL = "urn:ngsi-ld:null"
ATTRS = f"{one()}/attrs"
LEVEL: dict[str, Any] = {
    "type": "Property",
    "value": {"now": 1, "at": {"river": "Hino", "no": 5}},
    "unitCode": "MTR",
    "observedAt": "2026-01-01T00:00:00Z",
    "quality": {"type": "Property", "value": 3, "unitCode": "P1"},
}
FRAGMENT: dict[str, Any] = {
    "type": "Property",
    "value": {"at": {"no": 6}},
    "quality": {"type": "Property", "value": 4},
}
MANY: list[dict[str, Any]] = [
    {"type": "Property", "value": 1, "unitCode": "MTR"},
    {"type": "Property", "value": 2, "unitCode": "MTR", "datasetId": "urn:d:1"},
]
NAME = {"type": "Property", "value": "Hino"}
OTHER = {"type": "Property", "value": 3, "datasetId": "urn:d:2"}


async def made(client: Client, level: Any, number: int = 1) -> None:
    assert (await client("POST", "/entities", {**gauge(number, name=NAME), "level": level})).status == 201


async def level(client: Client, number: int = 1) -> Any:
    return (await client("GET", one(number))).json.get("level")


@pytest.mark.parametrize(
    ("method", "path", "body", "after"),
    [
        ("PATCH", f"{ATTRS}/level", FRAGMENT, {**LEVEL, **FRAGMENT}),
        ("PATCH", ATTRS, {"level": FRAGMENT}, FRAGMENT),
        (
            "PATCH",
            one(),
            {"level": FRAGMENT},
            {
                **LEVEL,
                "value": {"now": 1, "at": {"river": "Hino", "no": 6}},
                "quality": {"type": "Property", "value": 4, "unitCode": "P1"},
            },
        ),
    ],
    ids=["an attribute in part", "an entity in part", "a merge"],
)
async def test_one_fragment_three_outcomes(client: Client, method: str, path: str, body: Any, after: Any) -> None:
    await made(client, LEVEL)
    assert (await client(method, path, body)).status == 204
    assert (await client("GET", one())).json == {**gauge(name=NAME), "level": after}


async def test_an_update_of_an_entity_drops_the_members_that_it_leaves_out(client: Client) -> None:
    await made(client, LEVEL)
    assert (
        await client("PATCH", ATTRS, {"level": {"type": "Property", "value": 25, "observedAt": LEVEL["observedAt"]}})
    ).status == 204
    assert await level(client) == {"type": "Property", "value": 25, "observedAt": LEVEL["observedAt"]}


async def test_an_update_of_an_attribute_keeps_the_members_that_it_leaves_out(client: Client) -> None:
    await made(client, LEVEL)
    assert (await client("PATCH", f"{ATTRS}/level", {"value": 25})).status == 204
    assert await level(client) == {**LEVEL, "value": 25}
    assert (await client("PATCH", f"{ATTRS}/level", {"depth": {"type": "Property", "value": 1}})).status == 204
    assert await level(client) == {**LEVEL, "value": 25, "depth": {"type": "Property", "value": 1}}


VALUES: list[Any] = [
    ({"at": {"no": 6}}, {"now": 1, "at": {"river": "Hino", "no": 6}}),
    ({"now": NULL, "at": {"river": "Kuzuryu", "no": NULL}}, {"at": {"river": "Kuzuryu"}}),
    ({"new": {"a": 1, "b": NULL}}, {**LEVEL["value"], "new": {"a": 1}}),
    ({"now": {"a": 1}}, {**LEVEL["value"], "now": {"a": 1}}),
    ({"at": 5}, {"now": 1, "at": 5}),
    ([1], [1]),
]


async def test_a_merge_goes_into_a_value(client: Client) -> None:
    for number, (fragment, value) in enumerate(VALUES):
        await made(client, LEVEL, number)
        assert (await client("PATCH", one(number), {"level": {"value": fragment}})).status == 204
        assert await level(client, number) == {**LEVEL, "value": value}, fragment


INSTANCES: list[tuple[str, Any, Any, Any]] = [
    ("its own instance", {"type": "Property", "value": 9, "datasetId": "urn:d:1"}, MANY, None),
    ("a new one", OTHER, MANY, [*MANY, OTHER]),
    ("a new default one", {"type": "Property", "value": 9}, MANY[1], [MANY[1], {"type": "Property", "value": 9}]),
    ("the default one goes", NULL, MANY, MANY[1]),
    ("its own goes", {"type": "Property", "value": NULL, "datasetId": "urn:d:1"}, MANY, MANY[0]),
    ("one beside others", [OTHER, {"type": "Property", "value": NULL, "datasetId": "urn:d:1"}], MANY, [MANY[0], OTHER]),
]


@pytest.mark.parametrize("end", ["/attrs", ""], ids=["an entity in part", "a merge"])
async def test_a_fragment_is_of_the_instance_of_its_dataset(client: Client, end: str) -> None:
    for number, (what, fragment, before, after) in enumerate(INSTANCES):
        await made(client, before, number)
        assert (await client("PATCH", one(number) + end, {"level": fragment})).status == 204
        kept = {} if end else MANY[1]  # an update takes the place of the whole instance, a merge of what it names
        assert await level(client, number) == (after or [MANY[0], {**kept, **fragment}]), what


async def test_an_attribute_in_part_is_of_the_instance_of_its_dataset(client: Client) -> None:
    await made(client, MANY)
    assert (await client("PATCH", f"{ATTRS}/level", {"value": 9, "datasetId": "urn:d:1"})).status == 204
    assert await level(client) == [MANY[0], {**MANY[1], "value": 9}]
    assert (await client("PATCH", f"{ATTRS}/level", {"value": 8})).status == 204
    assert await level(client) == [{**MANY[0], "value": 8}, {**MANY[1], "value": 9}]
    assert (await client("PATCH", f"{ATTRS}/level", OTHER)).kind == "ResourceNotFound"
    gone = {"value": NULL, "datasetId": "urn:d:1"}
    assert (await client("PATCH", f"{ATTRS}/level", gone)).status == 204
    assert await level(client) == {**MANY[0], "value": 8}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{ATTRS}/level", {"value": 9, "datasetId": NULL}),
        (ATTRS, {"level": {"type": "Property", "value": 9, "datasetId": NULL}}),
        (one(), {"level": {"value": 9, "datasetId": NULL}}),
    ],
    ids=["an attribute in part", "an entity in part", "a merge"],
)
async def test_a_dataset_is_not_taken_off_an_instance(client: Client, path: str, body: Any) -> None:
    await made(client, MANY)
    assert (await client("PATCH", path, body)).kind == "BadRequestData"
    assert await level(client) == MANY


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"{ATTRS}/level", {"unitCode": NULL, "quality": NULL, "observedAt": NULL}),
        ("PATCH", one(), {"level": {"unitCode": NULL, "quality": {"value": NULL}, "observedAt": NULL}}),
    ],
)
async def test_a_null_takes_a_member_away(client: Client, method: str, path: str, body: Any) -> None:
    await made(client, LEVEL)
    assert (await client(method, path, body)).status == 204
    assert await level(client) == {"type": "Property", "value": LEVEL["value"]}


@pytest.mark.parametrize(
    ("path", "body"),
    [(f"{ATTRS}/level", {"value": NULL}), (ATTRS, {"level": NULL}), (one(), {"level": {"value": NULL}})],
    ids=["an attribute in part", "an entity in part", "a merge"],
)
async def test_a_null_value_takes_the_attribute_away(client: Client, path: str, body: Any) -> None:
    await made(client, LEVEL)
    assert (await client("PATCH", path, body)).status == 204
    assert (await client("GET", one())).json == {"id": ids(1)[0], "type": "Gauge", "name": NAME}
