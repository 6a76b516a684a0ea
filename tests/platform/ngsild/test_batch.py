from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client, gauge

CREATE, UPSERT, UPDATE = "/entityOperations/create", "/entityOperations/upsert", "/entityOperations/update"
MERGE, DELETE = "/entityOperations/merge", "/entityOperations/delete"


def ids(*numbers: int) -> list[str]:
    return [f"urn:ngsi-ld:Gauge:{number}" for number in numbers]


async def test_batches_on_both_engines(any_client: Client) -> None:
    client = any_client
    made = await client("POST", CREATE, [gauge(1), gauge(2)])
    assert (made.status, made.json) == (201, ids(1, 2))
    again = await client("POST", CREATE, [gauge(2), gauge(3)])
    assert (again.status, again.json["success"]) == (207, ids(3))
    assert [(one["entityId"], one["error"]["status"]) for one in again.json["errors"]] == [(ids(2)[0], 409)]
    both = await client("POST", UPSERT, [gauge(3, 9.0), gauge(4)])
    assert (both.status, both.json) == (201, ids(4))
    assert (await client("POST", UPSERT, [gauge(3, 8.0)])).status == 204
    assert (await client("POST", UPDATE, [gauge(4, 7.0)])).status == 204
    levels = await client("GET", "/entities", query="type=Gauge&options=keyValues")
    assert {one["id"]: one["level"] for one in levels.json} == dict(
        zip(ids(1, 2, 3, 4), [1.5, 1.5, 8.0, 7.0], strict=True)
    )
    gone = await client("POST", DELETE, ids(1, 9))
    assert (gone.status, gone.json["success"], gone.json["errors"][0]["entityId"]) == (207, ids(1), ids(9)[0])
    assert (await client("POST", DELETE, ids(2, 3, 4))).status == 204
    assert (await client("GET", "/entities", query="type=Gauge")).json == []


async def test_duplicates_are_applied_one_after_the_other(client: Client) -> None:
    made = await client("POST", CREATE, [gauge(1, 1.0), gauge(2), gauge(1, 3.0)])
    assert (made.status, made.json["success"], made.json["errors"][0]["entityId"]) == (207, ids(1, 2), ids(1)[0])
    assert (await client("POST", UPSERT, [gauge(5, 1.0), gauge(6), gauge(5, 3.0)])).json == ids(5, 6)
    assert (await client("GET", "/entities/urn:ngsi-ld:Gauge:5")).json["level"]["value"] == 3.0
    twice = await client("POST", DELETE, ids(1, 1))
    assert (twice.status, twice.json["success"], twice.json["errors"][0]["entityId"]) == (207, ids(1), ids(1)[0])


async def test_each_item_has_its_own_context_and_its_own_error(client: Client) -> None:
    batch: list[Any] = [
        {**gauge(1), "@context": TOWN},
        {**gauge(2), "@context": []},
        gauge(3),
        {**gauge(4), "@context": "https://example.org/nowhere.jsonld"},
        {"id": ids(5)[0], "@context": TOWN},
        {"id": "no uri", "type": "Gauge", "@context": TOWN},
    ]
    made = await client("POST", CREATE, batch, media=LD)
    assert (made.status, made.json["success"]) == (207, ids(1, 2))
    errors = {one["entityId"]: one["error"]["type"].rpartition("/")[2] for one in made.json["errors"]}
    assert errors == {
        ids(3)[0]: "BadRequestData",
        ids(4)[0]: "LdContextNotAvailable",
        ids(5)[0]: "BadRequestData",
        "no uri": "BadRequestData",
    }
    assert "https://example.org/town#level" in (await client("GET", "/entities/urn:ngsi-ld:Gauge:1")).json
    assert "level" in (await client("GET", "/entities/urn:ngsi-ld:Gauge:2")).json
    both = await client("POST", CREATE, [{**gauge(7), "@context": TOWN}], media=LD, headers={"link": LINK})
    assert both.kind == "BadRequestData"
    inside = await client("POST", CREATE, [{**gauge(7), "@context": TOWN}])
    assert (inside.status, inside.json["success"]) == (207, [])


async def test_options(client: Client) -> None:
    await client("POST", CREATE, [gauge(1)])
    more = {"id": ids(1)[0], "type": "Gauge", "depth": {"type": "Property", "value": 1}}
    assert (await client("POST", UPSERT, [more], query="options=update")).status == 204
    assert {"level", "depth"} <= set((await client("GET", "/entities/urn:ngsi-ld:Gauge:1")).json)
    left = await client("POST", UPDATE, [gauge(1, 9.0)], query="options=noOverwrite")
    assert (left.status, left.json["success"]) == (207, [])
    assert "level" in left.json["errors"][0]["error"]["detail"]
    assert (await client("POST", UPSERT, [more], query="options=replace")).status == 204
    assert "level" not in (await client("GET", "/entities/urn:ngsi-ld:Gauge:1")).json
    assert (await client("POST", UPSERT, [more], query="options=replace,update")).kind == "BadRequestData"
    assert (await client("POST", UPSERT, [more], query="options=append")).kind == "InvalidRequest"


async def test_merge_deletes_what_is_null(client: Client) -> None:
    await client("POST", CREATE, [gauge(1, name={"type": "Property", "value": "a"})])
    fragment = {"id": ids(1)[0], "type": "Gauge", "name": "urn:ngsi-ld:null"}
    assert (await client("POST", MERGE, [fragment])).status == 204
    assert set((await client("GET", "/entities/urn:ngsi-ld:Gauge:1")).json) == {"id", "type", "level"}
    part = await client("POST", MERGE, [fragment, {**fragment, "id": ids(2)[0]}])
    assert (part.status, part.json["success"]) == (207, ids(1))


@pytest.mark.parametrize(
    ("path", "options"), [(UPSERT, ""), (UPSERT, "options=update"), (UPDATE, ""), (MERGE, ""), (CREATE, "")]
)
async def test_every_item_is_an_entity_with_its_type(client: Client, path: str, options: str) -> None:
    """Clauses 5.6.7.3, 5.6.8.3, 5.6.9.3 and 5.6.20.3 name the Entity of clause 5.2.4, which has a type."""
    await client("POST", CREATE, [gauge(1), gauge(2)])
    bare = {member: value for member, value in gauge(1, 9.0).items() if member != "type"}
    answer = await client("POST", path, [bare, gauge(3 if path == CREATE else 2, 9.0)], query=options)
    assert answer.status == 207
    assert [(one["entityId"], one["error"]["status"]) for one in answer.json["errors"]] == [(ids(1)[0], 400)]
    assert "no type" in answer.json["errors"][0]["error"]["detail"]
    assert len(answer.json["success"]) == 1
    assert (await client("GET", "/entities/urn:ngsi-ld:Gauge:1")).json["level"]["value"] == 1.5


@pytest.mark.parametrize("path", [CREATE, UPSERT, UPDATE, MERGE, DELETE])
async def test_a_batch_is_an_array_of_the_right_things(client: Client, path: str) -> None:
    batches: list[Any] = [[], {}, "a", [None], [gauge(1), None], [["a"]], [5]]
    for body in batches:
        assert (await client("POST", path, body)).kind == "BadRequestData", body
    assert (await client("GET", "/entities", query="type=Gauge")).json == []


async def test_a_batch_has_a_limit(client: Client) -> None:
    assert (await client("POST", DELETE, ids(*range(1001)))).kind == "PayloadTooLarge"
    assert (await client("POST", DELETE, [*ids(1), "no uri"])).json["errors"][0]["entityId"] == "no uri"
