from __future__ import annotations

import asyncio
import subprocess
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from kumihimo.network.mqtt.client import MqttConnector

pytestmark = pytest.mark.enable_socket


class Client:
    """paho in its own thread; what it hears comes back on the test's loop."""

    def __init__(self, port: int, client_id: str, protocol: int, *, device: str = "") -> None:
        loop = asyncio.get_running_loop()
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

        def tell(kind: str, value: Any) -> None:
            loop.call_soon_threadsafe(self.heard.put_nowait, (kind, value))

        kind: Any = protocol
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=kind)
        if device:
            self.paho.username_pw_set(device, "right")
        self.paho.on_connect = lambda *given: tell("connect", given[3])
        self.paho.on_message = lambda *given: tell("message", given[2])
        self.paho.on_publish = lambda *given: tell("publish", given[3])
        self.paho.on_subscribe = lambda *given: tell("subscribe", given[3])
        self.paho.connect("127.0.0.1", port, keepalive=30)
        self.paho.loop_start()

    async def next(self, kind: str) -> Any:
        async with asyncio.timeout(10):
            found, value = await self.heard.get()
        assert found == kind
        return value

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5])
async def test_paho_publishes_and_hears(start: Any, protocol: int, qos: int) -> None:
    house = await start()
    reader = Client(house.port, "reader", protocol)
    writer = Client(house.port, "writer", protocol)
    try:
        assert (await reader.next("connect")).value == 0
        assert (await writer.next("connect")).value == 0
        reader.paho.subscribe("川/#", qos=qos)
        assert [one.value for one in await reader.next("subscribe")] == [qos]
        writer.paho.publish("川/足羽", "水位", qos=qos)
        assert (await writer.next("publish")).value == 0
        message = await reader.next("message")
        assert (message.topic, message.payload.decode(), message.qos) == ("川/足羽", "水位", qos)
    finally:
        await asyncio.to_thread(reader.close)
        await asyncio.to_thread(writer.close)


async def test_paho_hears_why_it_is_refused(start: Any) -> None:
    house = await start()
    client = Client(house.port, "c", paho.MQTTv5)
    try:
        await client.next("connect")
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.UserProperty = ("k", "v")
        client.paho.publish("kumihimo/t/d/up", b"{}", qos=1, properties=properties)
        assert (await client.next("publish")).value == 0x87
        client.paho.publish("a", b"{}", qos=1, properties=properties)
        assert (await client.next("publish")).value == 0
        assert house.gate.properties[0]["user_property"] == [("k", "v")]
    finally:
        await asyncio.to_thread(client.close)


@pytest.mark.mosquitto
@pytest.mark.parametrize("qos", ["1", "2"])
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
async def test_mosquitto_publishes_and_hears(start: Any, mosquitto: None, version: str, qos: str) -> None:
    house = await start()
    common = ["-h", "127.0.0.1", "-p", str(house.port), "-V", version, "-q", qos, "-u", "t/d", "-P", "right"]
    sub = await asyncio.create_subprocess_exec(
        "mosquitto_sub", *common, "-t", "kumihimo/t/d/down/#", "-C", "1", stdout=subprocess.PIPE
    )
    async with asyncio.timeout(20):
        while not house.listener.stats()["subscriptions"]:  # noqa: ASYNC110 - the listener's counters have no event
            await asyncio.sleep(0.01)
        pub = await asyncio.create_subprocess_exec(
            "mosquitto_pub", *common, "-t", "kumihimo/t/d/up", "-m", '{"level": 1.2}'
        )
        assert await pub.wait() == 0
        assert house.gate.taken[0][1:] == ("kumihimo/t/d/up", b'{"level": 1.2}')
        assert await house.listener.publish("kumihimo/t/d/down/command", "放流".encode()) == 1
        output, _ = await sub.communicate()
    assert output.decode().strip() == "放流"


@pytest.mark.mosquitto
async def test_mosquitto_waits_for_the_commit(start: Any, mosquitto: None) -> None:
    house = await start()
    house.gate.hold = asyncio.Event()
    pub = await asyncio.create_subprocess_exec(
        "mosquitto_pub", "-h", "127.0.0.1", "-p", str(house.port), "-q", "1", "-t", "a", "-m", "x"
    )
    async with asyncio.timeout(20):
        while not house.gate.under_way:  # noqa: ASYNC110 - the gate of the test has no event
            await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pub.wait(), 0.2)
        house.gate.hold.set()
        assert await pub.wait() == 0


async def test_our_connector_publishes_hears_and_tells_refusals(start: Any) -> None:
    house = await start()
    connect = MqttConnector("127.0.0.1", house.port)
    link = await connect(client_id="t/d", username="t/d", password="right", subscribe=["kumihimo/t/d/down/#"])
    await link.publish("kumihimo/t/d/up", b"1")
    assert house.gate.taken == [("t/d", "kumihimo/t/d/up", b"1")]
    with pytest.raises(ConnectionError, match="Not authorized"):
        await link.publish("kumihimo/t/e/up", b"1")
    assert await house.listener.publish("kumihimo/t/d/down/command", b"go") == 1
    messages = link.messages()
    assert await anext(messages) == ("kumihimo/t/d/down/command", b"go")
    house.listener.cut("t", "d")
    with pytest.raises(StopAsyncIteration):
        await anext(messages)
    with pytest.raises(ConnectionError):
        await link.publish("kumihimo/t/d/up", b"1")
    await link.close()


async def test_our_connector_reports_a_refused_connection(start: Any) -> None:
    house = await start()
    connect = MqttConnector("127.0.0.1", house.port)
    with pytest.raises(ConnectionError):
        await connect(client_id="c", username="t/d", password="wrong")
    with pytest.raises(ConnectionError):
        await connect(client_id="c", username="t/d", password="right", subscribe=["kumihimo/t/e/down/#"])
