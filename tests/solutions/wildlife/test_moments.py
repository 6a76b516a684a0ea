"""Days and times of day as offices write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.solutions.wildlife.models import Moment
from kumihimo.solutions.wildlife.moments import local, micros_of, read_day, read_moment

DAYS = st.dates(date(2019, 5, 1), date(2099, 12, 31))
WIDE = str.maketrans("0123456789.", "０１２３４５６７８９．")


@given(DAYS, st.sampled_from(["R{e}.{d.month}.{d.day}", "令和{e}年{d.month}月{d.day}日", "{d.year}/{d.month}/{d.day}"]))
def test_a_day_is_read_in_each_way_of_writing(day: date, form: str) -> None:
    text = form.format(e=day.year - 2018, d=day)
    assert read_day(text) == read_day(text.translate(WIDE)) == read_day(f" {text} ") == day


def test_days_of_other_eras_and_first_years() -> None:
    assert read_day("R4.3.3") == date(2022, 3, 3)
    assert read_day("令和元年5月1日") == date(2019, 5, 1)
    assert read_day("H31.4.30") == date(2019, 4, 30)
    assert read_day("R1.1.8") == date(2019, 1, 8)  # offices write R1 for all of 2019
    assert read_day("2025.1.9") == date(2025, 1, 9)


@pytest.mark.parametrize(
    "text", ["", "R4.2.30", "4.3.3", "R0.1.1", "R100.1.1", "R4.13.1", "R4.3", "昨日", "2022/3/3/1"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_day(text)


@settings(max_examples=60)
@given(st.text(max_size=30))
def test_whatever_stands_there_is_read_or_refused(text: str) -> None:
    for read in (read_day, read_moment):
        try:
            found = read(text)
        except ValueError:
            continue
        assert isinstance(found, date | Moment)


@given(st.integers(0, 23), st.integers(0, 59), st.booleans(), st.booleans())
def test_a_minute_is_read_with_and_without_about(hour: int, minute: int, about: bool, wide: bool) -> None:
    text = f"{hour}時{minute:02}分{'頃' if about else ''}"
    assert read_moment(text.translate(WIDE) if wide else text) == Moment("minute", hour * 60 + minute, None, about)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("18時20分頃", Moment("minute", 1100, None, True)),
        ("15時頃", Moment("hour", 900, None, True)),
        ("17時00頃", Moment("minute", 1020, None, True)),
        ("6 時08分頃", Moment("minute", 368, None, True)),
        ("20時間33分頃", Moment("minute", 1233, None, True)),
        ("18時30分〜;19時00分頃", Moment("range", 1110, 1140, True)),
        ("17時30分～19時頃", Moment("range", 1050, 1140, True)),
        ("23時30分〜0時30分", Moment("range", 1410, 1470, False)),
        ("24時00分", Moment("minute", 1440, None, False)),
        ("夜間", Moment("night", 1080, 1800, True)),
        ("不明", Moment("unknown")),
        ("", Moment("unknown")),
    ],
)
def test_the_forms_that_occur(text: str, moment: Moment) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize("text", ["25時00分", "24時01分", "9時60分", "朝", "1時〜2時〜3時", "〜"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time of day"):
        read_moment(text)


def test_a_minute_of_a_day_is_japans() -> None:
    assert local(micros_of(date(2022, 3, 3), 420)).isoformat() == "2022-03-03T07:00:00+09:00"
    assert micros_of(date(2022, 3, 3), 1440) == micros_of(date(2022, 3, 4), 0)
