"""The tables as spreadsheets read them."""

from __future__ import annotations

import csv
import io
import tomllib
from importlib import resources

import pytest

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.metering.models import MEASURES, CostTable, Plan, Usage, Used
from kumihimo.platform.metering.screens import sized
from kumihimo.platform.metering.split import split
from kumihimo.platform.metering.tables import cost_table, encoded, usage_table, word

USAGE = Usage(
    "fukui",
    "2026-06",
    is_over=False,
    rows=[
        Used("", "persons", "read", 1),
        Used("2026-06-01", "", "storage", 4096),
        Used("2026-06-01", "application:=a", "read", 2),
        Used("2026-06-01", "application:=a", "bytes", 300),
    ],
)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_usage_has_a_row_for_each_day_and_service() -> None:
    found = rows(usage_table([USAGE, Usage("sabae", "2026-05", is_over=True)], "en"))
    assert [(one["Tenant"], one["State"], one["Day"], one["Service"]) for one in found] == [
        ("fukui", "Month not over", "(sum of the month)", "Persons"),
        ("fukui", "Month not over", "2026-06-01", "(whole tenant)"),
        ("fukui", "Month not over", "2026-06-01", "application:=a"),
    ]
    assert [(one["Reads"], one["Answered (bytes)"], one["Stored (bytes)"]) for one in found] == [
        ("1", "0", "0"),
        ("0", "0", "4096"),
        ("2", "300", "0"),
    ]


def test_costs_add_up_in_the_last_row_and_say_whether_the_month_is_over() -> None:
    plan = Plan("2026-06", 100, {"readings": 9000, "evenly": 1000})
    amounts = {name: {"readings": use, "evenly": 1} for name, use in (("fukui", 2), ("=sabae", 1))}
    table = CostTable("2026-06", is_over=True, plan=plan, shares=split(plan, amounts))  # type: ignore[arg-type]
    found = rows(cost_table(table, "ja"))
    assert [one["テナント"] for one in found] == ["'=sabae", "fukui", "合計"]
    assert [one["負担額"] for one in found] == ["35", "65", "100"]
    assert [one["負担額: 観測値"] for one in found] == ["30", "60", "90"]
    assert [one["観測値"] for one in found] == ["1", "2", "3"]
    assert {one["状態"] for one in found} == {"確定"}
    under_way = CostTable("2026-07", is_over=False, plan=plan, shares=table.shares)
    assert {one["状態"] for one in rows(cost_table(under_way, "ja"))} == {"途中(暫定)"}


def test_both_encodings_are_what_excel_reads() -> None:
    text = usage_table([USAGE], "ja")
    assert encoded(text, "utf-8").startswith(b"\xef\xbb\xbf")
    assert encoded(text, "utf-8").decode("utf-8-sig") == text
    assert encoded(text, "cp932").decode("cp932") == text, "every word of ours can be written in it"
    assert encoded("😀", "cp932") == b"?"
    with pytest.raises(BadRequestData, match="utf-8 or cp932"):
        encoded(text, "utf-16")


def test_every_measure_has_a_word_in_both_languages_in_tables_and_on_the_page() -> None:
    page = tomllib.loads((resources.files("kumihimo.platform.metering") / "texts.toml").read_text("utf-8"))
    for measure in MEASURES:
        assert word(measure, "ja") != word(measure, "en")
        assert f"usage.{measure}" in page


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *((0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (9_949, "9.9 KB"), (9_950, "10 KB"), (999_499, "999 KB")),
        *((999_500, "1.0 MB"), (1_234_567_890, "1.2 GB"), (10**16, "10,000 TB")),
    ],
)
def test_bytes_are_said_as_people_read_them(size: int, text: str) -> None:
    assert sized(size) == text
