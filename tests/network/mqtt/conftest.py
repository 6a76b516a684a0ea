from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.mosquitto_server import Mosquitto, MosquittoMissing

from kumihimo.base.clock import SystemClock
from kumihimo.base.ports import MqttPeer, MqttRefused
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.listener import MqttListener
from kumihimo.network.mqtt.packets import Packet
from kumihimo.network.mqtt.parse import parse, split_frame
from kumihimo.network.mqtt.serialise import serialise


@dataclass
class Gate:
    """Users are "tenant/device" with the password "right"; nobody without one may touch kumihimo/…"""

    taken: list[tuple[str, str, bytes]] = field(default_factory=list)
    properties: list[Mapping[str, Any]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    under_way: int = 0
    most: int = 0
    told: list[tuple[str, int]] = field(default_factory=list)
    gone: list[MqttPeer] = field(default_factory=list)
    refuse: dict[bytes, int] = field(default_factory=dict)

    async def connect(
        self, client_id: str, username: str | None, password: bytes | None, certificate: bytes = b""
    ) -> MqttPeer:
        if username is None:
            return MqttPeer(client_id)
        if password != b"right":
            raise MqttRefused(0x86, "wrong key")
        tenant, _, device = username.partition("/")
        return MqttPeer(client_id, tenant, device)

    def may_publish(self, peer: MqttPeer, topic: str) -> bool:
        own = f"kumihimo/{peer.tenant}/{peer.device}/up"
        return topic.startswith(own) if topic.startswith("kumihimo/") else not peer.device or topic.startswith("shared")

    def may_subscribe(self, peer: MqttPeer, topic_filter: str) -> bool:
        if topic_filter.startswith("kumihimo/"):
            return topic_filter.startswith(f"kumihimo/{peer.tenant}/{peer.device}/down/")
        return True

    async def publish(self, peer: MqttPeer, topic: str, payload: bytes, properties: Mapping[str, Any]) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.taken.append((peer.client_id, topic, payload))
        self.properties.append(properties)
        try:
            if self.hold is not None:
                await self.hold.wait()
            if payload == b"fault":
                raise OSError("disk full")
            if payload in self.refuse:
                raise MqttRefused(self.refuse[payload], "refused on purpose")
        finally:
            self.under_way -= 1

    def refused(self, peer: MqttPeer, code: int, detail: str) -> None:
        self.told.append((peer.device, code))

    async def disconnect(self, peer: MqttPeer) -> None:
        self.gone.append(peer)


@dataclass
class Raw:
    """A client of bare packets."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    version: int = 5
    buffer: bytearray = field(default_factory=bytearray)

    def send(self, *packets: Packet) -> None:
        for packet in packets:
            self.writer.write(serialise(packet, self.version))

    async def receive(self) -> Packet | None:
        """The next packet; None at the end of the stream."""
        async with asyncio.timeout(10):
            while (frame := split_frame(self.buffer, 1 << 20)) is None:
                try:
                    chunk = await self.reader.read(65536)
                except ConnectionError:
                    return None
                if not chunk:
                    return None
                self.buffer += chunk
        return parse(*frame, self.version)

    async def ask(self, *packets: Packet) -> Packet | None:
        self.send(*packets)
        return await self.receive()

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass
class House:
    listener: MqttListener
    gate: Gate
    port: int
    raws: list[Raw] = field(default_factory=list)

    async def raw(self, version: int = 5) -> Raw:
        raw = Raw(*await asyncio.open_connection("127.0.0.1", self.port), version=version)
        self.raws.append(raw)
        return raw


Start = Callable[..., Awaitable[House]]
Broker = Callable[..., Mosquitto]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Starts Debian's broker; where it is not installed, tests that need it say so in the summary."""
    started: list[Mosquitto] = []

    def start(**given: Any) -> Mosquitto:
        folder = tmp_path / f"broker{len(started)}"
        folder.mkdir()
        try:
            server = Mosquitto(folder, **given)
            server.start()
        except MosquittoMissing as reason:
            if os.environ.get("KUMIHIMO_TEST_REQUIRE_ALL") == "1":
                pytest.fail(str(reason))
            pytest.skip(str(reason))
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    houses: list[House] = []
    stores: list[Any] = []

    async def go(limits: MqttLimits | None = None, clock: Any = None, store: Any = None) -> House:
        gate = Gate()
        stores.append(store)
        listener = MqttListener(gate, clock or SystemClock(), limits, store)
        house = House(listener, gate, await listener.start("127.0.0.1", 0))
        houses.append(house)
        return house

    yield go
    for one in stores:
        if getattr(one, "hold", None) is not None:
            one.hold.set()
    for house in houses:
        if house.gate.hold is not None:
            house.gate.hold.set()
        for raw in house.raws:
            raw.close()
        await house.listener.stop()
        await asyncio.sleep(0)
