"""Levels, hysteresis, the rate of rise and the time to the next level."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kumihimo.solutions.flood.models import Level, Thresholds
from kumihimo.solutions.flood.thresholds import HOUR, crossings, held_level, level_of, rate_of_rise, time_to_next

ALL = Thresholds(1.0, 2.0, 3.0, 4.0)
MINUTE = 60_000_000


def test_a_threshold_reached_counts_and_a_missing_one_is_passed_over() -> None:
    assert level_of(1.0, ALL) is Level.STANDBY
    assert level_of(0.99, ALL) is Level.NORMAL
    assert level_of(9.9, Thresholds()) is Level.NORMAL
    assert level_of(3.5, Thresholds(1.0, 2.0, None, 4.0)) is Level.CAUTION


def test_falling_a_little_leaves_no_level() -> None:
    assert held_level(1.95, Level.CAUTION, ALL) is Level.CAUTION
    assert held_level(1.90, Level.CAUTION, ALL) is Level.STANDBY
    assert held_level(0.5, Level.CAUTION, ALL) is Level.NORMAL
    assert held_level(2.0, Level.STANDBY, ALL) is Level.CAUTION


def test_several_levels_at_once_are_one_crossing() -> None:
    [one] = crossings([(0, 0.5), (HOUR, 3.2), (2 * HOUR, 3.1)], ALL)
    assert (one.before, one.level, one.at) == (Level.NORMAL, Level.EVACUATION, HOUR)


def test_the_rate_is_taken_from_about_an_hour_before() -> None:
    rate = rate_of_rise([(0, 9.0), (100 * MINUTE, 1.0), (170 * MINUTE, 1.7)], 170 * MINUTE)
    assert (rate.state, rate.metres_per_hour) == ("known", 0.6)
    assert rate.points == ((100 * MINUTE, 1.0), (170 * MINUTE, 1.7))


def test_too_few_readings_is_an_answer() -> None:
    alone = rate_of_rise([(0, 1.0), (120 * MINUTE, 2.0)], 120 * MINUTE)
    assert alone.state == "too-few"
    assert time_to_next(2.0, ALL, alone).state == "too-few"
    assert rate_of_rise([], 0).state == "too-few"
    assert rate_of_rise([(0, 1.0)], HOUR).state == "too-few"


def test_time_to_the_next_level() -> None:
    rising = rate_of_rise([(0, 1.0), (HOUR, 1.5)], HOUR)
    to_next = time_to_next(1.5, ALL, rising)
    assert (to_next.state, to_next.level, to_next.minutes) == ("known", Level.CAUTION, 60)
    assert time_to_next(1.5, ALL, rate_of_rise([(0, 2.0), (HOUR, 1.5)], HOUR)).state == "falling"
    assert time_to_next(4.5, ALL, rising).state == "highest"
    assert time_to_next(4.5, Thresholds(), rising).state == "highest"


@given(st.lists(st.floats(0, 5), max_size=40))
def test_held_levels_never_stand_below_the_plain_one(heights: list[float]) -> None:
    held = Level.NORMAL
    for height in heights:
        held = held_level(height, held, ALL)
        assert level_of(height, ALL) <= held
        assert height > (ALL.height(held) or 0) - 0.10 or held is Level.NORMAL
