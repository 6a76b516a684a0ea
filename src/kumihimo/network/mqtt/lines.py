"""What carries MQTT's bytes: a TCP or TLS stream, or a WebSocket (MQTT 5.0 section 6)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, Protocol

READ: Final = 64 * 1024
ENOUGH: Final = 32 * 1024
"""Bytes that may wait in the transport before a writer waits too."""
CLOSING_SECONDS: Final = 2.0


class Line(Protocol):
    """One connection's bytes in and out."""

    async def read(self) -> bytes:
        """What arrived next; b"" at the end. OSError where the connection is lost."""
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


class StreamLine:
    """A TCP or TLS connection."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        return await self._reader.read(READ)

    def write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    @property
    def is_full(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > ENOUGH

    async def drain(self) -> None:
        await self._writer.drain()

    async def linger(self, seconds: float) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                while await self._reader.read(READ):
                    pass

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._writer.wait_closed()

    def abort(self) -> None:
        self._writer.transport.abort()
