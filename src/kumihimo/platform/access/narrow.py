"""Clauses put together: what says the same twice is said once, what is hidden from every row is never shown."""

from __future__ import annotations

from collections.abc import Iterable

from kumihimo.platform.access.models import EVERY_ROW, Clause, Names, Rights, RowNode
from kumihimo.platform.access.rows import any_of


def narrowed(shown: Iterable[Clause], hidden: Iterable[Clause]) -> Rights:
    """The rights that these clauses come to, in as few of them as is plain to see."""
    apart = _together(hidden)
    never = Names()
    for clause in apart:
        if clause.rows == EVERY_ROW:
            never = never | clause.names
    left = [Clause(one.rows, one.names - never) for one in shown]
    kept = _together(one for one in left if one.names != Names())
    if not kept:
        return Rights()
    rest = [Clause(one.rows, one.names - never) for one in apart if one.rows != EVERY_ROW]
    hides = [one for one in rest if one.names != Names()]
    return Rights(tuple(kept), tuple(hides))


def _together(clauses: Iterable[Clause]) -> list[Clause]:
    by_rows: dict[RowNode, Names] = {}
    for one in clauses:
        known = by_rows.get(one.rows)
        by_rows[one.rows] = one.names if known is None else known | one.names
    by_names: dict[Names, list[RowNode]] = {}
    for rows, names in by_rows.items():
        by_names.setdefault(names, []).append(rows)
    return [Clause(any_of(found), names) for names, found in by_names.items()]
