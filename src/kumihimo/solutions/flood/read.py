"""The real data, read with its faults: each is counted, none is filled in.

Columns and faults are described in data/ATTRIBUTION.md and in `docs` of the wing.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources

from kumihimo.base import times
from kumihimo.base.times import JST
from kumihimo.solutions.flood.geo3x3 import decode
from kumihimo.solutions.flood.models import Faults, Gauge, RainStation, Recorded, Thresholds

SEA_LEVEL_FROM = 100.0
"""A level above this many metres cannot be a depth of these rivers: the gauge counts from sea level."""

_LOCAL = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})\Z", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?\Z", re.ASCII)
_SN = re.compile(r"[?&]sn=(\d+)")
_TOWN = re.compile(r"(?:(?:.{1,5}?郡)?)([^\s]{1,6}?[市町村])")
_OFFICIAL = {
    "standby": "水防団待機水位(通報水位)(m)",
    "caution": "はん濫注意水位(警戒水位)(m)",
    "evacuation": "避難判断水位(特別警戒水位)(m)",
    "danger": "はん濫危険水位(危険水位)(m)",
}


def data_text(name: str) -> str:
    """A file of this wing's data folder as text; unpacked where it ends in .gz."""
    body = resources.files("kumihimo.solutions.flood").joinpath("data", name).read_bytes()
    return (gzip.decompress(body) if name.endswith(".gz") else body).decode("utf-8-sig")


def local_time(text: str) -> int:
    """Microseconds of a Japanese local time "YYYY-MM-DDTHH:MM"; "24:00" is midnight of the next day.

    Raises ValueError for anything else.
    """
    found = _LOCAL.match(text)
    if found is None:
        raise ValueError(f"no local time: {text[:40]!r}")
    year, month, day, hour, minute = (int(part) for part in found.groups())
    extra = timedelta(0)
    if hour == 24 and minute == 0:
        hour, extra = 0, timedelta(days=1)
    try:
        return times.micros((datetime(year, month, day, hour, minute, tzinfo=JST) + extra).astimezone(UTC))
    except OverflowError as problem:
        raise ValueError(f"outside the calendar: {text[:40]!r}") from problem


def number(text: str) -> float | None:
    """The number in a cell; None where it is empty, "*", dashes or anything else that is no plain number."""
    cleaned = unicodedata.normalize("NFKC", text).strip()
    if not _NUMBER.match(cleaned):
        return None
    value = float(cleaned)
    return value if math.isfinite(value) else None


def plain_name(text: str) -> str:
    """A name for comparing the two lists: same width, small ッ and の/ノ alike, no blanks, no "-(国)"."""
    name = unicodedata.normalize("NFKC", text)
    name = re.sub(r"-\(国\)\Z|\s", "", name)
    return name.replace("ッ", "ツ").replace("の", "ノ")


def municipality(address: str) -> str:
    """The town's name at the head of an address, without its county; "" where there is none."""
    found = _TOWN.match(address)
    return found.group(1) if found else ""


def parse_levels(source: str, known: Iterable[str], faults: Faults) -> list[Recorded]:
    """Readings of a level file, in order of time, then gauge; of those said twice, the last.

    Faults counted: midnight-24, blank, asterisk, not-a-number, bad-time, unknown-gauge, duplicate, correction,
    out-of-order, day-before.
    """
    gauges = set(known)
    found: dict[tuple[int, str], float] = {}
    newest = 0
    for row in csv.DictReader(io.StringIO(source)):
        when, cell, gauge = row.get("日時") or "", row.get("河川水位") or "", row.get("id") or ""
        value = _level(when, cell, gauge, faults)
        if value is None:
            continue
        if gauge not in gauges:
            faults.note("unknown-gauge", f"{gauge} {when}")
            continue
        at = local_time(when)
        if at < newest:
            faults.note("out-of-order", f"{gauge} {when}")
        newest = max(newest, at)
        if (at, gauge) in found:
            faults.note("duplicate" if found[at, gauge] == value else "correction", f"{gauge} {when} {cell}")
        found[at, gauge] = value
    return [Recorded(gauge, at, value) for (at, gauge), value in sorted(found.items(), key=_order)]


def _order(item: tuple[tuple[int, str], float]) -> tuple[int, int, str]:
    (at, gauge), _ = item
    return at, len(gauge), gauge


def _level(when: str, cell: str, gauge: str, faults: Faults) -> float | None:
    """The value of one row, None (counted) where there is none."""
    try:
        local_time(when)
    except ValueError:
        faults.note("bad-time", f"{gauge} {when}")
        return None
    if when.endswith("T24:00"):
        faults.note("midnight-24", f"{gauge} {when}")
    value = number(cell)
    if value is None:
        kind = {"": "blank", "*": "asterisk"}.get(cell.strip(), "not-a-number")
        faults.note(kind, f"{gauge} {when} {cell!r}")
    return value


def parse_gauges(sensors: str, official: str, faults: Faults) -> list[Gauge]:
    """Gauges of the sensor list; position and zero from the official list (joined by `sn=`, else by name and
    river), else the position of the Geo3x3 code. The thresholds are the sensor list's.

    Faults counted: no-official-row, joined-by-name, name-differs, thresholds-differ, no-position.
    """
    by_number, by_name = _index(csv.DictReader(io.StringIO(official)))
    gauges = []
    for row in csv.DictReader(io.StringIO(sensors)):
        other = by_number.get(_station(row["url"]))
        if other is None:
            other = by_name.get((plain_name(row["観測所名"]), plain_name(row["河川名"])))
            faults.note("joined-by-name" if other else "no-official-row", f"{row['id']} {row['観測所名']}")
        gauge = _gauge(row, other, faults)
        if gauge is not None:
            gauges.append(gauge)
    return gauges


def _station(url: str) -> str:
    found = _SN.search(url)
    return found.group(1) if found else "?"


Rows = Mapping[str, str]


def _index(rows: Iterable[Rows]) -> tuple[dict[str, Rows], dict[tuple[str, str], Rows]]:
    by_number: dict[str, Rows] = {}
    by_name: dict[tuple[str, str], Rows] = {}
    for row in rows:
        if _SN.search(row["URL"]):
            by_number[_station(row["URL"])] = row
        by_name[plain_name(row["観測所名"]), plain_name(row["河 川 名"])] = row
    return by_number, by_name


def _gauge(row: Rows, other: Rows | None, faults: Faults) -> Gauge | None:
    label = f"{row['id']} {row['観測所名']}"
    thresholds = Thresholds(
        *(number(row[name]) for name in ("水防団待機水位", "はん濫注意水位", "避難判断水位", "はん濫危険水位"))
    )
    if other is not None:
        _compare(label, row, other, thresholds, faults)
    place = _position(row, other)
    if place is None:
        faults.note("no-position", label)
        return None
    return Gauge(
        id=row["id"],
        name=row["観測所名"],
        river=re.sub(r"\s", "", row["河川名"]),
        address=row["所在地"],
        municipality=municipality(row["所在地"]),
        manager=row["管理者名"],
        thresholds=thresholds,
        lon=place[0],
        lat=place[1],
        position_source=place[2],
        official_name=other["観測所名"] if other else "",
        zero=number(other["基準高(m)"]) if other else None,
        url=row["url"],
    )


def _compare(label: str, row: Rows, other: Rows, thresholds: Thresholds, faults: Faults) -> None:
    if (row["観測所名"], row["河川名"]) != (other["観測所名"], other["河 川 名"]):
        faults.note("name-differs", f"{label} / {other['観測所名']} ({other['河 川 名']})")
    if thresholds != Thresholds(**{name: number(other[column]) for name, column in _OFFICIAL.items()}):
        faults.note("thresholds-differ", label)


def _position(row: Rows, other: Rows | None) -> tuple[float, float, str] | None:
    if other is not None:
        lat, lon = (_degrees([other[f"{axis}({part})"] for part in "度分秒"]) for axis in ("緯度", "経度"))
        if lat is not None and lon is not None:
            return round(lon, 6), round(lat, 6), "official"
    try:
        lon, lat = decode(row["geo3x3"])
    except ValueError:
        return None
    return round(lon, 6), round(lat, 6), "geo3x3"


def _degrees(parts: Sequence[str]) -> float | None:
    degrees, minutes, seconds = (number(part) for part in parts)
    if degrees is None or minutes is None or seconds is None or not (0 <= minutes < 60 and 0 <= seconds < 60):
        return None
    return degrees + minutes / 60 + seconds / 3600


def mark_sea_level(gauges: Sequence[Gauge], readings: Iterable[Recorded]) -> list[Gauge]:
    """The gauges, those marked whose values can only be heights above sea level (over SEA_LEVEL_FROM metres)."""
    high = {one.station for one in readings if one.value > SEA_LEVEL_FROM}
    return [replace(gauge, sea_level=True) if gauge.id in high else gauge for gauge in gauges]


def parse_stations(source: str) -> list[RainStation]:
    """Rain stations of the AMeDAS table."""
    return [
        RainStation(
            id=row["amdno"],
            name=row["name_ja"],
            kana=row["name_kana"],
            name_en=row["name_en"],
            lon=round(float(row["lon"]), 6),
            lat=round(float(row["lat"]), 6),
            altitude=float(row["alt_m"]),
        )
        for row in csv.DictReader(io.StringIO(source))
    ]


def parse_rain(source: str, faults: Faults) -> list[Recorded]:
    """Rain of the past hour in mm, in order of time, then station; an empty cell is counted as blank."""
    found = []
    for row in csv.DictReader(io.StringIO(source)):
        value = number(row["precip_1h_mm"])
        if value is None:
            faults.note("blank", f"{row['amdno']} {row['time_jst']}")
            continue
        found.append(Recorded(row["amdno"], times.micros(times.parse(row["time_jst"])), value))
    return sorted(found, key=lambda one: (one.at, one.station))
