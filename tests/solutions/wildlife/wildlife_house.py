"""The wing on real rooms with a real MQTT listener on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes import DatabaseFactory

from kumihimo.base.call import Call
from kumihimo.base.clock import SystemClock
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import CommandOutcome, HttpAnswer
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.store import SCHEMA as ACTUATION
from kumihimo.device.gateway import Gateway
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.network.mqtt.client import MqttConnector
from kumihimo.network.mqtt.listener import MqttListener
from kumihimo.platform.access.grants import EVERYTHING, Grant
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.ingest import BrokerIngest
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.notices.models import Notice
from kumihimo.solutions.wildlife.devices import Site, device_of, site_change
from kumihimo.solutions.wildlife.doors import WildlifeDoors, own_call
from kumihimo.solutions.wildlife.store import SCHEMA as WILDLIFE
from kumihimo.solutions.wildlife.watch import Watch

SCHEMAS = [BROKER, HISTORY, REGISTRY, ACTUATION, ALERTS, WILDLIFE]
TOWN = "town"
FIELD = (136.600, 36.400)
SCHOOL = (136.700, 36.400)
SITES = (
    Site("sensor", "field", "畑のセンサー", "畑", *FIELD),
    Site("sensor", "field2", "畑の奥のセンサー", "畑", FIELD[0] + 0.001, FIELD[1]),
    Site("siren", "field", "畑のサイレン", "畑", *FIELD),
    Site("light", "field", "畑のライト", "畑", *FIELD),
    Site("trap", "field", "畑のわな", "畑", *FIELD),
    Site("sensor", "school", "学校のセンサー", "学校", *SCHOOL, beside_houses=True),
    Site("siren", "school", "学校のサイレン", "学校", *SCHOOL, beside_houses=True),
)


@dataclass
class House:
    doors: WildlifeDoors
    gateway: Gateway
    arbiter: Arbiter
    watch: Watch
    keys: dict[str, str]
    told: list[Notice]

    async def send(self, device: str, at: str, **fields: object) -> None:
        """A reading as the device sends it, and a look of the watch; at is an ISO moment."""
        outcomes = await self.gateway.take(TOWN, device, self.keys[device], dumps({"observedAt": at, **fields}))
        assert {one.status for one in outcomes} <= {"stored", "late", "duplicate"}
        await self.watch.reader.catch_up()


async def until(look: Callable[[], Awaitable[Any]], seconds: float = 40.0) -> Any:
    """The first true answer of `look`; TimeoutError where there is none in time."""
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.02)


async def everybody(call: Call) -> Grant:
    """Rights of an open house."""
    return EVERYTHING


@asynccontextmanager
async def opened(make: DatabaseFactory, *, sites: tuple[Site, ...] = SITES) -> AsyncIterator[House]:
    clock, bus = SystemClock(), MemoryBus()
    database = await make(SCHEMAS)
    broker = Broker(database, clock, bus, remember_tx)
    registry, ingest = Registry(database, clock), BrokerIngest(broker)
    listeners: list[MqttListener] = []

    async def down(
        topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        return await listeners[0].publish(topic, payload, qos=qos, retain=retain)

    arbiter = Arbiter(database, registry, down, clock)
    gateway = Gateway(registry, ingest, clock, False, arbiter.result)
    listeners.append(MqttListener(gateway, clock))
    port = await listeners[0].start("127.0.0.1", 0)

    async def commands(tenant: str) -> list[CommandOutcome]:
        return [record.outcome() for record in await arbiter.list(tenant)]

    async def fetch(method: str, url: str, **options: object) -> HttpAnswer:
        raise AssertionError("the season speaks MQTT alone")

    alerts = Alerts(database, clock, bus, arbiter, broker.apply)
    connect = MqttConnector("127.0.0.1", port)
    told: list[Notice] = []

    async def tell(_: str, notice: Notice) -> int:
        told.append(notice)
        return 0

    way = (connect, fetch, lambda: "http://test", commands, everybody, everybody, everybody, tell)
    doors = WildlifeDoors(database, clock, bus, broker, registry, alerts, *way)
    try:
        keys = await _furnish(doors, sites)
        yield House(doors, gateway, arbiter, Watch(doors, TOWN), keys, told)
    finally:
        await listeners[0].stop()


async def _furnish(doors: WildlifeDoors, sites: tuple[Site, ...]) -> dict[str, str]:
    if not sites:
        return {}
    await doors.database.add_tenant(TOWN)
    await doors.apply(own_call(TOWN, "test"), [site_change(site, simulated=True) for site in sites])
    return {site.device_id: await doors.registry.add(TOWN, device_of(site)) for site in sites}
