from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import Client, gauge

ONE = "/entities/urn:ngsi-ld:Gauge:1"
ATTRS = f"{ONE}/attrs"
DATASET = "urn:ngsi-ld:Dataset:radar"
VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
GONE = "/entities/urn:ngsi-ld:Gauge:none/attrs"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


async def test_append_overwrites_unless_told_not_to(client: Client) -> None:
    await client("POST", "/entities", gauge())
    assert (await client("POST", ATTRS, {"level": prop(2), "depth": prop(5)})).status == 204
    fragment = {"level": prop(3), "width": prop(1)}
    part = await client("POST", ATTRS, fragment, query="options=noOverwrite")
    assert part.status == 207
    assert part.json["updated"] == [VOCAB + "width"]
    assert [one["attributeName"] for one in part.json["notUpdated"]] == [VOCAB + "level"]
    assert part.json["notUpdated"][0]["reason"]
    assert (await client("GET", ONE)).json["level"]["value"] == 2


async def test_update_overwrites_and_adds(any_client: Client) -> None:
    await any_client("POST", "/entities", gauge())
    assert (await any_client("PATCH", ATTRS, {"level": prop(2), "depth": prop(5)})).status == 204
    told = (await any_client("GET", ONE)).json
    assert (told["level"], told["depth"]) == (prop(2), prop(5))


async def test_update_tells_what_was_not_there_to_delete(client: Client) -> None:
    await client("POST", "/entities", gauge())
    part = await client("PATCH", ATTRS, {"level": prop(2), "depth": prop("urn:ngsi-ld:null")})
    assert (part.status, part.json["updated"]) == (207, [VOCAB + "level"])
    assert [one["attributeName"] for one in part.json["notUpdated"]] == [VOCAB + "depth"]


async def test_partial_update_keeps_the_other_members(client: Client) -> None:
    await client("POST", "/entities", gauge())
    assert (await client("PATCH", f"{ATTRS}/level", {"value": 8})).status == 204
    assert (await client("GET", ONE)).json["level"] == {**gauge()["level"], "value": 8}
    assert (await client("PATCH", f"{ATTRS}/level", {"value": 8, "datasetId": DATASET})).kind == "ResourceNotFound"
    assert (await client("PATCH", f"{ATTRS}/level", {})).kind == "BadRequestData"
    assert (await client("PATCH", f"{ATTRS}/depth", {"value": 8})).kind == "ResourceNotFound"
    assert (
        await client("PATCH", f"{ATTRS}/level", {"type": "Relationship", "object": "urn:a:b"})
    ).kind == "BadRequestData"


async def test_replacing_an_attribute_drops_its_other_members(client: Client) -> None:
    await client("POST", "/entities", gauge())
    assert (await client("PUT", f"{ATTRS}/level", prop(8))).status == 204
    assert (await client("GET", ONE)).json["level"] == {"type": "Property", "value": 8}
    assert (await client("PUT", f"{ATTRS}/depth", prop(8))).kind == "ResourceNotFound"
    assert (await client("PUT", f"{ATTRS}/level", prop(8, datasetId=DATASET))).kind == "ResourceNotFound"
    assert (await client("PUT", f"{ATTRS}/@level", prop(8))).kind == "BadRequestData"
    assert (await client("PUT", f"{ATTRS}/scope", {"value": "/a"})).kind == "BadRequestData"


async def test_deleting_one_instance_or_all(client: Client) -> None:
    await client("POST", "/entities", {**gauge(a=prop(1)), "level": [prop(1), prop(2, datasetId=DATASET)]})
    assert (await client("DELETE", f"{ATTRS}/level", query={"datasetId": DATASET})).status == 204
    assert (await client("GET", ONE)).json["level"]["value"] == 1
    assert (await client("DELETE", f"{ATTRS}/level", query={"datasetId": DATASET})).kind == "ResourceNotFound"
    assert (await client("DELETE", f"{ATTRS}/level", query={"datasetId": "radar"})).kind == "BadRequestData"
    assert (await client("DELETE", f"{ATTRS}/level", query="deleteAll=true")).status == 204
    assert (await client("DELETE", f"{ATTRS}/level", query="deleteAll=maybe")).kind == "BadRequestData"
    assert set((await client("GET", ONE)).json) == {"id", "type", "a"}


async def test_the_scope_is_deleted_like_an_attribute(client: Client) -> None:
    await client("POST", "/entities", gauge(scope="/Fukui"))
    assert (await client("DELETE", f"{ATTRS}/scope")).status == 204
    assert "scope" not in (await client("GET", ONE)).json
    assert (await client("DELETE", f"{ATTRS}/scope")).kind == "ResourceNotFound"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", GONE, {"a": prop(1)}),
        ("PATCH", GONE, {"a": prop(1)}),
        ("PATCH", f"{GONE}/a", {"value": 1}),
        ("PUT", f"{GONE}/a", prop(1)),
        ("DELETE", f"{GONE}/a", None),
    ],
)
async def test_attributes_of_nothing_are_not_found(client: Client, method: str, path: str, body: Any) -> None:
    await client("POST", "/entities", gauge())
    assert (await client(method, path, body)).kind == "ResourceNotFound"


@pytest.mark.parametrize("path", ["/entities//attrs", "/entities/gauge/attrs", "/entities/a b/attrs"])
async def test_an_id_must_be_a_uri(client: Client, path: str) -> None:
    assert (await client("POST", path, {"a": prop(1)})).kind == "BadRequestData"
    assert (await client("PATCH", path, {"a": prop(1)})).kind == "BadRequestData"


@pytest.mark.parametrize("body", [{}, {"id": "urn:ngsi-ld:Gauge:1"}, {"id": "urn:ngsi-ld:Gauge:2", "a": 1}])
async def test_a_fragment_says_something_of_this_entity(client: Client, body: Any) -> None:
    await client("POST", "/entities", gauge())
    assert (await client("POST", ATTRS, body)).kind == "BadRequestData"
    assert (await client("PATCH", ATTRS, body)).kind == "BadRequestData"
