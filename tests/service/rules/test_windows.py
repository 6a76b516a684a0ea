"""Figures of windows against a plain model; moments of schedules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base import times
from kumihimo.service.rules.clockwork import last_until, next_after
from kumihimo.service.rules.windows import HOUR, MINUTE, figure_of, within

POINTS = st.lists(st.tuples(st.integers(0, 10 * MINUTE), st.integers(-50, 50)), max_size=12).map(sorted)


@given(POINTS, st.integers(0, 10 * MINUTE), st.integers(1, 5))
def test_a_window_holds_what_a_plain_model_holds(points: list[tuple[int, int]], at: int, minutes: int) -> None:
    inside = within(points, at, minutes)
    model = [one for one in points if at - one[0] >= 0 and at - one[0] < minutes * MINUTE]
    assert inside == model
    values = [value for _, value in model]
    assert figure_of("count", inside) == len(model)
    for figure, plain in (("least", min), ("most", max)):
        assert figure_of(figure, inside) == (plain(values) if values else None)  # type: ignore[arg-type]
    assert figure_of("mean", inside) == (pytest.approx(sum(values) / len(values)) if values else None)
    if len(model) < 2 or model[0][0] == model[-1][0]:
        assert figure_of("rate", inside) is None
    else:
        assert figure_of("rate", inside) == (values[-1] - values[0]) * HOUR / (model[-1][0] - model[0][0])


@given(st.floats(-100, 100), st.floats(-10, 10), st.sets(st.integers(0, 600), min_size=2, max_size=10))
def test_the_trend_of_a_straight_line_is_its_slope(start: float, slope: float, minutes: set[int]) -> None:
    points = [(one * MINUTE, start + slope * one / 60) for one in sorted(minutes)]
    assert figure_of("trend", points) == pytest.approx(slope, abs=1e-6)
    assert figure_of("rate", points) == pytest.approx(slope, abs=1e-6)


def test_what_is_no_number_is_counted_and_not_calculated_with() -> None:
    points = [(1, "bear"), (2, True), (3, 4.0)]
    assert (figure_of("count", points), figure_of("mean", points), figure_of("trend", points)) == (3.0, 4.0, None)


def at(*moment: int) -> int:
    return times.micros(datetime(*moment, tzinfo=UTC))  # type: ignore[misc, arg-type]


def test_a_schedule_is_in_japans_time_and_what_was_missed_counts_once() -> None:
    seven = "0 7 * * 1-5"  # 22:00 of the day before in UTC; 2026-01-02 is a Friday
    assert next_after(seven, at(2026, 1, 1, 21, 59)) == at(2026, 1, 1, 22)
    assert next_after(seven, at(2026, 1, 1, 22)) == at(2026, 1, 4, 22)
    assert last_until(seven, at(2026, 1, 1, 22), at(2026, 1, 4, 21, 59)) is None
    assert last_until(seven, at(2026, 1, 1, 0), at(2026, 1, 1, 22)) == at(2026, 1, 1, 22)
    assert last_until(seven, at(2026, 1, 1, 0), at(2026, 1, 8, 12)) == at(2026, 1, 7, 22)
    assert next_after("0 0 30 2 *", at(2026, 1, 1)) is None
