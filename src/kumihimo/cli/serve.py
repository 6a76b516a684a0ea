"""`kumihimo serve` and `kumihimo demo`: start a platform in this process and stop it cleanly."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import uvloop

from kumihimo.app.flood import run_demo
from kumihimo.app.platform import Platform, Step
from kumihimo.app.start import DEMO_START, START, run
from kumihimo.app.wildlife import run_season
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.errors import Problem
from kumihimo.base.settings import Settings, SettingsError
from kumihimo.cli.logs import set_up
from kumihimo.cli.say import say, warn
from kumihimo.cli.words import said
from kumihimo.device.simulate.schedule import MAX_SPEED
from kumihimo.network.sockets import AddressInUse, CannotListen, at, listening
from kumihimo.solutions.flood.recording import EventName
from kumihimo.solutions.flood.tenants import PREFECTURE

TRIES = 50


def serve(settings: Settings) -> int:
    """Runs a platform until SIGTERM or Ctrl-C. Exit code: 0 after a clean end, 1 where it could not run."""
    set_up(settings.log_level, settings.log_format)

    def started(platform: Platform) -> None:
        say(f"Kumihimo is at {platform.address}")
        for name, port in platform.https_ports.items():
            say(f"HTTPS{' for devices' if name == 'devices' else ''} is at https://{at(settings.host, port)}")
        if platform.mqtt_port:
            say(f"MQTT is at {at(settings.host, platform.mqtt_port)}")
        for scheme, port in platform.mqtt_ports.items():
            say(f"MQTT is at {scheme}://{at(settings.host, port)}{'' if scheme == 'mqtts' else '/mqtt'}")
        if platform.welcome:
            address = settings.public_address.rstrip("/") or platform.address
            say("Nobody has an account yet. This link, good once and for an hour, makes the first administrator:")
            say(f"    {address}/welcome/{platform.welcome}")
        elif not settings.open:
            say("Closed: strangers see the log-in page, /healthz and /readyz only.")

    return _start(settings, START, started)


def demo(
    settings: Settings,
    *,
    event: EventName,
    speed: float,
    any_port: bool,
    any_mqtt: bool,
    renew: bool = False,
    wildlife: bool = False,
) -> int:
    """Runs the demo, closed as every platform is. Ports that were not asked for move on to the next free one; renew
    gives its people new passwords; wildlife plays a season of bears and traps into a second town.
    """
    try:
        _check_demo(settings, speed)
        settings = replace(
            settings,
            port=next_free(settings.host, settings.port) if any_port else settings.port,
            mqtt_port=next_free(settings.host, settings.mqtt_port) if any_mqtt else settings.mqtt_port,
            command_hold=settings.command_hold / speed,  # the river runs faster, and so does what it asks for
        )
        settings = letters_kept_here(settings)
    except SettingsError as problem:
        warn(f"kumihimo: {problem}")
        return 2
    set_up("WARNING" if settings.log_level == "INFO" else settings.log_level, settings.log_format)
    lines: list[str] = []

    def started(platform: Platform) -> None:
        say(f"\nKumihimo demo: {platform.address}")
        say(f"Rivers of the prefecture: {platform.address}/t/{PREFECTURE}/flood\n")
        for line in lines:
            say(line)
        if platform.settings.mail_folder:
            say(f"Letters to people are put into {platform.settings.mail_folder} and go nowhere.")
        say("Ctrl-C stops it; the data is kept for the next start.")

    season = (run_season(speed, lines.append),) if wildlife else ()
    own = run_demo(event, speed, lines.append, renew=renew, wildlife=wildlife)
    return _start(settings, (*DEMO_START, own, *season), started)


def _check_demo(settings: Settings, speed: float) -> None:
    if not 1 <= speed <= MAX_SPEED:  # false also for what is no number
        raise SettingsError(f"--speed is {speed:g}; use 1 to {MAX_SPEED:.0f}")
    if settings.open:
        raise SettingsError("open is for `kumihimo serve`; one logs in to the demo, with a password that it prints")
    if settings.mqtt_port < 0:
        raise SettingsError(
            f"mqtt_port is {settings.mqtt_port}, which starts no MQTT; the demo's devices speak MQTT, so name a port "
            "or leave it away"
        )


def letters_kept_here(settings: Settings) -> Settings:
    """The same, with letters put into the data folder where nobody named a way for them: none leaves this machine."""
    if settings.smtp_url or settings.mail_folder:
        return settings
    folder = str(Path(settings.data) / "mail")
    return replace(settings, mail_folder=folder, smtp_from=settings.smtp_from or "kumihimo@localhost")


def next_free(host: str, first: int) -> int:
    """The first port from `first` on that nobody listens on."""
    last = min(first + TRIES - 1, 65535)
    for port in range(first, last + 1):
        try:
            probes = listening(host, port)
        except AddressInUse:
            continue
        except CannotListen as problem:
            raise SettingsError(str(problem)) from problem
        for probe in probes:
            probe.close()
        return port
    raise SettingsError(f"no free port from {first} to {last}; name one")


def _start(settings: Settings, steps: Sequence[Step], started: Callable[[Platform], None]) -> int:
    try:
        return 0 if uvloop.run(_run(settings, steps, started)) else 1
    except (Problem, OSError, SettingsError) as problem:
        warn(f"kumihimo: {said(problem)}")
        return 1


async def _run(settings: Settings, steps: Sequence[Step], started: Callable[[Platform], None]) -> bool:
    platform = wire(settings, SystemClock())
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, platform.stop.set)

    def ready() -> None:
        # What start-up made lives as long as the process; the collector need not walk it again.
        gc.collect()
        gc.freeze()
        started(platform)

    return await run(platform, steps, started=ready)
