"""Merging against the obvious: laws that must hold for every document and every fragment."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model import generate

from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.platform.broker.instances import merge_patch
from kumihimo.platform.broker.merge import plan
from kumihimo.platform.broker.models import Change, Op

NULL = "urn:ngsi-ld:null"
EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just(NULL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def slow_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, word for word, with the Null of NGSI-LD."""
    if isinstance(patch, dict):
        target = copy.deepcopy(target) if isinstance(target, dict) else {}
        for name, value in patch.items():
            if value == NULL:
                if name in target:
                    del target[name]
            else:
                target[name] = slow_patch(target.get(name), value)
        return target
    return patch


@given(json_values, json_values)
def test_merge_patch_is_that_of_the_rfc(target: Any, patch: Any) -> None:
    kept = copy.deepcopy((target, patch))
    assert merge_patch(target, patch) == slow_patch(target, patch)
    assert (target, patch) == kept


OPS = [Op.UPSERT, Op.UPSERT_UPDATE, Op.REPLACE, Op.APPEND, Op.APPEND_NEW, Op.UPDATE, Op.MERGE, Op.DELETE]


@given(st.integers(0, 10_000), st.sampled_from(OPS))
def test_laws_of_every_operation(seed: int, op: Op) -> None:
    random = Random(seed)
    base, fragment = generate.entity(random, 1), generate.entity(random, 1)
    held = plan(None, Change(Op.CREATE, base["id"], base), EARLY).doc
    assert held is not None
    kept = copy.deepcopy((held, fragment))
    try:
        effect = plan(held, Change(op, base["id"], fragment), LATE)
    except Problem:
        assert op is Op.MERGE  # a merge may not change an attribute's type
        return
    assert (held, fragment) == kept, "documents are never changed in place"
    before, after = held["attrs"], effect.doc["attrs"] if effect.doc is not None else {}
    touched = set(effect.changed()) | set(effect.deleted())
    for name in set(before) | set(after):
        if name not in touched:
            assert after[name] is before[name]
    assert set(effect.deleted()) == set(before) - set(after)
    for name in touched & set(before):
        assert effect.previous[name] == before[name]
    if effect.doc is not None and effect.status == "updated":
        assert (effect.doc["createdAt"], effect.doc["modifiedAt"]) == (EARLY, LATE)
        for name, instance in effect.written:
            assert instance["modifiedAt"] == LATE
            assert instance in after[name]
    for instances in after.values():
        datasets = [one.get("datasetId", "") for one in instances]
        assert len(datasets) == len(set(datasets))
        assert instances


@given(st.integers(0, 10_000))
def test_a_merge_twice_is_a_merge_once(seed: int) -> None:
    random = Random(seed)
    base, fragment = generate.entity(random, 1), generate.entity(random, 1)
    held = plan(None, Change(Op.CREATE, base["id"], base), EARLY).doc
    change = Change(Op.MERGE, base["id"], fragment)
    try:
        once = plan(held, change, LATE).doc
    except Problem:
        return
    assert plan(once, change, LATE).doc == once


@pytest.mark.parametrize(
    ("before", "fragment", "after"),
    [
        (
            {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}},
            {"languageMap": {"en": NULL}},
            {"ja": "川"},
        ),
        ({"type": "Property", "value": [1, 2]}, {"value": [3]}, [3]),
        ({"type": "Property", "value": {"a": 1}}, {"value": {"b": 2}}, {"a": 1, "b": 2}),
        ({"type": "JsonProperty", "json": {"a": {"b": 1, "c": 2}}}, {"json": {"a": {"b": NULL}}}, {"a": {"c": 2}}),
    ],
)
def test_merge_by_kind(before: Any, fragment: Any, after: Any) -> None:
    base: Any = {"id": "urn:x:1", "type": ["T"], "attrs": {"a": [before]}}
    held = plan(None, Change(Op.CREATE, "urn:x:1", base), EARLY).doc
    effect = plan(held, Change(Op.MERGE, "urn:x:1", {"attrs": {"a": [fragment]}}), LATE)
    assert effect.doc is not None
    instance: Any = effect.doc["attrs"]["a"][0]
    (member,) = fragment
    assert instance[member] == after
    assert (instance["createdAt"], instance["modifiedAt"]) == (EARLY, LATE)


def test_merge_reaches_sub_attributes() -> None:
    sub: Any = {"acc": [{"type": "Property", "value": 1}], "old": [{"type": "Property", "value": 2}]}
    base: Any = {"id": "urn:x:1", "type": ["T"], "attrs": {"a": [{"type": "Property", "value": 0, "attrs": sub}]}}
    held = plan(None, Change(Op.CREATE, "urn:x:1", base), EARLY).doc
    fragment: Any = {
        "attrs": {
            "a": [{"attrs": {"acc": [{"value": 5}], "old": [{"type": "Property", "value": NULL}]}, "unitCode": "CEL"}]
        }
    }
    effect = plan(held, Change(Op.MERGE, "urn:x:1", fragment), LATE)
    assert effect.doc is not None
    (instance,) = effect.doc["attrs"]["a"]
    assert (instance["value"], instance["unitCode"]) == (0, "CEL")
    assert list(instance["attrs"]) == ["acc"]
    assert instance["attrs"]["acc"][0]["value"] == 5


def test_a_moment_with_an_offset_is_kept_in_utc() -> None:
    base: Any = {
        "id": "urn:x:1",
        "type": ["T"],
        "attrs": {"a": [{"type": "Property", "value": 0, "observedAt": "2024-06-23T19:00:00+09:00"}]},
    }
    doc = plan(None, Change(Op.CREATE, "urn:x:1", base), EARLY).doc
    assert doc is not None
    assert doc["attrs"]["a"][0]["observedAt"] == "2024-06-23T10:00:00.000Z"


@pytest.mark.parametrize("op", [Op.CREATE, Op.UPSERT, Op.APPEND, Op.APPEND_NEW])
def test_null_has_no_place_where_something_is_made(op: Op) -> None:
    base: Any = {"id": "urn:x:1", "type": ["T"], "attrs": {"b": [{"type": "Property", "value": 1}]}}
    held = None if op is Op.CREATE else plan(None, Change(Op.CREATE, "urn:x:1", base), EARLY).doc
    null: Any = {"id": "urn:x:1", "type": ["T"], "attrs": {"a": [{"type": "Property", "value": NULL}]}}
    with pytest.raises(Problem, match="NGSI-LD Null"):
        plan(held, Change(op, "urn:x:1", null), LATE)


def held(**members: Any) -> Any:
    body: Any = {"id": "urn:a:1", "type": ["T"], "attrs": {"a": [{"type": "Property", "value": 0}]}, **members}
    return plan(None, Change(Op.CREATE, "urn:a:1", body), EARLY).doc


def test_an_update_adds_what_the_entity_lacks() -> None:
    other: Any = {"type": "Property", "value": 1, "datasetId": "urn:d:1"}
    effect = plan(held(), Change(Op.UPDATE, "urn:a:1", {"attrs": {"a": [other], "b": [other]}}), LATE)
    assert effect.doc is not None
    assert [one["value"] for one in effect.doc["attrs"]["a"]] == [0, 1]
    assert [one["value"] for one in effect.doc["attrs"]["b"]] == [1]
    assert effect.not_updated == []


def test_what_is_replaced_must_be_there() -> None:
    other: Any = {"type": "Property", "value": 1, "datasetId": "urn:d:1"}
    lacking: list[Any] = [{"a": [other]}, {"b": [{"type": "Property", "value": 1}]}]
    for attrs in lacking:
        with pytest.raises(ResourceNotFound):
            plan(held(), Change(Op.REPLACE_ATTRIBUTE, "urn:a:1", {"attrs": attrs}), LATE)
    null: Any = {"type": "Property", "value": "urn:ngsi-ld:null"}
    with pytest.raises(BadRequestData):
        plan(held(), Change(Op.REPLACE_ATTRIBUTE, "urn:a:1", {"attrs": {"a": [null]}}), LATE)


def test_an_update_gives_no_scope_to_what_has_none() -> None:
    effect = plan(held(), Change(Op.UPDATE, "urn:a:1", {"scope": ["/a"], "attrs": {}}), LATE)
    assert (effect.status, [name for name, _ in effect.not_updated]) == ("unchanged", ["scope"])
    scoped = plan(held(scope=["/b"]), Change(Op.UPDATE, "urn:a:1", {"scope": ["/a"], "attrs": {}}), LATE)
    assert scoped.doc is not None
    assert scoped.doc["scope"] == ["/a"]


def test_scopes_are_added_where_nothing_is_overwritten() -> None:
    body: Any = {"scope": ["/b", "/c"], "attrs": {}}
    for op, scopes in ((Op.APPEND_NEW, ["/a", "/b", "/c"]), (Op.APPEND, ["/b", "/c"])):
        effect = plan(held(scope=["/a", "/b"]), Change(op, "urn:a:1", body), LATE)
        assert effect.doc is not None
        assert effect.doc["scope"] == scopes
