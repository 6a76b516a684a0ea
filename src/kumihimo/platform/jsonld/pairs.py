"""The simplified temporal representation as it is sent (clauses 5.2.20 and 4.5.9): pairs of value and time."""

from __future__ import annotations

from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.models import VALUE_MEMBER
from kumihimo.platform.jsonld.temporal import PLURAL

_PLURALS = frozenset(PLURAL.values())
_WRAPPED = frozenset({"LanguageProperty", "VocabProperty", "JsonProperty"})


def instances_of(path: str, given: Any) -> list[Any]:
    """The instances that an attribute's pairs stand for; what has no pairs is given back as it is."""
    if not isinstance(given, dict):
        return [given]
    named = _PLURALS & given.keys()
    if not named or any(member in given for member in VALUE_MEMBER.values()):
        return [given]
    kind = given.get("type", "Property")
    plural = PLURAL.get(kind, "") if isinstance(kind, str) else ""
    if not plural or given.keys() - {"type", "datasetId", plural}:
        raise BadRequestData(
            f"{path}: the simplified form over time is a type, its {' or '.join(sorted(_PLURALS))}, and datasetId"
        )
    pairs = given[plural]
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise BadRequestData(f"{path}.{plural}: an array of [value, time] is expected")
    shared = {name: given[name] for name in ("datasetId",) if name in given}
    return [{"type": kind, "observedAt": at, **_member(kind, value), **shared} for value, at in pairs]


def _member(kind: str, value: Any) -> dict[str, Any]:
    """The value under its member; some kinds bring it along (clause 4.5.9)."""
    member = VALUE_MEMBER[kind]
    if kind in _WRAPPED and isinstance(value, dict) and value.keys() == {member}:
        return value
    return {member: value}
