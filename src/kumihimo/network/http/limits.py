"""What every request must keep before an application sees it: host, sizes, times, number (pure ASGI).

Everything refused here is a problem document (RFC 7807). The page policy (CSP) is the console's own matter.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kumihimo.base.ids import new_request_id
from kumihimo.network.http.body import BodyCrowded, BodyLimit, BodyTooLarge, BodyTooSlow, Held
from kumihimo.network.http.fairness import Fairness
from kumihimo.network.http.refuse import Refusal, deny, refuse

log = logging.getLogger(__name__)

ALWAYS_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}\Z")
_PORT = re.compile(r":\d{1,5}\Z")
_SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"private, no-cache"),
)
"""What every answer says, where it says nothing else of it. An answer is of the rights of who asked: no cache that is
shared gives it to another, and none at all without asking.
"""


_STRICT = (b"strict-transport-security", b"max-age=31536000")
"""Over TLS: come by TLS alone from now on (RFC 6797). Never for localhost, whose other ports it would close too."""


@dataclass(frozen=True, slots=True)
class LimitNumbers:
    """Sizes in bytes, times in seconds.

    max_requests counts requests being answered, max_streams open event streams, which no longer count as requests.
    max_held: bytes of all bodies under way.
    """

    max_url: int = 16 * 1024
    max_headers: int = 100
    max_header_bytes: int = 32 * 1024
    body_seconds: float = 30.0
    max_requests: int = 512
    max_streams: int = 1536
    max_held: int = 256 * 1024 * 1024


class Limits:
    """ASGI middleware that stands before everything.

    hosts are the Host header's names that are answered beside localhost ("*" answers all, for a Unix socket);
    paths in `always` are answered even when too much is under way (health, metrics). fairness says what each tenant and
    each client may take.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body: int = 8 * 1024 * 1024,
        hosts: Sequence[str] = (),
        *,
        numbers: LimitNumbers | None = None,
        fairness: Fairness | None = None,
        always: Sequence[str] = ("/healthz", "/readyz", "/metrics"),
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._numbers = numbers or LimitNumbers()
        self._fairness = fairness or Fairness(lambda _: "", self._numbers.max_requests)
        self._held = Held(max(self._numbers.max_held, max_body))
        self._always = frozenset(always)
        self._any_host = "*" in hosts
        self._hosts = frozenset(_bracketed(one.lower()) for one in (*ALWAYS_HOSTS, *hosts))
        self._counts: Counter[str] = Counter()
        self.in_flight = 0
        self.streams = 0

    def counters(self) -> dict[str, int]:
        """Numbers for /metrics: answers by class ("2xx"), refusals ("refused_413"), bytes taken, what is under way."""
        held = self._held.taken
        return {**self._counts, "in_flight": self.in_flight, "streams": self.streams, "held_bytes": held}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send)
            return
        exchange = _Exchange(self, scope, send, _request_id(scope))
        exchange.tenant = self._fairness.tenant(scope)
        refusal = self._refusal(scope, exchange.tenant)
        if refusal is not None:
            await self._refuse(exchange, refusal, receive)
            return
        self.in_flight += 1
        self._fairness.enter(exchange.tenant)
        try:
            await self._answer(exchange, scope, receive)
        finally:
            if exchange.streaming:
                self.streams -= 1
            else:
                self._ended(exchange)

    def _ended(self, exchange: _Exchange) -> None:
        """It is no request under way any more."""
        self.in_flight -= 1
        self._fairness.leave(exchange.tenant)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket counts as a stream from its first moment; a refused one is answered before it is one."""
        refusal = self._refusal(scope, self._fairness.tenant(scope))
        if refusal is not None:
            self._counts[f"refused_{refusal.status}"] += 1
            log.info("request refused", extra={"status": refusal.status, "request_id": _request_id(scope)})
            if "websocket.http.response" in scope.get("extensions", {}):
                await deny(refusal, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail[:120]})
            return
        scope.setdefault("state", {})["request_id"] = _request_id(scope)
        self.streams += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.streams -= 1

    async def _answer(self, exchange: _Exchange, scope: Scope, receive: Receive) -> None:
        body = BodyLimit(receive, self._max_body, self._numbers.body_seconds, self._held)
        exchange.body = body
        try:
            await self._app(scope, body.receive, exchange.send)
        except (BodyTooLarge, BodyTooSlow, BodyCrowded):
            if exchange.started:
                raise
        except asyncio.CancelledError:
            # The platform stops and its patience is over; the peer is told, and the log need not hold where it stood.
            if exchange.started:
                raise
            self._counts["refused_503"] += 1
            exchange.body = None
            await refuse(Refusal(503, "the platform is stopping; try again later", retry_after=10), exchange.send)
            return
        finally:
            self._counts["body_bytes"] += body.taken
            body.let_go()
        if (why := body.broken) is not None and not exchange.started:
            await self._refuse(exchange, Refusal(why.status, why.detail, why.retry_after), receive)

    async def _refuse(self, exchange: _Exchange, refusal: Refusal, receive: Receive) -> None:
        self._counts[f"refused_{refusal.status}"] += 1
        exchange.body = None
        log.info("request refused", extra={"status": refusal.status, "request_id": exchange.request_id})
        await refuse(refusal, exchange.send, receive)

    def _refusal(self, scope: Scope, tenant: str) -> Refusal | None:
        """Why this request goes no further, as far as its head tells."""
        numbers = self._numbers
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > numbers.max_url:
            return Refusal(414, f"the URL is longer than {numbers.max_url} bytes")
        if len(headers) > numbers.max_headers:
            return Refusal(431, f"there are more than {numbers.max_headers} header fields")
        if sum(len(name) + len(value) for name, value in headers) > numbers.max_header_bytes:
            return Refusal(431, f"the header fields are larger than {numbers.max_header_bytes} bytes")
        return self._host_refusal(headers) or self._length_refusal(headers) or self._load_refusal(scope, tenant)

    def _host_refusal(self, headers: Sequence[tuple[bytes, bytes]]) -> Refusal | None:
        """Against DNS rebinding: a page of another name that was pointed at this address is not answered."""
        given = [value for name, value in headers if name == b"host"]
        if self._any_host and len(given) <= 1:
            return None
        if len(given) != 1 or not given[0]:
            return Refusal(400, "exactly one Host header is needed")
        name = _PORT.sub("", given[0].decode("latin-1")).lower().rstrip(".")
        if name in self._hosts:
            return None
        return Refusal(421, f"the host {name[:200]!r} is not served here; add it to allowed_hosts")

    def _length_refusal(self, headers: Sequence[tuple[bytes, bytes]]) -> Refusal | None:
        for name, value in headers:
            if name != b"content-length":
                continue
            if not value.isdigit():
                return Refusal(400, "Content-Length is not a number")
            if len(value) > 18 or int(value) > self._max_body:
                return Refusal(413, f"the body has {value[:20].decode()} bytes; at most {self._max_body} are taken")
        return None

    def _load_refusal(self, scope: Scope, tenant: str) -> Refusal | None:
        if scope["path"] in self._always:
            return None
        if self.in_flight >= self._numbers.max_requests:
            return Refusal(503, "too many requests are under way; try again in a second", retry_after=1)
        if self.streams >= self._numbers.max_streams:
            return Refusal(503, "too many event streams are open; try again later", retry_after=10)
        return self._fairness.refusal(scope, tenant)

    def begun(self, exchange: _Exchange, message: Message) -> None:
        """Counts an answer whose head goes out; an event stream stops counting as a request."""
        self._counts[f"{message['status'] // 100}xx"] += 1
        if exchange.body is not None and dict(message["headers"]).get(b"content-type", b"").startswith(
            b"text/event-stream"
        ):
            exchange.streaming = True
            self._ended(exchange)
            self.streams += 1


class _Exchange:
    """One request's way out: adds headers to the answer, and drops an answer to a body that was cut off."""

    def __init__(self, limits: Limits, scope: Scope, send: Send, request_id: str) -> None:
        self._limits = limits
        self._send = send
        self.request_id = request_id
        self._is_secure = scope.get("scheme") == "https" and not _is_local(scope["headers"])
        self.body: BodyLimit | None = None
        self.tenant = ""
        self.started = False
        self.streaming = False
        scope.setdefault("state", {})["request_id"] = request_id

    async def send(self, message: Message) -> None:
        """As ASGI send."""
        if self.body is not None and self.body.broken is not None and not self.started:
            # Whatever the application made of the broken body, the caller gets the reason.
            return
        if message["type"] == "http.response.start":
            self.started = True
            message = {**message, "headers": self._headers(list(message.get("headers", ())))}
            self._limits.begun(self, message)
        await self._send(message)

    def _headers(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _ in headers}
        headers += [pair for pair in _SECURITY if pair[0] not in there]
        if self._is_secure and _STRICT[0] not in there:
            headers.append(_STRICT)
        if b"x-request-id" not in there:
            headers.append((b"x-request-id", self.request_id.encode()))
        return headers


def _is_local(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    host = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
    return _PORT.sub("", host).lower() in ALWAYS_HOSTS


def _bracketed(host: str) -> str:
    """An IPv6 address as it stands in a Host header (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _request_id(scope: Scope) -> str:
    """The caller's own request id where it is a plain one, else a fresh one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.match(value):
            return str(value.decode())
    return new_request_id()
