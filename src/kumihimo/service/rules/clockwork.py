"""What the clock sets off: entities that were not heard of for too long, and moments of a schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from kumihimo.base import times
from kumihimo.platform.access.grants import Grant
from kumihimo.service.rules.compile import Ready
from kumihimo.service.rules.judge import NOTHING, Case
from kumihimo.service.rules.models import FiringKind, Memory
from kumihimo.service.rules.plan import Occasion, Plan
from kumihimo.service.rules.run import Runner
from kumihimo.service.rules.windows import MINUTE

ZONE: Final = ZoneInfo("Asia/Tokyo")
MAX_ENTITIES: Final = 1000
"""Entities that one moment of a schedule, or the beginning of a watch for silence, looks at."""
AT_ONCE: Final = 200
"""Silences that are told in one transaction."""
BEGUN: Final = ""
"""The entity under which a rule keeps its last moment, or that its watch for silence has begun."""


def next_after(schedule: str, after: int) -> int | None:
    """The schedule's next moment behind one, in microseconds; Japan's time. None where there is none any more."""
    try:
        return times.micros(next(CronSim(schedule, times.from_micros(after).astimezone(ZONE))))
    except (StopIteration, CronSimError):
        return None


def last_until(schedule: str, after: int, now: int) -> int | None:
    """The newest moment behind `after` and not behind now: what was missed meanwhile counts once."""
    if (first := next_after(schedule, after)) is None or first > now:
        return None
    try:
        return max(first, times.micros(next(CronSim(schedule, _minute_behind(now), reverse=True))))
    except (StopIteration, CronSimError):
        return first


def _minute_behind(now: int) -> datetime:
    """CronSim gives moments before the one it is told, so that a moment that has just come needs one behind it."""
    return times.from_micros(now - now % MINUTE + MINUTE).astimezone(ZONE)


async def tick(runner: Runner) -> int | None:
    """Does what is due; the next moment (microseconds) at which something is, None where nothing is awaited."""
    due: list[int] = []
    for rule in runner.running:
        if rule.by_change:
            continue
        plan = Plan()
        if (grant := await runner.grant(plan)) is not None:
            moment = await (_scheduled if rule.rule.schedule else _silences)(runner, rule, grant, plan)
            if moment is not None:
                due.append(moment)
        if plan.is_urgent or plan.memories:
            await runner.save(plan)
    return min(due, default=None)


# --- schedules -------------------------------------------------------------------------------------------


async def _scheduled(runner: Runner, rule: Ready, grant: Grant, plan: Plan) -> int | None:
    now, known = runner.tools.now(), runner.memories.get((rule.name, BEGUN))
    if known is None:
        runner.learn(rule, BEGUN, Memory(heard_at=now), plan)
        return next_after(rule.rule.schedule, now)
    due = last_until(rule.rule.schedule, known.heard_at, now)
    if due is None:
        return next_after(rule.rule.schedule, known.heard_at)
    if rule.types:
        for doc in await runner.tools.eyes.find(runner.tenant, sorted(rule.types), grant, limit=MAX_ENTITIES):
            await _judge_at(runner, rule, Case(doc, {}, (), due), due, grant, plan)
    else:
        await _judge_at(runner, rule, Case(None, {}, (), due), due, grant, plan)
    runner.learn(rule, BEGUN, Memory(heard_at=due), plan)
    return next_after(rule.rule.schedule, due)


async def _judge_at(runner: Runner, rule: Ready, case: Case, due: int, grant: Grant, plan: Plan) -> None:
    entity_id = "" if case.doc is None else case.doc["id"]
    verdict = await runner.judged(rule, case, grant, plan)
    if entity_id:
        runner.learn(rule, entity_id, verdict.memory, plan)
    if verdict.outcome in ("fires", "over"):
        kind: FiringKind = "over" if verdict.outcome == "over" else "schedule"
        occasion = Occasion(f"{kind}/{due}/{entity_id}", kind, entity_id, due, runner.tools.now())
        runner.fire(rule, occasion, verdict, plan)


# --- silence ---------------------------------------------------------------------------------------------


async def _silences(runner: Runner, rule: Ready, grant: Grant, plan: Plan) -> int | None:
    now, span = runner.tools.now(), rule.rule.absence_minutes * MINUTE
    await _begin(runner, rule, grant, plan)
    waiting = [
        (known.heard_at + span, entity_id)
        for (name, entity_id), known in runner.memories.items()
        if name == rule.name and entity_id != BEGUN and not known.told
    ]
    overdue = sorted(one for one in waiting if one[0] <= now)[:AT_ONCE]
    for due, entity_id in overdue:
        await _tell(runner, rule, entity_id, due, grant, plan)
    told = {entity_id for _, entity_id in overdue}
    return min((due for due, entity_id in waiting if entity_id not in told), default=None)


async def _begin(runner: Runner, rule: Ready, grant: Grant, plan: Plan) -> None:
    """When the watch begins, the silence of what is there already is counted from now."""
    if (rule.name, BEGUN) in runner.memories:
        return
    now = runner.tools.now()
    for doc in await runner.tools.eyes.find(runner.tenant, sorted(rule.types), grant, limit=MAX_ENTITIES):
        if (rule.name, doc["id"]) not in runner.memories:
            runner.learn(rule, doc["id"], Memory(heard_at=now), plan)
    runner.learn(rule, BEGUN, Memory(heard_at=now, told=True), plan)


async def _tell(runner: Runner, rule: Ready, entity_id: str, due: int, grant: Grant, plan: Plan) -> None:
    known = runner.memories.get((rule.name, entity_id), NOTHING)
    doc = await runner.tools.eyes.get(runner.tenant, entity_id, grant)
    if doc is None:
        runner.memories.pop((rule.name, entity_id), None)
        plan.memories[rule.name, entity_id] = None
        return
    verdict = await runner.judged(rule, Case(doc, {}, (), due), grant, plan)
    fires = verdict.outcome == "fires"
    fired_at = due if fires else known.fired_at
    runner.learn(rule, entity_id, Memory(fires or known.holds, fired_at, known.heard_at, True), plan)
    if fires:
        occasion = Occasion(f"absence/{known.heard_at}/{entity_id}", "absence", entity_id, due, runner.tools.now())
        runner.fire(rule, occasion, verdict, plan)
