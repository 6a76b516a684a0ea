"""Before and after a day, and files, as a reader gets them from the whole platform."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
from tests.app.kpi_house import HERE, KPI, THERE, give, opened, platform_of
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client

from kumihimo.app import notices
from kumihimo.app.http import doors_of
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, NonexistentTenant
from kumihimo.cli.operations.perform import perform
from kumihimo.service.kpi.measures import Measure, Target

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


async def test_the_sheet_of_a_measure_says_what_it_wants_and_how_it_stands(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = platform_of(tmp_path, clock, is_open=True)
    async with opened(platform, monkeypatch) as client:
        call = Call(HERE, Actor("person", "planner"))
        target = Target("t1", "fence", KPI.id, 150.0, "lower", date(2026, 12, 31), baseline=230.0)
        title, aim = {"ja": "電気柵の設置", "en": "Electric fences"}, {"ja": "=被害を減らす"}
        above = Measure("beasts", "policy", {"ja": "獣害の軽減"}, "農林課", date(2024, 4, 1))
        fence = Measure(
            "fence", "programme", title, "農林課", date(2025, 1, 1), "beasts", aim, state="running", budget=1_200_000,
            targets=(target,),
        )  # fmt: skip
        monkeypatch.setitem(notices.NAMES, HERE, {"ja": "試験町", "en": "Trial town"})
        for one in (above, fence):
            await platform.measures.put(call, one, revision=0)
        await platform.measures.note(call, "fence", "check", "-8㎡。柵の内側は減った")
        page = await client.get(f"/t/{HERE}/measures/fence", JA)
        assert f"/t/{HERE}/measures/fence/sheet.pdf" in page.text
        assert f"/t/{HERE}/kpi/{KPI.id}/effect?date=2025-01-01" in page.text
        table = (await client.get(f"/t/{HERE}/measures/fence/sheet.csv", JA)).body.decode("utf-8-sig")
        pdf = pypdfium2.PdfDocument((await client.get(f"/t/{HERE}/measures/fence/sheet.pdf", JA)).body)
        book = openpyxl.load_workbook(io.BytesIO((await client.get(f"/t/{HERE}/measures/fence/sheet.xlsx", EN)).body))
        assert (await client.get(f"/t/{HERE}/measures/none/sheet.pdf", EN)).status == 404
    rows = [row for row in csv.reader(io.StringIO(table)) if row]
    assert [row for row in rows if row[0] in ("自治体", "テナントID")] == [["自治体", "試験町"], ["テナントID", HERE]]
    about = {row[0].value: row[1].value for page in book for row in page.iter_rows(max_col=2)}
    assert (about["Town"], about["Tenant"]) == ("Trial town", HERE)
    assert [row[1] for row in rows if "被害を減らす" in row[-1]] == ["'=被害を減らす"]
    assert any(row[:1] == ["被害面積(試験) (㎡)"] and row[1:4] == ["-8", "-8", "-8"] for row in rows)
    assert any("'-8㎡。柵の内側は減った" in row for row in rows)
    text = "".join("".join(page.get_textpage().get_text_range().split()) for page in pdf)
    for words in (
        "評価シート:電気柵の設置",
        "獣害の軽減",
        "1,200,000",
        "2026-12-31",
        f"/t/{HERE}/kpi/{KPI.id}.2025-12",
    ):
        assert words in text, words
    assert [round(side) for side in pdf[0].get_size()] == [595, 842]
    targets = book.worksheets[0]
    assert (targets["B2"].value, targets["E2"].value.date()) == (230, date(2026, 12, 31))
