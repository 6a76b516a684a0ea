"""What holds for every way of changing an entity (clauses 5.6.2 to 5.6.6 and 5.6.17 to 5.6.19)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client, gauge
from tests.platform.ngsild.writes import ATTRS, ID, LATER, NULL, ONE, START, make, prop, shown, stamped

WAYS: list[Any] = [
    pytest.param("PUT", ONE, {"type": "Gauge", "level": prop(9)}, id="replace entity"),
    pytest.param("PATCH", ONE, {"level": prop(9)}, id="merge entity"),
    pytest.param("POST", ATTRS, {"level": prop(9)}, id="append attributes"),
    pytest.param("PATCH", ATTRS, {"level": prop(9)}, id="update attributes"),
    pytest.param("PATCH", f"{ATTRS}/level", {"value": 9}, id="partial update"),
    pytest.param("PUT", f"{ATTRS}/level", prop(9), id="replace attribute"),
    pytest.param("DELETE", f"{ATTRS}/level", None, id="delete attribute"),
    pytest.param("DELETE", ONE, None, id="delete entity"),
]
WRITES, FRAGMENTS = WAYS[:6], WAYS[1:6]
every_way = pytest.mark.parametrize(("method", "path", "body"), WAYS)
every_write = pytest.mark.parametrize(("method", "path", "body"), WRITES)


async def level_of(client: Client, name: str) -> Any:
    """The value of an attribute of the gauge; None where there is none, or no gauge."""
    return (await client("GET", ONE)).json.get(name, {}).get("value")


@every_way
async def test_what_was_done_is_said_without_a_body(client: Client, method: str, path: str, body: Any) -> None:
    await make(client)
    done = await client(method, path, body)
    assert (done.status, done.body) == (204, b"")


@every_way
async def test_an_id_that_is_no_uri_is_refused(client: Client, method: str, path: str, body: Any) -> None:
    await make(client)
    for entity_id in ("gauge", "urn:a%20b", "%20"):
        refused = await client(method, path.replace(ID, entity_id), body)
        assert (refused.status, refused.kind) == (400, "BadRequestData"), entity_id


@every_way
async def test_an_entity_that_there_is_not_is_not_found(client: Client, method: str, path: str, body: Any) -> None:
    await make(client)
    refused = await client(method, path.replace(ID, "urn:ngsi-ld:Gauge:none"), body)
    assert (refused.status, refused.kind) == (404, "ResourceNotFound")
    assert (await client("GET", "/entities/urn:ngsi-ld:Gauge:none")).status == 404


@every_way
async def test_a_type_that_it_is_not_changes_nothing(client: Client, method: str, path: str, body: Any) -> None:
    await make(client)
    for types in ("Sign", "Sign,Pump", "(Gauge;Sign)"):
        refused = await client(method, path, body, query={"type": types})
        assert (refused.status, refused.kind) == (404, "ResourceNotFound"), types
    assert await shown(client) == gauge()


@every_way
async def test_a_type_that_it_is_lets_it_be_changed(client: Client, method: str, path: str, body: Any) -> None:
    for types in ("Gauge", "Sign,Gauge", "https://uri.etsi.org/ngsi-ld/default-context/Gauge"):
        await make(client)
        assert (await client(method, path, body, query={"type": types})).status == 204, types
        assert await level_of(client, "level") == (None if method == "DELETE" else 9), types
        await client("DELETE", ONE)


@every_way
async def test_a_type_is_read_with_the_requests_context(client: Client, method: str, path: str, body: Any) -> None:
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    assert (await client(method, path, body, query="type=Gauge")).kind == "ResourceNotFound"
    assert (await client(method, path, body, query="type=Gauge", headers={"link": LINK})).status == 204


@every_way
async def test_names_are_read_with_the_link_headers_context(client: Client, method: str, path: str, body: Any) -> None:
    town = {"link": LINK}
    await client("POST", "/entities", gauge(), headers=town)
    assert (await client(method, path, body, headers=town)).status == 204
    assert await level_of(client, "level") is None
    assert await level_of(client, "https://example.org/town#level") == (None if method == "DELETE" else 9)
    if path.startswith(f"{ATTRS}/"):
        # Under the core context the same short name is another attribute, which there is not.
        assert (await client(method, path, body)).kind == "ResourceNotFound"


@every_write
async def test_names_are_read_with_the_bodys_own_context(client: Client, method: str, path: str, body: Any) -> None:
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    assert (await client(method, path, {**body, "@context": TOWN}, media=LD)).status == 204
    left = await shown(client)
    assert left["https://example.org/town#level"]["value"] == 9
    assert "level" not in left
    assert (await client("GET", ONE, headers={"link": LINK})).json["level"]["value"] == 9


@every_write
async def test_without_a_context_names_are_the_cores_or_defaults(
    client: Client, method: str, path: str, body: Any
) -> None:
    await make(client)
    assert (await client(method, path, body)).status == 204
    found = await client("GET", "/entities", query={"q": "https://uri.etsi.org/ngsi-ld/default-context/level==9"})
    assert [one["id"] for one in found.json] == [ID]


@every_write
async def test_the_time_of_a_change_is_kept_by_what_it_changed(
    client: Client, fake_clock: FakeClock, method: str, path: str, body: Any
) -> None:
    await make(client, rain=prop(0))
    fake_clock.advance(60)
    assert (await client(method, path, body)).status == 204
    told = await stamped(client)
    assert (told["createdAt"], told["modifiedAt"]) == (START, LATER)
    assert (told["level"]["createdAt"], told["level"]["modifiedAt"]) == (START, LATER)
    if "rain" in told:
        assert (told["rain"]["createdAt"], told["rain"]["modifiedAt"]) == (START, START)


@pytest.mark.parametrize(("method", "path", "body"), WRITES[:4])
async def test_what_is_new_is_created_when_it_comes(
    client: Client, fake_clock: FakeClock, method: str, path: str, body: Any
) -> None:
    await make(client)
    fake_clock.advance(60)
    assert (await client(method, path, {**body, "rain": prop(1)})).status == 204
    rain = (await stamped(client))["rain"]
    assert (rain["createdAt"], rain["modifiedAt"]) == (LATER, LATER)


@every_write
async def test_times_that_the_platform_keeps_are_not_taken(
    client: Client, fake_clock: FakeClock, method: str, path: str, body: Any
) -> None:
    await make(client)
    fake_clock.advance(60)
    old = {"createdAt": "2001-01-01T00:00:00Z", "modifiedAt": "2001-01-01T00:00:00Z"}
    inside = {name: {**one, **old} if isinstance(one, dict) else one for name, one in body.items()}
    assert (await client(method, path, {**inside, **old})).status == 204
    told = await stamped(client)
    for holder in (told, told["level"]):
        assert (holder["createdAt"], holder["modifiedAt"]) == (START, LATER)


@every_write
async def test_json_null_is_no_value(client: Client, method: str, path: str, body: Any) -> None:
    await make(client)
    nulls = {"value": None} if path.startswith(f"{ATTRS}/") else {**body, "level": {"type": "Property", "value": None}}
    refused = await client(method, path, nulls)
    assert (refused.status, refused.kind) == (400, "BadRequestData")
    assert await shown(client) == gauge()


NULLS: list[Any] = [
    NULL,
    prop(NULL),
    {"type": "Relationship", "object": NULL},
    {"type": "GeoProperty", "value": NULL},
    {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
    {"type": "LanguageProperty", "languageMap": {"en": NULL}},
    {"type": "VocabProperty", "vocab": NULL},
    {"type": "VocabProperty", "vocab": ["a", NULL]},
    {"type": "JsonProperty", "json": NULL},
    {"type": "JsonProperty", "json": {"a": NULL}},
    {"type": "ListProperty", "valueList": NULL},
    {"type": "ListRelationship", "objectList": NULL},
    {"type": "ListRelationship", "objectList": ["urn:x:1", NULL]},
    prop({"a": NULL}),
    prop({"a": {"b": [{"c": NULL}]}}),
    {"city": NULL},
    prop(1, unitCode=NULL),
    prop(1, observedAt=NULL),
    prop(1, expiresAt=NULL),
    prop(1, datasetId=NULL),
    prop(1, valueType=NULL),
    prop(1, accuracy=NULL),
    prop(1, accuracy=prop(NULL)),
    {"type": "Relationship", "object": "urn:x:1", "objectType": NULL},
]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/entities"), ("PUT", ONE), ("POST", ATTRS), ("PUT", f"{ATTRS}/level")]
)
async def test_the_ngsi_ld_null_has_no_place_where_nothing_is_patched(client: Client, method: str, path: str) -> None:
    """Clause 5.5.4: it is for updates, partial updates and merges alone."""
    await make(client)
    for null in NULLS:
        if path.endswith("level"):
            body = null if isinstance(null, dict) else {"value": null}
        else:
            body = {"id": "urn:ngsi-ld:Gauge:2" if path == "/entities" else ID, "type": "Gauge", "level": null}
        refused = await client(method, path, body)
        assert (refused.status, refused.kind) == (400, "BadRequestData"), null
        assert await shown(client) == gauge(), null
    assert (await client("GET", "/entities/urn:ngsi-ld:Gauge:2")).status == 404


@pytest.mark.parametrize(("method", "path"), [("POST", "/entities"), ("PUT", ONE), ("POST", ATTRS)])
async def test_the_ngsi_ld_null_is_no_member_of_what_is_made(client: Client, method: str, path: str) -> None:
    await make(client, scope="/Fukui")
    entity_id = "urn:ngsi-ld:Gauge:2" if path == "/entities" else ID
    for member in ("id", "type", "scope", "expiresAt"):
        refused = await client(method, path, {"id": entity_id, "type": "Gauge", "level": prop(9), member: NULL})
        assert refused.kind == "BadRequestData", member
    assert await shown(client) == gauge(scope="/Fukui")


@pytest.mark.parametrize(("method", "path"), [("PATCH", ATTRS), ("PATCH", f"{ATTRS}/level")])
async def test_inside_of_a_value_the_ngsi_ld_null_is_for_a_merge_only(client: Client, method: str, path: str) -> None:
    """Clause 5.5.4: keys of a value, and languages, are taken away by merging."""
    await make(client)
    for value in (prop({"a": NULL}), prop([{"a": NULL}]), {"type": "JsonProperty", "json": {"a": {"b": NULL}}}):
        refused = await client(method, path, value if path.endswith("level") else {"level": value})
        assert refused.kind == "BadRequestData", value
    assert await shown(client) == gauge()


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_what_cannot_name_an_attribute_is_refused(client: Client, method: str) -> None:
    await make(client)
    for name in ("a%20b", "@level", "1level", "a(b)", "id", "type", "createdAt"):
        refused = await client(method, f"{ATTRS}/{name}", None if method == "DELETE" else prop(9))
        assert (refused.status, refused.kind) == (400, "BadRequestData"), name
    assert await shown(client) == gauge()


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"value": "/Sabae"}), ("PUT", prop("/Sabae"))])
async def test_a_scope_is_not_written_as_an_attribute(client: Client, method: str, body: Any) -> None:
    await make(client, scope="/Fukui")
    assert (await client(method, f"{ATTRS}/scope", body)).kind == "BadRequestData"
    assert (await shown(client))["scope"] == "/Fukui"


@pytest.mark.parametrize(("method", "path", "body"), FRAGMENTS)
async def test_what_is_no_attribute_is_refused_whole(client: Client, method: str, path: str, body: Any) -> None:
    """Clause 5.5.4: one wrong attribute, and nothing is written."""
    await make(client)
    for wrong in (
        {"type": "Property", "value": 1, "observedAt": "yesterday"},
        {"type": "Property", "value": 1, "object": "urn:x:1"},
        {"type": "Property", "value": 1, "unitCode": 5},
        {"type": "Property", "value": 1, "datasetId": "radar"},
        {"type": "Nothing", "value": 1},
        {"type": "Relationship", "object": "no uri"},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": ["east", "north"]}},
    ):
        refused = await client(method, path, wrong if path.startswith(f"{ATTRS}/") else {**body, "rain": wrong})
        assert (refused.status, refused.kind) == (400, "BadRequestData"), wrong
    assert await shown(client) == gauge()


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ATTRS), ("PATCH", ONE), ("PUT", ONE)],
)
async def test_an_option_that_there_is_not_is_refused(client: Client, method: str, path: str) -> None:
    await make(client)
    refused = await client(method, path, {"type": "Gauge", "level": prop(9)}, query="options=everything")
    assert (refused.status, refused.kind) == (400, "InvalidRequest")
    assert await shown(client) == gauge()
