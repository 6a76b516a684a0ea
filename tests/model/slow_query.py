"""The slow, obvious model of queries: reads the rules of clause 4.9 one by one, shares nothing with the platform.

A query is a tuple: ("and", parts), ("or", parts), or ("term", attributes, member, keys, operator, values), where a
range among the values is ("range", low, high); or ("link", relationship, types, query of the linked entity).
The key "*" alone asks for the texts in any language.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any, NamedTuple

MEMBER_OF_TYPE = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
WITH_KEYS = {"Property": "value", "GeoProperty": "value", "JsonProperty": "json", "LanguageProperty": "languageMap"}
TIMES = {"observedAt", "createdAt", "modifiedAt"}


class Moment(NamedTuple):
    """A date-time, date or time, and as what it was written."""

    moment: Any
    written: str


def answers(doc: Any, q: Any, town: Any = ()) -> bool:
    """Whether the entity answers the query; town is all entities that may be seen."""
    if q[0] == "and":
        return all(answers(doc, part, town) for part in q[1])
    if q[0] == "or":
        return any(answers(doc, part, town) for part in q[1])
    if q[0] == "link":
        _, relationship, types, part = q
        ids = [leaf for one in instances_at(doc, [relationship]) for leaf in targets_of(one)]
        linked = [one for one in town if one["id"] in ids]
        return any((not types or set(types) & set(one["type"])) and answers(one, part, town) for one in linked)
    _, attributes, member, keys, operator, values = q
    if operator == "absent":
        return not answers(doc, ("term", attributes, member, keys, "exists", []))
    instances = instances_at(doc, attributes)
    if operator == "exists" and not member and not keys:
        return len(instances) > 0
    if operator not in ("exists", "==", "!=") and not member and not keys:
        # A relationship matches no order and no pattern.
        instances = [one for one in instances if one["type"] not in ("Relationship", "ListRelationship")]
    leaves = [leaf for one in instances for leaf in leaves_of(one, member, keys)]
    if operator == "exists":
        return len(leaves) > 0
    if operator in ("!=", "!~="):
        positive = "==" if operator == "!=" else "~="
        return len(leaves) > 0 and not any(one_answers(leaf, positive, values, member) for leaf in leaves)
    return any(one_answers(leaf, operator, values, member) for leaf in leaves)


def instances_at(doc: Any, attributes: Any) -> list[Any]:
    holders = [doc]
    for name in attributes:
        holders = [one for holder in holders for one in holder.get("attrs", {}).get(name, [])]
    return holders


def targets_of(instance: Any) -> list[str]:
    if instance["type"] not in ("Relationship", "ListRelationship"):
        return []
    found = instance[MEMBER_OF_TYPE[instance["type"]]]
    return list(found) if isinstance(found, list) else [found]


def leaves_of(instance: Any, member: str, keys: Any) -> list[Any]:
    if instance["type"] == "LanguageProperty" and not member and keys in ([], ["*"]):
        found = list(instance["languageMap"].values())
        keys = []
    elif member:
        found = [instance[member]] if member in instance else []
    elif keys == ["*"]:
        found = []
    elif keys:
        name = WITH_KEYS.get(instance["type"], "none")
        found = [instance[name]] if name in instance else []
    else:
        name = MEMBER_OF_TYPE.get(instance["type"], "none")
        found = [instance[name]] if name in instance else []
    for key in keys:
        found = [one[key] for one in elements(found) if isinstance(one, dict) and key in one]
    leaves = elements(found)
    if instance["type"] not in ("Property", "GeoProperty", "ListProperty") or member:
        return leaves
    inside = [inner for one in leaves if isinstance(one, dict) and "@value" in one for inner in value_object(one)]
    if not keys and "value" in instance:
        leaves = [moment_of(instance.get("valueType"), one) or one for one in leaves]
    return leaves + inside


def elements(found: list[Any]) -> list[Any]:
    return [leaf for one in found for leaf in (one if isinstance(one, list) else [one])]


def value_object(given: Any) -> list[Any]:
    """What a JSON-LD value object holds."""
    return [moment_of(given.get("@type"), one) or one for one in elements([given["@value"]])]


def moment_of(name: Any, text: Any) -> Any:
    """A DateTime, Date or Time (clause 4.6.3) as Python knows it; None for what is not written as its type says."""
    kind = str(name).replace("https://uri.etsi.org/ngsi-ld/", "").replace("ngsi-ld:", "")
    if kind not in ("DateTime", "Date", "Time") or not isinstance(text, str):
        return None
    found = parsed(text)
    utc = text.endswith("Z") or kind != "DateTime"
    return Moment(found, text) if utc and type(found).__name__.lower() == kind.lower() else None


def parsed(text: str) -> Any:
    if len(text) > 18 and text[10] == "T":
        kind: Any = datetime
    elif text[4:5] == "-":
        kind = date
    elif text[2:3] == ":":
        kind = time
        text = text.removesuffix("Z")
    else:
        return None
    try:
        return kind.fromisoformat(text)
    except ValueError:
        return None


def text_of(leaf: Any) -> Any:
    return leaf.written if isinstance(leaf, Moment) else leaf


def one_answers(leaf: Any, operator: str, values: Any, member: str) -> bool:
    if operator == "~=":
        return isinstance(text_of(leaf), str) and re.search(values[0], text_of(leaf)) is not None
    for value in values:
        if isinstance(value, tuple):
            if compare(leaf, ">=", value[1], member) and compare(leaf, "<=", value[2], member):
                return True
        elif compare(leaf, operator, value, member):
            return True
    return False


def compare(leaf: Any, operator: str, value: Any, member: str) -> bool:
    if isinstance(value, bool) or isinstance(leaf, bool):
        return isinstance(value, bool) and isinstance(leaf, bool) and operator == "==" and leaf == value
    left: Any = leaf
    right: Any = value
    if isinstance(leaf, Moment):
        # Data types that differ do not match.
        right = parsed(value) if isinstance(value, str) else None
        left = leaf.moment
        if type(left) is not type(right):
            return False
    elif isinstance(value, (int, float)) != isinstance(leaf, (int, float)) or not isinstance(leaf, (int, float, str)):
        return False
    elif member in TIMES:
        left, right = datetime.fromisoformat(left), datetime.fromisoformat(right)
    elif isinstance(leaf, (int, float)):
        left, right = float(leaf), float(value)
    results: dict[str, bool] = {
        "==": left == right,
        ">": left > right,
        ">=": left >= right,
        "<": left < right,
        "<=": left <= right,
    }
    return results[operator]


def has_types(types: Any, node: Any) -> bool:
    if isinstance(node, str):
        return node in types
    results = [has_types(types, part) for part in node[1]]
    return all(results) if node[0] == "and" else any(results)
