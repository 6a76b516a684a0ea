"""What is read in any of the four representations can be written again, and nothing is lost (clause 4.5).

Normalized and concise say everything. Simplified says the values and most of the kinds. GeoJSON is an entity in another
order: its properties, with its id, are the entity, and its geometry is one of them.
"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.platform.jsonld.test_against_pyld import contexts_given, distinct, entities, resolve

from kumihimo.platform.jsonld.expand import expand_entity
from kumihimo.platform.jsonld.models import NGSI_LD, VALUE_MEMBER, EntityDoc, Instance
from kumihimo.platform.jsonld.render import Form, Rendering, render_entity, render_feature

FORMS: list[Form] = ["normalized", "concise", "simplified"]
SEVERAL = settings(max_examples=60)
points = st.builds(
    lambda longitude, latitude: {"type": "Point", "coordinates": [longitude, latitude]},
    st.integers(-180, 180),
    st.floats(-90, 90, allow_nan=False),
)
places = st.one_of(
    st.builds(lambda value: {"type": "GeoProperty", "value": value}, points),
    st.builds(
        lambda first, second: [
            {"type": "GeoProperty", "value": first},
            {"type": "GeoProperty", "value": second, "datasetId": "urn:ngsi-ld:Dataset:place"},
        ],
        points,
        points,
    ),
)


EVERY: dict[str, Any] = {
    "id": "urn:ngsi-ld:Room:1",
    "type": ["Room", "観測所"],
    "scope": "/日本/福井",
    "数": {"type": "Property", "value": 1.0, "unitCode": "MTR", "精度": {"type": "Property", "value": 0.1}},
    "物": {"type": "Property", "value": {"市": "鯖江"}},
    "川": {"type": "Relationship", "object": "urn:x:1"},
    "名": {"type": "LanguageProperty", "languageMap": {"ja": "足羽川"}},
    "質": {"type": "VocabProperty", "vocab": "good"},
    "生": {"type": "JsonProperty", "json": {"id": None}},
    "列": {"type": "ListProperty", "valueList": [1, [2]]},
    "橋": {"type": "ListRelationship", "objectList": [{"object": "urn:x:2"}]},
    "二": [
        {"type": "Property", "value": 1},
        {"type": "LanguageProperty", "languageMap": {"en": "x"}, "datasetId": "urn:d:1"},
    ],
}
"""Each kind once, whatever is drawn beside it."""


def value_of(instance: Instance) -> Any:
    """What the simplified form is there to keep."""
    return {**instance}[VALUE_MEMBER[instance["type"]]]


TOLD = {"LanguageProperty", "VocabProperty", "JsonProperty", "GeoProperty"}
"""The kinds that the simplified form tells apart; the rest are values (clause 4.5.4)."""


def values_of(doc: EntityDoc) -> dict[str, list[tuple[str, str, Any]]]:
    """Of each instance its datasetId, its kind where the form tells it, and its value."""
    return {
        name: [(one.get("datasetId", ""), one["type"] if one["type"] in TOLD else "", value_of(one)) for one in many]
        for name, many in doc["attrs"].items()
    }


@SEVERAL
@example(EVERY, [], "concise", "normalized")
@example(EVERY, [], "normalized", "simplified")
@given(entities, contexts_given, st.sampled_from(["normalized", "concise"]), st.sampled_from(FORMS))
def test_the_forms_that_say_all_are_read_back_and_show_the_same_in_every_form(
    entity: dict[str, Any], given_contexts: list[Any], written: Form, shown: Form
) -> None:
    context = resolve(given_contexts)
    if not distinct(entity, context):
        return
    document = expand_entity(entity, context)
    again = expand_entity(render_entity(document, Rendering(context, written, sys_attrs=True)), context)
    assert again == document
    assert render_entity(again, Rendering(context, shown)) == render_entity(document, Rendering(context, shown))


@SEVERAL
@example(EVERY, [])
@given(entities, contexts_given)
def test_the_simplified_form_keeps_the_values_and_is_stable(entity: dict[str, Any], given_contexts: list[Any]) -> None:
    context = resolve(given_contexts)
    if not distinct(entity, context):
        return
    document = expand_entity(entity, context)
    simple = render_entity(document, Rendering(context, "simplified"))
    again = expand_entity(simple, context, simplified=True)
    assert values_of(again) == values_of(document)
    assert {name: value for name, value in again.items() if name != "attrs"} == {
        name: value for name, value in document.items() if name not in ("attrs", "expiresAt")
    }
    assert render_entity(again, Rendering(context, "simplified")) == simple


@SEVERAL
@example(EVERY, {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 35.9]}}, [], "concise")
@given(entities, places, contexts_given, st.sampled_from(FORMS))
def test_a_feature_is_the_entity(entity: dict[str, Any], place: Any, given_contexts: list[Any], form: Form) -> None:
    context = resolve(given_contexts)
    entity = {**entity, "location": place}
    if not distinct(entity, context):
        return
    document = expand_entity(entity, context)
    rendering = Rendering(context, form)
    feature = render_feature(document, rendering)
    first = document["attrs"][NGSI_LD + "location"][0]
    assert (feature["type"], feature["id"], feature["geometry"]) == ("Feature", document["id"], first["value"])
    whole = {"id": feature["id"], **feature["properties"]}
    assert whole == render_entity(document, rendering)
