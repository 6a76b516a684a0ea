"""Moments as tables write them: ISO 8601, 2024/6/23 9:05, 20240623 0905, 2024年6月23日9時5分; 24:00 is the day's end.

A moment without a zone is one of the zone that was said. Japan's, without summer time, where nothing was said.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kumihimo.base.errors import BadRequestData
from kumihimo.base.times import EPOCH, JST

FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds."""
_DAY = 86_400_000_000
_DATE = r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{2})(\d{2}))"
_TIME = (
    r"(?:(\d{1,2})(?:[::時](\d{1,2})(?:[::分](\d{1,2})(?:[.,](\d{1,9}))?秒?|分)?|時)|(\d{2})(\d{2})(\d{2})?|(\d{1,2}))"
)
_ZONE = r"\s*(Z|JST|UTC|[+-]\d{2}:?\d{2})?"
_MOMENT = re.compile(rf"{_DATE}(?:(?:\s+|T)?{_TIME}{_ZONE})?\Z", re.ASCII | re.IGNORECASE)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})\Z", re.ASCII)


def zone_of(name: str) -> tzinfo:
    """The zone: JST, UTC, Z, an offset like +09:00, or a name like Asia/Tokyo. BadRequestData for anything else."""
    if name.upper() in ("JST", "ASIA/TOKYO"):
        return JST
    if name.upper() in ("UTC", "Z"):
        return UTC
    found = _OFFSET.match(name)
    if found is not None and int(found[2]) < 24 and int(found[3]) < 60:
        span = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-span if found[1] == "-" else span)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise BadRequestData(
            f"{name[:64]!r} is no time zone; write JST, UTC, an offset like +09:00, or a name like Asia/Tokyo"
        ) from problem


class Moments:
    """Reads moments; those without a zone are in the one given."""

    def __init__(self, zone: tzinfo = JST) -> None:
        self._zone = zone
        self._known = lru_cache(maxsize=4096)(self._find)  # many stations tell of the same moment

    def __call__(self, text: str) -> int:
        """Microseconds since the epoch. ValueError, with words, for what is no moment."""
        return self._known(text)

    def _find(self, text: str) -> int:
        found = _MOMENT.match(text) or _MOMENT.match(unicodedata.normalize("NFKC", text).strip())
        if found is None:
            raise ValueError(f"{text[:40]!r} is no date and time")
        year, month, day, month_, day_, hour, minute, second, fraction, hour_, minute_, second_, alone, zone = (
            found.groups()
        )
        span = _of_day(
            hour or hour_ or alone or "0", minute or minute_ or "0", second or second_ or "0", fraction or ""
        )
        try:
            return self._micros(int(year), int(month or month_), int(day or day_), (zone or "").upper(), span)
        except (ValueError, OverflowError) as problem:
            raise ValueError(f"{text[:40]!r} is no date and time: {problem}") from problem

    def _micros(self, year: int, month: int, day: int, zone: str, span: int) -> int:
        local = datetime.combine(date(year, month, day), datetime.min.time()) + timedelta(microseconds=span)
        found = (local.replace(tzinfo=zone_of(zone) if zone else self._zone) - EPOCH) // timedelta(microseconds=1)
        if not FIRST <= found <= LAST:
            raise ValueError("it leaves the years 1 to 9999 in UTC")
        return found


def _of_day(hour: str, minute: str, second: str, fraction: str) -> int:
    """Microseconds since midnight; 24:00 is the day's end."""
    hours, minutes, seconds = int(hour), int(minute), int(second)
    span = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0") or 0)
    if minutes > 59 or seconds > 59 or span > _DAY:
        raise ValueError(f"{hours}:{minutes:02}:{seconds:02} is no time of day")
    return span
