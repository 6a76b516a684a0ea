"""Which entity types and attributes there are (clauses 5.7.5 to 5.7.10): what each answer says, and of whom."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client, gauge, place

CREATE = "/entityOperations/create"
VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
LISTS = ("/types", "/types?details=true", "/attributes", "/attributes?details=true")
ALL = (*LISTS, "/types/Gauge", "/attributes/level")

KINDS: dict[str, Any] = {
    "level": {"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z", "by": {"object": "urn:x:1"}},
    "on": {"type": "Relationship", "object": "urn:x:1"},
    "spot": place(136.2, 36.0),
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
    "kind": {"type": "VocabProperty", "vocab": "fast"},
    "raw": {"type": "JsonProperty", "json": {"a": 1}},
    "many": {"type": "ListProperty", "valueList": [1, 2]},
    "stops": {"type": "ListRelationship", "objectList": ["urn:x:1"]},
}


def split(path: str) -> tuple[str, str]:
    bare, _, query = path.partition("?")
    return bare, query


async def told(client: Client, path: str, **headers: str) -> Any:
    bare, query = split(path)
    found = await client("GET", bare, query=query, headers=headers)
    assert found.status == 200, (path, found.body)
    return found.json


@pytest.fixture
async def town(client: Client) -> Client:
    """Two gauges, of which one is a sign as well, and a pump; `mixed` is of another kind in each."""
    batch = [
        {"id": "urn:g:1", "type": "Gauge", **KINDS, "mixed": 1},
        {"id": "urn:g:2", "type": ["Gauge", "Sign"], "level": [{"value": 2}, {"value": 3, "datasetId": "urn:d:1"}]},
        {"id": "urn:p:1", "type": "Pump", "level": 4, "mixed": {"type": "Relationship", "object": "urn:x:1"}},
    ]
    assert (await client("POST", CREATE, batch)).status == 201
    return client


async def test_where_there_is_nothing_the_lists_are_empty(client: Client) -> None:
    for headers in ({}, {"link": LINK}):  # whatever an @context defines
        assert (await told(client, "/types", **headers))["typeList"] == []
        assert (await told(client, "/attributes", **headers))["attributeList"] == []
        assert await told(client, "/types?details=true", **headers) == []
        assert await told(client, "/attributes?details=true", **headers) == []
    assert (await client("GET", "/types/Gauge")).kind == "ResourceNotFound"
    assert (await client("GET", "/attributes/level")).kind == "ResourceNotFound"


async def test_each_type_of_an_entity_is_listed(town: Client) -> None:
    listed = await told(town, "/types")
    assert (listed["type"], listed["typeList"]) == ("EntityTypeList", ["Gauge", "Pump", "Sign"])
    assert listed["id"].startswith("urn:ngsi-ld:EntityTypeList:")


async def test_types_with_their_attributes(town: Client) -> None:
    """Of an entity with two types, both have its attributes."""
    detailed = await told(town, "/types?details=true")
    assert [(one["typeName"], one["attributeNames"]) for one in detailed] == [
        ("Gauge", sorted([*KINDS, "mixed"])),
        ("Pump", ["level", "mixed"]),
        ("Sign", ["level"]),
    ]
    assert {one["type"] for one in detailed} == {"EntityType"}
    assert [one["id"] for one in detailed] == [VOCAB + "Gauge", VOCAB + "Pump", VOCAB + "Sign"]


async def test_one_type(town: Client) -> None:
    info = await told(town, "/types/Gauge")
    assert (info["id"], info["type"], info["typeName"]) == (VOCAB + "Gauge", "EntityTypeInfo", "Gauge")
    assert info["entityCount"] == 2
    details = {one["attributeName"]: one for one in info["attributeDetails"]}
    assert {name: one["attributeTypes"] for name, one in details.items()} == {
        **{name: [given["type"]] for name, given in KINDS.items()},
        "mixed": ["Property"],
    }
    assert (details["on"]["id"], details["on"]["type"]) == (VOCAB + "on", "Attribute")
    assert set(details) == {*KINDS, "mixed"}, "no sub-attributes, and nothing that the platform writes itself"
    assert (await told(town, "/types/Sign"))["entityCount"] == 1


async def test_one_attribute_name_with_several_kinds_in_one_type(town: Client) -> None:
    body = {"id": "urn:p:2", "type": "Pump", "mixed": place(1, 2)}
    assert (await town("POST", "/entities", body)).status == 201
    details = (await told(town, "/types/Pump"))["attributeDetails"]
    assert details[1]["attributeTypes"] == ["GeoProperty", "Relationship"]


async def test_attributes_without_sub_attributes_and_what_the_platform_writes(town: Client) -> None:
    listed = await told(town, "/attributes")
    assert (listed["type"], listed["attributeList"]) == ("AttributeList", sorted([*KINDS, "mixed"]))
    assert listed["id"].startswith("urn:ngsi-ld:AttributeList:")


async def test_attributes_and_the_types_that_have_them(town: Client) -> None:
    detailed = {one["attributeName"]: one for one in await told(town, "/attributes?details=true")}
    assert detailed["level"] == {
        "id": VOCAB + "level",
        "type": "Attribute",
        "attributeName": "level",
        "typeNames": ["Gauge", "Pump", "Sign"],
    }
    assert detailed["mixed"]["typeNames"] == ["Gauge", "Pump"]
    assert detailed["on"]["typeNames"] == ["Gauge"]


async def test_one_attribute(town: Client) -> None:
    """Its count is of all its instances, in whatever type."""
    one = await told(town, "/attributes/level")
    assert (one["id"], one["type"], one["attributeName"]) == (VOCAB + "level", "Attribute", "level")
    assert (one["attributeCount"], one["attributeTypes"]) == (4, ["Property"])
    assert one["typeNames"] == ["Gauge", "Pump", "Sign"]
    mixed = await told(town, "/attributes/mixed")
    assert (mixed["attributeCount"], mixed["attributeTypes"]) == (2, ["Property", "Relationship"])
    for name, given in KINDS.items():
        assert (await told(town, f"/attributes/{name}"))["attributeTypes"] == [given["type"]], name


async def test_what_is_there_no_more_is_not_told(any_client: Client) -> None:
    """Types and attributes live as long as something has them."""
    for number in (1, 2):
        assert (await any_client("POST", "/entities", gauge(number, name="a"))).status == 201
    assert (await any_client("DELETE", "/entities/urn:ngsi-ld:Gauge:1")).status == 204
    assert (await any_client("DELETE", "/entities/urn:ngsi-ld:Gauge:2/attrs/name")).status == 204
    assert (await told(any_client, "/types"))["typeList"] == ["Gauge"]
    assert (await told(any_client, "/types/Gauge"))["entityCount"] == 1
    assert (await told(any_client, "/attributes"))["attributeList"] == ["level"]
    assert (await any_client("GET", "/attributes/name")).kind == "ResourceNotFound"
    assert (await any_client("DELETE", "/entities/urn:ngsi-ld:Gauge:2")).status == 204
    assert (await told(any_client, "/types"))["typeList"] == []
    assert (await any_client("GET", "/types/Gauge")).kind == "ResourceNotFound"


async def test_names_are_read_and_written_by_the_context_of_the_request(client: Client) -> None:
    """A full name serves as well; what the @context has no short name for keeps its full one."""
    assert (await client("POST", "/entities", gauge(), headers={"link": LINK})).status == 201
    kind, name = "https://example.org/town#Gauge", "https://example.org/town#level"
    assert (await told(client, "/types", link=LINK))["typeList"] == ["Gauge"]
    assert (await told(client, "/types"))["typeList"] == [kind]
    assert (await told(client, "/attributes", link=LINK))["attributeList"] == ["level"]
    assert (await told(client, "/attributes"))["attributeList"] == [name]
    typed = (await told(client, "/types?details=true", link=LINK))[0]
    assert (typed["id"], typed["typeName"], typed["attributeNames"]) == (kind, "Gauge", ["level"])
    plain = (await told(client, "/types?details=true"))[0]
    assert (plain["id"], plain["typeName"], plain["attributeNames"]) == (kind, kind, [name])
    detailed = (await told(client, "/attributes?details=true", link=LINK))[0]
    assert (detailed["id"], detailed["attributeName"], detailed["typeNames"]) == (name, "level", ["Gauge"])
    assert (await told(client, "/attributes?details=true"))[0]["attributeName"] == name
    assert (await told(client, "/types/Gauge", link=LINK))["id"] == kind
    assert (await client("GET", "/types/Gauge")).kind == "ResourceNotFound"
    info = await told(client, "/types/https%3A%2F%2Fexample.org%2Ftown%23Gauge")
    assert (info["typeName"], info["attributeDetails"][0]["attributeName"]) == (kind, name)
    assert (await told(client, "/attributes/level", link=LINK))["attributeName"] == "level"
    assert (await client("GET", "/attributes/level")).kind == "ResourceNotFound"
    one = await told(client, "/attributes/https%3A%2F%2Fexample.org%2Ftown%23level")
    assert (one["id"], one["attributeName"], one["typeNames"]) == (name, name, [kind])


@pytest.mark.parametrize("path", ALL)
async def test_the_context_is_named_in_a_link_or_stands_inside(town: Client, path: str) -> None:
    bare, query = split(path)
    plain = await town("GET", bare, query=query)
    assert plain.header("content-type") == "application/json"
    assert "ngsi-ld-core-context" in (plain.header("link") or "")
    assert b"@context" not in plain.body
    inside = await town("GET", bare, query=query, headers={"accept": LD})
    assert (inside.header("content-type"), inside.header("link")) == (LD, None)
    for one in inside.json if isinstance(inside.json, list) else [inside.json]:
        assert "ngsi-ld-core-context" in str(one["@context"])


@pytest.mark.parametrize("path", ALL)
async def test_what_cannot_be_taken_is_refused(town: Client, path: str) -> None:
    bare, query = split(path)
    for wrong, kind in (("local=notabool", "BadRequestData"), ("colour=red", "InvalidRequest")):
        refused = await town("GET", bare, query=f"{query}&{wrong}".lstrip("&"))
        assert refused.kind == kind, wrong
    assert (await town("GET", bare, query=query, headers={"accept": "text/plain"})).kind == "NotAcceptable"
    nowhere = LINK.replace(TOWN, "https://example.org/nowhere.jsonld")
    refused = await town("GET", bare, query=query, headers={"link": nowhere})
    assert (refused.status, refused.kind) == (504, "LdContextNotAvailable")
    assert (await town("GET", bare, query=query, headers={"link": "no link"})).kind == "BadRequestData"


@pytest.mark.parametrize("path", ["/types", "/attributes"])
async def test_details_are_true_or_false(town: Client, path: str) -> None:
    assert (await town("GET", path, query="details=maybe")).kind == "BadRequestData"
    assert "List" in (await told(town, f"{path}?details=false"))["type"]
    refused = await town("GET", f"{path}/level", query="details=true")
    assert refused.kind == "InvalidRequest"


@pytest.mark.parametrize("name", ["a<b", "a b", "%22"])
async def test_what_no_attribute_or_type_can_be_named_is_refused(town: Client, name: str) -> None:
    for path in ("/types/", "/attributes/"):
        assert (await town("GET", path + name.replace(" ", "%20"))).kind == "BadRequestData"


@pytest.mark.parametrize("path", ["/types", "/types/Gauge", "/attributes", "/attributes/level"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_they_are_only_read(town: Client, path: str, method: str) -> None:
    refused = await town(method, path, None if method == "DELETE" else {})
    assert (refused.status, refused.kind, refused.header("allow")) == (405, "MethodNotAllowed", "GET, HEAD")


@pytest.mark.parametrize("path", ALL)
async def test_each_tenant_hears_of_its_own(town: Client, path: str) -> None:
    bare, query = split(path)
    sabae = town.of("sabae")
    assert (await sabae("GET", bare, query=query)).kind == "NonexistentTenant"
    body = {"id": "urn:w:1", "type": "Weir", "gate": 1}
    assert (await sabae("POST", "/entities", body)).status == 201
    found = await sabae("GET", bare, query=query)
    assert found.header("ngsild-tenant") == "sabae"
    assert b"Weir" not in (await town("GET", bare, query=query)).body
    if "/G" in path or "/l" in path:
        assert found.kind == "ResourceNotFound"
    else:
        assert found.status == 200
        assert b"Gauge" not in found.body
        assert b"level" not in found.body
        assert b"Weir" in found.body or b"gate" in found.body
