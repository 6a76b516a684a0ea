"""How a target stands, by the figures that count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base import times
from kumihimo.service.kpi.measures import Branch, Measure, StandingState, Target, counting, day_of, said, standing
from kumihimo.service.kpi.models import Figure, FigureState, Lineage

BEGAN = date(2026, 4, 1)
DUE = date(2027, 4, 1)
HALF = date(2026, 10, 1)
"""183 of 365 days after the beginning."""
FEWER = Target("t1", "m1", "town.damage", 50.0, "lower", DUE, baseline=100.0)
READING = Lineage("urn:x", "https://example.org/area", "area", 0, 1.0, "m²", {"ja": "報告", "en": "report"})


def figure(day: date, value: float | None, state: FigureState = "known", subject: str = "") -> Figure:
    at = times.micros(datetime(day.year, day.month, day.day, 3, tzinfo=UTC))
    label = {"ja": str(day), "en": str(day)}
    return Figure(f"town.damage.{day}{subject}", "town.damage", subject, label, at, state, value, (READING, READING))


@pytest.mark.parametrize(
    ("value", "today", "told"),
    [
        (50.0, HALF, "reached"),
        (49.0, date(2028, 1, 1), "reached"),
        (74.0, HALF, "on-the-way"),
        (76.0, HALF, "behind"),
        (120.0, HALF, "behind"),
        (51.0, DUE, "behind"),
        (51.0, date(2027, 4, 2), "overdue"),
    ],
)
def test_a_target_stands_by_its_newest_value(value: float, today: date, told: StandingState) -> None:
    older = figure(date(2026, 6, 1), 10.0)
    found = standing(FEWER, [older, figure(date(2026, 9, 1), value)], today, BEGAN)
    assert (found.state, found.actual, found.readings, found.known) == (told, value, 2, 2)


def test_more_can_be_better_than_less() -> None:
    more = replace(FEWER, better="higher", baseline=20.0, target=40.0)
    assert standing(more, [figure(HALF, 40.0)], HALF, BEGAN).state == "reached"
    found = standing(more, [figure(HALF, 35.0)], HALF, BEGAN)
    assert (found.state, found.share) == ("on-the-way", 0.75)
    assert standing(more, [figure(HALF, 15.0)], HALF, BEGAN).share == -0.25


def test_where_nothing_is_known_that_is_said() -> None:
    assert standing(FEWER, [], HALF, BEGAN).state == "no-data"
    few = [figure(HALF, None, "too-few"), figure(HALF, None, "not-reached")]
    found = standing(FEWER, few, date(2030, 1, 1), BEGAN)
    assert (found.state, found.counted, found.known, found.actual) == ("too-few", 2, 0, None)
    known_before = [*few, figure(date(2026, 5, 1), 40.0)]
    assert standing(FEWER, known_before, HALF, BEGAN).state == "reached"


def test_what_was_before_the_measure_does_not_count() -> None:
    before = [figure(date(2026, 3, 31), 10.0)]
    assert standing(FEWER, before, HALF, BEGAN).state == "no-data"
    assert standing(FEWER, before, HALF).state == "reached"
    other = replace(figure(HALF, 1.0), kpi="town.other")
    assert standing(FEWER, [other, figure(HALF, 2.0, subject="east")], HALF, BEGAN).actual == 2.0
    west = replace(FEWER, subject="west")
    assert counting(west, [figure(HALF, 2.0, subject="east")], BEGAN) == []


def test_a_day_is_one_of_japan() -> None:
    late = times.micros(datetime(2026, 3, 31, 15, tzinfo=UTC))
    assert day_of(late) == BEGAN
    assert day_of(late - 1) == date(2026, 3, 31)


def test_a_pace_needs_a_baseline_and_a_beginning() -> None:
    assert standing(replace(FEWER, baseline=None), [figure(HALF, 60.0)], HALF, BEGAN).state == "open"
    assert standing(FEWER, [figure(HALF, 60.0)], HALF).state == "open"
    held = replace(FEWER, baseline=40.0)
    found = standing(held, [figure(HALF, 60.0)], HALF, BEGAN)
    assert (found.state, found.share) == ("behind", None)


def test_a_target_for_the_first_day_is_due_at_once() -> None:
    at_once = replace(FEWER, due_on=BEGAN)
    assert standing(at_once, [figure(BEGAN, 60.0)], BEGAN, BEGAN).state == "behind"


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.none() | st.floats(-1e6, 1e6),
    st.dates(date(2026, 1, 1), date(2028, 1, 1)),
)
def test_less_is_as_good_as_more_seen_from_the_other_side(
    value: float, target: float, baseline: float | None, today: date
) -> None:
    lower = replace(FEWER, target=target, baseline=baseline)
    higher = replace(FEWER, better="higher", target=-target, baseline=None if baseline is None else -baseline)
    one = standing(lower, [figure(HALF, value)], today, BEGAN)
    two = standing(higher, [figure(HALF, -value)], today, BEGAN)
    assert one.state == two.state
    assert (one.state == "reached") is (value <= target)
    assert one.state not in ("too-few", "no-data")


def test_a_tree_is_walked_from_above() -> None:
    def measure(id_: str) -> Measure:
        return Measure(id_, "policy", {"ja": f"策{id_}"}, "防災課", BEGAN)

    tree = Branch(measure("a"), (Branch(measure("b"), (Branch(measure("c")),)), Branch(measure("d"))))
    assert [one.id for one in tree.walk()] == ["a", "b", "c", "d"]
    assert measure("a").called("en") == "策a"
    assert said({"ja": "い", "en": "i"}, "en") == "i"
