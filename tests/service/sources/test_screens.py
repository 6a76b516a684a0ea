"""The sources page in both languages, and who may see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.service.sources import store
from kumihimo.service.sources.door import Sources
from kumihimo.service.sources.models import Content, Reading, Source
from kumihimo.service.sources.screens import PACKAGE, source_screens
from kumihimo.service.sources.store import SCHEMA

INBOX = Source("inbox", "folder", "/srv/<b>受信", 600, Reading("T"))
Get = Callable[[str, str], Awaitable[tuple[int, str]]]


@pytest.fixture
async def sources(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Sources:
    database = await database_factory([SCHEMA])
    for tenant in ("a", "b"):
        await database.add_tenant(tenant)
    taker: Any = None
    return Sources(database, fake_clock, taker)


@pytest.fixture
def get(sources: Sources) -> Get:
    async def allow(call: Call) -> None:
        if call.tenant != "a":
            raise Forbidden("no")

    live: Any = None
    words = load_words([OWN_PACKAGE, PACKAGE])
    console = Console(source_screens(sources, allow), words, tenants=sources._database.tenants, live=live)
    app = Starlette(routes=console.routes())

    async def ask(tenant: str, lang: str) -> tuple[int, str]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": f"/t/{tenant}/sources", "scheme": "http",
            "server": ("localhost", 80), "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"accept-language", lang.encode())],
        }  # fmt: skip
        await app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode()

    return ask


async def test_an_empty_page_says_how_to_begin(get: Get) -> None:
    status, text = await get("a", "en")
    assert status == 200
    assert "kumihimo source add inbox --tenant a --folder /srv/inbox" in text
    assert "取込元はまだ登録されていません" in (await get("a", "ja"))[1]
    assert (await get("b", "en"))[0] == 403


async def test_the_page_shows_how_sources_fared(sources: Sources, get: Get) -> None:
    await sources.add("a", INBOX)
    await sources.add("a", replace(INBOX, name="web", kind="url", place="https://data.example.jp/a.csv", every=90))
    _, text = await get("a", "en")
    for wanted in (
        "/srv/&lt;b&gt;受信",
        "Not looked at yet",
        "Never",
        ">10<",
        ">1.5<",
        "https://data.example.jp/a.csv",
    ):
        assert wanted in text

    async def fared(tx: Any) -> None:
        held = await store.source_tx(tx, "web")
        assert held is not None
        reasons = ("line 4: 'x' is no date and time", "urn:x:1: a store's own words", "24.csv: no header")
        fared = replace(held, outcome="failed", detail="it answered 404", taken=1234, refused=56, reasons=reasons)
        await store.put_tx(tx, fared)
        for number in range(25):
            await store.put_content_tx(tx, "inbox", Content(f"{number}.csv", "1", "aside", "no header"))

    await sources._database.write("a", fared)
    _, text = await get("a", "ja")
    for wanted in ("失敗(後で再試行)", "応答は 404 でした。", ">1234<", ">56<", "no header", "ほか 5 件", "除けたもの"):
        assert wanted in text
    assert '<li lang="ja">4 行目: &#39;x&#39; は日時として読めません。</li>' in text
    assert '<li lang="en">urn:x:1: a store&#39;s own words</li>' in text
    assert "line 4" not in text
    english = (await get("a", "en"))[1]
    assert "line 4: &#39;x&#39; is no date and time" in english
    assert "it answered 404" in english
