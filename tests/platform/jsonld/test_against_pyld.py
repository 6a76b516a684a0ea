"""Our expansion against an independent JSON-LD processor, on generated entities and contexts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyld import jsonld

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.builtin import core_document
from kumihimo.platform.jsonld.contexts import Context, Contexts
from kumihimo.platform.jsonld.expand import expand_entity
from kumihimo.platform.jsonld.models import CORE_CONTEXT, NGSI_LD, EntityDoc, Instance
from kumihimo.platform.jsonld.render import Form, Rendering, render_entity

MANY = settings(max_examples=150)


def load_offline(url: str, options: object) -> dict[str, Any]:
    document = core_document(url)
    if document is None:
        assert url == "https://w3id.org/security/data-integrity/v2"
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": {"@context": document or {}},
    }


# --- the stored form as expanded JSON-LD ------------------------------------------------------------------


def to_expanded_jsonld(doc: EntityDoc) -> dict[str, Any]:
    """What a JSON-LD processor makes of the entity that this stored form came from."""
    result: dict[str, Any] = {"@id": doc["id"], "@type": doc["type"]}
    if "scope" in doc:
        result[NGSI_LD + "scope"] = [{"@value": scope} for scope in doc["scope"]]
    for name, instances in doc["attrs"].items():
        result[name] = [expanded_instance(instance) for instance in instances]
    return result


def literals(value: Any) -> list[Any]:
    return [{"@value": item} for item in (value if isinstance(value, list) else [value])]


def ids(value: Any) -> list[Any]:
    return [{"@id": item} for item in (value if isinstance(value, list) else [value])]


def language_map(value: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for tag in sorted(value):
        language = {} if tag == "@none" else {"@language": tag.lower()}
        words = value[tag] if isinstance(value[tag], list) else [value[tag]]
        found.extend({**language, "@value": word} for word in words)
    return found


WRITERS: dict[str, tuple[str, Any]] = {
    "value": ("hasValue", literals),
    "object": ("hasObject", ids),
    "languageMap": ("hasLanguageMap", language_map),
    "vocab": ("hasVocab", ids),
    "json": ("hasJSON", lambda value: [{"@type": "@json", "@value": value}]),
    "valueList": ("hasValueList", lambda value: [{"@list": literals(value)}]),
    "objectList": (
        "hasObjectList",
        lambda value: [{"@list": [{NGSI_LD + "hasObject": [{"@id": item}]} for item in value]}],
    ),
    "objectType": ("hasObjectType", ids),
    "valueType": ("hasValueType", ids),
    "observedAt": ("observedAt", lambda value: [{"@type": NGSI_LD + "DateTime", "@value": value}]),
    "expiresAt": ("expiresAt", lambda value: [{"@type": NGSI_LD + "DateTime", "@value": value}]),
    "unitCode": ("unitCode", literals),
    "datasetId": ("datasetId", ids),
}


def expanded_instance(instance: Instance) -> dict[str, Any]:
    result: dict[str, Any] = {"@type": [NGSI_LD + instance["type"]]}
    for member, value in instance.items():
        if member in WRITERS:
            name, write = WRITERS[member]
            result[NGSI_LD + name] = write(value)
    for name, instances in instance.get("attrs", {}).items():
        result[name] = [expanded_instance(part) for part in instances]
    return result


def without_attribute_lists(node: Any) -> Any:
    """An attribute term with @container @list wraps instances in a list; NGSI-LD knows no order of instances."""
    if isinstance(node, list):
        if len(node) == 1 and isinstance(node[0], dict) and "@list" in node[0]:
            inner = node[0]["@list"]
            if inner and all(isinstance(item, dict) and "@type" in item and "@value" not in item for item in inner):
                return without_attribute_lists(inner)
        return [without_attribute_lists(item) for item in node]
    if isinstance(node, dict) and node.get("@type") != "@json":
        return {key: without_attribute_lists(value) for key, value in node.items()}
    return node


def by_pyld(entity: dict[str, Any], context: list[Any]) -> Any:
    jsonld._resolved_context_cache.clear()
    found = jsonld.expand({**entity, "@context": context}, {"documentLoader": load_offline})
    assert len(found) == 1
    return without_attribute_lists(found[0])


# --- generated contexts and entities -----------------------------------------------------------------------

NAMES = [
    "temperature",
    "水位",
    "foo_1",
    "ex:speed",
    "https://example.org/ns#abs",
    "nobody:knows",
    "名",
    "status",
    "title",
]
TYPES = ["Room", "観測所", "ex:Gauge", "https://example.org/ns#Type"]
WORDS = ["temperature", "good", "ex:bad", "https://example.org/ns#so", "良い"]
IRIS = ["https://example.org/a", "https://example.org/ns#b", "http://other.example/c/d", "urn:x:e", "ex:f", "second:g"]

iri = st.sampled_from(IRIS)
definition = st.one_of(
    iri,
    st.builds(
        lambda target, coercion, container: {"@id": target, **coercion, **container},
        iri,
        st.sampled_from([{}, {"@type": "@id"}, {"@type": "@vocab"}, {"@type": "https://example.org/integer"}]),
        st.sampled_from([{}, {"@container": "@list"}, {"@container": "@set"}, {"@container": ["@set"]}]),
    ),
)
PREFIXES = {"ex": "https://example.org/ex/", "second": {"@id": "https://second.example/", "@prefix": True}}
plain_names = [name for name in NAMES if ":" not in name]
scope_context = st.builds(
    lambda terms, vocab, propagate: {**PREFIXES, **terms, **vocab, **propagate},
    st.dictionaries(st.sampled_from(["temperature", "水位", "foo_1", "名", "good"]), definition, max_size=3),
    st.sampled_from([{}, {}, {"@vocab": "https://scope.example/"}]),
    st.sampled_from([{}, {}, {"@propagate": True}, {"@propagate": False}]),
)
scoped_definition = st.builds(lambda target, scope: {"@id": target, "@context": scope}, iri, scope_context)


def without_own(context: dict[str, Any]) -> dict[str, Any]:
    """Scoped contexts that do not redefine their own term: pyld looks it up inside, the specification outside."""
    found = {}
    for name, value in context.items():
        scope = value.get("@context") if isinstance(value, dict) else None
        found[name] = value if scope is None else {**value, "@context": {k: v for k, v in scope.items() if k != name}}
    return found


context_object = st.builds(
    lambda terms, types, vocab, alias: without_own({**PREFIXES, **terms, **types, **vocab, **alias}),
    st.dictionaries(
        st.sampled_from([*plain_names, "good", "良い"]), st.one_of(definition, scoped_definition), max_size=5
    ),
    st.dictionaries(st.sampled_from(["Room", "観測所"]), st.one_of(iri, scoped_definition), max_size=2),
    st.sampled_from([{}, {"@vocab": "https://vocab.example/"}, {"@vocab": ""}]),
    st.sampled_from([{}, {"識別子": "@id"}, {"種別": "@type"}]),
)
contexts_given = st.lists(context_object, min_size=0, max_size=3)

scalars = st.one_of(st.booleans(), st.integers(-1000, 1000), st.text(max_size=5), st.sampled_from([0.5, 2.25]))
uris = st.sampled_from(["urn:ngsi-ld:A:1", "https://example.org/b", "urn:ngsi-ld:日本:2"])
moments = st.sampled_from(["2024-06-23T10:00:00Z", "2024-06-23T10:00:00.123456Z"])
value_members = st.one_of(
    st.builds(lambda value: {"type": "Property", "value": value}, st.one_of(scalars, st.lists(scalars, max_size=3))),
    st.builds(
        lambda target, types: {"type": "Relationship", "object": target, **types},
        st.one_of(uris, st.lists(uris, min_size=2, max_size=3)),
        st.sampled_from([{}, {"objectType": "Room"}, {"objectType": ["Room", "ex:Gauge"]}]),
    ),
    st.builds(
        lambda words: {"type": "LanguageProperty", "languageMap": words},
        st.dictionaries(
            st.sampled_from(["ja", "en-GB", "@none"]),
            st.one_of(st.text(max_size=4), st.lists(st.text(max_size=4), min_size=1, max_size=2)),
            min_size=1,
        ),
    ),
    st.builds(
        lambda words: {"type": "VocabProperty", "vocab": words},
        st.one_of(st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)),
    ),
    st.builds(
        lambda value: {"type": "JsonProperty", "json": value},
        st.dictionaries(st.text(max_size=3), st.one_of(scalars, st.none())),
    ),
    st.builds(lambda value: {"type": "ListProperty", "valueList": value}, st.lists(scalars, max_size=3)),
    st.builds(
        lambda value: {"type": "ListRelationship", "objectList": [{"object": item} for item in value]},
        st.lists(uris, max_size=3),
    ),
)
other_members = st.fixed_dictionaries(
    {}, optional={"observedAt": moments, "unitCode": st.just("MTR"), "expiresAt": moments}
)


def with_parts(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(whole, value_members, other_members, parts)


def whole(value: dict[str, Any], other: dict[str, Any], subs: dict[str, Any]) -> dict[str, Any]:
    """An instance; only what can be counted or measured has a unit."""
    if value["type"] not in {"Property", "ListProperty"}:
        other = {name: member for name, member in other.items() if name != "unitCode"}
    return {**value, **other, **subs}


names_of_parts = st.sampled_from(NAMES)
leaf = with_parts(st.just({}))
single = with_parts(
    st.dictionaries(names_of_parts, with_parts(st.dictionaries(names_of_parts, leaf, max_size=1)), max_size=2)
)


@st.composite
def several(draw: st.DrawFn) -> list[Any]:
    first = draw(leaf)
    return [first, *({**draw(leaf), "datasetId": f"urn:ngsi-ld:Dataset:{n}"} for n in range(draw(st.integers(1, 2))))]


entities = st.builds(
    lambda types, attrs, scope: {"id": "urn:ngsi-ld:Room:1", "type": types, **scope, **attrs},
    st.one_of(st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True)),
    st.dictionaries(st.sampled_from(NAMES), st.one_of(single, several()), max_size=4),
    st.sampled_from([{}, {"scope": "/日本/福井"}, {"scope": ["/a/b", "c"]}]),
)


def resolve(context: list[Any]) -> Context:
    return asyncio.run(Contexts().resolve(context))


def distinct(entity: dict[str, Any], context: Context) -> bool:
    """Whether no node has two names for one attribute: that we refuse and JSON-LD merges."""
    try:
        expand_entity(entity, context)
    except BadRequestData as problem:
        if "under two names" in problem.detail:
            return False
        raise
    return True


@MANY
@given(entities, contexts_given)
def test_expands_as_an_independent_processor_does(entity: dict[str, Any], given_contexts: list[Any]) -> None:
    context = resolve(given_contexts)
    if not distinct(entity, context):
        return
    theirs = by_pyld(entity, [*given_contexts, CORE_CONTEXT])
    theirs["@type"] = list(dict.fromkeys(theirs["@type"]))
    assert to_expanded_jsonld(expand_entity(entity, context)) == theirs


@MANY
@given(entities, contexts_given, st.sampled_from(["normalized", "concise"]))
def test_what_is_rendered_expands_to_the_same(entity: dict[str, Any], given_contexts: list[Any], form: Form) -> None:
    context = resolve(given_contexts)
    if not distinct(entity, context):
        return
    document = expand_entity(entity, context)
    assert expand_entity(render_entity(document, Rendering(context, form, sys_attrs=True)), context) == document


@MANY
@given(entities, contexts_given)
def test_what_is_rendered_means_the_same_to_an_independent_processor(
    entity: dict[str, Any], given_contexts: list[Any]
) -> None:
    context = resolve(given_contexts)
    if not distinct(entity, context):
        return
    document = expand_entity(entity, context)
    written = render_entity(document, Rendering(context, sys_attrs=True))
    theirs = by_pyld(written, [*given_contexts, CORE_CONTEXT])
    assert to_expanded_jsonld(document) == theirs


@pytest.mark.parametrize("given_contexts", [[], [{"ex": "https://example.org/", "value": "ex:v", "type": "ex:t"}]])
def test_core_terms_are_never_redefined(given_contexts: list[Any]) -> None:
    entity = {"id": "urn:a:1", "type": "T", "p": {"type": "Property", "value": 1}}
    ours = to_expanded_jsonld(expand_entity(entity, resolve(given_contexts)))
    assert ours == by_pyld(entity, [*given_contexts, CORE_CONTEXT])


TYPE_SCOPED = {
    "foo": "https://example.org/outer",
    "Room": {"@id": "https://example.org/Room", "@context": {"foo": "https://example.org/room"}},
    "Hall": {"@id": "https://example.org/Hall", "@context": {"@propagate": True, "foo": "https://example.org/hall"}},
}
PROPERTY_SCOPED = {
    "foo": "https://example.org/outer",
    "bar": {"@id": "https://example.org/bar", "@context": {"foo": "https://example.org/inner"}},
    "baz": {"@id": "https://example.org/baz", "@context": {"@propagate": False, "foo": "https://example.org/near"}},
    "nil": {"@id": "https://example.org/nil", "@context": [None, {"other": "https://example.org/other"}]},
}


@pytest.mark.parametrize("scoped", [TYPE_SCOPED, PROPERTY_SCOPED, {**TYPE_SCOPED, **PROPERTY_SCOPED}])
@pytest.mark.parametrize("types", ["Room", "Hall", ["Room", "Hall"], ["Hall", "Room"], "Other"])
@pytest.mark.parametrize("name", ["foo", "bar", "baz", "other"])
def test_scoped_contexts_reach_as_far_as_json_ld_says(scoped: dict[str, Any], types: Any, name: str) -> None:
    leaf = {"type": "Property", "value": 1, "foo": {"type": "Property", "value": 2}}
    entity = {
        "id": "urn:a:1",
        "type": types,
        name: {**leaf, "bar": leaf, "baz": {**leaf, "foo": leaf}},
        "foo" if name != "foo" else "bar": leaf,
    }
    context = resolve([scoped])
    document = expand_entity(entity, context)
    assert to_expanded_jsonld(document) == by_pyld(entity, [scoped, CORE_CONTEXT])
    assert expand_entity(render_entity(document, Rendering(context)), context) == document


def test_null_in_a_scoped_context_leaves_the_core() -> None:
    context = resolve([PROPERTY_SCOPED]).into("nil")
    assert context.expand("foo") == NGSI_LD + "default-context/foo"
    assert context.expand("other") == "https://example.org/other"
    assert context.expand("value") == NGSI_LD + "hasValue"
