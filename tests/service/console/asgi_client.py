"""Speaks ASGI to an application in the same loop: no sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit


@dataclass
class Reply:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()


class Client:
    """`await client.get("/", {"accept-language": "en"})`; posts carry a same-origin header unless told otherwise."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.send("GET", url, headers or {})

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Reply:
        base = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        return await self.send("POST", url, base if headers is None else headers, urlencode(form).encode())

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        parts = urlsplit(url)
        raw = [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()]
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": unquote(parts.path),
            "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "", "headers": raw,
            "server": ("localhost", 80), "client": ("127.0.0.1", 9), "state": {},
        }  # fmt: skip
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        reply = Reply()

        async def receive() -> dict[str, Any]:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            if message["type"] == "http.response.body":
                reply.body += message.get("body", b"")

        await self.app(scope, receive, send)
        return reply
