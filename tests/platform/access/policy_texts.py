"""Policies made at random in the language that is kept, entities to ask of, and a reading of rights of its own."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from kumihimo.platform.access.models import (
    QTerm,
    Rights,
    RowAnd,
    RowIds,
    RowNode,
    RowNot,
    RowOr,
    RowQ,
    RowScope,
    RowTypes,
)

NAMES = tuple(f"https://example.org/{letter}" for letter in "abc")
FRESH = "https://example.org/named-by-nobody"
TYPES = ("https://example.org/River", "https://example.org/Shelter")
IDS = ("urn:ngsi-ld:River:1", "urn:ngsi-ld:Shelter:2", "urn:ngsi-ld:Shelter:3")
SCOPES = ("/fukui", "/fukui/sabae", "/fukuiken", "/public")
ROLES = ("officer", "resident", "sabae/officer")
VALUES: tuple[str | int | bool, ...] = (1, 2, True, False, "x", "氾濫", 'quo"te\\')
PURPOSES = ("operate", "research")


def q(text: Any) -> str:
    """A text as Cedar and JSON both write it."""
    return json.dumps(text, ensure_ascii=False)


names, types, ids, scopes = (st.sampled_from(one) for one in (NAMES, TYPES, IDS, SCOPES))
values, roles, purposes = st.sampled_from(VALUES), st.sampled_from(ROLES), st.sampled_from(PURPOSES)


def _set(one: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return st.lists(one, min_size=1, max_size=3).map(lambda found: "[" + ", ".join(q(each) for each in found) + "]")


def _guarded(name: str, asked: str) -> str:
    return f"(resource has {q(name)} && resource[{q(name)}].{asked})"


LEAVES = st.one_of(
    st.builds(lambda name: f"context.attribute == {q(name)}", names),
    st.builds(lambda name: f"{q(name)} != context.attribute", names),
    _set(names).map(lambda found: f"{found}.contains(context.attribute)"),
    st.builds(lambda word: f"context.purpose == {q(word)}", purposes),
    st.builds(lambda id_: f"resource.id == {q(id_)}", ids),
    _set(ids).map(lambda found: f"{found}.contains(resource.id)"),
    st.builds(lambda id_: f"resource == Entity::{q(id_)}", ids),
    st.builds(lambda name: f"resource in EntityType::{q(name)}", types),
    st.just(f"resource in [EntityType::{q(TYPES[0])}, EntityType::{q(TYPES[1])}]"),
    st.builds(lambda one: f"resource in Scope::{q(one)}", scopes),
    st.builds(lambda one: f"resource.scopes.contains({q(one)})", scopes),
    _set(scopes).map(lambda found: f"resource.scopes.containsAny({found})"),
    _set(scopes).map(lambda found: f"resource.scopes.containsAll({found})"),
    st.builds(lambda name: f"resource has {q(name)}", names),
    st.builds(lambda name, value: _guarded(name, f"contains({q(value)})"), names, values),
    st.builds(lambda name, found: _guarded(name, f"containsAny({found})"), names, _set(values)),
    st.builds(lambda name, found: _guarded(name, f"containsAll({found})"), names, _set(values)),
    st.builds(lambda role: f"principal in Role::{q(role)}", roles),
    st.sampled_from(["principal is Person", 'principal == Application::"a-1"', "resource is Tenant", "true", "false"]),
    st.sampled_from(['action == Action::"read"', 'action in [Action::"write", Action::"usage"]']),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("(if {} then {} else {})".format, inner, inner, inner),
    ),
    max_leaves=5,
)
WHO = st.one_of(
    roles.map(lambda role: f"principal in Role::{q(role)}"),
    st.sampled_from(["principal is Person", "principal is Anonymous", 'principal == Person::"p-1"']),
    roles.map(lambda role: f"principal is Application in Role::{q(role)}"),
)
DOES = st.sampled_from(["action", 'action == Action::"read"', 'action in [Action::"read", Action::"usage"]'])
WHAT = st.one_of(
    st.sampled_from(["resource", "resource is Entity", "resource is Tenant", 'resource == Tenant::"town"']),
    types.map(lambda name: f"resource in EntityType::{q(name)}"),
    scopes.map(lambda one: f"resource is Entity in Scope::{q(one)}"),
    ids.map(lambda one: f"resource == Entity::{q(one)}"),
)


@st.composite
def policies(draw: st.DrawFn) -> str:
    """One policy."""
    effect = draw(st.sampled_from(["permit", "permit", "forbid"]))
    who = draw(WHO if effect == "permit" else st.one_of(WHO, st.just("principal")))
    conditions = draw(st.lists(st.tuples(st.sampled_from(["when", "unless"]), CONDITIONS), max_size=2))
    body = "".join(f"\n  {kind} {{ {condition} }}" for kind, condition in conditions)
    return f"{effect} ({who}, {draw(DOES)}, {draw(WHAT)}){body};\n"


POLICY_SETS = st.lists(policies(), min_size=1, max_size=5).map("".join)

ENTITIES: tuple[dict[str, Any], ...] = (
    {"id": IDS[0], "types": TYPES[:1], "scopes": ("/fukui/sabae",), "values": {NAMES[0]: [1, "x"], NAMES[1]: [True]}},
    {"id": IDS[1], "types": TYPES, "scopes": (), "values": {NAMES[0]: ["氾濫"], NAMES[2]: [2, False, 'quo"te\\']}},
    {"id": IDS[2], "types": TYPES[1:], "scopes": ("/public", "/fukui"), "values": {}},
    {"id": "urn:x:4", "types": ("urn:type:other",), "scopes": ("/fukuiken",), "values": {NAMES[1]: [1, 2, "x"]}},
)


def uid(kind: str, id_: str) -> dict[str, str]:
    return {"type": kind, "id": id_}


def cedar_entity(one: dict[str, Any]) -> dict[str, Any]:
    """The entity as docs/reference/access-policies.md describes it to Cedar."""
    above = {prefix for scope in one["scopes"] for prefix in _prefixes(scope)}
    return {
        "uid": uid("Entity", one["id"]),
        "attrs": {"id": one["id"], "scopes": list(one["scopes"]), **one["values"]},
        "parents": [*(uid("EntityType", name) for name in one["types"]), *(uid("Scope", each) for each in above)],
    }


def _prefixes(scope: str) -> list[str]:
    levels = scope.split("/")
    return ["/".join(levels[:end]) for end in range(2, len(levels) + 1)]


def is_granted(rights: Rights, one: dict[str, Any], attribute: str) -> bool:
    """Whether the rights grant this attribute of the entity."""
    shown = any(attribute in clause.names and _has(one, clause.rows) for clause in rights.shown)
    return shown and not any(attribute in clause.names and _has(one, clause.rows) for clause in rights.hidden)


def _has(one: dict[str, Any], rows: RowNode) -> bool:
    match rows:
        case RowTypes(wanted):
            return not wanted.isdisjoint(one["types"])
        case RowIds(wanted):
            return one["id"] in wanted
        case RowScope(wanted) if wanted.endswith("/#"):
            return any(scope == wanted[:-2] or scope.startswith(wanted[:-1]) for scope in one["scopes"])
        case RowScope(wanted):
            return wanted in one["scopes"]
        case RowQ(QTerm(path, "exists")):
            return path.attributes[0] in one["values"]
        case RowQ(QTerm(path, "==", asked)):
            # Python takes True for 1; neither Cedar nor the broker does.
            found = {(type(value), value) for value in one["values"].get(path.attributes[0], ())}
            return any((type(value), value) in found for value in asked)
        case RowAnd(parts):
            return all(_has(one, part) for part in parts)
        case RowOr(parts):
            return any(_has(one, part) for part in parts)
        case RowNot(part):
            return not _has(one, part)
    raise AssertionError(rows)
