"""What may not be written, by the clause that says so."""

from __future__ import annotations

from typing import Any

import pytest

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import is_uri
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.expand import expand_entity, expand_fragment, expand_partial
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD, EntityDoc
from kumihimo.platform.jsonld.render import Rendering, render_entity

CORE = Contexts().core
NULL = "urn:ngsi-ld:null"


def entity(**members: Any) -> EntityDoc:
    return expand_entity({"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", **members}, CORE)


@pytest.mark.parametrize(
    "members",
    [
        {"datasetId": {"type": "Property", "value": 1}},
        {"instanceId": {"type": "Property", "value": 1}},
        {"observedAt": {"type": "Property", "value": "2024-01-01T00:00:00Z"}},
        {"level": {"value": 1, "@context": {"level": "https://example.org/other"}}},
        {"level": {"value": 1, "previousValue": 0}},
        {"near": {"object": "urn:a:1", "previousObject": "urn:a:0"}},
        {"level": {"value": 1, "entityIdSealed": "urn:a:1"}},
        {"ngsildproof": {"value": "no object"}},
        {"ngsildproof": {"value": {}, "entityTypeSealed": 42}},
        {"near": {"object": "urn:a:1", "unitCode": "MTR"}},
        {"raw": {"json": {}, "unitCode": "MTR"}},
        {"raw": {"json": 5}},
        {"words": {"languageMap": {"en": "x"}, "valueType": "xsd:string"}},
        {"location": {"type": "Property", "value": 7}},
        {"location": {"type": "GeoProperty", "value": "no geometry"}},
        {"area": {"type": "GeoProperty", "value": {"type": "GeometryCollection", "geometries": []}}},
        {"level": {"value": 1, "observedAt": "2024-01-01T09:00:00+09:00"}},
        {"address": {"value": {"country": NULL}}},
        {"address": {"value": {"place": [{"country": NULL}]}}},
        {"scope": "/9bad"},
        {"scope": ["/good", "9bad"]},
        {"scope": NULL},
        {"id": NULL},
        {"level": [{"value": 1}, {"value": 2, "datasetId": "@none"}]},
    ],
    ids=str,
)
def test_refused(members: dict[str, Any]) -> None:
    with pytest.raises(BadRequestData):
        entity(**members)


def test_the_default_instance_may_be_named() -> None:
    found = entity(level=[{"value": 1, "datasetId": "@none"}, {"value": 2, "datasetId": "urn:d:1"}])
    first, second = found["attrs"][DEFAULT_VOCAB + "level"]
    assert "datasetId" not in first
    assert second["datasetId"] == "urn:d:1"


def test_a_geometry_in_a_text_is_kept_as_an_object() -> None:
    found = entity(location={"type": "GeoProperty", "value": '{"type": "Point", "coordinates": [1, 2]}'})
    assert found["attrs"][NGSI_LD + "location"][0]["value"] == {"type": "Point", "coordinates": [1, 2]}


def test_a_proof_comes_back_with_its_seals() -> None:
    proof = {"type": "Property", "value": {"a": 1}, "entityIdSealed": "urn:a:1", "entityTypeSealed": "Gauge"}
    assert render_entity(entity(ngsildproof=proof), Rendering(CORE))["ngsildproof"] == proof


def test_a_null_inside_of_a_value_is_for_merges_only() -> None:
    with pytest.raises(BadRequestData):
        expand_partial({"value": {"a": NULL}}, CORE)
    assert expand_partial({"value": NULL}, CORE)["value"] == NULL


@pytest.mark.parametrize(
    "code", [0x202E, 0x200B, 0xFEFF, 0xFE0F, 0xE0100, 0xFDD0, 0xFFFE, 0x115F, 0x3164, 0xFFA0, 0x2800]
)
def test_what_cannot_be_seen_stands_in_no_id(code: int) -> None:
    assert not is_uri(f"urn:ngsi-ld:Gauge:A{chr(code)}B")


@pytest.mark.parametrize("text", ["urn:ngsi-ld:Gauge:鯖江", "urn:ngsi-ld:Ciudad:París", "https://example.org/a?b=1"])
def test_what_can_be_read_stands_in_ids(text: str) -> None:
    assert is_uri(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("DateTime", "2024-01-01T24:00:00Z"),
        ("DateTime", "0000-01-01T00:00:00Z"),
        ("DateTime", "2024-01-01T00:00:00+09:00"),
        ("DateTime", "2024-01-01"),
        ("https://uri.etsi.org/ngsi-ld/DateTime", "yesterday"),
        ("Date", "2024-02-30"),
        ("Date", "20240101"),
        ("Date", "2024-01-01T00:00:00Z"),
        ("Time", "24:00:00"),
        ("Time", "10:60:00Z"),
        ("Time", "10:00"),
        ("Time", "10:00:00+09:00"),
    ],
)
def test_a_typed_value_is_of_its_type(kind: str, text: str) -> None:
    typed = {"@type": kind, "@value": text}
    for given in (
        typed,
        {"type": "Property", "value": typed},
        {"type": "Property", "value": [typed]},
        {"type": "ListProperty", "valueList": [typed]},
        {"type": "Property", "value": 1, "b": {"type": "Property", "value": typed}},
    ):
        with pytest.raises(BadRequestData, match=f"is no {kind}"):
            entity(a=given)
    with pytest.raises(BadRequestData, match=f"is no {kind}"):
        expand_fragment({"a": typed}, CORE, simplified=True)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("DateTime", "2024-01-01T00:00:00.123456Z"),
        ("DateTime", "2024-01-01T00:00:00,5Z"),
        ("Date", "2024-02-29"),
        ("Time", "23:59:59.5Z"),
        ("Time", "10:00:00"),
        ("http://www.w3.org/2001/XMLSchema#gYear", "2024"),
    ],
)
def test_typed_values_are_kept_as_given(kind: str, text: str) -> None:
    typed = {"@type": kind, "@value": text}
    assert entity(a=typed)["attrs"][DEFAULT_VOCAB + "a"] == [{"type": "Property", "value": typed}]
