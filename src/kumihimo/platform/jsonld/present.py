"""One attribute instance in each of its written forms (clauses 4.5.2 to 4.5.4, 4.5.18 to 4.5.24)."""

from __future__ import annotations

from typing import Any

from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.geojson import looks_like_geometry
from kumihimo.platform.jsonld.models import VALUE_MEMBER, Instance

_MEMBERS = ("unitCode", "observedAt", "datasetId", "instanceId", "lang", "entityIdSealed")
SYSTEM = ("createdAt", "modifiedAt", "deletedAt", "expiresAt")
"""Members of an entity or instance that the platform writes, or that say when it ends."""
# In the simplified form these keep their member, so that a reader can tell what they are.
_WRAPPED = frozenset({"LanguageProperty", "VocabProperty", "JsonProperty"})


def bare_value(instance: Instance, inside: Context) -> Any:
    """The value alone, terms of vocabularies compacted."""
    kind = instance["type"]
    member = VALUE_MEMBER[kind]
    given: dict[str, Any] = instance  # type: ignore[assignment]  # members by name
    value = given[member]
    if kind != "VocabProperty":
        return value
    return [inside.compact(item) for item in value] if isinstance(value, list) else inside.compact(value)


def simplified(instance: Instance, inside: Context) -> Any:
    """The simplified form (clause 4.5.4): the value, or {"languageMap": …}, {"vocab": …}, {"json": …}."""
    value = bare_value(instance, inside)
    return {VALUE_MEMBER[instance["type"]]: value} if instance["type"] in _WRAPPED else value


def _members(instance: Instance, inside: Context, result: dict[str, Any], *, sys_attrs: bool) -> dict[str, Any]:
    given: dict[str, Any] = instance  # type: ignore[assignment]  # members by name
    kind = instance["type"]
    value = bare_value(instance, inside)
    if kind == "ListRelationship" and isinstance(value, list):
        value = [{"object": target} for target in value]
    result[VALUE_MEMBER[kind]] = value
    for name in _MEMBERS:
        if name in given:
            result[name] = given[name]
    if "objectType" in given:
        types = [inside.compact(name) for name in given["objectType"]]
        result["objectType"] = types[0] if len(types) == 1 else types
    if "valueType" in given:
        result["valueType"] = inside.compact(given["valueType"])
    if "entityTypeSealed" in given:
        result["entityTypeSealed"] = inside.compact(given["entityTypeSealed"])
    if sys_attrs:
        for name in SYSTEM:
            if name in given:
                result[name] = given[name]
    return result


def normalized(instance: Instance, inside: Context, parts: dict[str, Any], *, sys_attrs: bool) -> dict[str, Any]:
    """The normalized form (clause 4.5.2.2): type, value, members, sub-attributes."""
    result = _members(instance, inside, {"type": instance["type"]}, sys_attrs=sys_attrs)
    result.update(parts)
    return result


def concise(instance: Instance, inside: Context, parts: dict[str, Any], *, sys_attrs: bool, alone: bool) -> Any:
    """The concise form (clause 4.5.2.3): no type where the member says it, a bare value where that is all."""
    result = _members(instance, inside, {}, sys_attrs=sys_attrs)
    result.update(parts)
    kind = instance["type"]
    if kind == "Property":
        value = result["value"]
        if looks_like_geometry(value):
            return {"type": kind, **result}
        return value if alone and len(result) == 1 and _may_stand_bare(value) else result
    if kind == "GeoProperty":
        if not looks_like_geometry(result["value"]):
            return {"type": kind, **result}
        return result["value"] if alone and len(result) == 1 else result
    return result


def _may_stand_bare(value: Any) -> bool:
    """Objects, and arrays of them, would be taken for instances when they are read again."""
    if isinstance(value, dict):
        return False
    return not (isinstance(value, list) and any(isinstance(item, dict) for item in value))
