"""Durations of ISO 8601 and the periods into which they cut a span of time (clause 4.5.19.1)."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData, TooManyResults

MAX_PERIODS = 10_000
"""Periods of one attribute in an answer at most."""
_DURATION = re.compile(
    r"P(?:(\d{1,9})W|(?=\d|T\d)(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?"
    r"(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:[.,](\d{1,6}))?S)?)?)\Z",
    re.ASCII,
)
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_ALL_TIME = 10_000 * 366 * _DAY
"""Longer than all of time; no period need be longer, and the engines could not reckon with it."""
_LAST_MOMENT = times.micros(datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Duration:
    """Months, whose length depends on the calendar, and microseconds."""

    months: int
    micros: int

    @property
    def nothing(self) -> bool:
        """Whether it is 0, which stands for the whole range."""
        return self.months == 0 and self.micros == 0


WHOLE = Duration(0, 0)


def parse_duration(text: str) -> Duration:
    """The duration of a text like P1M, PT5M, P1DT12H or P2W; BadRequestData for what is none."""
    found = _DURATION.match(text)
    if found is None:
        raise BadRequestData(f"aggrPeriodDuration {text[:40]!r} is no duration like PT5M, P1D, P1M or P2W")
    weeks, years, months, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:7])
    fraction = int((found[8] or "").ljust(6, "0"))
    clock = ((hours * 60 + minutes) * 60 + seconds) * _SECOND + fraction
    return Duration(years * 12 + months, min((weeks * 7 + days) * _DAY + clock, _ALL_TIME))


class Periods:
    """The periods from an origin on; the last is the one that holds the last moment."""

    def __init__(self, duration: Duration, origin: int, end: int) -> None:
        self._micros = 0 if duration.months else duration.micros
        self._ends = (origin, end)
        self._bounds = _bounds(duration, origin, end) if duration.months else []

    @property
    def width(self) -> int:
        """Microseconds of a period where all are as long; 0 where they are not, or there is one."""
        return self._micros

    @property
    def bounds(self) -> list[int]:
        """The beginnings of periods that are not all as long, and the end of the last."""
        return self._bounds

    def number(self, moment: int) -> int:
        """Which period the moment is in."""
        if self._bounds:
            return bisect_right(self._bounds, moment) - 1
        return (moment - self._ends[0]) // self._micros if self._micros else 0

    def span(self, number: int) -> tuple[int, int]:
        """Beginning and end of a period, which ends with all of time at the latest."""
        if self._bounds:
            return self._bounds[number], min(self._bounds[number + 1], _LAST_MOMENT)
        if not self._micros:
            return self._ends
        start = self._ends[0] + number * self._micros
        return start, min(start + self._micros, _LAST_MOMENT)


def _bounds(duration: Duration, origin: int, end: int) -> list[int]:
    """Each beginning is counted from the origin, so that 31 January, 28 February and 31 March follow one another."""
    bounds = [origin]
    while bounds[-1] <= end:
        if len(bounds) > MAX_PERIODS:
            raise TooManyResults(
                f"the range has more than {MAX_PERIODS} periods; make them longer or the range shorter"
            )
        bounds.append(_later(duration, origin, len(bounds)))
    return bounds


def _later(duration: Duration, origin: int, count: int) -> int:
    """The moment so many durations after the origin; a day that the month does not have is its last."""
    start = times.from_micros(origin)
    months = start.year * 12 + start.month - 1 + duration.months * count
    year, month = divmod(months, 12)
    if year > 9998:
        return times.micros(start.replace(year=9999, month=12, day=31, hour=23, minute=59, second=59)) + _SECOND
    following = start.replace(year=year + month // 11, month=(month + 1) % 12 + 1, day=1)
    last = (following - timedelta(days=1)).day
    moved = start.replace(year=year, month=month + 1, day=min(start.day, last))
    return times.micros(moved) + duration.micros * count
