"""A client that calls the application directly, without a socket, and entities as clients write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from starlette.types import ASGIApp, Message

JSON = "application/json"
LD = "application/ld+json"
HERE = "https://platform.example"
TOWN = "https://example.org/town.jsonld"
TOWN_CONTEXT = {"@context": {"Gauge": "https://example.org/town#Gauge", "level": "https://example.org/town#level"}}
LINK = f'<{TOWN}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


@dataclass
class Reply:
    """An answer as it went out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    taken: int = 0

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        return ", ".join(found) if found else None

    @property
    def kind(self) -> str:
        """The problem's name."""
        assert self.header("content-type") == "application/problem+json", (self.status, self.body)
        assert self.json["status"] == self.status
        assert self.json["title"]
        assert self.json["detail"]
        return str(self.json["type"]).rpartition("/")[2]


@dataclass
class Client:
    """Calls an ASGI application."""

    app: ASGIApp
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | str = "",
        headers: Mapping[str, str] | None = None,
        media: str = JSON,
        chunks: Iterable[bytes] | None = None,
    ) -> Reply:
        """A request below /ngsi-ld/v1; body is JSON, or bytes as they are; chunks are sent one by one."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {**self.headers}
        if body is not None:
            sent |= {"content-type": media, "content-length": str(len(raw))}
        sent |= headers or {}
        text = query if isinstance(query, str) else urlencode(query, quote_via=quote)
        parts = iter(chunks if chunks is not None else [raw])
        reply = Reply(0, [], b"")

        async def receive() -> Message:
            part = next(parts, None)
            if part is None:
                return {"type": "http.request", "body": b"", "more_body": False}
            reply.taken += len(part)
            return {"type": "http.request", "body": part, "more_body": True}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = [(name.decode(), value.decode("latin-1")) for name, value in message["headers"]]
            else:
                reply.body += message.get("body", b"")

        whole = path if path.startswith("/ngsi-ld") else "/ngsi-ld/v1" + path
        scope = {
            "type": "http",
            "method": method,
            "path": whole,
            "raw_path": whole.encode(),
            "query_string": text.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        }
        await self.app(scope, receive, send)
        return reply

    def of(self, tenant: str) -> Client:
        """The same application, as another tenant."""
        return Client(self.app, {**self.headers, "ngsild-tenant": tenant})


def gauge(number: int | str = 1, level: float = 1.5, **more: Any) -> dict[str, Any]:
    """A river gauge as a client writes it."""
    return {
        "id": f"urn:ngsi-ld:Gauge:{number}",
        "type": "Gauge",
        "level": {"type": "Property", "value": level, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"},
        **more,
    }


def place(longitude: float, latitude: float) -> dict[str, Any]:
    """A location attribute."""
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}}
