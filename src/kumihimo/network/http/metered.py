"""Counts answers by tenant, kind and caller through a port: each once its head is out, its bytes as they go (ASGI)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kumihimo.base.call import Actor
from kumihimo.base.ports import Measure, Meter

NOT_COUNTED: Final = frozenset({401, 403, 429})
"""Who was turned away used nothing; what the platform failed at (5xx) is not counted either."""


class Metered:
    """ASGI middleware. whose gives the tenant of a request ("" for none), kind what is counted (None for its bytes
    alone), who the caller, asked once the answer begins: then it is known whoever found out.
    """

    def __init__(
        self,
        app: ASGIApp,
        meter: Meter,
        *,
        whose: Callable[[Scope], str],
        kind: Callable[[Scope], Measure | None],
        who: Callable[[Scope], Actor],
    ) -> None:
        self._app = app
        self._meter = meter
        self._whose = whose
        self._kind = kind
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = self._whose(scope) if scope["type"] in ("http", "websocket") else ""
        if not tenant:
            await self._app(scope, receive, send)
            return
        actor: Actor | None = None

        async def count(message: Message) -> None:
            nonlocal actor
            await send(message)
            if _begins(message):
                actor = self._who(scope)
                if (kind := self._kind(scope)) is not None:
                    self._meter.count(tenant, kind, actor)
            elif actor is not None and (size := _size(message)):
                self._meter.count(tenant, "bytes", actor, size)

        await self._app(scope, receive, count)


def _begins(message: Message) -> bool:
    """Whether with this an answer begins that counts."""
    if message["type"] == "http.response.start":
        status: int = message["status"]
        return status < 500 and status not in NOT_COUNTED
    return bool(message["type"] == "websocket.accept")


def _size(message: Message) -> int:
    """Bytes of the answer's body, or of what is sent over a WebSocket."""
    if message["type"] == "http.response.body":
        return len(message.get("body", b""))
    if message["type"] == "websocket.send":
        text = message.get("text")
        return len(message.get("bytes") or b"") if text is None else len(text.encode())
    return 0
