"""What a rule set says, as its text and its form both say it: plain values, nothing checked beyond their shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Figure = Literal["count", "rate", "trend", "least", "most", "mean"]
FIGURES: tuple[Figure, ...] = get_args(Figure)
Repeat = Literal["each", "rise"]
REPEATS: tuple[Repeat, ...] = get_args(Repeat)
ActionKind = Literal["change", "alert", "command", "notify", "task", "compute"]
ACTION_KINDS: tuple[ActionKind, ...] = get_args(ActionKind)


@dataclass(frozen=True, slots=True)
class Window:
    """A figure over an attribute's past: of its readings in the minutes up to the moment that is judged.

    count: how many; rate: change per hour from the first to the last; trend: slope per hour by least squares; least,
    most, mean: of the numbers. Its name stands for the figure in conditions.
    """

    name: str = ""
    figure: Figure = "count"
    attribute: str = ""
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """Other entities that a condition may ask of, as a list under its name: those that `relationship` of the entity
    names, those of the types within so many metres, or those of the types whose place the entity lies inside of.
    """

    name: str = ""
    types: tuple[str, ...] = ()
    relationship: str = ""
    metres: int = 0
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. Texts may hold expressions in braces: "{entity.name} rose to {entity.waterLevel}".

    change: sets `attribute` of `entity` ("" is the one at hand, `type` where it may be made) to `value`, or to what
    `expression` gives. alert: with `severity` 1 to 4 and titles; it closes when the condition is over. command: `name`
    with `arguments` for `device`. notify: POST of `title` and `text` to the address `to`; or, where a `topic` is
    given instead, a notice to the people who want to hear of it where `entity` is ("" is the one at hand), or of
    `whole_town`, with title and text in ja, en and, where it is given, easy Japanese; `area`: what that place is
    called; `urgent`: it goes in quiet hours too. task: `text` for whoever `whom` names (a role, or an account's id), to
    be done within `minutes`.
    """

    do: ActionKind = "task"
    entity: str = ""
    type: str = ""
    attribute: str = ""
    attributes: tuple[str, ...] = ()
    function: str = ""
    value: Any = None
    expression: str = ""
    severity: int = 0
    title_ja: str = ""
    title_en: str = ""
    device: str = ""
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    to: str = ""
    title: str = ""
    topic: str = ""
    whole_town: bool = False
    area: str = ""
    urgent: bool = False
    title_easy: str = ""
    text_ja: str = ""
    text_en: str = ""
    text_easy: str = ""
    text: str = ""
    whom: str = ""
    minutes: int = 0

    @property
    def sets(self) -> tuple[str, ...]:
        """The attributes that it sets, by their short names."""
        return (self.attribute,) if self.do == "change" else self.attributes if self.do == "compute" else ()


@dataclass(frozen=True, slots=True)
class Rule:
    """When: an entity of one of the types changes in one of the watched attributes (in any, where none is named), or,
    where `absence_minutes` is given, none of these was heard of for so long, or, where `schedule` is given, that moment
    has come (five fields as cron has them, Japan's time); and the condition (CEL) holds, as an empty one does.

    Then: all of its actions, in their order. repeat: "each" time, or on the "rise" from not holding to holding;
    quiet_minutes: for one entity no more than once in so long.
    """

    name: str = ""
    note: str = ""
    types: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    condition: str = ""
    repeat: Repeat = "each"
    quiet_minutes: int = 0
    absence_minutes: int = 0
    schedule: str = ""
    windows: tuple[Window, ...] = ()
    joins: tuple[Join, ...] = ()
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A rule set as it is written. names: the short names of its own, and the IRI that each stands for; all others are
    those of the core @context.
    """

    name: str = ""
    title_ja: str = ""
    title_en: str = ""
    note: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
