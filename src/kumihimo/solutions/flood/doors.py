"""The doors that the wing goes through; bound in `app`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.ports import Act, Bus, CommandOutcome, HttpFetch, Ingest, MqttConnect
from kumihimo.device.registry.registry import Registry
from kumihimo.platform.access.grants import NOTHING, Grant
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Query
from kumihimo.platform.history.query import History
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.notices.models import Tell, TookFor
from kumihimo.storage.database import Database


@dataclass(frozen=True, slots=True)
class FloodDoors:
    """The doors that the wing goes through; base_url is asked when needed, because the port may be any free one.

    commands gives where a tenant's commands stand; without it, decisions stay at "sent". rights gives what a caller may
    see of the tenant of its call, and raises a Problem for nothing at all; without it, pages show nothing. may_decide
    tells whether a caller may decide on the alerts of that tenant; without it, nobody may, and no page offers it.
    joined is told of each tenant of the demonstration that is made, before anything is in it. here tells by which
    installation the wing runs in a tenant, "" where it does not; without it, it runs in all.
    """

    database: Database
    clock: Clock
    bus: Bus
    broker: Broker
    history: History
    registry: Registry
    ingest: Ingest
    act: Act
    alerts: Alerts
    connect: MqttConnect
    fetch: HttpFetch
    base_url: Callable[[], str]
    commands: Callable[[str], Awaitable[Sequence[CommandOutcome]]] | None = None
    rights: Callable[[Call], Awaitable[Grant]] | None = None
    may_decide: Callable[[Call], Awaitable[bool]] | None = None
    joined: Callable[[str], Awaitable[None]] | None = None
    here: Callable[[str], Awaitable[str]] | None = None
    tell: Tell | None = None
    """Tells people by area; the same notice once. Without it nobody is told."""
    took: TookFor | None = None
    """What notices took until they were handed over; without it that is not known."""
    urgent: Callable[[str], Awaitable[int]] | None = None
    """The level from which a tenant tells people in their quiet hours too; without it none."""

    async def docs(self, tenant: str, kind: str, grant: Grant) -> list[EntityDoc]:
        """All entities of a type, as they may be seen."""
        query = Query(grant.restriction, grant.visible, types=kind, limit=1000)
        return await self.broker.find_all(tenant, query)

    async def seen_by(self, call: Call) -> Grant:
        """What the caller may see of its tenant."""
        return NOTHING if self.rights is None else await self.rights(call)

    async def runs(self, tenant: str) -> bool:
        """Whether the wing runs in the tenant."""
        return self.here is None or bool(await self.here(tenant))

    async def decides(self, call: Call) -> bool:
        """Whether the caller may decide on the alerts of its tenant."""
        return self.may_decide is not None and await self.may_decide(call)
