"""Before and after: what a KPI's figures can tell of a day on which something was changed, and what they cannot.

Nothing here says that a measure worked. Figures before and after a day differ for many reasons; the difference is given
with its uncertainty, and "too few data" is an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median
from typing import Final, Literal

from kumihimo.base import times
from kumihimo.base.times import JST
from kumihimo.service.kpi.models import Figure
from kumihimo.service.kpi.shift import Shift, lacking_halvings, shift_of

LEAST: Final = 5
"""So many figures are needed before and after."""
MOST: Final = 300
"""So many figures on a side are looked at, those nearest to the day."""

Basis = Literal["months", "all"]
"""months: a figure is compared with those of the same month of the year alone; all: with every one."""
Verdict = Literal["lower", "higher", "unclear", "too-few"]


@dataclass(frozen=True, slots=True)
class Point:
    """What is compared: a figure, or the median of those that fall on one day, since one event counts once.

    at: the beginning, in microseconds; count: figures it was made of.
    """

    at: int
    value: float
    count: int = 1

    @property
    def day(self) -> date:
        """Its day in Japan's time."""
        return times.from_micros(self.at).astimezone(JST).date()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Figures that are not compared: without a value; of a span that the day divides; of a span that is not over; of a
    month that has none on the other side; beyond MOST.
    """

    unknown: int = 0
    divided: int = 0
    unfinished: int = 0
    unmatched: int = 0
    older: int = 0


@dataclass(frozen=True, slots=True)
class Lacking:
    """What is missing for an answer: figures before, figures after, months that have figures on both sides."""

    before: int = 0
    after: int = 0
    months: int = 0


@dataclass(frozen=True, slots=True)
class MonthRow:
    """A month of the year (1 to 12; 0 for all together): how many points and their median, before and after."""

    month: int
    before: int
    after: int
    middle_before: float | None
    middle_after: float | None


@dataclass(frozen=True, slots=True)
class Effect:
    """The answer. before and after: the points that were compared; rows: those by month of the year."""

    day: date
    basis: Basis
    verdict: Verdict
    before: tuple[Point, ...]
    after: tuple[Point, ...]
    rows: tuple[MonthRow, ...]
    left_out: LeftOut
    lacking: Lacking = field(default_factory=Lacking)
    shift: Shift | None = None


def begins(day: date) -> int:
    """The first moment of a day of Japan's time, in microseconds."""
    return times.micros(datetime(day.year, day.month, day.day, tzinfo=JST))


def effect_of(figures: Sequence[Figure], day: date, now: int, basis: Basis = "months") -> Effect:
    """The figures from a day on against those before it.

    A span that the day divides, and one that is not over, says nothing of either side. With the basis "months" season
    is taken out: a June is compared with Junes. now in microseconds.
    """
    cut = begins(day)
    known = [one for one in figures if one.state == "known" and one.value is not None]
    whole = [one for one in known if one.is_over(now)]
    sided = [one for one in whole if not one.at < cut < one.until]
    before, older = _nearest(points_of(one for one in sided if one.at < cut), newest=True)
    after, newer = _nearest(points_of(one for one in sided if one.at >= cut), newest=False)
    unmatched = 0
    if basis == "months":
        shared = {one.day.month for one in before} & {one.day.month for one in after}
        unmatched = sum(one.day.month not in shared for one in (*before, *after))
        before = [one for one in before if one.day.month in shared]
        after = [one for one in after if one.day.month in shared]
    left_out = LeftOut(
        unknown=len(figures) - len(known),
        divided=len(whole) - len(sided),
        unfinished=len(known) - len(whole),
        unmatched=unmatched,
        older=older + newer,
    )
    return _answer(day, basis, before, after, left_out)


def points_of(figures: Iterable[Figure]) -> list[Point]:
    """What is compared, in order of time: the figures of one day (Japan's) are one event's, which counts once. One of
    things as they are now stands in no series.
    """
    days: dict[date, list[Figure]] = {}
    for one in figures:
        if not one.is_now:
            days.setdefault(Point(one.at, 0.0).day, []).append(one)
    found = [
        Point(min(one.at for one in many), median(one.value for one in many if one.value is not None), len(many))
        for many in days.values()
    ]
    return sorted(found, key=lambda one: one.at)


def _nearest(points: list[Point], *, newest: bool) -> tuple[list[Point], int]:
    kept = points[-MOST:] if newest else points[:MOST]
    return kept, len(points) - len(kept)


def _answer(day: date, basis: Basis, before: list[Point], after: list[Point], left_out: LeftOut) -> Effect:
    key: Callable[[Point], int] = (lambda one: one.day.month) if basis == "months" else (lambda _: 0)
    strata = _strata(before, after, key)
    lacking = _lacking(basis, strata, len(before), len(after))
    shift = shift_of(list(strata.values())) if lacking == Lacking() else None
    rows = tuple(
        MonthRow(month, len(one), len(two), median(one) if one else None, median(two) if two else None)
        for month, (one, two) in sorted(strata.items())
    )
    return Effect(day, basis, verdict_of(shift), tuple(before), tuple(after), rows, left_out, lacking, shift)


def verdict_of(shift: Shift | None) -> Verdict:
    """What an interval says: it lies below nothing, above it, or holds it."""
    if shift is None:
        return "too-few"
    if shift.high < 0:
        return "lower"
    return "higher" if shift.low > 0 else "unclear"


def _strata(
    before: Iterable[Point], after: Iterable[Point], key: Callable[[Point], int]
) -> dict[int, tuple[list[float], list[float]]]:
    found: dict[int, tuple[list[float], list[float]]] = {}
    for side, points in enumerate((before, after)):
        for one in points:
            found.setdefault(key(one), ([], []))[side].append(one.value)
    return found


def _lacking(
    basis: Basis, strata: dict[int, tuple[list[float], list[float]]], count_before: int, count_after: int
) -> Lacking:
    before, after = max(0, LEAST - count_before), max(0, LEAST - count_after)
    if basis == "all":
        return Lacking(before, after)
    halvings = lacking_halvings([(len(one), len(two)) for one, two in strata.values() if one and two])
    return Lacking(months=max(before, after, halvings))


# --- towns ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Beside:
    """How far another town's figures lie above one's own, in the same months of the same years; months that both have,
    and how many more are needed.
    """

    verdict: Verdict
    months: int
    lacking: int
    shift: Shift | None


def beside(own: Sequence[Point], other: Sequence[Point]) -> Beside:
    """Another town's points against one's own; only months (of one year) in which both have any are compared."""
    months: dict[tuple[int, int], tuple[list[float], list[float]]] = {}
    for side, points in enumerate((own, other)):
        for one in points[-MOST:]:
            months.setdefault((one.day.year, one.day.month), ([], []))[side].append(one.value)
    shared = [(one, two) for one, two in months.values() if one and two]
    short = max(LEAST - len(shared), lacking_halvings([(len(one), len(two)) for one, two in shared]), 0)
    shift = None if short else shift_of(shared)
    return Beside(verdict_of(shift), len(shared), short, shift)
