"""The tutorial on the operations: create, read, update and delete in the normalized form, alone and in batches."""

from __future__ import annotations

from typing import Any

from tests.platform.ngsild.calls import Client
from tests.platform.ngsild.tutorials.farm import done, n, seen

ONE, TWO, THREE, FOUR = (n("Thermometer", number) for number in range(1, 5))
NULL = "urn:ngsi-ld:null"
CREATE, UPSERT, UPDATE, DELETE = (f"/entityOperations/{name}" for name in ("create", "upsert", "update", "delete"))


def thermometer(entity_id: str, value: float, *words: str) -> dict[str, Any]:
    return {
        "id": entity_id,
        "type": "Thermometer",
        "category": {"type": "VocabProperty", "vocab": list(words) if len(words) > 1 else words[0]},
        "temperature": {"type": "Property", "value": value, "unitCode": "CEL"},
    }


def kind(entity_id: str, *words: str) -> dict[str, Any]:
    """The same without a temperature."""
    return {name: value for name, value in thermometer(entity_id, 0, *words).items() if name != "temperature"}


async def test_one_by_one(any_client: Client) -> None:
    client = any_client
    await done(client, "POST", "/entities/", thermometer(ONE, 25, "sensor"))
    assert await seen(client, f"/entities/{ONE}") == thermometer(ONE, 25, "sensor")
    more = {
        "battery": {"type": "Property", "value": 0.9, "unitCode": "C62"},
        "controlledAsset": {"type": "Relationship", "object": n("Building", "barn2")},
    }
    await done(client, "POST", f"/entities/{ONE}/attrs", more)
    assert await seen(client, f"/entities/{ONE}") == {**thermometer(ONE, 25, "sensor"), **more}
    stamped = await seen(client, f"/entities/{ONE}", "options=sysAttrs")
    assert stamped["createdAt"] == stamped["category"]["createdAt"] == "2026-01-01T00:00:00.000Z"
    simple = await seen(client, f"/entities/{ONE}", "format=simplified")
    assert simple == {
        "id": ONE,
        "type": "Thermometer",
        "category": {"vocab": "sensor"},
        "temperature": 25,
        "battery": 0.9,
        "controlledAsset": n("Building", "barn2"),
    }
    picked = await seen(client, f"/entities/{ONE}", "format=simplified&pick=id,type,category,temperature")
    assert picked.keys() == {"id", "type", "category", "temperature"}


async def test_updates_and_the_null_that_deletes(client: Client) -> None:
    await done(client, "POST", "/entities", thermometer(ONE, 25, "sensor"))
    both = {"type": "VocabProperty", "vocab": ["sensor", "actuator"]}
    await done(client, "PATCH", f"/entities/{ONE}/attrs/category", both)
    asset = {"type": "Relationship", "object": n("Building", "barn1")}
    await done(client, "PATCH", f"/entities/{ONE}/attrs", {"category": both, "controlledAsset": asset})
    now = await seen(client, f"/entities/{ONE}")
    assert (now["category"], now["controlledAsset"]) == (both, asset)
    found = await client(
        "GET", "/entities/", query=f'type=Thermometer&limit=0&count=true&q=controlledAsset=="{asset["object"]}"'
    )
    assert (found.status, found.json, found.header("ngsild-results-count")) == (200, [], "1")
    gone = {
        "category": {"type": "VocabProperty", "vocab": NULL},
        "controlledAsset": {"type": "Relationship", "object": NULL},
    }
    await done(client, "PATCH", f"/entities/{ONE}/attrs", gone)
    assert (await seen(client, f"/entities/{ONE}")).keys() == {"id", "type", "temperature"}
    await done(client, "DELETE", f"/entities/{ONE}/attrs/temperature")
    assert await seen(client, f"/entities/{ONE}") == {"id": ONE, "type": "Thermometer"}
    await done(client, "DELETE", f"/entities/{ONE}")
    assert (await client("GET", f"/entities/{ONE}")).kind == "ResourceNotFound"


async def test_batches(any_client: Client) -> None:
    client = any_client
    made = await done(client, "POST", CREATE, [thermometer(one, 20, "sensor") for one in (TWO, THREE, FOUR)])
    assert (made.status, made.json) == (201, [TWO, THREE, FOUR])
    again = [thermometer(TWO, 21, "sensor"), thermometer(ONE, 27, "sensor")]
    answer = await done(client, "POST", UPSERT, again)
    assert (answer.status, answer.json) == (201, [ONE])
    both = ("actuator", "sensor")
    await done(client, "POST", UPSERT, [kind(THREE, *both), kind(FOUR, *both)], query="options=update")
    assert await seen(client, f"/entities/{THREE}") == thermometer(THREE, 20, *both)
    changed = [kind(THREE, "sensor"), {"id": FOUR, "type": "Thermometer", "temperature": kind(FOUR, *both)["category"]}]
    await done(client, "POST", UPDATE, changed, query="options=replace")
    assert (await seen(client, f"/entities/{FOUR}"))["temperature"] == {"type": "VocabProperty", "vocab": list(both)}
    listed = await seen(client, "/entities/", "type=Thermometer&format=simplified&pick=id,type,temperature")
    assert {one["id"]: one["temperature"] for one in listed} == {
        ONE: 27,
        TWO: 21,
        THREE: 20,
        FOUR: {"vocab": list(both)},
    }
    some = f"id={ONE},{TWO}&type=Thermometer&format=simplified&pick=id,type,temperature"
    assert [one["id"] for one in await seen(client, "/entities/", some)] == [TWO, ONE]
    assert (await done(client, "POST", DELETE, [TWO, THREE])).status == 204
    assert {one["id"] for one in await seen(client, "/entities", "type=Thermometer")} == {ONE, FOUR}
    partly = await client("POST", DELETE, [FOUR, TWO])
    assert (partly.status, partly.json["success"]) == (207, [FOUR])
