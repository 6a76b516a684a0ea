"""One rule set at work: it reads the tenant's log with a position of its own and hears the clock (decision 1).

The position, what the rules know and the firings they come to are written in one transaction, so that nothing is missed
and nothing done twice, wherever the platform ends. What nothing came of is not written at once: it is read again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Forbidden, Unauthenticated
from kumihimo.base.events import LogRecord
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.broker.log import head_tx, position_tx, read_log_tx, set_position_tx
from kumihimo.service.rules import store
from kumihimo.service.rules.budget import Budget
from kumihimo.service.rules.compile import Compiled, Ready
from kumihimo.service.rules.eyes import Eyes
from kumihimo.service.rules.judge import NOTHING, Case, Verdict, closes, facts_of, failed_of, judge, looks_at
from kumihimo.service.rules.models import MAX_HOPS, Cost, Memories, Memory, RuleSet, Stop, hop_of
from kumihimo.service.rules.plan import Occasion, Plan, fired, write_tx
from kumihimo.service.rules.refusal import Words
from kumihimo.service.rules.view import seen_of
from kumihimo.storage.database import Database, Tx

BATCH: Final = 200
STEP_SECONDS: Final = 1.0
"""How long one step may take, so that a set which takes long keeps its neighbours waiting no longer than that."""
SAVE_EVERY: Final = 500
"""How far the position in memory may run ahead of the stored one while nothing fires."""
MAX_KNOWN: Final = 20_000
"""Entities that one set's rules know of at most; of what comes beyond, the one known longest is forgotten."""
PURPOSE: Final = "rules"


@dataclass(frozen=True, slots=True)
class Tools:
    """What every rule set at work needs. timer gives seconds, to measure with."""

    database: Database
    clock: Clock
    access: Access
    eyes: Eyes
    timer: Callable[[], float] = time.perf_counter

    def now(self) -> int:
        """The present moment in microseconds."""
        return times.micros(self.clock.now())


@dataclass(slots=True)
class _Read:
    records: Sequence[LogRecord]
    head: int


class Stale(Exception):
    """The set was changed, or another process was quicker: it is taken up anew."""


def reader_of(name: str) -> str:
    """The name under which the set's position is kept."""
    return f"rules.{name}"


class Runner:
    """One rule set that is on, in one tenant."""

    def __init__(self, tools: Tools, tenant: str, rule_set: RuleSet, compiled: Compiled) -> None:
        self.tools = tools
        self.tenant = tenant
        self.rule_set = rule_set
        self.rules = compiled.rules
        self.memories: Memories = {}
        self._stored = self._seen = -1
        self._behind = Plan()
        self._budgets = {one.name: Budget() for one in self.rules}

    async def open(self) -> None:
        """Reads how far the set has come and what its rules know. Stale where it was changed."""

        async def work(tx: Tx) -> tuple[int, Memories]:
            await self._check_tx(tx)
            return await position_tx(tx, reader_of(self.rule_set.name)), await store.memories_tx(tx, self.rule_set.name)

        self._stored, self.memories = await self.tools.database.read(self.tenant, work)
        self._seen = self._stored

    async def _check_tx(self, tx: Tx) -> None:
        found = await store.set_tx(tx, self.rule_set.name)
        if found is None or not found.is_on or found.revision != self.rule_set.revision:
            raise Stale

    @property
    def running(self) -> list[Ready]:
        """The rules that are not stopped."""
        stopped = self.rule_set.stopped
        return [] if "" in stopped else [one for one in self.rules if one.name not in stopped]

    # --- the log -------------------------------------------------------------------------------------------

    async def step(self) -> bool:
        """Judges a batch of records, or what of it can be judged in a second; True where more wait. Stale where the set
        was changed.
        """
        read = await self.tools.database.read(self.tenant, self._read_tx)
        if not read.records:
            return False
        plan, seen = Plan(), 0
        grant, begun = await self.grant(plan), self.tools.timer()
        for number, record in enumerate(read.records):
            if grant is not None:
                await self._judge_all(record, grant, plan)
            seen = record.seq
            if self.tools.timer() - begun > STEP_SECONDS:
                break
            if number % 20 == 19:
                await asyncio.sleep(0)
        await self.keep(plan, seen)
        return seen < read.head

    async def _read_tx(self, tx: Tx) -> _Read:
        await self._check_tx(tx)
        return _Read(await read_log_tx(tx, self._seen, BATCH, self.tenant), await head_tx(tx))

    async def grant(self, plan: Plan) -> Grant | None:
        """What the owner may read; None, and the set is stopped, where that is nothing."""
        try:
            return await self.tools.access.decide(Call(self.tenant, self.rule_set.owner, PURPOSE), "read")
        except (Forbidden, Unauthenticated) as problem:
            words = Words(
                "この規則セットの持ち主に閲覧の権限がなくなったため止めました。権限のある人が保存し直してください。",
                f"whoever owns this rule set may no longer read here ({problem.detail}); somebody who"
                " may must save it anew",
            )
            plan.stops[""] = Stop(self.tools.now(), words)
            return None

    async def _judge_all(self, record: LogRecord, grant: Grant, plan: Plan) -> None:
        if record.kind == "entityDeleted":
            self._forget(record.entity_id, plan)
            return
        seen = seen_of(record, grant)
        if seen is None:
            return
        doc, before, names = seen
        changed = tuple(name for name in (*record.changed, *record.deleted) if name in names)
        case = Case(doc, before, changed, record.at, record.kind == "entityCreated")
        for rule in self.running:
            if rule.name in plan.stops or rule.rule.schedule or looks_at(rule, case) is not None:
                continue
            if rule.by_change:
                await self._by_change(rule, record, case, grant, plan)
            else:
                self._heard(rule, record, plan)

    async def _by_change(self, rule: Ready, record: LogRecord, case: Case, grant: Grant, plan: Plan) -> None:
        hop, now = hop_of(record.cause), self.tools.now()
        if hop >= MAX_HOPS:
            occasion = Occasion(str(record.seq), "cut", record.entity_id, record.at, now, record.seq, hop)
            self.fire(rule, occasion, Verdict("cut"), plan)
            return
        verdict = await self.judged(rule, case, grant, plan)
        self.learn(rule, record.entity_id, verdict.memory, plan)
        if verdict.outcome == "fires":
            occasion = Occasion(str(record.seq), "change", record.entity_id, verdict.at, now, record.seq, hop)
            self.fire(rule, occasion, verdict, plan)
        elif verdict.outcome == "over":
            occasion = Occasion(f"{record.seq}/over", "over", record.entity_id, verdict.at, now, record.seq, hop)
            self.fire(rule, occasion, verdict, plan)

    def _heard(self, rule: Ready, record: LogRecord, plan: Plan) -> None:
        """A sign of life: the silence begins anew, and one that was told of is over."""
        known = self.memories.get((rule.name, record.entity_id), NOTHING)
        if known.holds and closes(rule):
            occasion = Occasion(f"{record.seq}/over", "over", record.entity_id, record.at, self.tools.now(), record.seq)
            values = {"entity": {"id": record.entity_id}}
            self.fire(rule, occasion, Verdict("over", values, at=record.at), plan)
        after = Memory(False, known.fired_at, max(record.at, known.heard_at), False)
        self.learn(rule, record.entity_id, after, plan)

    # --- what both the log and the clock use ---------------------------------------------------------------

    async def judged(self, rule: Ready, case: Case, grant: Grant, plan: Plan) -> Verdict:
        """Judges one rule, and counts what that cost; one that costs too much is stopped."""
        tools = self.tools
        entity_id = "" if case.doc is None else case.doc["id"]
        memory = self.memories.get((rule.name, entity_id), NOTHING)
        begun = tools.timer()
        verdict = await judge(rule, case, memory, tools.eyes, self.tenant, grant)
        micros = max(0, round((tools.timer() - begun) * 1_000_000))
        failed = verdict.words if verdict.outcome == "unanswered" else failed_of(verdict.computed)
        unanswered, said = failed is not None, "" if failed is None else failed.en
        plan.cost(rule.name, Cost(1, 0, int(unanswered), micros, micros, 0, said))
        budget = self._budgets[rule.name]
        if words := budget.answer(is_late=verdict.is_late) or budget.spend(micros):
            plan.stops[rule.name] = Stop(tools.now(), words)
        return verdict

    def fire(self, rule: Ready, occasion: Occasion, verdict: Verdict, plan: Plan) -> None:
        """Takes a firing into the plan; a rule that fires too often is stopped."""
        facts = facts_of(rule, verdict)
        plan.firings.append(fired(self.rule_set, rule, occasion, verdict, facts))
        if occasion.kind in ("over", "cut"):
            return
        plan.cost(rule.name, Cost(fired=1, fired_at=occasion.now))
        if words := self._budgets[rule.name].fire(occasion.now):
            plan.stops[rule.name] = Stop(occasion.now, words)

    def learn(self, rule: Ready, entity_id: str, after: Memory, plan: Plan) -> None:
        """Takes note of what a rule knows of an entity now."""
        key = (rule.name, entity_id)
        if self.memories.get(key, NOTHING) == after:
            return
        if key not in self.memories and len(self.memories) >= MAX_KNOWN:
            oldest = next(iter(self.memories))
            del self.memories[oldest]
            plan.memories[oldest] = None
        self.memories[key] = plan.memories[key] = after

    def _forget(self, entity_id: str, plan: Plan) -> None:
        for rule in self.rules:
            if self.memories.pop((rule.name, entity_id), None) is not None:
                plan.memories[rule.name, entity_id] = None

    async def keep(self, plan: Plan, seen: int | None = None) -> None:
        """Writes the plan with what was put off before it, or puts it off where it can be found out again."""
        target = self._seen if seen is None else seen
        if not plan.is_urgent and target - self._stored < SAVE_EVERY:
            self._put_off(plan, target)
            return
        await self.save(plan, target)

    def _put_off(self, plan: Plan, target: int) -> None:
        self._behind.memories |= plan.memories
        for rule, cost in plan.costs.items():
            self._behind.cost(rule, cost)
        self._seen = target

    async def save(self, plan: Plan | None = None, target: int | None = None) -> None:
        """Writes all that is known. Stale where the set was changed, or another process has moved the position."""
        whole = plan or Plan()
        whole.memories = {**self._behind.memories, **whole.memories}
        for rule, cost in self._behind.costs.items():
            whole.costs[rule] = cost.plus(whole.costs.get(rule, Cost()))
        goal = self._seen if target is None else target

        async def work(tx: Tx) -> RuleSet:
            await self._check_tx(tx)
            reader = reader_of(self.rule_set.name)
            if await position_tx(tx, reader) != self._stored:
                raise Stale
            after = await write_tx(tx, self.rule_set, whole)
            if goal != self._stored:
                await set_position_tx(tx, reader, goal)
            return after

        self.rule_set = await self.tools.database.write(self.tenant, work)
        self._stored = self._seen = goal
        self._behind = Plan()

    @property
    def has_unsaved(self) -> bool:
        """Whether something was put off."""
        return self._seen != self._stored or bool(self._behind.memories or self._behind.costs)
