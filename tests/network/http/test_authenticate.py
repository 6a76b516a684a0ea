"""The middleware that finds out who calls: credentials, open paths, other sites, and what is cut when a log-in ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kumihimo.base.call import NOBODY, Actor, Caller
from kumihimo.base.errors import StorageRefused, Unauthenticated
from kumihimo.base.ports import Credentials, OpenPath
from kumihimo.network.http.authenticate import PROBES, Authenticated, Published
from kumihimo.network.http.leash import Leashes

SATO = Caller(Actor("person", "p-1"), None, "l-1", "佐藤")
PROGRAM = Caller(Actor("application", "a-1"), frozenset(("ngsi-ld:read",)), "t-1")
OPEN = (*PROBES, OpenPath(("GET", "POST"), "/login"), OpenPath(("POST",), "/token", proves_itself=True))
HOST = (b"host", b"town.example")


class Door:
    """The middleware with ways that know one cookie and one token, and an application that tells who called."""

    def __init__(self, *, open_house: bool = False, behind_tls: bool = False) -> None:
        self.leashes = Leashes(self._is_live, 0.01)
        self.live = {"l-1", "t-1"}
        self.asked: list[Credentials] = []
        self.called: list[Caller] = []
        self.away = False
        self.stream: asyncio.Event | None = None
        self.published: set[str] = set()
        self.app = Authenticated(
            self._answer,
            [self._cookie, self._token],
            OPEN,
            self.leashes,
            published=Published((OpenPath(("GET",), "/[a-z]+/data"),), self._shows),
            open_house=open_house,
            behind_tls=behind_tls,
        )

    async def _shows(self, scope: Any) -> bool:
        return scope["path"].split("/")[1] in self.published

    async def _is_live(self, login: str) -> bool:
        return login in self.live

    async def _cookie(self, credentials: Credentials) -> Caller | None:
        self.asked.append(credentials)
        if self.away:
            raise StorageRefused("the store is away")
        if "k=" not in credentials.cookie:
            return None
        if "k=good" in credentials.cookie:
            return SATO
        raise Unauthenticated("over")

    async def _token(self, credentials: Credentials) -> Caller | None:
        kind, _, token = credentials.authorization.partition(" ")
        if kind != "Bearer":
            return None
        if token == "good":
            return PROGRAM
        raise Unauthenticated("no such token")

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.called.append(scope["state"]["caller"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        kind = b"text/event-stream" if self.stream else b"text/plain"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if self.stream is None:
            await send({"type": "http.response.body", "body": b"in"})
            return
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        self.stream.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.body", "body": b"too late", "more_body": True})

    async def ask(
        self, method: str, path: str, *fields: tuple[str, str], receive: Any = None, **more: Any
    ) -> tuple[int, dict[str, str], str]:
        sent: list[Any] = []

        async def ended() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [HOST, *((name.encode(), value.encode("latin-1")) for name, value in fields)]
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "scheme": "http", **more}
        await self.app({**scope, "headers": headers, "client": ("192.0.2.9", 5)}, receive or ended, send)
        found = {name.decode(): value.decode() for name, value in sent[0].get("headers", ())}
        return sent[0]["status"], found, b"".join(one.get("body", b"") for one in sent[1:]).decode()


COOKIE, DEAD, TOKEN, HTML = (
    ("cookie", "k=good"),
    ("cookie", "k=old"),
    ("authorization", "Bearer good"),
    ("accept", "text/html,*/*"),
)
OURS = ("sec-fetch-site", "same-origin")


async def test_who_shows_a_good_credential_is_known() -> None:
    door = Door()
    for field, caller in ((COOKIE, SATO), (TOKEN, PROGRAM)):
        assert (await door.ask("GET", "/x", field))[0] == 200
        assert door.called[-1] == caller
    assert door.asked[0].address == "192.0.2.9"


async def test_a_stranger_gets_open_paths_and_else_the_way_to_log_in() -> None:
    door = Door()
    for method, path in (("GET", "/healthz"), ("HEAD", "/readyz"), ("GET", "/login"), ("POST", "/token")):
        assert (await door.ask(method, path))[0] == 200, path
        assert door.called[-1] == NOBODY
    for method, path in (
        ("GET", "/"),
        ("POST", "/healthz"),
        ("GET", "/token"),
        ("GET", "/healthz/"),
        ("GET", "/healthz\n"),
        ("GET", "/metrics"),
        ("DELETE", "/login"),
    ):
        status, headers, body = await door.ask(method, path)
        assert (status, headers["www-authenticate"]) == (401, "Bearer"), path
        assert '"Log-in needed"' in body
    assert len(door.called) == 4


async def test_a_stranger_passes_where_something_is_published_and_nowhere_else() -> None:
    door = Door()
    door.published.add("town")
    for fields in ((), (DEAD,), (HTML,)):
        status, headers, _ = await door.ask("GET", "/town/data", *fields)
        assert (status, headers["cache-control"]) == (200, "no-cache")
        assert {"Authorization", "Cookie", "NGSILD-Tenant"} <= set(headers["vary"].split(", "))
        assert door.called.pop() == NOBODY
    status, headers, _ = await door.ask("GET", "/town/data", COOKIE)
    assert (headers["cache-control"], door.called.pop()) == ("private, no-cache", SATO)
    assert "Cookie" in headers["vary"]
    assert "vary" not in (await door.ask("GET", "/town/data", TOKEN))[1]
    assert door.called.pop() == PROGRAM
    for method, path in (("POST", "/town/data"), ("GET", "/town/other"), ("GET", "/other/data"), ("PUT", "/town/data")):
        answer = await door.ask(method, path)
        assert answer == await door.ask(method, path.replace("town", "none").replace("other/d", "none/d")), path
        assert answer[0] == 401
    assert (await door.ask("GET", "/town/data", ("authorization", "Bearer bad")))[0] == 401
    assert (await door.ask("GET", "/other/data", DEAD))[0] == 401
    assert door.called == []


@pytest.mark.parametrize(
    ("path", "query", "to"),
    [
        ("/t/a/flood", b"", "%2Ft%2Fa%2Fflood"),
        ("/t/a", b"q=1&x=%0d%0a", "%2Ft%2Fa%3Fq%3D1%26x%3D%250d%250a"),
        ("/t/川\r\nset-cookie: a=b", b"", "%2Ft%2F%25E5%25B7%259D%250D%250Aset-cookie%253A%2520a%253Db"),
        ("/" + "x" * 3000, b"", "%2F"),
    ],
)
async def test_a_browser_is_sent_to_log_in_and_back(path: str, query: bytes, to: str) -> None:
    status, headers, _ = await Door().ask("GET", path, HTML, query_string=query)
    assert (status, headers["location"], headers["cache-control"]) == (303, f"/login?next={to}", "no-store")
    assert (await Door().ask("POST", path, HTML))[0] == 401


async def test_a_bad_credential_is_refused_but_an_old_cookie_does_not_bar_the_log_in_page() -> None:
    door = Door()
    assert (await door.ask("GET", "/login", DEAD))[0] == 200
    assert (await door.ask("GET", "/x", DEAD))[0] == 401
    assert (await door.ask("GET", "/x", DEAD, HTML))[0] == 303
    for value in ("Bearer bad", "Basic YTpi", "", "Bearer"):
        status, headers, _ = await door.ask("GET", "/x", ("authorization", value), HTML)
        assert status in (401, 303), value
        assert status == 303 or headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert (await door.ask("GET", "/login", ("authorization", "Bearer bad")))[0] == 401
    assert (await door.ask("POST", "/token", ("authorization", "Basic YTpi")))[0] == 200
    assert door.called == [NOBODY, NOBODY]


async def test_two_credentials_in_one_request_are_not_mixed() -> None:
    door = Door()
    assert (await door.ask("GET", "/x", TOKEN, ("authorization", "Bearer bad")))[0] == 401
    assert (await door.ask("GET", "/x", COOKIE, ("authorization", "Bearer bad")))[0] == 401
    assert (await door.ask("GET", "/x", COOKIE, ("authorization", "")))[0] == 401
    assert (await door.ask("POST", "/x", COOKIE, TOKEN))[0] == 200
    assert door.called == [PROGRAM]
    assert (await door.ask("GET", "/x", ("cookie", "a=b"), COOKIE))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
async def test_a_cookie_alone_changes_nothing(method: str) -> None:
    door = Door()
    cross: list[tuple[tuple[str, str], ...]] = [
        (),
        (("sec-fetch-site", "cross-site"),),
        (("sec-fetch-site", "same-site"),),
        (("sec-fetch-site", "none"),),
        (("origin", "https://evil.example"),),
        (("origin", "null"),),
        (("origin", "https://town.example.evil.example"),),
        (("sec-fetch-site", "cross-site"), ("origin", "http://town.example")),
    ]
    for fields in cross:
        assert (await door.ask(method, "/ngsi-ld/v1/entities", COOKIE, *fields))[0] == 403, fields
    assert door.called == []
    assert (await door.ask(method, "/x", COOKIE, OURS))[0] == 200
    assert (await door.ask(method, "/x", COOKIE, ("origin", "http://town.example")))[0] == 200
    assert (await door.ask(method, "/x", TOKEN))[0] == 200
    assert (await door.ask("GET", "/x", COOKIE, ("sec-fetch-site", "cross-site")))[0] == 200


async def test_an_open_house_is_as_it_was_but_knows_who_logs_in() -> None:
    door = Door(open_house=True)
    for fields in ((), (DEAD,), (("authorization", "Basic YTpi"),)):
        assert (await door.ask("POST", "/x", *fields))[0] == 200
        assert door.called[-1] == NOBODY
    assert (await door.ask("GET", "/x", COOKIE))[0] == 200
    assert door.called[-1] == SATO
    assert (await door.ask("POST", "/x", COOKIE, ("sec-fetch-site", "cross-site")))[0] == 403
    assert (await door.ask("GET", "/x", ("authorization", "Bearer bad")))[0] == 401


async def test_a_store_that_is_away_lets_nobody_in_and_still_answers_probes() -> None:
    door = Door()
    door.away = True
    assert (await door.ask("GET", "/x", COOKIE))[0] == 503
    assert (await door.ask("GET", "/readyz", COOKIE))[0] == 200


async def test_a_certificate_and_tls_reach_who_judges_them() -> None:
    door = Door()
    await door.ask("GET", "/x", COOKIE, scheme="https", extensions={"tls": {"client_cert_der": b"der"}})
    assert (door.asked[0].certificate, door.asked[0].secure) == (b"der", True)
    await door.ask("GET", "/x", COOKIE, extensions={"tls": None})
    assert (door.asked[1].certificate, door.asked[1].secure) == (b"", False)
    behind = Door(behind_tls=True)
    await behind.ask("GET", "/x", COOKIE)
    assert behind.asked[0].secure


async def converse(
    door: Door, *fields: tuple[str, str], cut: bool = False, path: str = "/feeds", gone: bool = False
) -> list[Any]:
    """What a WebSocket's client is told, that goes away at once where gone says so."""
    sent: list[Any] = []
    opened = asyncio.Event()

    async def receive() -> Any:
        if not gone:
            await asyncio.Event().wait()
        return {"type": "websocket.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        opened.set()

    headers = [HOST, *((name.encode(), value.encode()) for name, value in fields)]
    scope = {"type": "websocket", "path": path, "query_string": b"", "scheme": "ws", "headers": headers}
    task = asyncio.create_task(door.app({**scope, "extensions": {"websocket.http.response": {}}}, receive, send))
    await opened.wait()
    if cut:
        door.leashes.cut("l-1")
    async with asyncio.timeout(5):
        await task
    return sent


async def test_a_websocket_needs_a_credential_and_with_a_cookie_our_own_page() -> None:
    door = Door()
    for fields, status in (
        ((), 401),
        ((DEAD,), 401),
        ((COOKIE,), 403),
        ((COOKIE, ("origin", "https://evil.example")), 403),
        ((COOKIE, OURS), 403),
    ):
        assert (await converse(door, *fields))[0]["status"] == status, fields
    assert door.called == []


async def test_a_strangers_websocket_is_opened_where_something_is_published() -> None:
    door = Door()
    door.published.add("town")
    assert (await converse(door, path="/town/data", gone=True))[0]["type"] == "websocket.accept"
    assert door.called == [NOBODY]
    for path in ("/none/data", "/town/other", "/healthz", "/login"):
        assert (await converse(door, path=path))[0]["status"] == 401, path
    assert (await converse(door, COOKIE, path="/town/data"))[0]["status"] == 403


async def test_a_websocket_ends_with_its_log_in() -> None:
    door = Door()
    said = await converse(door, COOKIE, ("origin", "http://town.example"), cut=True)
    assert [one["type"] for one in said] == ["websocket.accept", "websocket.close"]
    assert said[-1]["code"] == 1008


@pytest.mark.parametrize("by", ["cut", "elsewhere"])
async def test_a_stream_ends_with_its_log_in_and_says_nothing_more(by: str) -> None:
    door = Door()
    door.stream = asyncio.Event()
    taken = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        message = next(taken, None)
        if message is None:
            await asyncio.Event().wait()
        return message

    task = asyncio.create_task(door.ask("GET", "/live", COOKIE, receive=receive))
    await door.stream.wait()
    if by == "cut":
        door.leashes.cut("l-1")
    else:
        door.live.clear()
    async with asyncio.timeout(5):
        assert (await task)[2] == "first"
    assert door.leashes._open == {}


async def test_the_answer_by_which_a_log_in_ends_is_still_given() -> None:
    door = Door()

    async def log_out(scope: Any, receive: Any, send: Any) -> None:
        door.leashes.cut(scope["state"]["caller"].login)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"out"})

    door.app._app = log_out
    assert (await door.ask("POST", "/logout", COOKIE, OURS))[2] == "out"
