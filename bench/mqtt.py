"""`make bench BENCH_ARGS=--mqtt`: many connected devices, what each costs in memory, and how long PUBACK takes.

The platform is a process of its own, the generator this one. Devices log in with their keys, and every message is a
reading that is committed before it is acknowledged. Ends with 1 where a client was refused, cut off, or not answered.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from ceilings import fsync_p50
from harness import free_port

from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.device.registry.models import Device
from kumihimo.network.mqtt.packets import V5, Connack, Connect, Puback, Publish
from kumihimo.network.mqtt.parse import parse, split_frame
from kumihimo.network.mqtt.serialise import serialise

DEVICES = 20
"""Devices that the clients log in as, each client with a name of its own."""
TENANT = "town"
TYPE = "https://uri.etsi.org/ngsi-ld/default-context/RiverGauge"
AT_ONCE = 50
"""Clients that connect at the same time."""
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


async def register(folder: str) -> dict[str, str]:
    """Makes the tenant and its devices while no platform runs; their keys by name."""
    platform = wire(Settings(data=folder, database_url=os.environ.get("KUMIHIMO_DATABASE_URL", "")), SystemClock())
    async with open_database(platform):
        await platform.database.add_tenant(TENANT)
        found = {}
        for number in range(DEVICES):
            name, entity = f"g{number}", f"urn:ngsi-ld:RiverGauge:{number}"
            found[name] = await platform.registry.add(TENANT, Device(name, "river-gauge", name, entity, TYPE))
        return found


class Listener:
    """`kumihimo serve` with MQTT, in a process of its own, on a fresh folder."""

    def __init__(self, clients: int) -> None:
        self.clients = clients

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory()
        self.keys = asyncio.run(register(self.folder.name))
        self.port = free_port()
        environ = {
            **os.environ,
            "KUMIHIMO_LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
            "KUMIHIMO_MQTT_MAX_CLIENTS": str(self.clients * 2),
        }
        self.process = subprocess.Popen(
            [
                str(Path(sys.executable).parent / "kumihimo"),
                "serve",
                "--data",
                self.folder.name,
                "--port",
                "0",
                "--mqtt-port",
                str(self.port),
            ],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith("MQTT is at"):
                return self
        raise SystemExit("the platform did not start")

    def rss(self) -> float:
        """Resident memory in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.folder.cleanup()


@dataclass(eq=False)
class Client(asyncio.Protocol):
    """A device; one message at a time is under way."""

    device: str
    name: str
    transport: asyncio.Transport | None = None
    buffer: bytearray = field(default_factory=bytearray)
    waiting: asyncio.Future[object] | None = None
    sent: int = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (frame := split_frame(self.buffer, 1 << 20)) is not None:
            if self.waiting is not None and not self.waiting.done():
                self.waiting.set_result(parse(*frame, V5))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(ConnectionError(f"{self.name} was cut off"))

    async def ask(self, raw: bytes) -> object:
        """The answer to a packet."""
        assert self.transport is not None
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(raw)
        return await asyncio.wait_for(self.waiting, 60)

    async def join(self, port: int, key: str) -> None:
        """Connects and logs in."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        packet = Connect(V5, self.name, True, 600, f"{TENANT}/{self.device}", key.encode())
        answer = await self.ask(serialise(packet, V5))
        if not isinstance(answer, Connack) or answer.code:
            raise SystemExit(f"{self.name} was refused: {answer}")

    async def publish(self, number: int) -> float:
        """One reading; seconds until it was acknowledged."""
        moment = (FIRST + timedelta(milliseconds=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        payload = f'{{"level": {number % 500 / 100}, "observedAt": "{moment}"}}'.encode()
        self.sent = self.sent % 0xFFFF + 1
        packet = Publish(f"kumihimo/{TENANT}/{self.device}/up", payload, 1, packet_id=self.sent)
        began = time.perf_counter()
        answer = await self.ask(serialise(packet, V5))
        if not isinstance(answer, Puback) or answer.code:
            raise SystemExit(f"{self.name}: a reading was refused: {answer}")
        return time.perf_counter() - began


async def connect(port: int, keys: dict[str, str], clients: int) -> list[Client]:
    """All clients, some at a time."""
    names = list(keys)
    made = [Client(names[number % len(names)], f"c{number}") for number in range(clients)]
    room = asyncio.Semaphore(AT_ONCE)

    async def join(one: Client) -> None:
        async with room:
            await one.join(port, keys[one.device])

    await asyncio.gather(*(join(one) for one in made))
    return made


async def publish(clients: list[Client], rate: float, seconds: float) -> list[float]:
    """Readings at the rate given, each by the next client; the sorted times until PUBACK."""
    loop = asyncio.get_running_loop()
    began, tasks = loop.time(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        tasks.append(asyncio.create_task(clients[number % len(clients)].publish(number)))
    return sorted(await asyncio.gather(*tasks))


async def measure(listener: Listener, options: argparse.Namespace) -> list[str]:
    """The lines of the result."""
    before = listener.rss()
    began = time.perf_counter()
    clients = await connect(listener.port, listener.keys, options.clients)
    took = time.perf_counter() - began
    await asyncio.sleep(2)
    idle = listener.rss()
    each = (idle - before) / options.clients
    lines = [
        f"{options.clients} clients connected in {took:.1f} s, {options.clients / took:,.0f} a second",
        f"memory {before / 1024:.0f} MiB without, {idle / 1024:.0f} MiB with them, {each:.1f} KiB for each connection",
    ]
    for rate in options.rate:
        times = await publish(clients, rate, options.seconds)
        p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
        lines.append(
            f"{rate:g} readings a second, committed: PUBACK p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, "
            f"slowest {times[-1] * 1000:.1f} ms, {len(times)} of {len(times)} acknowledged"
        )
    lines.append(f"memory after it {listener.rss() / 1024:.0f} MiB")
    for one in clients:
        if one.transport is not None:
            one.transport.close()
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clients", type=int, default=5000)
    options.add_argument("--rate", type=float, nargs="*", default=[100.0, 300.0], help="readings a second")
    options.add_argument("--seconds", type=float, default=20.0, help="at each rate")
    given = options.parse_args(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < given.clients + 500:
        raise SystemExit(f"{given.clients} clients need more open files than this user may have ({hard}); ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Listener(given.clients) as listener:
        lines = asyncio.run(measure(listener, given))
    print(f"fdatasync p50 {fsync_p50() * 1e6:.0f} µs, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
