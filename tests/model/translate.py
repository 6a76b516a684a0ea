"""From the slow model's plain shapes to the platform's typed query."""

from __future__ import annotations

from typing import Any

from kumihimo.platform.broker.models import QAnd, QLink, QNode, QOr, QPath, QRange, QTerm, TypeAnd, TypeNode, TypeOr
from kumihimo.platform.broker.patterns import check_pattern


def typed(q: Any) -> QNode:
    if q[0] == "and":
        return QAnd(tuple(typed(part) for part in q[1]))
    if q[0] == "or":
        return QOr(tuple(typed(part) for part in q[1]))
    if q[0] == "link":
        return QLink(q[1], typed(q[3]), tuple(q[2]))
    _, attributes, member, keys, operator, values = q
    if operator in ("~=", "!~="):
        values = [check_pattern(value) for value in values]
    ready = tuple(QRange(one[1], one[2]) if isinstance(one, tuple) else one for one in values)
    return QTerm(QPath(tuple(attributes), member, tuple(keys)), operator, ready)


def typed_types(node: Any) -> TypeNode:
    if isinstance(node, str):
        return node
    parts = tuple(typed_types(part) for part in node[1])
    return TypeAnd(parts) if node[0] == "and" else TypeOr(parts)
