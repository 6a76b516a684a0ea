"""What a caller may see of a tenant's alerts: those of the subjects that it may read, and of each what rests on
attributes that it may see. What is hidden neither orders nor counts, or the order would tell of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access.grants import NO_ATTRIBUTES, Grant, Restriction
from kumihimo.platform.access.models import EVERY_ROW, NO_ROW, RowNode
from kumihimo.platform.access.rows import all_of
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Query
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, EntityDoc
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.models import Alert, Content, Decision, Event, Maker

DECIDED: Final = DEFAULT_VOCAB + "decision"
"""The attribute of an alert's own entity that says what people decided: who may see it is told who and why."""
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Rests:
    """What the parts of a wing's alerts are made from, as expanded names of their subject's attributes.

    reading: the evidence; level: how grave it is, beside the reading (thresholds); name: how the subject is called;
    place: where one must go.
    """

    reading: tuple[str, ...]
    level: tuple[str, ...]
    name: tuple[str, ...]
    place: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """Which parts of an alert may be shown to a caller; people: who decided, and why."""

    reading: bool = True
    level: bool = True
    name: bool = True
    place: bool = True
    people: bool = True

    @property
    def words(self) -> bool:
        """Whether the alert's own words may be shown, which name the subject and say how grave it is."""
        return self.level and self.name

    @property
    def steps(self) -> bool:
        """Whether the steps may be shown, which say all of it; nobody decides on what is not shown."""
        return self.words and self.place

    @property
    def reasons(self) -> bool:
        """Whether what people wrote may be shown: they write of whatever they saw."""
        return self.people and self.steps


ALL_OF_IT: Final = Sight()


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert without what the caller may not see: there severity, peak, stage and moments are 0, words and evidence
    empty.
    """

    alert: Alert
    sight: Sight


@dataclass(frozen=True, slots=True)
class SeenDecision:
    """A decision without what the caller may not see, as in Seen."""

    decision: Decision
    sight: Sight


Entitle = Callable[[EntityDoc], Mapping[str, str]]
"""An alert's title by language, of as much of its subject as may be seen."""


class Sights:
    """The alerts of one source as callers may see them. Who may read everything sees them as they are."""

    def __init__(self, alerts: Alerts, broker: Broker, source: str, rests: Rests, entitle: Entitle) -> None:
        self._alerts = alerts
        self._broker = broker
        self._source = source
        self._rests = rests
        self._entitle = entitle

    async def list(
        self, tenant: str, grant: Grant, *, state: str = "", subject: str = "", limit: int = 200
    ) -> list[Seen]:
        """As Alerts.list; those of which it is hidden how grave they are come behind the others of their kind."""
        if grant.is_all:
            found = await self._alerts.list(tenant, source=self._source, state=state, subject=subject, limit=limit)
            return [Seen(alert, ALL_OF_IT) for alert in found]
        subjects = [subject] if subject else await self._alerts.subjects(tenant)
        sights = await self._sights(tenant, grant, subjects)
        ranked = [one for one, sight in sights.items() if sight.level]
        blind = [one for one, sight in sights.items() if not sight.level]
        alerts = [
            *await self._alerts.list(tenant, source=self._source, state=state, subjects=ranked, limit=limit),
            *await self._alerts.list(
                tenant, source=self._source, state=state, subjects=blind, limit=limit, ranked=False
            ),
        ]
        seen = await self._shown(tenant, grant, alerts, sights)
        return sorted(seen, key=lambda one: _waits(one.alert))[:limit]

    async def get(self, tenant: str, grant: Grant, alert_id: str) -> Seen:
        """One alert; ResourceNotFound also where the caller may not read what it is about."""
        alert = await self._alerts.get(tenant, alert_id)
        if alert.source != self._source:
            raise ResourceNotFound(f"there is no alert {alert_id!r}")
        if grant.is_all:
            return Seen(alert, ALL_OF_IT)
        sights = await self._sights(tenant, grant, [alert.subject])
        if not sights:
            raise ResourceNotFound(f"there is no alert {alert_id!r}")
        [seen] = await self._shown(tenant, grant, [alert], sights)
        return seen

    async def events(self, tenant: str, seen: Seen) -> Sequence[Event]:
        """What happened to the alert; nothing where it is hidden how grave it was, which is all that events say."""
        return await self._alerts.events(tenant, seen.alert.id) if seen.sight.level else []

    async def decisions(
        self, tenant: str, grant: Grant, seen: Seen | None = None, limit: int = 1000
    ) -> Sequence[SeenDecision]:
        """The decisions on one alert, or on all that the caller may see, newest first."""
        if seen is not None:
            found = await self._alerts.decisions(tenant, seen.alert.id, limit)
            return [
                SeenDecision(decision_as_seen(one, seen.sight, seen.alert.content.title), seen.sight) for one in found
            ]
        if grant.is_all:
            found = await self._alerts.decisions(tenant, limit=limit, source=self._source)
            return [SeenDecision(one, ALL_OF_IT) for one in found]
        subjects = await self.subjects_seen(tenant, grant)
        found = await self._alerts.decisions(tenant, limit=limit, source=self._source, subjects=subjects)
        return await self.as_seen(tenant, grant, found)

    async def subjects_seen(self, tenant: str, grant: Grant) -> Collection[str] | None:
        """What may be read of all that there ever was an alert about; None for everything."""
        if grant.is_all:
            return None
        return list(await self._sights(tenant, grant, await self._alerts.subjects(tenant)))

    async def as_seen(self, tenant: str, grant: Grant, found: Sequence[Decision]) -> Sequence[SeenDecision]:
        """The decisions of this source as they may be seen, without those that may not."""
        if grant.is_all:
            return [SeenDecision(one, ALL_OF_IT) for one in found]
        named = await self._alerts.named(tenant, {one.alert_id for one in found})
        sights = await self._sights(tenant, grant, {one.subject for one in named})
        alerts = [one for one in named if one.subject in sights]
        shown = {one.alert.id: one for one in await self._shown(tenant, grant, alerts, sights)}
        return [
            SeenDecision(decision_as_seen(one, of.sight, of.alert.content.title), of.sight)
            for one in found
            if (of := shown.get(one.alert_id)) is not None
        ]

    # --- what of it may be seen --------------------------------------------------------------------------

    async def _shown(
        self, tenant: str, grant: Grant, alerts: Sequence[Alert], sights: Mapping[str, Sight]
    ) -> Sequence[Seen]:
        """The alerts without what their sights hide."""
        rows = all_of((grant.restriction.rows, grant.visible.where(DECIDED)))
        told = await self._among(tenant, rows, [one.id for one in alerts])
        wordless = {one.subject for one in alerts if not sights[one.subject].words}
        docs = {doc["id"]: doc for doc in await _docs(self._broker, tenant, grant, wordless)}
        found = []
        for alert in alerts:
            sight = replace(sights[alert.subject], people=alert.id in told)
            title = alert.content.title
            if not sight.words:
                nameless: EntityDoc = {"id": alert.subject, "type": [], "attrs": {}}
                title = self._entitle(docs.get(alert.subject, nameless))
            found.append(Seen(_alert(alert, sight, title), sight))
        return found

    async def _sights(self, tenant: str, grant: Grant, subjects: Collection[str]) -> dict[str, Sight]:
        """What may be seen of each subject, without those that may not be read at all."""
        rests, rows = self._rests, grant.restriction.rows
        wanted = (rests.reading, (*rests.reading, *rests.level), rests.name, rests.place)
        nodes = [all_of((rows, *map(grant.visible.where, names))) for names in wanted]
        standing = {node: await self._among(tenant, node, subjects) for node in dict.fromkeys((rows, *nodes))}
        return {
            one: Sight(*(one in standing[node] for node in nodes))
            for one in dict.fromkeys(subjects)
            if one in standing[rows]
        }

    async def _among(self, tenant: str, rows: RowNode, ids: Collection[str]) -> set[str]:
        return await among(self._broker, tenant, rows, ids)


async def among(broker: Broker, tenant: str, rows: RowNode, ids: Collection[str]) -> set[str]:
    """Which of the entities are among the rows."""
    if rows == EVERY_ROW:
        return set(ids)
    if rows == NO_ROW:
        return set()
    return {doc["id"] for doc in await _docs(broker, tenant, Grant(Restriction(rows), NO_ATTRIBUTES), ids)}


async def _docs(broker: Broker, tenant: str, grant: Grant, ids: Iterable[str]) -> Sequence[EntityDoc]:
    left, found = list(ids), []
    for start in range(0, len(left), _AT_ONCE):
        some = tuple(left[start : start + _AT_ONCE])
        query = Query(grant.restriction, grant.visible, ids=some, limit=len(some))
        found += (await broker.find(tenant, query)).entities
    return found


def _waits(alert: Alert) -> tuple[bool, bool]:
    """The order of what is to be done: open before closed, of these the undecided first."""
    return alert.state != "open", not (alert.state == "open" and alert.verdict == "undecided")


def _alert(alert: Alert, sight: Sight, title: Mapping[str, str]) -> Alert:
    shown = replace(alert, content=_content(alert.content, sight, title))
    if not sight.level:
        shown = replace(shown, severity=0, peak=0, stage=0, opened_at=0, changed_at=0)
    return shown if sight.reading else replace(shown, observed_at=0)


def _content(content: Content, sight: Sight, title: Mapping[str, str]) -> Content:
    return Content(
        title=content.title if sight.words else title,
        place=content.place if sight.place else "",
        attribute=content.attribute if sight.reading else "",
        evidence=content.evidence if sight.reading else (),
        facts=content.facts if sight.level else {},
        proposals=content.proposals if sight.steps else (),
        location=content.location if sight.place else None,
        makers=_makers(content.makers, sight),
    )


def _makers(makers: Sequence[Maker], sight: Sight) -> tuple[Maker, ...]:
    """What made it with its version; its own figures only where all of the alert may be seen."""
    return tuple(one if sight.steps else replace(one, facts={}) for one in makers)


def decision_as_seen(decision: Decision, sight: Sight, title: Mapping[str, str]) -> Decision:
    """The decision without what may not be seen; title is that of its alert where its own says too much."""
    steps = decision.steps if sight.steps else ()
    if not sight.reasons:
        steps = tuple(replace(step, who="", reason="") for step in steps)
    return replace(
        decision,
        content=_content(decision.content, sight, title),
        steps=steps,
        severity=decision.severity if sight.level else 0,
        stage=decision.stage if sight.level else 0,
        reason=decision.reason if sight.reasons else "",
        who=decision.who if sight.people else "",
        makers=tuple(one for one in _makers(decision.makers, sight) if one.kind != "permission" or sight.people),
    )
