"""Entities, fragments and attributes as clients write them, brought to the stored form (clause 4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import is_uri
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.geojson import looks_like_geometry
from kumihimo.platform.jsonld.instance import (
    NOT_ATTRIBUTES,
    VALUE_MEMBERS,
    check_moment,
    plain_property,
    read_attribute,
    read_geometry,
    read_members,
)
from kumihimo.platform.jsonld.models import NGSI_LD, NGSI_LD_NULL, VALUE_MEMBER, EntityDoc, Instance
from kumihimo.platform.jsonld.names import check_name, check_scopes
from kumihimo.platform.jsonld.pairs import instances_of
from kumihimo.platform.jsonld.values import check_value, wrong

_SCOPE = NGSI_LD + "scope"
_EXPIRES = NGSI_LD + "expiresAt"
_DATASET = NGSI_LD + "hasDataset"
# Members that stand alone in a simplified attribute (clause 4.5.4) and say what kind it is.
_SIMPLIFIED_MEMBERS = {
    iri: name
    for iri, name in VALUE_MEMBERS.items()
    if name in {"languageMap", "vocab", "json", "valueList", "objectList"}
}
_PLACES = frozenset(NGSI_LD + name for name in ("location", "observationSpace", "operationSpace"))
_SCOPE_MEMBERS = frozenset({"type", "value", "observedAt", "createdAt", "modifiedAt", "deletedAt", "instanceId"})
_IGNORED = frozenset({"@context", NGSI_LD + "createdAt", NGSI_LD + "modifiedAt", NGSI_LD + "deletedAt"})


def expand_entity(
    body: Mapping[str, Any], context: Context, *, simplified: bool = False, nulls: bool = False
) -> EntityDoc:
    """The entity of a create, upsert or batch: normalized and concise are told apart by themselves, simplified is said.

    nulls is for batch merge: the NGSI-LD null may stand, and instances may lack type and value. BadRequestData, naming
    the place, for any broken rule; attrs is there even where it is empty.
    """
    doc = _expand(body, context, simplified=simplified, nulls=nulls, bare=nulls)
    if "id" not in doc:
        raise BadRequestData("the entity has no id")
    if "type" not in doc:
        raise BadRequestData("the entity has no type; it is needed here even where the entity exists (clause 5.2.4)")
    return doc


def expand_fragment(
    body: Mapping[str, Any], context: Context, *, simplified: bool = False, nulls: bool = True, merge: bool = False
) -> EntityDoc:
    """The fragment of an append, update, replacement or merge: id and type may be absent.

    nulls lets the NGSI-LD null stand, for an update or a merge (clause 5.5.4). For a merge it may stand inside of
    values too, and instances may lack type and value (clause 5.5.12).
    """
    return _expand(body, context, simplified=simplified, nulls=nulls, bare=merge)


def expand_temporal(body: Mapping[str, Any], context: Context) -> EntityDoc:
    """The temporal evolution of an entity as clause 5.2.20 has it: of each attribute, many instances, or pairs.

    The NGSI-LD null may be the value of an instance, for what was deleted (clause 5.5.4), and nothing else. id and type
    may be absent.
    """
    return _expand(body, context, simplified=False, nulls=False, series=True)


def expand_attribute(name: str, value: Any, context: Context, *, simplified: bool = False) -> list[Instance]:
    """The instances of one whole attribute (normalized, concise or simplified), without the NGSI-LD null."""
    check_name(name, "the name of an attribute")
    inside = context.into(name)
    if simplified:
        return _simplified(name, value, inside, nulls=False)
    return read_attribute(name, value, inside, nulls=False)


def expand_partial(value: Mapping[str, Any], context: Context) -> Instance:
    """The fragment of a partial attribute update (clause 5.6.4): type and value may be absent, so may all else.

    Where no type is given none is in the instance: the one stored decides. `context` is the whole request's.
    """
    if not isinstance(value, Mapping):
        raise BadRequestData("a partial update of an attribute is an object")
    return read_members("attribute", dict(value), context, nulls=True, depth=1, partial=True)


def _expand(
    body: Mapping[str, Any],
    context: Context,
    *,
    simplified: bool,
    nulls: bool,
    series: bool = False,
    bare: bool = False,
) -> EntityDoc:
    if not isinstance(body, Mapping):
        raise BadRequestData("an entity is a JSON object")
    doc: EntityDoc = {}
    types = _types_given(body, context)
    inside = context.typed(types) if types else context
    attrs: dict[str, list[Instance]] = {}
    for key, value in body.items():
        iri = inside.expand(key)
        if iri in _IGNORED:
            continue
        if iri == "@type":
            doc["type"] = list(dict.fromkeys(context.expand_type(name) for name in types))
        elif series and iri == _SCOPE:
            attrs[_SCOPE] = _scope_series(value)
        elif not _read_member(doc, iri, value, nulls=nulls):
            if series:
                _read_series(attrs, key, iri, value, inside)
            else:
                _read_attribute(attrs, key, iri, value, inside, simplified=simplified, nulls=nulls, bare=bare)
    doc["attrs"] = attrs
    return doc


def _read_member(doc: EntityDoc, iri: str, value: Any, *, nulls: bool) -> bool:
    """Reads a member of the entity that is no attribute; whether it was one."""
    if iri == "@id":
        if "id" in doc:
            raise BadRequestData("the entity has two ids")
        if not is_uri(value) or value == NGSI_LD_NULL:
            raise BadRequestData(f"id: {str(value)[:64]!r} is no URI; write it like urn:ngsi-ld:Building:001")
        doc["id"] = value
    elif iri == _SCOPE:
        doc["scope"] = [NGSI_LD_NULL] if nulls and value == NGSI_LD_NULL else check_scopes(value)
    elif iri == _EXPIRES:
        doc["expiresAt"] = check_moment("expiresAt", value, nulls=nulls)
    else:
        return False
    return True


def _types_given(body: Mapping[str, Any], context: Context) -> list[str]:
    """The type names as written; an empty list where there is no type at all."""
    given = [value for key, value in body.items() if context.expand(key) == "@type"]
    if not given:
        return []
    if len(given) > 1:
        raise BadRequestData("the entity has two type members")
    names = given[0] if isinstance(given[0], list) else [given[0]]
    if not names:
        raise BadRequestData("type: an empty array names no type")
    for name in names:
        check_name(name, "the name of an entity type")
        if name == NGSI_LD_NULL:
            raise BadRequestData("type: a type cannot be taken away, so the NGSI-LD null has no place here")
        if context.expand_type(name).startswith("@"):
            raise BadRequestData(f"type: {name!r} is a JSON-LD keyword")
    return list(names)


def _read_attribute(
    attrs: dict[str, list[Instance]],
    key: str,
    iri: str,
    value: Any,
    inside: Context,
    *,
    simplified: bool,
    nulls: bool,
    bare: bool = False,
) -> None:
    if iri.startswith("@"):
        raise wrong(key, "a JSON-LD keyword is no attribute")
    check_name(key, "the name of an attribute")
    if iri in NOT_ATTRIBUTES:
        raise wrong(key, "this core term is a member of attributes and cannot name one")
    if iri in attrs:
        raise wrong(key, f"the attribute {iri} is given twice, under two names")
    part = inside.into(key)
    if simplified:
        attrs[iri] = _simplified(key, value, part, nulls=nulls)
    else:
        attrs[iri] = read_attribute(key, value, part, nulls=nulls, bare=bare)
    if iri in _PLACES and not all(_is_place(one) for one in attrs[iri]):
        raise wrong(key, "this core term names a GeoProperty (clause 4.7.1)")


def _read_series(attrs: dict[str, list[Instance]], key: str, iri: str, value: Any, inside: Context) -> None:
    """The instances of an attribute over time; each is read for itself, as two may have the same datasetId."""
    if value == NGSI_LD_NULL:
        raise wrong(key, "the NGSI-LD null is no attribute; as the value of an instance it says that it was deleted")
    if value == []:
        raise wrong(key, "an empty array holds no instance; leave the attribute out")
    many = value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else [value]
    found: list[Instance] = []
    for one in [each for given in many for each in instances_of(key, given)]:
        alone: dict[str, list[Instance]] = {}
        _read_attribute(alone, key, iri, one, inside, simplified=False, nulls=True)
        found += [_told(key, each) for each in alone[iri]]
    if iri in attrs:
        raise wrong(key, f"the attribute {iri} is given twice, under two names")
    attrs[iri] = found


def _told(path: str, instance: Instance) -> Instance:
    """The instance itself; BadRequestData where it holds the NGSI-LD null elsewhere than as its value."""
    member = VALUE_MEMBER[instance["type"]]
    told = instance.get(member) in (NGSI_LD_NULL, {"@none": NGSI_LD_NULL})
    check_value(path, {name: one for name, one in instance.items() if not told or name != member}, nulls=False)
    return instance


def _scope_series(given: Any) -> list[Instance]:
    """A scope over time is a Property with many instances, and no more than times beside the value (clause 4.5.6).

    A scope without a time is one that holds from when it is written.
    """
    many = given if isinstance(given, list) and any(isinstance(one, dict) for one in given) else [given]
    return [_scope_instance(one) for each in many for one in instances_of("scope", each)]


def _scope_instance(given: Any) -> Instance:
    members = given if isinstance(given, dict) else {"value": given}
    strange = sorted(set(members) - _SCOPE_MEMBERS)
    if strange or members.get("type", "Property") != "Property" or "value" not in members:
        raise BadRequestData("scope: over time it is a Property with value and observedAt (clause 4.5.6)")
    scopes = check_scopes(members["value"])
    instance: Instance = {"type": "Property", "value": scopes[0] if len(scopes) == 1 else scopes}
    if "observedAt" in members:
        instance["observedAt"] = check_moment("scope.observedAt", members["observedAt"])
    return instance


def _is_place(instance: Instance) -> bool:
    return instance.get("type", "GeoProperty") == "GeoProperty" or instance.get("value") == NGSI_LD_NULL


def _simplified(path: str, value: Any, inside: Context, *, nulls: bool) -> list[Instance]:
    """The instances of a simplified attribute; several stand in {"dataset": {datasetId or "@none": value}}."""
    if isinstance(value, dict) and len(value) == 1:
        key, datasets = next(iter(value.items()))
        if inside.lookup(key) == _DATASET and isinstance(datasets, dict) and datasets:
            return [_of_dataset(path, dataset, item, inside, nulls) for dataset, item in datasets.items()]
    return [_simplified_one(path, value, inside, nulls)]


def _of_dataset(path: str, dataset: str, value: Any, inside: Context, nulls: bool) -> Instance:
    instance = _simplified_one(f"{path}[{dataset}]", value, inside, nulls)
    if dataset != "@none":
        if not is_uri(dataset):
            raise wrong(path, f"the datasetId {dataset[:64]!r} is no URI")
        instance["datasetId"] = dataset
    return instance


def _simplified_one(path: str, value: Any, inside: Context, nulls: bool) -> Instance:
    # Where the null may stand in the simplified form, it is for a merge, and may stand inside of values.
    if not isinstance(value, dict):
        return plain_property(path, value, inside, nulls=nulls, deep=True)
    if looks_like_geometry(value):
        return read_geometry(path, value)
    if len(value) == 1 and inside.lookup(next(iter(value))) in _SIMPLIFIED_MEMBERS:
        return read_members(path, value, inside, nulls=nulls, bare=True, depth=1, partial=False)
    return plain_property(path, value, inside, nulls=nulls, deep=True)
