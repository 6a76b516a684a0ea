"""One instance of an attribute, from its normalized or concise form to the stored form (clauses 4.5.2, 4.5.5 ff.)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from kumihimo.base import jsontext, times
from kumihimo.base.errors import BadRequestData, InvalidRequest
from kumihimo.base.ids import is_uri
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.geojson import check_geometry, looks_like_geometry
from kumihimo.platform.jsonld.models import NGSI_LD, NGSI_LD_NULL, UNITLESS, VALUE_MEMBER, Instance
from kumihimo.platform.jsonld.names import check_name, is_language
from kumihimo.platform.jsonld.values import check_shallow, check_typed, check_value, wrong

DEFAULT_DATASET = "@none"
"""Clause 4.5.5: how the default instance may be named."""
MAX_DEPTH = 8
"""How deep sub-attributes may be nested."""

KINDS = {NGSI_LD + kind: kind for kind in VALUE_MEMBER}
VALUE_MEMBERS = {
    NGSI_LD + "hasValue": "value",
    NGSI_LD + "hasObject": "object",
    NGSI_LD + "hasLanguageMap": "languageMap",
    NGSI_LD + "hasVocab": "vocab",
    NGSI_LD + "hasJSON": "json",
    NGSI_LD + "hasValueList": "valueList",
    NGSI_LD + "hasObjectList": "objectList",
}
SEALED = ("entityIdSealed", "entityTypeSealed")
"""Members of the proof of an entity's integrity, and of nothing else (clause 4.5.2.2)."""
PROOF = "ngsildproof"
_OTHER_MEMBERS = {
    "@type": "type",
    NGSI_LD + "hasObjectType": "objectType",
    NGSI_LD + "hasValueType": "valueType",
    **{NGSI_LD + name: name for name in ("observedAt", "unitCode", "datasetId", "expiresAt")},
    **{NGSI_LD + name: name for name in SEALED},
}
MEMBERS = VALUE_MEMBERS | _OTHER_MEMBERS
# What the platform writes itself into answers; a client that sends an answer back is not punished for it.
IGNORED = frozenset(
    {
        *(NGSI_LD + name for name in ("createdAt", "modifiedAt", "deletedAt", "instanceId", "lang", "entity")),
        NGSI_LD + "entityList",
    }
)
_PREVIOUS = NGSI_LD + "hasPrevious"
NOT_ATTRIBUTES = frozenset({*_OTHER_MEMBERS, NGSI_LD + "instanceId"}) - {"@type"}
"""Core terms that are members of attributes and cannot name one (clause 4.5.1)."""
_KIND_OF_MEMBER = {member: kind for kind, member in VALUE_MEMBER.items() if kind != "GeoProperty"}


def _has_members(value: dict[str, Any], inside: Context) -> bool:
    """Whether an object has a member of instances, so that it is an instance and no compound value."""
    return "@value" not in value and any(inside.lookup(key) in MEMBERS for key in value)


def read_attribute(
    path: str, value: Any, inside: Context, *, nulls: bool, bare: bool = False, depth: int = 1
) -> list[Instance]:
    """All instances of an attribute given in normalized or concise form; `inside` is the context of its parts.

    nulls allows the NGSI-LD null; bare lets an instance have other members than type and value alone, for a merge
    (clause 5.5.12). BadRequestData names the path.
    """
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        are = [_has_members(item, inside) for item in value]
        if all(are):
            return check_datasets(path, [_read(path, item, inside, nulls, bare, depth) for item in value])
        if any(are):
            raise wrong(path, "some elements of the array are attribute instances and some are not")
    return [_read(path, value, inside, nulls, bare, depth)]


def check_datasets(path: str, instances: list[Instance]) -> list[Instance]:
    """The instances themselves; BadRequestData where two have the same datasetId, or none (clause 4.5.5)."""
    seen = {instance.get("datasetId", "") for instance in instances}
    if len(seen) != len(instances):
        raise wrong(path, "two instances have the same datasetId, or none; each needs its own")
    return instances


def _read(path: str, value: Any, inside: Context, nulls: bool, bare: bool, depth: int) -> Instance:
    if value is None:
        raise wrong(
            path, "null is no value; leave the attribute out, or delete it with 'urn:ngsi-ld:null' in an update"
        )
    if not isinstance(value, dict):
        return plain_property(path, value, inside, nulls=nulls, deep=bare)
    if looks_like_geometry(value):
        return read_geometry(path, value)
    if not _has_members(value, inside):
        return plain_property(path, value, inside, nulls=nulls, deep=bare)
    return read_members(path, value, inside, nulls=nulls, bare=bare, depth=depth, partial=False)


def plain_property(path: str, value: Any, inside: Context, *, nulls: bool, deep: bool) -> Instance:
    """A Property with just this value; deep lets the NGSI-LD null stand inside of it, where it may stand at all."""
    if not deep:
        check_shallow(path, value)
    return {"type": "Property", "value": check_typed(path, check_value(path, value, nulls), inside)}


def read_geometry(path: str, value: Any) -> Instance:
    """A GeoProperty with just this value."""
    return {"type": "GeoProperty", "value": _check_geo(path, value, nulls=False)}


def read_members(
    path: str, value: dict[str, Any], inside: Context, *, nulls: bool, depth: int, partial: bool, bare: bool = False
) -> Instance:
    """An instance from an object with members; partial lets type and value be absent (clause 5.6.4).

    bare does so too, for its sub-attributes as well, but infers the type from a value (clause 5.5.12).
    """
    if depth > MAX_DEPTH:
        raise wrong(path, f"sub-attributes are nested more than {MAX_DEPTH} deep")
    found: dict[str, Any] = {}
    parts: dict[str, list[Instance]] = {}
    for key, item in value.items():
        iri = inside.expand(key)
        member = MEMBERS.get(iri)
        if member is not None:
            if member in found:
                raise wrong(path, f"the member {member} is given twice")
            found[member] = item
        elif iri.startswith(_PREVIOUS):
            raise wrong(path, f"{key} is in notifications only (clause 4.5.2.2)")
        elif key in SEALED:
            raise wrong(path, f"{key} is a member of {PROOF} only (clause 4.5.2.2)")
        elif iri not in IGNORED:
            read_part(path, key, iri, item, inside, parts, nulls=nulls, bare=bare, depth=depth)
    lacks_value = bare and not any(name in _KIND_OF_MEMBER for name in found)
    result = _checked(path, found, inside, nulls, partial or lacks_value)
    if not bare:
        _check_shallow(path, result)
    if parts:
        result["attrs"] = parts
    return result


def read_part(
    path: str,
    key: str,
    iri: str,
    item: Any,
    inside: Context,
    into: dict[str, list[Instance]],
    *,
    nulls: bool,
    bare: bool,
    depth: int,
) -> None:
    """Reads one (sub-)attribute into `into`, under its expanded name."""
    where = f"{path}.{key}" if path else key
    if iri.startswith("@"):
        raise wrong(where, "a JSON-LD keyword is no attribute")
    check_name(key, "the name of an attribute")
    if iri in into:
        raise wrong(where, f"the attribute {iri} is given twice, under two names")
    into[iri] = read_attribute(where, item, inside.into(key), nulls=nulls, bare=bare, depth=depth + 1)


def _checked(path: str, found: dict[str, Any], inside: Context, nulls: bool, partial: bool) -> Instance:
    kind = _kind(path, found, inside, partial)
    result: dict[str, Any] = {"type": kind} if kind else {}
    member = next((name for name in found if name in _KIND_OF_MEMBER), "")
    if member:
        check = _VALUE_CHECKS[kind or _kind_of(member, found[member])]
        result[member] = check(path, found[member], inside, nulls)
    for name, item in found.items():
        if name in _MEMBER_CHECKS:
            result[name] = _MEMBER_CHECKS[name](f"{path}.{name}", item, inside, nulls)
    _check_members(path, kind, found, result)
    if result.get("datasetId") == DEFAULT_DATASET:
        del result["datasetId"]
    return cast("Instance", result)


def _check_shallow(path: str, result: Instance) -> None:
    for name, value in result.items():
        if name in _KIND_OF_MEMBER:
            check_shallow(path, value)


def _check_members(path: str, kind: str, found: dict[str, Any], result: dict[str, Any]) -> None:
    """Which members an attribute of this kind never has (clauses 4.5.2 to 4.5.24)."""
    if "unitCode" in result and kind in UNITLESS:
        raise wrong(path, f"a {kind} has no unitCode")
    if kind == "LanguageProperty" and found.get("valueType") not in (None, NGSI_LD_NULL, "langString"):
        raise wrong(path, "the valueType of a LanguageProperty is langString")
    value = result.get("value", NGSI_LD_NULL)
    if path.rpartition(".")[2] == PROOF and not isinstance(value, dict) and value != NGSI_LD_NULL:
        raise wrong(path, "the value of a proof is an object")


def _kind_of(member: str, value: Any) -> str:
    return "GeoProperty" if member == "value" and looks_like_geometry(value) else _KIND_OF_MEMBER[member]


def _kind(path: str, found: dict[str, Any], inside: Context, partial: bool) -> str:
    """The attribute type: as given, or (concise) as the value member says; "" where a partial update names none."""
    members = [name for name in found if name in _KIND_OF_MEMBER]
    if len(members) > 1:
        raise wrong(path, f"has both {members[0]} and {members[1]}; an attribute has one value")
    if "type" in found:
        given = found["type"]
        kind = KINDS.get(inside.expand_type(given)) if isinstance(given, str) else None
        if kind is None:
            raise wrong(
                path, f"{str(given)[:64]!r} is no attribute type; an object as value goes into the member value"
            )
        if members and members[0] != VALUE_MEMBER[kind]:
            raise wrong(path, f"a {kind} has the member {VALUE_MEMBER[kind]}, not {members[0]}")
        if not members and not partial:
            raise wrong(path, f"a {kind} needs the member {VALUE_MEMBER[kind]}")
        return kind
    if members:
        return "" if partial else _kind_of(members[0], found[members[0]])
    if partial:
        return ""
    raise wrong(path, "has neither a type nor a value")


# --- values ----------------------------------------------------------------------------------------------


def _check_geo(path: str, value: Any, *, nulls: bool) -> Any:
    if value == NGSI_LD_NULL:
        return check_value(path, value, nulls)
    if isinstance(value, str):
        value = _geometry_in(path, value)
    if isinstance(value, dict) and value.get("type") == "GeometryCollection":
        raise wrong(path, "a GeometryCollection is no value of a GeoProperty (clause 4.6.3)")
    try:
        return check_geometry(value)
    except BadRequestData as problem:
        raise wrong(path, problem.detail) from problem


def _geometry_in(path: str, text: str) -> Any:
    """Clause 4.7.2: a geometry may come as JSON in a text; it is kept as the object that it is."""
    try:
        return jsontext.loads(text.encode("utf-8", "surrogatepass"))
    except InvalidRequest as problem:
        raise wrong(path, "a text as value of a GeoProperty is a GeoJSON geometry in JSON") from problem


def check_object(path: str, value: Any, *, nulls: bool) -> str | list[str]:
    """The target of a Relationship: a URI or several."""
    if isinstance(value, str):
        return _check_uri(path, value, nulls)
    if not isinstance(value, list) or not value:
        raise wrong(path, "the object of a relationship is a URI, or an array of URIs")
    return [_check_uri(path, item, nulls=False) for item in value]


def _check_uri(path: str, value: Any, nulls: bool) -> str:
    if not isinstance(value, str) or not is_uri(value):
        raise wrong(path, f"{str(value)[:64]!r} is no URI")
    check_value(path, value, nulls)
    return value


def _check_object_list(path: str, value: Any, inside: Context, nulls: bool) -> Any:
    if value == NGSI_LD_NULL:
        return check_value(path, value, nulls)
    if not isinstance(value, list):
        raise wrong(path, "objectList is an array of URIs")
    return [_check_uri(path, _object_of(item, inside), nulls=False) for item in value]


def _object_of(item: Any, inside: Context) -> Any:
    """Clause 4.5.22: elements are URIs, or objects with the member object."""
    if isinstance(item, dict) and len(item) == 1:
        key, value = next(iter(item.items()))
        return value if inside.lookup(key) == NGSI_LD + "hasObject" else item
    return item


def _check_value_list(path: str, value: Any, inside: Context, nulls: bool) -> Any:
    if value == NGSI_LD_NULL:
        return check_value(path, value, nulls)
    if not isinstance(value, list):
        raise wrong(path, "valueList is an array")
    return check_typed(path, value, inside)


def _check_language_map(path: str, value: Any, _inside: Context, nulls: bool) -> Any:
    if value == NGSI_LD_NULL:
        return check_value(path, value, nulls)
    if not isinstance(value, dict) or not value:
        raise wrong(path, 'a languageMap is an object like {"ja": "川", "en": "river"}')
    for tag, words in value.items():
        if not is_language(tag):
            raise wrong(path, f"{tag[:64]!r} is no language tag")
        for word in words if isinstance(words, list) and words else [words]:
            if not isinstance(word, str):
                raise wrong(f"{path}[{tag}]", "what stands under a language is a text or an array of texts")
            check_value(path, word, nulls)
    return value


def _check_vocab(path: str, value: Any, inside: Context, nulls: bool) -> Any:
    if isinstance(value, list) and value:
        return [_expand_vocab(path, check_value(path, item, nulls=False), inside) for item in value]
    return check_value(path, value, nulls) if value == NGSI_LD_NULL else _expand_vocab(path, value, inside)


def _expand_vocab(path: str, value: Any, inside: Context) -> str:
    if not isinstance(value, str) or not value:
        raise wrong(path, "a vocab is a term, or an array of terms")
    return inside.expand_type(value)


_Check = Callable[[str, Any, Context, bool], Any]
_VALUE_CHECKS: dict[str, _Check] = {
    "Property": lambda path, value, inside, nulls: check_typed(path, check_value(path, value, nulls), inside),
    "GeoProperty": lambda path, value, _inside, nulls: _check_geo(path, value, nulls=nulls),
    "Relationship": lambda path, value, _inside, nulls: check_object(path, value, nulls=nulls),
    "LanguageProperty": _check_language_map,
    "VocabProperty": _check_vocab,
    "JsonProperty": lambda path, value, _inside, nulls: _check_json(path, value, nulls),
    "ListProperty": _check_value_list,
    "ListRelationship": _check_object_list,
}


def _check_json(path: str, value: Any, nulls: bool) -> Any:
    if value == NGSI_LD_NULL:
        return check_value(path, value, nulls)
    if not isinstance(value, dict) and not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        raise wrong(path, "json is an object or an array of objects; other values go into a Property")
    return check_value(path, value, nulls)


# --- other members -----------------------------------------------------------------------------------------


def check_moment(path: str, value: Any, _inside: Context | None = None, nulls: bool = False) -> str:
    """A date-time as it is kept; BadRequestData where it is none (clause 4.6.3)."""
    if not isinstance(value, str):
        raise wrong(path, "a date-time is a text like 2024-06-23T10:00:00Z")
    if value == NGSI_LD_NULL and nulls:
        return value
    try:
        times.parse(value)
    except ValueError as problem:
        raise wrong(path, str(problem)) from problem
    if not value.endswith("Z"):
        raise wrong(path, f"{value[:64]!r} has an offset; write the moment in UTC, with Z at its end (clause 4.6.3)")
    return times.kept(value)


def _check_unit(path: str, value: Any, _inside: Context, nulls: bool) -> str:
    if not isinstance(value, str) or not value:
        raise wrong(path, "a unitCode is a text (UN/CEFACT Recommendation 20)")
    check_value(path, value, nulls)
    return value


def _check_types(path: str, value: Any, inside: Context, nulls: bool) -> list[str]:
    names = value if isinstance(value, list) else [value]
    if names == [NGSI_LD_NULL] and nulls:
        return names
    if not names:
        raise wrong(path, "an empty array says nothing; leave the member out")
    return [
        inside.expand_type(check_name(check_value(path, name, nulls=False), "the name of a type")) for name in names
    ]


def _check_value_type(path: str, value: Any, inside: Context, nulls: bool) -> str:
    if value == NGSI_LD_NULL and nulls:
        return NGSI_LD_NULL
    if not isinstance(value, str) or not value:
        raise wrong(path, "the type of a value is a name")
    return inside.expand_type(check_value(path, value, nulls=False))


def _check_dataset(path: str, value: Any, _inside: Context, _nulls: bool) -> str:
    return DEFAULT_DATASET if value == DEFAULT_DATASET else _check_uri(path, value, nulls=False)


_MEMBER_CHECKS: dict[str, _Check] = {
    "observedAt": check_moment,
    "expiresAt": check_moment,
    "unitCode": _check_unit,
    "datasetId": _check_dataset,
    "objectType": _check_types,
    "valueType": _check_value_type,
    "entityIdSealed": lambda path, value, _inside, nulls: _check_uri(path, value, nulls),
    "entityTypeSealed": _check_value_type,
}
