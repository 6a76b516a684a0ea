"""Too much at once: every door says when to come again, what was acknowledged is there, and what waits is bounded."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlencode

import pytest
from starlette.routing import Route
from tests.service.console.asgi_client import Client, Reply

from kumihimo.app.http import console_of, http_routes, tenant_of
from kumihimo.app.platform import Platform
from kumihimo.base.errors import Overloaded
from kumihimo.base.rates import Rates
from kumihimo.device.registry.models import Device
from kumihimo.platform.broker import gather
from kumihimo.platform.delivery import door as delivery
from kumihimo.storage.database import Tx
from kumihimo.storage.engines import share, sqlite_file, sqlite_readers

pytestmark = pytest.mark.enable_socket
TOWN = "town"
WAITING = 4
"""Works that may wait for the writer in these tests, and calls that may wait to be written together."""
HERE = {"ngsild-tenant": TOWN, "content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}


class House:
    """A platform with one tenant and one device, spoken to without a socket."""

    def __init__(self, platform: Platform, key: str) -> None:
        self.platform = platform
        assert platform.limits is not None
        self.client = Client(platform.limits)
        self.key = {"authorization": f"Bearer {key}"}

    async def put(self, number: int) -> Reply:
        body = json.dumps({"id": f"urn:x:{number}", "type": "T", "n": {"type": "Property", "value": number}}).encode()
        return await self.client.send("POST", "/ngsi-ld/v1/entities", sized(body), body)

    async def read(self, body: bytes, media: str = "application/json", device: str = "g1") -> Reply:
        path = f"/devices/v1/{TOWN}/{device}/readings"
        return await self.client.send("POST", path, {**self.key, "content-type": media}, body)

    async def count(self) -> int:
        reply = await self.client.get("/ngsi-ld/v1/entities?type=T&limit=0&count=true", HERE)
        return int(reply.headers["ngsild-results-count"])

    @contextmanager
    def held(self) -> Iterator[None]:
        """The tenant's writer stands still, as with a disk that hangs."""
        go = threading.Event()

        async def hang(tx: Tx) -> None:
            await tx.fetch("SELECT 1")
            go.wait(30)

        task = asyncio.ensure_future(self.platform.database.write(TOWN, hang))
        try:
            yield
        finally:
            go.set()
            self.hanging = task


def sized(body: bytes) -> dict[str, str]:
    return {**HERE, "content-length": str(len(body))}


@pytest.fixture
async def house(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> House:
    await platform.database.add_tenant(TOWN)
    key = await platform.registry.add(TOWN, Device("g1", "river-gauge", "g", "urn:ngsi-ld:RiverGauge:1", "https://x/G"))
    made = House(platform, key)
    assert (await made.put(0)).status == 201
    assert (await made.client.get(f"/t/{TOWN}/webhook")).status == 200  # its address is made when first asked for
    monkeypatch.setattr(sqlite_file, "MAX_WAITING", WAITING)
    monkeypatch.setattr(gather, "MAX_WAITING", WAITING)
    return made


@asynccontextmanager
async def overloaded(house: House) -> AsyncIterator[list[asyncio.Task[Reply]]]:
    """The writer hangs, and as much waits for it as may."""
    with house.held():
        tasks: list[asyncio.Task[Reply]] = []
        queue = house.platform.broker._gather._waiting
        async with asyncio.timeout(10):
            while len(tasks) < 20 or len(queue.get(TOWN, ())) < WAITING:
                tasks.append(asyncio.create_task(house.put(len(tasks) + 1)))
                await asyncio.sleep(0)
            assert (await house.put(0)).status == 503, "who comes last is refused, as those before it were"
        direct = [asyncio.create_task(house.platform.database.write(TOWN, _nothing)) for _ in range(WAITING)]
        await asyncio.sleep(0)
        yield tasks
    told = await asyncio.gather(*direct, return_exceptions=True)
    assert any(isinstance(one, Overloaded) for one in told)


async def _nothing(tx: Tx) -> None:
    await tx.fetch("SELECT 1")


async def test_what_was_acknowledged_is_there_what_was_refused_is_not_and_what_waits_is_bounded(house: House) -> None:
    async with overloaded(house) as tasks:
        refused = [task.result() for task in tasks if task.done()]
        assert {one.status for one in refused} == {503}
        assert all(int(one.headers["retry-after"]) >= 1 for one in refused)
        waiting = int(house.platform.database.stats()["waiting"])
        assert waiting <= WAITING, "what waits for the writer is as much as may"
        assert len(tasks) - len(refused) <= 2 * WAITING, "one group under way, and as many wait"
    replies = await asyncio.gather(*tasks)
    acknowledged = sum(one.status == 201 for one in replies)
    assert acknowledged >= WAITING
    assert await house.count() == 1 + acknowledged
    again = await asyncio.gather(*(house.put(number) for number, one in enumerate(replies, 1) if one.status == 503))
    assert {one.status for one in again} <= {201, 503}, "a refused one may be sent again as it was"


READING = b'{"observedAt": "2026-07-01T00:00:00Z", "level": 1.5}'
ITEM = {"id": "urn:x:b", "type": "T"}
WRITES: dict[str, tuple[str, str, dict[str, str], bytes]] = {
    "batch": ("POST", "/ngsi-ld/v1/entityOperations/upsert", HERE, json.dumps([ITEM]).encode()),
    "attributes": ("PATCH", "/ngsi-ld/v1/entities/urn:x:0/attrs", HERE, b'{"n": {"type": "Property", "value": 2}}'),
    "merge": ("PATCH", "/ngsi-ld/v1/entities/urn:x:0", HERE, b'{"n": {"type": "Property", "value": 2}}'),
    "delete": ("DELETE", "/ngsi-ld/v1/entities/urn:x:0", HERE, b""),
    "temporal": ("DELETE", "/ngsi-ld/v1/temporal/entities/urn:x:0", HERE, b""),
    "subscription": (
        "POST",
        "/ngsi-ld/v1/subscriptions",
        HERE,
        b'{"type": "Subscription", "entities": [{"type": "T"}], "notification": {"endpoint": {"uri": "http://a/"}}}',
    ),
    "context": ("POST", "/ngsi-ld/v1/jsonldContexts", HERE, b'{"@context": {"a": "https://x/a"}}'),
    "reading": ("POST", f"/devices/v1/{TOWN}/g1/readings", {"content-type": "application/json"}, READING),
    "readings": (
        "POST",
        f"/devices/v1/{TOWN}/g1/readings",
        {"content-type": "application/json"},
        b"[" + READING + b"]",
    ),
    "lines": (
        "POST",
        f"/devices/v1/{TOWN}/g1/readings",
        {"content-type": "text/csv"},
        b"observedAt,level\n2026-07-01T00:00:00Z,1.5\n",
    ),
    "form": (
        "POST",
        f"/t/{TOWN}/subscriptions",
        FORM,
        urlencode({"type": "T", "endpoint": "http://127.0.0.1:9/", "watched": "", "q": "", "description": ""}).encode(),
    ),
    "clear": ("POST", f"/t/{TOWN}/webhook", FORM, b""),
}


async def test_every_door_that_writes_says_when_to_come_again(house: House) -> None:
    address = (await house.client.get(f"/t/{TOWN}/webhook")).text.split(f"/webhooks/{TOWN}/")[1][:32]
    doors = {**WRITES, "webhook": ("POST", f"/webhooks/{TOWN}/{address}", {}, b"{}")}
    found: dict[str, tuple[int, bool]] = {}
    async with overloaded(house):
        for name, (method, path, headers, body) in doors.items():
            sent = {**headers, "content-length": str(len(body)), **(house.key if "devices" in path else {})}
            async with asyncio.timeout(10) as limit:
                reply = await house.client.send(method, path, sent, body)
            found[name] = (reply.status, "retry-after" in reply.headers)
            assert not limit.expired(), name
    assert found == dict.fromkeys(doors, (503, True))


def _filled(path: str) -> str:
    values = {"{tenant}": TOWN, "{token}": "0" * 32, "{entityId}": "urn:x:0", "{subscriptionId}": "urn:x:s"}
    for name, value in values.items():
        path = path.replace(name, value)
    return path.replace("{id:path}", "urn:x:0").replace("{id}", "urn:x:0").replace("{device}", "g1")


READS = (
    "/ngsi-ld/v1/entities?type=T",
    "/ngsi-ld/v1/entities/urn:x:0",
    "/ngsi-ld/v1/temporal/entities/urn:x:0",
    "/ngsi-ld/v1/subscriptions",
    "/ngsi-ld/v1/types",
    f"/feeds/v1/{TOWN}/entities?type=T",
    f"/signing/v1/{TOWN}/keys",
    f"/t/{TOWN}/entities",
    f"/t/{TOWN}/webhook",
)


async def test_every_door_that_reads_says_when_to_come_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no more reads may wait; and no route at all answers 500 then."""
    console = console_of(house.platform)
    routes = [one for one in http_routes(house.platform, console, lambda: None) if isinstance(one, Route)]
    monkeypatch.setattr(sqlite_readers, "MAX_WAITING", 0)
    for path in READS:
        reply = await house.client.get(path, {"ngsild-tenant": TOWN})
        assert (path, reply.status, "retry-after" in reply.headers) == (path, 503, True)
    for route in routes:
        if route.path.endswith("/live"):
            continue  # an open stream: it waits for the store by itself
        reply = await house.client.get(_filled(route.path), {"ngsild-tenant": TOWN})
        assert reply.status not in (429, 500, 502, 504), route.path
        assert reply.status != 503 or "retry-after" in reply.headers, route.path


async def test_queries_of_one_tenant_that_wait_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "MAX_WAITING", 2)
    paths = ["/ngsi-ld/v1/entities?type=T&q=n>0"] * 40
    replies = await asyncio.gather(*(house.client.get(path, HERE) for path in paths))
    refused = [one for one in replies if one.status != 200]
    assert {one.status for one in refused} <= {503}
    assert all("retry-after" in one.headers for one in refused)
    assert len(replies) - len(refused) >= 2, "those that had a place, or a place to wait, are answered"


async def test_a_device_in_a_loop_is_slowed_and_its_neighbour_is_not(house: House) -> None:
    registry = house.platform.registry
    other = Device("g2", "river-gauge", "g", "urn:ngsi-ld:RiverGauge:2", "https://x/G")
    key = await registry.add(TOWN, other)
    house.platform.gateway._rates = Rates(0.01, burst_seconds=300)
    replies = [await house.read(READING) for _ in range(5)]
    assert [one.status for one in replies] == [201, 201, 201, 429, 429]
    assert 90 <= int(replies[3].headers["retry-after"]) <= 100
    assert json.loads(replies[3].body)["type"] == "https://kumihimo.dev/errors/TooManyRequests"
    house.key = {"authorization": f"Bearer {key}"}
    assert (await house.read(READING, device="g2")).status == 201
    device = await registry.get(TOWN, "g1")
    assert device is not None
    assert "too often" in device.last_refusal


async def test_subscriptions_of_a_tenant_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MAX_SUBSCRIPTIONS", 1)
    method, path, headers, body = WRITES["subscription"]
    replies = [await house.client.send(method, path, {**headers, **sized(body)}, body) for _ in range(2)]
    assert [one.status for one in replies] == [201, 403]
    assert json.loads(replies[1].body)["type"].endswith("/TooManyResults")


@pytest.mark.parametrize(
    ("path", "headers", "tenant"),
    [
        ("/ngsi-ld/v1/entities", [(b"ngsild-tenant", b"fukui")], "fukui"),
        ("/ngsi-ld/v1/entities", [], "default"),
        ("/devices/v1/fukui/g1/readings", [], "fukui"),
        ("/feeds/v1/fukui/entities", [], "fukui"),
        ("/signing/v1/fukui/keys", [], "fukui"),
        ("/t/fukui", [], "fukui"),
        ("/t/fukui/entities", [(b"ngsild-tenant", b"other")], "fukui"),
        ("/webhooks/fukui/0", [], "fukui"),
        ("/", [], ""),
        ("/healthz", [], ""),
        ("/tea/fukui", [], ""),
        ("/t/" + "x" * 200, [], "x" * 64),
    ],
)
def test_whose_a_request_is(path: str, headers: list[tuple[bytes, bytes]], tenant: str) -> None:
    assert tenant_of({"type": "http", "path": path, "headers": headers}) == tenant
