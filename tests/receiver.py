"""An endpoint of an outside subscriber, for stories with a real platform: it notes what came, and answers as told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = Callable[[dict[str, Any]], int | None]
"""What is answered to a notification: a status, or None where the connection is cut without a word."""


@dataclass(frozen=True)
class Notification:
    """One arrival, doubles included."""

    path: str
    id: str
    entities: tuple[dict[str, Any], ...]
    """The entities that it tells of; a rule's notification, which has none, is itself the one thing here."""
    headers: dict[str, str] = field(repr=False)

    def values(self, name: str) -> Iterator[tuple[str, Any]]:
        """Each entity's id with the value of this attribute (key-values)."""
        return ((one["id"], one[name]) for one in self.entities)


class Receiver:
    """Listens on a free port; answers 200, or at a path what `answers` says there."""

    def __init__(self) -> None:
        self.arrived: list[Notification] = []
        self.answers: dict[str, Answer] = {}
        self.more_headers: dict[str, dict[str, str]] = {}
        """What is said beside the status, by path."""
        self.in_hand = 0
        """Requests that came whole and are not answered yet."""
        self.news = threading.Condition()
        self.server = _Server(("", 0), _handler(self))

    def address(self, path: str, host: int = 0) -> str:
        """The path's address; each number is another host, though one listener: all of 127/8 is this machine."""
        return f"http://127.0.{host // 250}.{host % 250 + 1}:{self.server.server_port}{path}"

    def at(self, path: str) -> list[Notification]:
        """What arrived at this path, in the order of its arrival."""
        with self.news:
            return [one for one in self.arrived if one.path == path]

    def until(self, found: Callable[[], object], what: str, patience: float = 60.0) -> None:
        """Returns once this is so; AssertionError where nothing at all arrived for so many seconds before it was."""
        seen, moved = -1, time.monotonic()
        with self.news:
            while not found():
                if len(self.arrived) != seen:
                    seen, moved = len(self.arrived), time.monotonic()
                assert time.monotonic() < moved + patience, f"{what}: nothing came any more, {seen} came before"
                self.news.wait(0.5)

    def take(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> int | None:
        """Notes a notification and says what is answered."""
        with self.news:
            self.arrived.append(Notification(path, body["id"], tuple(body.get("data", [body])), headers))
            self.in_hand += 1
            self.news.notify_all()
        answer = self.answers.get(path)
        return 200 if answer is None else answer(body)

    def done(self) -> None:
        """An answer went out, or could not."""
        with self.news:
            self.in_hand -= 1
            self.news.notify_all()

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A platform that was killed leaves broken connections; that is the story, not an error of the receiver."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(self.path, dict(self.headers), json.loads(raw))
            try:
                if status is None:
                    self.close_connection = True
                    # No lingering: the sender gets a reset and not an end.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    self.connection.close()
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                for name, value in receiver.more_headers.get(self.path, {}).items():
                    self.send_header(name, value)
                self.end_headers()
            finally:
                receiver.done()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library names it so
            """Says nothing."""

    return Handler
