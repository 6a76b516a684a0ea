from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.network.mqtt.conftest import Broker, House, Raw

from kumihimo.base.errors import AddressRefused
from kumihimo.base.ports import MqttServer, MqttVersion
from kumihimo.network.http.fetch import GuardedFetch
from kumihimo.network.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Wanted,
)
from kumihimo.network.mqtt.publisher import GuardedPublish, PublisherLimits
from kumihimo.network.mqtt.serialise import serialise

pytestmark = pytest.mark.enable_socket

VERSIONS: list[MqttVersion] = ["mqtt3.1.1", "mqtt5.0"]


@asynccontextmanager
async def publishing(tls: ssl.SSLContext | None = None, **limits: Any) -> AsyncIterator[GuardedPublish]:
    publish = GuardedPublish(GuardedFetch(allow_private=True).addresses, limits=PublisherLimits(**limits), tls=tls)
    try:
        yield publish
    finally:
        await publish.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def listening(server: MqttServer, topic: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    """A client that hears the topic as it is published."""
    name = server.host if tls else None
    raw = Raw(*await asyncio.open_connection("localhost", server.port, ssl=tls, server_hostname=name))
    password = None if server.password is None else server.password.encode()
    try:
        assert isinstance(await raw.ask(Connect(5, "ear", username=server.username, password=password)), Connack)
        assert isinstance(await raw.ask(Subscribe(1, (Wanted(topic, 2),))), Suback)
        yield raw
    finally:
        raw.close()


async def heard(raw: Raw) -> Publish:
    packet = await raw.receive()
    assert isinstance(packet, Publish)
    return packet


class Scripted:
    """A server of bare packets: answers each packet it hears as it is told."""

    def __init__(self, answer: Callable[[Packet], list[Packet] | bytes | None]) -> None:
        self._answer = answer
        self.heard: list[Packet] = []
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> MqttServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return MqttServer("127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        raw = Raw(reader, writer)
        while (packet := await raw.receive()) is not None:
            self.heard.append(packet)
            said = self._answer(packet)
            if said is None:
                break
            writer.write(said if isinstance(said, bytes) else b"".join(serialise(one, 5) for one in said))
        writer.close()


def ours(house: House, **more: Any) -> MqttServer:
    return MqttServer("localhost", house.port, **more)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_our_own_listener_takes_a_message(start: Any, version: MqttVersion, qos: int) -> None:
    server = ours(await start(), version=version)
    async with publishing() as publish, listening(server, "川/#") as ear:
        await publish(server, "川/足羽", "水位".encode(), qos=qos, notes=[("X-Town", "福井")])
        message = await heard(ear)
    assert (message.topic, message.payload.decode(), message.qos) == ("川/足羽", "水位", qos)
    said = {"content_type": "application/json", "payload_format_indicator": 1, "user_property": [("X-Town", "福井")]}
    assert message.properties == (said if version == "mqtt5.0" else {})


async def test_what_our_listener_does_not_take_is_said(start: Any) -> None:
    server = ours(await start())
    async with publishing() as publish:
        for qos in (1, 2):
            with pytest.raises(OSError, match="refused the message: reason code 0x87"):
                await publish(server, "kumihimo/t/d/up", b"x", qos=qos)
        # One refusal does not cost the connection.
        await publish(server, "a", b"x", qos=1)
        assert publish.connections == 1


@pytest.mark.parametrize(("version", "why"), [("mqtt3.1.1", "bad user name"), ("mqtt5.0", "0x86")])
async def test_credentials_open_the_door_or_not(start: Any, version: MqttVersion, why: str) -> None:
    house = await start()
    right = ours(house, version=version, username="t/d", password="right")
    async with publishing() as publish:
        await publish(right, "kumihimo/t/d/up", b"x", qos=1)
        assert house.gate.taken[0][1:] == ("kumihimo/t/d/up", b"x")
        for _ in range(2):
            with pytest.raises(ConnectionError, match=f"lets nobody in: .*{why}"):
                await publish(replace(right, password="wrong"), "kumihimo/t/d/up", b"x", qos=1)
        assert publish.connections == 1
    assert "wrong" not in repr(replace(right, password="wrong"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_debians_broker_takes_every_quality(broker: Broker, version: MqttVersion, qos: int) -> None:
    server = MqttServer("localhost", broker().port, version=version)
    async with publishing() as publish, listening(server, "town/#") as ear:
        for number in range(3):
            await publish(server, "town/鯖江", str(number).encode(), qos=qos, notes=[("a", "b")])
        got = [await heard(ear) for _ in range(3)]
        assert publish.connections == 1
    assert [one.payload for one in got] == [b"0", b"1", b"2"]
    assert got[0].properties.get("user_property") == ([("a", "b")] if version == "mqtt5.0" else None)


@pytest.mark.parametrize("version", VERSIONS)
async def test_debians_broker_asks_for_a_password(broker: Broker, version: MqttVersion) -> None:
    port = broker(users={"町": "pass word@"}).port
    right = MqttServer("localhost", port, version=version, username="町", password="pass word@")
    async with publishing() as publish, listening(right, "#") as ear:
        await publish(right, "a", b"x", qos=2)
        assert (await heard(ear)).payload == b"x"
        for wrong in (replace(right, password="no"), replace(right, username=None, password=None)):
            with pytest.raises(ConnectionError, match="lets nobody in"):
                await publish(wrong, "a", b"x", qos=1)


async def test_mqtts_asks_for_a_certificate_that_is_trusted(broker: Broker) -> None:
    server = broker(tls=True)
    trusted = ssl.create_default_context(cafile=str(server.ca))
    aim = MqttServer("localhost", server.port, secure=True)
    async with publishing(trusted) as publish, listening(aim, "a", trusted) as ear:
        await publish(aim, "a", b"x", qos=2)
        assert (await heard(ear)).payload == b"x"
        with pytest.raises(OSError, match=r"(?i)certificate"):
            await publish(replace(aim, host="127.0.0.1"), "a", b"x", qos=1)
    async with publishing() as publish:
        with pytest.raises(OSError, match=r"(?i)certificate"):
            await publish(aim, "a", b"x", qos=1)


async def test_a_broker_that_comes_back_is_connected_anew(broker: Broker) -> None:
    server = broker()
    aim = MqttServer("localhost", server.port)
    async with publishing() as publish:
        await publish(aim, "a", b"x", qos=1)
        server.stop()
        with pytest.raises(OSError, match=str(aim.port)):
            await publish(aim, "a", b"x", qos=1)
        server.start()
        await publish(aim, "a", b"x", qos=1)


async def test_private_addresses_are_refused_as_over_http(start: Any) -> None:
    house = await start()

    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    refusing = GuardedPublish(GuardedFetch(lookup=lookup).addresses)
    with pytest.raises(AddressRefused, match=r"mqtt\.example:.* leads to 127\.0\.0\.1, a loopback address"):
        await refusing(MqttServer("mqtt.example", house.port), "a", b"x", qos=1)
    with pytest.raises(AddressRefused):
        await refusing(MqttServer("127.0.0.1", house.port), "a", b"x", qos=1)
    assert refusing.connections == 0
    named = GuardedPublish(GuardedFetch(allow_hosts=["mqtt.example"], lookup=lookup).addresses)
    await named(MqttServer("mqtt.example", house.port), "a", b"x", qos=1)
    await named.close()


async def test_many_at_once_share_a_connection_and_users_do_not(start: Any) -> None:
    house = await start()
    async with publishing() as publish:
        await asyncio.gather(*(publish(ours(house), "a", str(number).encode(), qos=1) for number in range(200)))
        assert publish.connections == 1
        await publish(ours(house, username="t/d", password="right"), "shared", b"x", qos=1)
        assert publish.connections == 2
    assert len(house.gate.taken) == 201


async def test_an_idle_connection_ends(start: Any) -> None:
    house = await start()
    async with publishing(idle=0.05) as publish:
        await publish(ours(house), "a", b"x", qos=1)
        async with asyncio.timeout(10):
            while publish.connections or not house.gate.gone:  # noqa: ASYNC110 - the timer is the loop's own
                await asyncio.sleep(0.01)
        await publish(ours(house), "a", b"x", qos=1)
    assert len(house.gate.taken) == 2


async def test_the_idlest_goes_for_a_new_one(start: Any) -> None:
    houses = [await start() for _ in range(3)]
    async with publishing(most=2) as publish:
        for house in houses:
            await publish(ours(house), "a", b"x", qos=1)
        assert publish.connections == 2
        houses[1].gate.hold = asyncio.Event()
        houses[2].gate.hold = asyncio.Event()
        busy = [asyncio.create_task(publish(ours(house), "b", b"x", qos=1)) for house in houses[1:]]
        async with asyncio.timeout(10):
            while not all(house.gate.under_way for house in houses[1:]):  # noqa: ASYNC110 - of another task
                await asyncio.sleep(0.01)
        with pytest.raises(OSError, match="2 MQTT servers are being published to"):
            await publish(ours(houses[0]), "a", b"x", qos=1)
        for house in houses[1:]:
            house.gate.hold.set()
        await asyncio.gather(*busy)


async def test_a_server_that_hangs_costs_its_own_messages_only(start: Any) -> None:
    house = await start()
    answers: list[Any] = [lambda _: [], lambda packet: [Connack(0)] if isinstance(packet, Connect) else []]
    for answer in answers:
        async with Scripted(answer) as server, publishing() as publish:
            waiting = asyncio.create_task(publish(server, "a", b"x", qos=1, timeout=0.3))
            await publish(ours(house), "a", b"x", qos=1)
            with pytest.raises(TimeoutError, match=r"took nothing within 0\.3 s"):
                await waiting


async def test_after_a_timeout_the_next_message_gets_a_connection_of_its_own() -> None:
    script = Scripted(lambda packet: [Connack(0)] if isinstance(packet, Connect) else [])
    async with script as server, publishing() as publish:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await publish(server, "a", b"x", qos=1, timeout=0.2)
        assert script.connections == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: b"\x00\x00", "does not speak mqtt5.0"),
        (lambda _: [Puback(1)], "answered CONNECT with something else"),
        (lambda _: None, "ended the connection instead of answering"),
        (lambda _: [Connack(0x89, properties={"reason_string": "later"})], "reason code 0x89, later"),
        (lambda packet: [Connack(0)] if isinstance(packet, Connect) else b"\xf0\x00", "sent what is no MQTT"),
        (lambda packet: [Connack(0)] if isinstance(packet, Connect) else None, "ended the connection"),
        (
            lambda packet: [Connack(0)] if isinstance(packet, Connect) else [Disconnect(0x8B)],
            "ended the connection: reason code 0x8b",
        ),
        (
            lambda packet: [Connack(0, properties={"maximum_packet_size": 20})] if isinstance(packet, Connect) else [],
            "takes packets of at most 20 bytes",
        ),
        (
            lambda packet: [Connack(0, properties={"maximum_qos": 0})] if isinstance(packet, Connect) else [],
            "takes messages up to QoS 0, not 1",
        ),
    ],
)
async def test_a_server_that_misbehaves_is_a_failure_with_its_reason(answer: Any, why: str) -> None:
    async with Scripted(answer) as server, publishing() as publish:
        with pytest.raises(OSError, match=why):
            await publish(server, "a", b"x" * 20, qos=1, timeout=5)


async def test_an_announced_end_is_not_met_by_the_next_message() -> None:
    def answer(packet: Packet) -> list[Packet]:
        if isinstance(packet, Connect):
            return [Connack(0)]
        return [Puback(packet.packet_id), Disconnect(0x8B)] if isinstance(packet, Publish) else []

    script = Scripted(answer)
    async with script as server, publishing() as publish:
        for _ in range(3):
            await publish(server, "a", b"x", qos=1)
