"""What one step of a rule set comes to, written in one transaction with the reader's position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Actor
from kumihimo.service.rules import firings, store
from kumihimo.service.rules.compile import Act, Ready
from kumihimo.service.rules.expressions import Unanswered
from kumihimo.service.rules.firings import Planned
from kumihimo.service.rules.judge import Verdict, content_of
from kumihimo.service.rules.models import Cost, Firing, FiringKind, Memory, Order, RuleSet, Stop
from kumihimo.service.rules.naming import Names
from kumihimo.service.rules.refusal import NO_WORDS, Words
from kumihimo.storage.database import Tx


@dataclass(slots=True)
class Plan:
    """What is to be written: firings with their actions, what rules know now, what they cost, which are stopped."""

    firings: list[tuple[Firing, list[Planned]]] = field(default_factory=list)
    memories: dict[tuple[str, str], Memory | None] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    stops: dict[str, Stop] = field(default_factory=dict)

    @property
    def is_urgent(self) -> bool:
        """Whether it is more than can be found out again from the log."""
        return bool(self.firings or self.stops)

    def cost(self, rule: str, more: Cost) -> None:
        """Adds to what a rule costs."""
        self.costs[rule] = self.costs.get(rule, Cost()).plus(more)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a firing is of: its key within the set, kind, entity, place in the log, hop, moment, and when it is now."""

    key: str
    kind: FiringKind
    entity_id: str
    at: int
    now: int
    seq: int = 0
    hop: int = 0


def fired(
    rule_set: RuleSet,
    rule: Ready,
    occasion: Occasion,
    verdict: Verdict,
    facts: Mapping[str, Any],
) -> tuple[Firing, list[Planned]]:
    """A firing with its actions. One whose condition is over closes its alerts; one that was cut does nothing."""
    key = f"{rule_set.name}/{rule.name}/{occasion.key}"
    firing = Firing(
        key,
        rule_set.name,
        rule.name,
        rule_set.version,
        occasion.kind,
        occasion.entity_id,
        occasion.seq,
        occasion.hop,
        occasion.at,
        occasion.now,
        facts,
    )
    if occasion.kind == "cut":
        return firing, []
    planned = []
    for place, act in enumerate(rule.acts):
        if occasion.kind != "over" or act.action.do == "alert":
            gives = verdict.computed.get(place)
            planned.append(_planned(firing, f"{key}/{place}", act, verdict.values, gives, rule_set.owner, rule.names))
    return firing, planned


def _planned(
    firing: Firing,
    key: str,
    act: Act,
    values: Mapping[str, Any],
    gives: Mapping[str, Any] | Words | None,
    owner: Actor,
    names: Names,
) -> Planned:
    order = Order(
        key=key,
        rule_set=firing.rule_set,
        rule=firing.rule,
        kind=act.action.do,
        content={},
        owner=owner,
        hop=firing.hop + 1,
        at=firing.at,
        made_at=firing.made_at,
    )
    if isinstance(gives, Words):
        return order, "failed", gives
    try:
        content = content_of(act, values, names.expand, gives)
    except Unanswered as problem:
        return order, "failed", problem.words
    if firing.kind == "over":
        content["severity"] = 0
    if act.action.do == "alert":
        content |= made_of(firing, values, names)
    return replace(order, content=content), "waiting", NO_WORDS


def made_of(firing: Firing, values: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """What an alert keeps of the firing that raised it: which version of which rule, and the readings that it saw, by
    the long names of their attributes; at is when one was observed, in microseconds.
    """
    entity, observed = values.get("entity", {}), values.get("observed", {})
    readings = [
        {
            "attribute": names.expand(name),
            "value": value,
            "at": times.micros(observed[name]) if name in observed else firing.at,
        }
        for name, value in firing.facts.items()
        if name in entity and value is not None
    ]
    made = {"version": firing.version, "firing": firing.key, "seq": firing.seq, "figures": dict(firing.facts)}
    return {"made": made, "evidence": readings}


async def write_tx(tx: Tx, rule_set: RuleSet, plan: Plan) -> RuleSet:
    """Writes a plan; the set after it, with what was stopped."""
    if plan.firings:
        await firings.add_tx(tx, plan.firings)
    if plan.memories:
        await store.put_memories_tx(tx, rule_set.name, plan.memories)
    if plan.costs:
        await store.add_costs_tx(tx, rule_set.name, plan.costs)
    if plan.stops:
        stopped = {**rule_set.stopped, **plan.stops}
        rule_set = replace(rule_set, revision=rule_set.revision + 1, stopped=stopped)
        await store.put_set_tx(tx, rule_set)
    return rule_set
