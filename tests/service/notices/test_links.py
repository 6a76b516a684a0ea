"""The addresses in mails: a look changes nothing, the button and a mail program's one click do (RFC 8058)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.contracts.test_notices import Town
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.screens import Page
from kumihimo.service.notices.api import MAX_BODY, link_routes
from kumihimo.service.notices.store import PLATFORM_SCHEMA, SCHEMA


@pytest.fixture
async def town(database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> Town:
    database = await database_factory([SCHEMA, PLATFORM_SCHEMA])
    await database.add_tenant("town")
    return Town(database, fake_clock, tmp_path)


async def ask(town: Town, method: str, path: str, body: bytes = b"") -> tuple[int, str, dict[str, str]]:
    """Status, body and headers; the body names the page's data."""

    async def show(_: Request, page: Page) -> Response:
        return JSONResponse(dict(page.data), page.status)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    app = Starlette(routes=link_routes(town.notices, show, lambda tenant, _: tenant))
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "scheme": "https",
        "server": ("data.example.jp", 443),
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
    }
    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], sent[1]["body"].decode(), headers


async def test_a_look_changes_nothing_and_one_click_does(town: Town) -> None:
    await town.notices.set_email("town", "p1", "p1@example.jp", "ja")
    await town.send()
    confirm = f"/notices/v1/town/confirm/{town.token('confirm')}"
    stop = f"/notices/v1/town/stop/{town.token('stop')}"
    assert (await ask(town, "GET", confirm))[0] == 200
    one = await town.notices.mine("town", "p1")
    assert one is not None
    assert one.confirmed_at == 0, "programs that check mails follow links as well"
    assert (await ask(town, "POST", confirm))[:2] == (200, '{"what":"confirm","done":true,"town":"town"}')
    status, _, headers = await ask(town, "POST", stop, b"List-Unsubscribe=One-Click")
    assert (status, headers["referrer-policy"], headers["cache-control"]) == (200, "no-referrer", "no-store")
    one = await town.notices.mine("town", "p1")
    assert one is not None
    assert (one.email, one.confirmed_at) == ("", 0)


async def test_links_of_nobody_say_the_same_wherever(town: Town) -> None:
    told = {
        (await ask(town, method, f"/notices/v1/{tenant}/{what}/{token}"))[:2]
        for method in ("GET", "POST")
        for tenant in ("town", "nowhere")
        for what in ("confirm", "stop")
        for token in ("x", f"{'0' * 24}.{'a' * 43}")
    }
    assert told == {(404, '{"what":"gone","done":false,"town":""}')}
    assert (await ask(town, "POST", "/notices/v1/town/stop/x", b"x" * 5000))[0] == 404


async def test_a_form_with_more_bytes_than_a_click_sends_does_nothing(town: Town) -> None:
    await town.notices.set_email("town", "p1", "p1@example.jp", "ja")
    await town.send()
    stop = f"/notices/v1/town/stop/{town.token('stop')}"
    assert (await ask(town, "POST", stop, b"x" * (MAX_BODY + 1)))[0] == 404
    one = await town.notices.mine("town", "p1")
    assert one is not None
    assert one.email == "p1@example.jp"
    assert (await ask(town, "POST", stop, b"x" * MAX_BODY))[0] == 200
