"""Rows put together, with what is certain taken out: every row, no row, sets of types and of ids made one."""

from __future__ import annotations

from collections.abc import Iterable

from kumihimo.platform.access.models import EVERY_ROW, NO_ROW, RowAnd, RowIds, RowNode, RowNot, RowOr, RowTypes


def rows_and(parts: Iterable[RowNode]) -> RowNode:
    """The rows that are in all parts."""
    found: dict[RowNode, None] = {}
    for part in parts:
        if part == NO_ROW:
            return NO_ROW
        for one in part.parts if isinstance(part, RowAnd) else (part,):
            found[one] = None
    return _one_or(RowAnd, tuple(found))


def rows_or(parts: Iterable[RowNode]) -> RowNode:
    """The rows that are in any part."""
    found: dict[RowNode, None] = {}
    types: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    for part in parts:
        if part == EVERY_ROW:
            return EVERY_ROW
        for one in part.parts if isinstance(part, RowOr) else (part,):
            if isinstance(one, RowTypes):
                types |= one.types
            elif isinstance(one, RowIds):
                ids |= one.ids
            else:
                found[one] = None
    named: list[RowNode] = [RowTypes(types)] if types else []
    if ids:
        named.append(RowIds(ids))
    return _one_or(RowOr, (*named, *found))


def rows_not(part: RowNode) -> RowNode:
    """All rows but these."""
    if part == EVERY_ROW:
        return NO_ROW
    if part == NO_ROW:
        return EVERY_ROW
    return part.part if isinstance(part, RowNot) else RowNot(part)


def _one_or(kind: type[RowAnd | RowOr], parts: tuple[RowNode, ...]) -> RowNode:
    return parts[0] if len(parts) == 1 else kind(parts)
