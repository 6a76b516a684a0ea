"""Makes every room and binds every port; opens nothing."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from kumihimo.app.decided import Persons
from kumihimo.app.federation import federation_of
from kumihimo.app.late import Late
from kumihimo.app.makers import AccessOfMakers, judge_anew, turned
from kumihimo.app.notices import note_handing_over, notices_of
from kumihimo.app.packs import pack_doors, trial_on
from kumihimo.app.people import alive_of, identity_of, provider_of
from kumihimo.app.platform import Platform
from kumihimo.app.programs import PackFunctions
from kumihimo.app.rules import commands_of, rules_of
from kumihimo.app.wings import register_figures
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AddressRefused, Problem
from kumihimo.base.ports import HttpAnswer, HttpFetch, MqttServer
from kumihimo.base.settings import Settings, SettingsError
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.models import ArbiterLimits
from kumihimo.device.actuation.store import SCHEMA as ACTUATION
from kumihimo.device.enrolment.door import Enrolment
from kumihimo.device.enrolment.store import PLATFORM_SCHEMA as ENROLMENT_ROOT
from kumihimo.device.enrolment.store import SCHEMA as ENROLMENT
from kumihimo.device.gateway import FROM_OUTSIDE, Gateway, GatewayLimits
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.device.sessions.door import MqttSessions
from kumihimo.device.sessions.store import PLATFORM_SCHEMA as SESSIONS_OF_NOBODY
from kumihimo.device.sessions.store import SCHEMA as SESSIONS
from kumihimo.network.acme import AcmeCertificate
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.network.http.fetch import GuardedFetch
from kumihimo.network.http.leash import Leashes
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.listener import MqttListener
from kumihimo.network.mqtt.outside import OutsideBroker
from kumihimo.network.mqtt.publisher import GuardedPublish
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.places import Places
from kumihimo.platform.access.store import PLATFORM_SCHEMA as ACCESS_OF_PLATFORM
from kumihimo.platform.access.store import SCHEMA as ACCESS
from kumihimo.platform.broker.collation import collation
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.ingest import BrokerIngest
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.delivery.store import SCHEMA as DELIVERY
from kumihimo.platform.feeds.door import MAX_FEEDS_OF_STRANGERS, Feeds
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.identity.store import SCHEMA as IDENTITY
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.imports.store import SCHEMA as IMPORTS
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.metering.door import Metering
from kumihimo.platform.metering.store import PLATFORM_SCHEMA as METERING_OF_ALL
from kumihimo.platform.metering.store import SCHEMA as METERING
from kumihimo.platform.outside.store import SCHEMA as FEDERATION
from kumihimo.platform.provider.store import SCHEMA as PROVIDER
from kumihimo.platform.shelf.door import TenantShelf
from kumihimo.platform.shelf.store import SCHEMA as SHELF
from kumihimo.platform.signing.door import Signing
from kumihimo.platform.signing.store import SCHEMA as SIGNING
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.console.live import Live
from kumihimo.service.console.store import SCHEMA as CONSOLE
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.kpi.measures_door import Measures
from kumihimo.service.kpi.public.door import Public
from kumihimo.service.kpi.public.store import SCHEMA as KPI_PUBLIC
from kumihimo.service.kpi.store import SCHEMA as MEASURES
from kumihimo.service.notices.store import PLATFORM_SCHEMA as NOTICES_OF_ALL
from kumihimo.service.notices.store import SCHEMA as NOTICES
from kumihimo.service.rules.store import SCHEMA as RULES
from kumihimo.service.sources.door import Sources
from kumihimo.service.sources.store import SCHEMA as SOURCES
from kumihimo.service.sources.take import Taker
from kumihimo.solutions.flood.stage import Stage
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.packs.measured import OwnKpis
from kumihimo.solutions.packs.store import PLATFORM_SCHEMA as PACKS_OF_PLATFORM
from kumihimo.solutions.packs.store import SCHEMA as PACKS
from kumihimo.solutions.wildlife.store import SCHEMA as WILDLIFE
from kumihimo.storage.database import Database, Schema
from kumihimo.storage.opening import database_for

OF_DEVICES = "device authority"
"""What the device floor seals; only with these words it is unsealed."""

SCHEMAS: tuple[Schema, ...] = (
    BROKER,
    HISTORY,
    IMPORTS,
    DELIVERY,
    ACCESS,
    ACCESS_OF_PLATFORM,
    SIGNING,
    IDENTITY,
    PROVIDER,
    FEDERATION,
    SHELF,
    METERING,
    METERING_OF_ALL,
    REGISTRY,
    ACTUATION,
    SESSIONS,
    SESSIONS_OF_NOBODY,
    ENROLMENT,
    ENROLMENT_ROOT,
    ALERTS,
    CONSOLE,
    SOURCES,
    RULES,
    PACKS,
    MEASURES,
    PACKS_OF_PLATFORM,
    KPI_PUBLIC,
    WILDLIFE,
    NOTICES,
    NOTICES_OF_ALL,
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
    contexts = _contexts(settings, fetch, shelf, clock, late)
    rules = StoredRules(database, clock, bus)
    access = AccessOfMakers(settings.open, rules, clock)
    rules.changes.told.append(access.forget)
    signing = Signing(database, clock)
    seal = Seal(Path(settings.data) / "keys" / "seal.key")
    identity = identity_of(settings, database, clock, seal, access, late.ended, partial(turned, access, rules))
    provider = provider_of(settings, database, clock, seal, identity, late.address, partial(judge_anew, rules))
    access.identity, access.provider = identity, provider
    broker = Broker(database, clock, bus, remember_tx)
    metering = Metering(database, clock)
    registry = Registry(database, clock, late.cut, metering.counters)
    enrolment = _enrolment(settings, database, registry, clock, seal)
    arbiter = Arbiter(database, registry, late.down, clock, ArbiterLimits(hold=settings.command_hold))
    ingest = BrokerIngest(broker)
    imports = Imports(database, clock, bus, remember_tx)
    gateway = _gateway(settings, clock, registry, BrokerIngest(broker, access), arbiter, enrolment)
    carry = Carrier(late.notify, publish, signing, clock)
    history = History(database, settings.temporal_instances)
    alerts = Alerts(database, clock, bus, arbiter, broker.apply)
    alone = not settings.database_url  # a second process on the same files is refused
    acting = (alerts, arbiter, commands_of(arbiter), late.notify)
    delivery = Delivery(database, clock, bus, contexts, carry, access, meter=metering.counters)
    notices = notices_of(settings, database, clock, seal, late)
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
        rules=rules,
        places=Places(access, rules, clock),
        metering=metering,
        history=history,
        broker=broker,
        ingest=ingest,
        imports=imports,
        sources=Sources(database, clock, Taker(database, clock, broker, imports, contexts, fetch)),
        delivery=delivery,
        feeds=Feeds(database, bus, delivery, strangers=None if settings.open else MAX_FEEDS_OF_STRANGERS),
        signing=signing,
        identity=identity,
        leashes=Leashes(alive_of(identity, provider)),
        provider=provider,
        federation=federation_of(database, clock, seal, identity, fetch, late.address),
        registry=registry,
        enrolment=enrolment,
        arbiter=arbiter,
        gateway=gateway,
        mqtt=MqttListener(gateway, clock, mqtt_limits(settings), MqttSessions(database)),
        outside=outside_broker(settings, gateway),
        alerts=alerts,
        rule_sets=rules_of(
            database, clock, bus, access, broker, history, contexts.core, *acting, alone=alone, notices=notices
        ),
        live=Live(database, bus, access, contexts.core.compact),
        kpi=Kpi(),
        stage=Stage(),
        library=Library(Path(settings.data)),
        notices=notices,
    )
    late.platform = platform
    database.removals.told.append(platform.tenant_gone)
    platform.acme = _acme(settings, platform.acme_answers, clock)
    return _with_solutions(platform)


def _with_solutions(platform: Platform) -> Platform:
    """The same with what is made of all its other rooms."""
    platform.measures = Measures(platform.database, platform.clock, platform.bus, platform.access, platform.kpi)
    platform.public = Public(platform.database, platform.clock, platform.access, platform.kpi, platform.measures)
    platform.packs = Packs(pack_doors(platform, trial_on(wire)))
    register_figures(platform)
    note_handing_over(platform)
    platform.kpi.offer(OwnKpis(platform.packs).offered)
    Persons(platform).bind()
    PackFunctions(platform).bind()
    return platform


def _gateway(
    settings: Settings,
    clock: Clock,
    registry: Registry,
    ingest: BrokerIngest,
    arbiter: Arbiter,
    enrolment: Enrolment,
) -> Gateway:
    """The door of the devices."""
    return Gateway(
        registry,
        ingest,
        clock,
        settings.open,
        arbiter.result,
        GatewayLimits(http_rate=settings.http_device_rate),
        settings.mqtt_closed_topics,
        enrolment,
    )


def _acme(settings: Settings, answers: dict[str, str], clock: Clock) -> AcmeCertificate | None:
    if not settings.acme_hosts:
        return None
    folder = Path(settings.data) / "tls" / "acme"
    account = (settings.acme_directory, settings.acme_hosts, settings.acme_email)
    return AcmeCertificate(folder, *account, answers, clock)


def _contexts(settings: Settings, fetch: GuardedFetch, shelf: TenantShelf, clock: Clock, late: Late) -> Contexts:
    return Contexts(
        _context_fetch(settings, fetch),
        preload=read_preload(settings.context_preload),
        shelf=shelf,
        clock=clock,
        address=late.address,
    )


def _enrolment(settings: Settings, database: Database, registry: Registry, clock: Clock, seal: Seal) -> Enrolment:
    return Enrolment(
        database,
        registry,
        clock,
        lambda key: seal.seal(OF_DEVICES, key).encode(),
        lambda sealed: seal.unseal(OF_DEVICES, sealed.decode()),
        settings.device_certificate_days,
    )


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
