"""Words of the room at work: rule sets as they stand, firings, what was done, tasks; and the ports it acts through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kumihimo.base.call import Actor
from kumihimo.service.rules.definition import ActionKind, Definition
from kumihimo.service.rules.refusal import NO_WORDS, Words

MAX_HOPS = 4
"""Changes that rules made one after the other, each set off by the one before; behind the last no rule fires."""

FiringKind = Literal["change", "absence", "schedule", "over", "cut"]
"""over: a condition is over, so that its alerts close; cut: nothing was done, as too many rules followed each other."""
ActionState = Literal["waiting", "done", "refused", "failed"]
Outcome = Literal[
    "fires", "over", "cut", "no", "unanswered", "standing", "quiet", "type", "watch", "unseen", "gone", "heard", "other"
]
"""What became of a rule at a change: it fires, or why it does not: its condition does not hold, has no answer, holds
since before, fired a short while ago; the entity is of another type, nothing watched changed, its owner may not see it,
it was deleted; heard: it waits for silence; other: it looks at moments, not at changes.
"""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a rule does not run although its set is on; at in microseconds. The rule "" is the whole set."""

    at: int
    words: Words


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule set as it stands. version counts its texts, revision every change of it; owner is whose rights it has."""

    name: str
    version: int
    revision: int
    is_on: bool
    owner: Actor
    text: str
    changed_at: int
    changed_by: str
    stopped: Mapping[str, Stop] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """A text that the set had or has: by whom, when and why."""

    number: int
    text: str
    made_at: int
    made_by: str
    why: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What a rule has cost: how often it was judged, how often it fired, how often it had no answer, microseconds in
    all and of the slowest time, when it fired last, and what it said when it last had no answer.
    """

    judged: int = 0
    fired: int = 0
    unanswered: int = 0
    micros: int = 0
    slowest: int = 0
    fired_at: int = 0
    said: str = ""

    def plus(self, more: Cost) -> Cost:
        """Both together; more is the later one."""
        return Cost(
            self.judged + more.judged,
            self.fired + more.fired,
            self.unanswered + more.unanswered,
            self.micros + more.micros,
            max(self.slowest, more.slowest),
            max(self.fired_at, more.fired_at),
            more.said or self.said,
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """What a rule knows of one entity: whether its condition held last, when it fired, when the entity was last heard
    of, and whether its silence was told. Under the entity "" stands the last moment of a schedule, as heard_at.
    """

    holds: bool = False
    fired_at: int = 0
    heard_at: int = 0
    told: bool = False


Memories = dict[tuple[str, str], Memory]
"""By rule and entity."""


@dataclass(frozen=True, slots=True)
class Order:
    """One action of a firing, as it is done: content holds its members with all expressions filled in.

    key is its own, the same however often it is tried; cause goes into what it makes, with the hop. at is the moment
    that was judged, microseconds.
    """

    key: str
    rule_set: str
    rule: str
    kind: ActionKind
    content: Mapping[str, Any]
    owner: Actor
    hop: int
    at: int
    made_at: int
    tries: int = 0

    @property
    def cause(self) -> str:
        """What is noted as the cause of all that it brings about."""
        return cause_of(self.key, self.hop)


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action with what became of it; moments in microseconds."""

    order: Order
    state: ActionState
    words: Words
    next_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule fired at a moment (microseconds, as the reading has it) on an entity; facts are the figures it saw."""

    key: str
    rule_set: str
    rule: str
    version: int
    kind: FiringKind
    entity_id: str
    seq: int
    hop: int
    at: int
    made_at: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """Something that a person does: for whom (a role, or an account's id), what, until when; by whom it was done."""

    id: str
    rule_set: str
    rule: str
    entity_id: str
    whom: str
    text: str
    made_at: int
    due_at: int
    done_at: int | None = None
    done_by: str = ""
    note: str = ""


def cause_of(key: str, hop: int) -> str:
    """The cause of what a rule brings about: "rule:<hop>:<key>"."""
    return f"rule:{hop}:{key}"


def hop_of(cause: str) -> int:
    """How many rules led to a change with this cause."""
    head, _, rest = cause.partition(":")
    number = rest.partition(":")[0]
    return int(number) if head == "rule" and number.isdecimal() and len(number) < 6 else 0


# --- ports: what the room acts through, bound by the wiring ----------------------------------------------

Topics = Callable[[str], Awaitable[Mapping[str, Mapping[str, str]]]]
"""What people of a tenant can be told of: the topics by id, each with its title by language."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an action that was put: done, or refused with the reason."""

    state: Literal["done", "refused", "failed"]
    words: Words = NO_WORDS


class Uncomputed(Exception):
    """A function of a pack's program gave nothing; the words say why, is_late that it took longer than it may."""

    def __init__(self, words: Words, *, is_late: bool = False) -> None:
        super().__init__(words.en)
        self.words = words
        self.is_late = is_late


class Functions(Protocol):
    """The functions of the programs that packs bring, each for the rules of its own pack alone."""

    async def of_text(self, tenant: str, definition: Definition) -> Words | None:
        """Why a text may not call what it calls, or not set what it sets; None where it may. Asked when it is put."""
        ...

    async def of_order(self, tenant: str, order: Order) -> Words | None:
        """Why what was reckoned may not be written: it is none of what the pack asked to write."""
        ...

    async def call(self, tenant: str, rule_set: str, function: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a function gives, by short names of attributes and by the long ones that its pack's @context makes of
        them: "value", and "unit" and "type" where it has them.

        Uncomputed.
        """
        ...


class Perform(Protocol):
    """Does one action of a kind in a tenant, with the rights of the order's owner, never more.

    It is asked again with the same key where the platform ended in between, and does nothing twice then. What raises is
    tried again later.
    """

    async def __call__(self, tenant: str, order: Order) -> Done: ...


class Persons(Protocol):
    """What no rule may do, because it is left to a person's decision; None where nothing speaks against it."""

    async def of_text(self, tenant: str, definition: Definition) -> Words | None:
        """Asked when a text is put or switched on."""
        ...

    async def of_order(self, tenant: str, order: Order) -> Words | None:
        """Asked before an action is done, with all of it filled in."""
        ...
