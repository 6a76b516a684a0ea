"""A rule set tried on the past: where it would have fired, judged as it is judged at work; nothing is done.

Entities that there are now are looked at, with every reading that history keeps of them. Joined entities are as they
are now, and changes that the rules themselves would have made are not there.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from kumihimo.base import times
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.history.models import TemporalQuery
from kumihimo.platform.history.query import History
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.service.rules.clockwork import next_after
from kumihimo.service.rules.compile import Compiled, Looks, Ready
from kumihimo.service.rules.eyes import MAX_POINTS, Eyes
from kumihimo.service.rules.judge import NOTHING, Case, Verdict, facts_of, failed_of, judge
from kumihimo.service.rules.models import FiringKind, Memory
from kumihimo.service.rules.view import value_of
from kumihimo.service.rules.windows import MINUTE, Point, figure_of

MAX_ENTITIES: Final = 200
MAX_CASES: Final = 50_000
"""Cases that are judged in one replay, of all rules together."""
MAX_SHOWN: Final = 500
MAX_MOMENTS: Final = 1000
MAX_SPAN: Final = 400 * 24 * 60 * MINUTE
_REST_EVERY: Final = 50


@dataclass(frozen=True, slots=True)
class Would:
    """It would have fired: which rule, on what, when (microseconds), and on which figures."""

    rule: str
    entity_id: str
    at: int
    kind: FiringKind
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Replayed:
    """What came of it. counts: firings by rule, also of those that are not in `found`, which holds the first ones.

    cut: not everything was looked at, as there was too much; unanswered: by rule, how often, and what was said last.
    """

    start: int
    end: int
    counts: dict[str, int] = field(default_factory=dict)
    found: list[Would] = field(default_factory=list)
    judged: int = 0
    entities: int = 0
    cut: bool = False
    unanswered: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Line:
    """One entity's past: its values by moment, and each attribute's series."""

    doc: EntityDoc
    moments: list[tuple[int, dict[str, Instance]]]
    series: dict[str, tuple[list[int], list[Any]]]
    state: dict[str, list[Instance]]


class _PastLook:
    """Looks up windows in a line that was read, and joins as they are now."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self.line: _Line | None = None

    async def figures(self, tenant: str, looks: Looks, doc: EntityDoc, at: int, grant: Grant) -> dict[str, Any]:
        del tenant, doc, grant
        return {
            window.name: figure_of(window.figure, self._points(attribute, at - window.minutes * MINUTE, at))
            for window, attribute in looks.windows
        }

    def _points(self, attribute: str, start: int, end: int) -> Sequence[Point]:
        moments, values = ([], []) if self.line is None else self.line.series.get(attribute, ([], []))
        first, last = bisect_right(moments, start), bisect_right(moments, end)
        return list(zip(moments[first:last], values[first:last], strict=True))[-MAX_POINTS:]

    async def joined(self, tenant: str, looks: Looks, doc: EntityDoc, grant: Grant) -> dict[str, Any]:
        return await self._eyes.joined(tenant, looks, doc, grant)

    async def call(self, tenant: str, rule_set: str, function: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._eyes.call(tenant, rule_set, function, arguments)


class Replay:
    """One replay of one rule set in one tenant, with the rights of who asks for it."""

    def __init__(self, eyes: Eyes, history: History, tenant: str, grant: Grant) -> None:
        self._eyes = eyes
        self._history = history
        self._tenant = tenant
        self._grant = grant
        self._look = _PastLook(eyes)

    async def run(self, compiled: Compiled, start: int, end: int) -> Replayed:
        """Judges everything from `start` up to before `end`, both in microseconds."""
        replayed = Replayed(start, end, {one.name: 0 for one in compiled.rules})
        for rule in compiled.rules:
            if rule.rule.schedule and not rule.types:
                await self._moments(rule, None, replayed)
                continue
            docs = await self._eyes.find(self._tenant, sorted(rule.types), self._grant, limit=MAX_ENTITIES + 1)
            replayed.cut |= len(docs) > MAX_ENTITIES
            for doc in docs[:MAX_ENTITIES]:
                line = await self._line(doc, rule, replayed)
                replayed.entities += 1
                self._look.line = line
                if rule.rule.schedule:
                    await self._moments(rule, line, replayed)
                elif rule.rule.absence_minutes:
                    await self._silences(rule, line, replayed)
                else:
                    await self._changes(rule, line, replayed)
        replayed.found.sort(key=lambda one: (one.at, one.rule, one.entity_id))
        return replayed

    # --- reading -----------------------------------------------------------------------------------------

    async def _line(self, doc: EntityDoc, rule: Ready, replayed: Replayed) -> _Line:
        longest = max((window.minutes for window, _ in rule.looks.windows), default=0) * MINUTE
        start = replayed.start - longest
        before = await self._past(doc["id"], TemporalQuery("before", start, last_n=1, datasets=frozenset({""})))
        query = TemporalQuery("between", start, replayed.end, datasets=frozenset({""}))
        found = await self._history.entity(self._tenant, doc["id"], query, self._grant.restriction, self._grant.visible)
        later = {} if found is None else found.doc["attrs"]
        replayed.cut |= found is not None and found.extent is not None
        return _lined(doc, before, later, replayed.start)

    async def _past(self, entity_id: str, query: TemporalQuery) -> Mapping[str, list[Instance]]:
        grant = self._grant
        found = await self._history.entity(self._tenant, entity_id, query, grant.restriction, grant.visible)
        return {} if found is None else found.doc["attrs"]

    # --- judging -----------------------------------------------------------------------------------------

    async def _changes(self, rule: Ready, line: _Line, replayed: Replayed) -> None:
        memory, state = NOTHING, dict(line.state)
        for at, values in line.moments:
            before = {name: state[name] for name in values if name in state}
            state |= {name: [one] for name, one in values.items()}
            if rule.watch and rule.watch.isdisjoint(values):
                continue
            case = Case(_doc(line.doc, state), before, tuple(values), at)
            verdict = await self._judged(rule, case, memory, replayed)
            if verdict is None:
                return
            memory = verdict.memory
            if verdict.outcome == "fires":
                self._note(rule, line.doc["id"], "change", verdict, replayed)

    async def _silences(self, rule: Ready, line: _Line, replayed: Replayed) -> None:
        span = rule.rule.absence_minutes * MINUTE
        heard = [at for at, values in line.moments if not rule.watch or not rule.watch.isdisjoint(values)]
        for at, following in zip(heard, [*heard[1:], replayed.end], strict=True):
            due = at + span
            if due >= following or due < replayed.start:
                continue
            verdict = await self._judged(rule, Case(_doc(line.doc, _at(line, due)), {}, (), due), NOTHING, replayed)
            if verdict is None:
                return
            if verdict.outcome == "fires":
                self._note(rule, line.doc["id"], "absence", verdict, replayed)

    async def _moments(self, rule: Ready, line: _Line | None, replayed: Replayed) -> None:
        memory, due = NOTHING, next_after(rule.rule.schedule, replayed.start - 1)
        for _ in range(MAX_MOMENTS):
            if due is None or due >= replayed.end:
                return
            doc = None if line is None else _doc(line.doc, _at(line, due))
            verdict = await self._judged(rule, Case(doc, {}, (), due), memory, replayed)
            if verdict is None:
                return
            memory = verdict.memory
            if verdict.outcome == "fires":
                self._note(rule, "" if line is None else line.doc["id"], "schedule", verdict, replayed)
            due = next_after(rule.rule.schedule, due)
        replayed.cut = True

    async def _judged(self, rule: Ready, case: Case, memory: Memory, replayed: Replayed) -> Verdict | None:
        """The verdict; None where enough was judged."""
        if replayed.judged >= MAX_CASES:
            replayed.cut = True
            return None
        replayed.judged += 1
        if replayed.judged % _REST_EVERY == 0:
            await asyncio.sleep(0)
        verdict = await judge(rule, case, memory, self._look, self._tenant, self._grant)
        failed = verdict.words if verdict.outcome == "unanswered" else failed_of(verdict.computed)
        if failed is not None:
            count, _ = replayed.unanswered.get(rule.name, (0, ""))
            replayed.unanswered[rule.name] = (count + 1, failed.en)
        return verdict

    def _note(self, rule: Ready, entity_id: str, kind: FiringKind, verdict: Verdict, replayed: Replayed) -> None:
        replayed.counts[rule.name] += 1
        if len(replayed.found) < MAX_SHOWN:
            facts = facts_of(rule, verdict)
            replayed.found.append(Would(rule.name, entity_id, verdict.at, kind, facts))


def _lined(
    doc: EntityDoc, before: Mapping[str, list[Instance]], later: Mapping[str, list[Instance]], start: int
) -> _Line:
    """The past of an entity in order; what history has no moment of is as it is now."""
    series: dict[str, list[tuple[int, Instance]]] = {}
    for name, instances in later.items():
        series[name] = sorted(_moments_of(instances), key=lambda one: one[0])
    known = {name: many for name, many in before.items() if many and name in doc["attrs"]}
    state = {name: many for name, many in doc["attrs"].items() if not series.get(name) and name not in known}
    state |= {name: [many[-1]] for name, many in known.items()}
    by_moment: dict[int, dict[str, Instance]] = {}
    for name, points in series.items():
        for at, one in points:
            if at >= start:
                by_moment.setdefault(at, {})[name] = one
            else:
                state[name] = [one]
    plain = {name: ([at for at, _ in points], [value_of(one) for _, one in points]) for name, points in series.items()}
    return _Line(doc, sorted(by_moment.items()), plain, state)


def _moments_of(instances: Sequence[Instance]) -> Iterator[tuple[int, Instance]]:
    for one in instances:
        if "observedAt" in one:
            yield times.micros(times.parse(one["observedAt"])), one


def _at(line: _Line, due: int) -> dict[str, list[Instance]]:
    """The values that stood at a moment."""
    state = dict(line.state)
    for at, values in line.moments:
        if at > due:
            break
        state |= {name: [one] for name, one in values.items()}
    return state


def _doc(doc: EntityDoc, state: Mapping[str, list[Instance]]) -> EntityDoc:
    return cast("EntityDoc", {**doc, "attrs": dict(state)})
