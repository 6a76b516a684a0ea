"""Feeds over real connections: server-sent events and WebSocket of a running platform."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.flows.test_process import CLOSED
from tests.processes import Served

from kumihimo.app.platform import Platform
from kumihimo.network.http import protocol

pytestmark = pytest.mark.enable_socket
TENANT = {"NGSILD-Tenant": "town"}
FEED = "/feeds/v1/town/entities"


@pytest.fixture
async def session(platform: Platform) -> AsyncIterator[aiohttp.ClientSession]:
    await platform.database.add_tenant("town")
    async with aiohttp.ClientSession(platform.address) as made:
        yield made


async def write(session: aiohttp.ClientSession, level: int) -> None:
    body = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": {"type": "Property", "value": level}}
    async with session.post("/ngsi-ld/v1/entityOperations/upsert", json=[body], headers=TENANT) as answer:
        assert answer.status in (201, 204)


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """Server-sent events, each as its fields."""
    fields: dict[str, str] = {}
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


async def told(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """The data of the next event that tells of an entity."""
    async with asyncio.timeout(10):
        async for event in events(answer):
            if event.get("event") == "entity":
                data: dict[str, Any] = json.loads(event["data"])
                assert event["id"] == str(data["seq"])
                return data
    raise AssertionError("the stream ended")


async def test_a_browser_goes_on_where_its_connection_broke(session: aiohttp.ClientSession) -> None:
    await write(session, 1)
    async with session.get(FEED, params={"type": "Gauge", "standing": "true", "format": "concise"}) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        first = await told(answer)
        assert (first["kind"], first["entity"]["level"]) == ("current", 1)
    await write(session, 2)
    async with session.get(
        FEED, params={"type": "Gauge", "format": "concise"}, headers={"Last-Event-ID": str(first["seq"])}
    ) as answer:
        assert (await told(answer))["entity"]["level"] == 2


async def test_over_websocket_the_same_is_told_also_after_the_time_of_a_head(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    async with session.ws_connect(f"{FEED}?type=Gauge") as socket:
        assert (await socket.receive_json(timeout=10))["kind"] == "ping"
        await asyncio.sleep(0.5)
        await write(session, 3)
        event = await socket.receive_json(timeout=10)
        assert (event["kind"], event["entity"]["level"]["value"]) == ("entityCreated", 3)


async def test_a_page_of_another_site_does_not_listen(session: aiohttp.ClientSession, platform: Platform) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(FEED, headers={"Origin": "http://evil.example"})
    assert refused.value.status == 403
    async with session.ws_connect(FEED, headers={"Origin": platform.address}) as socket:
        assert (await socket.receive_json(timeout=10))["kind"] == "ping"
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect(FEED, headers={"Host": "evil.example"})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{FEED}?q=level>", 400),
        (f"{FEED}?type=A&type=B", 400),
        (f"{FEED}?context=https://nowhere.example/c.jsonld", 504),
        ("/feeds/v1/nobody/entities", 404),
        ("/feeds/v1/NO/entities", 400),
    ],
)
async def test_both_ways_refuse_with_a_problem(session: aiohttp.ClientSession, path: str, status: int) -> None:
    async with session.get(path) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["detail"]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(path)
    assert refused.value.status == status


async def test_the_platform_stops_while_feeds_are_open(session: aiohttp.ClientSession, platform: Platform) -> None:
    async with session.get(FEED) as answer, session.ws_connect(FEED) as socket:
        assert (await socket.receive_json(timeout=10))["kind"] == "ping"
        platform.stop.set()
        assert (await socket.receive(timeout=10)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        async with asyncio.timeout(10):
            async for _ in answer.content:
                pass


def test_a_closed_platform_has_no_feed_for_a_stranger(tmp_path: Path) -> None:
    with Served(tmp_path / "data", words=CLOSED) as served:
        assert served.ask("GET", FEED)[0] == 401
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        assert served.ask("GET", FEED, headers=handshake)[0] == 401
        assert served.stop() == 0
