"""What a subscription asks for and what it found, as texts: for the explanation of why it fired or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kumihimo.base import jsontext
from kumihimo.platform.broker.evaluate import groups_at
from kumihimo.platform.broker.models import QAnd, QLink, QNode, QOr, QPath, QRange, QTerm, QValue, TypeAnd, TypeNode
from kumihimo.platform.jsonld.models import VALUE_MEMBER, EntityDoc, Instance

MAX_TEXT = 80
"""Characters after which a value is cut off."""
Compact = Callable[[str], str]


def q_text(node: QNode, compact: Compact) -> str:
    """The expression in the syntax of clause 4.9, with short names."""
    if isinstance(node, QAnd | QOr):
        sign = ";" if isinstance(node, QAnd) else "|"
        return sign.join(_inner(part, compact) for part in node.parts)
    before, after = "", ""
    while isinstance(node, QLink):
        types = ",".join(map(compact, node.types)) + ":" if node.types else ""
        before, after, node = f"{before}{compact(node.attribute)}{{{types}", "}" + after, node.part
    if not isinstance(node, QTerm):  # not written by the syntax
        return f"{before}{q_text(node, compact)}{after}"
    path = f"{before}{path_text(node.path, compact)}{after}"
    if node.operator in ("exists", "absent"):
        return path if node.operator == "exists" else f"!{path}"
    wanted = ",".join(map(_operand, node.values))
    # Any character is kept as what it means: all but the end of a line.
    wanted = wanted.replace("[^\\n]", ".") if node.operator in ("~=", "!~=") else wanted
    return f"{path}{node.operator}{wanted}"


def _inner(node: QNode, compact: Compact) -> str:
    text = q_text(node, compact)
    return f"({text})" if isinstance(node, QAnd | QOr) else text


def path_text(path: QPath, compact: Compact) -> str:
    """The path as it stands in an expression."""
    dotted = ".".join([*map(compact, path.attributes), *([path.member] if path.member else [])])
    return f"{dotted}[{'.'.join(path.keys)}]" if path.keys else dotted


def _operand(value: QValue | QRange) -> str:
    if isinstance(value, QRange):
        return f"{_operand(value.low)}..{_operand(value.high)}"
    return jsontext.text(value)


def conditions(node: QNode) -> Iterator[QNode]:
    """The parts of the expression that must all hold."""
    if isinstance(node, QAnd):
        for part in node.parts:
            yield from conditions(part)
    else:
        yield node


def found_text(node: QNode, entity: EntityDoc) -> str:
    """What the entity has where the term looks, "" where it has nothing there or there is no one place."""
    if not isinstance(node, QTerm):
        return ""
    values = [one for many in groups_at(entity, node.path).values() for one in many]
    return short(", ".join(_shown(one) for one in values[:5]))


def instances_text(instances: list[Instance]) -> str:
    """The values of an attribute's instances."""
    given: list[dict[str, Any]] = instances  # type: ignore[assignment]  # members by name
    return short(", ".join(_shown(one.get(VALUE_MEMBER[one["type"]])) for one in given[:5]))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else jsontext.text(value)


def short(text: str) -> str:
    """The text, cut off where it is long."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def type_text(node: TypeNode, compact: Compact) -> str:
    """The type selection in the syntax of clause 4.17."""
    if isinstance(node, str):
        return compact(node)
    sign = ";" if isinstance(node, TypeAnd) else ","
    return sign.join(f"({type_text(one, compact)})" if not isinstance(one, str) else compact(one) for one in node.parts)
