"""The risk map: what it is made of, that it does not peek, and what came out against the naive map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import h3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.solutions.wildlife.compare import NaiveMap, compare, log_score, nights_of, tune
from kumihimo.solutions.wildlife.incidents import read_all
from kumihimo.solutions.wildlife.models import together
from kumihimo.solutions.wildlife.moments import micros_of
from kumihimo.solutions.wildlife.risk import (
    Event,
    Forecast,
    RiskMap,
    Settings,
    cell_of,
    cells_around,
    events_of,
    is_foretold,
    night_of,
    spread,
)

HOME = cell_of(136.5, 36.3)
FAR = cell_of(136.9, 36.9)
FIRST = date(2020, 1, 1)
CELLS = sorted({*h3.grid_disk(HOME, 3), *h3.grid_disk(FAR, 3)})


def event(day: date, minute: int = 18 * 60, cell: str = HOME, *, counts: bool = True) -> Event:
    return Event(micros_of(day, minute), day, cell, timed=True, counts=counts)


def learnt(events: Sequence[Event], of: Settings | None = None) -> RiskMap:
    found = RiskMap(CELLS, FIRST, of)
    for one in sorted(events, key=lambda one: one.at):
        found.learn(one)
    return found


def yearly(cell: str = HOME, years: Sequence[int] = (2020, 2021, 2022)) -> list[Event]:
    return [event(date(year, 10, 1) + timedelta(days=shift), cell=cell) for year in years for shift in range(0, 30, 3)]


def test_the_shares_of_a_spread_are_one() -> None:
    shares = dict(spread(HOME, 1.0))
    assert math.isclose(sum(shares.values()), 1.0, rel_tol=1e-5)
    assert max(shares, key=lambda cell: shares[cell]) == HOME


def test_where_bears_were_is_likelier_and_nowhere_is_never() -> None:
    forecast = learnt(yearly()).forecast(date(2023, 10, 10))
    assert forecast.ranked()[0] == HOME
    assert forecast.expected[HOME] > 5 * forecast.expected[FAR] > 0
    assert 0 < forecast.chance(HOME) < 1
    assert forecast.chance("no cell") == 0


def test_the_season_counts() -> None:
    found = learnt(yearly())
    assert found.forecast(date(2023, 10, 10)).expected[HOME] > 3 * found.forecast(date(2023, 3, 10)).expected[HOME]


def test_the_last_days_and_weeks_count() -> None:
    quiet = learnt(yearly()).forecast(date(2023, 10, 10))
    day = date(2023, 10, 9)
    lively = learnt([*yearly(), *(event(day, cell=FAR) for _ in range(6))]).forecast(date(2023, 10, 10))
    assert lively.level > quiet.level
    assert lively.expected[FAR] > 3 * quiet.expected[FAR]
    later = learnt([*yearly(), *(event(day, cell=FAR) for _ in range(6))]).forecast(date(2023, 11, 20))
    assert later.expected[FAR] < lively.expected[FAR] / 2


def test_a_single_incident_makes_no_hot_spot_where_much_is_expected() -> None:
    """Shrinkage: with a strong prior one incident moves its cell less than with a weak one."""
    events = [*yearly(), event(date(2022, 11, 15), cell=FAR)]

    def ratio(prior: float) -> float:
        expected = learnt(events, Settings(prior=prior, echo=0.0)).forecast(date(2023, 10, 10)).expected
        edge = min(expected.values())
        return expected[FAR] / edge

    assert 1 < ratio(5000.0) < ratio(20.0)


def test_the_hour_share_is_that_of_nights() -> None:
    by_day = [replace(one, at=micros_of(one.day, 12 * 60)) for one in yearly()]
    assert not any(is_foretold(one) for one in by_day)
    assert all(is_foretold(one) for one in yearly())
    day = date(2023, 10, 1)
    assert learnt(by_day).forecast(day).hours < 0.1
    assert learnt(yearly()).forecast(day).hours > 0.9


def test_a_map_refuses_what_is_older_and_a_night_that_it_has_seen() -> None:
    found = learnt([event(date(2020, 5, 2), 20 * 60)])
    with pytest.raises(ValueError, match="order"):
        found.learn(event(date(2020, 5, 1)))
    with pytest.raises(ValueError, match="after the night began"):
        found.forecast(date(2020, 5, 2))
    assert found.forecast(date(2020, 5, 3)).known == 1


EVENTS = st.lists(
    st.builds(
        event,
        st.dates(date(2020, 1, 1), date(2020, 4, 30)),
        st.sampled_from([6 * 60, 12 * 60, 18 * 60]),
        st.sampled_from([HOME, FAR]),
    ),
    min_size=4,
    max_size=25,
)


@settings(max_examples=25)
@given(EVENTS, EVENTS, st.dates(date(2020, 3, 1), date(2020, 4, 1)))
def test_no_peeking_the_future_changes_no_forecast(past: list[Event], future: list[Event], split: date) -> None:
    """Whatever happens after a night began: the scores of that night's forecast depend on what came in it alone."""
    end = night_of(split)[0]
    before = sorted((one for one in past if one.at < end), key=lambda one: one.at)
    if not before:
        return
    after = sorted((one for one in future if one.at >= night_of(split)[1]), key=lambda one: one.at)
    assert nights_of([*before, *after], split, split) == nights_of(before, split, split)


def test_tuning_sees_nothing_after_its_last_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kumihimo.solutions.wildlife.compare.GRID", ((1.0,), (1000.0,), (200.0,), (0.0, 0.5), (7.0,)))
    events = yearly(years=(2020, 2021))
    after = [event(date(2022, 3, 1), cell=FAR) for _ in range(50)]
    span = (date(2021, 9, 20), date(2021, 11, 5))
    assert tune([*events, *after], *span) == tune(events, *span)


def test_the_log_score_is_best_for_the_truth() -> None:
    truth = Forecast(FIRST, {"a": 1.0, "b": 0.25}, 1, 1, 1, 0)
    came = ["a"] * 4 + ["b"]

    def mean(forecast: Forecast) -> float:  # four nights of which the truth is the mean
        return log_score(forecast, ["a", "b"]) + 3 * log_score(forecast, ["a"])

    assert len(came) == 5
    for factor in (0.5, 0.8, 1.25, 2.0):
        worse = replace(truth, expected={"a": factor, "b": 0.25})
        assert mean(worse) < mean(truth)
    assert math.isclose(log_score(truth, []), -1.25)
    assert math.isclose(log_score(truth, ["a", "a"]), -1.25 - math.log(2))


def test_the_naive_map_is_the_counts_of_the_past() -> None:
    naive = NaiveMap(CELLS, FIRST)
    for one in yearly():
        naive.learn(one)
    found = naive.forecast(date(2023, 10, 1))
    assert found.ranked()[0] == HOME
    assert math.isclose(sum(found.expected.values()), 30.5 / (date(2023, 10, 1) - FIRST).days)


def test_too_few_data_is_an_answer() -> None:
    found = compare(yearly(), date(2022, 1, 1), date(2022, 12, 31))
    assert (found.verdict, found.hit_verdict, found.score) == ("too-few", "too-few", None)
    assert found.sightings == 10
    assert compare([], date(2022, 1, 1), date(2022, 1, 2)).verdict == "too-few"


def test_the_map_may_lose_and_then_it_says_so() -> None:
    """Sightings without season, spread evenly over an area with sharp edges: the counts of the past are all that can
    be known, and what the risk map spreads over the edges is wasted.
    """
    cells = h3.grid_disk(HOME, 2)
    days = [date(2020, 1, 1) + timedelta(days=shift) for shift in range(700)]
    events = [event(day, cell=cells[(index * 7) % len(cells)]) for index, day in enumerate(days)]
    found = compare(events, date(2021, 9, 1), date(2021, 11, 29), Settings(spread=1.0))
    assert found.verdict == "worse"
    assert found.score is not None
    assert found.score.low <= found.score.value <= found.score.high < 0
    assert found.hit_verdict == "no-difference"
    assert found.hit_rates == (1.0, 1.0)


def test_the_real_years_have_events_in_order_and_cells_around_them() -> None:
    events = events_of(together(read_all()))
    assert [one.at for one in events] == sorted(one.at for one in events)
    assert len(events) == 2525
    assert {one.cell for one in events} <= set(cells_around(events))
