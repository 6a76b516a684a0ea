from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kumihimo.network.http.fairness import Fairness
from kumihimo.network.http.limits import LimitNumbers, Limits

Headers = Sequence[tuple[bytes, bytes]]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the whole body, answers with its length."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]})
    await send({"type": "http.response.body", "body": str(size).encode()})


class Caller:
    """One request over bare ASGI."""

    def __init__(self, app: ASGIApp, client: str | None = None) -> None:
        self.app = app
        self.client = client
        self.messages: list[Message] = []
        self.received = 0

    async def __call__(
        self,
        *,
        path: str = "/x",
        query: bytes = b"",
        headers: Headers = ((b"host", b"localhost:8080"),),
        chunks: Sequence[bytes] = (b"",),
        hang: bool = False,
    ) -> Caller:
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": list(headers),
            "client": None if self.client is None else (self.client, 1),
        }
        waiting = list(chunks)

        async def receive() -> Message:
            if not waiting:
                await asyncio.Event().wait()
            self.received += 1
            chunk = waiting.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or hang}

        async def send(message: Message) -> None:
            self.messages.append(message)

        await self.app(scope, receive, send)
        self.state = scope["state"]
        return self

    @property
    def status(self) -> int:
        (start,) = [one for one in self.messages if one["type"] == "http.response.start"]
        return int(start["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(one["body"] for one in self.messages[1:])


@pytest.fixture
def caller() -> Callable[..., Caller]:
    def make(app: ASGIApp = echo, **named: Any) -> Caller:
        return Caller(Limits(app, **named))

    return make


MakeCaller = Callable[..., Caller]


async def test_a_plain_request_passes_with_headers_and_an_id(caller: MakeCaller) -> None:
    call = await caller()(chunks=(b"ab", b"c"))
    assert (call.status, call.body) == (200, b"3")
    assert call.headers[b"x-content-type-options"] == b"nosniff"
    assert call.headers[b"referrer-policy"] == b"same-origin"
    assert call.headers[b"cross-origin-opener-policy"] == b"same-origin"
    assert call.headers[b"cross-origin-resource-policy"] == b"same-origin"
    assert call.headers[b"cache-control"] == b"private, no-cache"
    assert call.headers[b"x-request-id"].decode() == call.state["request_id"]


@pytest.mark.parametrize(("given", "kept"), [(b"abc-1", True), (b"a b", False), (b"x" * 65, False), (b"a\n", False)])
async def test_the_callers_own_id_is_kept_where_it_is_plain(caller: MakeCaller, given: bytes, kept: bool) -> None:
    call = await caller()(headers=((b"host", b"localhost"), (b"x-request-id", given)))
    assert (call.headers[b"x-request-id"] == given) is kept


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 400),
        (((b"host", b""),), 400),
        (((b"host", b"localhost"), (b"host", b"localhost")), 400),
        (((b"host", b"evil.example"),), 421),
        (((b"host", b"localhost.evil.example"),), 421),
        (((b"host", b"127.0.0.1:80"),), 200),
        (((b"host", b"[::1]:80"),), 200),
        (((b"host", b"LOCALHOST."),), 200),
        (((b"host", b"city.example:443"),), 200),
    ],
)
async def test_only_known_hosts_are_answered(caller: MakeCaller, headers: Headers, status: int) -> None:
    assert (await caller(hosts=["City.example"])(headers=headers)).status == status


async def test_a_star_answers_every_host(caller: MakeCaller) -> None:
    assert (await caller(hosts=["*"])(headers=((b"host", b"anything"),))).status == 200


async def test_a_declared_length_over_the_limit_is_refused_without_the_application(caller: MakeCaller) -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the application was asked")

    call = await caller(never, max_body=10)(headers=((b"host", b"localhost"), (b"content-length", b"11")))
    assert (call.status, call.headers[b"connection"]) == (413, b"close")
    problem = json.loads(call.body)
    assert (problem["status"], problem["title"]) == (413, "Payload too large")
    assert call.headers[b"content-type"] == b"application/problem+json"


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"", b"0x1"])
async def test_a_length_that_is_no_number_is_refused(caller: MakeCaller, length: bytes) -> None:
    assert (await caller()(headers=((b"host", b"localhost"), (b"content-length", length)))).status == 400


async def test_an_undeclared_body_over_the_limit_is_cut_off(caller: MakeCaller) -> None:
    call = await caller(max_body=10)(chunks=(b"x" * 6, b"y" * 6, b"z"))
    assert call.status == 413
    assert call.state["request_id"]


async def test_an_application_that_hides_the_cut_is_overruled(caller: MakeCaller) -> None:
    async def hiding(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await receive()
        except Exception:  # noqa: BLE001 - a framework's catch-all
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"oops"})

    call = await caller(hiding, max_body=1)(chunks=(b"xx",))
    assert (call.status, b"oops" in call.body) == (413, False)


async def test_a_body_that_does_not_end_is_a_timeout(caller: MakeCaller) -> None:
    call = await caller(numbers=LimitNumbers(body_seconds=0.01))(chunks=(b"x",), hang=True)
    assert call.status == 408


async def test_long_urls_and_heads_are_refused(caller: MakeCaller) -> None:
    assert (await caller()(query=b"q" * 20_000)).status == 414
    many = [(b"host", b"localhost"), *((b"x", b"y") for _ in range(200))]
    assert (await caller()(headers=many)).status == 431
    assert (await caller()(headers=((b"host", b"localhost"), (b"x", b"y" * 40_000)))).status == 431


async def test_too_many_at_once_are_told_when_to_come_back() -> None:
    go = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await echo(scope, receive, send)

    limits = Limits(slow, numbers=LimitNumbers(max_requests=1))
    first, second = Caller(limits), Caller(limits)
    task = asyncio.create_task(first())
    await asyncio.sleep(0)
    await second()
    assert (second.status, second.headers[b"retry-after"]) == (503, b"1")
    health = asyncio.create_task(Caller(limits)(path="/healthz"))
    await asyncio.sleep(0)
    go.set()
    assert ((await task).status, (await health).status) == (200, 200)
    assert limits.counters() == {
        "2xx": 2,
        "5xx": 1,
        "refused_503": 1,
        "body_bytes": 0,
        "in_flight": 0,
        "streams": 0,
        "held_bytes": 0,
    }


async def test_an_open_stream_does_not_count_as_a_request() -> None:
    go = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await go.wait()
        await send({"type": "http.response.body", "body": b""})

    limits = Limits(stream, numbers=LimitNumbers(max_requests=1, max_streams=2))
    tasks = [asyncio.create_task(Caller(limits)()) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (limits.in_flight, limits.streams) == (0, 2)
    go.set()
    assert sorted([(await task).status for task in tasks]) == [200, 200, 503]
    assert (limits.in_flight, limits.streams) == (0, 0)


async def test_a_failing_application_gives_its_place_free() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    limits = Limits(failing)
    with pytest.raises(ZeroDivisionError):
        await Caller(limits)()
    assert limits.in_flight == 0


def by_path(scope: Scope) -> str:
    return str(scope["path"]).strip("/")


async def test_one_tenant_takes_not_all_places() -> None:
    go = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await echo(scope, receive, send)

    limits = Limits(slow, numbers=LimitNumbers(max_requests=4), fairness=Fairness(by_path, 2))
    callers = [(Caller(limits), path) for path in ("/loud", "/loud", "/loud", "/calm", "/")]
    tasks = [asyncio.create_task(caller(path=path)) for caller, path in callers]
    await asyncio.sleep(0)
    assert limits.in_flight == 4, "those of no tenant are counted in the whole alone"
    go.set()
    assert [(await one).status for one in tasks] == [200, 200, 503, 200, 200]
    assert callers[2][0].headers[b"retry-after"] == b"1"
    assert (await Caller(limits)(path="/loud")).status == 200, "its places are free again"


async def test_a_tenant_that_asks_too_often_is_told_when_to_come_again_and_its_neighbour_is_not() -> None:
    limits = Limits(echo, fairness=Fairness(by_path, 512, tenant_rate=0.2))  # ten seconds' worth are two
    loud = [await Caller(limits)(path="/loud") for _ in range(4)]
    assert [one.status for one in loud] == [200, 200, 429, 429]
    assert 1 <= int(loud[2].headers[b"retry-after"]) <= 5
    assert json.loads(loud[2].body)["type"] == "https://kumihimo.dev/errors/TooManyRequests"
    assert [(await Caller(limits)(path=path)).status for path in ("/calm", "/", "/", "/")] == [200, 200, 200, 200]
    assert (await Caller(limits)(path="/healthz")).status == 200


async def test_a_client_that_asks_too_often_is_told_when_to_come_again() -> None:
    limits = Limits(echo, fairness=Fairness(by_path, 512, client_rate=0.1))
    found = [(await Caller(limits, client)(path="/t")).status for client in ("a", "a", "b", None, None)]
    assert found == [200, 429, 200, 200, 200], "over a Unix socket there is no address"


async def test_bodies_under_way_are_bounded_together() -> None:
    limits = Limits(echo, max_body=50, numbers=LimitNumbers(max_held=100))
    slow = [asyncio.create_task(Caller(limits)(chunks=(b"x" * 40,), hang=True)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert limits.counters()["held_bytes"] == 80
    third = await Caller(limits)(chunks=(b"x" * 40,))
    assert (third.status, third.headers[b"retry-after"]) == (503, b"1")
    assert (await Caller(limits)(chunks=(b"x" * 20,))).status == 200, "what fits is taken"
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert limits.counters()["held_bytes"] == 0


async def converse(app: ASGIApp, host: bytes = b"localhost:8080", **more: Any) -> list[Message]:
    """What a WebSocket's handshake is answered with."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/x", "query_string": b"", "headers": [(b"host", host)], **more}
    await app(scope, receive, send)
    return sent


async def test_a_websocket_too_many_is_told_when_to_come_again_where_the_server_can() -> None:
    limits = Limits(echo, numbers=LimitNumbers(max_streams=0))
    start, body = await converse(limits, extensions={"websocket.http.response": {}})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 503)
    assert dict(start["headers"])[b"retry-after"] == b"10"
    assert json.loads(body["body"])["status"] == 503


async def test_a_websocket_counts_as_a_stream_while_it_lasts() -> None:
    seen: list[int] = []

    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(limits.streams)
        await send({"type": "websocket.accept"})

    limits = Limits(talk)
    assert [one["type"] for one in await converse(limits)] == ["websocket.accept"]
    assert (seen, limits.streams) == ([1], 0)


@pytest.mark.parametrize(("host", "streams"), [(b"evil.example", 10), (b"localhost", 0)])
async def test_a_websocket_of_another_host_or_one_too_many_is_refused(host: bytes, streams: int) -> None:
    limits = Limits(echo, numbers=LimitNumbers(max_streams=streams))
    (answer,) = await converse(limits, host)
    assert (answer["type"], answer["code"]) == ("websocket.close", 1008)
    assert answer["reason"]
