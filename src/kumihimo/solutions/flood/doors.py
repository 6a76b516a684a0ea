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
from kumihimo.platform.history.query import History
from kumihimo.service.alerts.door import Alerts
from kumihimo.storage.database import Database


@dataclass(frozen=True, slots=True)
class FloodDoors:
    """The doors that the wing goes through; base_url is asked when needed, because the port may be any free one.

    commands gives where a tenant's commands stand; without it, decisions stay at "sent". rights gives what a caller may
    see of the tenant of its call, and raises a Problem for nothing at all; without it, pages show nothing.
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

    async def seen_by(self, call: Call) -> Grant:
        """What the caller may see of its tenant."""
        return NOTHING if self.rights is None else await self.rights(call)
