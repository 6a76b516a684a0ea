"""Entities for readers of earlier versions (clause 4.3.6.8)."""

from __future__ import annotations

from typing import Any

import pytest

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.conformance import amended, read_version
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.expand import expand_entity
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.jsonld.render import Rendering, render_entity

CORE = Contexts().core
LATER = "2030-01-01T00:00:00Z"
WHOLE: dict[str, Any] = {
    "id": "urn:ngsi-ld:Gauge:1",
    "type": ["Gauge", "Sensor"],
    "scope": "/Fukui",
    "expiresAt": LATER,
    "level": [
        {"type": "Property", "value": 1, "datasetId": "urn:d:1"},
        {
            "type": "Property",
            "value": 2,
            "unitCode": "MTR",
            "observedAt": "2024-01-01T00:00:00Z",
            "expiresAt": LATER,
            "valueType": "Level",
            "tag": {"type": "VocabProperty", "vocab": "high"},
        },
    ],
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
    "raw": {"type": "JsonProperty", "json": {"a": 1}},
    "list": {"type": "ListProperty", "valueList": [1, 2]},
    "kind": {"type": "VocabProperty", "vocab": ["river", "https://example.org/wide"]},
    "river": {"type": "Relationship", "object": "urn:r:1", "objectType": "River"},
    "signs": {"type": "ListRelationship", "objectList": ["urn:s:1", "urn:s:2"]},
}


def stored() -> EntityDoc:
    return expand_entity(WHOLE, CORE)


def told(version: tuple[int, int]) -> dict[str, Any]:
    return render_entity(amended(stored(), version, CORE), Rendering(CORE, sys_attrs=True))


def test_the_newest_version_is_what_is_stored() -> None:
    doc = stored()
    assert amended(doc, (1, 9), CORE) is doc
    plain = expand_entity({"id": "urn:x:1", "type": "T", "a": 1}, CORE, simplified=True)
    assert amended(plain, (1, 0), CORE) is plain


def test_before_1_9_nothing_expires_and_values_have_no_type() -> None:
    seen = told((1, 8))
    assert "expiresAt" not in seen
    level = seen["level"][1]
    assert "expiresAt" not in level
    assert "valueType" not in level
    assert (level["unitCode"], level["tag"]["type"], seen["river"]["objectType"]) == ("MTR", "VocabProperty", "River")
    assert [seen[name]["type"] for name in ("name", "raw", "list", "kind", "signs")] == [
        "LanguageProperty",
        "JsonProperty",
        "ListProperty",
        "VocabProperty",
        "ListRelationship",
    ]


@pytest.mark.parametrize("version", [(1, 7), (1, 4)])
def test_before_1_8_there_are_fewer_kinds(version: tuple[int, int]) -> None:
    seen = told(version)
    assert seen["raw"] == {"type": "Property", "value": {"a": 1}}
    assert seen["list"] == {"type": "Property", "value": [1, 2]}
    assert seen["kind"] == {"type": "Property", "value": ["river", "https://example.org/wide"]}
    assert seen["signs"] == {"type": "Relationship", "object": ["urn:s:1", "urn:s:2"]}
    assert seen["river"] == {"type": "Relationship", "object": "urn:r:1"}
    assert seen["level"][1]["tag"] == {"type": "Property", "value": "high"}
    assert seen["name"]["type"] == "LanguageProperty"
    assert seen["scope"] == "/Fukui"


def test_before_1_4_there_are_neither_scopes_nor_languages() -> None:
    seen = told((1, 3))
    assert "scope" not in seen
    assert seen["name"] == {"type": "Property", "value": {"ja": "川"}}
    assert len(seen["level"]) == 2
    spoken = amended(stored(), (1, 3), CORE, spoken=True)
    assert render_entity(spoken, Rendering(CORE, lang="ja"))["name"] == {
        "type": "Property",
        "value": "川",
        "lang": "ja",
    }


def test_in_1_0_there_is_one_type_and_one_instance_the_default_one_first() -> None:
    seen = told((1, 0))
    assert seen["type"] == "Gauge"
    assert seen["level"] == {"type": "Property", "value": 2, "tag": {"type": "Property", "value": "high"}}
    doc = expand_entity(
        {
            "id": "urn:x:1",
            "type": "T",
            "a": [{"type": "Property", "value": n, "datasetId": f"urn:d:{n}"} for n in (1, 2)],
        },
        CORE,
    )
    assert render_entity(amended(doc, (1, 0), CORE), Rendering(CORE))["a"] == {"type": "Property", "value": 1}


def test_what_was_keeps_its_instances() -> None:
    doc = expand_entity({"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": 1}}, CORE)
    [(name, [one])] = doc["attrs"].items()
    doc["attrs"][name] = [one, {**one, "value": 2}]
    assert len(amended(doc, (1, 0), CORE)["attrs"][name]) == 2


def test_the_stored_entity_stays_as_it_is() -> None:
    doc, before = stored(), stored()
    amended(doc, (1, 0), CORE)
    assert doc == before


def test_versions_are_major_and_minor() -> None:
    assert (read_version("1.9"), read_version("2.10")) == ((1, 9), (2, 10))
    for wrong in ("", "1", "1.9.1", "v1.9", "1.x", "-1.0", "1.99999"):
        with pytest.raises(BadRequestData):
            read_version(wrong)
