"""Answers to what is refused before an application sees it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Send

from kumihimo.base import jsontext
from kumihimo.base.errors import KUMIHIMO_ERRORS, InvalidRequest, Overloaded, PayloadTooLarge, Problem

_KNOWN: dict[int, type[Problem]] = {400: InvalidRequest, 413: PayloadTooLarge, 503: Overloaded}
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
    body = jsontext.dumps(_document(refusal))
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if refusal.retry_after:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if receive is not None:
        await _linger(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def message(refusal: Refusal) -> bytes:
    """The whole answer as it goes over the wire, for what no application will ever see."""
    body = jsontext.dumps(_document(refusal))
    phrase = HTTPStatus(refusal.status).phrase
    head = (
        f"HTTP/1.1 {refusal.status} {phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


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
