"""The room's door: raise, escalate, ease, close, list, decide, follow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, NonexistentTenant, Problem, ResourceNotFound
from kumihimo.base.ports import Act, Bus, Command, CommandOutcome, screens_topic
from kumihimo.platform.broker.models import Change, Outcome
from kumihimo.service.alerts import store
from kumihimo.service.alerts.decide import again_tx, decide_tx, signed
from kumihimo.service.alerts.mirror import alert_change
from kumihimo.service.alerts.models import (
    FINAL,
    Alert,
    Decision,
    Event,
    LogPart,
    Maker,
    Sighting,
    Step,
    Verdict,
    Wanted,
)
from kumihimo.service.alerts.sight import end_tx, sight_tx
from kumihimo.storage.database import Database, Tx

logger = logging.getLogger(__name__)
Apply = Callable[[Call, Sequence[Change]], Awaitable[list[Outcome]]]
Standing = Callable[[str, str, Sequence[Maker]], Awaitable[Sequence[Maker]]]
"""What stands behind the alerts of a source in a tenant now, such as the pack with its version: given what is said
already.
"""
MIRROR_SECONDS = 5.0
"""How long an alert that could not be mirrored waits to be tried again."""


class Alerts:
    """Alerts of all tenants. apply mirrors each alert as an NGSI-LD Alert entity; without it there is no mirror.
    standing adds the versions that stand behind an alert.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        bus: Bus,
        act: Act,
        apply: Apply | None = None,
        standing: Standing | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._act = act
        self._apply = apply
        self.standing = standing
        self._pending: set[str] | None = None
        self._unmirrored: dict[tuple[str, str], Call] = {}

    def _now(self) -> int:
        return times.micros(self._clock.now())

    async def sight(self, call: Call, sighting: Sighting) -> Alert | None:
        """Takes what a rule saw: raises, escalates (a new stage, to be decided anew), eases or closes the subject's
        one open alert. The alert after it; None where nothing had to be done, was done before, or is older than
        what is known.
        """
        now, content = self._now(), sighting.content
        more = await self._stands(call.tenant, sighting.source, content.makers)
        seen = replace(sighting, content=replace(content, makers=(*content.makers, *more)))

        async def work(tx: Tx) -> Alert | None:
            return await sight_tx(tx, seen, now)

        alert = await self._database.write(call.tenant, work)
        if alert is not None:
            await self._tell(call, alert)
        return alert

    async def end(self, call: Call, source: str, words: Mapping[str, str]) -> int:
        """Closes every open alert of a source that says no more; words by language tell why. What was decided stays.
        How many.
        """
        now = self._now()

        async def work(tx: Tx) -> list[Alert]:
            return await end_tx(tx, source, words, now)

        ended = await self._database.write(call.tenant, work)
        for alert in ended:
            await self._tell(call, alert)
        return len(ended)

    async def _stands(self, tenant: str, source: str, made: Sequence[Maker]) -> tuple[Maker, ...]:
        """What stands behind alerts of a source. An alert is raised, and decided on, also where that is not known."""
        if self.standing is None:
            return ()
        try:
            return tuple(await self.standing(tenant, source, made))
        except Problem as problem:
            logger.warning("what stands behind an alert is not known", extra={"tenant": tenant, "why": problem.title})
            return ()

    async def _tell(self, call: Call, alert: Alert) -> None:
        """Tells open pages, and mirrors the alert. What is committed stands, so that a mirror that fails raises
        nothing: it is told of in the log and tried again by `mirror_again`.
        """
        self._bus.publish(screens_topic(call.tenant))
        if self._apply is None:
            return
        mirrored = replace(call, actor=Actor("system", "alerts"), cause=call.cause or f"alert:{alert.id}")
        try:
            await self._mirror(self._apply, mirrored, alert)
        except Exception:
            logger.exception("alert not mirrored; it is tried again", extra={"alert": alert.id, "tenant": call.tenant})
            self._unmirrored[call.tenant, alert.id] = mirrored
            return
        self._unmirrored.pop((call.tenant, alert.id), None)

    @staticmethod
    async def _mirror(apply: Apply, call: Call, alert: Alert) -> None:
        [outcome] = await apply(call, [alert_change(alert)])
        if outcome.problem is not None:
            logger.error("alert not mirrored", extra={"alert": alert.id, "problem": outcome.problem.detail})

    async def mirror_again(self) -> int:
        """Mirrors, as they are now, the alerts that could not be mirrored when they changed; how many still wait.

        A tenant that fails again is left alone until the next call.
        """
        failing: set[str] = set()
        for (tenant, alert_id), call in list(self._unmirrored.items()):
            if tenant in failing or self._apply is None:
                continue
            try:
                alert = await self.get(tenant, alert_id)
                await self._mirror(self._apply, call, alert)
                if (await self.get(tenant, alert_id)).version == alert.version:  # else it changed meanwhile
                    self._unmirrored.pop((tenant, alert_id), None)
            except (NonexistentTenant, ResourceNotFound):
                self._unmirrored.pop((tenant, alert_id), None)
            except Exception as problem:  # noqa: BLE001 - it was told of with its trace when it failed first
                logger.debug("alert not mirrored yet", extra={"alert": alert_id, "why": str(problem)})
                failing.add(tenant)
        return len(self._unmirrored)

    async def run(self) -> None:
        """Tries mirrors that failed again every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(MIRROR_SECONDS)
            await self.mirror_again()

    async def get(self, tenant: str, alert_id: str) -> Alert:
        """One alert; ResourceNotFound."""
        found = await self._database.read(tenant, lambda tx: store.alert_tx(tx, alert_id))
        if found is None:
            raise ResourceNotFound(f"there is no alert {alert_id!r}")
        return found

    async def list(
        self,
        tenant: str,
        *,
        state: str = "",
        subject: str = "",
        source: str = "",
        limit: int = 200,
        subjects: Collection[str] | None = None,
        beside: Collection[str] = (),
        ranked: bool = True,
    ) -> list[Alert]:
        """Alerts, of one source or all but those beside: open ones first, of these the undecided first, then by
        severity and time; by nothing that a reading decides where they are not to be ranked. subjects: of these alone.
        """
        among = None if subjects is None else [one for one in subjects if subject in ("", one)]
        if among is None and subject:
            among = [subject]
        if among is not None and not among:
            return []
        return await self._database.read(
            tenant, lambda tx: store.alerts_tx(tx, state, source, among, limit, beside=beside, ranked=ranked)
        )

    async def named(self, tenant: str, ids: Collection[str]) -> Sequence[Alert]:
        """Those of the alerts that there are, in no order."""
        return await self._database.read(tenant, lambda tx: store.alerts_named_tx(tx, ids)) if ids else []

    async def subjects(self, tenant: str, beside: Collection[str] = ()) -> Sequence[str]:
        """What there ever was an alert about, sorted; not of the sources beside."""
        return await self._database.read(tenant, lambda tx: store.subjects_tx(tx, beside))

    async def events(self, tenant: str, alert_id: str = "") -> Sequence[Event]:
        """What happened to an alert, or to all."""
        return await self._database.read(tenant, lambda tx: store.events_tx(tx, alert_id))

    async def decisions(
        self,
        tenant: str,
        alert_id: str = "",
        limit: int = 1000,
        *,
        source: str = "",
        subjects: Collection[str] | None = None,
        beside: Collection[str] = (),
    ) -> Sequence[Decision]:
        """The decision log, newest first; of one alert, of the alerts of one source, of none of the sources beside, or
        about these subjects, or all.
        """
        return await self._database.read(
            tenant, lambda tx: store.decisions_tx(tx, alert_id, limit, source, subjects, beside=beside)
        )

    async def decision(self, tenant: str, decision_id: str) -> Decision | None:
        """One decision, None where there is none."""
        return await self._database.read(tenant, lambda tx: store.decision_tx(tx, decision_id))

    async def decided_on(self, tenant: str, parts: Sequence[LogPart]) -> Sequence[str]:
        """The alerts among these that somebody decided on."""
        return await self._database.read(tenant, lambda tx: store.decided_on_tx(tx, parts))

    async def log(
        self, tenant: str, parts: Sequence[LogPart], wanted: Wanted, alerts: Collection[str] | None, limit: int
    ) -> Sequence[Decision]:
        """What is wanted of the log, newest first: on alerts of the parts, and among these where any are said."""
        return await self._database.read(tenant, lambda tx: store.log_tx(tx, parts, wanted, alerts, limit))

    async def decide(
        self,
        call: Call,
        alert_id: str,
        version: int,
        verdict: Verdict,
        reason: str,
        facts: Mapping[str, Any] | None = None,
        *,
        makers: Sequence[Maker] = (),
    ) -> Decision:
        """Takes a person's decision on the stage that was read at `version`, once; accepting puts the proposed
        commands before the arbiter with the reason. call.actor is who decides; facts are the wing's figures at this
        moment, kept beside the alert's own as "atDecision"; makers are what the decision itself rests on, such as a
        standing permission.

        Raises BadRequestData (no reason, no name, no verdict), ResourceNotFound, AlreadyDecided.
        """
        who, words = signed(call, reason)
        if verdict not in ("accepted", "rejected"):
            raise BadRequestData(f"a decision is accepted or rejected, not {str(verdict)[:40]!r}")
        before = await self.get(call.tenant, alert_id)
        stands = (*makers, *await self._stands(call.tenant, before.source, before.content.makers))
        now = self._now()

        async def work(tx: Tx) -> tuple[Alert, Decision]:
            return await decide_tx(tx, alert_id, version, (verdict, words, who), facts, stands, now)

        alert, decision = await self._database.write(call.tenant, work)
        if self._pending is not None:
            self._pending.add(call.tenant)
        decision = await self._put_all(call, decision)
        await self._tell(call, alert)
        return decision

    async def asks(self, tenant: str, decision_id: str, command: Command) -> bool:
        """Whether a decision accepted this very command, and it has not been put yet."""
        found = await self._database.read(tenant, lambda tx: store.decision_tx(tx, decision_id))
        if found is None or found.verdict != "accepted" or command.tenant != tenant:
            return False
        wanted = (command.device, command.name, dict(command.arguments))
        return any(
            step.state == "waiting" and (one := step.proposal) and (one.device, one.name, dict(one.arguments)) == wanted
            for step in found.steps
        )

    async def again(self, call: Call, decision_id: str, index: int, reason: str, *, override: bool = False) -> Decision:
        """Sends a step that took no effect once more, as a step of its own with who and why; override lets it replace
        a graver message that is still held.

        Raises BadRequestData (no reason, no name), ResourceNotFound, AlreadyDecided where it was sent since, did take
        effect, or the alert has moved on.
        """
        who, words = signed(call, reason)

        async def work(tx: Tx) -> Decision:
            return await again_tx(tx, decision_id, index, (who, words), override=override)

        decision = await self._database.write(call.tenant, work)
        if self._pending is not None:
            self._pending.add(call.tenant)
        last = len(decision.steps) - 1
        outcome = await self._put(call, decision, decision.steps[last])
        decision = await self._set_step(call.tenant, decision, last, outcome)
        self._bus.publish(screens_topic(call.tenant))
        return decision

    async def _put_all(self, call: Call, decision: Decision) -> Decision:
        """Puts every command, whatever becomes of writing down how one of them went."""
        for index, step in enumerate(decision.steps):
            outcome = await self._put(call, decision, step)
            try:
                decision = await self._set_step(call.tenant, decision, index, outcome)
            except Exception:
                logger.exception("step not written", extra={"decision": decision.id, "command": outcome.id})
                steps = list(decision.steps)
                steps[index] = _stepped(step, outcome, self._now())
                decision = replace(decision, steps=tuple(steps))
        return decision

    async def _put(self, call: Call, decision: Decision, step: Step) -> CommandOutcome:
        proposal, reason = step.proposal, step.reason or decision.reason
        command = Command(call.tenant, proposal.device, proposal.name, proposal.arguments, reason)
        try:
            return await self._act(replace(call, cause=f"decision:{decision.id}"), command)
        except asyncio.CancelledError:
            raise
        except Exception as problem:
            # The decision stands and must say what became of it, whatever the arbiter met.
            logger.exception("command not put", extra={"decision": decision.id, "device": proposal.device})
            name = type(problem).__name__
            return CommandOutcome("", "failed", f"{name}: {problem}", f"指示を送れませんでした（{name}）。")

    async def _set_step(self, tenant: str, decision: Decision, index: int, outcome: CommandOutcome) -> Decision:
        now = self._now()

        async def work(tx: Tx) -> tuple[Step, ...]:
            steps = list(await store.steps_tx(tx, decision.id))
            steps[index] = _stepped(steps[index], outcome, now)
            await store.set_steps_tx(tx, decision.id, steps)
            return tuple(steps)

        return replace(decision, steps=await self._database.write(tenant, work))

    async def follow(self, tenant: str, outcomes: Sequence[CommandOutcome]) -> int:
        """Writes what became of commands (a device's confirmation, an expiry) into the decisions that sent them.
        The number of steps that changed.
        """
        by_id = {outcome.id: outcome for outcome in outcomes if outcome.id}
        now = self._now()

        async def work(tx: Tx) -> int:
            changed = 0
            for decision in await store.unfinished_tx(tx):
                steps = tuple(
                    _stepped(step, by_id[step.command_id], now)
                    if step.command_id in by_id and step.state not in FINAL
                    else step
                    for step in decision.steps
                )
                moved = sum(old.state != new.state for old, new in zip(decision.steps, steps, strict=True))
                if moved:
                    await store.set_steps_tx(tx, decision.id, steps)
                    changed += moved
            return changed

        changed = await self._database.write(tenant, work)
        if changed:
            self._bus.publish(screens_topic(tenant))
        return changed

    async def unfinished(self, tenant: str) -> Sequence[Decision]:
        """Decisions with a command that has no end yet."""
        return await self._database.read(tenant, store.unfinished_tx)

    async def pending(self) -> Sequence[str]:
        """The tenants in which a command may have no end yet: at first all of them, then those that decided since."""
        if self._pending is None:
            self._pending = set(await self._database.tenants())
        found = []
        for tenant in sorted(self._pending):
            self._pending.discard(tenant)  # before the look: a decision that is taken meanwhile adds it again
            try:
                unfinished = await self.unfinished(tenant)
            except NonexistentTenant:
                continue
            except Problem:  # its store is set aside or away: it stops no other, and is looked at again
                self._pending.add(tenant)
                continue
            except Exception:
                logger.exception("commands of a tenant could not be looked at", extra={"tenant": tenant})
                self._pending.add(tenant)
                continue
            if unfinished:
                self._pending.add(tenant)
                found.append(tenant)
        return found

    async def recover(self, call: Call) -> None:
        """After a start: open alerts are mirrored again, and steps that were never put before the arbiter because the
        platform ended in between are marked unknown, to be decided by a person, never sent by themselves.
        """
        detail = "the platform ended before the command was sent; decide anew"
        detail_ja = "指示を送る前に基盤が止まりました。あらためて決定してください。"
        now = self._now()

        async def work(tx: Tx) -> None:
            for decision in await store.unfinished_tx(tx):
                steps = [
                    replace(step, state="unknown", detail=detail, detail_ja=detail_ja, at=now)
                    if step.state == "waiting"
                    else step
                    for step in decision.steps
                ]
                await store.set_steps_tx(tx, decision.id, steps)

        await self._database.write(call.tenant, work)
        for alert in await self.list(call.tenant, state="open", limit=10_000):
            await self._tell(call, alert)


def _stepped(step: Step, outcome: CommandOutcome, now: int) -> Step:
    moved = replace(step, command_id=outcome.id, state=outcome.state, detail=outcome.detail, at=now)
    return replace(moved, detail_ja=outcome.detail_ja)
