"""What may be asked of entities, and what of them a caller may see; pure values, shared with the broker's query model.

They stand in this room because a decision is made of them and the broker, which is above, applies it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

# --- q (clause 4.9) --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QPath:
    """A path to values: expanded attribute, expanded sub-attributes, then keys inside a compound value.

    `temperature.observedAt` is attributes=("…/temperature",), member="observedAt";
    `address[city]` is attributes=("…/address",), keys=("city",).
    """

    attributes: tuple[str, ...]
    member: str = ""
    keys: tuple[str, ...] = ()


ANY_LANGUAGE = "*"
"""As the only key of a path: the value in any language of a languageMap (`color[*]`)."""

QValue = str | int | float | bool
QOperator = Literal["exists", "absent", "==", "!=", ">", ">=", "<", "<=", "~=", "!~="]


@dataclass(frozen=True, slots=True)
class QRange:
    """`low..high`, both included."""

    low: QValue
    high: QValue


@dataclass(frozen=True, slots=True)
class QTerm:
    """One comparison; values of == and != may be several (a list) or ranges. Empty for "exists" and "absent"."""

    path: QPath
    operator: QOperator
    values: tuple[QValue | QRange, ...] = ()


@dataclass(frozen=True, slots=True)
class QAnd:
    """All of them."""

    parts: tuple[QNode, ...]


@dataclass(frozen=True, slots=True)
class QOr:
    """Any of them."""

    parts: tuple[QNode, ...]


@dataclass(frozen=True, slots=True)
class QLink:
    """A relationship that leads to an entity, of one of the types where any is given, for which the part holds.

    `sensor{Device:humidity}==40` is attribute="…/sensor", types=("…/Device",), part=humidity==40.
    """

    attribute: str
    part: QNode
    types: tuple[str, ...] = ()


QNode = QTerm | QAnd | QOr | QLink


# --- types ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TypeAnd:
    """The entity has all of these."""

    parts: tuple[TypeNode, ...]


@dataclass(frozen=True, slots=True)
class TypeOr:
    """The entity has any of these."""

    parts: tuple[TypeNode, ...]


TypeNode = str | TypeAnd | TypeOr
"""A type selection expression (clause 4.17) of expanded type names."""


# --- rights: which rows, and which attributes of them ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class RowTypes:
    """Entities that have one of these types (expanded names)."""

    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class RowIds:
    """These entities."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class RowScope:
    """Entities with a scope that satisfies a scope query (clause 4.19), such as "/fukui/#"."""

    scope_q: str


@dataclass(frozen=True, slots=True)
class RowQ:
    """Entities for which the expression holds, whatever of them the caller may see. It asks of the entity alone: the
    answer must be the same in memory, where no other is at hand. ValueError for one that follows a link.
    """

    q: QNode

    def __post_init__(self) -> None:
        if _follows(self.q):
            raise ValueError("rights cannot ask what stands behind a relationship")


@dataclass(frozen=True, slots=True)
class RowAnd:
    """All of them; of none: every entity."""

    parts: tuple[RowNode, ...] = ()


@dataclass(frozen=True, slots=True)
class RowOr:
    """Any of them; of none: no entity."""

    parts: tuple[RowNode, ...] = ()


@dataclass(frozen=True, slots=True)
class RowNot:
    """All entities but these."""

    part: RowNode


RowNode = RowTypes | RowIds | RowScope | RowQ | RowAnd | RowOr | RowNot
EVERY_ROW = RowAnd()
NO_ROW = RowOr()


@dataclass(frozen=True, slots=True)
class Names:
    """A set of attribute names (expanded): these, or with others all but these."""

    names: frozenset[str] = frozenset()
    others: bool = False

    def __contains__(self, name: str) -> bool:
        return (name in self.names) is not self.others

    def __or__(self, other: Names) -> Names:
        if self.others and other.others:
            return Names(self.names & other.names, others=True)
        if self.others or other.others:
            most, few = (self, other) if self.others else (other, self)
            return Names(most.names - few.names, others=True)
        return Names(self.names | other.names)

    def __sub__(self, other: Names) -> Names:
        if self.others:
            kept = Names(self.names, others=False) | other
            return Names(kept.names, others=not kept.others)
        return Names(frozenset(name for name in self.names if name not in other))


ALL_NAMES = Names(others=True)


@dataclass(frozen=True, slots=True)
class Clause:
    """Of the entities that `rows` says, these attributes."""

    rows: RowNode
    names: Names


@dataclass(frozen=True, slots=True)
class Rights:
    """What policies say for one caller and one action: an attribute of an entity is granted where a clause of `shown`
    has it and none of `hidden` has. An entity is granted where any attribute, named or not, would be.
    """

    shown: tuple[Clause, ...] = ()
    hidden: tuple[Clause, ...] = ()


ALL_RIGHTS = Rights((Clause(EVERY_ROW, ALL_NAMES),))


# --- what is made of rights: a filter of rows, and of each row the attributes --------------------------------


def _follows(q: QNode) -> bool:
    return isinstance(q, QLink) or (isinstance(q, QAnd | QOr) and any(map(_follows, q.parts)))


def folded(node: RowNode) -> RowNode:
    """The same rows, said shortly: EVERY_ROW or NO_ROW where it comes to that by the form of the expression alone."""
    if isinstance(node, RowAnd):
        return all_of(map(folded, node.parts))
    if isinstance(node, RowOr):
        return any_of(map(folded, node.parts))
    if isinstance(node, RowNot):
        return _but(folded(node.part))
    if (isinstance(node, RowTypes) and not node.types) or (isinstance(node, RowIds) and not node.ids):
        return NO_ROW
    return node


def all_of(parts: Iterable[RowNode]) -> RowNode:
    """Rows that are in all of these, which are folded."""
    kept = _flat(parts, RowAnd)
    if NO_ROW in kept or any(_but(one) in kept for one in kept):
        return NO_ROW
    left = tuple(one for one in kept if not (isinstance(one, RowOr) and any(part in kept for part in one.parts)))
    return left[0] if len(left) == 1 else RowAnd(left)


def any_of(parts: Iterable[RowNode]) -> RowNode:
    """Rows that are in any of these, which are folded."""
    kept = _flat(parts, RowOr)
    if EVERY_ROW in kept or any(_but(one) in kept for one in kept):
        return EVERY_ROW
    left = tuple(one for one in kept if not (isinstance(one, RowAnd) and any(part in kept for part in one.parts)))
    return left[0] if len(left) == 1 else RowOr(left)


def _flat(parts: Iterable[RowNode], kind: type[RowAnd | RowOr]) -> dict[RowNode, None]:
    return {one: None for part in parts for one in (part.parts if isinstance(part, kind) else (part,))}


def _but(node: RowNode) -> RowNode:
    if isinstance(node, RowNot):
        return node.part
    if node in (EVERY_ROW, NO_ROW):
        return NO_ROW if node == EVERY_ROW else EVERY_ROW
    return RowNot(node)


@dataclass(frozen=True, slots=True)
class Restriction:
    """Which rows the caller may see (decision 8). everything: all of them, so that nothing has to be asked."""

    rows: RowNode
    everything: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        rows = folded(self.rows)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "everything", rows == EVERY_ROW)


Holds = Callable[[RowNode], bool | None]
"""Whether an entity is among the rows; None where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Visible:
    """Which attributes the caller may see of which rows, as in Rights; a sub-attribute goes with its attribute.

    is_all: all of all. flat: the names, where they are the same for every row; None where they are not.
    """

    shown: tuple[Clause, ...]
    hidden: tuple[Clause, ...] = ()
    is_all: bool = field(init=False, compare=False, repr=False)
    flat: Names | None = field(init=False, compare=False, repr=False)
    _named: frozenset[str] = field(init=False, compare=False, repr=False)
    _where: dict[str, RowNode] = field(init=False, compare=False, repr=False)
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
            ("_named", frozenset().union(*(one.names.names for one in (*shown, *hidden)))),
            ("_where", {}),
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
            found = self._where[key] = all_of((shown, _but(hidden)))
        return found

    def names(self, holds: Holds) -> Names:
        """The attributes of one entity that may be seen. What cannot be told of its rows shows nothing."""
        if self.flat is not None:
            return self.flat
        shown = _union(one.names for one in self.shown if holds(one.rows))
        return shown - _union(one.names for one in self.hidden if holds(one.rows) is not False)


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

    @classmethod
    def of(cls, rights: Rights) -> Grant:
        """What the rights come to: an entity may be seen where any attribute, named in them or not, would be."""
        visible = Visible(rights.shown, rights.hidden)
        rows = any_of(visible.where(name) for name in ("", *sorted(visible.named)))
        return cls(Restriction(rows), visible)


EVERYTHING = Grant(ALL_ROWS, ALL_ATTRIBUTES)
NOTHING = Grant(NO_ROWS, NO_ATTRIBUTES)
