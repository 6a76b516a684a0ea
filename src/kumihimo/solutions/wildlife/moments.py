"""Days and times of day as Japanese offices write them, read as they are meant.

`R4.3.3`, `令和4年3月3日`, `2019/1/8`, `18時20分頃`, `18時30分〜;19時00分頃`, `夜間`, `不明`: each is read, or said not
to be known; none is guessed. Local time is Japan's, which has no daylight saving time.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta

from kumihimo.base import times
from kumihimo.base.times import JST
from kumihimo.solutions.wildlife.models import Moment

DAY_MINUTES = 24 * 60

ERAS = {
    "令和": date(2019, 5, 1),
    "R": date(2019, 5, 1),
    "平成": date(1989, 1, 8),
    "H": date(1989, 1, 8),
    "昭和": date(1926, 12, 25),
    "S": date(1926, 12, 25),
}
"""Eras by name and letter with their first day; year 1 (元年) is the year of that day."""

NIGHT = (18 * 60, 30 * 60)
"""What 夜間 may mean here: from 18:00 to 6:00 of the next day."""

_DAY = re.compile(
    r"(?P<era>令和|平成|昭和|[RHS])?(?P<y>\d{1,4}|元)[年./-](?P<m>\d{1,2})[月./-](?P<d>\d{1,2})日?\Z", re.ASCII
)
_TIME = re.compile(r"(\d{1,2})時(?:間)?(?:(\d{1,2})分?)?(頃)?\Z", re.ASCII)
_RANGE = re.compile(r"[~;-]+")
_NIGHT_WORDS = frozenset({"夜間", "夜", "夜間頃"})


def _plain(text: str) -> str:
    """The text in one width, without blanks; 〜 and ～ become ~."""
    wide = unicodedata.normalize("NFKC", text).replace("〜", "~").replace("元年", "1年")
    return re.sub(r"\s+", "", wide)


def read_day(text: str) -> date:
    """The day. Raises ValueError for what is none, with what is wrong.

    A day before its era's first day in the era's first calendar year is taken: offices write R1 for all of 2019.
    """
    found = _DAY.match(_plain(text))
    if found is None:
        raise ValueError(f"no day: {text[:40]!r}")
    year = 1 if found["y"] == "元" else int(found["y"])
    if found["era"]:
        if not 1 <= year <= 99:
            raise ValueError(f"no year of an era: {text[:40]!r}")
        year += ERAS[found["era"]].year - 1
    elif year < 1000:
        raise ValueError(f"a year without its era: {text[:40]!r}")
    return date(year, int(found["m"]), int(found["d"]))


def read_moment(text: str) -> Moment:
    """The time of day; precision "unknown" where the source says so or says nothing. ValueError for anything else."""
    plain = _plain(text)
    if plain in ("", "不明", "-"):
        return Moment("unknown")
    if plain in _NIGHT_WORDS:
        return Moment("night", *NIGHT, approximate=True)
    parts = [part for part in _RANGE.split(plain) if part]
    read = [_clock(part, text) for part in parts]
    if len(read) == 1:
        minute, is_hour, about = read[0]
        return Moment("hour" if is_hour else "minute", minute, None, approximate=about)
    if len(read) != 2:
        raise ValueError(f"no time of day: {text[:40]!r}")
    (start, _, one), (until, _, other) = read
    if until < start:
        until += DAY_MINUTES
    return Moment("range", start, until, approximate=one or other)


def _clock(part: str, text: str) -> tuple[int, bool, bool]:
    """Minutes since midnight, whether only the hour was said, whether it is approximate."""
    found = _TIME.match(part)
    if found is None:
        raise ValueError(f"no time of day: {text[:40]!r}")
    hour, minute = int(found[1]), int(found[2] or 0)
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise ValueError(f"no time of day: {text[:40]!r}")
    return hour * 60 + minute, found[2] is None, found[3] is not None


def micros_of(day: date, minute: int) -> int:
    """Microseconds since the epoch of a minute of a Japanese day; 1440 is midnight of the next."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=JST)
    return times.micros((midnight + timedelta(minutes=minute)).astimezone(UTC))


def local(at: int) -> datetime:
    """The moment in Japan's time."""
    return times.from_micros(at).astimezone(JST)
