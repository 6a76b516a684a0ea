"""MQTT over WebSocket and with TLS: a hand-made client, paho as a real one, and who may not come in."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.mosquitto_server import make_certificate
from tests.network.mqtt.conftest import House

from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.packets import Connack, Connect, Disconnect, Pingreq, Pingresp, Puback, Publish
from kumihimo.network.mqtt.parse import parse, split_frame
from kumihimo.network.mqtt.serialise import serialise
from kumihimo.network.sockets import CannotListen
from kumihimo.network.tls import Certificate

pytestmark = pytest.mark.enable_socket
HOSTS = ("localhost", "127.0.0.1", "data.example.jp")


async def door(house: House, **named: Any) -> int:
    return await house.listener.start_websocket("localhost", 0, HOSTS, **named)


def url(port: int, path: str = "/mqtt") -> str:
    return f"http://localhost:{port}{path}"


async def receive(socket: Any, version: int = 5) -> Any:
    message = await socket.receive(timeout=10)
    if message.type != aiohttp.WSMsgType.BINARY:
        return message
    frame = split_frame(bytearray(message.data), 1 << 20)
    assert frame is not None
    return parse(*frame, version)


async def test_packets_may_lie_across_frames(start: Any) -> None:
    house = await start()
    port = await door(house)
    async with aiohttp.ClientSession() as client, client.ws_connect(url(port), protocols=("mqtt",)) as socket:
        assert socket.protocol == "mqtt"
        raw = serialise(Connect(5, "c"), 5)
        for one in (raw[:5], raw[5:]):
            await socket.send_bytes(one)
        answer = await receive(socket)
        assert isinstance(answer, Connack)
        assert answer.code == 0
        await socket.send_bytes(serialise(Publish("a", b"x", 1, packet_id=1), 5) + serialise(Pingreq(), 5)[:1])
        assert await receive(socket) == Puback(1)
        await socket.send_bytes(serialise(Pingreq(), 5)[1:])
        assert await receive(socket) == Pingresp()
        assert house.gate.taken == [("c", "a", b"x")]


async def test_a_reason_is_said_before_the_socket_closes(start: Any) -> None:
    house = await start()
    port = await door(house)
    async with aiohttp.ClientSession() as client, client.ws_connect(url(port), protocols=("mqtt",)) as socket:
        await socket.send_bytes(serialise(Connect(5, "c"), 5))
        await receive(socket)
        await socket.send_bytes(b"\xf0\x00")
        answer = await receive(socket)
        assert isinstance(answer, Disconnect)
        assert answer.code == 0x82
        assert (await receive(socket)).type == aiohttp.WSMsgType.CLOSE


async def test_text_is_no_mqtt(start: Any) -> None:
    house = await start()
    port = await door(house)
    async with aiohttp.ClientSession() as client, client.ws_connect(url(port), protocols=("mqtt",)) as socket:
        await socket.send_str("hello")
        message = await receive(socket)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1003)


@pytest.mark.parametrize(
    ("headers", "protocols", "status"),
    [
        ({}, (), 400),
        ({}, ("other",), 400),
        ({"Origin": "https://evil.example"}, ("mqtt",), 403),
        ({"Host": "evil.example"}, ("mqtt",), 403),
        ({"Origin": "null"}, ("mqtt",), 403),
    ],
)
async def test_who_may_not_come_in(start: Any, headers: dict[str, str], protocols: Any, status: int) -> None:
    house = await start()
    port = await door(house)
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.ws_connect(url(port), protocols=protocols, headers=headers)
        assert caught.value.status == status
        async with client.get(url(port, "/")) as answer:
            assert answer.status == 404
        origin = {"Origin": "https://data.example.jp"}
        async with client.ws_connect(url(port), protocols=("mqtt",), headers=origin) as socket:
            assert socket.protocol == "mqtt"


async def test_who_says_nothing_is_cut_off(start: Any) -> None:
    house = await start(MqttLimits(connect_timeout=0.2))
    port = await door(house)
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\n")
    [answer] = await asyncio.gather(asyncio.wait_for(reader.read(), 10), return_exceptions=True)
    assert answer == b"" or isinstance(answer, ConnectionResetError)
    writer.transport.abort()
    await asyncio.sleep(0)


async def test_the_listener_stops_with_websockets_open(start: Any) -> None:
    house = await start()
    port = await door(house)
    async with aiohttp.ClientSession() as client, client.ws_connect(url(port), protocols=("mqtt",)) as socket:
        await socket.send_bytes(serialise(Connect(5, "c"), 5))
        await receive(socket)
        stopping = asyncio.create_task(house.listener.stop())
        answer = await receive(socket)
        assert isinstance(answer, Disconnect)
        assert answer.code == 0x8B
        await receive(socket)
        await stopping


async def paho_says(port: int, ca: Path | None, transport: Any) -> list[Any]:
    """Publishes once at QoS 1 with a real client; what it heard."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, "real", protocol=paho.MQTTv5, transport=transport)
    if ca is not None:
        client.tls_set(str(ca))

    def tell(*given: Any) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, given[3].value)

    client.on_connect = client.on_publish = tell
    await asyncio.to_thread(client.connect, "localhost", port)
    client.loop_start()
    try:
        async with asyncio.timeout(20):
            said = [await heard.get()]
            client.publish("a", b"x", qos=1)
            return [*said, await heard.get()]
    finally:
        await asyncio.to_thread(client.disconnect)
        await asyncio.to_thread(client.loop_stop)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pem")
    make_certificate(folder)
    return folder


@pytest.mark.parametrize("way", ["mqtts", "ws", "wss"])
async def test_a_real_client_comes_in_by_every_way(start: Any, pem: Path, way: str) -> None:
    house = await start()
    tls = Certificate(str(pem / "cert.pem"), str(pem / "key.pem")).context if way != "ws" else None
    port = await house.listener.start("localhost", 0, tls=tls) if way == "mqtts" else await door(house, tls=tls)
    transport = "tcp" if way == "mqtts" else "websockets"
    assert await paho_says(port, pem / "cert.pem" if tls else None, transport) == [0, 0]
    assert house.gate.taken == [("real", "a", b"x")]


async def test_a_renewed_certificate_is_shown_and_a_wrong_one_is_not(
    start: Any, pem: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = [tmp_path / "cert.pem", tmp_path / "key.pem"]
    make_certificate(tmp_path)
    certificate = Certificate(*map(str, files))
    house = await start()
    port = await house.listener.start("localhost", 0, tls=certificate.context)

    def shown() -> str:
        return ssl.get_server_certificate(("localhost", port))

    first = await asyncio.to_thread(shown)
    for one in files:
        one.write_bytes((pem / one.name).read_bytes())
    certificate.refresh()
    second = await asyncio.to_thread(shown)
    assert second.split() == (pem / "cert.pem").read_text().split() != first.split()
    files[1].write_text("no key")
    certificate.refresh()
    assert await asyncio.to_thread(shown) == second
    assert "cannot be used" in caplog.text
    with pytest.raises(CannotListen, match="PEM"):
        Certificate(*map(str, files))


@pytest.mark.mosquitto
async def test_mosquittos_client_comes_in_with_tls(start: Any, pem: Path, mosquitto: None) -> None:
    house = await start()
    port = await house.listener.start(
        "localhost", 0, tls=Certificate(str(pem / "cert.pem"), str(pem / "key.pem")).context
    )
    words = ["-h", "localhost", "-p", str(port), "--cafile", str(pem / "cert.pem"), "-V", "mqttv5", "-q", "2"]
    done = await asyncio.create_subprocess_exec("mosquitto_pub", *words, "-t", "a", "-m", "x", stderr=subprocess.PIPE)
    _, said = await done.communicate()
    assert done.returncode == 0, said
    assert house.gate.taken[0][1:] == ("a", b"x")
