"""The story of a reading: from an MQTT packet to a notification, every room real, a real client and a real endpoint.

FILES are the files that it passes, in its order; while it travels, the calls are traced, so that the list is true.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt
import pytest
from aiohttp import web
from tests.flows.trace import ROOT, Trace

from kumihimo.app.platform import Platform
from kumihimo.base.events import LogRecord
from kumihimo.device.actuation import arbiter
from kumihimo.device.registry.models import Device
from kumihimo.platform.broker.log import head_tx, read_log_tx
from kumihimo.platform.delivery import run
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB

pytestmark = pytest.mark.enable_socket

FILES = (
    "network/mqtt/intake.py",
    "network/mqtt/routing.py",
    "device/gateway.py",
    "device/codecs/table.py",
    "platform/broker/ingest.py",
    "platform/broker/write.py",
    "platform/broker/store.py",
    "platform/history/store.py",
    "platform/delivery/match.py",
    "platform/delivery/send.py",
    "network/http/fetch.py",
)
HELD_AFTER = FILES.index("platform/broker/write.py")
"""Here the test holds the write for a while; before that, delivery may still look at what was there."""
ASKED = {
    "base": "words that all know",
    "storage": "the ground: one transaction, one commit",
    "device/registry": "whose key is it",
    "network/bus": "the nudge after the commit",
    "platform/jsonld": "how a notification looks",
    "platform/access": "what the subscriber may see",
    "platform/signing": "whose word a notification is",
    "platform/metering": "whose use it counts as",
}
"""Rooms that are asked on the way and hand the reading on to nobody."""
BESIDE = ("app/", "solutions/", "service/", "platform/ngsild/", "network/acme")
"""They follow the same log, or answer this test's own questions."""

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "how-a-reading-travels.md"
GAUGE = "urn:ngsi-ld:RiverGauge:1"
TOPIC = "kumihimo/town/g1/up"
OBSERVED = "2026-06-01T00:00:00.000Z"
TENANT = {"NGSILD-Tenant": "town"}


@pytest.fixture(autouse=True)
def nobody_looks_in_turn() -> Iterator[None]:
    """What delivery and the arbiter look at once a second is no part of the story and might come in its middle."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_ROUND_SECONDS", 3600.0)
        patch.setattr(arbiter, "LOOK_EVERY", 3600.0)
        yield


@asynccontextmanager
async def endpoint() -> AsyncIterator[tuple[str, asyncio.Queue[tuple[dict[str, str], Any]]]]:
    got: asyncio.Queue[tuple[dict[str, str], Any]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        got.put_nowait((dict(request.headers), await request.json()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/told", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/told", got
    finally:
        await runner.cleanup()


class Town:
    """The tenant from outside, and its log from inside."""

    def __init__(self, platform: Platform, session: aiohttp.ClientSession) -> None:
        self.platform = platform
        self._session = session
        self._base = f"http://127.0.0.1:{platform.http_port}/ngsi-ld/v1"

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._session.get(self._base + path, headers=TENANT) as answer:
            return answer.status, await answer.json(content_type=None)

    async def subscribe(self, uri: str) -> str:
        told = {"attributes": ["waterLevel"], "endpoint": {"uri": uri, "accept": "application/json"}}
        body = {
            "type": "Subscription",
            "entities": [{"type": "RiverGauge"}],
            "watchedAttributes": ["waterLevel"],
            "q": "waterLevel>1",
            "notification": told,
        }
        async with self._session.post(f"{self._base}/subscriptions", json=body, headers=TENANT) as answer:
            assert answer.status == 201, await answer.text()
            return answer.headers["Location"].removeprefix("/ngsi-ld/v1")

    async def history(self) -> list[Any]:
        status, body = await self.get(f"/temporal/entities/{GAUGE}?timerel=after&timeAt=2026-01-01T00:00:00Z")
        if status == 404:
            return []
        levels = body["waterLevel"]
        return levels if isinstance(levels, list) else [levels]

    async def log(self) -> list[LogRecord]:
        return await self.platform.database.read("town", lambda tx: read_log_tx(tx, 0, 100))

    async def head(self) -> int:
        return await self.platform.database.read("town", head_tx)


class Gate:
    """Holds the tenant's writes back until they are let through, and counts them."""

    def __init__(self, write: Callable[..., Awaitable[Any]]) -> None:
        self._write = write
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.events: list[str] = []

    async def write(self, tenant: str, work: Any) -> Any:
        self.events.append("write")
        self.reached.set()
        await self.open.wait()
        found = await self._write(tenant, work)
        self.events.append("committed")
        return found


async def until(look: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.01)


async def test_a_reading_travels(trace: Trace, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    await platform.database.add_tenant("town")
    gauge = Device("g1", "river-gauge", "橋", GAUGE, DEFAULT_VOCAB + "RiverGauge")
    key = await platform.registry.add("town", gauge)
    async with aiohttp.ClientSession() as session, endpoint() as (uri, told):
        town = Town(platform, session)
        subscription = await town.subscribe(uri)
        client = aiomqtt.Client("127.0.0.1", platform.mqtt_port, username="town/g1", password=key)
        async with client:
            await _acknowledged_after_the_commit(town, client, trace, monkeypatch)
            await _kept(town)
            headers, body = await asyncio.wait_for(told.get(), 10)
            trace.on = False
            _notified(headers, body)
            await _counted(town, subscription)
            await _sent_twice(town, client)
        assert told.empty()
    _passed_the_files(trace)


async def _acknowledged_after_the_commit(
    town: Town, client: aiomqtt.Client, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the write is held the client hears other answers, but no PUBACK; nothing is to be seen either."""
    gate = Gate(town.platform.database.write)
    monkeypatch.setattr(town.platform.database, "write", gate.write)
    trace.on = True
    publishing = asyncio.create_task(_publish(client, 1.5, OBSERVED))
    await asyncio.wait_for(gate.reached.wait(), 10)
    trace.pause()
    await client.subscribe("kumihimo/town/g1/down/command", qos=1)
    assert (await town.get(f"/entities/{GAUGE}"))[0] == 404
    assert not publishing.done()
    assert gate.events == ["write"]
    monkeypatch.undo()
    trace.on = True
    gate.open.set()
    await asyncio.wait_for(publishing, 10)
    assert gate.events == ["write", "committed"], "one transaction, and the PUBACK after it"


async def _publish(client: aiomqtt.Client, level: float, observed_at: str) -> None:
    """Returns on the PUBACK."""
    await client.publish(TOPIC, json.dumps({"level": level, "observedAt": observed_at}), qos=1)


async def _kept(town: Town) -> None:
    """With the acknowledgement state, history and log are there, all of one change."""
    status, entity = await town.get(f"/entities/{GAUGE}")
    assert (status, entity["type"]) == (200, "RiverGauge")
    level = entity["waterLevel"]
    assert {name: level[name] for name in ("value", "unitCode", "observedAt")} == {
        "value": 1.5,
        "unitCode": "MTR",
        "observedAt": OBSERVED,
    }
    assert level["providedBy"]["object"] == "urn:ngsi-ld:Device:g1"
    [instance] = await town.history()
    assert (instance["value"], instance["observedAt"]) == (1.5, OBSERVED)
    [record] = await town.log()
    assert (record.entity_id, record.kind, record.actor) == (GAUGE, "entityCreated", "device:g1")
    assert record.purpose == "device-reading"


def _notified(headers: dict[str, str], body: Any) -> None:
    assert headers["NGSILD-Tenant"] == "town"
    assert (body["type"], body["data"][0]["id"]) == ("Notification", GAUGE)
    assert set(body["data"][0]) == {"id", "type", "waterLevel"}
    assert body["data"][0]["waterLevel"]["value"] == 1.5


async def _counted(town: Town, subscription: str) -> None:
    async def sent() -> bool:
        _, found = await town.get(subscription)
        return bool(found["notification"].get("timesSent") == 1)

    await until(sent)
    device = await town.platform.registry.get("town", "g1")
    assert device is not None
    assert (device.accepted, device.refused) == (1, 0)


async def _sent_twice(town: Town, client: aiomqtt.Client) -> None:
    """The same packet again (QoS 1), an older reading, one that q does not fit: acknowledged, and nobody is told."""
    head = await town.head()
    await _publish(client, 1.5, OBSERVED)
    assert await town.head() == head
    await _publish(client, 9.0, "2026-05-31T23:00:00Z")
    await _publish(client, 0.5, "2026-06-01T01:00:00Z")
    assert [one["value"] for one in await town.history()] == [9.0, 1.5, 0.5]
    assert (await town.get(f"/entities/{GAUGE}"))[1]["waterLevel"]["value"] == 0.5


def _passed_the_files(trace: Trace) -> None:
    assert len(FILES) <= 11
    inward, onward = FILES[:HELD_AFTER], FILES[HELD_AFTER:]
    assert [name for name in trace.before if name in inward] == list(inward)
    assert [name for name in trace.files if name in onward] == list(onward)
    rooms = {_room(name) for name in (*trace.before, *trace.files) if not name.startswith(BESIDE)}
    assert rooms - {_room(name) for name in FILES} == set(ASKED), "rooms on the way that the story does not know"


def _room(name: str) -> str:
    """ "platform/broker" for its files, "device" for those that stand on the floor itself, "base", "storage"."""
    floor, *rest = name.split("/")
    return floor if floor in ("base", "storage") or len(rest) == 1 else f"{floor}/{rest[0]}"


def test_the_page_names_the_same_files() -> None:
    """In the same order; only storage, the ground, is named between them."""
    story = PAGE.read_text(encoding="utf-8").partition("\n# How an alert travels")[0]
    steps = "\n".join(line for line in story.splitlines() if re.match(r"\d+\. ", line))
    named = re.findall(r"`((?:network|device|platform|storage)/[\w/]+)`", steps)
    assert [f"{name}.py" for name in named if not name.startswith("storage/")] == list(FILES)
    assert all((ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file() for name in named)
