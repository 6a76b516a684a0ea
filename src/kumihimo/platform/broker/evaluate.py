"""The query model in memory, for subscriptions, rules and single entities; the same answers as in SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from kumihimo.platform.broker import geometry, moments
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
    type_beside,
)
from kumihimo.platform.broker.patterns import compiled
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import EACH, MEMBERS

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


_loose_key = lru_cache(maxsize=1024)(moments.loose_key)


@lru_cache(maxsize=1024)
def _wanted(text: str) -> tuple[moments.Kind | None, str]:
    """What a text of a query is written as, and its key."""
    kind = moments.wanted_kind(text)
    return kind, moments.wanted_key(kind, text) if kind else text


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
        return any(True for _ in leaves_at(doc, term.path, exists=True))
    if term.operator == "absent":
        return not any(True for _ in leaves_at(doc, term.path, exists=True))
    leaves = list(leaves_at(doc, term.path, targets=term.operator in EQUALITIES))
    if term.operator in {"~=", "!~="}:
        pattern = compiled(str(term.values[0]))
        found = any(isinstance(leaf.value, str) and pattern.search(leaf.value) is not None for leaf in leaves)
    else:
        compare = _COMPARE[term.operator]
        found = any(_satisfies(leaf, wanted, compare) for leaf in leaves for wanted in term.values)
    if term.operator in {"!=", "!~="}:
        return bool(leaves) and not found
    return found


class Leaf(NamedTuple):
    """A value, and what kind of moment it is: of its own type, or of a member that holds date-times only ("member")."""

    value: Any
    kind: moments.Kind | Literal["member"] | None = None


def leaves_at(doc: EntityDoc, path: QPath, *, exists: bool = False, targets: bool = True) -> Iterator[Leaf]:
    """The values at the path; arrays give their elements, JSON-LD value objects what they hold."""
    for steps in paths_of(path, exists=exists, targets=targets):
        beside = type_beside(steps)
        if not beside:
            kind: Literal["member"] | None = "member" if path.member in TIME_MEMBERS else None
            yield from (Leaf(value, kind) for value in _walk(doc, steps))
            continue
        for holder in _walk(doc, steps[:-1]):
            if isinstance(holder, dict):
                name = holder.get(beside)
                yield from (Leaf(one, moments.stored_kind(name, one)) for one in _walk(holder, steps[-1:]))


def _walk(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    for place, step in enumerate(steps):
        if step in ("*", EACH):
            alone = [value] if step == EACH else []
            for element in value if isinstance(value, list) else alone:
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


def _satisfies(leaf: Leaf, wanted: QValue | QRange, compare: Callable[[Any, Any], bool]) -> bool:
    if isinstance(wanted, QRange):
        return _compared(leaf, wanted.low, operator.ge) and _compared(leaf, wanted.high, operator.le)
    return _compared(leaf, wanted, compare)


def _compared(leaf: Leaf, wanted: QValue, compare: Callable[[Any, Any], bool]) -> bool:
    value = leaf.value
    if isinstance(wanted, bool):
        return compare is operator.eq and isinstance(value, bool) and value is wanted
    if isinstance(wanted, str):
        return isinstance(value, str) and _texts_compared(value, leaf.kind, wanted, compare)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return compare(as_double(value), as_double(wanted))


def _texts_compared(
    value: str, kind: moments.Kind | Literal["member"] | None, wanted: str, compare: Callable[[Any, Any], bool]
) -> bool:
    if kind is None:
        return compare(value, wanted)
    if kind == "member":
        return compare(moments.key("DateTime", value), _loose_key(wanted))
    asked, key = _wanted(wanted)
    return asked == kind and compare(moments.key(kind, value), key)
