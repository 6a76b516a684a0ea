"""What a town used, from the request to its page: every kind of call, readings, notifications; what is not counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import aiomqtt
import pytest
from aiohttp import web

from kumihimo.app.metering import kind_of
from kumihimo.app.platform import Platform
from kumihimo.device.registry.models import Device
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB

pytestmark = pytest.mark.enable_socket

LD = "/ngsi-ld/v1"
GAUGE = "urn:ngsi-ld:RiverGauge:1"
Count = dict[tuple[str, str], int]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", f"{LD}/entities", "read"),
        ("HEAD", f"{LD}/entities/x", "read"),
        ("OPTIONS", f"{LD}/entities/x", "read"),
        ("POST", f"{LD}/entityOperations/query", "read"),
        ("POST", f"{LD}/entityOperations/upsert", "write"),
        ("POST", f"{LD}/entities", "write"),
        ("DELETE", f"{LD}/entities/x", "write"),
        ("GET", f"{LD}/subscriptions", "subscribe"),
        ("POST", f"{LD}/subscriptions", "subscribe"),
        ("GET", f"{LD}/temporal/entities", "past"),
        ("POST", f"{LD}/temporal/entityOperations/query", "past"),
        ("POST", f"{LD}/temporal/entities", "write"),
        ("GET", "/feeds/v1/a/entities", "feed"),
        ("GET", "/signing/v1/a/keys", "read"),
        ("GET", "/t/a/usage", "screen"),
        ("POST", "/devices/v1/a/d/readings", None),
        ("POST", "/webhooks/a/x", None),
    ],
)
def test_every_address_counts_as_its_kind(method: str, path: str, kind: str | None) -> None:
    assert kind_of({"type": "http", "method": method, "path": path}) == kind


@asynccontextmanager
async def endpoint() -> AsyncIterator[tuple[str, asyncio.Queue[int]]]:
    """An endpoint that refuses the second notification."""
    told: asyncio.Queue[int] = asyncio.Queue()
    statuses = iter((204, 500, *(204,) * 20))

    async def take(_: web.Request) -> web.Response:
        status = next(statuses)
        told.put_nowait(status)
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/told", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/told", told
    finally:
        await runner.cleanup()


async def used(platform: Platform, tenant: str = "town") -> Count:
    found = await platform.metering.usage(tenant)
    return {(one.service, one.measure): one.amount for one in found.rows}


async def until(platform: Platform, wanted: Callable[[Count], Any], seconds: float = 10.0) -> Count:
    async with asyncio.timeout(seconds):
        while True:
            found = await used(platform)
            if wanted(found):
                return found
            await asyncio.sleep(0.01)


async def test_what_a_town_used_is_counted(platform: Platform) -> None:
    await platform.database.add_tenant("town")
    device = Device("g1", "river-gauge", "橋", GAUGE, DEFAULT_VOCAB + "RiverGauge")
    key = await platform.registry.add("town", device)
    base = f"http://127.0.0.1:{platform.http_port}"
    head = {"NGSILD-Tenant": "town"}
    async with aiohttp.ClientSession(base) as session, endpoint() as (uri, told):

        async def ask(method: str, path: str, body: Any = None, **more: str) -> tuple[int, bytes]:
            async with session.request(method, path, json=body, headers={**head, **more}) as answer:
                return answer.status, await answer.read()

        bearer = {"Authorization": f"Bearer {key}"}
        await _calls(ask)
        await _subscribe(ask, uri)
        readings = "/devices/v1/town/g1/readings"
        level = {"level": 1.0, "observedAt": "2026-06-01T00:00:00Z"}
        assert (await ask("POST", readings, [level, {"level": "high"}], **bearer))[0] == 207
        assert (await ask("POST", readings, level, Authorization="Bearer wrong"))[0] == 401
        async with aiomqtt.Client("127.0.0.1", platform.mqtt_port, username="town/g1", password=key) as client:
            for minute in range(1, 3):
                body = {"level": 1.0 + minute, "observedAt": f"2026-06-01T00:0{minute}:00Z"}
                await client.publish("kumihimo/town/g1/up", json.dumps(body), qos=1)
        both = {("anonymous", "sent"), ("anonymous", "failed")}
        found = await until(platform, lambda found: both <= found.keys())
        assert told.qsize() >= 2
        assert {name: found["anonymous", name] for name in ("read", "write", "subscribe", "past", "screen")} == {
            "read": 2,
            "write": 1,
            "subscribe": 1,
            "past": 1,
            "screen": 1,
        }
        assert (found["devices", "readings"], found["devices", "refused"]) == (3, 2)
        assert found["anonymous", "bytes"] > 1000
        assert found["devices", "bytes"] > 10
        assert found["", "storage"] > 4096
        _, page = await ask("GET", "/t/town/usage?lang=en")
        assert "Nothing was used" not in page.decode()
        _, table = await ask("GET", "/t/town/usage?csv=cp932&lang=ja")
        assert "観測値" in table.decode("cp932")


async def _calls(ask: Callable[..., Awaitable[tuple[int, bytes]]]) -> None:
    """One call of most kinds; what there is not is counted for nobody."""
    thing = {"id": "urn:ngsi-ld:Thing:1", "type": "Thing"}
    assert (await ask("POST", f"{LD}/entities", thing))[0] == 201
    assert (await ask("GET", f"{LD}/entities/urn:ngsi-ld:Thing:1"))[0] == 200
    assert (await ask("GET", f"{LD}/entities/urn:ngsi-ld:Thing:2"))[0] == 404
    assert (await ask("GET", f"{LD}/temporal/entities/urn:ngsi-ld:Thing:1"))[0] == 200
    assert (await ask("GET", "/t/town/entities"))[0] == 200
    assert (await ask("GET", f"{LD}/entities/urn:ngsi-ld:Thing:1", **{"NGSILD-Tenant": "nobody"}))[0] == 404


async def _subscribe(ask: Callable[..., Awaitable[tuple[int, bytes]]], uri: str) -> None:
    body = {
        "type": "Subscription",
        "entities": [{"type": "RiverGauge"}],
        "notification": {"endpoint": {"uri": uri, "accept": "application/json"}},
    }
    assert (await ask("POST", f"{LD}/subscriptions", body))[0] == 201
