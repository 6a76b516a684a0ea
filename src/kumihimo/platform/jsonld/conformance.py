"""Entities for readers of earlier versions of the specification (clause 4.3.6.8, tables 4.3.6.8-1 to 4.3.6.8-3)."""

from __future__ import annotations

import re
from typing import Any, cast

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.models import VALUE_MEMBER, EntityDoc, Instance

Version = tuple[int, int]
OURS: Version = (1, 9)
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\Z", re.ASCII)

_MEMBERS: dict[str, Version] = {
    "datasetId": (1, 3),
    "observedAt": (1, 3),
    "unitCode": (1, 3),
    "objectType": (1, 8),
    "expiresAt": (1, 9),
    "valueType": (1, 9),
}
"""Since when an attribute instance has a member; before, it is left out."""
_KINDS: dict[str, tuple[Version, str]] = {
    "LanguageProperty": ((1, 4), "Property"),
    "JsonProperty": ((1, 8), "Property"),
    "ListProperty": ((1, 8), "Property"),
    "VocabProperty": ((1, 8), "Property"),
    "ListRelationship": ((1, 8), "Relationship"),
}
"""Since when there is a kind of attribute, and as what it is written before."""


def read_version(text: str) -> Version:
    """A version of the specification, "major.minor"; BadRequestData for what is none."""
    found = _VERSION.match(text)
    if found is None:
        raise BadRequestData(f"{text[:32]!r} is no version of the specification; use major.minor, like 1.9")
    return int(found[1]), int(found[2])


def amended(doc: EntityDoc, version: Version, context: Context, *, spoken: bool = False) -> EntityDoc:
    """The entity with what this version knows; the very same where that is all. Attributes may hold many instances.

    spoken tells that a LanguageProperty is written in one language, and so as a Property anyhow.
    """
    if version >= OURS:
        return doc
    older: dict[str, Any] = dict(doc)
    older.pop("expiresAt", None)
    if version < (1, 4):
        older.pop("scope", None)
    if version < (1, 3):
        older["type"] = doc["type"][:1]
    inside = context.typed([context.compact(name) for name in doc["type"]])
    older["attrs"] = _attributes(doc["attrs"], version, inside, spoken=spoken)
    return doc if older == doc else cast("EntityDoc", older)


def _attributes(
    attrs: dict[str, list[Instance]], version: Version, inside: Context, *, spoken: bool
) -> dict[str, list[Instance]]:
    older = {}
    for name, instances in attrs.items():
        within = inside.into(inside.compact(name))
        chosen = _of_one_dataset(instances, version)
        older[name] = [_instance(one, version, within, spoken=spoken) for one in chosen]
    return older


def _of_one_dataset(instances: list[Instance], version: Version) -> list[Instance]:
    """Before 1.3 an attribute has one instance: the default one goes before others (note 2 of table 4.3.6.8-1)."""
    if version >= (1, 3) or not instances:
        return instances
    datasets = [one.get("datasetId", "") for one in instances]
    chosen = "" if "" in datasets else datasets[0]
    return [one for one, dataset in zip(instances, datasets, strict=True) if dataset == chosen]


def _instance(instance: Instance, version: Version, inside: Context, *, spoken: bool) -> Instance:
    older: dict[str, Any] = {name: value for name, value in instance.items() if version >= _MEMBERS.get(name, (1, 0))}
    kind = instance["type"]
    since, before = _KINDS.get(kind, ((1, 0), kind))
    if version < since and not (spoken and kind == "LanguageProperty"):
        value = older.pop(VALUE_MEMBER[kind])
        older["type"] = before
        older[VALUE_MEMBER[before]] = _words(value, inside) if kind == "VocabProperty" else value
    if "attrs" in older:
        older["attrs"] = _attributes(instance["attrs"], version, inside, spoken=spoken)
    return cast("Instance", older)


def _words(vocab: Any, inside: Context) -> Any:
    """Terms of a vocabulary as values: short, because nothing shortens a value any more."""
    return [inside.compact(one) for one in vocab] if isinstance(vocab, list) else inside.compact(vocab)
