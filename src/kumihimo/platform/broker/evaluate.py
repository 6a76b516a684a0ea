"""The query model in memory, for subscriptions, rules and single entities; the same answers as in SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from kumihimo.platform.broker import geometry
from kumihimo.platform.broker.conditions import as_double
from kumihimo.platform.broker.models import (
    GeoQuery,
    QAnd,
    QLink,
    QNode,
    QOr,
    QPath,
    QRange,
    QTerm,
    QValue,
    Restriction,
    TypeAnd,
    TypeNode,
)
from kumihimo.platform.broker.paths import (
    EQUALITIES,
    TARGET_WAYS,
    TIME_MEMBERS,
    paths_of,
    stored_time_key,
    time_key,
)
from kumihimo.platform.broker.patterns import compiled
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import MEMBERS

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
Lookup = Callable[[str], EntityDoc | None]
"""Finds an entity by its id, as the caller may see it; None where there is none that may be seen."""


def _nobody(entity_id: str) -> EntityDoc | None:  # noqa: ARG001 - the shape of a Lookup
    """Where no linked entities are asked about."""
    return None


_time_key = lru_cache(maxsize=1024)(time_key)


def admits(restriction: Restriction, doc: EntityDoc) -> bool:
    """Whether the entity is one of the rows that may be seen."""
    if restriction.everything:
        return True
    return (
        (restriction.types is None or matches_types(doc["type"], restriction.types))
        and (restriction.ids is None or doc["id"] in restriction.ids)
        and (restriction.q is None or matches_q(doc, restriction.q))
    )


def matches_types(types: Sequence[str], node: TypeNode) -> bool:
    """Whether an entity of these types satisfies the type selection (clause 4.17)."""
    if isinstance(node, str):
        return node in types
    test = all if isinstance(node, TypeAnd) else any
    return test(matches_types(types, part) for part in node.parts)


def matches_geo(doc: EntityDoc, geo: GeoQuery) -> bool:
    """Whether a geometry of the entity stands in the relation (clause 4.10)."""
    return any(
        instance["type"] == "GeoProperty" and geometry.stands(instance.get("value"), geo)
        for instance in doc["attrs"].get(geo.property, ())
    )


def matches_q(doc: EntityDoc, q: QNode, lookup: Lookup = _nobody) -> bool:
    """Whether the entity satisfies the q expression (clause 4.9); `lookup` finds the entities that it links to."""
    if isinstance(q, QAnd):
        return all(matches_q(doc, part, lookup) for part in q.parts)
    if isinstance(q, QOr):
        return any(matches_q(doc, part, lookup) for part in q.parts)
    if isinstance(q, QLink):
        return any(_linked(lookup(one), q, lookup) for one in link_targets(doc, q.attribute))
    return _term(doc, q)


def link_targets(doc: EntityDoc, attribute: str) -> list[str]:
    """The ids that a relationship of the entity names, in all its instances."""
    found = [one for way in TARGET_WAYS for one in _walk(doc, ("attrs", attribute, "*", *way))]
    return [one for one in dict.fromkeys(found) if isinstance(one, str)]


def _linked(doc: EntityDoc | None, link: QLink, lookup: Lookup) -> bool:
    if doc is None or (link.types and not any(one in link.types for one in doc["type"])):
        return False
    return matches_q(doc, link.part, lookup)


def _term(doc: EntityDoc, term: QTerm) -> bool:
    if term.operator == "exists":
        return any(True for _ in values_at(doc, term.path, exists=True))
    if term.operator == "absent":
        return not any(True for _ in values_at(doc, term.path, exists=True))
    values = list(values_at(doc, term.path, targets=term.operator in EQUALITIES))
    if term.operator in {"~=", "!~="}:
        pattern = compiled(str(term.values[0]))
        found = any(isinstance(value, str) and pattern.search(value) is not None for value in values)
    else:
        moment = term.path.member in TIME_MEMBERS
        compare = _COMPARE[term.operator]
        found = any(_satisfies(value, wanted, compare, moment) for value in values for wanted in term.values)
    if term.operator in {"!=", "!~="}:
        return bool(values) and not found
    return found


def values_at(doc: EntityDoc, path: QPath, *, exists: bool = False, targets: bool = True) -> Iterator[Any]:
    """The values at the path; arrays give their elements."""
    for steps in paths_of(path, exists=exists, targets=targets):
        yield from _walk(doc, steps)


def _walk(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    for place, step in enumerate(steps):
        if step == "*":
            if isinstance(value, list):
                for element in value:
                    yield from _walk(element, steps[place + 1 :]) if steps[place + 1 :] else (element,)
            return
        if step == MEMBERS:
            for member in value.values() if isinstance(value, dict) else ():
                yield from _walk(member, steps[place + 1 :])
            return
        if not isinstance(value, dict) or step not in value:
            return
        value = value[step]
    if isinstance(value, list):
        yield from value
    else:
        yield value


def _satisfies(value: Any, wanted: QValue | QRange, compare: Callable[[Any, Any], bool], moment: bool) -> bool:
    if isinstance(wanted, QRange):
        return _compared(value, wanted.low, operator.ge, moment) and _compared(value, wanted.high, operator.le, moment)
    return _compared(value, wanted, compare, moment)


def _compared(value: Any, wanted: QValue, compare: Callable[[Any, Any], bool], moment: bool) -> bool:
    if isinstance(wanted, bool):
        return compare is operator.eq and isinstance(value, bool) and value is wanted
    if isinstance(wanted, str):
        if not isinstance(value, str):
            return False
        return compare(stored_time_key(value), _time_key(wanted)) if moment else compare(value, wanted)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return compare(as_double(value), as_double(wanted))
