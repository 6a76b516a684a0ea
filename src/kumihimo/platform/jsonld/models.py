"""The stored form of an entity (decision 9): expanded names, values as they were given.

Everything above speaks this form; JSON-LD stays at the edge. Shapes follow ETSI GS CIM 009 clauses 4.5 and 5.2.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

NGSI_LD = "https://uri.etsi.org/ngsi-ld/"
DEFAULT_VOCAB = NGSI_LD + "default-context/"
"""Clause 4.4: where a term goes that no @context knows."""

CORE_CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"

InstanceType = Literal[
    "Property",
    "Relationship",
    "GeoProperty",
    "LanguageProperty",
    "VocabProperty",
    "JsonProperty",
    "ListProperty",
    "ListRelationship",
]

NGSI_LD_NULL = "urn:ngsi-ld:null"
"""Clause 4.5.0: the value that asks for deletion in a merge or partial update."""


class Instance(TypedDict, total=False):
    """One instance of an attribute. Exactly one value member, as its type says.

    `type` is always there. `attrs` holds sub-attributes by expanded name, each a list of instances.
    `createdAt` and `modifiedAt` are set by the broker, as texts of `base.times`.
    """

    type: InstanceType
    value: Any  # Property, GeoProperty
    object: str | list[str]  # Relationship
    languageMap: dict[str, Any]
    vocab: Any  # expanded
    json: Any
    valueList: list[Any]
    objectList: list[Any]
    objectType: list[str]
    valueType: str  # expanded; Property
    instanceId: str  # set by history
    observedAt: str
    unitCode: str
    datasetId: str
    expiresAt: str
    createdAt: str
    modifiedAt: str
    deletedAt: str  # set by history, in what it records of a deletion
    entityIdSealed: str  # of the proof ngsildproof
    entityTypeSealed: str  # expanded; of the proof
    attrs: dict[str, list[Instance]]


class EntityDoc(TypedDict, total=False):
    """An entity. `id` and `type` are always there; `attrs` maps expanded names to their instances.

    location, observationSpace and operationSpace are ordinary attributes here, under their expanded names
    (NGSI_LD + "location" …).
    """

    id: str
    type: list[str]
    scope: list[str]
    createdAt: str
    modifiedAt: str
    deletedAt: str  # in history
    expiresAt: str
    attrs: dict[str, list[Instance]]


UNITLESS = frozenset({"Relationship", "ListRelationship", "LanguageProperty", "VocabProperty", "JsonProperty"})
"""Types of attributes that have no unitCode (clauses 4.5.2 to 4.5.24)."""

VALUE_MEMBER: dict[str, str] = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
"""Which member of an instance holds its value."""
