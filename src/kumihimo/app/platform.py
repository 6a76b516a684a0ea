"""All rooms of one process, and a task that runs as long as it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from kumihimo.base.clock import Clock
from kumihimo.base.settings import Settings
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.enrolment.door import Enrolment
from kumihimo.device.gateway import Gateway
from kumihimo.device.registry.registry import Registry
from kumihimo.network.acme import AcmeCertificate
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.network.http.fetch import GuardedFetch
from kumihimo.network.http.leash import Leashes
from kumihimo.network.http.limits import Limits
from kumihimo.network.mqtt.listener import MqttListener
from kumihimo.network.mqtt.outside import OutsideBroker
from kumihimo.network.mqtt.publisher import GuardedPublish
from kumihimo.network.sockets import at
from kumihimo.network.tls import Certificate
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.places import Places
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.ingest import BrokerIngest
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.feeds.door import Feeds
from kumihimo.platform.history.query import History
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.metering.door import Metering
from kumihimo.platform.outside.door import Outside
from kumihimo.platform.programs.door import Programs
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.shelf.door import TenantShelf
from kumihimo.platform.signing.door import Signing
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.console.live import Live
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.kpi.measures_door import Measures
from kumihimo.service.kpi.public.door import Public
from kumihimo.service.notices.door import Notices
from kumihimo.service.rules.door import RuleSets
from kumihimo.service.sources.door import Sources
from kumihimo.solutions.flood.stage import Stage
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.wildlife.stage import Stage as WildlifeStage
from kumihimo.storage.database import Database

log = logging.getLogger(__name__)
EVERYWHERE = (str(IPv4Address(0)), str(IPv6Address(0)))
"""Hosts that mean all addresses of the machine."""


@dataclass(slots=True)
class Platform:
    """All rooms of one process, wired; nothing is open until its step of START ran."""

    settings: Settings
    clock: Clock
    bus: MemoryBus
    database: Database
    fetch: GuardedFetch
    inward: GuardedFetch
    shelf: TenantShelf
    publish: GuardedPublish
    contexts: Contexts
    access: Access
    rules: StoredRules
    places: Places
    metering: Metering
    history: History
    broker: Broker
    ingest: BrokerIngest
    imports: Imports
    sources: Sources
    delivery: Delivery
    signing: Signing
    identity: Identity
    leashes: Leashes
    provider: Provider
    federation: Outside
    feeds: Feeds
    registry: Registry
    enrolment: Enrolment
    arbiter: Arbiter
    gateway: Gateway
    mqtt: MqttListener
    outside: OutsideBroker | None
    alerts: Alerts
    rule_sets: RuleSets
    live: Live
    kpi: Kpi
    stage: Stage
    library: Library
    notices: Notices
    programs: Programs = field(default_factory=Programs)
    packs: Packs = field(init=False)
    """Made last: packs are installed into all other rooms."""
    measures: Measures = field(init=False)
    public: Public = field(init=False)
    wildlife: WildlifeStage = field(default_factory=WildlifeStage)
    credit: dict[str, str] = field(default_factory=dict)
    """The sources of the data, by language, for the foot of every page; only the demonstration ships data."""
    limits: Limits | None = None
    """What stands before the HTTP listener, once it is built."""
    welcome: str = ""
    """The one-time link for the first administrator, while nobody has an account."""
    http_port: int = 0
    https_ports: dict[str, int] = field(default_factory=dict)
    """The listeners of HTTP with TLS: "https" for people and programs, "devices" where a certificate may be shown."""
    mqtt_port: int = 0
    mqtt_ports: dict[str, int] = field(default_factory=dict)
    """The other ways to MQTT by their scheme: mqtts, ws, wss."""
    certificates: list[Certificate] = field(default_factory=list)
    """What the listeners with TLS show."""
    acme: AcmeCertificate | None = None
    """Where the certificate comes from, if its hosts were named."""
    acme_answers: dict[str, str] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False
    failed: bool = False

    def trust(self, tenant: str, authority: str) -> None:
        """Takes clients' certificates that this tenant's authority (PEM) signed, where a listener asks for them."""
        for one in self.certificates:
            if one.asks:
                one.trust({tenant: authority})

    def tenant_gone(self, tenant: str) -> None:
        """A tenant was removed: its authority is trusted no more, and its devices are cut off."""
        for one in self.certificates:
            one.distrust(tenant)
        self.registry.forget_tenant(tenant)

    @property
    def address(self) -> str:
        """Where the HTTP listener is reached from this machine; the port is known once it listens."""
        if not self.http_port and "https" in self.https_ports:
            return f"https://{at(self.near, self.https_ports['https'])}"
        return f"http://{at(self.near, self.http_port)}"

    @property
    def near(self) -> str:
        """The host by which this machine reaches its own listeners; one that stands for all addresses is no name."""
        return "localhost" if self.settings.host in EVERYWHERE else self.settings.host


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None], name: str, platform: Platform) -> AsyncIterator[None]:
    """A task that runs as long as the platform; its failure stops the platform, loudly."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("a part of the platform failed; stopping", extra={"part": name}, exc_info=task.exception())
            platform.failed = True
            platform.stop.set()

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


Step = Callable[[Platform], AbstractAsyncContextManager[None]]
