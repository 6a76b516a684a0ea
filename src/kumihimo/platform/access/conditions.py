"""What a policy asks, as a tree; with a caller and an attribute put in, only rows are left of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from kumihimo.platform.access.models import EVERY_ROW, NO_ROW, RowNode
from kumihimo.platform.access.rows import rows_and, rows_not, rows_or


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call: who, in which roles, what for.

    kind and id are Cedar's (Person, Application, Device, Anonymous). tenant is the resource of an action that
    concerns no entity, None where entities are asked of.
    """

    kind: str
    id: str
    roles: frozenset[str]
    action: str
    purpose: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Roles:
    """The caller holds one of these roles."""

    any_of: frozenset[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """The caller is of this kind."""

    name: str


@dataclass(frozen=True, slots=True)
class Who:
    """The caller is one of these, each kind and id."""

    any_of: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Does:
    """The action is one of these."""

    any_of: frozenset[str]


@dataclass(frozen=True, slots=True)
class For:
    """The purpose of the call is one of these."""

    any_of: frozenset[str]


@dataclass(frozen=True, slots=True)
class Attribute:
    """The attribute is one of these (expanded names)."""

    any_of: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rows:
    """The entity is one of these; where a tenant is asked of, only its id can be among them, and none is."""

    rows: RowNode


@dataclass(frozen=True, slots=True)
class OfTenant:
    """No entity is asked of but a tenant: any where the name is None."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of them; of none: always."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Any of them; of none: never."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Fact = Roles | Kind | Who | Does | For
Condition = Fact | Attribute | Rows | OfTenant | AllOf | AnyOf | Not
ALWAYS = AllOf()
NEVER = AnyOf()


@dataclass(frozen=True)
class Asked:
    """A policy's conditions beside its scope, with the attribute names that they tell apart."""

    condition: Condition
    names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset().union(*(_names(one) for one in _leaves(self.condition))))

    @cached_property
    def asks_of_the_call(self) -> bool:
        """Whether the rows depend on who calls, or why."""
        return any(isinstance(one, Fact) for one in _leaves(self.condition))


def _names(leaf: Condition) -> frozenset[str]:
    return leaf.any_of if isinstance(leaf, Attribute) else frozenset()


def _leaves(condition: Condition) -> list[Condition]:
    if isinstance(condition, AllOf | AnyOf):
        return [leaf for part in condition.parts for leaf in _leaves(part)]
    return _leaves(condition.part) if isinstance(condition, Not) else [condition]


def rows_where(condition: Condition, facts: Facts, attribute: str | None) -> RowNode:
    """The rows for which the condition holds of this attribute; None is one that no condition names."""
    if isinstance(condition, AllOf):
        return rows_and(rows_where(part, facts, attribute) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return rows_or(rows_where(part, facts, attribute) for part in condition.parts)
    if isinstance(condition, Not):
        return rows_not(rows_where(condition.part, facts, attribute))
    if isinstance(condition, Rows):
        return condition.rows if facts.tenant is None else NO_ROW
    return EVERY_ROW if _holds(condition, facts, attribute) else NO_ROW


def _holds(leaf: Condition, facts: Facts, attribute: str | None) -> bool:
    if isinstance(leaf, Attribute):
        return attribute in leaf.any_of
    if isinstance(leaf, OfTenant):
        return facts.tenant is not None and leaf.name in {None, facts.tenant}
    if isinstance(leaf, Roles):
        return not leaf.any_of.isdisjoint(facts.roles)
    if isinstance(leaf, Kind):
        return leaf.name == facts.kind
    if isinstance(leaf, Who):
        return (facts.kind, facts.id) in leaf.any_of
    if isinstance(leaf, Does):
        return facts.action in leaf.any_of
    return isinstance(leaf, For) and facts.purpose in leaf.any_of
