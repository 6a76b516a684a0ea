"""Days as people in Japan write them, for the ends of roles and agreements."""

from __future__ import annotations

from datetime import date, datetime

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.base.times import JST


def begin_of(day: str) -> int:
    """The first moment of a day like 2026-04-01, in microseconds. BadRequestData for what is no day."""
    try:
        found = date.fromisoformat(day.strip())
        return times.micros(datetime(found.year, found.month, found.day, tzinfo=JST))
    except (ValueError, OverflowError) as problem:
        said = f"{day[:40]!r} is no day; write it like 2026-04-01"
        raise BadRequestData(said).worded("refused.day", day=day[:40]) from problem


def end_of(day: str) -> int:
    """The first moment after a day like 2027-03-31, in microseconds. BadRequestData for what is no day."""
    return begin_of(day) + 86_400_000_000
