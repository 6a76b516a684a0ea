"""`kumihimo doctor`: what this machine and this data folder need, in words."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

from cryptography import x509

from kumihimo.app.start import open_database
from kumihimo.app.wire import read_preload, wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.errors import Problem
from kumihimo.base.settings import Settings, SettingsError
from kumihimo.cli.say import say
from kumihimo.cli.socket import LONGEST_PATH, ask, size_of, socket_path
from kumihimo.network.sockets import AddressInUse, CannotListen, listening
from kumihimo.network.tls import Certificate
from kumihimo.storage.database import Database, Tx

ENOUGH_DISK = 1 << 30
ENOUGH_DAYS = 14
Finding = tuple[bool, str, str]
"""Whether it is well, what was looked at, and what to do where it is not."""


def examine(settings: Settings) -> int:
    """Prints one line per check. 0 where all is well, 1 otherwise."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python,
        _folder,
        _assets,
        _contexts,
        _store,
        _certificates,
        _ports,
    )
    well = True
    for check in checks:
        for good, what, todo in check(settings):
            well = well and good
            say(f"{'ok  ' if good else 'MEND'} {what}" + ("" if good else f": {todo}"))
    return 0 if well else 1


def _python(_: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield sys.version_info >= (3, 11), f"Python {version}", "install Python 3.11 or newer"


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.data)
    parent = next(one for one in (folder.resolve(), *folder.resolve().parents) if one.exists())
    free = shutil.disk_usage(parent).free
    yield free > ENOUGH_DISK, f"{free >> 30} GiB free for {folder}", "make at least 1 GiB free"
    size = size_of(socket_path(folder))
    yield (
        size <= LONGEST_PATH,
        f"socket path of {size} bytes",
        f"use a --data path shorter by {size - LONGEST_PATH} bytes",
    )


def _assets(_: Settings) -> Iterator[Finding]:
    vendor = files("kumihimo.service.console") / "static" / "vendor"
    yield vendor.is_dir(), "scripts and styles of the console", "run `make assets`, or install the wheel"


def _contexts(settings: Settings) -> Iterator[Finding]:
    if not settings.context_preload:
        return
    try:
        found = read_preload(settings.context_preload)
        yield True, f"@contexts preloaded: {len(found)}", ""
    except SettingsError as problem:
        yield False, "@contexts", str(problem)


def _store(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.data)
    try:
        found = asyncio.run(ask(folder, "status", {}))
        yield True, f"a platform runs here (version {found['version']}, {found['engine']})", ""
        return
    except (ConnectionError, Problem):
        pass
    if not settings.database_url and not folder.exists():
        yield True, f"{folder} does not exist yet; the first start makes it", ""
        return
    yield from asyncio.run(_open(settings))


async def _open(settings: Settings) -> list[Finding]:
    """The store, and every tenant in it that does not open."""
    try:
        platform = wire(settings, SystemClock())
        async with open_database(platform):
            tenants = await platform.database.tenants()
            found = [one for name in tenants if (one := await _tenant(platform.database, name)) is not None]
            return [(True, f"store opens ({platform.database.dialect.name}), tenants: {len(tenants)}", ""), *found]
    except (Problem, SettingsError, OSError) as problem:
        return [(False, "store", str(problem))]


async def _tenant(database: Database, name: str) -> Finding | None:
    async def look_tx(tx: Tx) -> object:
        return await tx.fetch_one("SELECT 1")

    try:
        await database.read(name, look_tx)
    except Problem as problem:
        return False, f"tenant {name}", problem.detail
    return None


def _certificates(settings: Settings) -> Iterator[Finding]:
    """The certificates that the listeners would show: whether they can be used, and for how long."""
    for kind in ("tls", "mqtt"):
        certificate, key = getattr(settings, f"{kind}_certificate"), getattr(settings, f"{kind}_key")
        if not certificate:
            continue
        try:
            Certificate(certificate, key)
            found = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
        except (OSError, ValueError) as problem:
            yield False, f"{kind}_certificate", str(problem)
            continue
        left = (found.not_valid_after_utc - SystemClock().now()).days
        yield left >= ENOUGH_DAYS, f"{kind}_certificate, good for {left} days", "renew it; it is read again by itself"


def _ports(settings: Settings) -> Iterator[Finding]:
    if socket_path(Path(settings.data)).exists():
        return
    ports = (
        ("HTTP", settings.port),
        ("HTTPS", settings.https_port),
        ("HTTPS for devices", settings.https_device_port),
        ("MQTT", settings.mqtt_port),
        ("MQTT with TLS", settings.mqtt_tls_port),
        ("MQTT over WebSocket", settings.mqtt_ws_port),
        ("MQTT over WebSocket with TLS", settings.mqtt_wss_port),
    )
    for name, port in ports:
        if port > 0:
            yield _port(settings.host, f"{name} port {port}", port)


def _port(host: str, what: str, port: int) -> Finding:
    try:
        probes = listening(host, port)
    except AddressInUse:
        return False, what, "another program listens there; choose another"
    except CannotListen as problem:
        return False, what, str(problem)
    for probe in probes:
        probe.close()
    return True, what, ""
