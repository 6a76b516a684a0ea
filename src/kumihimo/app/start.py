"""START is the order of starting; a worker process is the same list, shorter (decision 10)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from kumihimo.app.flood import run_flood
from kumihimo.app.http import build_http, doors_of
from kumihimo.app.platform import Platform, Step, background
from kumihimo.app.wildlife import run_wildlife
from kumihimo.app.wings import note_wings
from kumihimo.base.settings import LOOPBACK, SettingsError
from kumihimo.cli.served import socket_app
from kumihimo.cli.socket import LONGEST_PATH, size_of, socket_path
from kumihimo.network.http.server import Secure, serve
from kumihimo.network.tls import Certificate

log = logging.getLogger(__name__)


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
async def index_places(platform: Platform) -> AsyncIterator[None]:
    """Enters into the index of who has to do where what it lacks; a look at each tenant."""
    if found := await platform.places.index():
        log.info("tenants entered into the index of places", extra={"tenants": found})
    yield


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


def run_broker(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Taking away what expires while nobody asks."""
    return background(platform.broker.run(), "broker", platform)


def run_shelf(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Writes how often @contexts were used, in bounded steps."""
    return background(platform.shelf.run(), "shelf", platform)


def run_metering(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Writes what was counted, in bounded steps."""
    return background(platform.metering.run(), "metering", platform)


def run_delivery(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Matching and sending of notifications."""
    return background(platform.delivery.run(), "delivery", platform)


def run_registry(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Writes the devices' counters in bounded steps."""
    return background(platform.registry.run(), "registry", platform)


def run_arbiter(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Lets commands expire that no device confirmed."""
    return background(platform.arbiter.run(), "arbiter", platform)


def run_provider(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Writes in bounded steps which applications were used, and forgets tokens that are over."""
    return background(platform.provider.run(), "provider", platform)


def run_sources(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Looks at folders and addresses outside on their schedule."""
    return background(platform.sources.run(), "sources", platform)


@asynccontextmanager
async def run_rules(platform: Platform) -> AsyncIterator[None]:
    """Keeps the rule sets that are on at work; after them the processes of packs' programs end."""
    try:
        async with background(platform.rule_sets.run(), "rules", platform):
            yield
    finally:
        await platform.programs.close()


def run_notices(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Sends the notices that wait."""
    return background(platform.notices.run(), "notices", platform)


async def certificate_of(
    platform: Platform, name: str, files: tuple[str, str] = ("", ""), *, protocols: Sequence[str] = (), asks: bool
) -> Certificate:
    """What a listener shows: of its own files, or of those for all. One that asks clients for theirs takes what our
    authorities signed: those that there are, and those that are made later.
    """
    settings = platform.settings
    if not files[0]:
        files = (settings.tls_certificate, settings.tls_key)
    if not files[0] and platform.acme is not None:
        platform.acme.prepare()
        files = (str(platform.acme.certificate), str(platform.acme.key))
    made = Certificate(*files, name=name, protocols=protocols, clients=asks)
    platform.certificates.append(made)
    platform.enrolment.on_authority = platform.trust
    if asks:
        made.trust(await platform.enrolment.authorities())
    return made


@asynccontextmanager
async def listen_mqtt(platform: Platform) -> AsyncIterator[None]:
    """The MQTT listeners: plain, with TLS, and over WebSocket."""
    settings, mqtt = platform.settings, platform.mqtt
    is_secure = settings.mqtt_tls_port >= 0 or settings.mqtt_wss_port >= 0
    files = (settings.mqtt_certificate, settings.mqtt_key)
    certificate = await certificate_of(platform, "MQTT", files, asks=True) if is_secure else None
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


async def _secure_doors(platform: Platform, stack: ExitStack) -> list[Secure]:
    """HTTP with TLS, where it is wanted; the certificates are looked at until the stack ends."""
    settings = platform.settings
    found = []
    for name, port in (("https", settings.https_port), ("devices", settings.https_device_port)):
        if port < 0:
            continue
        asks = name == "devices"
        certificate = await certificate_of(platform, f"HTTP ({name})", protocols=("http/1.1",), asks=asks)
        certificate.watch()
        stack.callback(certificate.stop)
        found.append(Secure(port, certificate.context, partial(platform.https_ports.__setitem__, name)))
    return found


async def _listen_http(platform: Platform, ready: asyncio.Event) -> None:
    """Serves HTTP and the command line's socket until the platform stops."""
    settings = platform.settings

    def bound(port: int) -> None:
        platform.http_port = port
        platform.ready = True
        ready.set()

    with ExitStack() as stack:
        await serve(
            build_http(platform),
            host=settings.host,
            port=settings.port,
            stop=platform.stop,
            uds=socket_of(platform),
            uds_app=socket_app(doors_of(platform)),
            bound=bound,
            drain_seconds=settings.drain_seconds,
            secure=await _secure_doors(platform, stack),
        )


@asynccontextmanager
async def offer_welcome(platform: Platform) -> AsyncIterator[None]:
    """While nobody has an account, a closed platform has a one-time link for its first administrator."""
    if not platform.settings.open and await platform.identity.is_empty():
        platform.welcome = await platform.identity.link()
    yield


def socket_of(platform: Platform) -> Path | None:
    """Where the command line reaches this platform; None where the path is too long."""
    path = socket_path(Path(platform.settings.data))
    if size_of(path) > LONGEST_PATH:
        log.warning("the data folder's path is too long for a socket; the command line cannot reach this platform")
        return None
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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


@asynccontextmanager
async def run_acme(platform: Platform) -> AsyncIterator[None]:
    """Gets and renews the certificate, where its hosts were named; the authority asks at the HTTP listener."""
    if platform.acme is None:
        yield
        return

    def renewed() -> None:
        for one in platform.certificates:
            one.refresh()

    platform.acme.renewed = renewed
    async with background(platform.acme.run(), "acme", platform):
        yield


START: tuple[Step, ...] = (
    open_database,
    index_places,
    note_wings,
    open_outbound,
    run_registry,
    run_arbiter,
    run_broker,
    run_shelf,
    run_metering,
    run_delivery,
    run_sources,
    run_provider,
    listen_mqtt,
    run_outside,
    offer_welcome,
    listen_http,
    run_acme,
    run_flood,
    run_rules,
    run_wildlife,
    run_notices,
)


DEMO_START = tuple(step for step in START if step not in (run_flood, offer_welcome))
"""The demonstration brings its own watch, so that it can hold it still while it goes back, and its own people."""


async def run(platform: Platform, start: Sequence[Step] = START, *, started: Callable[[], None] | None = None) -> bool:
    """Starts the steps in order, waits for `platform.stop`, ends them in reverse. True where nothing failed."""
    async with AsyncExitStack() as stack:
        for step in start:
            await stack.enter_async_context(step(platform))
        if started is not None:
            started()
        await platform.stop.wait()
    return not platform.failed
