"""The pages in both languages, who may see them, and the tables that they give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden
from kumihimo.platform.metering.door import Metering
from kumihimo.platform.metering.models import Plan
from kumihimo.platform.metering.screens import PACKAGE, usage_screens
from kumihimo.platform.metering.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words

APP = Actor("application", "a-42")
Get = Callable[..., Awaitable[tuple[int, bytes]]]


@pytest.fixture
async def metering(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Metering:
    fake_clock.set(datetime(2026, 6, 15, 3, tzinfo=UTC))
    database = await database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("fukui", "sabae", "closed"):
        await database.add_tenant(tenant)
    return Metering(database, fake_clock)


@pytest.fixture
def get(metering: Metering) -> Get:
    async def allow(call: Call) -> None:
        if call.tenant == "closed":
            raise Forbidden("no")

    async def allow_all(call: Call) -> None:
        if call.tenant != "fukui":
            raise Forbidden("no")

    live: Any = None
    words = load_words([OWN_PACKAGE, PACKAGE])
    screens = usage_screens(metering, allow, allow_all)
    console = Console(screens, words, tenants=metering._database.tenants, live=live)
    app = Starlette(routes=console.routes())

    async def ask(path: str, query: str = "", lang: str = "en") -> tuple[int, bytes]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": path, "scheme": "http",
            "server": ("localhost", 80), "query_string": query.encode(),
            "headers": [(b"host", b"localhost"), (b"accept-language", lang.encode())],
        }  # fmt: skip
        await app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])

    return ask


async def test_an_empty_month_says_so(get: Get) -> None:
    status, page = await get("/t/fukui/usage")
    assert status == 200
    assert "Nothing was used in this month so far." in page.decode()
    assert "この月の利用はまだありません" in (await get("/t/fukui/usage", lang="ja"))[1].decode()
    assert "month is not over" in page.decode()
    assert "Month before" not in page.decode()


async def test_the_page_shows_a_month_by_service_and_day(metering: Metering, get: Get, fake_clock: FakeClock) -> None:
    metering.counters.count("fukui", "read", APP, 1234)
    metering.counters.count("fukui", "screen", Actor("person", "p-hanako"))
    metering.counters.count("sabae", "read", Actor("application", "a-of-sabae"))
    fake_clock.advance(24 * 3600)
    metering.counters.tick()
    metering.counters.count("fukui", "readings", Actor("device", "g1"), 56)
    text = (await get("/t/fukui/usage"))[1].decode()
    for wanted in ("1,234", "application:a-42", "Persons", "Devices", "2026-06-15", "2026-06-16", ">56<"):
        assert wanted in text
    assert '<rect width="80.0"' in text, "the day with most calls has the longest bar"
    for unwanted in ("p-hanako", "g1", "a-of-sabae"):
        assert unwanted not in text
    fake_clock.advance(30 * 24 * 3600)
    later = (await get("/t/fukui/usage"))[1].decode()
    assert "2026-07" in later
    assert "month=2026-06" in later
    june = (await get("/t/fukui/usage", "month=2026-06"))[1].decode()
    assert "not over" not in june
    assert "month=2026-07" in june


async def test_the_split_says_how_to_set_a_cost_and_adds_up(metering: Metering, get: Get) -> None:
    assert "kumihimo usage plan --cost" in (await get("/t/fukui/usage/split"))[1].decode()
    await metering.plan(Plan("2026-01", 1_000_001, {"calls": 5_000, "evenly": 5_000}))
    metering.counters.count("fukui", "read", APP, 2)
    metering.counters.count("sabae", "read", APP, 1)
    text = (await get("/t/fukui/usage/split", lang="ja"))[1].decode()
    for wanted in ("1,000,001", "均等割", "API 呼び出し", "暫定", "使用量 2"):
        assert wanted in text
    table = (await get("/t/fukui/usage/split", "csv=utf-8", "ja"))[1]
    assert table.startswith(b"\xef\xbb\xbf")
    assert table.decode("utf-8-sig").splitlines()[-1].endswith(",1000001")
    usage = (await get("/t/fukui/usage", "csv=cp932", "ja"))[1].decode("cp932")
    assert "application:a-42" in usage
    assert "sabae" not in usage


async def test_who_may_not_see_it_is_refused(get: Get) -> None:
    for query in ("", "csv=utf-8"):
        assert (await get("/t/closed/usage", query))[0] == 403
        assert (await get("/t/sabae/usage/split", query))[0] == 403
        assert (await get("/t/sabae/usage", query))[0] == 200
    assert "/t/fukui/usage/split" in (await get("/t/fukui/usage"))[1].decode()
    assert "/usage/split" not in (await get("/t/sabae/usage"))[1].decode(), "nobody is led to a page that refuses them"


async def test_a_wrong_month_or_encoding_is_told(get: Get) -> None:
    for query in ("month=2026-13", "month=x", "csv=utf-16"):
        assert (await get("/t/fukui/usage", query))[0] == 400
