"""How entities are written: every form, masks, languages, GeoJSON, history."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.expand import expand_entity
from kumihimo.platform.jsonld.languages import best_language, preferences
from kumihimo.platform.jsonld.models import CORE_CONTEXT, DEFAULT_VOCAB, NGSI_LD, EntityDoc
from kumihimo.platform.jsonld.render import (
    Form,
    Rendering,
    render_attribute,
    render_entity,
    render_feature,
    render_temporal,
)

CORE = Contexts().core
POINT = {"type": "Point", "coordinates": [136.2, 36.1]}
V = DEFAULT_VOCAB


def stored(**attributes: Any) -> EntityDoc:
    return expand_entity({"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", **attributes}, CORE)


def written(document: EntityDoc, form: Form = "normalized", **how: Any) -> dict[str, Any]:
    result = render_entity(document, Rendering(CORE, form, **how))
    assert result.pop("id", None) in {None, "urn:ngsi-ld:Gauge:1"}
    result.pop("type", None)
    return result


@pytest.mark.parametrize(
    ("normalized", "concise", "simplified"),
    [
        ({"type": "Property", "value": 1.0}, 1.0, 1.0),
        ({"type": "Property", "value": [1, 2]}, [1, 2], [1, 2]),
        ({"type": "Property", "value": {"city": "鯖江"}}, {"value": {"city": "鯖江"}}, {"city": "鯖江"}),
        ({"type": "Property", "value": [{"value": 1}]}, {"value": [{"value": 1}]}, [{"value": 1}]),
        ({"type": "Property", "value": POINT}, {"type": "Property", "value": POINT}, POINT),
        ({"type": "Property", "value": 1, "unitCode": "MTR"}, {"value": 1, "unitCode": "MTR"}, 1),
        ({"type": "GeoProperty", "value": POINT}, POINT, POINT),
        (
            {"type": "GeoProperty", "value": POINT, "observedAt": "2024-01-01T00:00:00Z"},
            {"value": POINT, "observedAt": "2024-01-01T00:00:00Z"},
            POINT,
        ),
        ({"type": "Relationship", "object": "urn:x:1"}, {"object": "urn:x:1"}, "urn:x:1"),
        (
            {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"], "objectType": "Gauge"},
            {"object": ["urn:x:1", "urn:x:2"], "objectType": "Gauge"},
            ["urn:x:1", "urn:x:2"],
        ),
        (
            {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
            {"languageMap": {"ja": "川"}},
            {"languageMap": {"ja": "川"}},
        ),
        (
            {"type": "VocabProperty", "vocab": ["Good", "良い"]},
            {"vocab": ["Good", "良い"]},
            {"vocab": ["Good", "良い"]},
        ),
        ({"type": "JsonProperty", "json": {"id": None}}, {"json": {"id": None}}, {"json": {"id": None}}),
        ({"type": "ListProperty", "valueList": [1, [2]]}, {"valueList": [1, [2]]}, [1, [2]]),
        (
            {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}]},
            {"objectList": [{"object": "urn:x:1"}]},
            ["urn:x:1"],
        ),
        (
            {"type": "Property", "value": 1, "精度": {"type": "Property", "value": 2, "valueType": "Level"}},
            {"value": 1, "精度": {"value": 2, "valueType": "Level"}},
            1,
        ),
        (
            [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}],
            [{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}],
            {"dataset": {"@none": 1, "urn:d:1": 2}},
        ),
    ],
)
def test_every_kind_in_every_form(normalized: Any, concise: Any, simplified: Any) -> None:
    document = stored(水位=normalized)
    assert written(document) == {"水位": normalized}
    assert written(document, "concise") == {"水位": concise}
    assert written(document, "simplified") == {"水位": simplified}
    assert stored(水位=concise) == document
    assert render_attribute(V + "水位", document["attrs"][V + "水位"], Rendering(CORE)) == normalized


def test_simplified_comes_back_where_the_form_can_say_the_kind() -> None:
    body = {
        "id": "urn:a:1",
        "type": ["A", "B"],
        "scope": ["/a", "/b"],
        "n": 1,
        "place": POINT,
        "words": {"languageMap": {"ja": "川"}},
        "state": {"vocab": "Good"},
        "raw": {"json": [{"a": None}]},
        "both": {"dataset": {"@none": 1, "urn:d:1": {"languageMap": {"en": "x"}}}},
    }
    document = expand_entity(body, CORE, simplified=True)
    assert render_entity(document, Rendering(CORE, "simplified")) == body


def test_system_attributes_are_shown_on_demand() -> None:
    document = stored(水位={"value": 1})
    document["createdAt"] = document["modifiedAt"] = "2026-01-01T00:00:00.000Z"
    document["attrs"][V + "水位"][0]["createdAt"] = "2026-01-01T00:00:00.000Z"
    assert written(document) == {"水位": {"type": "Property", "value": 1}}
    shown = written(document, sys_attrs=True)
    assert shown["createdAt"] == shown["modifiedAt"] == "2026-01-01T00:00:00.000Z"
    assert shown["水位"] == {"type": "Property", "value": 1, "createdAt": "2026-01-01T00:00:00.000Z"}
    assert written(document, "concise", sys_attrs=True)["水位"]["value"] == 1


def test_scope_is_always_shown_and_expiry_with_the_system_attributes() -> None:
    document = stored(
        expiresAt="2030-01-01T00:00:00Z", scope=["/a"], 水位={"value": 1, "expiresAt": "2030-01-01T00:00:00Z"}
    )
    assert written(document) == {"scope": "/a", "水位": {"type": "Property", "value": 1}}
    shown = written(document, sys_attrs=True)
    assert shown["expiresAt"] == shown["水位"]["expiresAt"] == "2030-01-01T00:00:00Z"


def test_pick_and_omit() -> None:
    document = stored(水位=1, 雨量=2, scope="/a")
    assert written(document, "simplified", pick=(V + "水位",)) == {"水位": 1}
    assert render_entity(document, Rendering(CORE, "simplified", pick=("id", V + "水位"))) == {
        "id": "urn:ngsi-ld:Gauge:1",
        "水位": 1,
    }
    assert render_entity(document, Rendering(CORE, "simplified", pick=("@type", NGSI_LD + "scope"))) == {
        "type": "Gauge",
        "scope": "/a",
    }
    assert written(document, "simplified", omit=(V + "水位", "scope")) == {"雨量": 2}
    assert "id" not in render_entity(document, Rendering(CORE, omit=("id",)))


def test_geojson_takes_the_geometry_of_the_default_instance() -> None:
    other = {"type": "Point", "coordinates": [1, 1]}
    document = stored(location=POINT, area=[{"value": other}, {"value": POINT, "datasetId": "urn:d:1"}], 水位=1)
    feature = render_feature(document, Rendering(CORE, "simplified", omit=(NGSI_LD + "location", V + "area")))
    assert feature == {
        "id": "urn:ngsi-ld:Gauge:1",
        "type": "Feature",
        "geometry": POINT,
        "properties": {"type": "Gauge", "水位": 1},
    }
    assert render_feature(document, Rendering(CORE, geometry_property=V + "area"))["geometry"] == other
    assert render_feature(document, Rendering(CORE, geometry_property=V + "水位"))["geometry"] is None
    assert render_feature(stored(), Rendering(CORE))["geometry"] is None
    assert [render_feature(one, Rendering(CORE))["geometry"] for one in (document, stored())] == [POINT, None]


def test_one_language_is_shown_as_a_property() -> None:
    document = stored(
        name={"languageMap": {"ja": "九頭竜川", "en": "Kuzuryu"}, "読み": {"languageMap": {"ja": "よみ"}}}
    )
    shown = written(document, lang="ja")["name"]
    assert shown["type"] == "Property"
    assert shown["value"] == "九頭竜川"
    assert shown["lang"] == "ja"
    assert shown["読み"] == {"type": "Property", "value": "よみ", "lang": "ja"}
    assert written(document, "simplified", lang="en-GB, ja;q=0.5")["name"] == "Kuzuryu"
    assert document["attrs"][V + "name"][0]["type"] == "LanguageProperty"


@pytest.mark.parametrize(
    ("available", "wanted", "best"),
    [
        (["ja", "en"], "en", "en"),
        (["ja", "en"], "fr, en;q=0.4, ja;q=0.8", "ja"),
        (["en-GB", "ja"], "en", "en-GB"),
        (["en", "ja"], "en-US", "en"),
        (["ja", "en"], "*", "ja"),
        (["ja", "@none"], "fr", "@none"),
        (["ja", "en"], "fr", "ja"),
        (["ja", "en"], "ja;q=0, en", "en"),
        (["ja", "en"], "en;q=x", "ja"),
        (["JA"], "ja", "JA"),
        ([], "ja", None),
    ],
)
def test_the_best_language(available: list[str], wanted: str, best: str | None) -> None:
    assert best_language(available, wanted) == best


@given(st.text(max_size=20))
def test_no_language_header_breaks_the_choice(wanted: str) -> None:
    preferences(wanted)
    assert best_language(["ja"], wanted) == "ja"


def history() -> EntityDoc:
    document = stored(水位=1, 橋={"object": "urn:x:1"}, 名={"languageMap": {"ja": "川"}}, 状態={"vocab": "Good"})
    document["attrs"][V + "水位"] = [
        {"type": "Property", "value": 1, "observedAt": "2024-06-23T00:00:00Z", "instanceId": "urn:i:1"},
        {"type": "Property", "value": 1.5, "observedAt": "2024-06-23T01:00:00Z", "instanceId": "urn:i:2"},
        {
            "type": "Property",
            "value": 9,
            "modifiedAt": "2024-06-23T02:00:00Z",
            "instanceId": "urn:i:3",
            "datasetId": "urn:d:1",
        },
    ]
    return document


def test_history_as_instances_is_always_an_array() -> None:
    shown = render_temporal(history(), Rendering(CORE), values=False)
    assert shown["水位"][0] == {
        "type": "Property",
        "value": 1,
        "observedAt": "2024-06-23T00:00:00Z",
        "instanceId": "urn:i:1",
    }
    assert [one["value"] for one in shown["水位"]] == [1, 1.5, 9]
    assert shown["橋"] == [{"type": "Relationship", "object": "urn:x:1"}]


def test_history_as_values() -> None:
    shown = render_temporal(history(), Rendering(CORE, pick=("id", V + "水位", V + "橋")), values=True)
    assert shown == {
        "id": "urn:ngsi-ld:Gauge:1",
        "水位": [
            {"type": "Property", "values": [[1, "2024-06-23T00:00:00Z"], [1.5, "2024-06-23T01:00:00Z"]]},
            {"type": "Property", "values": [[9, "2024-06-23T02:00:00Z"]], "datasetId": "urn:d:1"},
        ],
        "橋": {"type": "Relationship", "objects": [["urn:x:1", ""]]},
    }
    assert render_temporal(history(), Rendering(CORE, lang="ja"), values=True)["名"]["values"][0][0] == "川"
    assert render_temporal(history(), Rendering(CORE), values=True)["状態"]["vocabs"][0][0] == {"vocab": "Good"}


def test_answers_are_written_with_the_names_of_the_asker() -> None:
    document = stored(水位=1)
    context = asyncio.run(Contexts().resolve({"level": V + "水位", "River": V + "Gauge"}))
    assert render_entity(document, Rendering(context, "simplified")) == {
        "id": "urn:ngsi-ld:Gauge:1",
        "type": "River",
        "level": 1,
    }
    assert context.source[-1] == CORE_CONTEXT


EXAMPLES: list[dict[str, Any]] = [
    {
        "id": "urn:ngsi-ld:OffStreetParking:Sabae1",
        "type": "OffStreetParking",
        "name": {"type": "Property", "value": "西山公園"},
        "availableSpotNumber": {
            "type": "Property",
            "value": 121,
            "observedAt": "2024-06-23T12:05:02Z",
            "reliability": {"type": "Property", "value": 0.7},
            "providedBy": {"type": "Relationship", "object": "urn:ngsi-ld:Camera:C1"},
        },
        "location": {"type": "GeoProperty", "value": POINT},
    },
    {
        "id": "urn:ngsi-ld:WeatherObserved:Fukui",
        "type": "WeatherObserved",
        "address": {
            "type": "Property",
            "value": {"addressCountry": "JP", "addressLocality": "福井市", "type": "PostalAddress"},
        },
        "temperature": {"type": "Property", "value": 28.4, "unitCode": "CEL"},
        "source": {"type": "Property", "value": "https://www.jma.go.jp"},
    },
    {
        "id": "urn:ngsi-ld:Vehicle:A100",
        "type": ["Vehicle", "Truck"],
        "speed": [
            {"type": "Property", "value": 55, "datasetId": "urn:ngsi-ld:Property:gps"},
            {"type": "Property", "value": 54.5, "datasetId": "urn:ngsi-ld:Property:wheel"},
        ],
        "isParked": {
            "type": "Relationship",
            "object": "urn:ngsi-ld:OffStreetParking:Sabae1",
            "objectType": "OffStreetParking",
        },
        "openingHours": {"type": "Property", "value": [{"opens": "08:00", "closes": None}]},
    },
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_entities_come_back_as_they_were_given(example: dict[str, Any]) -> None:
    document = expand_entity(example, CORE)
    assert render_entity(document, Rendering(CORE)) == example
    assert expand_entity(render_entity(document, Rendering(CORE, "concise")), CORE) == document
