"""The query model in memory, for subscriptions, rules and single entities; the same answers as in SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

from kumihimo.platform.broker import geometry, moments
from kumihimo.platform.broker.models import (
    GeoQuery,
    QAnd,
    QLink,
    QNode,
    QOr,
    QPath,
    QTerm,
    TypeAnd,
    TypeNode,
)
from kumihimo.platform.broker.paths import EQUALITIES, TARGET_WAYS, TIME_MEMBERS, paths_of, type_beside
from kumihimo.platform.broker.values import Groups, Values
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import EACH, MEMBERS

Lookup = Callable[[str], EntityDoc | None]
"""Finds an entity by its id, as the caller may see it; None where there is none that may be seen."""


def _nobody(entity_id: str) -> EntityDoc | None:  # noqa: ARG001 - the shape of a Lookup
    """Where no linked entities are asked about."""
    return None


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
    return Asked(doc, lookup).satisfies(q)


class Asked:
    """An entity of which many expressions, or one of many terms, may ask: what stands at a path is read once."""

    __slots__ = ("_known", "_linked", "_lookup", "doc")

    def __init__(self, doc: EntityDoc, lookup: Lookup = _nobody) -> None:
        self.doc = doc
        self._lookup = lookup
        self._known: dict[tuple[QPath, bool], Values] = {}
        self._linked: dict[str, Asked | None] = {}

    def satisfies(self, q: QNode) -> bool:
        """Whether the entity satisfies the q expression."""
        if isinstance(q, QAnd):
            return all(self.satisfies(part) for part in q.parts)
        if isinstance(q, QOr):
            return any(self.satisfies(part) for part in q.parts)
        if isinstance(q, QLink):
            return any(self._behind(one, q) for one in link_targets(self.doc, q.attribute))
        return self._term(q)

    def _behind(self, target: str, link: QLink) -> bool:
        """Whether the entity that is linked to satisfies what is asked of it."""
        if target not in self._linked:
            doc = self._lookup(target)
            self._linked[target] = None if doc is None else Asked(doc, self._lookup)
        linked = self._linked[target]
        if linked is None or (link.types and not any(one in link.types for one in linked.doc["type"])):
            return False
        return linked.satisfies(link.part)

    def _term(self, term: QTerm) -> bool:
        if term.operator in {"exists", "absent"}:
            return any(groups_at(self.doc, term.path, exists=True).values()) is (term.operator == "exists")
        values = self._at(term.path, targets=term.operator in EQUALITIES)
        if term.operator in {"~=", "!~="}:
            found = values.matches(str(term.values[0]))
        else:
            asked = "==" if term.operator == "!=" else term.operator
            found = any(values.satisfy(asked, wanted) for wanted in term.values)
        if term.operator in {"!=", "!~="}:
            return bool(values) and not found
        return found

    def _at(self, path: QPath, *, targets: bool) -> Values:
        """The values at the path."""
        found = self._known.get((path, targets))
        if found is None:
            found = self._known[path, targets] = Values(groups_at(self.doc, path, targets=targets))
        return found


def link_targets(doc: EntityDoc, attribute: str) -> list[str]:
    """The ids that a relationship of the entity names, in all its instances."""
    found: list[Any] = []
    for way in TARGET_WAYS:
        _walk(doc, ("attrs", attribute, "*", *way), found)
    return list(dict.fromkeys(one for one in found if isinstance(one, str)))


def groups_at(doc: EntityDoc, path: QPath, *, exists: bool = False, targets: bool = True) -> Groups:
    """The values at the path by what kind of moment they are; arrays give their elements, value objects what they hold.

    Most are of no kind; those of a member that holds date-times only are "member".
    """
    found: Groups = {}
    for steps in paths_of(path, exists=exists, targets=targets):
        beside = type_beside(steps)
        if not beside:
            kind: Literal["member"] | None = "member" if path.member in TIME_MEMBERS else None
            _walk(doc, steps, found.setdefault(kind, []))
            continue
        holders: list[Any] = []
        _walk(doc, steps[:-1], holders)
        for holder in holders:
            if isinstance(holder, dict):
                _add_typed(holder, steps[-1], holder.get(beside), found)
    return found


def _add_typed(holder: dict[str, Any], step: str, name: Any, found: Groups) -> None:
    """Adds what stands in an object beside the name of its type."""
    if not moments.is_named(name):
        _walk(holder, (step,), found.setdefault(None, []))
        return
    inside: list[Any] = []
    _walk(holder, (step,), inside)
    for one in inside:
        found.setdefault(moments.stored_kind(name, one), []).append(one)


def _walk(value: Any, steps: Sequence[str], found: list[Any]) -> None:
    """Adds what stands where the steps lead."""
    for place, step in enumerate(steps):
        if step in ("*", EACH, MEMBERS):
            rest = steps[place + 1 :]
            # The texts of a language may be an array, of which each element counts.
            if rest or step == MEMBERS:
                for one in _inside(value, step):
                    _walk(one, rest, found)
            else:
                found.extend(_inside(value, step))
            return
        if not isinstance(value, dict) or step not in value:
            return
        value = value[step]
    found.extend(value if isinstance(value, list) else (value,))


def _inside(value: Any, step: str) -> Collection[Any]:
    """Where a step leads that is no name."""
    if step == MEMBERS:
        return value.values() if isinstance(value, dict) else ()
    alone = (value,) if step == EACH else ()
    return value if isinstance(value, list) else alone
