"""The doors that the wing goes through; bound in `app`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem
from kumihimo.base.ports import Bus, CommandOutcome, HttpFetch, MqttConnect
from kumihimo.device.registry.registry import Registry
from kumihimo.platform.access.grants import EVERYTHING, Grant
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Change, Query
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.notices.models import Tell, TookFor
from kumihimo.storage.database import Database


@dataclass(frozen=True, slots=True)
class WildlifeDoors:
    """commands gives where a tenant's commands stand; rights gives what a caller may see, deletes what a caller
    may delete, approves on what one may decide; each raises a Problem for nothing at all. joined is told of the played
    town when it is made, before anything is in it. here tells by which installation the wing runs in a tenant, ""
    where it does not; without it, it runs in all.
    """

    database: Database
    clock: Clock
    bus: Bus
    broker: Broker
    registry: Registry
    alerts: Alerts
    connect: MqttConnect
    fetch: HttpFetch
    base_url: Callable[[], str]
    commands: Callable[[str], Awaitable[Sequence[CommandOutcome]]]
    rights: Callable[[Call], Awaitable[Grant]]
    deletes: Callable[[Call], Awaitable[Grant]]
    approves: Callable[[Call], Awaitable[Grant]]
    tell: Tell
    """Tells people by area; the same notice once."""
    took: TookFor | None = None
    """What notices took until they were handed over; without it that is not known."""
    joined: Callable[[str], Awaitable[None]] | None = None
    here: Callable[[str], Awaitable[str]] | None = None
    writes: Callable[[Call], Awaitable[Grant]] | None = None
    """What a caller may write; without it, all."""
    administers: Callable[[Call], Awaitable[Grant]] | None = None
    """Raises a Problem for who may not set the town's rules; without it, all may."""

    async def docs(self, tenant: str, kind: str, grant: Grant = EVERYTHING) -> list[EntityDoc]:
        """All entities of a type, as they may be seen."""
        query = Query(grant.restriction, grant.visible, types=kind, limit=1000)
        return await self.broker.find_all(tenant, query)

    async def sees_all(self, call: Call) -> bool:
        """Whether the caller may see everything of the tenant."""
        return (await self.rights(call)).is_all

    async def may_open(self, call: Call, needs: str) -> bool:
        """Whether the caller may see a page, or send a form, that needs this: WHOLE, "read", "write", "administer"."""
        try:
            if needs == "administer":
                return self.administers is None or (await self.administers(call)).is_all
            if needs == "write":
                return self.writes is None or bool(await self.writes(call))
            return bool(await self.rights(call)) if needs == "read" else await self.sees_all(call)
        except Problem:
            return False

    async def apply(self, call: Call, changes: Sequence[Change]) -> None:
        """Writes the changes; raises the first problem there is."""
        for outcome in await self.broker.apply(call, changes):
            if outcome.problem is not None:
                raise outcome.problem


def own_call(tenant: str, purpose: str, cause: str = "") -> Call:
    """A call of the wing itself."""
    return Call(tenant, Actor("system", "wildlife"), purpose, cause=cause)
