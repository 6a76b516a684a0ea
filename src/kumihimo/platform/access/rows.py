"""Rows put together and said shortly: what is certain is taken out, and types and ids are asked for at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kumihimo.platform.access.models import EVERY_ROW, NO_ROW, RowAnd, RowIds, RowNode, RowNot, RowOr, RowTypes


def folded(node: RowNode) -> RowNode:
    """The same rows, said shortly: EVERY_ROW or NO_ROW where it comes to that by the form of the expression alone."""
    if isinstance(node, RowAnd):
        return all_of(map(folded, node.parts))
    if isinstance(node, RowOr):
        return any_of(map(folded, node.parts))
    if isinstance(node, RowNot):
        return all_but(folded(node.part))
    if (isinstance(node, RowTypes) and not node.types) or (isinstance(node, RowIds) and not node.ids):
        return NO_ROW
    return node


def all_of(parts: Iterable[RowNode]) -> RowNode:
    """Rows that are in all of these, which are folded."""
    kept = _flat(parts, RowAnd)
    if NO_ROW in kept or any(all_but(one) in kept for one in kept):
        return NO_ROW
    left = tuple(one for one in kept if not (isinstance(one, RowOr) and any(part in kept for part in one.parts)))
    return left[0] if len(left) == 1 else RowAnd(left)


def any_of(parts: Iterable[RowNode]) -> RowNode:
    """Rows that are in any of these, which are folded."""
    kept = _together(_flat(parts, RowOr))
    if EVERY_ROW in kept or any(all_but(one) in kept for one in kept):
        return EVERY_ROW
    left = tuple(
        one for one in kept if not (isinstance(one, RowAnd) and any(_within(part, kept) for part in one.parts))
    )
    return left[0] if len(left) == 1 else RowOr(left)


def _within(node: RowNode, kept: Collection[RowNode]) -> bool:
    """Whether rows are surely among others: some are the same, or have more types or ids."""
    if isinstance(node, RowTypes):
        return any(isinstance(one, RowTypes) and node.types <= one.types for one in kept)
    if isinstance(node, RowIds):
        return any(isinstance(one, RowIds) and node.ids <= one.ids for one in kept)
    return node in kept


def _flat(parts: Iterable[RowNode], kind: type[RowAnd | RowOr]) -> dict[RowNode, None]:
    return {one: None for part in parts for one in (part.parts if isinstance(part, kind) else (part,))}


def _together(parts: dict[RowNode, None]) -> dict[RowNode, None]:
    """All types are asked for at once, and all ids: what may be seen is mostly the sum of many clauses."""
    types = [one for one in parts if isinstance(one, RowTypes)]
    ids = [one for one in parts if isinstance(one, RowIds)]
    found: dict[RowNode, None] = {}
    if types:
        found[RowTypes(frozenset().union(*(one.types for one in types)))] = None
    if ids:
        found[RowIds(frozenset().union(*(one.ids for one in ids)))] = None
    return found | {one: None for one in parts if not isinstance(one, RowTypes | RowIds)}


def of_type(node: RowNode, type_: str) -> RowNode:
    """The same rows among entities that are known to have the type."""
    if isinstance(node, RowTypes):
        return EVERY_ROW if type_ in node.types else node
    if isinstance(node, RowAnd):
        return all_of(of_type(part, type_) for part in node.parts)
    if isinstance(node, RowOr):
        return any_of(of_type(part, type_) for part in node.parts)
    return all_but(of_type(node.part, type_)) if isinstance(node, RowNot) else node


def all_but(node: RowNode) -> RowNode:
    """All rows but these, which are folded."""
    if isinstance(node, RowNot):
        return node.part
    if node in (EVERY_ROW, NO_ROW):
        return NO_ROW if node == EVERY_ROW else EVERY_ROW
    return RowNot(node)


def is_of_types(node: RowNode) -> bool:
    """Whether the types of an entity tell all by themselves whether it is among the rows."""
    if isinstance(node, RowAnd | RowOr):
        return all(map(is_of_types, node.parts))
    return is_of_types(node.part) if isinstance(node, RowNot) else isinstance(node, RowTypes)
