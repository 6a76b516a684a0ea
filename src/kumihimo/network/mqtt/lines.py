"""What carries MQTT's bytes: a TCP or TLS stream, or a WebSocket (MQTT 5.0 section 6)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, cast

from kumihimo.network.tls import client_certificate

READ: Final = 64 * 1024
ENOUGH: Final = 32 * 1024
"""Bytes that may wait in the transport before a writer waits too."""
CLOSING_SECONDS: Final = 2.0


class Line(Protocol):
    """One connection's bytes in and out."""

    async def read(self) -> bytes:
        """What arrived next; b"" at the end. OSError where the connection is lost."""
        ...

    @property
    def certificate(self) -> bytes:
        """The client's certificate (DER) that TLS found to be good; b"" where it showed none."""
        ...

    def write(self, data: bytes) -> None:
        """Sends, without waiting; harmless where the line is closing."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether so much waits that the writer should too."""
        ...

    async def drain(self) -> None:
        """Waits until the other end has taken most of what was written."""
        ...

    async def linger(self, seconds: float) -> None:
        """Writes nothing more, and waits so long at most for the other end to leave, so that it reads all of it."""
        ...

    async def close(self) -> None:
        """Closes; returns when it is closed, or soon."""
        ...

    def abort(self) -> None:
        """Ends at once, without a word."""
        ...


class SocketLine(asyncio.Protocol):
    """A TCP or TLS connection, made by the loop and handed to `serve` as soon as it stands.

    asyncio's streams do the same by three objects and two queues, as much as all else that a waiting client keeps.
    """

    __slots__ = (
        "_arrived",
        "_draining",
        "_gone",
        "_has_ended",
        "_is_paused",
        "_problem",
        "_reading",
        "_serve",
        "_task",
        "_transport",
    )

    def __init__(self, serve: Callable[[Line], Coroutine[Any, Any, None]]) -> None:
        self._serve = serve
        self._transport: asyncio.Transport  # from the moment that it stands
        self._task: asyncio.Task[None] | None = None
        self._arrived = b""
        self._reading: asyncio.Future[None] | None = None
        self._draining: asyncio.Future[None] | None = None
        self._is_paused = False
        self._has_ended = False
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._problem: Exception | None = None

    # --- what the loop calls -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._task = asyncio.get_running_loop().create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        self._arrived = self._arrived + data if self._arrived else data
        if len(self._arrived) > READ and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        _wake(self._reading)

    def eof_received(self) -> bool:
        self._has_ended = True
        _wake(self._reading)
        # What is still to be said goes out; TLS has no half of a connection that stays open.
        return self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_ended, self._problem = True, exc
        for one in (self._reading, self._draining, self._gone):
            _wake(one)

    def pause_writing(self) -> None:
        self._draining = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._draining)
        self._draining = None

    # --- Line ----------------------------------------------------------------------------------------------

    async def read(self) -> bytes:
        if not self._arrived and not self._has_ended:
            self._reading = asyncio.get_running_loop().create_future()
            try:
                await self._reading
            finally:
                self._reading = None
        data, self._arrived = self._arrived, b""
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        if not data and self._problem is not None:
            raise ConnectionResetError("the connection is lost") from self._problem
        return data

    @property
    def certificate(self) -> bytes:
        return client_certificate(self._transport)

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    @property
    def is_full(self) -> bool:
        return self._transport.get_write_buffer_size() > ENOUGH

    async def drain(self) -> None:
        if self._draining is not None and not self._gone.done():
            await asyncio.shield(self._draining)
        if self._gone.done():
            raise ConnectionResetError("the connection is lost")

    async def linger(self, seconds: float) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                if self._transport.can_write_eof():
                    self._transport.write_eof()
                while await self.read():
                    pass

    async def close(self) -> None:
        self._transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await asyncio.shield(self._gone)

    def abort(self) -> None:
        self._transport.abort()


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
