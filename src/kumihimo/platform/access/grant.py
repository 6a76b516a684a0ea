"""Rights as what is pushed into queries today: one restriction of rows and one set of attributes."""

from __future__ import annotations

from dataclasses import dataclass

from kumihimo.base.errors import Forbidden
from kumihimo.platform.access.models import (
    ALL_ATTRIBUTES,
    ALL_RIGHTS,
    ALL_ROWS,
    EVERY_ROW,
    Clause,
    Names,
    Restriction,
    Rights,
    RowAnd,
    RowIds,
    RowNode,
    RowQ,
    RowTypes,
    TypeOr,
    Visible,
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What the caller may see: rows and attributes. Having one means that the action itself is allowed."""

    restriction: Restriction
    visible: Visible


EVERYTHING = Grant(ALL_ROWS, ALL_ATTRIBUTES)


def grant_of(rights: Rights) -> Grant:
    """The same as a grant. Forbidden where a grant cannot say it exactly: never is more granted than the rights are."""
    if rights == ALL_RIGHTS:
        return EVERYTHING
    if len(rights.shown) != 1 or rights.hidden:
        raise _beyond()
    (clause,) = rights.shown
    return Grant(_restriction(clause), _visible(clause.names))


def _visible(names: Names) -> Visible:
    if not names.others:
        return Visible(names.names)
    if names.names:
        raise _beyond()
    return ALL_ATTRIBUTES


def _restriction(clause: Clause) -> Restriction:
    if clause.rows == EVERY_ROW:
        return ALL_ROWS
    parts = clause.rows.parts if isinstance(clause.rows, RowAnd) else (clause.rows,)
    found: dict[type[RowNode], RowNode] = {type(part): part for part in parts}
    if len(found) != len(parts) or not found.keys() <= {RowTypes, RowIds, RowQ}:
        raise _beyond()
    types, ids, q = found.get(RowTypes), found.get(RowIds), found.get(RowQ)
    return Restriction(
        everything=False,
        types=TypeOr(tuple(sorted(types.types))) if isinstance(types, RowTypes) else None,
        ids=tuple(sorted(ids.ids)) if isinstance(ids, RowIds) else None,
        q=q.q if isinstance(q, RowQ) else None,
    )


def _beyond() -> Forbidden:
    return Forbidden(
        "the policies for you come to rights that cannot be asked for as one set of entities and one of attributes"
    )
