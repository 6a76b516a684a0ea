"""Answers to what is refused before an application sees it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Send

from kumihimo.base import jsontext
from kumihimo.base.errors import (
    KUMIHIMO_ERRORS,
    InvalidRequest,
    Overloaded,
    PayloadTooLarge,
    Problem,
    TooManyRequests,
)

_KNOWN: dict[int, type[Problem]] = {
    400: InvalidRequest,
    413: PayloadTooLarge,
    429: TooManyRequests,
    503: Overloaded,
}
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status and a sentence; retry_after in seconds, 0 where trying again does not help."""

    status: int
    detail: str
    retry_after: int = 0


async def refuse(refusal: Refusal, send: Send, receive: Receive | None = None) -> None:
    """Sends the problem document and ends the connection.

    What the peer is still sending is thrown away for a moment: closing at once would reset the connection
    before the peer has read why (RFC 9112 section 9.6). Without `receive` there is no such moment left.
    """
    body, headers = _answer(refusal)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if receive is not None:
        await _linger(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def deny(refusal: Refusal, send: Send) -> None:
    """The same to a WebSocket's handshake (ASGI's WebSocket Denial Response)."""
    body, headers = _answer(refusal)
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def message(refusal: Refusal) -> bytes:
    """The whole answer as it goes over the wire, for what no application will ever see."""
    body, headers = _answer(refusal)
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}".encode("ascii")]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _answer(refusal: Refusal) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Body and headers; the connection ends with it."""
    body = jsontext.dumps(_document(refusal))
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if refusal.retry_after:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    return body, headers


def _document(refusal: Refusal) -> dict[str, Any]:
    """RFC 7807; of a type that the applications use too, where there is one for this status."""
    known = _KNOWN.get(refusal.status)
    if known is not None:
        return {**known(refusal.detail).document(), "status": refusal.status}
    phrase = HTTPStatus(refusal.status).phrase
    return {
        "type": KUMIHIMO_ERRORS + phrase.title().replace(" ", "").replace("-", ""),
        "title": phrase,
        "status": refusal.status,
        "detail": refusal.detail,
    }


async def _linger(receive: Receive) -> None:
    left = _LINGER_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
