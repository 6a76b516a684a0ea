"""Files of figures: what a spreadsheet and a printer get, read again by programs that are not ours."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

import openpyxl
import pypdfium2
import pytest

from kumihimo.base.errors import BadRequestData, InternalError
from kumihimo.service.kpi.effect import begins
from kumihimo.service.kpi.export import FONT_FILE, check_form
from kumihimo.service.kpi.models import Definition, Figure, Lineage
from kumihimo.service.kpi.sheet import Column, Part, Sheet, Town, as_csv, figures_sheet, words
from kumihimo.service.kpi.sheet_pdf import NO_GLYPH, as_pdf
from kumihimo.service.kpi.sheet_xlsx import as_xlsx

FONT = Path(__file__).parents[3] / "src/kumihimo/service/console/static/vendor" / FONT_FILE
DAY = begins(datetime(2026, 10, 1))  # noqa: DTZ001 - a day
TITLE = {"ja": "検知から通知までの秒数", "en": "Seconds from detection to notice"}
METHOD = {"ja": "月ごとの中央値。", "en": "The median of each month."}
KPI = Definition("a.seconds", TITLE, METHOD, {"ja": "秒", "en": "s"}, "T", ("a",))
READING = Lineage("urn:x:1", "https://x/a", "a", DAY, 1.0, "s", TITLE)
EVIL = {"ja": '=HYPERLINK("http://evil")', "en": '=HYPERLINK("http://evil")'}
NAME = {"ja": "白山市", "en": "Hakusan"}
FIGURES = [
    Figure(
        "a.seconds.1", "a.seconds", "1", {"ja": "2026年10月", "en": "2026-10"}, DAY, "known", -1234.5, (READING,) * 3
    ),
    Figure("a.seconds.2", "a.seconds", "2", EVIL, DAY, "not-reached", None, (), "", {"ja": "+1", "en": "+1"}),
]


def sheet(lang: str = "ja") -> Sheet:
    return figures_sheet(
        Town("hakusan", NAME[lang]), [(KPI, FIGURES)], "https://data.example", DAY + 3_600_000_000, lang
    )


def test_csv_is_read_by_excel_and_runs_nothing() -> None:
    body = as_csv(sheet())
    assert body.startswith(b"\xef\xbb\xbf")
    head, known, unknown = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert head[:4] == ["成果指標", "対象", "時点(日本時間)", "値"]
    assert known == [
        "検知から通知までの秒数", "2026年10月", "2026-10-01 00:00:00", "-1234.5", "秒", "算出済み", "3", "",
        "https://data.example/t/hakusan/kpi/a.seconds.1",
    ]  # fmt: skip
    assert unknown[1] == '\'=HYPERLINK("http://evil")'
    assert (unknown[3], unknown[7]) == ("", "'+1")


def test_a_workbook_has_numbers_days_and_a_heading_that_stays() -> None:
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(sheet(), DAY)))
    assert book.sheetnames == ["成果指標の値", "この表について"]
    page = book["成果指標の値"]
    assert page.freeze_panes == "A2"
    assert [page["C2"].value, page["D2"].value, page["G2"].value] == [datetime(2026, 10, 1), -1234.5, 3]  # noqa: DTZ001
    assert [page["D2"].data_type, page["C2"].is_date, page["D3"].value] == ["n", True, None]
    assert page["B3"].data_type == "s"
    assert page["B3"].value.startswith("'=")
    about = [(row[0].value, row[1].value) for row in book["この表について"].iter_rows(min_row=2)]
    assert about[:2] == [("自治体", "白山市"), ("テナントID", "hakusan")]
    assert about[2][0] == "作成(日本時間)"
    assert book.properties.title == "成果指標一覧"


def test_a_town_without_another_name_is_named_once() -> None:
    assert Town("ourtown", "ourtown").facts(words("en")) == (("Town", "ourtown"),)


def test_names_of_pages_that_excel_refuses_are_made_fit() -> None:
    part = Part("a/b:" + "長" * 40, (Column("x"),), (("y",),))
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(Sheet("t", "en", "", (), (part, part)), DAY)))
    assert book.sheetnames == ["a b " + "長" * 27, "a b " + "長" * 23 + " 2", "About"]


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_printed_page_is_found_again_as_text(lang: str) -> None:
    body = as_pdf(sheet(lang), FONT, DAY)
    pdf = pypdfium2.PdfDocument(body)
    text = pdf[0].get_textpage().get_text_range()
    plain = "".join(text.split())
    assert "".join(TITLE[lang].split()) in plain
    assert "-1,234.5" in plain
    assert (f"{NAME[lang]}2026-10-01" if lang == "ja" else f"{NAME[lang]},made2026-10-01") in plain, "the town's name"
    assert ("テナントIDhakusan" if lang == "ja" else "Tenanthakusan") in plain
    assert ("1ページ" if lang == "ja" else "Page1") in plain
    assert pdf.get_metadata_dict()["Title"] == ("成果指標一覧" if lang == "ja" else "Key figures")
    assert pdf.get_metadata_dict()["CreationDate"] == "D:20261001000000+09'00'"
    assert f"/Lang ({lang})".encode() in body
    assert body == as_pdf(sheet(lang), FONT, DAY)
    assert [round(side) for side in pdf[0].get_size()] == [842, 595]
    assert len(body) < 200_000


def test_a_long_table_goes_over_pages_and_nothing_stands_beyond_the_edge() -> None:
    long = (
        "獣害対策の見回りについて、地区ごとに報告された内容をまとめた文章です。「括弧」も、行の頭に句読点も立ちません。"
        * 6
    )
    rows = tuple(
        (f"行{number}", long if number % 9 == 0 else "http://example.com/" + "x" * 150) for number in range(60)
    )
    part = Part("表", (Column("a"), Column("b", 2)), rows, ("注",))
    pdf = pypdfium2.PdfDocument(as_pdf(Sheet("題", "ja", "足", (("項目", "値"),), (part,)), FONT, DAY))
    assert len(pdf) > 2
    assert [round(side) for side in pdf[0].get_size()] == [595, 842]
    found = ""
    for page in pdf:
        texts = page.get_textpage()
        found += texts.get_text_range()
        boxes = [texts.get_charbox(index) for index in range(texts.count_chars())]
        assert max(box[2] for box in boxes) < 595 - 30
        assert min(box[1] for box in boxes) > 20
        lines = [line for line in texts.get_text_range().splitlines() if line]
        assert not [line for line in lines if line[0] in "、。」"]
    assert all(f"行{number}" in found for number in range(60))


def test_a_sign_that_the_font_has_not_is_a_geta() -> None:
    pdf = pypdfium2.PdfDocument(as_pdf(Sheet("題 \U0001f43b", "ja", "", (), ()), FONT, DAY))
    assert f"題 {NO_GLYPH}" in pdf[0].get_textpage().get_text_range()


def test_without_the_font_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="make assets"):
        as_pdf(sheet(), tmp_path / FONT_FILE, DAY)


def test_a_form_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadRequestData, match="csv, xlsx, pdf"):
        check_form("docx")
