"""Why a subscription was told of a change or not: the matcher's own checks, walked to the end, with what they saw.

They are made with the subscription, the rights and the linked entities as they are now; what the log says of the
entity is of then.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kumihimo.base import jsontext
from kumihimo.base.events import ChangeKind, LogRecord
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.evaluate import Asked
from kumihimo.platform.broker.models import Visible
from kumihimo.platform.delivery.catalogue import Ready
from kumihimo.platform.delivery.changes import Changes
from kumihimo.platform.delivery.checks import CHECKS, ENTITIES, Case, Check, CheckName, Lookup, missed
from kumihimo.platform.delivery.models import Attempt, DeadLetter, Outgoing, Rest, Subscription
from kumihimo.platform.delivery.seen import Seen
from kumihimo.platform.delivery.wording import (
    Compact,
    conditions,
    found_text,
    instances_text,
    q_text,
    short,
    type_text,
)
from kumihimo.platform.jsonld.models import Instance

log = logging.getLogger(__name__)

LOOK_BACK = 50_000
"""How many of a tenant's newest changes are looked through at once; the log has no index by entity."""
MAX_CHANGES = 100

How = Literal["created", "updated", "lost", "same"]
Result = Literal["passed", "failed", "free", "broken"]
Outcome = Literal["told", "held", "merged", "waiting", "not"]


@dataclass(frozen=True, slots=True)
class Touched:
    """An attribute that a change wrote or deleted, under its short name, with its values in short before and after.

    same: it was written with what it was already, which is no change (clause 5.8.6).
    """

    name: str
    how: How
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one check. free: the subscription asks for nothing here; broken: the check itself fell.

    reason is a key for one's own words, e.g. "q" or "trigger.unwatched", with the values that belong into them. facts
    are the parts of an expression that must all hold: text, whether it holds, what the entity has there.
    """

    name: CheckName
    result: Result
    reason: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[tuple[str, bool, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """One change of the entity and what the subscription made of it; moments are microseconds, 0 for none.

    outcome: told: put into the outbox; held: by throttling, until; merged: held too, but a later state goes in its
    place; waiting: not matched yet; not: some check failed. is_older tells that the subscription,
    which was there, was changed since.
    """

    seq: int
    at: int
    kind: ChangeKind
    touched: tuple[Touched, ...]
    verdicts: tuple[Verdict, ...]
    outcome: Outcome
    until: int = 0
    is_older: bool = False

    @property
    def first(self) -> Verdict | None:
        """The check at which the matcher stopped, None where all hold."""
        return next((one for one in self.verdicts if one.result in ("failed", "broken")), None)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Changes newest first, and what is known of the notifications that they led to.

    is_there: the entity stands in the broker and may be seen; is_aside: the subscription is heard no more, as its maker
    lost the right or a rule became stricter, so that no check is made. several: some of the notifications tell of
    several entities at once. rest: how long its endpoint is left alone, as it did not answer. earlier: the position to
    ask from for what lies before, 0 where nothing does.
    """

    entity: str
    changes: tuple[Explained, ...]
    attempts: tuple[Attempt, ...]
    waiting: tuple[Outgoing, ...]
    dead: tuple[DeadLetter, ...]
    is_there: bool
    is_aside: bool
    several: bool
    earlier: int
    rest: Rest | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far delivery is: the matcher's position, the log seq that is held back for the entity, and until when."""

    position: int
    held: int = 0
    until: int = 0
    queued: int = 0


def explained(ready: Ready, seen: Seen, now: int, lookup: Lookup, viewer: Grant, standing: Standing) -> Explained:
    """What the subscription makes of a record, as far as the viewer may hear of it; now in microseconds."""
    record = seen.record
    # What was matched was matched at about the moment of the change: whether it had expired then is what counts.
    at = record.at if record.seq <= standing.position else now
    case = Case(ready.subscription, ready.grant, seen, at, lookup)
    compact = ready.context.compact
    teller = _Teller(case, viewer.visible, compact)
    verdicts = [teller.verdict(check) for check in (ENTITIES, *CHECKS)]
    fired = all(one.result in ("passed", "free") for one in verdicts)
    outcome = _outcome(fired, record, standing)
    verdicts.append(_throttled(ready.subscription, outcome))
    return Explained(
        seq=record.seq,
        at=record.at,
        kind=record.kind,
        touched=touched_by(seen, viewer.visible, compact),
        verdicts=tuple(verdicts),
        outcome=outcome,
        until=standing.until if outcome in ("held", "merged") else 0,
        is_older=_is_older(ready.subscription, record),
    )


def _is_older(subscription: Subscription, record: LogRecord) -> bool:
    stored = subscription.stored
    return stored.start_seq < record.seq and record.at < stored.modified_at


def unheard(record: LogRecord, seen: Seen, viewer: Visible, compact: Compact) -> Explained:
    """A change in front of a subscription that is set aside: what changed, and no check."""
    return Explained(record.seq, record.at, record.kind, touched_by(seen, viewer, compact), (), "not")


def _outcome(fired: bool, record: LogRecord, standing: Standing) -> Outcome:
    if not fired:
        return "not"
    if record.seq > standing.position:
        return "waiting"
    if record.seq == standing.held:
        return "held"
    return "merged" if record.seq < standing.held and record.at > standing.queued else "told"


def _throttled(subscription: Subscription, outcome: Outcome) -> Verdict:
    if not subscription.throttling:
        return Verdict("throttling", "free")
    if outcome not in ("held", "merged"):
        return Verdict("throttling", "passed")
    seconds = f"{subscription.throttling:g}"
    return Verdict("throttling", "failed", f"throttling.{outcome}", {"seconds": seconds})


def touched_by(seen: Seen, viewer: Visible, compact: Compact) -> tuple[Touched, ...]:
    """What the change did to the attributes that the viewer may see."""
    record, changes = seen.record, seen.changes
    now, before = seen.names(viewer)
    names = record.entity["attrs"] if record.kind != "entityUpdated" else (*record.changed, *record.deleted)
    return tuple(
        Touched(compact(name), how_of(name, changes), *_values(record, name, was_seen=name in before))
        for name in dict.fromkeys(names)
        if name in (before if name in record.deleted else now)
    )


def how_of(name: str, changes: Changes) -> How:
    """What happened to an attribute that was written or deleted."""
    if name in changes.created:
        return "created"
    if name in changes.updated:
        return "updated"
    return "lost" if name in changes.lost else "same"


def _values(record: LogRecord, name: str, *, was_seen: bool) -> tuple[str, str]:
    now: list[Instance] = record.entity["attrs"].get(name, [])
    before = now if record.kind == "entityDeleted" else record.previous.get(name, []) if was_seen else []
    return instances_text(before), "" if record.kind == "entityDeleted" else instances_text(now)


class _Teller:
    """Makes the checks and says what they saw. It decides nothing itself: each verdict is the check's own."""

    def __init__(self, case: Case, viewer: Visible, compact: Compact) -> None:
        self._case = case
        self._subscription = case.subscription
        self._record = case.seen.record
        self._viewer = viewer
        self._compact = compact

    def verdict(self, check: Check) -> Verdict:
        """What comes of the check, with a reason where it fails."""
        case = self._case
        if not check.is_asked(case.subscription, case.grant):
            return Verdict(check.name, "free")
        try:
            holds = check.holds(case)
            facts = self._facts() if check.name == "q" else ()
            if holds:
                return Verdict(check.name, "passed", facts=facts)
            reason, values = self._reason(check.name)
        except Exception:
            # As in the matcher: such a record is not told, and the log of the server has the rest.
            log.exception("check broken", extra={"subscription": case.subscription.id, "seq": self._record.seq})
            return Verdict(check.name, "broken", "broken")
        return Verdict(check.name, "failed", reason, values, facts)

    def _reason(self, name: CheckName) -> tuple[str, Mapping[str, str]]:
        document = self._subscription.stored.document
        if name == "entities":
            return self._unselected()
        if name == "status":
            return f"status.{self._subscription.status(self._case.now)}", {}
        if name == "trigger":
            return self._untriggered()
        if name == "datasetId":
            return name, {"wanted": ", ".join(sorted(self._subscription.datasets or ()))}
        wanted = document.get(name, "")
        if name == "geoQ":
            return name, {"wanted": self._geo_text(), "found": self._place()}
        if name == "scopeQ":
            return name, {"wanted": str(wanted), "found": ", ".join(self._record.entity.get("scope", ())) or "-"}
        return name, {"wanted": short(str(wanted))}

    def _unselected(self) -> tuple[str, Mapping[str, str]]:
        if len(self._subscription.selectors) > 1:
            return "entities", {"count": str(len(self._subscription.selectors))}
        (selector,) = self._subscription.selectors
        miss = missed(selector, self._record)
        wanted = {
            "id": ", ".join(selector.ids),
            "type": type_text(selector.types, self._compact) if selector.types is not None else "",
            "idPattern": selector.pattern,
        }
        types = ", ".join(map(self._compact, self._record.entity["type"]))
        return f"entities.{miss}", {"wanted": short(wanted.get(miss, "")), "found": types}

    def _untriggered(self) -> tuple[str, Mapping[str, str]]:
        """Whether nothing changed, nothing that is watched or may be seen, or in a way that is not waited for."""
        changes, one = self._case.seen.changes, self._subscription
        values = {
            "watched": ", ".join(sorted(map(self._compact, one.watched))),
            "triggers": ", ".join(sorted(one.triggers)),
        }
        changed = changes.created | changes.updated | changes.lost.keys()
        if not changed and self._record.changed:
            return "trigger.same", values
        if changed and one.watched and not changed & one.watched:
            return "trigger.unwatched", values
        heard = changed & one.watched if one.watched else changed
        seen, _ = self._case.seen.names(self._case.grant.visible)
        if heard and not any(name in seen for name in heard):
            return "trigger.hidden", values
        return "trigger.other", values

    def _facts(self) -> tuple[tuple[str, bool, str], ...]:
        """The parts of q; none for a viewer who may not see all that its maker may."""
        q = self._subscription.q
        if q is None or not self._viewer.is_all:
            return ()
        entity, _ = self._case.seen.through(self._case.grant.visible)
        asked = Asked(entity, self._case.lookup)
        return tuple(
            (q_text(part, self._compact), asked.satisfies(part), found_text(part, entity)) for part in conditions(q)
        )

    def _geo_text(self) -> str:
        geo = self._subscription.stored.document.get("geoQ", {})
        return short(f"{geo.get('georel', '')} {geo.get('geometry', '')} {jsontext.text(geo.get('coordinates', ''))}")

    def _place(self) -> str:
        geo = self._subscription.geo
        if geo is None or geo.property not in self._case.seen.names(self._viewer)[0]:
            return "-"
        entity, _ = self._case.seen.through(self._case.grant.visible)
        return instances_text(entity["attrs"].get(geo.property, [])) or "-"
