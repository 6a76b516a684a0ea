"""The Unix socket in the data folder: where it lies, and the command line's side of it (decision 17).

What a command says waits for this module's imports each time, so they are few: no client that knows all of HTTP.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from httptools import HttpParserError, HttpResponseParser

from kumihimo.base.errors import InternalError, Problem
from kumihimo.base.jsontext import dumps, loads

SOCKET = "kumihimo.sock"
JAPANESE: Final = "ja"
"""The member of a refusal that says the detail in Japanese."""
LONGEST_PATH = 100
"""Bytes. Linux takes 108 for a socket's path; a longer data path gets no socket, and the log says so."""
LONGEST_WAIT: Final = 600.0
"""Seconds for one answer: an operation that takes longer is not known to be under way still."""
_PIECE: Final = 65_536


def socket_path(data: Path) -> Path:
    """Where the platform of this data folder listens for the command line."""
    return data.resolve() / SOCKET


def size_of(path: Path) -> int:
    """The path's length as the system counts it: a letter of Japanese is three bytes."""
    return len(os.fsencode(path))


class Remote(Problem):
    """A problem that the running platform answered with; it keeps the platform's words, in ja those in Japanese (""
    for none), and its status.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(str(document.get("detail", "the platform refused without a reason")))
        self.ja = str(document.get(JAPANESE, ""))
        self.told_status = int(document.get("status", Problem.status))


async def ask(data: Path, name: str, given: dict[str, Any]) -> Any:
    """Asks the running platform. ConnectionError where none runs on this data folder, where it goes away and where it
    does not answer; Remote where it refuses.
    """
    path = socket_path(data)
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as problem:
        raise ConnectionError(f"no platform is running on {data}") from problem
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            status, body = await _exchange(reader, writer, name, dumps(given))
    except TimeoutError as problem:
        raise ConnectionError(f"the platform did not answer within {LONGEST_WAIT:.0f} seconds") from problem
    finally:
        writer.close()
    if status >= 500 and not body:
        raise InternalError("the platform failed; see its log")
    found = loads(body)
    if status >= 400:
        raise Remote(found)
    return found


class _Answer:
    """What the parser found so far."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.is_whole = False

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.is_whole = True


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, body: bytes
) -> tuple[int, bytes]:
    """The status and the body of the answer (RFC 9112). ConnectionError where it breaks off."""
    answer = _Answer()
    parser = HttpResponseParser(answer)
    writer.write(f"POST /{name} HTTP/1.1\r\nHost: platform\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    try:
        with suppress(ConnectionError):  # it may have answered before it read all
            await writer.drain()
        while not answer.is_whole:
            piece = await reader.read(_PIECE)
            if not piece:
                raise ConnectionError("the platform went away before it answered")
            parser.feed_data(piece)
    except (OSError, HttpParserError) as problem:
        raise ConnectionError("the platform went away before it answered") from problem
    return parser.get_status_code(), bytes(answer.body)
