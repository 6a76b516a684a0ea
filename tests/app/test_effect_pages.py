"""Before and after a day, and files, as a reader gets them from the whole platform."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
from tests.app.kpi_house import HERE, KPI, THERE, give, opened, platform_of
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client

from kumihimo.app.http import doors_of
from kumihimo.base.errors import BadRequestData, NonexistentTenant
from kumihimo.cli.operations.perform import perform

PAGE = f"/t/{HERE}/kpi/{KPI.id}/effect"
JA, EN = {"accept-language": "ja"}, {"accept-language": "en"}


@pytest.fixture
def clock(fake_clock: FakeClock) -> FakeClock:
    fake_clock.set(datetime(2026, 6, 1, tzinfo=UTC))
    return fake_clock


@pytest.fixture
async def client(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    async with opened(platform_of(tmp_path, clock, is_open=True), monkeypatch) as found:
        yield found


async def test_the_same_months_are_compared_where_nothing_is_said(client: Client) -> None:
    page = await client.get(PAGE + "?date=2025-01-01", EN)
    assert page.status == 200
    for words in ("are lower than those before", "-8 m²", "12 before, 12 after", "June with June", "Too few"):
        assert (words in page.text) is (words != "Too few"), words
    assert page.text.count("<circle") == 12
    assert page.text.count("<rect") == 12
    assert "need not come from the measure" in page.text
    assert "worked" not in page.text


async def test_seasons_are_compared_only_with_a_warning(client: Client) -> None:
    page = await client.get(PAGE + "?date=2025-07-01&basis=all", JA)
    assert "季節の違いだけかもしれません" in page.text
    assert "km-notice-warn" in page.text
    few = await client.get(PAGE + "?date=2025-11-01", JA)
    assert "データが足りません" in few.text
    assert "少なくともあと" in few.text


async def test_what_is_no_day_is_refused_with_words(client: Client) -> None:
    for asked in ("gestern", "0001-01-01", "9999-12-31", "2025-13-01"):
        page = await client.get(f"{PAGE}?date={asked}", EN)
        assert (page.status, "Write the day as 2025-04-01" in page.text) == (400, True), asked
    start = await client.get(PAGE, EN)
    assert (start.status, "<circle" in start.text, "Difference" in start.text) == (200, True, False)
    assert (await client.get(f"/t/{HERE}/kpi/no.such/effect", EN)).status == 404
    assert f'href="/t/{HERE}/kpi/{KPI.id}/effect"' in (await client.get(f"/t/{HERE}/kpi", EN)).text


async def test_files_hold_the_towns_figures(client: Client) -> None:
    found = await client.get(f"/t/{HERE}/kpi/export.csv", EN)
    rows = list(csv.reader(io.StringIO(found.body.decode("utf-8-sig"))))
    assert (found.headers["content-type"], len(rows)) == ("text/csv; charset=utf-8", 25)
    assert rows[1][:5] == ["Damaged area (test)", "2024-01", "2024-01-01 00:00:00", "110", "m²"]
    assert rows[1][8] == f"http://localhost/t/{HERE}/kpi/{KPI.id}.2024-01"
    book = openpyxl.load_workbook(io.BytesIO((await client.get(f"/t/{HERE}/kpi/export.xlsx", JA)).body))
    assert [one.value for one in book.worksheets[0][2]][1:4] == ["2024年1月", datetime(2024, 1, 1), 110]  # noqa: DTZ001
    pdf = pypdfium2.PdfDocument((await client.get(f"/t/{HERE}/kpi/export.pdf", JA)).body)
    assert "被害面積(試験)" in pdf[0].get_textpage().get_text_range()


async def test_who_may_not_read_the_readings_gets_an_empty_file(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = platform_of(tmp_path, clock, is_open=False)
    async with opened(platform, monkeypatch) as client:
        await give(platform, HERE, "officer", "officer")
        mine = await client.get(f"/t/{HERE}/kpi/export.csv", {"authorization": "as officer", **EN})
        other = await client.get(f"/t/{THERE}/kpi/export.csv", {"authorization": "as officer", **EN})
        nobody = await client.get(f"/t/{HERE}/kpi/export.csv", EN)
    assert (mine.status, mine.text.count("m²")) == (200, 24)
    assert (other.status, nobody.status) == (404, 401)
    assert "m²" not in other.text


async def test_the_command_line_writes_the_same_file(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = platform_of(tmp_path, clock, is_open=True)
    async with opened(platform, monkeypatch):
        doors = doors_of(platform)
        made = await perform(doors, "kpi-export", {"tenant": HERE, "form": "csv", "lang": "en"})
        assert made["file"][:4].encode() == b"77u/"
        for given, refusal in (
            ({"tenant": HERE, "form": "doc"}, BadRequestData),
            ({"tenant": HERE, "form": "csv", "lang": "xx"}, BadRequestData),
            ({"tenant": "nobody", "form": "csv"}, NonexistentTenant),
        ):
            with pytest.raises(refusal):
                await perform(doors, "kpi-export", given)
