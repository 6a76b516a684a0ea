"""What a sighting makes of the subject's one open alert: raised, a new stage, eased, closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from kumihimo.base.ids import new_id
from kumihimo.service.alerts import store
from kumihimo.service.alerts.models import Alert, AlreadyDecided, Content, Event, EventKind, Sighting
from kumihimo.storage.database import Tx

MAX_ENDED: Final = 100_000


async def sight_tx(tx: Tx, seen: Sighting, now: int) -> Alert | None:
    """The alert after the sighting; None where nothing had to be done."""
    if await store.event_known_tx(tx, seen.key) is not None:
        return None
    before = await store.open_alert_tx(tx, seen.source, seen.subject)
    if before is None:
        if seen.severity == 0 or await store.is_closed_after_tx(tx, seen.source, seen.subject, seen.observed_at):
            return None
        return await _raise_tx(tx, seen, now)
    if seen.severity == before.severity or seen.observed_at < before.observed_at:
        return None
    after = _moved(before, seen, now, acted=await store.acted_tx(tx, before.id))
    if not await store.update_alert_tx(tx, after, before.version):
        raise AlreadyDecided("the alert changed meanwhile")
    await store.insert_event_tx(tx, _event(after, _kind(before, after, seen), seen, now))
    return after


async def end_tx(tx: Tx, source: str, words: Mapping[str, str], now: int) -> list[Alert]:
    """Closes every open alert of the source, whatever was decided on it, with these words by language; what was last on
    each stays on it. The alerts after it.
    """
    ended = []
    for before in await store.alerts_tx(tx, "open", source, None, MAX_ENDED):
        after = replace(before, state="closed", version=before.version + 1, changed_at=now)
        if not await store.update_alert_tx(tx, after, before.version):
            raise AlreadyDecided("the alert changed meanwhile")
        said = Content(title=words)
        event = Event(after.id, f"ended|{after.id}", "closed", after.stage, 0, after.observed_at, now, said)
        await store.insert_event_tx(tx, event)
        ended.append(after)
    return ended


async def _raise_tx(tx: Tx, seen: Sighting, now: int) -> Alert:
    alert = Alert(
        new_id("Alert"),
        seen.source,
        seen.subject,
        seen.severity,
        peak=seen.severity,
        state="open",
        stage=1,
        verdict="undecided",
        version=1,
        opened_at=now,
        changed_at=now,
        observed_at=seen.observed_at,
        content=seen.content,
    )
    await store.insert_alert_tx(tx, alert)
    await store.insert_event_tx(tx, _event(alert, "raised", seen, now))
    return alert


def _moved(before: Alert, seen: Sighting, now: int, *, acted: bool) -> Alert:
    """The alert after a sighting at another severity. A closed one keeps what was last on it; what a person decided
    on stays in the decision itself.

    Where something was done, a lesser severity with steps of its own is put before a person as well, the last of all
    before the alert closes: what was said in the rise must not stand on.
    """
    climbed = seen.severity > before.severity
    asked = climbed or (acted and bool(seen.content.proposals))
    closed = seen.severity == 0 and not asked
    return replace(
        before,
        severity=before.severity if closed else seen.severity,
        peak=max(before.peak, seen.severity),
        state="closed" if closed else "open",
        stage=before.stage + asked,
        verdict="undecided" if asked else before.verdict,
        version=before.version + 1,
        changed_at=now,
        observed_at=seen.observed_at,
        content=before.content if closed else seen.content,
    )


def _kind(before: Alert, after: Alert, seen: Sighting) -> EventKind:
    if after.state == "closed":
        return "closed"
    return "escalated" if seen.severity > before.severity else "eased"


def _event(alert: Alert, kind: EventKind, seen: Sighting, now: int) -> Event:
    return Event(alert.id, seen.key, kind, alert.stage, seen.severity, seen.observed_at, now, seen.content)
