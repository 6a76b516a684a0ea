"""What is made of rights: a filter of rows, and what may be seen of each row; said as shortly as the rights allow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

from kumihimo.platform.access.models import (
    ALL_NAMES,
    EVERY_ROW,
    NO_ROW,
    Clause,
    Names,
    Rights,
    RowNode,
)
from kumihimo.platform.access.rows import all_but, all_of, any_of, folded, is_of_types, of_type

T = TypeVar("T")
_TYPES_KEPT = 100


class ByTypes(Generic[T]):
    """What was found of entities of some types, where their types are all that it hangs on."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], T] = {}

    def get(self, types: Sequence[str], find: Callable[[], T]) -> T:
        """What was found before, else what is found now."""
        key = tuple(types)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _TYPES_KEPT:
                self._found.clear()
            found = self._found[key] = find()
        return found


@dataclass(frozen=True, slots=True)
class Restriction:
    """Which rows the caller may see (decision 8). everything: all of them, so that nothing has to be asked.

    by_types: what was found of types, where they are all that it hangs on.
    """

    rows: RowNode
    everything: bool = field(init=False, compare=False, repr=False)
    by_types: ByTypes[bool] | None = field(init=False, compare=False, repr=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        rows = folded(self.rows)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "everything", rows == EVERY_ROW)
        object.__setattr__(self, "by_types", ByTypes() if is_of_types(rows) else None)
        object.__setattr__(self, "_hash", hash(rows))

    def __hash__(self) -> int:
        return self._hash


Holds = Callable[[RowNode], bool | None]
"""Whether an entity is among the rows; None where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Visible:
    """Which attributes the caller may see of which rows, as in Rights; a sub-attribute goes with its attribute.

    is_all: all of all. flat: the names, where they are the same for every row; None where they are not. by_types: what
    was found of types, where they are all that the names hang on.
    """

    shown: tuple[Clause, ...]
    hidden: tuple[Clause, ...] = ()
    is_all: bool = field(init=False, compare=False, repr=False)
    flat: Names | None = field(init=False, compare=False, repr=False)
    by_types: ByTypes[Names] | None = field(init=False, compare=False, repr=False)
    _named: frozenset[str] = field(init=False, compare=False, repr=False)
    _where: dict[str, RowNode] = field(init=False, compare=False, repr=False)
    _typed: dict[str, Visible] = field(init=False, compare=False, repr=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        shown, hidden = _clauses(self.shown), _clauses(self.hidden)
        flat = None
        if all(one.rows == EVERY_ROW for one in (*shown, *hidden)):
            flat = _union(one.names for one in shown) - _union(one.names for one in hidden)
        for name, value in (
            ("shown", shown),
            ("hidden", hidden),
            ("flat", flat),
            ("is_all", flat == ALL_NAMES),
            ("by_types", ByTypes() if all(is_of_types(one.rows) for one in (*shown, *hidden)) else None),
            ("_named", frozenset().union(*(one.names.names for one in (*shown, *hidden)))),
            ("_where", {}),
            ("_typed", {}),
            ("_hash", hash((shown, hidden))),
        ):
            object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return self._hash

    @property
    def named(self) -> frozenset[str]:
        """The attributes of which something is said by name; all others are seen alike."""
        return self._named

    def where(self, attribute: str) -> RowNode:
        """The rows on which the attribute may be seen."""
        key = attribute if attribute in self._named else ""
        found = self._where.get(key)
        if found is None:
            shown = any_of(one.rows for one in self.shown if attribute in one.names)
            hidden = any_of(one.rows for one in self.hidden if attribute in one.names)
            found = self._where[key] = all_of((shown, all_but(hidden)))
        return found

    def names(self, holds: Holds, among: Collection[str] | None = None) -> Names:
        """The attributes of one entity that may be seen. What cannot be told of its rows shows nothing.

        Where it is said among which names, only of these the answer is good, and no more is asked than that needs.
        """
        if self.flat is not None:
            return self.flat
        shown = _union(one.names for one in self.shown if _touches(one.names, among) and holds(one.rows))
        return shown - _union(
            one.names for one in self.hidden if _touches(one.names, among) and holds(one.rows) is not False
        )

    def of_type(self, type_: str) -> Visible:
        """The same for entities that are known to have the type."""
        found = self._typed.get(type_)
        if found is None:
            if len(self._typed) >= _TYPES_KEPT:
                self._typed.clear()
            shown, hidden = (
                tuple(Clause(of_type(one.rows, type_), one.names) for one in many) for many in (self.shown, self.hidden)
            )
            found = self._typed[type_] = Visible(shown, hidden)
        return found


def _touches(names: Names, among: Collection[str] | None) -> bool:
    return names.others or among is None or any(name in among for name in names.names)


def _clauses(clauses: Iterable[Clause]) -> tuple[Clause, ...]:
    """Those that say anything, folded; of the same rows one."""
    names: dict[RowNode, Names] = {}
    for one in clauses:
        rows = folded(one.rows)
        names[rows] = names.get(rows, Names()) | one.names
    return tuple(Clause(rows, many) for rows, many in names.items() if rows != NO_ROW and many != Names())


def _union(many: Iterable[Names]) -> Names:
    found = Names()
    for one in many:
        found |= one
    return found


ALL_ROWS = Restriction(EVERY_ROW)
NO_ROWS = Restriction(NO_ROW)
ALL_ATTRIBUTES = Visible((Clause(EVERY_ROW, ALL_NAMES),))
NO_ATTRIBUTES = Visible(())


def same_everywhere(names: Names) -> Visible:
    """These attributes of every row."""
    return Visible((Clause(EVERY_ROW, names),))


@dataclass(frozen=True, slots=True)
class Grant:
    """What the caller may see, or change: rows and attributes. Having one means that the action itself is allowed."""

    restriction: Restriction
    visible: Visible

    @property
    def is_all(self) -> bool:
        """Whether it is everything."""
        return self.restriction.everything and self.visible.is_all

    @staticmethod
    @lru_cache(maxsize=1024)
    def of(rights: Rights) -> Grant:
        """What the rights come to: an entity may be seen where any attribute, named in them or not, would be.

        Kept, because many callers hold the same roles.
        """
        visible = Visible(rights.shown, rights.hidden)
        if visible.hidden:
            rows = any_of(visible.where(name) for name in ("", *sorted(visible.named)))
        else:  # nothing takes a name away again, so each clause shows its rows by whatever it names
            rows = any_of(one.rows for one in visible.shown)
        return Grant(Restriction(rows), visible)


EVERYTHING = Grant(ALL_ROWS, ALL_ATTRIBUTES)
NOTHING = Grant(NO_ROWS, NO_ATTRIBUTES)
