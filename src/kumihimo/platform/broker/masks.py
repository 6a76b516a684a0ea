"""Rights in memory: which rows an entity is among, and what of it may be seen; the same answers as in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from kumihimo.platform.access.grants import Restriction, Visible
from kumihimo.platform.access.models import Names, RowAnd, RowIds, RowNode, RowNot, RowOr, RowScope, RowTypes
from kumihimo.platform.broker.evaluate import Asked
from kumihimo.platform.broker.scopes import matches_scope, scope_node
from kumihimo.platform.jsonld.models import EntityDoc


class Standing:
    """One entity, asked for the rows that it is among: each question is answered once."""

    __slots__ = ("_asked", "_known", "doc")

    def __init__(self, doc: EntityDoc) -> None:
        self.doc = doc
        self._asked: Asked | None = None
        self._known: dict[int, bool] = {}

    def holds(self, rows: RowNode) -> bool:
        """Whether the entity is among the rows, which live as long as this does."""
        found = self._known.get(id(rows))
        if found is None:
            found = self._known[id(rows)] = self._holds(rows)
        return found

    def _holds(self, rows: RowNode) -> bool:
        if isinstance(rows, RowTypes):
            return not rows.types.isdisjoint(self.doc["type"])
        if isinstance(rows, RowIds):
            return self.doc["id"] in rows.ids
        if isinstance(rows, RowScope):
            return matches_scope(self.doc.get("scope", []), scope_node(rows.scope_q))
        if isinstance(rows, RowAnd):
            return all(map(self.holds, rows.parts))
        if isinstance(rows, RowOr):
            return any(map(self.holds, rows.parts))
        if isinstance(rows, RowNot):
            return not self.holds(rows.part)
        if self._asked is None:
            self._asked = Asked(self.doc)
        return self._asked.satisfies(rows.q)


def admits(restriction: Restriction, doc: EntityDoc) -> bool:
    """Whether the entity is one of the rows that may be seen."""
    if restriction.everything:
        return True
    if restriction.by_types is not None:
        return restriction.by_types.get(doc["type"], lambda: Standing(doc).holds(restriction.rows))
    return Standing(doc).holds(restriction.rows)


def names_of(visible: Visible, doc: EntityDoc) -> Names:
    """The attributes of this entity that may be seen, be they there or not."""
    if visible.flat is not None:
        return visible.flat
    if visible.by_types is not None:
        return visible.by_types.get(doc["type"], lambda: visible.names(Standing(doc).holds))
    return visible.names(Standing(doc).holds)


def masked(doc: EntityDoc, visible: Visible) -> EntityDoc:
    """The entity without the attributes that may not be seen."""
    if visible.is_all:
        return doc
    if visible.flat is not None or visible.by_types is not None:
        return left_of(doc, names_of(visible, doc))
    return left_of(doc, visible.names(Standing(doc).holds, doc["attrs"]))


def left_of(doc: EntityDoc, names: Names) -> EntityDoc:
    """The entity with these of its attributes."""
    return cast("EntityDoc", {**doc, "attrs": {name: many for name, many in doc["attrs"].items() if name in names}})


# --- entities of which types and id are all that is left ---------------------------------------------------


def decided(rows: RowNode, head: Mapping[str, Any]) -> bool | None:
    """As Standing.holds, of an entity that was deleted; None where its types and its id do not tell."""
    if isinstance(rows, RowTypes):
        return not rows.types.isdisjoint(head["type"])
    if isinstance(rows, RowIds):
        return head["id"] in rows.ids
    if isinstance(rows, RowNot):
        inner = decided(rows.part, head)
        return None if inner is None else not inner
    if isinstance(rows, RowAnd | RowOr):
        settling = isinstance(rows, RowOr)
        parts = [decided(part, head) for part in rows.parts]
        if settling in parts:
            return settling
        return None if None in parts else not settling
    return None


def admits_head(restriction: Restriction, head: Mapping[str, Any]) -> bool:
    """Whether an entity that was deleted is for certain one of the rows that may be seen."""
    return restriction.everything or decided(restriction.rows, head) is True
