from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from kumihimo.network.http import protocol
from kumihimo.network.http.limits import Limits
from kumihimo.network.http.server import serve
from kumihimo.network.sockets import AddressInUse, CannotListen

pytestmark = pytest.mark.enable_socket


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@contextlib.asynccontextmanager
async def served(app: ASGIApp = hello, **named: Any) -> AsyncIterator[tuple[int, asyncio.Event, asyncio.Task[None]]]:
    stop = asyncio.Event()
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    given = {"host": "localhost", "port": 0, **named}
    task = asyncio.create_task(serve(app, stop=stop, bound=bound.set_result, **given))
    async with asyncio.timeout(10):
        while not bound.done():
            if task.done():
                task.result()
            await asyncio.sleep(0)
    try:
        yield bound.result(), stop, task
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


async def get(port: int, host: str = "127.0.0.1", path: str = "/") -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}{path}") as answer:
        return answer.status, await answer.read()


async def talk(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


async def test_a_free_port_is_taken_and_told() -> None:
    async with served() as (port, _, _):
        assert await get(port) == (200, b"hello")


@pytest.mark.timed
async def test_answers_go_out_at_once() -> None:
    """An answer is two writes; where the second waits for the first's acknowledgement, each costs 40 ms."""
    async with served() as (port, _, _):
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession() as session:
            took = []
            for _ in range(20):
                began = loop.time()
                async with session.get(f"http://127.0.0.1:{port}/") as answer:
                    await answer.read()
                took.append(loop.time() - began)
        assert min(took[1:]) < 0.03


async def test_a_port_in_use_is_said_in_words() -> None:
    async with served() as (port, _, _):
        with pytest.raises(AddressInUse, match=f"localhost:{port} is in use"):
            await serve(hello, host="localhost", port=port, stop=asyncio.Event())


async def test_an_unknown_host_is_said_in_words() -> None:
    with pytest.raises(CannotListen, match="no address of this machine"):
        await serve(hello, host="nowhere.invalid", port=0, stop=asyncio.Event())


async def test_a_unix_socket_serves_its_own_application_to_this_user_only(tmp_path: Path) -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    path = tmp_path / "s"
    async with served(uds=path, uds_app=inner) as (port, _, _):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            assert (await session.get("http://localhost/")).status == 204
        assert (await get(port))[0] == 200
        with pytest.raises(AddressInUse, match="runs already"):
            await serve(hello, host="localhost", port=0, uds=path, stop=asyncio.Event())
    assert not path.exists()


async def test_a_socket_file_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with served(uds=path):
        assert path.is_socket()


async def test_a_path_too_long_for_a_socket_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match="shorter path"):
        await serve(hello, host="localhost", port=0, uds=tmp_path / ("x" * 120), stop=asyncio.Event())


async def test_stopping_lets_a_request_under_way_finish() -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await go.wait()
        await hello(scope, receive, send)

    async with served(slow) as (port, stop, task):
        asking = asyncio.create_task(get(port))
        await entered.wait()
        stop.set()
        await asyncio.sleep(0)
        go.set()
        assert await asking == (200, b"hello")
        await task


async def test_stopping_breaks_off_what_takes_too_long() -> None:
    entered = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await asyncio.Event().wait()

    async with served(endless, drain_seconds=0) as (port, stop, task):
        asking = asyncio.create_task(get(port))
        await entered.wait()
        stop.set()
        await task
        assert (await asking)[0] == 500


async def test_whoever_is_broken_off_is_told_and_nothing_is_logged_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    async with served(Limits(read), drain_seconds=0) as (port, stop, task):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
        await asyncio.sleep(0.1)
        stop.set()
        await task
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"the platform is stopping" in answer
    assert "Traceback" not in caplog.text
    assert "Exception" not in caplog.text


async def test_a_large_body_is_refused_before_it_is_read() -> None:
    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await hello(scope, receive, send)

    async with served(Limits(read, max_body=1000)) as (port, _, _), aiohttp.ClientSession() as session:

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(1000):
                yield b"x" * 65536

        url = f"http://127.0.0.1:{port}/"
        async with session.post(url, data=io.BytesIO(b"x" * 5_000_000)) as declared:
            assert declared.status == 413
        async with session.post(url, data=chunks()) as streamed:
            assert streamed.status == 413
            assert (await streamed.json(content_type=None))["status"] == 413
        async with session.post(url, data=b"x" * 1000) as small:
            assert small.status == 200


async def test_a_head_that_does_not_end_is_cut_off() -> None:
    async with served() as (port, _, _):
        answer = await talk(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 70_000)
    assert answer.startswith(b"HTTP/1.1 431")
    assert problem_in(answer)["status"] == 431


async def test_a_head_that_does_not_come_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    async with served() as (port, _, _):
        late = await talk(port, b"GET / HTTP/1.1\r\nHost:")
        assert late.startswith(b"HTTP/1.1 408")
        assert problem_in(late)["status"] == 408
        one = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer = await talk(port, one + b"GET / HTTP")
        assert answer.startswith(b"HTTP/1.1 200")


async def test_nothing_that_is_sent_keeps_an_idle_connection_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    one = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    unfinished = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx"
    async with served() as (port, _, _):
        for first, more in ((one, b"\r\n"), (unfinished, b"x")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(first)
            assert (await asyncio.wait_for(reader.readuntil(b"hello"), 5)).startswith(b"HTTP/1.1 200")
            ended = asyncio.create_task(reader.read())
            for _ in range(40):  # a drop now and then must not begin the time anew
                writer.write(more)
                done, _ = await asyncio.wait([ended], timeout=0.05)
                if done:
                    break
            assert ended.done()
            assert isinstance(ended.exception(), ConnectionError | None)
            writer.close()


async def test_a_connection_too_many_is_told_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 2)
    one = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with served() as (port, _, _):
        open_now = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in open_now:
            writer.write(one)
            assert (await asyncio.wait_for(reader.readuntil(b"hello"), 5)).startswith(b"HTTP/1.1 200")
        refused = await talk(port, b"")
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1\r\n" in refused
        assert problem_in(refused)["type"] == "https://kumihimo.dev/errors/Overloaded"
        for _, writer in open_now:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(5):
            while not (await talk(port, one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))).startswith(
                b"HTTP/1.1 200"
            ):
                pass


async def test_who_takes_nothing_of_its_answer_is_cut_off_and_who_is_slow_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "TAKING_SECONDS", 0.2)
    size, ended = 30_000_000, asyncio.Event()

    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(size).encode())]}
        await send(start)
        await send({"type": "http.response.body", "body": b"x" * size, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        ended.set()

    async with served(much) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(10):
            await ended.wait()
        writer.close()
        ended.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = 0
        async with asyncio.timeout(30):
            while got < size:
                chunk = await reader.read(3_000_000)
                assert chunk, "cut off although it took some all the time"
                got += len(chunk)
                await asyncio.sleep(0.001)
        writer.close()


async def test_a_body_that_ends_after_its_answer_leaves_a_connection_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    async with served() as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nx")
        await asyncio.wait_for(reader.readuntil(b"hello"), 5)
        for _ in range(3):
            writer.write(b"x")
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.4)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_bytes_that_are_no_http_are_a_bad_request() -> None:
    async with served() as (port, _, _):
        for sent in (
            b"\x16\x03\x01\x00\x00nonsense\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        ):
            answer = await talk(port, sent)
            assert answer.startswith(b"HTTP/1.1 400")
            assert problem_in(answer)["type"].endswith("/InvalidRequest")


def problem_in(answer: bytes) -> Any:
    """The problem document of an answer as it came over the wire."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert f"content-length: {len(body)}".encode() in head
    found = json.loads(body)
    assert found["detail"]
    assert found["title"]
    return found


async def test_two_requests_on_one_connection() -> None:
    one = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    async with served() as (port, _, _):
        assert (await talk(port, one + last)).count(b"HTTP/1.1 200") == 2
