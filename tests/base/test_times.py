from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base import times


@given(st.datetimes(timezones=st.just(UTC)))
def test_text_and_parse_are_inverse(moment: datetime) -> None:
    assert times.parse(times.text(moment)) == moment
    assert times.from_micros(times.micros(moment)) == moment


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_stored_numbers_order_like_moments(one: datetime, other: datetime) -> None:
    assert (one < other) == (times.micros(one) < times.micros(other))


def test_zones_are_brought_to_utc() -> None:
    assert times.text(times.parse("2024-06-23T09:00:00+09:00")) == "2024-06-23T00:00:00.000Z"


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01T00:00:00Z",
        "2024-06-23T24:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-06-23T09:00:00",
        "2024-06-23",
        "0001-01-01T00:00:00+09:00",
        "9999-12-31T23:59:59-01:00",
        "2024-06-23T09:00:00+24:00",
        "２０２４-06-23T09:00:00Z",
        "2024-06-23T09:00:00Z\n",
        "",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        times.parse(text)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2024-06-23T10:00:00Z", "2024-06-23T10:00:00Z"),
        ("2024-06-23T10:00:00.5Z", "2024-06-23T10:00:00.5Z"),
        ("2024-06-23T10:00:00,5Z", "2024-06-23T10:00:00.500Z"),
        ("2024-06-23T10:00:00.123456789Z", "2024-06-23T10:00:00.123456Z"),
        ("2024-06-23T19:00:00+09:00", "2024-06-23T10:00:00.000Z"),
    ],
)
def test_moments_are_kept_to_the_microsecond(given: str, expected: str) -> None:
    assert times.kept(given) == expected


def test_year_9999_is_a_moment() -> None:
    assert times.parse("9999-12-31T23:59:59.999999Z") == datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
