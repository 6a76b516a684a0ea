"""Sending over real sockets to endpoints that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.fakes import no_mqtt
from tests.platform.delivery.stand import TENANT, Stand
from tests.platform.signing.verifier import Request, verify

from kumihimo.network.http.fetch import GuardedFetch
from kumihimo.platform.access.decide import Access
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.delivery.send import SendNumbers
from kumihimo.platform.signing.door import Signing

pytestmark = pytest.mark.enable_socket
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Post:
    """A loopback server with one handler for each path, and what arrived there."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.arrived: list[tuple[str, int]] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        """Method, address as the receiver sees it, headers and body."""
        self.news = asyncio.Event()
        self.server: TestServer

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append((request.method, str(request.url), dict(request.headers), await request.read()))
        self.arrived.append((request.path, body["data"][0]["level"]["value"]))
        self.news.set()
        handler = self.handlers.get(request.path)
        return await handler(request) if handler is not None else web.Response()

    def at(self, path: str) -> list[int]:
        return [level for where, level in self.arrived if where == path]

    async def until(self, path: str, levels: list[int]) -> None:
        async with asyncio.timeout(10):
            while self.at(path) != levels:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def running(stand: Stand, fetch: GuardedFetch | None = None) -> AsyncIterator[Post]:
    """The post office with a delivery that runs, on a real carrier."""
    post = Post()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", post.take)
    post.server = TestServer(app)
    await post.server.start_server()
    fetch = fetch or GuardedFetch(allow_private=True)
    await fetch.open()
    stand.delivery = Delivery(
        stand.database,
        stand.clock,
        stand.bus,
        stand.contexts,
        Carrier(fetch, no_mqtt, Signing(stand.database, stand.clock), stand.clock),
        Access(True),
        numbers=SendNumbers(attempts=3),
    )
    run = asyncio.create_task(stand.delivery.run())
    try:
        yield post
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await fetch.close()
        await post.server.close()


async def subscribe(stand: Stand, post: Post, path: str, **members: object) -> str:
    return await stand.subscribe(uri=str(post.server.make_url(path)), **members)


async def settled(stand: Stand, id_: str, count: int) -> dict[str, object]:
    """The notification member once so many attempts are written down."""
    async with asyncio.timeout(10):
        while True:
            if len(await stand.delivery.attempts(TENANT, id_)) == count:
                shown = await stand.delivery.get(stand.call, id_)
                notification: dict[str, object] = shown["notification"]
                return notification
            await asyncio.sleep(0.01)


async def test_a_hanging_endpoint_delays_no_other(stand: Stand) -> None:
    never = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with running(stand) as post:
        post.handlers["/hang"] = hang
        await subscribe(stand, post, "/hang")
        await subscribe(stand, post, "/good")
        for level in range(5):
            await stand.put(level=level)
        await post.until("/good", [0, 1, 2, 3, 4])
        assert post.at("/hang") == [0]
        never.set()


async def test_paths_that_hang_hold_up_no_other_of_their_host(stand: Stand) -> None:
    never = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with running(stand) as post:
        for number in range(20):
            post.handlers[f"/hang/{number}"] = hang
            await subscribe(stand, post, f"/hang/{number}")
        await stand.put(level=1)
        async with asyncio.timeout(10):
            while len(post.arrived) < 20:
                post.news.clear()
                await post.news.wait()
        await subscribe(stand, post, "/good")
        await stand.put(level=2)
        await post.until("/good", [2])
        assert {path for path, _ in post.arrived if path != "/good"} == {f"/hang/{number}" for number in range(20)}
        never.set()


async def test_two_subscriptions_to_one_endpoint_do_not_starve_each_other(stand: Stand) -> None:
    never = asyncio.Event()

    async def hang_for_gauges(request: web.Request) -> web.Response:
        if (await request.json())["data"][0]["type"] == "Gauge":
            await never.wait()
        return web.Response()

    async with running(stand) as post:
        post.handlers["/one"] = hang_for_gauges
        await subscribe(stand, post, "/one")
        await subscribe(stand, post, "/one", entities=[{"type": "Rain"}])
        for number in range(40):
            await stand.put(f"urn:g:{number}", level=1)
        await stand.put("urn:r:1", "Rain", level=7)
        async with asyncio.timeout(10):
            while 7 not in post.at("/one"):
                post.news.clear()
                await post.news.wait()
        assert post.at("/one").count(7) == 1
        never.set()


async def test_a_failure_is_tried_again_and_order_is_kept(stand: Stand) -> None:
    answers = [500, 200, 200]

    async def recovering(request: web.Request) -> web.Response:
        return web.Response(status=answers.pop(0))

    async with running(stand) as post:
        post.handlers["/x"] = recovering
        id_ = await subscribe(stand, post, "/x")
        await stand.put(level=1)
        assert (await settled(stand, id_, 1))["status"] == "failed"
        await stand.put(level=2)
        await stand.delivery.catch_up(TENANT)
        assert post.at("/x") == [1]
        stand.clock.advance(1)
        stand.bus.publish(f"log.{TENANT}")
        await post.until("/x", [1, 1, 2])
        notification = await settled(stand, id_, 3)
        assert (notification["status"], notification["timesFailed"]) == ("ok", 1)


async def test_a_reset_and_a_redirect_inward_are_failures(stand: Stand) -> None:
    async def reset(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def inward(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": str(post.server.make_url("/secret"))})

    async with running(stand) as post:
        post.handlers |= {"/reset": reset, "/inward": inward}
        ids = [await subscribe(stand, post, "/reset"), await subscribe(stand, post, "/inward")]
        await stand.put(level=1)
        for id_ in ids:
            assert (await settled(stand, id_, 1))["timesFailed"] == 1
        assert post.at("/secret") == []
        (attempt,) = await stand.delivery.attempts(TENANT, ids[1])
        assert attempt.status == 307


async def test_a_private_endpoint_is_refused_unless_allowed(stand: Stand) -> None:
    async with running(stand, GuardedFetch()) as post:
        id_ = await subscribe(stand, post, "/x")
        await stand.put(level=1)
        await settled(stand, id_, 1)
        (attempt,) = await stand.delivery.attempts(TENANT, id_)
        assert attempt.status == 0
        assert "loopback" in attempt.detail
        assert post.arrived == []


async def test_a_deadline_is_kept(stand: Stand) -> None:
    never = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with running(stand) as post:
        post.handlers["/x"] = hang
        id_ = await subscribe(stand, post, "/x", endpoint={"timeout": 50})
        await stand.put(level=1)
        assert (await settled(stand, id_, 1))["timesFailed"] == 1
        never.set()


async def test_throttling_ends_by_the_clock_while_running(stand: Stand) -> None:
    async with running(stand) as post:
        await subscribe(stand, post, "/x", throttling=10)
        await stand.put(level=1)
        await post.until("/x", [1])
        await stand.put(level=2)
        await stand.put(level=3)
        await stand.delivery.catch_up(TENANT)
        assert post.at("/x") == [1]
        stand.clock.advance(10)
        stand.bus.publish(f"log.{TENANT}")
        await post.until("/x", [1, 3])


async def test_deleting_a_subscription_ends_its_notifications(stand: Stand) -> None:
    async with running(stand) as post:
        id_ = await subscribe(stand, post, "/x")
        await stand.put(level=1)
        await settled(stand, id_, 1)
        await stand.delivery.delete(stand.call, id_)
        await stand.put(level=2)
        await stand.delivery.catch_up(TENANT)
        assert post.at("/x") == [1]


async def test_who_answers_and_asks_hears_of_the_answer(stand: Stand) -> None:
    async with running(stand) as post:
        id_ = await subscribe(stand, post, "/x")
        for level in range(10):
            await stand.put(level=level)
            await post.until("/x", list(range(level + 1)))
            notification = (await stand.delivery.get(stand.call, id_))["notification"]
            assert (notification["timesSent"], notification["status"]) == (level + 1, "ok")


@pytest.mark.parametrize("path", ["/notify", "/a%2Fb/川?x=%E6%B0%B4&y=1+2#part", "/n;v=1,2/~!$'()*"])
async def test_what_arrives_is_signed_with_the_tenants_key(stand: Stand, path: str) -> None:
    signing = Signing(stand.database, stand.clock)
    async with running(stand) as post:
        await stand.subscribe(
            uri=str(post.server.make_url("/")).rstrip("/") + quote(path, safe="/%?#=&+;,~!$'()*"),
            endpoint={"receiverInfo": [{"key": "Authorization", "value": "Bearer secret"}]},
        )
        await stand.put(level=1)
        async with asyncio.timeout(10):
            while not post.requests:
                await post.news.wait()
        method, url, headers, body = post.requests[0]
        covered = verify(await signing.key(TENANT), Request(method, url, headers), body)
        assert {"@method", "@target-uri", "content-digest", "content-type"} <= set(covered)
        assert headers["Authorization"] == "Bearer secret"
