"""What a policy asks, as a tree; with a caller and an attribute put in, only rows are left of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from kumihimo.platform.access.models import EVERY_ROW, NO_ROW, RowNode
from kumihimo.platform.access.rows import all_but, all_of, any_of


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


Fact = Roles | Kind | Who | Does | For | OfTenant
"""What holds of a call or does not, whatever entity and attribute are asked of."""
Condition = Fact | Attribute | Rows | AllOf | AnyOf | Not
ALWAYS = AllOf()
NEVER = AnyOf()


@dataclass(frozen=True, eq=False)
class Asked:
    """What a policy asks beside its head; with the attribute names that it tells apart, and what it asks of a call."""

    condition: Condition
    names: frozenset[str] = field(init=False)
    facts: tuple[Fact, ...] = field(init=False)
    _tests: tuple[Callable[[Facts], bool], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        leaves = list(leaves_of(self.condition))
        names = (one.any_of for one in leaves if isinstance(one, Attribute))
        object.__setattr__(self, "names", frozenset[str]().union(*names))
        object.__setattr__(self, "facts", tuple(dict.fromkeys(one for one in leaves if isinstance(one, Fact))))
        object.__setattr__(self, "_tests", tuple(test_of(one) for one in self.facts))

    def told(self, facts: Facts) -> tuple[bool, ...]:
        """Which of its facts hold of this call."""
        return tuple([test(facts) for test in self._tests])


def leaves_of(condition: Condition) -> Iterator[Fact | Attribute | Rows]:
    """The conditions that are not put together of others."""
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from leaves_of(part)
    elif isinstance(condition, Not):
        yield from leaves_of(condition.part)
    else:
        yield condition


def test_of(condition: Condition) -> Callable[[Facts], bool]:
    """Tells whether a condition of facts alone holds of a call; made once, as it is asked of every policy."""
    match condition:
        case AllOf(parts):
            tests = tuple(test_of(part) for part in parts if part != ALWAYS)
            return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)
        case Roles(any_of):
            return lambda facts: not any_of.isdisjoint(facts.roles)
        case Kind(name):
            return lambda facts: name == facts.kind
        case Who(people):
            return lambda facts: (facts.kind, facts.id) in people
        case Does(any_of):
            return lambda facts: facts.action in any_of
        case For(any_of):
            return lambda facts: facts.purpose in any_of
        case OfTenant(None):
            return lambda facts: facts.tenant is not None
        case OfTenant(tenant):
            return lambda facts: facts.tenant == tenant
    raise ValueError(f"{type(condition).__name__} is not asked of a call alone")


class Call(NamedTuple):
    """What holds of a call, and whether entities are asked of."""

    told: Mapping[Fact, bool]
    of_entities: bool


def rows_where(condition: Condition, call: Call, attribute: str | None) -> RowNode:
    """The rows for which the condition holds of this attribute; None is one that no condition names."""
    match condition:
        case AllOf(parts):
            return all_of(rows_where(part, call, attribute) for part in parts)
        case AnyOf(parts):
            return any_of(rows_where(part, call, attribute) for part in parts)
        case Not(part):
            return all_but(rows_where(part, call, attribute))
        case Rows(entities):
            return entities if call.of_entities else NO_ROW
        case Attribute(names):
            return EVERY_ROW if attribute in names else NO_ROW
    return EVERY_ROW if call.told[condition] else NO_ROW
