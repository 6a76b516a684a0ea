"""Which index leads a query: what every result has for certain, so that a page is read from its beginning."""

from __future__ import annotations

from typing import NamedTuple

from kumihimo.platform.broker.models import QLink, QNode, QOr, QTerm, Query, TypeAnd, TypeNode

_NEEDING = frozenset({"exists", "==", "!=", ">", ">=", "<", "<=", "~=", "!~="})
"""Operators that nothing satisfies which lacks the attribute."""


class Leading(NamedTuple):
    """A type or an attribute that every result has, "" for none; and the type selection that is left beside it."""

    type: str = ""
    attribute: str = ""
    rest: TypeNode | None = None


def leading(query: Query) -> Leading:
    """The type goes before the attribute. Ids, places and selectors are looked up by their own indexes."""
    type_, rest = _type(query.types)
    if type_ or query.ids or query.selectors or query.geo:
        return Leading(type_, "", rest)
    needed = needed_attributes(query)
    return Leading("", next(iter(needed)) if len(needed) == 1 else "", rest)


def needed_attributes(query: Query) -> frozenset[str]:
    """Attributes of which every result has at least one; none where that cannot be told."""
    of_q = _needed(query.q) if query.q is not None else frozenset()
    of_attrs = frozenset(query.attrs)
    return min((one for one in (of_q, of_attrs) if one), key=len, default=frozenset())


def _needed(node: QNode) -> frozenset[str]:
    if isinstance(node, QLink):
        return frozenset({node.attribute})
    if isinstance(node, QTerm):
        return frozenset(node.path.attributes[:1]) if node.operator in _NEEDING else frozenset()
    parts = [_needed(part) for part in node.parts]
    if isinstance(node, QOr):
        return frozenset().union(*parts) if all(parts) else frozenset()
    return min((part for part in parts if part), key=len, default=frozenset())


def _type(types: TypeNode | None) -> tuple[str, TypeNode | None]:
    """A type that every result has, and the expression that is left beside it."""
    if isinstance(types, str):
        return types, None
    if isinstance(types, TypeAnd):
        for part in types.parts:
            if isinstance(part, str):
                others = tuple(other for other in types.parts if other is not part)
                return part, TypeAnd(others) if others else None
    return "", types
