"""A small town on the real rooms, with the console in front of it: what the console's tests stand on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from tests.fakes import no_mqtt

from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import SystemClock
from kumihimo.base.ports import HttpAnswer, HttpFetch, screens_topic
from kumihimo.base.screens import Screen
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.delivery.store import SCHEMA as DELIVERY
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.expand import expand_entity
from kumihimo.platform.signing.door import Signing
from kumihimo.platform.signing.store import SCHEMA as SIGNING
from kumihimo.service.console.doors import Doors
from kumihimo.service.console.frame import Setup
from kumihimo.service.console.live import Live
from kumihimo.service.console.screens import console_screens
from kumihimo.service.console.shell import Console
from kumihimo.service.console.store import SCHEMA as CONSOLE
from kumihimo.service.console.webhook import webhook_routes
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.storage.database import Database, Schema

SCHEMAS = [BROKER, HISTORY, DELIVERY, SIGNING, CONSOLE]
Factory = Callable[[Sequence[Schema]], Awaitable[Database]]
NAMES = {
    "fukui": {"ja": "福井市", "en": "Fukui City"},
    "sabae": {"ja": "鯖江市", "en": "Sabae City"},
}
CREDIT = {"ja": "福井県「河川水位」(CC BY 4.0)", "en": "Fukui Prefecture, river levels (CC BY 4.0)"}
GAUGES = [("九頭竜川 中角", 136.205, 36.099), ("足羽川 天神橋", 136.275, 36.028), ("日野川 深谷", 136.158, 36.046)]
NEWEST = datetime(2024, 6, 23, 5, 0, tzinfo=UTC)
SYSTEM = Actor("system", "test")


async def taken(method: str, url: str, **request: Any) -> HttpAnswer:
    """An endpoint that takes everything."""
    return HttpAnswer(204, {}, b"")


class ReadingLive(Live):
    """Says when its reader of a tenant stands at the log's head: what comes afterwards is news."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._at_head: dict[str, asyncio.Event] = {}

    async def reads(self, tenant: str) -> None:
        async with asyncio.timeout(5):
            await self._at_head.setdefault(tenant, asyncio.Event()).wait()

    async def _tell(self, tenant: str, position: int) -> int:
        found = await super()._tell(tenant, position)
        self._at_head.setdefault(tenant, asyncio.Event()).set()
        return found


class Town:
    """The rooms, the console's doors and the application."""

    def __init__(
        self,
        database: Database,
        *,
        screens: list[Screen] | None = None,
        open_house: bool = True,
        ping: float = 5.0,
        send: HttpFetch = taken,
    ) -> None:
        self.database = database
        self.bus = MemoryBus()
        self.contexts = Contexts()
        access = Access(open_house)
        carry = Carrier(send, no_mqtt, Signing(database, SystemClock()), SystemClock())
        self.broker = Broker(database, SystemClock(), self.bus, remember_tx)
        self.doors = Doors(
            database=database,
            clock=SystemClock(),
            bus=self.bus,
            access=access,
            broker=self.broker,
            history=History(database),
            delivery=Delivery(database, SystemClock(), self.bus, self.contexts, carry, access),
            context=self.contexts.core,
        )
        self.live = ReadingLive(database, self.bus, access, self.contexts.core.compact, ping=ping)
        every = [*(screens or []), *console_screens(self.doors)]
        setup = Setup(names=NAMES, credit=CREDIT)
        words = load_words([OWN_PACKAGE])
        self.console = Console(every, words, tenants=database.tenants, live=self.live, setup=setup)
        routes = [*webhook_routes(self.doors), *self.console.routes()]
        self.app = Starlette(routes=routes, exception_handlers={404: self.console.missing})

    async def fill(self) -> None:
        """Two tenants; three gauges in the first, with values of the newest hours."""
        for name in NAMES:
            await self.database.add_tenant(name)
        for hours in range(-8, 1):
            for number, (name, lon, lat) in enumerate(GAUGES):
                level = round(2.0 + number + math.sin(hours / 3), 2)
                await self.put(gauge(number, name, lon, lat, level, NEWEST + timedelta(hours=hours)))

    async def put(self, body: dict[str, Any], tenant: str = "fukui") -> None:
        """Creates or overwrites an entity from its normalized form."""
        doc = expand_entity(body, self.contexts.core)
        change = Change(Op.UPSERT, doc["id"], doc)
        outcomes = await self.broker.apply(Call(tenant, SYSTEM), [change])
        assert [one.status for one in outcomes] != ["refused"], outcomes

    async def rise(self, number: int, value: float, minutes: int) -> None:
        """A later reading of a gauge."""
        name, lon, lat = GAUGES[number]
        await self.put(gauge(number, name, lon, lat, value, NEWEST + timedelta(minutes=minutes)))

    async def subscribe(self, tenant: str = "fukui") -> str:
        """A subscription to every gauge."""
        endpoint = {"uri": "http://receiver.example/", "accept": "application/json"}
        entities = [{"type": "WaterLevelObserved"}]
        body = {"type": "Subscription", "entities": entities, "notification": {"endpoint": endpoint}}
        return await self.doors.delivery.create(Call(tenant, SYSTEM), body, self.contexts.core)

    def nudge(self, tenant: str) -> None:
        """What a room does whose pages should look again."""
        self.bus.publish(screens_topic(tenant))


def gauge(number: int, name: str, lon: float, lat: float, level: float, moment: datetime) -> dict[str, Any]:
    observed = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": gauge_id(number),
        "type": "WaterLevelObserved",
        "name": {"type": "Property", "value": name},
        "waterLevel": {"type": "Property", "value": level, "unitCode": "MTR", "observedAt": observed},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}},
        "refRiver": {"type": "Relationship", "object": "urn:ngsi-ld:River:kuzuryu"},
    }


def gauge_id(number: int) -> str:
    return f"urn:ngsi-ld:WaterLevelObserved:gauge-{number}"
