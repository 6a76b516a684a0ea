"""The platform as client of an outside broker: our own listener and Debian's stand for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.network.mqtt.conftest import Broker

from kumihimo.base.ports import MqttRefused, MqttServer
from kumihimo.network.mqtt.outside import OutsideBroker, OutsideLimits
from kumihimo.network.mqtt.packets import Connack, Connect, Puback, Publish, Suback, Subscribe, Wanted

pytestmark = pytest.mark.enable_socket
QUICK = OutsideLimits(first_pause=0.01, longest_pause=0.05, answer=5)


@dataclass
class Platform:
    """What takes the messages; hold delays the commit, faults are how many fail."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    under_way: int = 0
    hold: asyncio.Event | None = None
    faults: int = 0

    async def take(self, topic: str, payload: bytes, properties: Mapping[str, Any]) -> None:
        self.under_way += 1
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.faults:
                self.faults -= 1
                raise RuntimeError("the disk is full")
            self.taken.append((topic, payload))
            if payload == b"bad":
                raise MqttRefused(0x99, "not readable")
        finally:
            self.under_way -= 1


@asynccontextmanager
async def connected(platform: Platform, port: int, **server: Any) -> AsyncIterator[OutsideBroker]:
    outside = OutsideBroker(
        MqttServer("localhost", port, **server), "platform", ("town/+/up",), platform.take, limits=QUICK
    )
    task = asyncio.create_task(outside.run())
    try:
        await until(lambda: outside.counters.connected == 1)
        yield outside
    finally:
        task.cancel()
        if platform.hold is not None:
            platform.hold.set()
        await asyncio.gather(task, return_exceptions=True)


async def until(check: Any) -> None:
    async with asyncio.timeout(20):
        while not check():  # noqa: ASYNC110 - the counters have no event
            await asyncio.sleep(0.005)


async def device(house: Any, name: str = "device") -> Any:
    raw = await house.raw()
    assert isinstance(await raw.ask(Connect(5, name)), Connack)
    return raw


async def test_what_was_not_committed_comes_again_to_the_next_process(start: Any) -> None:
    house = await start()
    raw = await device(house)
    before = Platform(hold=asyncio.Event())
    async with connected(before, house.port):
        for number in (1, 2):
            payload = str(number).encode()
            assert await raw.ask(Publish("town/a/up", payload, 1, packet_id=number)) == Puback(number)
        await until(lambda: before.under_way == 2)
        assert house.listener.stats()["queued"] == 0
    assert await raw.ask(Publish("town/a/up", b"3", 1, packet_id=3)) == Puback(3)
    after = Platform()
    async with connected(after, house.port):
        await until(lambda: len(after.taken) == 3)
    assert after.taken == [("town/a/up", one) for one in (b"1", b"2", b"3")]


async def test_a_fault_of_the_platform_acknowledges_nothing_and_the_message_comes_again(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    house = await start()
    raw = await device(house)
    platform = Platform(faults=2)
    async with connected(platform, house.port) as outside:
        await raw.ask(Publish("town/a/up", b"1", 1, packet_id=1))
        await until(lambda: len(platform.taken) == 1)
        assert outside.stats()["failed"] == 2
        await until(lambda: outside.counters.connected == 1)
        assert outside.stats()["connections"] == 3
    assert "it will come again" in caplog.text


async def test_what_can_never_be_taken_is_acknowledged_and_does_not_come_again(start: Any) -> None:
    house = await start()
    raw = await device(house)
    platform = Platform()
    async with connected(platform, house.port) as outside:
        for number, payload in enumerate((b"bad", b"good"), 1):
            await raw.ask(Publish("town/a/up", payload, 1, packet_id=number))
        await until(lambda: len(platform.taken) == 2)
        assert (outside.counters.refused, outside.counters.taken) == (1, 1)
    async with connected(platform, house.port):
        await raw.ask(Publish("town/a/up", b"last", 1, packet_id=3))
        await until(lambda: len(platform.taken) == 3)
    assert [payload for _, payload in platform.taken] == [b"bad", b"good", b"last"]


async def test_a_command_goes_out_while_the_broker_is_there(start: Any) -> None:
    house = await start()
    raw = await device(house)
    assert isinstance(await raw.ask(Subscribe(1, (Wanted("town/a/down", 1),))), Suback)
    async with connected(Platform(), house.port) as outside:
        assert await outside.publish("town/a/down", b"go", expires=30) == 1
        found = await raw.receive()
        assert isinstance(found, Publish)
        assert (found.payload, found.qos) == (b"go", 1)
        assert found.properties["message_expiry_interval"] in (29, 30)
        assert await outside.publish("kumihimo/not/allowed", b"x") == 0
    assert await outside.publish("town/a/down", b"late") == 0


async def test_it_comes_again_when_the_broker_does(start: Any, broker: Broker) -> None:
    server = broker()
    platform = Platform()
    async with connected(platform, server.port) as outside:
        server.stop()
        await until(lambda: outside.counters.connected == 0 and outside.counters.connections_failed > 1)
        server.start()
        await until(lambda: outside.counters.connected == 1)


async def test_debians_broker_says_where_nobody_listens(broker: Broker) -> None:
    server = broker(users={"platform": "鍵"})
    async with connected(Platform(), server.port, username="platform", password="鍵") as outside:
        assert await outside.publish("town/a/down", b"go") == 0
        assert outside.counters.published == 0


async def test_a_broker_that_lets_us_not_in_is_asked_again(start: Any) -> None:
    house = await start()
    outside = OutsideBroker(
        MqttServer("localhost", house.port, username="t/d", password="wrong"),
        "platform",
        ("a",),
        Platform().take,
        limits=QUICK,
    )
    task = asyncio.create_task(outside.run())
    await until(lambda: outside.counters.connections_failed >= 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert outside.counters.connections == 0


async def test_a_broker_that_refuses_the_subscription_is_no_connection(start: Any) -> None:
    house = await start()
    outside = OutsideBroker(
        MqttServer("localhost", house.port), "platform", ("kumihimo/+/+/up",), Platform().take, limits=QUICK
    )
    task = asyncio.create_task(outside.run())
    await until(lambda: outside.counters.connections_failed >= 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert outside.counters.connections == 0
