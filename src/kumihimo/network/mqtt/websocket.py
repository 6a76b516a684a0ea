"""MQTT over WebSocket (MQTT 5.0 section 6): /mqtt, subprotocol "mqtt", binary frames; served by aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Collection
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.lines import CLOSING_SECONDS, ENOUGH, Line
from kumihimo.network.sockets import BACKLOG, listening
from kumihimo.network.tls import client_certificate

PATH: Final = "/mqtt"
SUBPROTOCOL: Final = "mqtt"


class WebSocketLine:
    """One WebSocket; MQTT packets may lie across its frames."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._waiting = bytearray()
        self._sending: asyncio.Task[None] | None = None

    async def read(self) -> bytes:
        while True:
            message = await self._socket.receive()
            if message.type == WSMsgType.BINARY:
                if message.data:
                    data: bytes = message.data
                    return data
                continue
            if message.type == WSMsgType.TEXT:
                await self._socket.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"binary frames only")
            return b""

    @property
    def certificate(self) -> bytes:
        return client_certificate(self._transport)

    def write(self, data: bytes) -> None:
        self._waiting += data
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        """Sends what waits, as long as something does; where the socket is lost, reading tells it."""
        try:
            while self._waiting and not self._socket.closed:
                data, self._waiting = bytes(self._waiting), bytearray()
                await self._socket.send_bytes(data)
        except OSError:
            self._waiting.clear()
        finally:
            self._sending = None

    @property
    def is_full(self) -> bool:
        return len(self._waiting) > ENOUGH

    async def drain(self) -> None:
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def linger(self, seconds: float) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                await self.drain()
                await self._socket.close()

    async def close(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.drain()
                await self._socket.close()

    def abort(self) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()


class _Refusing(asyncio.Protocol):
    """Ends a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


class WebSocketDoor:
    """Listens, and hands each WebSocket to `serve`. hosts are the names under which a page may reach it."""

    def __init__(self, serve: Callable[[Line], Awaitable[None]], limits: MqttLimits, hosts: Collection[str]) -> None:
        self._serve = serve
        self._limits = limits
        self._hosts = frozenset(one.lower() for one in hosts)
        self._server = web.Server(self._answer, access_log=None)
        self._late: dict[object, asyncio.TimerHandle] = {}
        self._listening: list[asyncio.Server] = []

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listens on every address of the host; the port. AddressInUse or CannotListen."""
        sockets = listening(host, port)
        loop = asyncio.get_running_loop()
        for one in sockets:
            timeout = self._limits.connect_timeout if tls is not None else None
            self._listening.append(
                await loop.create_server(
                    self._protocol, sock=one, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=timeout
                )
            )
        return int(sockets[0].getsockname()[1])

    def close(self) -> None:
        """Takes no more."""
        for one in self._listening:
            one.close()
        self._listening.clear()

    async def ended(self) -> None:
        """Ends what is left."""
        for timer in self._late.values():
            timer.cancel()
        self._late.clear()
        await self._server.shutdown(CLOSING_SECONDS)

    def _protocol(self) -> asyncio.Protocol:
        """Those that do not become a WebSocket in time are cut off, and there are not more than the listener takes."""
        limits = self._limits
        if len(self._server.connections) >= limits.max_clients + 2 * limits.max_half_open:
            return _Refusing()
        handler = self._server()
        loop = asyncio.get_running_loop()
        self._late[handler] = loop.call_later(limits.connect_timeout, self._drop_late, handler)
        return handler

    def _drop_late(self, handler: web.RequestHandler) -> None:
        self._late.pop(handler, None)
        if handler.transport is not None:
            handler.transport.abort()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != PATH:
            return web.Response(status=404, text=f"MQTT over WebSocket is at {PATH}\n")
        if not self._may_enter(request):
            return web.Response(status=403, text="this page may not come in; see allowed_hosts\n")
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=self._limits.max_packet + 16, compress=False, autoclose=True
        )
        if not socket.can_prepare(request) or SUBPROTOCOL not in _asked(request):
            return web.Response(status=400, text=f"a WebSocket with the subprotocol {SUBPROTOCOL} is needed\n")
        await socket.prepare(request)
        timer = self._late.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        await self._serve(WebSocketLine(socket, request.transport))
        return socket

    def _may_enter(self, request: web.BaseRequest) -> bool:
        """Whether Host, and Origin where a page sends one, are names of ours: else any page could come in."""
        origin = request.headers.get("Origin")
        names = [_name(f"//{request.headers.get('Host', '')}"), *([] if origin is None else [_name(origin)])]
        return all(one in self._hosts for one in names)


def _asked(request: web.BaseRequest) -> list[str]:
    return [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
