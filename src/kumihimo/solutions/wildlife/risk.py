"""Where bears are likely the next night, per H3 cell: a plain method that can be explained on one page.

A night is 16:00 to 9:00 of the next day, when people go home, walk the dog, and go to school. Expected sightings of a
cell = hour share x (level x season x place x (1 - a) + a x echo):
- place: past incidents, spread over the cells around them, older ones counting less, shrunk to the mean of all cells
  by a gamma prior (a cell without incidents is not safe, one with a single incident no hot spot);
- season: how many incidents the days around this day of the year had, shrunk to 1;
- level: what the last weeks had against what place and season led to expect, shrunk to 1: some autumns have many
  times the bears of others;
- echo: incidents of the last days in the cell and beside it, fading: where a bear was, it comes again;
- hour share: the part of incidents that falls into such a night.
It says nothing of why, knows no acorns and no weather, and counts reports, not bears.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import h3

from kumihimo.solutions.wildlife.models import Incident
from kumihimo.solutions.wildlife.moments import micros_of

RESOLUTION = 7
"""H3 cells of about 5 square kilometres, 1.4 km from side to side of a half."""

NIGHT_FROM, NIGHT_UNTIL = 16 * 60, 33 * 60
"""Minutes since midnight of the evening's day."""

AROUND = 3
"""Cells up to this many steps from a past incident are on the map."""

NOTHING = 1e-6
"""Shares below this are left out."""

SEASON_DAYS = 10
LEVEL_DAYS = 21
LEVEL_PRIOR = 5.0
"""As if so many incidents had been expected, and came, in the last weeks."""


@dataclass(frozen=True, slots=True)
class Event:
    """An incident as the map sees it. at in microseconds: when it is known; timed: at is when it happened."""

    at: int
    day: date
    cell: str
    timed: bool
    counts: bool
    """Whether it is one of those that are foretold: a sighting or an injury, of which the time is known."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The method's few numbers: spread in cells, half-life of an incident in days, prior in nights, the part and the
    fading time in days of the echo. Chosen by compare.tune on the nights of 2023, from what was known before each;
    2024 and 2025 had no part in it.
    """

    spread: float = 0.45
    half_life: float = 700.0
    prior: float = 10.0
    echo: float = 0.3
    fading: float = 7.0


def cell_of(lon: float, lat: float) -> str:
    """The H3 cell of a place."""
    return str(h3.latlng_to_cell(lat, lon, RESOLUTION))


def place_of(cell: str) -> tuple[float, float]:
    """Longitude and latitude of the cell's middle."""
    lat, lon = h3.cell_to_latlng(cell)
    return round(lon, 6), round(lat, 6)


def outline_of(cell: str) -> list[list[float]]:
    """The cell's corners as [lon, lat], closed: a ring of a GeoJSON polygon."""
    ring = [[round(lon, 6), round(lat, 6)] for lat, lon in h3.cell_to_boundary(cell)]
    return [*ring, ring[0]]


def events_of(incidents: Iterable[Incident]) -> list[Event]:
    """Incidents as events, in the order in which they are known: one without a time of day at the end of its day."""
    found = [
        Event(
            at=one.at if one.at is not None else micros_of(one.day, 24 * 60),
            day=one.day,
            cell=cell_of(one.lon, one.lat),
            timed=one.at is not None,
            counts=one.at is not None and one.kind != "trace",
        )
        for one in incidents
    ]
    return sorted(found, key=lambda event: (event.at, event.cell))


def night_of(day: date) -> tuple[int, int]:
    """Begin and end of the night that begins on this day, in microseconds."""
    return micros_of(day, NIGHT_FROM), micros_of(day, NIGHT_UNTIL)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected in the night that begins on `day`: sightings per cell, and the parts that led to it."""

    day: date
    expected: dict[str, float]
    level: float
    season: float
    hours: float
    known: int
    """How many incidents it rests on."""

    def chance(self, cell: str) -> float:
        """The chance of at least one sighting in the cell."""
        return -math.expm1(-self.expected.get(cell, 0.0))

    def ranked(self) -> list[str]:
        """The cells, the likeliest first; those alike in the order of their names."""
        return sorted(self.expected, key=lambda cell: (-self.expected[cell], cell))


class RiskMap:
    """Learns events in order of time, and says for a night what it expects of what it has learnt. It never holds an
    event that it was not given: whoever gives it only the past cannot make it peek.
    """

    def __init__(self, cells: Sequence[str], first: date, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._cells = sorted(cells)
        self._place = dict.fromkeys(self._cells, 0.0)
        self._first = first
        self._recent: list[Event] = []
        self._by_day: dict[date, int] = {}
        self._night = self.known = 0
        self._newest = 0

    def learn(self, event: Event) -> None:
        """Takes one event. ValueError for one that is older than the newest: the order is the proof of no peeking."""
        if event.at < self._newest:
            raise ValueError("events are learnt in the order in which they are known")
        self._newest = event.at
        # Weights grow with time instead of all old ones fading: only their relation matters.
        weight = 2.0 ** ((event.day - self._first).days / self.settings.half_life)
        for cell, share in spread(event.cell, self.settings.spread):
            if cell in self._place:
                self._place[cell] += weight * share
        self._recent.append(event)
        self._by_day[event.day] = self._by_day.get(event.day, 0) + 1
        self.known += 1
        self._night += is_foretold(event)

    def forecast(self, day: date) -> Forecast:
        """What is expected in the night that begins on `day`. ValueError where something younger was learnt."""
        if self._newest > night_of(day)[0]:
            raise ValueError("the map has learnt what happened after the night began")
        place, season = self._placed(day), self._season(day)
        level = self._level(day, season)
        hours = (self._night + 1.0) / (self.known + 2.0)
        echo = self._echo(day)
        part = self.settings.echo
        expected = {
            cell: hours * (level * season * rate * (1 - part) + part * echo.get(cell, 0.0))
            for cell, rate in place.items()
        }
        return Forecast(day, expected, level, season, hours, self.known)

    # --- the parts ---------------------------------------------------------------------------------------

    def _placed(self, day: date) -> dict[str, float]:
        """Incidents per cell and day in a usual year: weighted counts over weighted days, with a gamma prior."""
        half_life = self.settings.half_life
        days = max(1, (day - self._first).days)
        now = 2.0 ** (days / half_life)
        weighted_days = half_life / math.log(2) * (1 - 1 / now)
        total = sum(self._place.values()) / now
        mean = total / weighted_days / max(1, len(self._place))
        prior = self.settings.prior
        return {cell: (weight / now + prior * mean) / (weighted_days + prior) for cell, weight in self._place.items()}

    def _season(self, day: date) -> float:
        """How the days around this day of the year stand against a usual day: past years, and this one so far."""
        count = days = 0.0
        year = day.year
        while date(year, 1, 1) >= date(self._first.year, 1, 1):
            middle = _same_day(day, year)
            for shift in range(-2 * SEASON_DAYS, 2 * SEASON_DAYS + 1):
                one = middle + timedelta(days=shift)
                if self._first <= one < day:
                    weight = math.exp(-0.5 * (shift / SEASON_DAYS) ** 2)
                    count += weight * self._by_day.get(one, 0)
                    days += weight
            year -= 1
        usual = self.known / max(1, (day - self._first).days)
        shrink = float(SEASON_DAYS)
        return ((count + shrink * usual) / (days + shrink)) / usual if usual else 1.0

    def _level(self, day: date, season: float) -> float:
        """What came in the last weeks against what place and season led to expect."""
        start = max(self._first, day - timedelta(days=LEVEL_DAYS))
        came = sum(self._by_day.get(start + timedelta(days=shift), 0) for shift in range((day - start).days))
        usual = self.known / max(1, (day - self._first).days)
        hoped = usual * season * (day - start).days
        return (came + LEVEL_PRIOR) / (hoped + LEVEL_PRIOR)

    def _echo(self, day: date) -> dict[str, float]:
        """Incidents of the last days, spread and fading, per day."""
        fading = self.settings.fading
        now = night_of(day)[0]
        self._recent = [event for event in self._recent if (day - event.day).days <= 5 * fading]
        found: dict[str, float] = {}
        for event in self._recent:
            age = max(0.0, (now - event.at) / 86_400_000_000)
            for cell, share in spread(event.cell, self.settings.spread):
                found[cell] = found.get(cell, 0.0) + share * math.exp(-age / fading) / fading
        return found


def _same_day(day: date, year: int) -> date:
    return date(year, day.month, min(day.day, 28) if day.month == 2 else day.day)


def is_foretold(event: Event) -> bool:
    """Whether the event is one of those that a night's forecast is about: its time is known, and inside a night."""
    minute = (event.at - micros_of(event.day, 0)) // 60_000_000
    return event.counts and (minute >= NIGHT_FROM or minute < NIGHT_UNTIL - 24 * 60)


_SPREADS: dict[tuple[str, float], tuple[tuple[str, float], ...]] = {}


def spread(cell: str, width: float) -> tuple[tuple[str, float], ...]:
    """The cells around one with their shares (in all 1): a bell of `width` cells, cut at AROUND."""
    found = _SPREADS.get((cell, width))
    if found is None:
        rings = [(step, one) for step in range(AROUND + 1) for one in h3.grid_ring(cell, step)]
        weights = [(one, math.exp(-0.5 * (step / width) ** 2)) for step, one in rings]
        whole = sum(weight for _, weight in weights)
        found = tuple((one, weight / whole) for one, weight in weights if weight > NOTHING * whole)
        if len(_SPREADS) > 20_000:
            _SPREADS.clear()
        _SPREADS[cell, width] = found
    return found


def cells_around(events: Iterable[Event]) -> list[str]:
    """The cells that the map covers: those of these events, and those up to AROUND steps from them."""
    found: set[str] = set()
    for cell in {event.cell for event in events}:
        found.update(h3.grid_disk(cell, AROUND))
    return sorted(found)
