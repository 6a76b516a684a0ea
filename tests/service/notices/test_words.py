"""Addresses, tables of people, quiet hours and areas: what is read from outside, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.base.times import JST
from kumihimo.service.notices.door import check_email
from kumihimo.service.notices.lists import rows_of
from kumihimo.service.notices.match import nearest, quiet_until
from kumihimo.service.notices.models import Area, Notice, Recipient, check_area, fresh


@pytest.mark.parametrize(
    "email",
    [
        "a",
        "a@b",
        "a b@example.jp",
        "a@example.jp\nBcc: b@example.jp",
        "a@-x.jp",
        "日@example.jp",
        "a@[127.0.0.1]",
        ".a@example.jp",
        "a..b@example.jp",
        "a@example.jp,b@example.jp",
        f"{'a' * 65}@example.jp",
        "<a@example.jp>",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(BadRequestData):
        check_email(email)


def test_an_address_keeps_its_own_part_as_it_is() -> None:
    assert check_email(" Taro.Yamada+kuma@Example.JP ") == "Taro.Yamada+kuma@example.jp"


def test_a_table_from_a_spreadsheet_is_read_with_tabs() -> None:
    rows, refused = rows_of("メール\t氏名\t言語\r\na@example.jp\t山, 太郎\ten\r\n\t\t\r\nb@example.jp\r\n")
    assert [(row.email, row.name, row.lang) for row in rows] == [
        ("a@example.jp", "山, 太郎", "en"),
        ("b@example.jp", "", "ja"),
    ]
    assert refused == []


@pytest.mark.parametrize("text", ["", "name\nx", 'email\n"' + "x" * 200_000, "a@example.jp"])
def test_a_table_without_a_column_of_addresses_is_refused(text: str) -> None:
    with pytest.raises(BadRequestData):
        rows_of(text)


@given(st.text('ab9@.,-"\n\t 山', max_size=60))
def test_no_table_does_worse_than_being_refused(text: str) -> None:
    try:
        rows, refused = rows_of(f"email,lat,lon\n{text}")
    except BadRequestData:
        return
    assert all("@" in row.email for row in rows)
    assert all(key.startswith("notices.refused.") for _, key in refused)


@given(st.integers(0, 23), st.integers(0, 23), st.integers(0, 60 * 24 * 3))
def test_the_end_of_quiet_hours_is_their_own_hour_within_a_day(begin: int, end: int, minutes: int) -> None:
    now = times.micros(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
    one = fresh("p", now=now)
    until = quiet_until(_with_quiet(one, begin, end), now)
    assert now <= until <= now + 24 * 3_600_000_000
    if until != now:
        assert begin != end
        local = times.from_micros(until).astimezone(JST)
        assert (local.hour, local.minute) == (end, 0)
        assert quiet_until(_with_quiet(one, begin, end), until) == until
    elif begin != end:
        hour = times.from_micros(now).astimezone(JST).hour
        assert (hour - begin) % 24 >= (end - begin) % 24


def _with_quiet(one: Recipient, begin: int, end: int) -> Recipient:
    return replace(one, quiet=(begin, end))


def test_the_nearest_of_the_areas_that_hold_the_place() -> None:
    near, wide = Area("near", 136.65, 36.55, 1500), Area("wide", 136.60, 36.55, 20_000)
    notice = Notice("n", "bear", {}, {}, 0, (136.66, 36.55))
    found = nearest(notice, [wide, near])
    assert found is not None
    assert (found[0], round(found[1])) == (near, 895)
    assert nearest(notice, [Area("", 136.65, 36.55, 890)]) is None


@pytest.mark.parametrize(
    ("lon", "lat", "metres"),
    [(181, 0, 500), (0, 91, 500), (float("nan"), 0, 500), (0, float("inf"), 500), (0, 0, 99), (0, 0, 50_001)],
)
def test_a_circle_that_cannot_be_is_refused(lon: float, lat: float, metres: int) -> None:
    with pytest.raises(BadRequestData):
        check_area("", lon, lat, metres)


def test_a_place_is_kept_no_closer_than_ten_metres() -> None:
    assert check_area("x", 136.123456, 36.987654, 500) == Area("x", 136.1235, 36.9877, 500)
