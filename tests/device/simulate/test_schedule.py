"""The replay clock, on a real clock moved by hand."""

from __future__ import annotations

import pytest

from kumihimo.device.simulate.schedule import fresh

SECOND = 1_000_000


def test_recorded_time_runs_at_its_speed_and_stops() -> None:
    clock = fresh(0, 1000 * SECOND, 600).resumed(10.0)
    assert clock.at(11.0) == 600 * SECOND
    assert clock.wait(900 * SECOND, 11.0) == pytest.approx(0.5)
    paused = clock.paused(11.0)
    assert paused.at(99.0) == 600 * SECOND
    assert paused.wait(900 * SECOND, 99.0) == float("inf")
    assert paused.resumed(100.0).at(100.5) == 900 * SECOND
    assert clock.at(100.0) == 1000 * SECOND
    assert clock.ended(100.0)


def test_a_change_of_speed_keeps_the_moment() -> None:
    clock = fresh(0, 10_000 * SECOND, 600).resumed(0.0).with_speed(60, 1.0)
    assert clock.at(1.0) == 600 * SECOND
    assert clock.at(2.0) == 660 * SECOND


@pytest.mark.parametrize("speed", [0, -1, 1e9, float("nan")])
def test_a_speed_that_cannot_be_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        fresh(0, 1, speed)


def test_moving_stays_inside_the_recording() -> None:
    clock = fresh(100, 200, 1)
    assert clock.moved(5, 0.0).at(0.0) == 100
    assert clock.moved(500, 0.0).at(0.0) == 200
