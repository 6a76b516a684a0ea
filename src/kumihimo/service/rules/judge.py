"""Whether a rule fires, and why or why not: the same judgement at work, in a trace and on the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Protocol

from kumihimo.base import times
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.rules.compile import Act, Looks, Ready
from kumihimo.service.rules.expressions import Expression, Unanswered, shown
from kumihimo.service.rules.models import Memory, Outcome, Uncomputed
from kumihimo.service.rules.refusal import NO_WORDS, Words
from kumihimo.service.rules.view import Attributes, attributes_of, moment_of, observed_of, values_of
from kumihimo.service.rules.windows import MINUTE

MAX_FACTS: Final = 20
NOTHING: Final = Memory()


Computed = Mapping[int, Mapping[str, Any] | Words]
"""By the place of an action that computes: what it gives, {"value": …, "unit": …} by short names; or why nothing."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: the entity (None where a schedule names no type), the values from before of what changed, the
    expanded names of what changed, and the moment in microseconds.
    """

    doc: EntityDoc | None
    before: Attributes
    changed: tuple[str, ...]
    at: int
    is_new: bool = False

    def of_moment(self, watch: frozenset[str]) -> Case:
        """With the moment at which the newest of the watched changes was observed."""
        if self.doc is None:
            return self
        names = [name for name in self.changed if not watch or name in watch]
        return replace(self, at=moment_of(self.doc["attrs"], names, self.at))


class Look(Protocol):
    """Looks up windows and joins, now or in the past."""

    async def figures(self, tenant: str, looks: Looks, doc: EntityDoc, at: int, grant: Grant) -> dict[str, Any]: ...

    async def joined(self, tenant: str, looks: Looks, doc: EntityDoc, grant: Grant) -> dict[str, Any]: ...

    async def call(
        self, tenant: str, rule_set: str, function: str, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a rule in a case. values are what its expressions saw; memory what it knows after."""

    outcome: Outcome
    values: Mapping[str, Any] = field(default_factory=dict)
    memory: Memory = NOTHING
    words: Words = NO_WORDS
    at: int = 0
    computed: Computed = field(default_factory=dict)
    """What functions of a pack's program gave for the actions that call them."""
    is_late: bool = False
    """Whether one of these functions took longer than it may."""


def looks_at(rule: Ready, case: Case) -> Outcome | None:
    """Why a rule does not look at a change at all; None where it does."""
    if case.doc is None or (rule.types and rule.types.isdisjoint(case.doc["type"])):
        return "type"
    if rule.watch and rule.watch.isdisjoint(case.changed):
        return "watch"
    return None


def closes(rule: Ready) -> bool:
    """Whether something is to be done when the condition is over."""
    return any(act.action.do == "alert" for act in rule.acts)


async def judge(rule: Ready, case: Case, memory: Memory, look: Look, tenant: str, grant: Grant) -> Verdict:
    """Judges a rule that looks at the case."""
    case = case.of_moment(rule.watch)
    values = await values_for(rule, case, look, tenant, grant)
    try:
        holds = _holds(rule, values)
    except Unanswered as problem:
        return Verdict("unanswered", values, memory, problem.words, case.at)
    verdict = settle(rule, memory, holds=holds, at=case.at, values=values)
    if verdict.outcome != "fires":
        return verdict
    computed, is_late = await _computed(rule, values, look, tenant)
    return replace(verdict, computed=computed, is_late=is_late)


async def _computed(rule: Ready, values: Mapping[str, Any], look: Look, tenant: str) -> tuple[Computed, bool]:
    """Calls the functions that the rule's actions name, and tells whether one took too long. One that fails leaves the
    others alone.
    """
    found: dict[int, Mapping[str, Any] | Words] = {}
    is_late = False
    for place, act in enumerate(rule.acts):
        if act.action.do != "compute":
            continue
        try:
            arguments = {
                name: _argument(name, one, values) if isinstance(one, Expression) else one
                for name, one in act.arguments.items()
            }
            gives = await look.call(tenant, rule.rule_set, act.action.function, arguments)
            found[place] = {name: gives[name] for name in act.action.attributes if name in gives}
        except (Unanswered, Uncomputed) as problem:
            found[place] = problem.words
            is_late = is_late or (isinstance(problem, Uncomputed) and problem.is_late)
    return found, is_late


def _argument(name: str, expression: Expression, values: Mapping[str, Any]) -> Any:
    """What an action gives by this name; Unanswered, with the name, where its expression has no answer."""
    try:
        return _passed(expression.of(values))
    except Unanswered as problem:
        raise Unanswered(f"arguments.{name}: {problem}") from problem


def _passed(value: Any) -> Any:
    """What an expression gave, as JSON has it: moments as text."""
    if isinstance(value, datetime):
        return times.text(value)
    if isinstance(value, list):
        return [_passed(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _passed(one) for name, one in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise Unanswered(f"{type(value).__name__} cannot be given to a function")


def failed_of(computed: Computed) -> Words | None:
    """Why the first of the functions that failed did."""
    return next((one for one in computed.values() if isinstance(one, Words)), None)


def _holds(rule: Ready, values: Mapping[str, Any]) -> bool:
    holds = rule.condition is None or rule.condition.of(values)
    if not isinstance(holds, bool):
        raise Unanswered(f"it gives {shown(holds)[:40]!r}, neither true nor false")
    return holds


async def values_for(rule: Ready, case: Case, look: Look, tenant: str, grant: Grant) -> dict[str, Any]:
    """What the rule's expressions may ask in a case."""
    compact = rule.names.compact
    values: dict[str, Any] = {"entity": {}, "before": {}, "observed": {}, "changed": []}
    if case.doc is not None:
        now = values_of(case.doc, compact)
        changed = [compact(name) for name in case.changed]
        kept = {} if case.is_new else {name: value for name, value in now.items() if name not in changed}
        values |= {
            "entity": now,
            "before": {**kept, **attributes_of(case.before, compact)},
            "observed": observed_of(case.doc["attrs"], compact),
            "changed": changed,
            **await look.figures(tenant, rule.looks, case.doc, case.at, grant),
            **await look.joined(tenant, rule.looks, case.doc, grant),
        }
    else:
        values |= {window.name: None for window, _ in rule.looks.windows}
        values |= {join.name: [] for join, _, _ in rule.looks.joins}
    return {**values, "at": times.from_micros(case.at)}


def settle(rule: Ready, memory: Memory, *, holds: bool, at: int, values: Mapping[str, Any]) -> Verdict:
    """What a condition that holds, or does not, means after what the rule knows of the entity; pure."""
    after = replace(memory, holds=holds)
    if not holds:
        return Verdict("over" if memory.holds and closes(rule) else "no", values, after, at=at)
    if rule.rule.repeat == "rise" and memory.holds:
        return Verdict("standing", values, after, at=at)
    quiet = rule.rule.quiet_minutes * MINUTE
    if quiet and memory.fired_at and memory.fired_at <= at < memory.fired_at + quiet:
        return Verdict("quiet", values, after, at=at)
    return Verdict("fires", values, replace(after, fired_at=at), at=at)


def facts_of(rule: Ready, verdict: Verdict) -> dict[str, Any]:
    """The figures behind a firing, for its record: what is watched, the windows, how many were joined, and what
    functions gave.
    """
    values = verdict.values
    entity, before = values.get("entity", {}), values.get("before", {})
    names = [rule.names.compact(name) for name in sorted(rule.watch)] or list(values.get("changed", ()))
    found: dict[str, Any] = {}
    for name in names[:MAX_FACTS]:
        if name in entity:
            found[name] = _short(entity[name])
        if name in before:
            found[f"before.{name}"] = _short(before[name])
    found |= {window.name: values.get(window.name) for window, _ in rule.looks.windows}
    found |= {join.name: len(values.get(join.name, ())) for join, _, _ in rule.looks.joins}
    for place, gives in verdict.computed.items():
        if not isinstance(gives, Words):
            called = rule.acts[place].action.function
            found |= {f"{called}().{name}": _short(one["value"]) for name, one in gives.items()}
    return found


def _short(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | float) else shown(value)[:200]


def content_of(
    act: Act, values: Mapping[str, Any], expand: Callable[[str], str], gives: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The action with its expressions filled in, as it is kept until it is done. Unanswered where one has no answer.

    gives: what the function of an action that computes gave.
    """
    action = act.action
    found: dict[str, Any] = {name: text.of(values) for name, text in act.texts.items()}
    found["of"] = values.get("entity", {}).get("id", "")
    if action.do == "change":
        value = action.value if act.expression is None else _storable(act.expression.of(values))
        found |= {"attribute": act.attribute or expand(action.attribute), "type": act.type, "value": value}
    elif action.do == "compute":
        found |= {"type": act.type, "attributes": {expand(name): one for name, one in (gives or {}).items()}}
    elif action.do == "alert":
        found["severity"] = action.severity
        found["place"] = _place(values)
    elif action.do == "command":
        arguments = {name: one if not hasattr(one, "of") else one.of(values) for name, one in act.arguments.items()}
        found |= {"name": action.name, "arguments": arguments}
    elif action.do == "notify" and action.topic:
        found |= {"topic": action.topic, "urgent": action.urgent, "whole_town": action.whole_town}
        found["place"] = None if action.whole_town or found.get("entity") else _place(values)
    elif action.do == "notify":
        found["to"] = action.to
    else:
        found |= {"whom": action.whom, "minutes": action.minutes}
    return found


def _storable(value: Any) -> Any:
    """What an attribute can hold; a whole decimal is kept as it is. Unanswered for null, moments and spans of time."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _storable(one) for name, one in value.items()}
    raise Unanswered(f"{type(value).__name__} cannot be an attribute's value")


def _place(values: Mapping[str, Any]) -> list[float] | None:
    place = values.get("entity", {}).get("location")
    if isinstance(place, dict) and place.get("type") == "Point":
        coordinates = place.get("coordinates")
        if isinstance(coordinates, list) and len(coordinates) >= 2:
            return [float(one) for one in coordinates[:2]]
    return None
