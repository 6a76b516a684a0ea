from __future__ import annotations

from typing import Any

import pytest

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData, TooManyResults
from kumihimo.platform.history.periods import WHOLE, Duration, Periods, parse_duration

SECOND = 1_000_000
DAY = 86_400 * SECOND


def at(text: str) -> int:
    return times.micros(times.parse(text))


DURATIONS: list[Any] = [
    ("PT5M", Duration(0, 300 * SECOND)),
    ("PT0S", WHOLE),
    ("P0D", WHOLE),
    ("P2W", Duration(0, 14 * DAY)),
    ("P1M", Duration(1, 0)),
    ("P3Y6M4DT12H30M5S", Duration(42, 4 * DAY + ((12 * 60 + 30) * 60 + 5) * SECOND)),
    ("PT1.5S", Duration(0, 1_500_000)),
    ("P1DT1H", Duration(0, DAY + 3600 * SECOND)),
]


@pytest.mark.parametrize(("text", "duration"), DURATIONS)
def test_durations(text: str, duration: Duration) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1",
        "1D",
        "PT5",
        "P1H",
        "PT1D",
        "P1W2D",
        "P-1D",
        "P0003-06-04T12:30:05",
        "PT1.5H",
        "P1DT",
        "pt5m",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadRequestData, match="aggrPeriodDuration"):
        parse_duration(text)


def test_periods_begin_at_the_origin() -> None:
    periods = Periods(parse_duration("PT5M"), at("2026-01-01T00:03:00Z"), at("2026-01-01T01:00:00Z"))
    number = periods.number(at("2026-01-01T00:08:00Z"))
    assert number == 1
    assert periods.span(number) == (at("2026-01-01T00:08:00Z"), at("2026-01-01T00:13:00Z"))
    whole = Periods(WHOLE, 3, 9)
    assert (whole.number(9), whole.span(0)) == (0, (3, 9))


def test_months_are_counted_from_the_origin() -> None:
    start = at("2024-01-31T10:00:00Z")
    periods = Periods(parse_duration("P1M"), start, at("2024-04-15T00:00:00Z"))
    bounds = [times.text(times.from_micros(one))[:10] for one in periods.bounds]
    assert bounds == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]
    assert periods.number(at("2024-02-29T09:59:59Z")) == 0
    assert periods.number(at("2024-02-29T10:00:00Z")) == 1
    years = Periods(parse_duration("P1Y"), at("2024-02-29T00:00:00Z"), at("2025-03-01T00:00:00Z"))
    assert times.text(times.from_micros(years.span(1)[0]))[:10] == "2025-02-28"
    december = Periods(parse_duration("P1M"), at("2024-11-30T00:00:00Z"), at("2025-01-02T00:00:00Z"))
    assert [times.text(times.from_micros(one))[:10] for one in december.bounds][1:] == ["2024-12-30", "2025-01-30"]


def test_too_many_months_and_the_end_of_time() -> None:
    with pytest.raises(TooManyResults):
        Periods(parse_duration("P1M"), at("0001-01-01T00:00:00Z"), at("9000-01-01T00:00:00Z"))
    last = Periods(parse_duration("P5000Y"), at("2024-01-01T00:00:00Z"), at("9999-12-31T23:59:58Z"))
    assert last.number(at("9999-12-31T23:59:58Z")) == 1
