"""A person's decision on one stage of an alert, taken once; and a step that is sent again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.ids import new_token
from kumihimo.service.alerts import store
from kumihimo.service.alerts.models import (
    Alert,
    AlertState,
    AlreadyDecided,
    Decision,
    Event,
    Maker,
    Proposal,
    Step,
    Verdict,
)
from kumihimo.storage.database import Tx

MAX_WORDS = 2000


def signed(call: Call, reason: str) -> tuple[str, str]:
    """Who decides and why; BadRequestData where either is missing or too long."""
    words = reason.strip()
    if not words or len(words) > MAX_WORDS:
        raise BadRequestData(f"a decision needs a reason of 1 to {MAX_WORDS} characters")
    if call.actor.kind != "person" or not call.actor.id.strip():
        raise BadRequestData("a decision needs the name of who decides")
    return call.actor.id.strip(), words


async def decide_tx(
    tx: Tx,
    alert_id: str,
    version: int,
    said: tuple[Verdict, str, str],
    facts: Mapping[str, Any] | None,
    makers: tuple[Maker, ...],
    now: int,
) -> tuple[Alert, Decision]:
    """The alert and the decision; said is verdict, reason and who. Where the cause is gone, deciding closes."""
    before = await store.alert_tx(tx, alert_id)
    if before is None:
        raise ResourceNotFound(f"there is no alert {alert_id!r}")
    if before.state == "closed":
        raise AlreadyDecided("this alert is closed: the cause is gone, there is nothing left to decide")
    if before.verdict != "undecided" or before.version != version:
        raise AlreadyDecided("this alert was decided, or has changed, since the page was made: read it again")
    verdict, reason, who = said
    state: AlertState = "open" if before.severity else "closed"
    after = replace(before, verdict=verdict, state=state, version=version + 1, changed_at=now)
    if not await store.update_alert_tx(tx, after, version):
        raise AlreadyDecided("this alert was decided at the same moment by somebody else")
    if after.state == "closed":
        await store.insert_event_tx(tx, _ended(after, now))
    content = before.content
    if facts is not None:
        content = replace(content, facts={**content.facts, "atDecision": dict(facts)})
    steps = tuple(Step(proposal) for proposal in content.proposals) if verdict == "accepted" else ()
    decision = Decision(
        new_token(8), alert_id, before.stage, before.severity, verdict, reason, who, now, content, steps, makers
    )
    await store.insert_decision_tx(tx, decision)
    return after, decision


def _ended(alert: Alert, now: int) -> Event:
    key = f"{alert.id}|decided|{alert.stage}"
    return Event(alert.id, key, "closed", alert.stage, alert.severity, alert.observed_at, now, alert.content)


async def again_tx(tx: Tx, decision_id: str, index: int, said: tuple[str, str], *, override: bool) -> Decision:
    """The decision with the step at the index once more, behind the others; said is who and why."""
    decision = await store.decision_tx(tx, decision_id)
    if decision is None or not 0 <= index < len(decision.steps):
        raise ResourceNotFound(f"there is no step {index} of a decision {decision_id[:40]!r}")
    alert = await store.alert_tx(tx, decision.alert_id)
    if alert is None or alert.stage != decision.stage:
        raise AlreadyDecided("the alert has moved on since: decide on the stage that stands now")
    if alert.state == "closed" and alert.severity:
        raise AlreadyDecided("the alert has ended since: what was decided on it is not sent again")
    if not decision.may_be_sent_again(index):
        raise AlreadyDecided("this step took effect, is still under way, or was sent again already")
    proposal = decision.steps[index].proposal
    if override:
        proposal = Proposal(proposal.device, proposal.name, {**proposal.arguments, "override": True}, proposal.label)
    who, reason = said
    steps = (*decision.steps, Step(proposal, who=who, reason=reason))
    await store.set_steps_tx(tx, decision.id, steps)
    return replace(decision, steps=steps)
