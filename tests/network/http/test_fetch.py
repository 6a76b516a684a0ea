from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kumihimo.base.errors import AddressRefused
from kumihimo.network.http.fetch import GuardedFetch

pytestmark = pytest.mark.enable_socket
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def endpoint(handler: Handler) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app)
    await server.start_server()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def opened(fetch: GuardedFetch) -> AsyncIterator[GuardedFetch]:
    await fetch.open()
    try:
        yield fetch
    finally:
        await fetch.close()


async def hello(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(body=b"hello " + body, headers={"X-Seen": request.headers.get("X-Given", "")})


async def test_what_is_sent_arrives_and_what_is_answered_comes_back() -> None:
    async with endpoint(hello) as server, opened(GuardedFetch(allow_private=True)) as fetch:
        answer = await fetch("POST", str(server.make_url("/x")), headers={"X-Given": "abc"}, body=b"you")
    assert (answer.status, answer.body, answer.headers["x-seen"]) == (200, b"hello you", "abc")


async def test_a_literal_loopback_address_is_refused_by_default() -> None:
    async with endpoint(hello) as server, opened(GuardedFetch()) as fetch:
        with pytest.raises(AddressRefused, match="loopback"):
            await fetch("GET", str(server.make_url("/")))


async def test_one_host_and_port_may_be_opened() -> None:
    async with endpoint(hello) as server, opened(GuardedFetch(allow_hosts=[f"127.0.0.1:{server.port}"])) as fetch:
        assert (await fetch("GET", str(server.make_url("/")))).status == 200
        with pytest.raises(AddressRefused):
            await fetch("GET", "http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//example.org/",
        "http://",
        "http://user:secret@example.org/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0.0.0.0/",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/",
        "http://example.org:99999/",
    ],
)
async def test_addresses_that_are_no_endpoint(url: str) -> None:
    async with opened(GuardedFetch()) as fetch:
        with pytest.raises(AddressRefused):
            await fetch("GET", url)


async def test_a_name_is_refused_when_any_of_its_addresses_is_private() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["133.242.0.3", "10.0.0.1"]

    async with opened(GuardedFetch(lookup=lookup)) as fetch:
        with pytest.raises(AddressRefused, match=r"10\.0\.0\.1, a private"):
            await fetch("GET", "http://two-faced.example/")


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with endpoint(hello) as server, opened(GuardedFetch(allow_hosts=["127.0.0.0/8"], lookup=lookup)) as fetch:
        # The name exists nowhere else: an answer shows that our own answer was connected to.
        answer = await fetch("GET", f"http://nowhere.invalid:{server.port}/")
    assert (answer.status, asked) == (200, ["nowhere.invalid"])


async def test_a_name_that_turns_inward_after_its_check_is_refused() -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def lookup(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async def goodbye(request: web.Request) -> web.Response:
        return web.Response(headers={"Connection": "close"})

    async with endpoint(goodbye) as server, opened(GuardedFetch(allow_hosts=["127.0.0.0/8"], lookup=lookup)) as fetch:
        url = f"http://rebinding.example:{server.port}/"
        assert (await fetch("GET", url)).status == 200
        with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
            await fetch("GET", url)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def inward(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/"})

    async with endpoint(inward) as server, opened(GuardedFetch(allow_private=True)) as fetch:
        assert (await fetch("GET", str(server.make_url("/")))).status == 302


async def test_what_hangs_at_a_host_delays_nothing_else_there() -> None:
    never, hanging = asyncio.Event(), 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal hanging
        if request.path == "/hang":
            hanging += 1
            await never.wait()
        return web.Response()

    async with endpoint(handler) as server, opened(GuardedFetch(allow_private=True)) as fetch:
        waiting = [asyncio.create_task(fetch("GET", str(server.make_url("/hang")), timeout=60)) for _ in range(100)]
        async with asyncio.timeout(30):
            assert (await fetch("GET", str(server.make_url("/well")), timeout=60)).status == 200
            while hanging < len(waiting):  # noqa: ASYNC110 - they come by the wire
                await asyncio.sleep(0.01)
        never.set()
        await asyncio.gather(*waiting)


async def test_an_endless_answer_is_cut_at_the_limit() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            try:
                await response.write(b"x" * 65536)
            except ConnectionError:
                return response

    async with endpoint(endless) as server, opened(GuardedFetch(allow_private=True)) as fetch:
        answer = await fetch("GET", str(server.make_url("/")), max_bytes=100_000)
    assert len(answer.body) == 100_000


async def test_a_silent_endpoint_ends_in_a_timeout() -> None:
    done = asyncio.Event()

    async def silence(request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    async with endpoint(silence) as server, opened(GuardedFetch(allow_private=True)) as fetch:
        with pytest.raises(TimeoutError, match="no answer within"):
            await fetch("GET", str(server.make_url("/")), timeout=0.05)
        done.set()


async def test_a_refused_and_a_reset_connection_are_os_errors() -> None:
    async def reset(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with endpoint(reset) as server, opened(GuardedFetch(allow_private=True)) as fetch:
        with pytest.raises(OSError, match=str(server.port)):
            await fetch("POST", str(server.make_url("/")), body=b"x")
        url, port = str(server.make_url("/")), server.port
        await server.close()
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: "):
            await fetch("POST", url)


async def test_a_name_without_address_is_an_os_error() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return []

    async with opened(GuardedFetch(lookup=lookup)) as fetch:
        with pytest.raises(OSError, match="no address"):
            await fetch("GET", "http://empty.example/")


async def test_header_injection_is_not_sent() -> None:
    async with endpoint(hello) as server, opened(GuardedFetch(allow_private=True)) as fetch:
        with pytest.raises(OSError, match=r"."):
            await fetch("GET", str(server.make_url("/")), headers={"X-Given": "a\r\nX-Evil: 1"})


async def test_a_closed_door_sends_nothing() -> None:
    with pytest.raises(OSError, match="not open"):
        await GuardedFetch()("GET", "http://example.org/")
