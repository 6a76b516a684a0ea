"""From a definition to rules that can be judged: names expanded, expressions read, everything checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from cronsim import CronSim, CronSimError

from kumihimo.base.times import EPOCH
from kumihimo.service.rules.definition import Action, Definition, Join, Rule, Window
from kumihimo.service.rules.expressions import Expression, Template, Variable, check_name, read, read_template
from kumihimo.service.rules.loops import find_loop
from kumihimo.service.rules.naming import Names, check_spelling, names_of
from kumihimo.service.rules.refusal import RuleRefused

MAX_MINUTES: Final = 31 * 24 * 60
MAX_METRES: Final = 100_000
NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z", re.ASCII)
TEMPLATES: Final = (
    "entity",
    "title_ja",
    "title_en",
    "title_easy",
    "device",
    "reason",
    "title",
    "area",
    "text",
    "text_ja",
    "text_en",
    "text_easy",
)
OF_ADDRESS: Final = ("to", "title", "text")
OF_PEOPLE: Final = ("topic", "title_ja", "title_en", "text_ja", "text_en")
ALSO_OF_PEOPLE: Final = ("entity", "whole_town", "area", "urgent", "title_easy", "text_easy")
"""Members of a notification to an address, and of one to people by area: what that needs, and what it may have."""


@dataclass(frozen=True, slots=True)
class Act:
    """An action with its texts and its expression read."""

    action: Action
    attribute: str = ""
    type: str = ""
    sets: tuple[str, ...] = ()
    """The attributes that it sets, by their long names."""
    texts: dict[str, Template] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class Looks:
    """A window or a join with its names expanded. names: how what they find is called."""

    names: Names
    windows: tuple[tuple[Window, str], ...]
    joins: tuple[tuple[Join, tuple[str, ...], str], ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule that can be judged. types and watch are expanded names; condition None always holds. names: how
    attributes and types are called in its set.
    """

    rule: Rule
    names: Names
    types: frozenset[str]
    watch: frozenset[str]
    condition: Expression | None
    looks: Looks
    acts: tuple[Act, ...]
    rule_set: str = ""

    @property
    def name(self) -> str:
        """As it is called in its set."""
        return self.rule.name

    @property
    def by_change(self) -> bool:
        """Whether changes make it look, and neither silence nor the time of day."""
        return not self.rule.absence_minutes and not self.rule.schedule


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule set that can be run."""

    definition: Definition
    rules: tuple[Ready, ...]


def compiled(definition: Definition, core: Names) -> Compiled:
    """The rules as they are run; RuleRefused with the place and the reason in both languages. core: the names that
    count where the set has none of its own.
    """
    if not NAME.match(definition.name):
        raise RuleRefused(
            f"name: {definition.name[:64]!r} is no name of a rule set; use 1 to 64 of a-z, 0-9 and '-'",
            "name：規則セットの名前は a〜z、0〜9、- の 1〜64 文字で書いてください。",
        )
    if not definition.rules:
        raise RuleRefused(
            "there is no rule in it: write at least one [[rule]]",
            "規則がありません。[[rule]] を 1 つ以上書いてください。",
        )
    names = [one.name for one in definition.rules]
    for number, name in enumerate(names, 1):
        if not NAME.match(name) or names.count(name) > 1:
            raise RuleRefused(
                f"rule[{number}].name: give each rule a name of its own of a-z, 0-9 and '-', not {name[:64]!r}",
                f"rule[{number}].name：規則ごとに別の名前を a〜z、0〜9、- で付けてください（いまは {name[:64]!r}）。",
            )
    own = names_of(definition.names, core)
    check_spelling(definition, core)
    rules = tuple(replace(_ready(one, own), rule_set=definition.name) for one in definition.rules)
    if loop := find_loop(rules):
        path = " → ".join((*loop, loop[0]))
        raise RuleRefused(
            f"rules set each other off in a loop: {path}; watch other attributes, or change others",
            f"規則が互いを呼び続けます：{path}。監視する属性か変更する属性を変えてください。",
        )
    return Compiled(definition, rules)


def _ready(rule: Rule, names: Names) -> Ready:
    expand = names.expand
    where = f"rule {rule.name}"
    _check_when(rule, where)
    variables = _variables(rule, where)
    condition = (
        read(rule.condition, variables, f"{where}: condition", wants_truth=True) if rule.condition.strip() else None
    )
    if not rule.actions:
        raise RuleRefused(
            f"{where}: it does nothing: write at least one [[rule.then]]",
            f"{where}：[[rule.then]] を 1 つ以上書いてください。",
        )
    return Ready(
        rule,
        names,
        frozenset(map(expand, rule.types)),
        frozenset(map(expand, rule.watch)),
        condition,
        Looks(
            names,
            tuple((one, expand(one.attribute)) for one in rule.windows),
            tuple((one, tuple(map(expand, one.types)), expand(one.relationship)) for one in rule.joins),
        ),
        tuple(_act(one, variables, f"{where}: then[{number}]", names) for number, one in enumerate(rule.actions, 1)),
    )


def _check_when(rule: Rule, where: str) -> None:
    if not rule.types and not rule.schedule:
        raise RuleRefused(
            f"{where}: types: name at least one type of entities",
            f"{where}：types：エンティティの型を 1 つ以上書いてください。",
        )
    if rule.schedule and rule.absence_minutes:
        raise RuleRefused(
            f"{where}: give a schedule or absence_minutes, not both",
            f"{where}：schedule と absence_minutes は同時に使えません。",
        )
    if rule.schedule and (len(rule.schedule.split()) != 5 or not _is_cron(rule.schedule)):
        raise RuleRefused(
            f'{where}: schedule: {rule.schedule!r} is none; write five fields as cron has them, like "0 7 * * 1-5"',
            f'{where}：schedule：cron の 5 項目で書いてください（例 "0 7 * * 1-5"）。',
        )
    for name, minutes in (("quiet_minutes", rule.quiet_minutes), ("absence_minutes", rule.absence_minutes)):
        if minutes > MAX_MINUTES:
            raise RuleRefused(f"{where}: {name}: at most {MAX_MINUTES}", f"{where}：{name}：{MAX_MINUTES} までです。")


def _is_cron(text: str) -> bool:
    try:
        next(CronSim(text, EPOCH))
    except (CronSimError, StopIteration):
        return False
    return True


def _variables(rule: Rule, where: str) -> list[Variable]:
    found: list[Variable] = []
    for number, window in enumerate(rule.windows, 1):
        here = f"{where}: window[{number}]"
        found.append((check_name(window.name, here), "figure"))
        if not window.attribute or not 1 <= window.minutes <= MAX_MINUTES:
            raise RuleRefused(
                f"{here}: give an attribute and 1 to {MAX_MINUTES} minutes",
                f"{here}：attribute と 1〜{MAX_MINUTES} の minutes を書いてください。",
            )
    for number, join in enumerate(rule.joins, 1):
        here = f"{where}: join[{number}]"
        found.append((check_name(join.name, here), "list"))
        ways = bool(join.relationship) + bool(join.metres) + join.inside
        if ways != 1 or (not join.relationship and not join.types) or join.metres > MAX_METRES:
            raise RuleRefused(
                f"{here}: give one of relationship, metres (to {MAX_METRES}) or inside, and types for the last two",
                f"{here}：relationship、metres（{MAX_METRES} まで）、inside のどれか 1 つと、"
                "後の 2 つでは types を書いてください。",
            )
    names = [name for name, _ in found]
    if len(set(names)) < len(names):
        raise RuleRefused(
            f"{where}: two windows or joins have one name", f"{where}：window や join の名前が重なっています。"
        )
    return found


def _act(action: Action, variables: Sequence[Variable], where: str, names: Names) -> Act:
    expand = names.expand
    _check_needs(action, where)
    texts = {
        name: read_template(getattr(action, name), variables, f"{where}: {name}")
        for name in TEMPLATES
        if getattr(action, name)
    }
    reads = read if action.do == "compute" else read_template
    arguments = {
        name: reads(value, variables, f"{where}: arguments.{name}") if isinstance(value, str) else value
        for name, value in action.arguments.items()
    }
    expression = read(action.expression, variables, f"{where}: expression") if action.expression else None
    return Act(
        action,
        expand(action.attribute) if action.attribute else "",
        expand(action.type) if action.type else "",
        tuple(map(expand, action.sets)),
        texts,
        arguments,
        expression,
    )


def _check_needs(action: Action, where: str) -> None:
    """RuleRefused where a kind of action lacks what it cannot do without."""
    needs = _NEEDS[action.do]
    if action.do == "notify":
        needs = _of_notify(action, where)
    missing = [name for name in needs if not getattr(action, name)]
    if action.do == "change" and (action.value is None) == (not action.expression):
        missing.append("value / expression")
    if not {"id", "type", "scope", "@context"}.isdisjoint(action.sets):
        missing.append("attribute" if action.do == "change" else "attributes")
    if action.do == "alert" and not 1 <= action.severity <= 4:
        missing.append("severity (1-4)")
    if action.do == "notify" and not action.topic and not _is_address(action.to):
        missing.append("to (https://…)")
    if action.do == "task" and not 0 < action.minutes <= MAX_MINUTES * 12:
        missing.append("minutes")
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        raise RuleRefused(
            f"{where}: a {action.do} needs a good {names}",
            f"{where}：{action.do} には {names} を正しく書いてください。",
        )


def _of_notify(action: Action, where: str) -> tuple[str, ...]:
    """What the notification needs. RuleRefused where it says members of both kinds, of which one would do nothing."""
    to_people = bool(action.topic)
    if to_people and action.whole_town and action.entity:
        raise RuleRefused(
            f"{where}: give an entity or whole_town, not both", f"{where}：entity と whole_town は同時に使えません。"
        )
    others = OF_ADDRESS if to_people else (*OF_PEOPLE, *ALSO_OF_PEOPLE)
    beside = ", ".join(name for name in others if getattr(action, name))
    if beside and (to_people or action.to):
        kind, kind_ja = (
            ("to people (topic)", "人あて（topic）") if to_people else ("to an address (to)", "宛先 URL（to）")
        )
        raise RuleRefused(
            f"{where}: a notification {kind} has no {beside}", f"{where}：{kind_ja}の通知では {beside} は使えません。"
        )
    return OF_PEOPLE if to_people or (beside and not action.to) else _NEEDS["notify"]


_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "change": ("attribute",),
    "alert": ("title_ja", "title_en"),
    "command": ("device", "name", "reason"),
    "notify": ("to", "title"),
    "task": ("whom", "text"),
    "compute": ("function", "attributes"),
}


def _is_address(text: str) -> bool:
    """Whether it is a web address without a password in it, which pages and logs would show."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None and parts.password is None
    )
