"""Who calls: before anything is answered, the request's credential is judged; without one only open paths pass, and
where something is published the paths on which it stands.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kumihimo.base.call import NOBODY, Caller
from kumihimo.base.errors import Forbidden, Problem, Unauthenticated
from kumihimo.base.ports import Authenticate, Credentials, OpenPath
from kumihimo.base.problems import told
from kumihimo.network.http.leash import Leashes
from kumihimo.network.http.refuse import Refusal, deny

PROBES: Final = (OpenPath(("GET",), "/healthz"), OpenPath(("GET",), "/readyz"))
LOGIN: Final = "/login"
MAX_NEXT: Final = 2048
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_VARIES: Final = "Accept, Accept-Language, Authorization, Cookie, Link, NGSILD-Tenant, Prefer"
"""What an answer on a path that strangers may ask for can differ by; for caches in between."""


@dataclass(frozen=True, slots=True)
class Published:
    """Paths on which a stranger passes to the handlers, where `shows` says that there is anything for strangers.

    Where it says no, a stranger is answered as on every other path: not even that the tenant is there is told.
    """

    paths: Sequence[OpenPath] = ()
    shows: Callable[[Scope], Awaitable[bool]] | None = None


class Authenticated:
    """ASGI middleware: puts the Caller into scope["state"]["caller"], or refuses.

    ways are asked in their order. open_house: who shows no credential, or an old cookie, may pass everywhere.
    behind_tls: a proxy before the platform speaks TLS. Besides the caller, the state holds "secure" (it came over TLS)
    and "address" (where from).
    """

    def __init__(
        self,
        app: ASGIApp,
        ways: Sequence[Authenticate],
        open_paths: Sequence[OpenPath],
        leashes: Leashes,
        *,
        published: Published | None = None,
        open_house: bool = False,
        behind_tls: bool = False,
    ) -> None:
        self._published = _by_method(published.paths if published is not None else ())
        self._shows = published.shows if published is not None else None
        self._app = app
        self._ways = ways
        self._open = _by_method([one for one in open_paths if not one.proves_itself])
        self._own = _by_method([one for one in open_paths if one.proves_itself])
        self._leashes = leashes
        self._open_house = open_house
        self._behind_tls = behind_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        client = scope.get("client")
        state["address"] = str(client[0]) if client else ""
        state["secure"] = self._behind_tls or scope.get("scheme") in ("https", "wss")
        state["caller"] = NOBODY
        shown = _shown(scope)
        try:
            caller = state["caller"] = await self._caller(scope, shown)
        except Problem as problem:
            await self._refuse(problem, scope, receive, send)
            return
        # With an Authorization field no shared cache keeps the answer (RFC 9111 section 3.5).
        if not (self._open_house or shown.authorization) and _is_among(self._published, scope, sockets=True):
            send = _for_caches(send, is_strangers=caller is NOBODY)
        if caller.login:
            await self._leashes.hold(self._app, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _caller(self, scope: Scope, shown: _Shown) -> Caller:
        """Who may go on, NOBODY for a stranger on an open path. Unauthenticated, Forbidden, or the store is away."""
        # Most of an open house show nothing, and need not be looked at.
        if _is_among(self._own, scope) or (self._open_house and not shown.any):
            return NOBODY
        credentials = _credentials_of(scope, shown)
        try:
            caller = await self._known(credentials)
        except Problem:
            # A cookie of old, or the store is away, which is no reason not to say so on a page.
            if not credentials.authorization and (self._is_open(scope) or await self._is_published(scope)):
                return NOBODY
            raise
        if caller is None:
            if self._is_open(scope) or await self._is_published(scope):
                return NOBODY
            raise Unauthenticated("log-in is needed: there is nothing here for who is not logged in")
        if caller.actor.kind == "person" and not credentials.authorization:
            check_sent_by_us(scope)
        return caller

    def _is_open(self, scope: Scope) -> bool:
        return self._open_house or _is_among(self._open, scope)

    async def _is_published(self, scope: Scope) -> bool:
        return self._shows is not None and _is_among(self._published, scope, sockets=True) and await self._shows(scope)

    async def _known(self, credentials: Credentials) -> Caller | None:
        for way in self._ways:
            caller = await way(credentials)
            if caller is not None:
                return caller
        if credentials.authorization and not self._open_house:
            raise Unauthenticated("the credential in the Authorization field is none that is known here")
        return None

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            if "websocket.http.response" in scope.get("extensions", {}):
                await deny(Refusal(problem.status, problem.detail, problem.retry_after), send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": problem.detail[:120]})
            return
        await _refusal(problem, scope)(scope, receive, send)


def _by_method(paths: Sequence[OpenPath]) -> dict[str, re.Pattern[str]]:
    """One pattern for all open paths of a method; what may be got may be asked for its head."""
    found: dict[str, list[str]] = {}
    for one in paths:
        for method in {*one.methods, *(("HEAD",) if "GET" in one.methods else ())}:
            found.setdefault(method, []).append(f"(?:{one.path})")
    return {method: re.compile("|".join(each)) for method, each in found.items()}


def _is_among(paths: Mapping[str, re.Pattern[str]], scope: Scope, *, sockets: bool = False) -> bool:
    """Not a path more and not a method more: even an error page of what stands behind may tell something.

    sockets: a WebSocket is among them too, which is asked for with GET (RFC 6455 section 4.1).
    """
    method = scope["method"] if scope["type"] == "http" else "GET" if sockets else ""
    pattern = paths.get(method)
    return pattern is not None and pattern.fullmatch(scope["path"]) is not None


@dataclass(slots=True)
class _Shown:
    """The fields of a request by which somebody could show who they are, as they came."""

    authorization: list[bytes]
    cookies: list[bytes]
    certificate: bytes

    @property
    def any(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.authorization or self.cookies or self.certificate)


def _shown(scope: Scope) -> _Shown:
    authorization: list[bytes] = []
    cookies: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization.append(value)
        elif name == b"cookie":
            cookies.append(value)
    return _Shown(authorization, cookies, _certificate(scope))


def _for_caches(send: Send, *, is_strangers: bool) -> Send:
    """The answer to a cookie's holder is theirs alone; that to a stranger is to be asked for anew each time, as what is
    published may be taken back (RFC 9111 section 5.2.2). Neither stands in for the other.
    """
    kept = b"no-cache" if is_strangers else b"private, no-cache"

    async def said(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            given = message.get("headers", ())
            control = next((value for name, value in given if name.lower() == b"cache-control"), kept)
            if is_strangers and b"no-store" not in control:
                control = kept
            headers = [one for one in given if one[0].lower() not in (b"cache-control", b"vary")]
            headers += [(b"cache-control", control), (b"vary", _VARIES.encode())]
            message = {**message, "headers": headers}
        await send(message)

    return said


def _credentials_of(scope: Scope, shown: _Shown) -> Credentials:
    """What the request shows. Unauthenticated where the Authorization field came twice: one may be another's.

    With an Authorization field the cookie is not looked at, so that nothing passes by the one that the other forbids.
    """
    fields = shown.authorization
    if len(fields) > 1:
        raise Unauthenticated("the Authorization field came more than once")
    return Credentials(
        scope.get("method", "GET"),
        scope["path"],
        fields[0].decode("latin-1").strip() if fields else "",
        "" if fields else b"; ".join(shown.cookies).decode("latin-1"),
        shown.certificate,
        scope["state"]["address"],
        scope["state"]["secure"],
    )


def _certificate(scope: Scope) -> bytes:
    """The client's certificate where the listener put one into the scope."""
    tls = (scope.get("extensions") or {}).get("tls") or {}
    found = tls.get("client_cert_der") or b""
    return found if isinstance(found, bytes) else b""


def check_sent_by_us(scope: Scope) -> None:
    """Forbidden where a cookie is all that a changing request shows, unless the browser says that our page sent it.

    Sec-Fetch-Site (W3C Fetch Metadata) where the browser sends it, else Origin (RFC 6454) against Host. A WebSocket is
    opened by any page at all, so that it needs the same. OWASP's Cross-Site Request Forgery Prevention Cheat Sheet.
    """
    if scope["type"] == "http" and scope["method"] in _SAFE:
        return
    found = {name: value.decode("latin-1") for name, value in scope["headers"]}
    site = found.get(b"sec-fetch-site")
    if scope["type"] == "http" and site is not None:
        if site == "same-origin":
            return
        raise Forbidden("another site sent this request with your cookie (Sec-Fetch-Site)")
    origin = found.get(b"origin", "")
    if origin and urlsplit(origin).netloc == found.get(b"host"):
        return
    raise Forbidden("a cookie alone changes nothing: send the request from a page of this platform, or with a token")


def _refusal(problem: Problem, scope: Scope) -> Response:
    headers = {"cache-control": "no-store", "vary": "Accept, Authorization, Cookie"}
    if isinstance(problem, Unauthenticated):
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        shows = any(name == b"authorization" for name, _ in scope["headers"])
        if b"text/html" in accept and scope["method"] in ("GET", "HEAD") and not shows:
            return RedirectResponse(f"{LOGIN}?next={quote(_asked(scope), safe='')}", 303, headers)
        headers["www-authenticate"] = 'Bearer error="invalid_token"' if shows else "Bearer"
    headers["content-security-policy"] = "default-src 'none'; frame-ancestors 'none'"
    answer = told(problem)
    return Response(answer.body, answer.status, {**headers, **answer.headers})


def _asked(scope: Scope) -> str:
    """The address that was asked for, to come back to it."""
    path, query = quote(scope["path"]), scope["query_string"].decode("latin-1")
    whole = f"{path}?{query}" if query else path
    return whole if len(whole) <= MAX_NEXT else "/"
