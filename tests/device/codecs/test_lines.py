"""Lines of CSV become what JSON would have said."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.jsontext import loads
from kumihimo.device.codecs.lines import as_json
from kumihimo.device.words import Refused

AT = "2024-06-23T14:20:00+09:00"


def read(text: str) -> Any:
    return loads(as_json(text.encode(), 100))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_line_is_a_reading(end: str) -> None:
    text = end.join([" observedAt , level", f"{AT},3.51", f'"{AT}", -1e-2 ', "", f"{AT},"])
    assert read(text) == [
        {"observedAt": AT, "level": 3.51},
        {"observedAt": AT, "level": -0.01},
        {"observedAt": AT},
    ]


def test_a_mark_of_byte_order_is_no_part_of_the_first_field() -> None:
    assert loads(as_json(f"\ufeffobservedAt\n{AT}".encode(), 100)) == [{"observedAt": AT}]


@pytest.mark.parametrize("cell", ["１．５", "+1", "01", "1,5", "0x1", "NaN", "inf", "1_0", "欠測"])
def test_what_is_no_json_number_stays_text_and_is_the_tables_to_judge(cell: str) -> None:
    assert read(f'level\n"{cell}"') == [{"level": cell}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name the fields"),
        (",level\n1,2", "name the fields"),
        ("level,level\n1,2", "each once"),
        ("level\n1,2", "line 2"),
        ('level\n"1', "line 2"),
        ("level\n" + "1\n" * 101, "101 lines"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        read(text)
    assert said in (refused.value.words.en + refused.value.words.ja)


def test_another_encoding_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        as_json("水位\n1".encode("cp932"), 100)
    assert "UTF-8" in refused.value.words.en


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_texts_come_through_as_they_are(rows: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("a", "b"), *rows])
    found = loads(as_json(out.getvalue().encode(), 100))
    wanted = [{name: cell.strip() for name, cell in zip("ab", row, strict=True) if cell.strip()} for row in rows]
    told = [{name: value for name, value in one.items() if isinstance(value, str)} for one in found]
    numbers = [{name for name in one if not isinstance(one[name], str)} for one in found]
    assert told == [
        {name: cell for name, cell in one.items() if name not in number}
        for one, number in zip(wanted, numbers, strict=True)
    ]
