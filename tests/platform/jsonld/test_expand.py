"""What clients may write, and what is refused, by the place it stands at."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.expand import (
    expand_attribute,
    expand_entity,
    expand_fragment,
    expand_partial,
)
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD, NGSI_LD_NULL

CORE = Contexts().core
BASE = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge"}
POINT = {"type": "Point", "coordinates": [136.2, 36.1]}


def attribute(value: Any, *, simplified: bool = False) -> Any:
    document = expand_entity({**BASE, "a": value}, CORE, simplified=simplified)
    instances = document["attrs"][DEFAULT_VOCAB + "a"]
    return instances[0] if len(instances) == 1 else instances


@pytest.mark.parametrize(
    ("given_value", "stored"),
    [
        (1.0, {"type": "Property", "value": 1.0}),
        ("text", {"type": "Property", "value": "text"}),
        ([], {"type": "Property", "value": []}),
        ([1, [2]], {"type": "Property", "value": [1, [2]]}),
        ({"city": "鯖江"}, {"type": "Property", "value": {"city": "鯖江"}}),
        ([{"city": "鯖江"}], {"type": "Property", "value": [{"city": "鯖江"}]}),
        (POINT, {"type": "GeoProperty", "value": POINT}),
        ({"value": POINT}, {"type": "GeoProperty", "value": POINT}),
        ({"type": "Property", "value": POINT}, {"type": "Property", "value": POINT}),
        ({"value": {"a": None}}, {"type": "Property", "value": {"a": None}}),
        ({"object": "urn:x:1"}, {"type": "Relationship", "object": "urn:x:1"}),
        ({"object": ["urn:x:1", "urn:x:2"]}, {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]}),
        ({"languageMap": {"ja": "川"}}, {"type": "LanguageProperty", "languageMap": {"ja": "川"}}),
        ({"vocab": ["Good"]}, {"type": "VocabProperty", "vocab": [DEFAULT_VOCAB + "Good"]}),
        ({"json": [{"a": None}]}, {"type": "JsonProperty", "json": [{"a": None}]}),
        ({"json": {"id": 1, "type": 2}}, {"type": "JsonProperty", "json": {"id": 1, "type": 2}}),
        ({"valueList": [1, None]}, {"type": "ListProperty", "valueList": [1, None]}),
        (
            {"objectList": ["urn:x:1", {"object": "urn:x:2"}]},
            {"type": "ListRelationship", "objectList": ["urn:x:1", "urn:x:2"]},
        ),
        (
            {"@type": "DateTime", "@value": "2024-01-01T00:00:00Z"},
            {"type": "Property", "value": {"@type": "DateTime", "@value": "2024-01-01T00:00:00Z"}},
        ),
        ({"value": 1, "createdAt": "x", "instanceId": "y"}, {"type": "Property", "value": 1}),
        ({"value": 1, "valueType": "Level"}, {"type": "Property", "value": 1, "valueType": DEFAULT_VOCAB + "Level"}),
        (
            {"value": 1, "unitCode": "MTR", "expiresAt": "2030-01-01T00:00:00Z"},
            {"type": "Property", "value": 1, "unitCode": "MTR", "expiresAt": "2030-01-01T00:00:00Z"},
        ),
        ({NGSI_LD + "hasValue": 1, "@type": NGSI_LD + "Property"}, {"type": "Property", "value": 1}),
    ],
)
def test_what_an_attribute_is_taken_for(given_value: Any, stored: Any) -> None:
    assert attribute(given_value) == stored


@pytest.mark.parametrize(
    ("given_value", "stored"),
    [
        (5, {"type": "Property", "value": 5}),
        ({"type": "Property", "value": 1}, {"type": "Property", "value": {"type": "Property", "value": 1}}),
        (POINT, {"type": "GeoProperty", "value": POINT}),
        ({"languageMap": {"ja": "川"}}, {"type": "LanguageProperty", "languageMap": {"ja": "川"}}),
        ({"vocab": "Good"}, {"type": "VocabProperty", "vocab": DEFAULT_VOCAB + "Good"}),
        ({"json": [{}]}, {"type": "JsonProperty", "json": [{}]}),
        (
            {"dataset": {"@none": 1, "urn:d:1": 2}},
            [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}],
        ),
    ],
)
def test_what_a_simplified_attribute_is_taken_for(given_value: Any, stored: Any) -> None:
    assert attribute(given_value, simplified=True) == stored


@pytest.mark.parametrize(
    ("given_value", "words"),
    [
        (None, "a: null"),
        ({"value": None}, "a: null"),
        ({"type": "Property"}, "a: a Property needs the member value"),
        ({"type": "Relationship", "value": 1}, "a: a Relationship has the member object, not value"),
        ({"type": "Nothing", "value": 1}, "a: 'Nothing' is no attribute type"),
        ({"type": ["Property"], "value": 1}, "no attribute type"),
        ({"value": 1, "object": "urn:x:1"}, "a: has both"),
        ({"unitCode": "MTR"}, "a: has neither a type nor a value"),
        ({"object": "not a uri"}, "a: 'not a uri' is no URI"),
        ({"object": []}, "a: the object"),
        ({"objectList": "urn:x:1"}, "a: objectList is an array"),
        ({"valueList": 1}, "a: valueList is an array"),
        ({"languageMap": "x"}, "a: a languageMap is"),
        ({"languageMap": {}}, "a: a languageMap is"),
        ({"languageMap": {"日本": "x"}}, "no language tag"),
        ({"languageMap": {"ja": 5}}, r"a\[ja\]: "),
        ({"vocab": 5}, "a: a vocab is"),
        ({"value": 1, "observedAt": "2024-01-01"}, "a.observedAt: not a date-time"),
        ({"value": 1, "observedAt": "2024-01-01T24:00:00Z"}, "a.observedAt: "),
        ({"value": 1, "observedAt": "0000-01-01T00:00:00Z"}, "a.observedAt: "),
        ({"value": 1, "observedAt": 5}, "a.observedAt: "),
        ({"value": 1, "expiresAt": "tomorrow"}, "a.expiresAt: "),
        ({"value": 1, "unitCode": 5}, "a.unitCode: "),
        ({"value": 1, "datasetId": "x"}, "a.datasetId: 'x' is no URI"),
        ({"object": "urn:x:1", "objectType": []}, "a.objectType: "),
        ({"value": 1, "type": "Property", "@type": "Property"}, "given twice"),
        ({"value": 1, "id": "urn:x:1"}, "a.id: a JSON-LD keyword"),
        ({"value": 1, "@graph": []}, "a.@graph: a JSON-LD keyword"),
        ({"value": 1, "b": {"value": 1, "c": {"object": "x"}}}, "a.b.c: 'x' is no URI"),
        ({"value": 1, "b-c": 1}, "'b-c' cannot be the name"),
        ({"type": "GeoProperty", "value": 5}, "a: a geometry is"),
        ({"type": "Point", "coordinates": [500, 0]}, "a: .*longitude comes first"),
        ([{"value": 1}, {"value": 2}], "a: two instances"),
        ([{"value": 1, "datasetId": "urn:d:1"}, {"value": 2, "datasetId": "urn:d:1"}], "a: two instances"),
        ([{"value": 1}, {"city": 2}], "a: some elements"),
        (NGSI_LD_NULL, "a: the NGSI-LD null is only for updates"),
        ({"object": NGSI_LD_NULL}, "a: the NGSI-LD null"),
        ({"languageMap": {"ja": NGSI_LD_NULL}}, "a: the NGSI-LD null"),
        ({"value": 1, "unitCode": NGSI_LD_NULL}, "a.unitCode: the NGSI-LD null"),
    ],
)
def test_what_an_attribute_cannot_be(given_value: Any, words: str) -> None:
    with pytest.raises(BadRequestData, match=words):
        attribute(given_value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": None}, "id: "),
        ({"id": "no uri"}, "id: "),
        ({"id": 5}, "id: "),
        ({"@id": "urn:x:2"}, "two ids"),
        ({"type": []}, "type: "),
        ({"type": 5}, "name of an entity type"),
        ({"type": "a b"}, "name of an entity type"),
        ({"type": "id"}, "keyword"),
        ({"@type": "T"}, "two type members"),
        ({"scope": "/a b"}, "scope: "),
        ({"scope": []}, "scope: "),
        ({"scope": NGSI_LD_NULL}, "scope: "),
        ({"scope": {}}, "scope: "),
        ({"expiresAt": "x"}, "expiresAt: "),
        ({"@graph": []}, "@graph: a JSON-LD keyword"),
        ({"1abc": 1}, "'1abc' cannot be the name"),
        ({"a(b)": 1}, "cannot be the name"),
        ({"": 1}, "cannot be the name"),
        ({"_a": 1}, "cannot be the name"),
        ({"x" * 600: 1}, "cannot be the name"),
        ({"a": 1, DEFAULT_VOCAB + "a": 2}, "given twice, under two names"),
    ],
)
def test_what_an_entity_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequestData, match=words):
        expand_entity({**BASE, **changes}, CORE)


@pytest.mark.parametrize("missing", ["id", "type"])
def test_an_entity_needs_id_and_type_and_a_fragment_does_not(missing: str) -> None:
    body = {key: value for key, value in BASE.items() if key != missing}
    with pytest.raises(BadRequestData, match=f"no {missing}"):
        expand_entity(body, CORE)
    assert missing not in expand_fragment(body, CORE)


def test_japanese_names_come_through() -> None:
    document = expand_entity(
        {**BASE, "type": ["観測所", "ゲージ"], "水位": 1, "ex:値": 2, "https://例え.jp/雨": 3}, CORE
    )
    assert document["type"] == [DEFAULT_VOCAB + "観測所", DEFAULT_VOCAB + "ゲージ"]
    assert list(document["attrs"]) == [DEFAULT_VOCAB + "水位", "ex:値", "https://例え.jp/雨"]


def test_values_are_kept_as_they_are() -> None:
    value = {"big": 123456789012345678901234567890, "one": 1, "float": 1.0, "temperature": {"id": "x", "type": "y"}}
    stored = attribute({"value": value})["value"]
    assert stored is value


def test_members_the_platform_writes_itself_are_not_attributes() -> None:
    document = expand_entity({**BASE, "@context": "x", "createdAt": "x", "modifiedAt": "x", "lang": 1}, CORE)
    assert list(document["attrs"]) == [NGSI_LD + "lang"]


def test_scopes_are_a_list_without_doubles() -> None:
    assert expand_entity({**BASE, "scope": "/日本/福井"}, CORE)["scope"] == ["/日本/福井"]
    assert expand_entity({**BASE, "scope": ["/a", "b", "/a"]}, CORE)["scope"] == ["/a", "b"]


def test_aliases_of_id_and_type_work() -> None:
    context = asyncio.run(Contexts().resolve({"識別子": "@id", "種別": "@type"}))
    document = expand_entity({"識別子": "urn:x:1", "種別": "Gauge"}, context)
    assert document == {"id": "urn:x:1", "type": [DEFAULT_VOCAB + "Gauge"], "attrs": {}}


def test_fragments_keep_the_null_that_deletes() -> None:
    fragment = {
        "a": NGSI_LD_NULL,
        "b": {"object": NGSI_LD_NULL},
        "scope": NGSI_LD_NULL,
        "l": {"languageMap": {"ja": NGSI_LD_NULL}},
    }
    document = expand_fragment(fragment, CORE, merge=True)
    with pytest.raises(BadRequestData, match="only for a merge"):
        expand_fragment(fragment, CORE)
    assert document["scope"] == [NGSI_LD_NULL]
    attrs = document["attrs"]
    assert attrs[DEFAULT_VOCAB + "a"] == [{"type": "Property", "value": NGSI_LD_NULL}]
    assert attrs[DEFAULT_VOCAB + "b"] == [{"type": "Relationship", "object": NGSI_LD_NULL}]
    assert expand_entity({**BASE, "a": NGSI_LD_NULL}, CORE, nulls=True)["attrs"]


def test_a_partial_update_needs_neither_type_nor_value() -> None:
    assert expand_partial({"unitCode": NGSI_LD_NULL}, CORE) == {"unitCode": NGSI_LD_NULL}
    assert expand_partial({"value": 5}, CORE) == {"value": 5}
    assert expand_partial({"type": "Property"}, CORE) == {"type": "Property"}
    assert expand_partial({"value": 5, "精度": 1, "datasetId": "urn:d:1"}, CORE) == {
        "value": 5,
        "datasetId": "urn:d:1",
        "attrs": {DEFAULT_VOCAB + "精度": [{"type": "Property", "value": 1}]},
    }
    for wrong in ({"type": "Relationship", "value": 1}, {"observedAt": "x"}, {"object": "x"}, [1]):
        with pytest.raises(BadRequestData):
            expand_partial(wrong, CORE)  # type: ignore[arg-type]  # wrong on purpose


def test_one_attribute_alone() -> None:
    assert expand_attribute("水位", {"value": 1}, CORE) == [{"type": "Property", "value": 1}]
    assert expand_attribute("水位", {"value": 1}, CORE, simplified=True) == [
        {"type": "Property", "value": {"value": 1}}
    ]
    with pytest.raises(BadRequestData):
        expand_attribute("1", 1, CORE)


def test_sub_attributes_are_nested_only_so_deep() -> None:
    value: Any = {"value": 1}
    for _ in range(7):
        value = {"value": 1, "b": value}
    attribute(value)
    with pytest.raises(BadRequestData, match=r"a\.b\.b\.b\.b\.b\.b\.b\.b: sub-attributes are nested"):
        attribute({"value": 1, "b": value})


keys = st.sampled_from(
    [
        "id",
        "type",
        "value",
        "object",
        "languageMap",
        "vocab",
        "json",
        "valueList",
        "objectList",
        "observedAt",
        "unitCode",
        "datasetId",
        "scope",
        "@id",
        "@type",
        "@value",
        "@graph",
        "coordinates",
        "dataset",
        "水位",
        "a",
    ]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(
        ["Property", "Relationship", "GeoProperty", "Point", "urn:x:1", NGSI_LD_NULL, "2024-01-01T00:00:00Z"]
    )
)
bodies = st.dictionaries(
    keys,
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=15
    ),
    max_size=6,
)


@given(bodies, st.booleans())
def test_no_body_breaks_the_expansion(body: dict[str, Any], simplified: bool) -> None:
    for read in (
        lambda: expand_entity({**BASE, **body}, CORE, simplified=simplified),
        lambda: expand_fragment(body, CORE, simplified=simplified),
        lambda: expand_partial(body, CORE),
    ):
        with contextlib.suppress(BadRequestData):
            read()
