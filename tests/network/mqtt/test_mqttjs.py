"""A client that shares no code with us, mosquitto or paho: MQTT.js on Node, over TCP and WebSocket."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import DatabaseFactory
from tools.assets import find_node

from kumihimo.device.sessions.door import MqttSessions
from kumihimo.device.sessions.store import PLATFORM_SCHEMA, SCHEMA

pytestmark = pytest.mark.enable_socket
HERE = Path(__file__).parent
MODULE = HERE.parents[2] / "node_modules/mqtt"


class Peer:
    """MQTT.js in a process of its own; clients have names."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[tuple[str, str], asyncio.Queue[dict[str, Any]]] = {}
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "call" in said:
                self._answers.pop(said.pop("call")).set_result(said)
            else:
                self._queue(said["event"], said["name"]).put_nowait(said)

    def _queue(self, event: str, name: str) -> asyncio.Queue[dict[str, Any]]:
        return self._events.setdefault((event, name), asyncio.Queue())

    async def call(self, kind: str, name: str, **given: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": number, "kind": kind, "name": name, **given}).encode() + b"\n")
        async with asyncio.timeout(20):
            found: dict[str, Any] = await answer
        return found

    async def connect(self, name: str, *, version: int = 5, url: str = "", **options: Any) -> dict[str, Any]:
        given = {"protocolVersion": version, "clientId": name, **options}
        return await self.call("connect", name, url=url or f"mqtt://127.0.0.1:{self.port}", options=given)

    async def subscribe(self, name: str, topic: str, qos: int = 1, **options: Any) -> list[int]:
        found = await self.call("subscribe", name, topic=topic, options={"qos": qos, **options})
        assert "granted" in found, found
        return [one["qos"] for one in found["granted"]]

    async def publish(self, name: str, topic: str, payload: str, qos: int = 1, **options: Any) -> dict[str, Any]:
        return await self.call("publish", name, topic=topic, payload=payload, options={"qos": qos, **options})

    async def heard(self, name: str, event: str = "message") -> dict[str, Any]:
        async with asyncio.timeout(20):
            return await self._queue(event, name).get()

    def has_heard(self, name: str) -> bool:
        return not self._queue("message", name).empty()


@pytest.fixture
async def peer(start: Any) -> AsyncIterator[Peer]:
    node = find_node()
    if node is None or not MODULE.is_dir():
        reason = "MQTT.js is not there: run `make peers`"
        if os.environ.get("KUMIHIMO_TEST_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    house = await start()
    process = await asyncio.create_subprocess_exec(node, HERE / "peer.mjs", stdin=PIPE, stdout=PIPE, limit=1 << 20)
    made = Peer(process, house.port)
    made.house = house  # type: ignore[attr-defined]  # for the one test that looks behind the door
    yield made
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(20):
        assert await process.wait() == 0
    await made.reading


@pytest.mark.parametrize("version", [4, 5])
async def test_each_quality_of_service_in_both_directions(peer: Peer, version: int) -> None:
    assert (await peer.connect("reader", version=version))["code"] == 0
    await peer.connect("writer", version=version)
    assert await peer.subscribe("reader", "川/#", 2) == [2]
    for qos in (0, 1, 2):
        assert await peer.publish("writer", f"川/{qos}", "水位", qos) == {"code": 0}
        message = await peer.heard("reader")
        assert (message["topic"], message["payload"], message["qos"]) == (f"川/{qos}", "水位", qos)


async def test_properties_arrive_as_they_were_sent(peer: Peer) -> None:
    told = await peer.connect("reader", properties={"sessionExpiryInterval": 0})
    assert told["properties"]["receiveMaximum"] == 64
    assert told["properties"]["maximumPacketSize"] == 256 * 1024
    await peer.connect("writer")
    assert await peer.subscribe("reader", "a", 1, properties={"subscriptionIdentifier": 7}) == [1]
    properties = {
        "userProperties": {"場所": ["中角", "布施田"], "k": "v"},
        "contentType": "text/plain",
        "responseTopic": "back",
        "messageExpiryInterval": 60,
        "payloadFormatIndicator": True,
    }
    await peer.publish("writer", "a", "x", properties=properties)
    found = (await peer.heard("reader"))["properties"]
    assert 0 < found.pop("messageExpiryInterval") <= 60
    assert found.pop("subscriptionIdentifier") == 7
    properties.pop("messageExpiryInterval")
    assert found == properties


async def test_a_session_is_resumed_with_what_came_meanwhile(peer: Peer) -> None:
    lasting: dict[str, Any] = {"clean": False, "properties": {"sessionExpiryInterval": 3600}}
    assert (await peer.connect("reader", **lasting))["sessionPresent"] is False
    await peer.subscribe("reader", "a", 2)
    await peer.call("cut", "reader")
    await peer.connect("writer")
    for qos in (0, 1, 2):
        await peer.publish("writer", "a", str(qos), qos)
    assert (await peer.connect("reader", **lasting))["sessionPresent"] is True
    assert [(await peer.heard("reader"))["payload"] for _ in range(2)] == ["1", "2"]
    await peer.call("leave", "reader", options={"properties": {"sessionExpiryInterval": 0}})
    assert (await peer.connect("reader", **lasting))["sessionPresent"] is False


async def test_retained_messages_greet_and_go(peer: Peer) -> None:
    await peer.connect("writer")
    await peer.publish("writer", "level", "1", retain=True)
    await peer.publish("writer", "level", "2", retain=True)
    await peer.connect("reader")
    await peer.subscribe("reader", "level")
    greeted = await peer.heard("reader")
    assert (greeted["payload"], greeted["retain"]) == ("2", True)
    await peer.subscribe("reader", "level", rh=2)
    await peer.publish("writer", "level", "", retain=True)
    live = await peer.heard("reader")
    assert (live["payload"], live["retain"]) == ("", False)
    await peer.connect("late")
    await peer.subscribe("late", "level")
    await peer.publish("writer", "level", "3")
    assert (await peer.heard("late"))["payload"] == "3", "nothing greeted it"


async def test_a_shared_subscription_takes_turns(peer: Peer) -> None:
    for name in ("one", "two"):
        await peer.connect(name)
        assert await peer.subscribe(name, "$share/g/work/+") == [1]
    await peer.connect("writer")
    for number in range(10):
        await peer.publish("writer", f"work/{number}", str(number))
    found = {name: [(await peer.heard(name))["payload"] for _ in range(5)] for name in ("one", "two")}
    assert sorted(found["one"] + found["two"]) == sorted(map(str, range(10)))
    assert not peer.has_heard("one")
    assert not peer.has_heard("two")


async def test_a_will_is_said_where_a_client_is_cut_and_not_where_it_leaves(peer: Peer) -> None:
    await peer.connect("reader")
    await peer.subscribe("reader", "gone/#")
    will = {"payload": "bye", "qos": 1, "properties": {"userProperties": {"why": "cut"}}}
    for name in ("leaver", "cutter"):
        await peer.connect(name, will={"topic": f"gone/{name}", **will})
    await peer.call("leave", "leaver")
    await peer.call("cut", "cutter")
    told = await peer.heard("reader")
    assert (told["topic"], told["payload"]) == ("gone/cutter", "bye")
    assert told["properties"]["userProperties"] == {"why": "cut"}
    assert not peer.has_heard("reader")


async def test_topic_aliases_in_both_directions(peer: Peer) -> None:
    await peer.connect("reader", properties={"topicAliasMaximum": 5})
    await peer.connect("writer", autoAssignTopicAlias=True)
    await peer.subscribe("reader", "a/long/topic")
    for number in range(3):
        await peer.publish("writer", "a/long/topic", str(number))
    found = [await peer.heard("reader") for _ in range(3)]
    assert [(one["topic"], one["payload"]) for one in found] == [("a/long/topic", str(n)) for n in range(3)]
    assert [one["properties"]["topicAlias"] for one in found] == [1, 1, 1]


async def test_reasons_reach_it(peer: Peer) -> None:
    assert (await peer.connect("wrong", username="t/d", password="wrong"))["error"] == 0x86
    assert (await peer.connect("scram", properties={"authenticationMethod": "SCRAM-SHA-256"}))["error"] == 0x8C
    await peer.connect("c")
    assert (await peer.publish("c", "kumihimo/t/d/up", "{}"))["error"] == 0x87
    told = await peer.call("subscribe", "c", topic="kumihimo/t/d/down/#", options={"qos": 1})
    assert "Unspecified error" in told["words"], "who has no key is told that it is refused, not why"
    await peer.connect("c2", clientId="c")
    assert (await peer.heard("c", "disconnect"))["code"] == 0x8E


async def test_over_websocket(peer: Peer) -> None:
    listener = peer.house.listener  # type: ignore[attr-defined]
    port = await listener.start_websocket("127.0.0.1", 0, ("127.0.0.1",))
    url = f"ws://127.0.0.1:{port}/mqtt"
    assert (await peer.connect("reader", url=url))["code"] == 0
    await peer.connect("writer", url=url)
    assert await peer.subscribe("reader", "a", 2) == [2]
    await peer.publish("writer", "a", "x" * 100_000, 2)
    message = await peer.heard("reader")
    assert (len(message["payload"]), message["qos"]) == (100_000, 2)


@pytest.mark.parametrize("qos", [1, 2])
async def test_a_kept_session_outlives_the_listener(
    peer: Peer, start: Any, database_factory: DatabaseFactory, qos: int
) -> None:
    """What waits for it is in the store: another listener on the same store hands it over."""
    database = await database_factory([SCHEMA, PLATFORM_SCHEMA])
    lasting: dict[str, Any] = {"clean": False, "properties": {"sessionExpiryInterval": 3600}}
    peer.port = (await start(store=MqttSessions(database))).port
    await peer.connect("reader", **lasting)
    await peer.subscribe("reader", "a", qos)
    await peer.call("leave", "reader")
    await peer.connect("writer")
    await peer.publish("writer", "a", "kept", qos)
    peer.port = (await start(store=MqttSessions(database))).port
    assert (await peer.connect("reader", **lasting))["sessionPresent"] is True
    message = await peer.heard("reader")
    assert (message["payload"], message["qos"]) == ("kept", qos)
