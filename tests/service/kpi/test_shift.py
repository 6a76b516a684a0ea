"""The shift between two groups: against published values, against counting every order, and over simulated towns."""

from __future__ import annotations

import random
from itertools import combinations, product
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.service.kpi.shift import EXACT_PAIRS, LEVEL, lacking_halvings, rank_sums, shift_of

NUMBERS = st.lists(st.integers(-1000, 1000), min_size=5, max_size=9)


def test_the_published_example_of_hollander_and_wolfe() -> None:
    """Permeability of membranes, Hollander and Wolfe (1973), page 68: the same example as that of R's wilcox.test,
    which gives 0.305 and the interval -0.15 to 0.76.
    """
    term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    early = [1.15, 0.88, 0.90, 0.74, 1.21]
    found = shift_of([(early, term)])
    assert found is not None
    assert [found.middle, found.low, found.high] == pytest.approx([0.305, -0.15, 0.76])
    assert found.is_exact


def test_the_example_of_the_page_counted_by_hand() -> None:
    """docs/reference/effect.md: 252 orders of five and five, of which 4 are as uneven as two or fewer pairs."""
    found = shift_of([([30, 42, 36, 50, 39], [24, 28, 33, 20, 35])])
    assert found is not None
    assert (found.middle, found.low, found.high, found.pairs) == (-11, -22, -1, 25)
    assert found.level == pytest.approx(1 - 2 * 4 / 252)


@pytest.mark.parametrize(
    ("before", "after", "critical"),
    [(3, 5, 0), (4, 4, 0), (5, 5, 2), (6, 6, 5), (7, 7, 8), (5, 8, 6), (10, 10, 23), (15, 15, 64), (20, 20, 127)],
)
def test_the_critical_values_of_printed_tables(before: int, after: int, critical: int) -> None:
    """Mann-Whitney, two-sided 0.05, as printed in statistics books since Auble (1953)."""
    chances = rank_sums(before, after)
    assert sum(chances[: critical + 1]) <= 0.025 < sum(chances[: critical + 2])


@pytest.mark.parametrize(("before", "after"), [(2, 3), (4, 4), (3, 6)])
def test_chances_are_those_of_counting_every_order(before: int, after: int) -> None:
    counted = [0] * (before * after + 1)
    for places in combinations(range(before + after), before):
        others = [one for one in range(before + after) if one not in places]
        counted[sum(two > one for one, two in product(places, others))] += 1
    assert rank_sums(before, after) == pytest.approx([count / sum(counted) for count in counted])


@given(NUMBERS, NUMBERS, st.integers(-500, 500))
@settings(max_examples=60)
def test_what_is_added_after_is_added_to_the_shift(before: list[int], after: list[int], more: int) -> None:
    one, two = shift_of([(before, after)]), shift_of([(before, [value + more for value in after])])
    assert one is not None
    assert two is not None
    assert (two.middle, two.low, two.high) == (one.middle + more, one.low + more, one.high + more)


@given(NUMBERS, NUMBERS)
@settings(max_examples=60)
def test_sides_exchanged_change_the_sign_alone(before: list[int], after: list[int]) -> None:
    one, two = shift_of([(before, after)]), shift_of([(after, before)])
    assert one is not None
    assert two is not None
    assert (two.middle, two.low, two.high) == (-one.middle, -one.high, -one.low)
    assert one.low <= one.middle <= one.high


@given(st.permutations(list(range(12))), st.integers(5, 7))
@settings(max_examples=40)
def test_the_interval_holds_the_shifts_that_the_rank_test_allows(order: list[int], cut: int) -> None:
    """By counting: moved back by a value inside the interval, the groups are not told apart at five in a hundred."""
    before, after = [3.0 * one for one in order[:cut]], [3.0 * one for one in order[cut:]]
    found = shift_of([(before, after)])
    assert found is not None

    def tail(shift: float) -> float:
        above = sum(two - shift > one for one in before for two in after)
        chances = rank_sums(len(before), len(after))
        return min(sum(chances[: above + 1]), sum(chances[above:]))

    assert tail(found.low + 0.5) > 0.025 >= tail(found.low - 0.5)
    assert tail(found.high - 0.5) > 0.025 >= tail(found.high + 0.5)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_intervals_hold_the_true_shift_as_often_as_they_say(shift: float) -> None:
    """Skew numbers as waiting times are, in strata with a season of their own; 600 towns from a fixed seed."""
    lot, held, level = random.Random(20261126), 0, 0.0
    for _ in range(600):
        strata = []
        for season in (0.0, 20.0, 70.0):
            before = [season + lot.expovariate(0.2) for _ in range(3)]
            strata.append((before, [season + shift + lot.expovariate(0.2) for _ in range(2)]))
        found = shift_of(strata)
        assert found is not None
        held += found.low <= shift <= found.high
        level = found.level
    assert level >= LEVEL
    assert abs(held / 600 - level) < 0.025


def test_season_is_taken_out_by_strata_and_would_mislead_without() -> None:
    winter, summer = [10.0, 11.0, 12.0, 10.5, 11.5], [50.0, 51.0, 52.0, 50.5, 51.5]
    before, after = [*winter, *summer[:1]], [*winter[:1], *summer]
    found, mixed = shift_of([(winter, winter[:2]), (summer[:2], summer)]), shift_of([(before, after)])
    assert found is not None
    assert mixed is not None
    assert found.low <= 0 <= found.high
    assert mixed.middle > 30


def test_too_few_numbers_have_no_interval() -> None:
    assert shift_of([]) is None
    assert shift_of([([1.0], [])]) is None
    assert shift_of([([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])]) is None
    assert lacking_halvings([(3, 3)]) == 1
    assert lacking_halvings([(1, 1)] * 4) == 2
    assert shift_of([([float(one)], [one + 2.0]) for one in range(6)]) is not None


def test_many_numbers_are_bounded_as_by_the_normal_distribution() -> None:
    lot = random.Random(7)
    before, after = [lot.gauss(0, 1) for _ in range(60)], [lot.gauss(1, 1) for _ in range(60)]
    found = shift_of([(before, after)])
    exact = shift_of([(before[:44], after[:44])])
    assert found is not None
    assert exact is not None
    assert found.pairs > EXACT_PAIRS > exact.pairs
    assert (found.is_exact, exact.is_exact) == (False, True)
    assert found.low <= 1 <= found.high
    assert found.middle == median(sorted(two - one for one in before for two in after))
