"""Events and lead times: what is not known is said, never filled in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kumihimo.solutions.flood.leadtime import events
from kumihimo.solutions.flood.models import Thresholds
from kumihimo.solutions.flood.thresholds import HOUR

BOTH = Thresholds(standby=1.0, danger=3.0)


def series(*heights: float) -> list[tuple[int, float]]:
    return [(hour * HOUR, height) for hour, height in enumerate(heights)]


def test_lead_time_is_from_the_first_reading_at_each_level() -> None:
    [event] = events(series(0.5, 1.0, 2.0, 3.1, 3.5, 2.0, 0.5), BOTH)
    assert (event.state, event.minutes()) == ("known", 120)
    assert (event.before_standby, event.before_danger) == ((0, 0.5), (2 * HOUR, 2.0))
    assert event.peak == (4 * HOUR, 3.5)


def test_both_levels_between_two_readings_is_no_lead_time_at_all() -> None:
    [event] = events(series(0.5, 3.2), BOTH)
    assert (event.state, event.minutes()) == ("known", 0)
    assert event.before_danger == (0, 0.5)


def test_not_reached_and_too_few_are_answers() -> None:
    [calm] = events(series(0.5, 1.5, 0.2), BOTH)
    assert (calm.state, calm.minutes()) == ("not-reached", None)
    [cut] = events(series(1.5, 3.2, 0.2), BOTH)
    assert (cut.state, cut.minutes()) == ("too-few", None)


def test_waves_at_the_threshold_are_one_event_and_a_new_rise_is_another() -> None:
    assert len(events(series(0.5, 1.05, 0.95, 1.05, 0.5), BOTH)) == 1
    assert len(events(series(0.5, 1.05, 0.85, 1.05), BOTH)) == 2


def test_without_both_thresholds_there_is_nothing_to_measure() -> None:
    assert events(series(0.5, 9.0), Thresholds(standby=1.0)) == []
    assert events(series(0.5, 9.0), Thresholds(danger=3.0)) == []
    assert events([], BOTH) == []


@given(st.lists(st.floats(0, 5), max_size=60))
def test_a_lead_time_is_never_negative_and_events_do_not_overlap(heights: list[float]) -> None:
    found = events(series(*heights), BOTH)
    assert all(event.minutes() is None or (event.minutes() or 0) >= 0 for event in found)
    starts = [event.standby[0] for event in found]
    assert starts == sorted(set(starts))
