"""What is open under a log-in or a token goes on only as long as that stands: streams and WebSockets are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

LOOK_SECONDS: Final = 15.0
"""How often it is asked whether the log-in still stands, for those that end by their times or in another process."""
_POLICY: Final = 1008

IsLive = Callable[[str], Awaitable[bool]]


class Leashes:
    """Everything that is open under a log-in, by the log-in's id."""

    def __init__(self, is_live: IsLive, seconds: float = LOOK_SECONDS) -> None:
        self._is_live = is_live
        self._seconds = seconds
        self._open: dict[str, set[_Leash]] = {}

    def cut(self, login: str) -> None:
        """The log-in ended: what is open under it ends now."""
        for leash in self._open.get(login, ()):
            leash.end()

    async def hold(self, app: Callable[..., Awaitable[None]], scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application for a caller who came by a log-in or a token."""
        login = scope["state"]["caller"].login
        leash = _Leash(scope["type"], receive, send, self._lives(login), self._seconds)
        held = self._open.setdefault(login, set())
        held.add(leash)
        try:
            await app(scope, leash.receive, leash.send)
            await leash.close()
        finally:
            held.discard(leash)
            if not held:
                self._open.pop(login, None)

    def _lives(self, login: str) -> Callable[[], Awaitable[bool]]:
        async def lives() -> bool:
            return await self._is_live(login)

        return lives


class _Leash:
    """Stands between the application and its peer; once it is ended, the application is told that the peer left.

    Every request with a credential has one, so a plain answer must cost next to nothing here.
    """

    __slots__ = (
        "_bell",
        "_has_ended",
        "_is_closed",
        "_is_socket",
        "_is_stream",
        "_is_taken",
        "_lives",
        "_receive",
        "_seconds",
        "_send",
    )

    def __init__(
        self, kind: str, receive: Receive, send: Send, lives: Callable[[], Awaitable[bool]], seconds: float
    ) -> None:
        self._receive = receive
        self._send = send
        self._lives = lives
        self._seconds = seconds
        self._is_socket = self._is_taken = kind == "websocket"
        self._has_ended = self._is_stream = self._is_closed = False
        self._bell: asyncio.Event | None = None

    def end(self) -> None:
        """The log-in ended."""
        self._has_ended = True
        if self._bell is not None:
            self._bell.set()

    async def receive(self) -> Message:
        """As ASGI receive. A body is taken as it comes; what waits behind it for the peer to go is cut."""
        if self._is_taken:
            return await self._until_ended()
        message = await self._receive()
        self._is_taken = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def _until_ended(self) -> Message:
        bell = self._bell = self._bell or asyncio.Event()
        if self._has_ended:
            bell.set()
        waiting: asyncio.Future[Any] = asyncio.ensure_future(self._receive())
        ended: asyncio.Future[Any] = asyncio.ensure_future(bell.wait())
        try:
            while True:
                done, _ = await asyncio.wait(
                    (waiting, ended), timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
                )
                if waiting in done:
                    message: Message = waiting.result()
                    return message
                if ended in done or not await self._lives():
                    self.end()
                    return await self._gone()
        finally:
            waiting.cancel()
            ended.cancel()

    async def _gone(self) -> Message:
        if not self._is_socket:
            return {"type": "http.disconnect"}
        await self.send({"type": "websocket.close", "code": _POLICY, "reason": "the log-in ended"})
        return {"type": "websocket.disconnect", "code": _POLICY}

    def send(self, message: Message) -> Awaitable[None]:
        """As ASGI send. A stream says nothing more once the log-in ended; a plain answer still does."""
        if message["type"] == "http.response.start":
            self._is_stream = _is_event_stream(message)
        elif self._is_stream or self._is_socket:
            return self._send_on(message)
        return self._send(message)

    async def _send_on(self, message: Message) -> None:
        if self._has_ended and (self._is_closed or (self._is_stream and message.get("more_body", False))):
            return
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._is_closed = self._is_closed or is_last or message["type"] == "websocket.close"
        await self._send(message)

    async def close(self) -> None:
        """Ends a stream that was cut as a stream ends, so that its connection can go on."""
        if self._is_stream and self._has_ended and not self._is_closed:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})


def _is_event_stream(message: Message) -> bool:
    for name, value in message.get("headers", ()):
        if len(name) == 12 and name.lower() == b"content-type":  # most are told by their length
            return bool(value.startswith(b"text/event-stream"))
    return False
