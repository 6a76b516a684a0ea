"""Both listeners stand on the same sockets: what one copes with, the other does too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import pytest

from kumihimo.base.clock import SystemClock
from kumihimo.base.ports import MqttGate
from kumihimo.network.http.server import serve
from kumihimo.network.mqtt.listener import MqttListener
from kumihimo.network.sockets import AddressInUse, CannotListen, at, listening

pytestmark = pytest.mark.enable_socket
Listen = Callable[[str, int], AbstractAsyncContextManager[int]]
NOT_HERE = "2001:db8::1"
"""An address kept for documentation, which no machine has: as ::1 is where IPv6 is switched off."""


@asynccontextmanager
async def http(host: str, port: int) -> AsyncIterator[int]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    stop, bound = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, host=host, port=port, stop=stop, bound=bound.set_result))
    await asyncio.wait([task, bound], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    yield bound.result()
    stop.set()
    await task


@asynccontextmanager
async def mqtt(host: str, port: int) -> AsyncIterator[int]:
    listener = MqttListener(cast("MqttGate", None), SystemClock())
    yield await listener.start(host, port)
    await listener.stop()


def is_open(address: str, port: int) -> bool:
    """Whether somebody listens there; no name is asked for, as `hosts` answers for all names."""
    with socket.socket() as line:
        line.settimeout(5)
        return line.connect_ex((address, port)) == 0


LISTENERS = pytest.mark.parametrize("listen", [http, mqtt])


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes every host name stand for these addresses."""

    def go(*addresses: str) -> None:
        found = [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, 0)) for one in addresses]
        monkeypatch.setattr("kumihimo.network.sockets.socket.getaddrinfo", lambda *_, **__: found)

    return go


@LISTENERS
async def test_an_address_that_the_machine_does_not_have_is_passed_over(
    listen: Listen, hosts: Callable[..., None]
) -> None:
    hosts(NOT_HERE, "127.0.0.1")
    async with listen("localhost", 0) as port:
        assert is_open("127.0.0.1", port)


@LISTENERS
async def test_where_no_address_is_left_it_says_so(listen: Listen, hosts: Callable[..., None]) -> None:
    hosts(NOT_HERE)
    with pytest.raises(CannotListen, match="cannot listen on here:0"):
        await listen("here", 0).__aenter__()


@LISTENERS
async def test_a_taken_port_is_told_in_words(listen: Listen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"localhost:{port} is in use by another program; stop it"):
            await listen("localhost", port).__aenter__()


@LISTENERS
async def test_every_address_is_listened_on_at_one_port(listen: Listen, hosts: Callable[..., None]) -> None:
    hosts("127.0.0.2", "127.0.0.1")
    async with listen("two", 0) as port:
        assert is_open("127.0.0.1", port)
        assert is_open("127.0.0.2", port)


def test_a_free_port_that_is_taken_on_the_second_address_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = socket.socket.bind, []

    class Busy(socket.socket):
        def bind(self, address: Any) -> None:
            calls.append(address)
            if len(calls) == 2:
                raise OSError(98, "Address already in use")
            real(self, address)

    monkeypatch.setattr("kumihimo.network.sockets.socket.socket", Busy)
    monkeypatch.setattr(
        "kumihimo.network.sockets.socket.getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, 1, 6, "", (one, 0)) for one in ("127.0.0.1", "127.0.0.2")],
    )
    sockets = listening("two", 0)
    assert len({one.getsockname()[1] for one in sockets}) == 1
    assert len(calls) >= 4  # more where the machine itself has the next free port taken on one of the two
    assert len(calls) % 2 == 0
    for one in sockets:
        one.close()


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert (at("::1", 80), at("localhost", 80)) == ("[::1]:80", "localhost:80")
