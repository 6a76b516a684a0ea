"""What may be asked of entities, and what of them a caller may see; pure values, shared with the broker's query model.

They stand in this room because a decision is made of them and the broker, which is above, applies it.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def _follows(q: QNode) -> bool:
    return isinstance(q, QLink) or (isinstance(q, QAnd | QOr) and any(map(_follows, q.parts)))
