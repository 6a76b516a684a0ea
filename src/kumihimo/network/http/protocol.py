"""One HTTP connection: uvicorn's, with limits on their number, on a request's head, and on who takes no answer."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kumihimo.network.http.refuse import Refusal, message
from kumihimo.network.tls import client_certificate

MAX_CONNECTIONS = 4096
"""Of one listener, idle ones too; so many have room beside the MQTT clients in the files that a process may open."""
MAX_HEAD = 64 * 1024
HEAD_SECONDS = 15.0
TAKING_SECONDS = 60.0
"""A peer that takes nothing of its answer for so long is cut off, or its answer would stay in memory."""


class GuardedProtocol(HttpToolsProtocol):
    """Ends a connection that is one too many (503), whose head does not end, too slow (408) or too large (431), or
    whose peer takes nothing of what it is sent.

    An application sees nothing of these, so its own limits cannot help.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._in_head = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._taking_timer: asyncio.TimerHandle | None = None
        self._certificate = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the loop hands in no other
        """A connection stands; its first head must follow in time."""
        super().connection_made(transport)
        self._certificate = client_certificate(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.write(message(Refusal(503, "too many connections are open; try again in a second", 1)))
            transport.close()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._stop_timer()
        self._stop_taking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or of a body."""
        if self._in_head:
            self._head_bytes += len(data)
        if self.parser is not None:
            super().data_received(data)
            if self.transport.get_protocol() is not self:
                # It became a WebSocket: the times of a head are not its.
                self._stop_timer()
                return
        if self._head_timer is None and self.timeout_keep_alive_task is None and self._is_idle():
            # uvicorn waits no more once it heard anything: an empty line, or more of a body that was answered early.
            self._await_head()
        if self._in_head and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self._end(431, f"the head of the request is larger than {MAX_HEAD} bytes")

    def pause_writing(self) -> None:
        """The peer takes less than it is sent."""
        super().pause_writing()
        self._await_taking(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self._stop_taking()
        super().resume_writing()

    def _await_taking(self, waiting: int) -> None:
        self._taking_timer = self.loop.call_later(TAKING_SECONDS, self._takes_nothing, waiting)

    def _takes_nothing(self, before: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting < before:
            self._await_taking(waiting)
        else:
            self._taking_timer = None
            self.transport.abort()

    def _stop_taking(self) -> None:
        if self._taking_timer is not None:
            self._taking_timer.cancel()
            self._taking_timer = None

    def on_message_begin(self) -> None:
        """The first bytes of a head came, perhaps right behind the request before it."""
        if self._head_timer is None:
            self._await_head()
        super().on_message_begin()
        if self._certificate:
            # As the TLS extension of ASGI places it; DER, for those who look a certificate up by its fingerprint.
            self.scope["extensions"] = {"tls": {"client_cert_der": self._certificate}}

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole; what follows on this connection is a new head."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_complete()
        if self._is_idle():
            # The end of a body that was answered early: from here on it is a connection that waits, as any other.
            self._stop_timer()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _is_idle(self) -> bool:
        """Whether no answer is under way."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._end(408, f"the head of the request did not end within {HEAD_SECONDS:g} seconds")

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._end(400, f"{msg.rstrip('.')}: what was sent is no HTTP/1.1 request")

    def _end(self, status: int, detail: str) -> None:
        idle = self._is_idle() and self._in_head
        in_body = not self._in_head and self.cycle is not None and not self.cycle.response_started
        if idle or in_body:
            # In the middle of another answer on this connection, words would become part of that answer.
            self.transport.write(message(Refusal(status, detail)))
        self.transport.close()
