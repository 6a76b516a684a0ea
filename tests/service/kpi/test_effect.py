"""Before and after a day: season, spans that the day divides, what is not over, and too few data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from kumihimo.service.kpi.effect import LEAST, Lacking, LeftOut, Point, begins, beside, effect_of, points_of
from kumihimo.service.kpi.models import Figure

WORDS = {"ja": "例", "en": "example"}
NOW = begins(date(2026, 11, 26))


def month(year: int, number: int, value: float | None) -> Figure:
    at, until = begins(date(year, number, 1)), begins(date(year + number // 12, number % 12 + 1, 1))
    return Figure(
        f"a.{year}-{number:02}",
        "a",
        "s",
        WORDS,
        at,
        "known" if value is not None else "not-reached",
        value,
        (),
        "",
        None,
        until,
    )


def years(first: int, last: int, value: float) -> list[Figure]:
    """Every month of these years, with a season that is larger than anything else."""
    return [month(year, number, value + 10 * number) for year in range(first, last + 1) for number in range(1, 13)]


def test_season_is_no_effect() -> None:
    """The months from July to December are higher, whatever is done in July."""
    found = effect_of(
        [month(2025, number, 10.0 * number + number % 3) for number in range(1, 13)], date(2025, 7, 1), NOW, "all"
    )
    assert (found.verdict, len(found.before), len(found.after)) == ("higher", 6, 6)
    matched = effect_of([*years(2024, 2024, 0), *years(2025, 2025, 0)], date(2025, 1, 1), NOW)
    assert matched.shift is not None
    assert (matched.verdict, matched.shift.low, matched.shift.high) == ("unclear", 0, 0)


def test_the_same_months_are_compared_and_a_change_is_found() -> None:
    found = effect_of([*years(2023, 2024, 100), *years(2025, 2025, 92)], date(2025, 1, 1), NOW)
    assert found.shift is not None
    assert (found.verdict, found.shift.middle, found.shift.high) == ("lower", -8, -8)
    assert [(row.month, row.before, row.after) for row in found.rows] == [(number, 2, 1) for number in range(1, 13)]
    assert (found.rows[5].middle_before, found.rows[5].middle_after) == (160, 152)


def test_months_without_a_partner_are_left_out_and_counted() -> None:
    found = effect_of([*years(2024, 2024, 1), month(2025, 3, 31), month(2025, 4, 42)], date(2025, 1, 1), NOW)
    assert found.verdict == "too-few"
    assert found.left_out == LeftOut(unmatched=10)
    assert found.lacking == Lacking(months=4)
    assert found.shift is None


def test_a_span_that_the_day_divides_or_that_is_not_over_says_nothing() -> None:
    figures = [*years(2024, 2025, 5), month(2026, 11, 900), month(2026, 1, None)]
    found = effect_of(figures, date(2025, 6, 15), NOW, "all")
    assert found.left_out == LeftOut(unknown=1, divided=1, unfinished=1)
    assert date(2025, 6, 1) not in {one.day for one in (*found.before, *found.after)}
    first = effect_of(figures, date(2025, 6, 1), NOW, "all")
    assert first.left_out.divided == 0
    assert first.after[0].day == date(2025, 6, 1)


def test_too_few_says_how_many_are_missing() -> None:
    figures = [month(2025, number, number) for number in (1, 2, 7, 8, 9)]
    found = effect_of(figures, date(2025, 6, 1), NOW, "all")
    assert (found.verdict, found.lacking) == ("too-few", Lacking(LEAST - 2, LEAST - 3))
    nothing = effect_of([], date(2025, 6, 1), NOW)
    assert (nothing.verdict, nothing.lacking) == ("too-few", Lacking(months=6))


def test_what_is_lacking_is_enough_when_it_has_come() -> None:
    figures = [month(2024, number, number) for number in range(1, 13)] + [month(2025, 1, 4)]
    found = effect_of(figures, date(2025, 1, 1), NOW)
    more = [month(2025, number, number + 3) for number in range(2, 2 + found.lacking.months)]
    assert effect_of([*figures, *more], date(2025, 1, 1), NOW).shift is not None
    assert effect_of([*figures, *more[:-1]], date(2025, 1, 1), NOW).shift is None


def test_one_flood_at_many_gauges_counts_once() -> None:
    """Eight gauges of one day are no eight events."""
    flood = [
        replace(month(2025, 6, value), until=0, at=begins(date(2025, 6, 20)) + 3600 * value * 1_000_000)
        for value in range(8)
    ]
    assert points_of(flood) == [Point(begins(date(2025, 6, 20)), 3.5, 8)]
    late = replace(flood[0], at=begins(date(2025, 6, 21)) - 1)
    assert points_of([late])[0].day == date(2025, 6, 20)
    assert begins(date(2025, 6, 21)) % (24 * 3600 * 1_000_000) == 15 * 3600 * 1_000_000


def test_towns_are_compared_in_the_months_that_both_have() -> None:
    own, other = points_of(years(2024, 2024, 5)), points_of(years(2024, 2025, 9))
    found = beside(own, other)
    assert found.shift is not None
    assert (found.verdict, found.months, found.shift.middle) == ("higher", 12, 4)
    few = beside(own[:3], other)
    assert (few.verdict, few.months, few.lacking, few.shift) == ("too-few", 3, 3, None)
    assert beside([], other).verdict == "too-few"
