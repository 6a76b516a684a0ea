"""Rights in a few words, for tests: rows by types, ids, scope and q, and attributes of all of them."""

from __future__ import annotations

from collections.abc import Iterable

from kumihimo.platform.access.grants import Restriction, Visible, same_everywhere
from kumihimo.platform.access.models import (
    Names,
    QNode,
    RowAnd,
    RowIds,
    RowNode,
    RowOr,
    RowQ,
    RowTypes,
    TypeAnd,
    TypeNode,
)


def rows(types: TypeNode | None = None, ids: Iterable[str] | None = None, q: QNode | None = None) -> Restriction:
    """The rows that satisfy all that is given."""
    parts: list[RowNode] = []
    if types is not None:
        parts.append(_of_types(types))
    if ids is not None:
        parts.append(RowIds(frozenset(ids)))
    if q is not None:
        parts.append(RowQ(q))
    return Restriction(RowAnd(tuple(parts)))


def _of_types(node: TypeNode) -> RowNode:
    if isinstance(node, str):
        return RowTypes(frozenset((node,)))
    parts = tuple(map(_of_types, node.parts))
    return RowAnd(parts) if isinstance(node, TypeAnd) else RowOr(parts)


def only(*names: str) -> Visible:
    """These attributes of every row."""
    return same_everywhere(Names(frozenset(names)))


def all_but(*names: str) -> Visible:
    """All attributes of every row but these."""
    return same_everywhere(Names(frozenset(names), others=True))
