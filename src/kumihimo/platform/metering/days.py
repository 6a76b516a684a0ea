"""Days and months of a tenant: all are Japan's until a tenant has a zone of its own."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from kumihimo.base.errors import BadRequestData
from kumihimo.base.times import JST

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])\Z", re.ASCII)
_FIRST, _LAST = "2000-01", "9998-12"


def day_of(moment: datetime) -> str:
    """The day of a moment, as YYYY-MM-DD."""
    return moment.astimezone(JST).date().isoformat()


def span_of(day: str) -> tuple[datetime, datetime]:
    """The day's first moment, and the first one after it, in UTC."""
    first = date.fromisoformat(day)
    start = datetime(first.year, first.month, first.day, tzinfo=JST).astimezone(UTC)
    return start, start + timedelta(days=1)


def days_before(day: str, count: int) -> str:
    """The day that lies so many days before."""
    return (date.fromisoformat(day) - timedelta(days=count)).isoformat()


def check_month(text: str) -> str:
    """The month as given; BadRequestData where it is none."""
    if _MONTH.match(text) is None or not _FIRST <= text <= _LAST:
        raise BadRequestData(f"{text[:32]!r} is no month; write it like 2026-11")
    return text


def beside(month: str, step: int) -> str:
    """The month so many after it, or before it where step is below 0."""
    year, number = map(int, month.split("-"))
    whole = year * 12 + number - 1 + step
    return f"{whole // 12:04d}-{whole % 12 + 1:02d}"
