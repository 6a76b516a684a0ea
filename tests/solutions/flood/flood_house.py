"""The wing on real rooms with a real MQTT listener on loopback: what its tests and the story of an alert stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes import DatabaseFactory

from kumihimo.base.call import Call
from kumihimo.base.clock import SystemClock
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
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.kpi.door import Kpi
from kumihimo.solutions.flood import demo
from kumihimo.solutions.flood.demo import FloodDoors, Prepared
from kumihimo.solutions.flood.leadtime import LEAD_TIME, LeadTimes

SCHEMAS = [BROKER, HISTORY, REGISTRY, ACTUATION, ALERTS]


async def anybody(call: Call) -> bool:
    """May do as they like, in an open house."""
    return True


@dataclass
class House:
    doors: FloodDoors
    gateway: Gateway
    arbiter: Arbiter
    kpi: Kpi


async def shows_nothing(tenant: str) -> bool:
    """A town that shows no figures to everybody."""
    return False


async def everybody(call: Call) -> Grant:
    """Rights of an open house."""
    return EVERYTHING


@asynccontextmanager
async def opened(make: DatabaseFactory) -> AsyncIterator[House]:
    clock, bus = SystemClock(), MemoryBus()
    database = await make(SCHEMAS)
    broker, history = Broker(database, clock, bus, remember_tx), History(database)
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

    alerts = Alerts(database, clock, bus, arbiter, broker.apply)
    connect = MqttConnector("127.0.0.1", port)

    async def fetch(method: str, url: str, **options: Any) -> HttpAnswer:
        """The device floor's HTTP door, without the HTTP between."""
        tenant, device = url.removeprefix("http://test/devices/v1/").removesuffix("/readings").split("/")
        key = options["headers"]["authorization"].removeprefix("Bearer ")
        outcomes = await gateway.take(tenant, device, key, options["body"])
        return HttpAnswer(201 if all(one.status != "refused" for one in outcomes) else 400, {}, b"")

    doors = FloodDoors(
        database,
        clock,
        bus,
        broker,
        history,
        registry,
        ingest,
        arbiter,
        alerts,
        connect,
        fetch,
        lambda: "http://test",
        commands,
        rights=everybody,
        may_decide=anybody,
    )
    kpi = Kpi()
    kpi.register(LEAD_TIME, LeadTimes(broker, history))
    try:
        yield House(doors, gateway, arbiter, kpi)
    finally:
        await listeners[0].stop()


async def until(what: str, look: Callable[[], Awaitable[Any]], seconds: float = 40.0) -> Any:
    """The first true answer of `look`; fails where there is none in time."""
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.05)
    raise AssertionError(what)


@asynccontextmanager
async def running(house: House, prepared: Prepared) -> AsyncIterator[None]:
    task = asyncio.create_task(demo.run(house.doors, prepared))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
