"""Too much at once over MQTT: clients are read later, what was acknowledged is there, and what waits is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from kumihimo.base.errors import Overloaded
from kumihimo.base.ports import MqttPeer
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.packets import Connect, Pingreq, Pingresp, Puback, Publish, Pubrec, Suback, Subscribe, Wanted
from kumihimo.network.mqtt.room import Room
from kumihimo.network.mqtt.serialise import serialise

pytestmark = pytest.mark.enable_socket


async def joined(house: Any, device: str = "", client_id: str = "c", version: int = 5) -> Any:
    raw = await house.raw(version)
    given: dict[str, Any] = {"username": device, "password": b"right"} if device else {}
    await raw.ask(Connect(version, client_id, clean_start=True, **given))
    return raw


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the gate of the test has no event
            await asyncio.sleep(0)


def holds(house: Any, size: int) -> bool:
    return bool(house.listener.stats()["partial_bytes"] == size)


class Busy:
    """A platform in which too much waits, as long as it is said to be."""

    def __init__(self) -> None:
        self.is_busy = True
        self.asked = 0
        self.taken: list[bytes] = []

    async def publish(self, peer: MqttPeer, topic: str, payload: bytes, properties: Mapping[str, Any]) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_busy:
            raise Overloaded("too much waits", retry_after=0)
        self.taken.append(payload)


async def receive(raw: Any, count: int) -> list[Any]:
    return [await raw.receive() for _ in range(count)]


@pytest.mark.parametrize(("qos", "kind"), [(1, Puback), (2, Pubrec)])
async def test_where_too_much_waits_nothing_is_acknowledged_and_nobody_is_cut_off(
    start: Any, qos: int, kind: Any
) -> None:
    house, busy = await start(), Busy()
    house.gate.publish = busy.publish
    raw = await joined(house)
    raw.send(*[Publish("a", str(one).encode(), qos, packet_id=one) for one in range(1, 6)])
    await until(lambda: busy.asked > 20)
    assert await raw.ask(Pingreq()) == Pingresp(), "the connection stands, and the first that is said is the answer"
    busy.is_busy = False
    assert await receive(raw, 5) == [kind(one) for one in range(1, 6)]
    assert sorted(busy.taken) == [b"1", b"2", b"3", b"4", b"5"]
    stats = house.listener.stats()
    assert stats["publishes_held"] > 5
    assert stats["publishes_failed"] == 0


async def test_who_goes_while_it_waits_leaves_nothing_behind(start: Any) -> None:
    house, busy = await start(), Busy()
    house.gate.publish = busy.publish
    raw = await joined(house)
    raw.send(Publish("a", b"x", 1, packet_id=1))
    await until(lambda: busy.asked > 3)
    raw.close()
    await until(lambda: house.listener.stats()["clients"] == 0)
    assert busy.taken == []
    assert house.listener.stats()["publishes_failed"] == 1
    assert house.listener._hub.tenancy("").room.taken == 0


async def test_a_client_is_not_read_while_its_window_is_full(start: Any) -> None:
    """At QoS 0 there is no receive maximum: what keeps memory bounded is that nothing more is read."""
    house = await start(MqttLimits(receive_maximum=3))
    house.gate.hold = asyncio.Event()
    raw = await joined(house)
    raw.send(*[Publish("a", b"x" * 100) for _ in range(200)])
    await until(lambda: house.gate.under_way == 3)
    for _ in range(50):
        await asyncio.sleep(0)
    assert (house.gate.most, len(house.gate.taken)) == (3, 3)
    house.gate.hold.set()
    await until(lambda: len(house.gate.taken) == 200)
    assert house.gate.most == 3


async def test_what_is_not_read_stays_with_the_client(start: Any) -> None:
    house = await start(MqttLimits(receive_maximum=1, max_packet=1 << 20))
    house.gate.hold = asyncio.Event()
    raw = await joined(house)
    packet = serialise(Publish("a", b"x" * 100_000), 5)
    raw.writer.write(packet * 200)  # 20 MB
    await until(lambda: house.gate.under_way == 1)
    (connection,) = house.listener._connections
    before = -1
    async with asyncio.timeout(20):
        while (left := raw.writer.transport.get_write_buffer_size()) != before:  # as long as the sockets take more
            before = left
            await asyncio.sleep(0.05)
    assert left > 5_000_000, "most of it is still the client's"
    assert len(connection._buffer) + len(connection._line._arrived) < 1_000_000
    house.gate.hold.set()
    await until(lambda: len(house.gate.taken) == 200)


async def test_what_is_under_way_of_a_tenant_is_bounded_in_bytes_and_its_neighbour_goes_on(start: Any) -> None:
    house = await start(MqttLimits(max_tenant_taking_bytes=1000))
    house.gate.hold = asyncio.Event()
    loud = [await joined(house, f"t/d{one}", f"c{one}") for one in range(4)]
    for one, raw in enumerate(loud):
        raw.send(*[Publish(f"kumihimo/t/d{one}/up", b"x" * 400, 1, packet_id=n) for n in range(1, 4)])
    await until(lambda: house.gate.under_way == 2)
    for _ in range(50):
        await asyncio.sleep(0)
    assert house.gate.under_way == 2, "800 bytes of the tenant; 1200 were too many"
    calm = await joined(house, "u/d", "calm")
    calm.send(Publish("kumihimo/u/d/up", b"y" * 400, 1, packet_id=1))
    await until(lambda: house.gate.under_way == 3)
    house.gate.hold.set()
    for raw in loud:
        assert [one.packet_id for one in await receive(raw, 3)] == [1, 2, 3]
    assert await calm.receive() == Puback(1)
    assert house.listener._hub.tenancy("t").room.taken == 0


async def test_a_device_gains_nothing_by_more_connections(start: Any) -> None:
    house = await start(MqttLimits(publish_rate=0.001, publish_burst=4))
    mine = [await joined(house, "t/d", f"c{one}") for one in range(3)]
    other = await joined(house, "t/e", "other")
    for raw in mine:
        raw.send(*[Publish("kumihimo/t/d/up", b"x", 1, packet_id=one) for one in (1, 2, 3)])
    other.send(*[Publish("kumihimo/t/e/up", b"x", 1, packet_id=one) for one in (1, 2, 3)])
    assert [one.packet_id for one in await receive(other, 3)] == [1, 2, 3]
    await until(lambda: len(house.gate.taken) == 7)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(house.gate.taken) == 7, "four of the device, however it comes in, and three of its neighbour"


async def test_who_takes_nothing_is_cut_off(start: Any) -> None:
    """Its messages wait in the session up to their bound; what was written to its socket is let go."""
    house = await start(MqttLimits(write_timeout=0.1))
    deaf = await joined(house, client_id="deaf")
    assert await deaf.ask(Subscribe(1, (Wanted("a", 0),))) == Suback(1, (0,))
    deaf.reader._transport.pause_reading()
    async with asyncio.timeout(20):
        while house.listener.stats()["clients"]:
            await house.listener.publish("a", b"x" * 200_000, qos=0)
            await asyncio.sleep(0.005)
    assert house.listener.stats()["queued"] == 0


async def test_room_is_given_in_turn_and_comes_back_from_who_gave_up() -> None:
    room, order = Room(10), []

    async def go(name: str, size: int) -> None:
        await room.enter(size)
        order.append(name)

    await room.enter(8)
    large = asyncio.create_task(go("large", 6))
    small = asyncio.create_task(go("small", 1))
    await asyncio.sleep(0)
    assert order == [], "who is small does not overtake for ever"
    large.cancel()
    await asyncio.gather(large, return_exceptions=True)
    await small
    assert (order, room.taken) == (["small"], 9)
    huge = asyncio.create_task(go("huge", 1000))
    await asyncio.sleep(0)
    room.leave(8)
    await asyncio.sleep(0)
    assert order == ["small"]
    room.leave(1)
    await huge
    assert room.taken == 10
    room.leave(1000)
    assert room.taken == 0


async def test_room_that_is_given_in_the_moment_of_giving_up_is_given_back() -> None:
    room = Room(10)
    await room.enter(10)
    waiting = asyncio.create_task(room.enter(4))
    await asyncio.sleep(0)
    room.leave(10)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert room.taken == 0


async def test_packets_that_never_end_make_room_and_cost_no_neighbour_anything(start: Any) -> None:
    house = await start(MqttLimits(max_partial_bytes=100_000))
    quiet = await joined(house, "b/slow", "slow")
    packet = serialise(Publish("kumihimo/b/slow/up", b"x" * 20_000, 1, packet_id=1), 5)
    quiet.writer.write(packet[:10_000])
    await until(lambda: house.listener.stats()["partial_bytes"] == 10_000)
    greedy = []
    for number in range(6):
        raw = await joined(house, f"a/{number}", f"g{number}")
        raw.writer.write(serialise(Publish("kumihimo/a/up", b"x" * 50_000), 5)[:20_000])
        greedy.append(raw)
        await until(partial(holds, house, 10_000 + 20_000 * min(number + 1, 4)))
    await until(lambda: house.listener.stats()["partial_dropped"] == 2)
    assert [(await raw.receive()).code for raw in greedy[:2]] == [0x89, 0x89], (
        "the oldest of the tenant that holds most"
    )
    quiet.writer.write(packet[10_000:])
    assert await quiet.receive() == Puback(1)
    for raw in greedy:
        raw.close()
    await until(lambda: house.listener.stats()["partial_bytes"] == 0)


async def test_a_connect_that_never_ends_goes_for_others(start: Any) -> None:
    house = await start(MqttLimits(max_partial_bytes=30_000))
    begun = serialise(Connect(5, "c", username="a/d", password=b"x" * 50_000), 5)[:20_000]
    first, second = await house.raw(), await house.raw()
    first.writer.write(begun)
    await until(lambda: house.listener.stats()["partial_bytes"] == 20_000)
    second.writer.write(begun)
    assert await first.receive() is None
    assert house.listener.stats()["partial_dropped"] == 1
    assert house.listener.stats()["partial_bytes"] == 20_000
