"""The slow, obvious model of orders (clause 4.23): compares two entities, key by key; shares nothing with the platform.

What collation means for the texts of the generator is written down by hand, as the root collation of ICU has them.
"""

from __future__ import annotations

from datetime import datetime
from functools import cmp_to_key
from typing import Any

from tests.model.generate import TYPES
from tests.model.slow_query import MEMBER_OF_TYPE, TIMES, Moment, moment_of

BEGIN = "https://uri.etsi.org/ngsi-ld/default-context/"
TEXTS_IN_ORDER = [
    "",
    "1",
    "2023-01-01T00:00:00Z",
    "2024-06-23T10:00:00.000Z",
    "2024-06-23T10:00:00.500000999Z",
    "2024-06-23T10:00:00.500Z",
    "2024-06-23T10:00:00.5Z",
    "2024-06-23T10:00:00Z",
    "2024-06-23T10:00:01Z",
    "2024-06-23T19:00:00+09:00",
    "a",
    "A",
    "b",
    "CEL",
    *["Date", "DateTime"],
    *["https://uri.etsi.org/ngsi-ld/Date", "https://uri.etsi.org/ngsi-ld/DateTime"],
    *[BEGIN + "Gauge", BEGIN + "River", BEGIN + "雨量計"],
    "line\nbreak",
    "MTR",
    *["ngsi-ld:Date", "ngsi-ld:DateTime"],
    'q"<>=;()|',
    "soon",
    "true",
    *[f"urn:ngsi-ld:E:{number}" for number in sorted(range(60), key=str)],
    "urn:ngsi-ld:X:1",
    "xsd:int",
    "z.*",
    "福井市",
    "足羽川",
]
assert set(TYPES) < set(TEXTS_IN_ORDER)
KINDS = ["number", "text", "object", "array", "flag", "time", "date", "datetime", "null", "nothing"]
LAST = ("null", "nothing")
"""Last also where the order is descending."""
Valued = tuple[str, Any]


def ordered(docs: list[Any], keys: list[Any]) -> list[str]:
    def compare(one: Any, other: Any) -> int:
        for names, member, inner, descending in keys:
            left, right = value_of(one, names, member, inner), value_of(other, names, member, inner)
            result = compare_values(left, right)
            if left[0] not in LAST and right[0] not in LAST and descending:
                result = -result
            if result:
                return result
        return 0

    return [doc["id"] for doc in sorted(docs, key=cmp_to_key(compare))]


def value_of(doc: Any, names: list[str], member: str, inner: list[str]) -> Valued:
    if not names:
        given = doc[member]
        return kind_of(given[0] if isinstance(given, list) and len(given) == 1 else given)
    holder = doc
    for name in names:
        instances = holder.get("attrs", {}).get(name)
        if not instances:
            return "nothing", None
        plain = [one for one in instances if "datasetId" not in one]
        holder = (plain or instances)[0]
    if member:
        if member not in holder:
            return "nothing", None
        return ("datetime", datetime.fromisoformat(holder[member])) if member in TIMES else kind_of(holder[member])
    if holder["type"] == "LanguageProperty":
        spoken = holder["languageMap"]
        value = spoken if inner else next(iter(spoken.values()))
    else:
        value = holder[MEMBER_OF_TYPE[holder["type"]]]
        moment = moment_of(holder.get("valueType"), value)
        if moment and not inner:
            return as_moment(moment)
    for key in inner:
        if not isinstance(value, dict) or key not in value:
            return "nothing", None
        value = value[key]
    return kind_of(value)


def kind_of(value: Any) -> Valued:
    if value is None:
        return "null", None
    if isinstance(value, bool):
        return "flag", value
    if isinstance(value, (int, float)):
        return "number", float(value)
    if isinstance(value, str):
        return "text", TEXTS_IN_ORDER.index(value)
    if isinstance(value, list):
        return "array", [kind_of(one) for one in value]
    moment = moment_of(value.get("@type"), value.get("@value"))
    if moment:
        return as_moment(moment)
    if value.get("@type") == "@json":
        return kind_of(value["@value"])
    return "object", [(name, kind_of(value[name])) for name in sorted(value)]


def as_moment(moment: Moment) -> Valued:
    return type(moment.moment).__name__, moment.moment


def compare_values(one: Valued, other: Valued) -> int:
    if one[0] != other[0]:
        return KINDS.index(one[0]) - KINDS.index(other[0])
    left, right = one[1], other[1]
    if one[0] == "array":
        for a, b in zip(left, right, strict=False):
            if result := compare_values(a, b):
                return result
        return len(left) - len(right)
    if one[0] == "object":
        for (name, a), (other_name, b) in zip(left, right, strict=False):
            if name != other_name:
                return -1 if name < other_name else 1
            if result := compare_values(a, b):
                return result
        return len(left) - len(right)
    return 0 if left is None else int(left > right) - int(left < right)
