"""The wiring room: every room is made here, every port is bound here, and START is the order of starting.

Imports all, imported by none but the command line. A worker process is the same list, shorter (decision 10).
"""

from __future__ import annotations

import asyncio
import logging
import re
import tomllib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Scope

from kumihimo import __version__
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AddressRefused, MethodNotAllowed, Problem, ResourceNotFound
from kumihimo.base.ids import DEFAULT_TENANT
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import CommandOutcome, HttpAnswer, HttpFetch, MqttLink, MqttServer
from kumihimo.base.problems import told
from kumihimo.base.screens import Screen
from kumihimo.base.settings import LOOPBACK, Settings, SettingsError
from kumihimo.cli.operations import Doors
from kumihimo.cli.socket import LONGEST_PATH, size_of, socket_app, socket_path
from kumihimo.device import http as device_http
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.models import ArbiterLimits
from kumihimo.device.actuation.store import SCHEMA as ACTUATION
from kumihimo.device.gateway import FROM_OUTSIDE, Gateway, GatewayLimits
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.device.screens import device_screens
from kumihimo.device.sessions.door import MqttSessions
from kumihimo.device.sessions.store import PLATFORM_SCHEMA as SESSIONS_OF_NOBODY
from kumihimo.device.sessions.store import SCHEMA as SESSIONS
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.network.http.closed import Closed
from kumihimo.network.http.fairness import Fairness
from kumihimo.network.http.fetch import GuardedFetch
from kumihimo.network.http.limits import Limits
from kumihimo.network.http.probes import probe_routes
from kumihimo.network.http.server import serve
from kumihimo.network.mqtt.client import MqttConnector
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.listener import MqttListener
from kumihimo.network.mqtt.outside import OutsideBroker
from kumihimo.network.mqtt.publisher import GuardedPublish
from kumihimo.network.mqtt.tls import Certificate
from kumihimo.network.sockets import at
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker.collation import collation
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.ingest import BrokerIngest
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.delivery.store import SCHEMA as DELIVERY
from kumihimo.platform.feeds import api as feeds_http
from kumihimo.platform.feeds.door import Feeds
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.imports.store import SCHEMA as IMPORTS
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.ngsild import api as ngsild
from kumihimo.platform.ngsild.openapi import document
from kumihimo.platform.shelf.door import TenantShelf
from kumihimo.platform.shelf.store import SCHEMA as SHELF
from kumihimo.platform.signing import api as signing_http
from kumihimo.platform.signing.door import Signing
from kumihimo.platform.signing.store import SCHEMA as SIGNING
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.console.doors import Doors as ConsoleDoors
from kumihimo.service.console.frame import Setup
from kumihimo.service.console.live import Live
from kumihimo.service.console.screens import console_screens
from kumihimo.service.console.shell import Console
from kumihimo.service.console.store import SCHEMA as CONSOLE
from kumihimo.service.console.webhook import is_webhook, webhook_address, webhook_routes
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.kpi.screens import kpi_screens
from kumihimo.service.sources.door import Sources
from kumihimo.service.sources.screens import source_screens
from kumihimo.service.sources.store import SCHEMA as SOURCES
from kumihimo.service.sources.take import Taker
from kumihimo.solutions.flood import demo as flood_demo
from kumihimo.solutions.flood.cards import TownCards
from kumihimo.solutions.flood.demo import FloodDoors
from kumihimo.solutions.flood.entities import LEVEL
from kumihimo.solutions.flood.leadtime import LEAD_TIME, LeadTimes
from kumihimo.solutions.flood.recording import EventName
from kumihimo.solutions.flood.screens import flood_screens
from kumihimo.solutions.flood.stage import Stage
from kumihimo.solutions.flood.tenants import TENANT_NAMES, TENANTS
from kumihimo.storage.database import Database, Schema
from kumihimo.storage.health import Health
from kumihimo.storage.opening import database_for

log = logging.getLogger(__name__)


MAX_OF_TENANT = 410
"""HTTP requests of one tenant that are answered at once: four of five of those of the listener."""
MAX_TENANT = 64
_NAMES_TENANT = re.compile(r"/(?:t|webhooks|(?:devices|feeds|signing)/v1)/([^/]+)")
WEBHOOK_SUBSCRIPTION = "urn:ngsi-ld:Subscription:demo-webhook"
SCHEMAS: tuple[Schema, ...] = (
    BROKER,
    HISTORY,
    IMPORTS,
    DELIVERY,
    SIGNING,
    SHELF,
    REGISTRY,
    ACTUATION,
    SESSIONS,
    SESSIONS_OF_NOBODY,
    ALERTS,
    CONSOLE,
    SOURCES,
)


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
    history: History
    broker: Broker
    ingest: BrokerIngest
    imports: Imports
    sources: Sources
    delivery: Delivery
    signing: Signing
    feeds: Feeds
    registry: Registry
    arbiter: Arbiter
    gateway: Gateway
    mqtt: MqttListener
    outside: OutsideBroker | None
    alerts: Alerts
    live: Live
    kpi: Kpi
    stage: Stage
    credit: dict[str, str] = field(default_factory=dict)
    """The sources of the data, by language, for the foot of every page; only the demonstration ships data."""
    limits: Limits | None = None
    """What stands before the HTTP listener, once it is built."""
    http_port: int = 0
    mqtt_port: int = 0
    mqtt_ports: dict[str, int] = field(default_factory=dict)
    """The other ways to MQTT by their scheme: mqtts, ws, wss."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False
    failed: bool = False

    @property
    def address(self) -> str:
        """Where the HTTP listener is reached from this machine; the port is known once it listens."""
        return f"http://{at(self.settings.host, self.http_port)}"


def doors_of(platform: Platform) -> Doors:
    """The rooms that the command line's operations need."""

    def metrics() -> dict[str, dict[str, float]]:
        return {part: numbers() for part, numbers in _stats(platform, lambda: platform.limits).items()}

    return Doors(
        platform.database,
        platform.registry,
        platform.broker,
        platform.contexts,
        platform.signing,
        platform.imports,
        platform.sources,
        metrics,
    )


def wire(settings: Settings, clock: Clock) -> Platform:
    """Makes every room and binds every port; opens nothing."""
    _check_collation(settings.order_collation)
    bus = MemoryBus()
    database = database_for(Path(settings.data), settings.database_url or None, SCHEMAS, clock)
    fetch = GuardedFetch(allow_private=settings.outbound_private, allow_hosts=settings.outbound_hosts)
    publish = GuardedPublish(fetch.addresses)
    late = Late(fetch)
    shelf = TenantShelf(database, clock)
    contexts = Contexts(
        _context_fetch(settings, fetch),
        preload=read_preload(settings.context_preload),
        shelf=shelf,
        clock=clock,
        address=late.address,
    )
    access = Access(open_house=settings.open)
    signing = Signing(database, clock)
    broker = Broker(database, clock, bus, remember_tx)
    registry = Registry(database, clock, late.cut)
    arbiter = Arbiter(database, registry, late.down, clock, ArbiterLimits(hold=settings.command_hold))
    ingest = BrokerIngest(broker)
    imports = Imports(database, clock, bus, remember_tx)
    gateway = Gateway(
        registry,
        ingest,
        clock,
        settings.open,
        arbiter.result,
        GatewayLimits(http_rate=settings.http_device_rate),
        settings.mqtt_closed_topics,
    )
    delivery = Delivery(database, clock, bus, contexts, Carrier(late.notify, publish, signing, clock), access)
    platform = Platform(
        settings=settings,
        clock=clock,
        bus=bus,
        database=database,
        fetch=fetch,
        inward=GuardedFetch(allow_private=True),
        shelf=shelf,
        publish=publish,
        contexts=contexts,
        access=access,
        history=History(database, settings.temporal_instances),
        broker=broker,
        ingest=ingest,
        imports=imports,
        sources=Sources(database, clock, Taker(database, clock, broker, imports, contexts, fetch)),
        delivery=delivery,
        feeds=Feeds(database, bus, delivery),
        signing=signing,
        registry=registry,
        arbiter=arbiter,
        gateway=gateway,
        mqtt=MqttListener(gateway, clock, mqtt_limits(settings), MqttSessions(database)),
        outside=outside_broker(settings, gateway),
        alerts=Alerts(database, clock, bus, arbiter, broker.apply),
        live=Live(database, bus, access, contexts.core.compact),
        kpi=Kpi(),
        stage=Stage(),
    )
    late.platform = platform
    platform.kpi.register(LEAD_TIME, LeadTimes(broker, platform.history))
    return platform


def mqtt_limits(settings: Settings) -> MqttLimits:
    """What an MQTT client may cost; a tenant may have four clients of five."""
    most = settings.mqtt_max_clients
    return MqttLimits(
        max_clients=most,
        max_tenant_clients=max(1, most * 4 // 5),
        max_keep_alive=settings.mqtt_keep_alive,
        max_session_expiry=settings.mqtt_session_expiry,
    )


def outside_broker(settings: Settings, gateway: Gateway) -> OutsideBroker | None:
    """The outside broker that was named, if one was. SettingsError for an address that is none."""
    if not settings.mqtt_url:
        return None
    try:
        url = urlsplit(settings.mqtt_url)
        is_secure, port = url.scheme == "mqtts", url.port
    except ValueError as problem:
        raise SettingsError(f"mqtt_url is no address: {problem}") from problem
    if not url.hostname or url.path.strip("/") or url.query:
        raise SettingsError("mqtt_url is mqtt://user:password@host:port, with nothing after the port")
    server = MqttServer(
        url.hostname,
        port or (8883 if is_secure else 1883),
        is_secure,
        username=None if url.username is None else unquote(url.username),
        password=None if url.password is None else unquote(url.password),
    )
    return OutsideBroker(server, settings.mqtt_client_id, FROM_OUTSIDE, gateway.take_from_outside)


class Late:
    """Ways to what is made later than those who use them: the MQTT listener, and our own address."""

    platform: Platform

    def __init__(self, fetch: GuardedFetch) -> None:
        self._fetch = fetch

    def cut(self, tenant: str, device: str) -> None:
        """Ends the connections of a device whose key was taken away."""
        self.platform.mqtt.cut(tenant, device)

    def address(self) -> str:
        """Where others reach the platform; "" while a port that the system chooses is not known yet."""
        settings, port = self.platform.settings, self.platform.http_port or self.platform.settings.port
        return settings.public_address.rstrip("/") or (f"http://{settings.host}:{port}" if port else "")

    async def down(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        """As base.ports.MqttDown; also to the outside broker, which alone knows who listens there."""
        reached = await self.platform.mqtt.publish(topic, payload, qos=qos, retain=retain, expires=expires)
        if self.platform.outside is not None and not reached:
            reached = await self.platform.outside.publish(topic, payload, qos=qos, expires=expires)
        return reached

    async def notify(self, method: str, url: str, **options: Any) -> HttpAnswer:
        """As base.ports.HttpFetch; our own webhook page is reached although it is on loopback, nothing else of us."""
        address = urlsplit(url)
        ours = address.hostname in LOOPBACK and address.port == self.platform.http_port
        way = self.platform.inward if ours and is_webhook(address.path) else self._fetch
        return await way(method, url, **options)


def _context_fetch(settings: Settings, fetch: GuardedFetch) -> HttpFetch | None:
    """Remote contexts come only from hosts that were named (decision 18)."""
    if not settings.context_hosts:
        return None
    allowed = frozenset(settings.context_hosts)

    async def fetch_allowed(method: str, url: str, **options: Any) -> HttpAnswer:
        host = urlsplit(url).hostname or ""
        if host not in allowed:
            raise AddressRefused(f"no @context is fetched from {host!r}; add it to context_hosts or preload the file")
        return await fetch(method, url, **options)

    return fetch_allowed


def read_preload(folder: str) -> dict[str, bytes]:
    """Preloaded @context files by URL, from a folder with an index.toml of lines `"URL" = "file name"`."""
    if not folder:
        return {}
    base = Path(folder)
    try:
        index = tomllib.loads((base / "index.toml").read_text())
        return {url: (base / name).read_bytes() for url, name in index.items()}
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise SettingsError(
            f"context_preload: {base / 'index.toml'} or a file it names cannot be read: {problem}"
        ) from problem


def _check_collation(tag: str) -> None:
    try:
        collation(tag)
    except Problem as problem:
        raise SettingsError(f"order_collation is {tag!r}: {problem.detail}") from problem


# --- HTTP ------------------------------------------------------------------------------------------------


def build_http(platform: Platform) -> ASGIApp:
    """Everything that the HTTP listener answers, closed unless the settings say otherwise."""
    settings = platform.settings
    console = console_of(platform)
    routes = http_routes(platform, console, lambda: limits)
    rest = Starlette(routes=routes, exception_handlers=_unknown(console, settings))
    inner: ASGIApp = ngsild.Switch(routes, rest)
    limits = Limits(
        inner if settings.open else Closed(inner),
        settings.max_body,
        (settings.host, *settings.allowed_hosts),
        fairness=Fairness(
            tenant_of, MAX_OF_TENANT, tenant_rate=settings.http_tenant_rate, client_rate=settings.http_client_rate
        ),
    )
    platform.limits = limits
    return limits


def tenant_of(scope: Scope) -> str:
    """The tenant that an HTTP request names, "" where it names none; there may be no such tenant."""
    path: str = scope["path"]
    if path.startswith(ngsild.PREFIX):
        named = next((value for name, value in scope["headers"] if name == b"ngsild-tenant"), b"")
        return named[:MAX_TENANT].decode("latin-1") or DEFAULT_TENANT
    found = _NAMES_TENANT.match(path)
    return found[1][:MAX_TENANT] if found else ""


def http_routes(platform: Platform, console: Console, limits: Callable[[], Limits | None]) -> list[BaseRoute]:
    """Every address of the HTTP listener; the reference page is made from the same list."""
    health = Health(platform.database)

    async def ready() -> bool:
        return platform.ready and await health()

    api = [
        *ngsild.routes(_face(platform)),
        *device_http.routes(platform.gateway),
        *signing_http.routes(platform.signing),
    ]
    return [
        *probe_routes(ready, _stats(platform, limits)),
        _openapi_route(api),
        *api,
        *feeds_http.routes(platform.feeds, platform.contexts),
        *webhook_routes(_console_doors(platform)),
        *console.routes(),
    ]


def _face(platform: Platform) -> ngsild.Face:
    async def make_tenant(name: str) -> None:
        await platform.database.add_tenant(name)

    return ngsild.Face(
        database=platform.database,
        clock=platform.clock,
        broker=platform.broker,
        history=platform.history,
        delivery=platform.delivery,
        contexts=platform.contexts,
        shelf=platform.shelf,
        access=platform.access,
        open_house=platform.settings.open,
        make_tenant=make_tenant,
        max_body=platform.settings.max_body,
        collation=platform.settings.order_collation,
    )


def _stats(platform: Platform, limits: Callable[[], Limits | None]) -> dict[str, Callable[[], dict[str, float]]]:
    return {
        "database": lambda: dict(platform.database.stats()),
        "mqtt": lambda: dict(platform.mqtt.stats()),
        **({} if platform.outside is None else {"mqtt_outside": platform.outside.stats}),
        "delivery": lambda: dict(platform.delivery.counters()),
        "devices": platform.gateway.counters,
        "http": lambda: dict(found.counters()) if (found := limits()) is not None else {},
        "console": lambda: {"live_pages": platform.live.count},
        "feeds": lambda: {"open": platform.feeds.count},
    }


def _openapi_route(routes: Sequence[Route]) -> Route:
    body = dumps(document(routes, __version__))

    async def openapi(_: Request) -> Response:
        """The OpenAPI 3.1 document of the routes for programs."""
        return Response(body, media_type="application/json")

    return Route("/openapi.json", openapi)


def _unknown(console: Console, settings: Settings) -> dict[Any, Any]:
    """What answers where no route does: a page for browsers, a problem document for programs.

    The page shows the tenants, so that a closed platform has none.
    """

    async def answer(request: Request, problem: Exception) -> Response:
        found = problem if isinstance(problem, HTTPException) else HTTPException(404)
        kind = MethodNotAllowed if found.status_code == 405 else ResourceNotFound
        said = kind(f"{request.method} {request.url.path[:200]}")
        if settings.open and "text/html" in request.headers.get("accept", ""):
            return await console.problem(request, said)
        answer = told(said)
        return Response(answer.body, answer.status, {**(found.headers or {}), **answer.headers})

    return {404: answer, 405: answer}


def _console_doors(platform: Platform) -> ConsoleDoors:
    return ConsoleDoors(
        database=platform.database,
        clock=platform.clock,
        bus=platform.bus,
        access=platform.access,
        broker=platform.broker,
        history=platform.history,
        delivery=platform.delivery,
        context=platform.contexts.core,
    )


def console_of(platform: Platform) -> Console:
    """The shell with every room's screens in it."""
    settings = platform.settings
    screens: list[Screen] = [
        *flood_screens(flood_doors(platform), platform.stage),
        *kpi_screens(platform.kpi),
        *device_screens(
            platform.registry,
            platform.arbiter,
            lambda call: platform.access.decide(call, "administer"),
            platform.gateway.counters,
        ),
        *source_screens(platform.sources, lambda call: platform.access.decide(call, "administer")),
        *console_screens(_console_doors(platform)),
    ]
    words = load_words([OWN_PACKAGE, *(screen.package for screen in screens if screen.package)])
    setup = Setup(
        names=TENANT_NAMES, tile_url=settings.map_tiles, tile_credit=settings.map_credit, credit=platform.credit
    )
    cards = TownCards(flood_doors(platform), platform.stage)
    return Console(
        screens,
        words,
        tenants=platform.database.tenants,
        live=platform.live,
        setup=setup,
        card=cards.card,
        clock=platform.clock,
    )


# --- the flood wing --------------------------------------------------------------------------------------


def flood_doors(platform: Platform) -> FloodDoors:
    """The doors that the wing goes through."""

    async def commands(tenant: str) -> list[CommandOutcome]:
        return [record.outcome() for record in await platform.arbiter.list(tenant)]

    def may_read(call: Call) -> bool:
        try:
            platform.access.decide(call, "read")
        except Problem:
            return False
        return True

    return FloodDoors(
        database=platform.database,
        clock=platform.clock,
        bus=platform.bus,
        broker=platform.broker,
        history=platform.history,
        registry=platform.registry,
        ingest=platform.ingest,
        act=platform.arbiter,
        alerts=platform.alerts,
        connect=MqttLate(platform),
        fetch=platform.inward,
        base_url=lambda: platform.address,
        commands=commands,
        may_read=may_read,
    )


class MqttLate:
    """Connects to our own listener, whose port is known once it listens."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def __call__(
        self, *, client_id: str, username: str, password: str, subscribe: Sequence[str] = ()
    ) -> MqttLink:
        """As base.ports.MqttConnect."""
        connect = MqttConnector(self._platform.settings.host, self._platform.mqtt_port)
        return await connect(client_id=client_id, username=username, password=password, subscribe=subscribe)


def run_flood(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Watches the rivers of every tenant that there is or comes to be."""
    return background(flood_demo.watch_all(flood_doors(platform)), "flood", platform)


def run_demo(event: EventName, speed: float, say: Callable[[str], None]) -> Step:
    """The step that prepares and plays the demonstration; `say` gets the lines to print."""

    @asynccontextmanager
    async def step(platform: Platform) -> AsyncIterator[None]:
        doors = flood_doors(platform)
        platform.credit.update(load_words([flood_demo.PACKAGE])["flood.credit"])
        prepared = await flood_demo.prepare(doors, event, speed)
        platform.stage.prepared = prepared
        flood_demo.look_again(doors)  # a page that was opened before this has no replay panel yet

        async def subscribe() -> None:
            for tenant in TENANTS:
                await _subscribe_webhook(platform, tenant)

        await subscribe()
        prepared.after_reset.append(subscribe)
        for line in flood_demo.instructions(prepared, platform.settings.host, platform.mqtt_port):
            say(line)
        async with background(flood_demo.run(doors, prepared), "demo", platform):
            yield

    return step


async def _subscribe_webhook(platform: Platform, tenant: str) -> None:
    """A subscription to the tenant's webhook page, so that a developer sees notifications arrive at once.

    At most one a minute (clause 5.2.12, throttling), or the page would only rush by; made anew at each start, because
    the port may be another.
    """
    call = Call(tenant, Actor("system", "demo"), "demo")
    webhook = await webhook_address(platform.database, tenant, platform.address)
    body = {
        "id": WEBHOOK_SUBSCRIPTION,
        "type": "Subscription",
        "subscriptionName": "水位の通知 / water levels (demo)",
        "entities": [{"type": "RiverGauge"}],
        "watchedAttributes": [platform.contexts.core.compact(LEVEL)],
        "throttling": 60,
        "notification": {
            "format": "concise",
            "endpoint": {"uri": webhook, "accept": "application/json"},
        },
    }
    with suppress(ResourceNotFound):
        await platform.delivery.delete(call, WEBHOOK_SUBSCRIPTION)
    await platform.delivery.create(call, body, platform.contexts.core)


# --- starting --------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_database(platform: Platform) -> AsyncIterator[None]:
    """The store, checked and migrated. SettingsError for an address that is none."""
    try:
        await platform.database.open()
    except ValueError as problem:
        raise SettingsError(f"database_url is no address of a PostgreSQL server: {problem}") from problem
    try:
        yield
    finally:
        await platform.database.close()


@asynccontextmanager
async def open_outbound(platform: Platform) -> AsyncIterator[None]:
    """The ways out: over HTTP the guarded one and the one to ourselves, and the one over MQTT."""
    await platform.fetch.open()
    await platform.inward.open()
    try:
        yield
    finally:
        await platform.publish.close()
        await platform.inward.close()
        await platform.fetch.close()


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


def run_broker(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Taking away what expires while nobody asks."""
    return background(platform.broker.run(), "broker", platform)


def run_shelf(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Writes how often @contexts were used, in bounded steps."""
    return background(platform.shelf.run(), "shelf", platform)


def run_delivery(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Matching and sending of notifications."""
    return background(platform.delivery.run(), "delivery", platform)


def run_registry(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Writes the devices' counters in bounded steps."""
    return background(platform.registry.run(), "registry", platform)


def run_arbiter(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Lets commands expire that no device confirmed."""
    return background(platform.arbiter.run(), "arbiter", platform)


def run_sources(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Looks at folders and addresses outside on their schedule."""
    return background(platform.sources.run(), "sources", platform)


@asynccontextmanager
async def listen_mqtt(platform: Platform) -> AsyncIterator[None]:
    """The MQTT listeners: plain, with TLS, and over WebSocket."""
    settings, mqtt = platform.settings, platform.mqtt
    is_secure = settings.mqtt_tls_port >= 0 or settings.mqtt_wss_port >= 0
    certificate = Certificate(settings.mqtt_certificate, settings.mqtt_key) if is_secure else None
    tls = None if certificate is None else certificate.context
    hosts = (*LOOPBACK, settings.host, *settings.allowed_hosts)
    try:
        if settings.mqtt_port >= 0:
            platform.mqtt_port = await mqtt.start(settings.host, settings.mqtt_port)
        if settings.mqtt_tls_port >= 0:
            platform.mqtt_ports["mqtts"] = await mqtt.start(settings.host, settings.mqtt_tls_port, tls=tls)
        for scheme, port, context in (("ws", settings.mqtt_ws_port, None), ("wss", settings.mqtt_wss_port, tls)):
            if port >= 0:
                platform.mqtt_ports[scheme] = await mqtt.start_websocket(settings.host, port, hosts, tls=context)
        if certificate is not None:
            certificate.watch()
        yield
    finally:
        if certificate is not None:
            certificate.stop()
        await mqtt.stop()


@asynccontextmanager
async def run_outside(platform: Platform) -> AsyncIterator[None]:
    """The way to the outside MQTT broker, where one was named."""
    if platform.outside is None:
        yield
        return
    log.warning("an outside MQTT broker is used: it alone decides who may speak for a device (see mqtt_url)")
    async with background(platform.outside.run(), "mqtt outside", platform):
        yield


async def _listen_http(platform: Platform, ready: asyncio.Event) -> None:
    """Serves HTTP and the command line's socket until the platform stops."""
    settings = platform.settings

    def bound(port: int) -> None:
        platform.http_port = port
        platform.ready = True
        ready.set()

    await serve(
        build_http(platform),
        host=settings.host,
        port=settings.port,
        stop=platform.stop,
        uds=_socket(platform),
        uds_app=socket_app(doors_of(platform)),
        bound=bound,
        drain_seconds=settings.drain_seconds,
    )


def _socket(platform: Platform) -> Path | None:
    path = socket_path(Path(platform.settings.data))
    if size_of(path) > LONGEST_PATH:
        log.warning("the data folder's path is too long for a socket; the command line cannot reach this platform")
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@asynccontextmanager
async def listen_http(platform: Platform) -> AsyncIterator[None]:
    """The HTTP listener; returns once it takes connections, drains at the end."""
    bound = asyncio.Event()
    task = asyncio.create_task(_listen_http(platform, bound), name="http")
    task.add_done_callback(lambda _: bound.set())
    await bound.wait()
    try:
        if task.done():
            await task
        yield
    finally:
        platform.ready = False
        await platform.live.close()
        await platform.feeds.close()
        platform.stop.set()
        await task


Step = Callable[[Platform], AbstractAsyncContextManager[None]]
START: tuple[Step, ...] = (
    open_database,
    open_outbound,
    run_registry,
    run_arbiter,
    run_broker,
    run_shelf,
    run_delivery,
    run_sources,
    listen_mqtt,
    run_outside,
    listen_http,
    run_flood,
)
DEMO_START = tuple(step for step in START if step is not run_flood)
"""The demonstration brings its own watch, so that it can hold it still while it goes back."""


async def run(platform: Platform, start: Sequence[Step] = START, *, started: Callable[[], None] | None = None) -> bool:
    """Starts the steps in order, waits for `platform.stop`, ends them in reverse. True where nothing failed."""
    async with AsyncExitStack() as stack:
        for step in start:
            await stack.enter_async_context(step(platform))
        if started is not None:
            started()
        await platform.stop.wait()
    return not platform.failed
