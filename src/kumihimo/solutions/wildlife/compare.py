"""The risk map against a naive map (counts of the past per cell) on later nights that neither has seen.

Both learn everything up to the begin of each night and nothing after it. Two measures: the logarithmic score (a proper
one: it is best for him who says what he believes), and how many of the sightings fell into the k cells that were named
first. The nights are drawn again in blocks of weeks (bootstrap), so that one bad week does not decide; where the
interval holds 0, no difference is shown.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import islice, product, takewhile
from typing import Literal

from kumihimo.solutions.wildlife.risk import Event, Forecast, RiskMap, Settings, cells_around, is_foretold, night_of

Verdict = Literal["better", "worse", "no-difference", "too-few"]
TOP = 20
TUNED_ON = (date(2023, 1, 1), date(2023, 12, 31))
UNSEEN = (date(2024, 1, 1), date(2025, 6, 18))
"""The nights on which the settings were chosen, and those on which the maps are compared: to the end of the data."""

FEWEST_BEFORE, FEWEST_AFTER = 200, 50
"""Below these many incidents before the split, or foretold sightings after it, nothing is said."""

DRAWS = 2000
BLOCK = 7


@dataclass(frozen=True, slots=True)
class NightScore:
    """One night: sightings, and for each map the log score (natural logarithm, higher is better) and how many
    sightings fell into its TOP first cells.
    """

    day: date
    sightings: int
    outside: int
    scores: tuple[float, float]
    hits: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference (risk map minus naive map) with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out. sightings: those that were foretold, of which outside lay outside the map (both miss them);
    score: difference of the log score per sighting; hits: of the share in the TOP first cells; hit_rates of both.
    """

    verdict: Verdict
    first: date
    last: date
    nights: int
    known: int
    sightings: int
    outside: int
    cells: int
    score: Interval | None = None
    hits: Interval | None = None
    hit_rates: tuple[float, float] = (0.0, 0.0)
    hit_verdict: Verdict = "too-few"


class NaiveMap:
    """What an office does by hand: how often each cell had a sighting at night in the past, the same for each night.
    Half an incident is added to each cell, so that it says nowhere "never".
    """

    def __init__(self, cells: Sequence[str], first: date) -> None:
        self._counts = dict.fromkeys(cells, 0)
        self._first = first
        self._known = self._night = 0

    def learn(self, event: Event) -> None:
        """Takes one event."""
        if event.cell in self._counts:
            self._counts[event.cell] += 1
        self._known += 1
        self._night += is_foretold(event)

    def forecast(self, day: date) -> Forecast:
        """Expected sightings per cell, in all as many as a night of the past had in the mean."""
        nights = max(1, (day - self._first).days)
        per_night = (self._night + 0.5) / nights
        whole = sum(self._counts.values()) + 0.5 * len(self._counts)
        expected = {cell: per_night * (count + 0.5) / whole for cell, count in self._counts.items()}
        return Forecast(day, expected, 1.0, 1.0, per_night, self._known)


def nights_of(events: Sequence[Event], split: date, last: date, settings: Settings | None = None) -> list[NightScore]:
    """The scores of each night from `split` to `last`. events in order (risk.events_of); the cells of the map are
    those around events before the split.
    """
    begin = night_of(split)[0]
    before = [event for event in events if event.at < begin]
    if not before:
        return []
    cells = cells_around(before)
    maps = (RiskMap(cells, before[0].day, settings), NaiveMap(cells, before[0].day))
    scores, at = [], 0
    for shift in range((last - split).days + 1):
        day = split + timedelta(days=shift)
        start, end = night_of(day)
        while at < len(events) and events[at].at < start:
            for one in maps:
                one.learn(events[at])
            at += 1
        came = [event.cell for event in takewhile(partial(_before, end), islice(events, at, None)) if event.counts]
        scores.append(_score(day, came, maps[0].forecast(day), maps[1].forecast(day)))
    return scores


def _before(end: int, event: Event) -> bool:
    return event.at < end


def _score(day: date, came: Sequence[str], risk: Forecast, naive: Forecast) -> NightScore:
    inside = [cell for cell in came if cell in risk.expected]
    return NightScore(
        day,
        len(came),
        len(came) - len(inside),
        (log_score(risk, inside), log_score(naive, inside)),
        (_hits(risk, inside), _hits(naive, inside)),
    )


def log_score(forecast: Forecast, came: Sequence[str]) -> float:
    """The logarithm of the Poisson chance of just these sightings, over all cells."""
    score = -sum(forecast.expected.values())
    for cell in set(came):
        count = came.count(cell)
        score += count * math.log(forecast.expected[cell]) - math.lgamma(count + 1)
    return score


def _hits(forecast: Forecast, came: Sequence[str]) -> int:
    if not came:
        return 0
    first = set(forecast.ranked()[:TOP])
    return sum(cell in first for cell in came)


def compare(events: Sequence[Event], split: date, last: date, settings: Settings | None = None) -> Comparison:
    """The comparison on the nights from `split` to `last`, whatever comes out."""
    known = sum(event.at < night_of(split)[0] for event in events)
    nights = nights_of(events, split, last, settings)
    sightings = sum(one.sightings for one in nights)
    outside = sum(one.outside for one in nights)
    cells = len(cells_around([event for event in events if event.at < night_of(split)[0]]))
    result = Comparison("too-few", split, last, len(nights), known, sightings, outside, cells)
    if known < FEWEST_BEFORE or sightings < FEWEST_AFTER:
        return result
    score = _interval(nights, [one.scores[0] - one.scores[1] for one in nights])
    hits = _interval(nights, [float(one.hits[0] - one.hits[1]) for one in nights])
    rates = tuple(sum(one.hits[which] for one in nights) / sightings for which in (0, 1))
    return replace(
        result,
        verdict=_verdict(score),
        score=score,
        hits=hits,
        hit_rates=(rates[0], rates[1]),
        hit_verdict=_verdict(hits),
    )


def _verdict(one: Interval) -> Verdict:
    return "better" if one.low > 0 else "worse" if one.high < 0 else "no-difference"


def _interval(nights: Sequence[NightScore], differences: Sequence[float]) -> Interval:
    """The difference per sighting; its interval from drawing whole weeks again. The draws are always the same."""
    blocks = [
        (sum(differences[at : at + BLOCK]), sum(one.sightings for one in nights[at : at + BLOCK]))
        for at in range(0, len(nights), BLOCK)
    ]
    draw = random.Random(20190501)  # noqa: S311 - a resampling, no secret
    found = []
    for _ in range(DRAWS):
        drawn = draw.choices(blocks, k=len(blocks))
        count = sum(sightings for _, sightings in drawn)
        found.append(sum(difference for difference, _ in drawn) / count if count else 0.0)
    found.sort()
    value = sum(differences) / sum(one.sightings for one in nights)
    return Interval(value, found[int(0.025 * DRAWS)], found[int(0.975 * DRAWS) - 1])


def tune(events: Sequence[Event], split: date, last: date) -> tuple[Settings, float]:
    """The settings with the best log score on the nights from `split` to `last`, out of a small grid, and that score.
    Of the events after `last` it sees none.
    """
    seen = [event for event in events if event.at < night_of(last)[1]]
    found = []
    for spread, half_life, prior, echo, fading in product(*GRID):
        settings = Settings(spread, half_life, prior, echo, fading)
        score = sum(one.scores[0] for one in nights_of(seen, split, last, settings))
        found.append((score, settings))
    best = max(found, key=lambda pair: pair[0])
    return best[1], best[0]


GRID = ((0.3, 0.45, 0.6), (500.0, 700.0, 1000.0), (5.0, 10.0, 20.0), (0.2, 0.3, 0.4), (5.0, 7.0, 10.0))
