"""Why a rule fired at a change of an entity or did not: judged again as it was, beside what was done then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kumihimo.base.events import LogRecord
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.broker.log import head_tx, newest_of_tx, position_tx
from kumihimo.service.rules import firings
from kumihimo.service.rules.compile import Compiled, Ready
from kumihimo.service.rules.judge import NOTHING, Case, facts_of, judge, looks_at
from kumihimo.service.rules.models import MAX_HOPS, ActionRow, Firing, RuleSet, hop_of
from kumihimo.service.rules.refusal import NO_WORDS, Words
from kumihimo.service.rules.run import Tools, reader_of
from kumihimo.service.rules.view import seen_of
from kumihimo.storage.database import Tx

LOOK_BACK: Final = 20_000
"""Records of the log that a trace looks through for the entity."""
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Step:
    """One rule at one change. outcome is models.Outcome, or: did (it fired), held (its condition held, but since
    before, or it had fired a short while ago), later (the set was changed or switched on after it), off (the set or the
    rule is off), unread (it is not looked at yet).
    """

    rule: str
    outcome: str
    words: Words = NO_WORDS
    facts: Mapping[str, Any] = field(default_factory=dict)
    actions: Sequence[ActionRow] = ()


@dataclass(frozen=True, slots=True)
class Traced:
    """One change of the entity: its record in the log, and what became of each rule."""

    record: LogRecord
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Trace:
    """The newest changes of an entity, the newest first; and firings without a change: by silence or by schedule."""

    changes: Sequence[Traced]
    others: Sequence[tuple[Firing, Sequence[ActionRow]]]


@dataclass(slots=True)
class _Read:
    records: list[LogRecord]
    position: int
    firings: list[tuple[Firing, Sequence[ActionRow]]]


async def traced(
    tools: Tools, tenant: str, rule_set: RuleSet, compiled: Compiled, entity_id: str, grant: Grant
) -> Trace:
    """What the set's rules made of the entity's newest changes, with the rights of who asks."""

    async def work(tx: Tx) -> _Read:
        head = await head_tx(tx)
        records = await newest_of_tx(tx, entity_id, max(0, head - LOOK_BACK), head + 1, SHOWN, tenant)
        done = await firings.firings_tx(tx, rule_set.name, SHOWN * 10, entity_id)
        return _Read(
            records,
            await position_tx(tx, reader_of(rule_set.name)),
            [(one, await firings.actions_of_tx(tx, one.number)) for one in done],
        )

    read = await tools.database.read(tenant, work)
    by_record = {(one.seq, one.rule): (one, actions) for one, actions in read.firings if one.seq}
    changes = []
    for record in read.records:
        steps = [
            await _step(tools, tenant, rule_set, rule, record, by_record, read.position, grant)
            for rule in compiled.rules
        ]
        changes.append(Traced(record, steps))
    others = [(one, actions) for one, actions in read.firings if not one.seq]
    return Trace(changes, others[:SHOWN])


async def _step(
    tools: Tools,
    tenant: str,
    rule_set: RuleSet,
    rule: Ready,
    record: LogRecord,
    done: Mapping[tuple[int, str], tuple[Firing, Sequence[ActionRow]]],
    position: int,
    grant: Grant,
) -> Step:
    if (found := done.get((record.seq, rule.name))) is not None:
        firing, actions = found
        outcome = firing.kind if firing.kind in ("over", "cut") else "did"
        return Step(rule.name, outcome, facts=firing.facts, actions=actions)
    if record.kind == "entityDeleted":
        return Step(rule.name, "gone")
    if (seen := seen_of(record, grant)) is None:
        return Step(rule.name, "unseen")
    doc, before, names = seen
    changed = tuple(name for name in (*record.changed, *record.deleted) if name in names)
    case = Case(doc, before, changed, record.at, record.kind == "entityCreated")
    if why := looks_at(rule, case):
        return Step(rule.name, why)
    if not rule.by_change:
        return Step(rule.name, "other" if rule.rule.schedule else "heard")
    if hop_of(record.cause) >= MAX_HOPS:
        return Step(rule.name, "cut")
    verdict = await judge(rule, case, NOTHING, tools.eyes, tenant, grant)
    facts = facts_of(rule, verdict)
    if verdict.outcome != "fires":
        return Step(rule.name, verdict.outcome, verdict.words, facts)
    return Step(rule.name, _why_not(rule_set, rule, record, position), _stop_words(rule_set, rule), facts)


def _why_not(rule_set: RuleSet, rule: Ready, record: LogRecord, position: int) -> str:
    """Why nothing was done although the condition held."""
    if not rule_set.is_on or rule.name in rule_set.stopped or "" in rule_set.stopped:
        return "off"
    if record.at <= rule_set.changed_at:
        return "later"
    plain = rule.rule.repeat == "each" and not rule.rule.quiet_minutes
    return "unread" if plain and record.seq > position else "held"


def _stop_words(rule_set: RuleSet, rule: Ready) -> Words:
    stop = rule_set.stopped.get(rule.name) or rule_set.stopped.get("")
    return NO_WORDS if stop is None else stop.words
