"""Which traps are visited, and in which order."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.solutions.wildlife.patrol import HOUR, Place, Stop, Trap, km, round_trip, to_visit

NOW = 100 * HOUR


def trap(name: str, closed: int | None = None, visited: int | None = None, place: Place = (136.5, 36.3)) -> Trap:
    return Trap(name, name, place, closed, visited)


def test_closed_traps_come_first_and_a_visit_settles_them() -> None:
    traps = [
        trap("visited", visited=NOW - HOUR),
        trap("due", visited=NOW - 24 * HOUR),
        trap("new"),
        trap("closed", closed=NOW - HOUR, visited=NOW - 2 * HOUR),
        trap("settled", closed=NOW - 3 * HOUR, visited=NOW - 2 * HOUR),
    ]
    assert [(stop.trap.id, stop.why) for stop in to_visit(traps, NOW)] == [
        ("closed", "closed"),
        ("new", "never"),
        ("due", "due"),
    ]


def test_no_stop_no_round() -> None:
    assert round_trip((136.5, 36.3), []) == ([], 0.0)


PLACES = st.lists(st.tuples(st.floats(136.4, 136.6), st.floats(36.2, 36.4)), min_size=1, max_size=6)


@settings(max_examples=20)
@given(PLACES)
def test_a_round_visits_each_stop_once_and_is_not_much_longer_than_the_shortest(places: list[Place]) -> None:
    start = (136.5, 36.3)
    stops = [Stop(trap(str(index), place=place), "due") for index, place in enumerate(places)]
    order, length = round_trip(start, stops)
    assert sorted(stop.trap.id for stop in order) == sorted(stop.trap.id for stop in stops)
    best = min(
        sum(km(one, other) for one, other in itertools.pairwise([start, *mixed, start]))
        for mixed in itertools.permutations(places)
    )
    assert best - 0.01 <= length <= 1.5 * best + 0.01


def test_the_round_stays_the_same_while_nothing_else_changes() -> None:
    draw = random.Random(7)
    stops = [
        Stop(trap(str(index), place=(136.5 + draw.random() / 10, 36.3 + draw.random() / 10)), "due")
        for index in range(12)
    ]
    assert round_trip((136.5, 36.3), stops) == round_trip((136.5, 36.3), stops)
    order, length = round_trip((136.5, 36.3), stops)
    assert order[0].km == round(km((136.5, 36.3), order[0].trap.place), 2)
    assert length < sum(2 * km((136.5, 36.3), stop.trap.place) for stop in stops)
