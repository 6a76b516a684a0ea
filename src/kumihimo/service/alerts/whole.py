"""Alerts that no wing has pages for, as callers may see them: whole, or not at all.

What such an alert rests on, only whoever wrote its rule knows: its words may hold any attribute of its entity. So who
may not see every attribute of that entity does not see the alert, and it neither orders nor counts for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.access.rows import all_of
from kumihimo.platform.broker.door import Broker
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.models import Alert, Decision, Event
from kumihimo.service.alerts.sights import ALL_OF_IT, DECIDED, Seen, SeenDecision, Sight, among, decision_as_seen

NAMELESS: Final = Sight(people=False)
"""All of it but who decided, and why."""
About = Callable[[str], str]
"""The entity that an alert with this subject is about, "" for none."""
Beside = Callable[[str], Awaitable[Collection[str]]]
"""The sources whose alerts have pages of their own in a tenant."""


class Whole:
    """The alerts of all sources but those beside, which have pages of their own."""

    def __init__(self, alerts: Alerts, broker: Broker, beside: Beside, about: About) -> None:
        self._alerts = alerts
        self._broker = broker
        self._beside = beside
        self._about = about

    async def list(self, tenant: str, grant: Grant, limit: int = 200) -> Sequence[Seen]:
        """Open ones first, of these the undecided first, then by severity and time."""
        subjects = None if grant.is_all else await self._seen(tenant, grant, await self._subjects(tenant))
        alerts = await self._alerts.list(tenant, beside=await self._beside(tenant), subjects=subjects, limit=limit)
        told = await self._told(tenant, grant, [one.id for one in alerts])
        return [Seen(one, ALL_OF_IT if one.id in told else NAMELESS) for one in alerts]

    async def get(self, tenant: str, grant: Grant, alert_id: str) -> Seen:
        """One alert; ResourceNotFound where there is none that the caller may see, or a wing has it."""
        alert = await self._alerts.get(tenant, alert_id)
        hidden = not grant.is_all and not await self._seen(tenant, grant, [alert.subject])
        if alert.source in await self._beside(tenant) or hidden:
            raise ResourceNotFound(f"there is no alert {alert_id!r}")
        told = await self._told(tenant, grant, [alert.id])
        return Seen(alert, ALL_OF_IT if told else NAMELESS)

    async def events(self, tenant: str, seen: Seen) -> Sequence[Event]:
        """What happened to the alert, oldest first."""
        return await self._alerts.events(tenant, seen.alert.id)

    async def decisions(
        self, tenant: str, grant: Grant, seen: Seen | None = None, limit: int = 1000
    ) -> Sequence[SeenDecision]:
        """The decisions on one alert, or on all that the caller may see, newest first."""
        if seen is not None:
            found = await self._alerts.decisions(tenant, seen.alert.id, limit)
        else:
            subjects = None if grant.is_all else await self._seen(tenant, grant, await self._subjects(tenant))
            beside = await self._beside(tenant)
            found = await self._alerts.decisions(tenant, limit=limit, beside=beside, subjects=subjects)
        return await self.as_seen(tenant, grant, found)

    async def subjects_seen(self, tenant: str, grant: Grant) -> Collection[str] | None:
        """What may be read of all that there ever was an alert about; None for everything."""
        return None if grant.is_all else await self._seen(tenant, grant, await self._subjects(tenant))

    async def as_seen(self, tenant: str, grant: Grant, decisions: Sequence[Decision]) -> Sequence[SeenDecision]:
        """The decisions as they may be seen, without those that may not."""
        found = list(decisions)
        if not grant.is_all:
            alerts = await self._alerts.named(tenant, {one.alert_id for one in decisions})
            seen = set(await self._seen(tenant, grant, [one.subject for one in alerts]))
            shown = {one.id for one in alerts if one.subject in seen}
            found = [one for one in decisions if one.alert_id in shown]
        told = await self._told(tenant, grant, {one.alert_id for one in found})
        sights = ((one, ALL_OF_IT if one.alert_id in told else NAMELESS) for one in found)
        return [SeenDecision(decision_as_seen(one, sight, one.content.title), sight) for one, sight in sights]

    def entity(self, alert: Alert) -> str:
        """The entity that the alert is about, "" for none."""
        return self._about(alert.subject)

    async def _subjects(self, tenant: str) -> Sequence[str]:
        return await self._alerts.subjects(tenant, await self._beside(tenant))

    async def _seen(self, tenant: str, grant: Grant, subjects: Sequence[str]) -> Sequence[str]:
        """Those about an entity of which the caller may see every attribute, also those that it no longer has: they
        may stand in what the alert says.
        """
        visible, abouts = grant.visible, {one: self._about(one) for one in subjects}
        rows = all_of((grant.restriction.rows, *(visible.where(name) for name in ("", *sorted(visible.named)))))
        whole = await among(self._broker, tenant, rows, {one for one in abouts.values() if one})
        return [one for one, entity in abouts.items() if entity in whole]

    async def _told(self, tenant: str, grant: Grant, ids: Collection[str]) -> set[str]:
        """Of which alerts the caller may know who decided, and why: that goes with the alert's own entity."""
        if grant.is_all:
            return set(ids)
        return await among(self._broker, tenant, all_of((grant.restriction.rows, grant.visible.where(DECIDED))), ids)
