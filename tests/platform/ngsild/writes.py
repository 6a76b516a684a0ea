"""What the tests of writing share: attributes as clients write them, and what became of an entity."""

from __future__ import annotations

from typing import Any

from tests.platform.ngsild.calls import Client, gauge

NULL = "urn:ngsi-ld:null"
ID = "urn:ngsi-ld:Gauge:1"
ONE = f"/entities/{ID}"
ATTRS = f"{ONE}/attrs"
RADAR = "urn:ngsi-ld:Dataset:radar"
SONAR = "urn:ngsi-ld:Dataset:sonar"
VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
START, LATER = "2026-01-01T00:00:00.000Z", "2026-01-01T00:01:00.000Z"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    """A Property."""
    return {"type": "Property", "value": value, **more}


def link(target: Any, **more: Any) -> dict[str, Any]:
    """A Relationship."""
    return {"type": "Relationship", "object": target, **more}


def words(**by_language: Any) -> dict[str, Any]:
    """A LanguageProperty."""
    return {"type": "LanguageProperty", "languageMap": by_language}


def point(longitude: float, latitude: float = 36.0) -> dict[str, Any]:
    """A GeoProperty."""
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}}


FIRST: dict[str, Any] = {
    "property": prop(1),
    "place": point(136.0),
    "relationship": link("urn:ngsi-ld:Pump:1"),
    "words": words(ja="川", en="river"),
    "kind": {"type": "VocabProperty", "vocab": "river"},
    "raw": {"type": "JsonProperty", "json": {"a": 1, "b": None}},
    "list": {"type": "ListProperty", "valueList": [1, "two", True]},
    "links": {
        "type": "ListRelationship",
        "objectList": [{"object": "urn:ngsi-ld:Pump:1"}, {"object": "urn:ngsi-ld:Pump:2"}],
    },
}
"""An attribute of every kind there is."""
SECOND: dict[str, Any] = {
    "property": prop("two"),
    "place": point(137.0),
    "relationship": link(["urn:ngsi-ld:Pump:3", "urn:ngsi-ld:Pump:4"]),
    "words": words(ja="河"),
    "kind": {"type": "VocabProperty", "vocab": ["canal", "lake"]},
    "raw": {"type": "JsonProperty", "json": [{"c": 3}]},
    "list": {"type": "ListProperty", "valueList": [4]},
    "links": {"type": "ListRelationship", "objectList": [{"object": "urn:ngsi-ld:Pump:5"}]},
}
"""The same attributes with other values."""


async def make(client: Client, **members: Any) -> None:
    """Creates the gauge, with these members beside its level."""
    made = await client("POST", "/entities", gauge(**members))
    assert made.status == 201, made.body


async def shown(client: Client, **query: str) -> Any:
    """The gauge as it stands."""
    got = await client("GET", ONE, query=query)
    assert got.status == 200, got.body
    return got.json


async def stamped(client: Client) -> Any:
    """The gauge as it stands, with its system attributes."""
    return await shown(client, options="sysAttrs")


def values(attribute: Any) -> dict[str, Any]:
    """The values of an attribute's instances by datasetId, "" for the default instance."""
    many = attribute if isinstance(attribute, list) else [attribute]
    return {one.get("datasetId", ""): one["value"] for one in many}
