"""The one log of decisions over all wings: each as its wing lets the reader see it, newest first, by keyset."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.access.rows import all_of
from kumihimo.platform.broker.door import Broker
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.facts import Titles
from kumihimo.service.alerts.models import Alert, Decision, LogPart, Wanted
from kumihimo.service.alerts.sights import DECIDED, SeenDecision, among

PAGE: Final = 50
"""Decisions on one page."""


class Seer(Protocol):
    """What a reader may see of a wing's decisions."""

    async def subjects_seen(self, tenant: str, grant: Grant) -> Collection[str] | None:
        """What may be read of all that there ever was an alert about; None for everything."""
        ...

    async def as_seen(self, tenant: str, grant: Grant, decisions: Sequence[Decision]) -> Sequence[SeenDecision]:
        """The decisions as they may be seen, without those that may not."""
        ...


@dataclass(frozen=True, slots=True)
class Seat:
    """A wing in the log: the source of its alerts ("": of all that have no seat of their own), how it is called, where
    the page of an alert is ("{id}" stands for the alert), who sees what of it, and what its figures are called.
    """

    source: str
    title: Mapping[str, str]
    path: str
    seer: Seer
    facts: Titles = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Logged:
    """A decision in the log, with its alert as it stands now: of that, only what names it."""

    seen: SeenDecision
    seat: Seat
    alert: Alert
    path: str

    @property
    def decision(self) -> Decision:
        """The decision as it may be seen."""
        return self.seen.decision

    @property
    def page(self) -> str:
        """The alert's own page, below the tenant."""
        return self.path.format(id=self.decision.alert_id)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of the log; after is where the next begins, None at the end."""

    decisions: Sequence[Logged] = field(default_factory=list)
    after: tuple[int, str] | None = None


class DecisionLog:
    """The log over all seats; exactly one of them has no source.

    here: the sources that have pages of their own in a tenant now; what others left is on those of the seat without.
    """

    def __init__(
        self,
        alerts: Alerts,
        broker: Broker,
        seats: Sequence[Seat],
        here: Callable[[str], Awaitable[Collection[str]]] | None = None,
    ) -> None:
        self._alerts = alerts
        self._broker = broker
        self.seats = seats
        self._here = here

    async def leaf(self, tenant: str, grant: Grant, wanted: Wanted, limit: int = PAGE) -> Leaf:
        """Up to so many decisions, newest first. Who decided is looked for only where it may be known."""
        parts = await self._parts(tenant, grant, wanted)
        among_these = None
        if wanted.who and not grant.is_all:
            among_these = await self._told(tenant, grant, await self._alerts.decided_on(tenant, parts))
        found = await self._alerts.log(tenant, parts, wanted, among_these, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        logged = await self._logged(tenant, grant, found[:limit])
        return Leaf(logged, None if last is None else (last.at, last.id))

    async def one(self, tenant: str, grant: Grant, decision_id: str) -> Logged:
        """One decision. ResourceNotFound also where the reader may not see it."""
        found = await self._alerts.decision(tenant, decision_id)
        logged = [] if found is None else await self._logged(tenant, grant, [found])
        if not logged:
            raise ResourceNotFound(f"there is no decision {decision_id[:40]!r}")
        return logged[0]

    async def _parts(self, tenant: str, grant: Grant, wanted: Wanted) -> list[LogPart]:
        named = frozenset(seat.source for seat in self.seats if seat.source)
        found = []
        for seat in self.seats:
            if wanted.source in ("", seat.source or "rules"):
                subjects = await seat.seer.subjects_seen(tenant, grant)
                found.append(LogPart(frozenset({seat.source}) if seat.source else named, not seat.source, subjects))
        return found

    async def _told(self, tenant: str, grant: Grant, ids: Collection[str]) -> set[str]:
        rows = all_of((grant.restriction.rows, grant.visible.where(DECIDED)))
        return await among(self._broker, tenant, rows, ids)

    async def _logged(self, tenant: str, grant: Grant, decisions: Sequence[Decision]) -> list[Logged]:
        alerts = {one.id: one for one in await self._alerts.named(tenant, {one.alert_id for one in decisions})}
        named = {seat.source: seat for seat in self.seats}
        seats = {one.id: named.get(alerts[one.alert_id].source, named[""]) for one in decisions}
        shown: dict[str, SeenDecision] = {}
        for seat in self.seats:
            own = [one for one in decisions if seats[one.id] is seat]
            if own:
                shown |= {one.decision.id: one for one in await seat.seer.as_seen(tenant, grant, own)}
        here = [seat.source for seat in self.seats] if self._here is None else await self._here(tenant)
        paths = {seat.source: (seat if seat.source in here else named[""]).path for seat in self.seats}
        return [
            Logged(shown[one.id], seats[one.id], alerts[one.alert_id], paths[seats[one.id].source])
            for one in decisions
            if one.id in shown
        ]
