"""By how much two groups of numbers differ: the Hodges-Lehmann shift with the exact interval of the rank-sum test.

Source: Hodges and Lehmann, "Estimates of location based on rank tests", Ann. Math. Statist. 34 (1963); Hollander and
Wolfe, "Nonparametric Statistical Methods" (1973), chapter 4. Groups may come in strata (the same months of the year):
then only numbers of one stratum are compared with each other, and the strata's rank sums are added up.

Chosen because it holds for five numbers as for fifty, asks for no bell curve, is not moved by one odd month, and gives
the same answer each time: nothing is drawn by lot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import comb, floor, log2, prod, sqrt
from statistics import median
from typing import Final

LEVEL: Final = 0.95
"""The share of cases in which an interval made this way holds the true shift, at least."""
_TAIL: Final = (1 - LEVEL) / 2
_NORMAL_TAIL: Final = 1.959964
"""How many standard deviations leave _TAIL of a normal distribution on a side."""
EXACT_PAIRS: Final = 2_000
"""Up to so many pairs the distribution is counted out; above it is near enough to a normal one."""

Stratum = tuple[Sequence[float], Sequence[float]]
"""The numbers before and those after, of what may be compared."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the second group lies above the first: the median of all differences, and the interval for it.

    level: the share of cases in which such an interval holds the true shift, 1.0 at most and LEVEL at least where it is
    exact; pairs: differences it was made of.
    """

    middle: float
    low: float
    high: float
    level: float
    pairs: int
    is_exact: bool


def shift_of(strata: Sequence[Stratum]) -> Shift | None:
    """The shift from the first to the second group; None where there are too few numbers for an interval."""
    used = [(before, after) for before, after in strata if before and after]
    sizes = [(len(before), len(after)) for before, after in used]
    differences = sorted(two - one for before, after in used for one in before for two in after)
    if not differences or lacking_halvings(sizes):
        return None
    pairs = len(differences)
    is_exact = pairs <= EXACT_PAIRS
    rank, level = _exact_rank(sizes) if is_exact else (_normal_rank(sizes), LEVEL)
    return Shift(median(differences), differences[rank - 1], differences[pairs - rank], level, pairs, is_exact)


def lacking_halvings(sizes: Sequence[tuple[int, int]]) -> int:
    """How often the chance that all numbers stand in the most uneven order must still be halved before an interval can
    be given: 0 where it can. One more stratum with a number on both sides halves it once.
    """
    orders = prod(comb(before + after, before) for before, after in sizes)
    needed = 1 / _TAIL
    return 0 if orders >= needed else _ceiling(log2(needed / orders))


def _ceiling(value: float) -> int:
    return -floor(-value)


def rank_sums(before: int, after: int) -> list[float]:
    """The chance of each value of the Mann-Whitney statistic, 0 to before*after, where the groups do not differ.

    The counts are the coefficients of a Gaussian binomial: the product over i of (1 - x^(after+i)) / (1 - x^i).
    """
    longest = before * after
    counts = [1] + [0] * longest
    for i in range(1, before + 1):
        for at in range(longest, after + i - 1, -1):
            counts[at] -= counts[at - after - i]
        for at in range(i, longest + 1):
            counts[at] += counts[at - i]
    orders = comb(before + after, before)
    return [count / orders for count in counts]


def _exact_rank(sizes: Sequence[tuple[int, int]]) -> tuple[int, float]:
    """Which of the sorted differences bounds the interval on each side, counted from 1; and the interval's level."""
    chances = [1.0]
    for before, after in sizes:
        chances = _both(chances, rank_sums(before, after))
    below = 0.0
    for rank, sum_ in enumerate(accumulate(chances)):
        if sum_ > _TAIL:
            return rank, 1 - 2 * below
        below = sum_
    raise AssertionError("chances add up to one")


def _both(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """The chances of the sum of two independent numbers."""
    found = [0.0] * (len(one) + len(other) - 1)
    for at, chance in enumerate(one):
        for step, more in enumerate(other):
            found[at + step] += chance * more
    return found


def _normal_rank(sizes: Sequence[tuple[int, int]]) -> int:
    pairs = sum(before * after for before, after in sizes)
    variance = sum(before * after * (before + after + 1) / 12 for before, after in sizes)
    return max(1, floor(pairs / 2 - _NORMAL_TAIL * sqrt(variance)))
