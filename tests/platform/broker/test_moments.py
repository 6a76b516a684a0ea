"""Keys of moments order as the moments do (clause 4.6.3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.platform.broker.moments import key, loose_key, stored_kind, wanted_key, wanted_kind

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=offsets)  # noqa: DTZ001 - strategies take naive bounds
marks = st.sampled_from([".", ","])


def fraction(micros: int, digits: int, mark: str) -> str:
    """The fraction of a second with at least so many digits."""
    text = f"{micros:06d}".rstrip("0")
    text += "0" * (digits - len(text))
    return mark + text if text else ""


def stored(moment: datetime, digits: int, mark: str) -> str:
    utc = moment.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + fraction(utc.microsecond, digits, mark) + "Z"


def asked(moment: datetime, digits: int, mark: str) -> str:
    text = moment.replace(microsecond=0).isoformat()
    return text[:19] + fraction(moment.microsecond, digits, mark) + text[19:]


@given(moments, moments, st.integers(0, 9), st.integers(0, 9), marks, marks)
def test_date_times_compare_by_their_moments(
    one: datetime, other: datetime, few: int, many: int, mark: str, comma: str
) -> None:
    left, right = stored(one, few, mark), asked(other, many, comma)
    assert stored_kind("DateTime", left) == "DateTime"
    assert wanted_kind(right) == "DateTime"
    keys = key("DateTime", left), wanted_key("DateTime", right)
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)
    assert loose_key(right) == keys[1]
    assert key("DateTime", left) == wanted_key("DateTime", asked(one, many, comma))


@given(st.times(), st.times(), st.integers(0, 9), marks, st.sampled_from(["", "Z"]))
def test_times_compare_by_the_clock(one: time, other: time, digits: int, mark: str, zone: str) -> None:
    left = one.strftime("%H:%M:%S") + fraction(one.microsecond, digits, mark) + zone
    right = other.strftime("%H:%M:%S") + fraction(other.microsecond, 0, ".") + "Z"
    assert (stored_kind("Time", left), wanted_kind(right)) == ("Time", "Time")
    keys = key("Time", left), wanted_key("Time", right)
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)


@given(st.dates(), st.dates())
def test_dates_compare_by_the_calendar(one: date, other: date) -> None:
    keys = key("Date", one.isoformat()), wanted_key("Date", other.isoformat())
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2026-04-01T00:00:00Z", "DateTime"),
        ("2026-04-01T00:00:00+09:00", "DateTime"),
        ("2026-04-01T00:00:00", None),
        ("2026-04-01T24:00:00Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-04-01", "Date"),
        ("2026-02-30", None),
        ("20260401", None),
        ("09:30:00Z", "Time"),
        ("09:30:00", "Time"),
        ("09:30:00+09:00", None),
        ("09:30", None),
        ("24:00:00Z", None),
        ("2026", None),
        ("", None),
    ],
)
def test_what_a_text_of_a_query_is_written_as(text: str, kind: str | None) -> None:
    assert wanted_kind(text) == kind


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("DateTime", "2026-04-01T00:00:00Z", "DateTime"),
        ("ngsi-ld:DateTime", "2026-04-01T00:00:00Z", "DateTime"),
        ("https://uri.etsi.org/ngsi-ld/Date", "2026-04-01", "Date"),
        ("DateTime", "2026-04-01T09:00:00+09:00", None),
        ("DateTime", "2026-04-01", None),
        ("DateTime", "2026-04-01T00:00:00Z\n", None),
        ("Date", "2026-04-01T00:00:00Z", None),
        ("UpdateTime", "09:30:00Z", None),
        ("https://example.org/Time", "09:30:00Z", None),
        ("Time", 930, None),
        (["Time"], "09:30:00Z", None),
        (None, "09:30:00Z", None),
    ],
)
def test_what_a_stored_value_is(name: Any, value: Any, kind: str | None) -> None:
    assert stored_kind(name, value) == kind
