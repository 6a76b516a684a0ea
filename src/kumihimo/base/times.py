"""Moments as NGSI-LD writes them (ETSI GS CIM 009 clause 4.6.3) and as the stores keep them.

Stored form: whole microseconds since 1970-01-01T00:00:00Z, so that both engines order them alike.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JST: Final = timezone(timedelta(hours=9), "JST")
"""Japan's time, the same all year."""
_LONGEST = len("2024-06-23T10:00:00.123456Z")
_DATE_TIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,6})\d*)?(Z|[+-]\d{2}:\d{2})\Z", re.ASCII
)


def parse(text: str) -> datetime:
    """The moment that an ISO 8601 date-time with zone names, in UTC.

    Raises ValueError for anything else: no zone, "24:00", year 0, a date that does not exist, or a moment
    that leaves the years 1 to 9999 once it is brought to UTC.
    """
    found = _DATE_TIME.match(text)
    if found is None:
        raise ValueError(f"not a date-time with time zone: {text[:64]!r}")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    micros = int((fraction or "").ljust(6, "0"))
    try:
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micros, UTC)
        return local - _offset(zone)
    except OverflowError as problem:
        raise ValueError(f"date-time outside the years 1 to 9999: {text[:64]!r}") from problem


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"not a time zone: {zone}")
    span = timedelta(hours=hours, minutes=minutes)
    return -span if zone[0] == "-" else span


def kept(moment: str) -> str:
    """A moment as it is kept: in UTC, with a decimal point and microseconds at most; one that is so stays as it is."""
    if moment[-1:] == "Z" and len(moment) <= _LONGEST and "," not in moment:
        return moment
    return text(parse(moment))


def text(moment: datetime) -> str:
    """The moment in UTC as NGSI-LD writes it: milliseconds, or microseconds where there are any."""
    moment = moment.astimezone(UTC)
    base = moment.replace(tzinfo=None).isoformat(timespec="seconds")
    if moment.microsecond % 1000:
        return f"{base}.{moment.microsecond:06d}Z"
    return f"{base}.{moment.microsecond // 1000:03d}Z"


def micros(moment: datetime) -> int:
    """Whole microseconds since the epoch."""
    since = moment - EPOCH  # a timedelta divided by one says the same, and takes three times as long
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(value: int) -> datetime:
    """The moment, in UTC, of a stored number of microseconds."""
    return EPOCH + timedelta(microseconds=value)
