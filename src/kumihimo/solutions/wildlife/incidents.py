"""Ishikawa Prefecture's bear incidents, Reiwa 1 to 7: every row is read, read in part with what is unknown, or
refused with its reason; none is dropped in silence. Columns and faults: data/ATTRIBUTION.md.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources

from kumihimo.solutions.wildlife.models import Count, Incident, Kind, Moment, Read, Row
from kumihimo.solutions.wildlife.moments import DAY_MINUTES, micros_of, read_day, read_moment

FILES = ("ishikawa_bear_incidents_forest_r1-r6.csv.gz", "ishikawa_bear_sightings_r7.csv.gz")
KINDS: dict[str, Kind] = {"目撃": "sighting", "痕跡": "trace", "人身被害": "injury"}
BOUNDS = (135.5, 35.9, 137.8, 38.0)
"""West, south, east and north of Ishikawa with its sea, in degrees; a place outside is a fault of the row."""

_POINT = re.compile(r"POINT ?\(\s*([\d.]+) ([\d.]+)\s*\)\Z", re.ASCII)
_COUNT = re.compile(r"(?:成獣|幼獣|子熊)?(\d{1,2})(?:[~-](\d{1,2}))?頭?\Z", re.ASCII)
_DOUBTFUL = re.compile(r"不明\((\d{1,2})か(\d{1,2})\)\Z", re.ASCII)
SAME_PLACE = 1e-6


def data_text(name: str) -> str:
    """A file of this wing's data folder as text, unpacked."""
    body = resources.files("kumihimo.solutions.wildlife").joinpath("data", name).read_bytes()
    return (gzip.decompress(body) if name.endswith(".gz") else body).decode("utf-8-sig")


def read_all() -> list[Read]:
    """The shipped files, each as it was read."""
    return [read_incidents(data_text(name), name.split(".")[0]) for name in FILES]


def read_incidents(text: str, source: str) -> Read:
    """Reads a file of either form (Reiwa 1 to 6, Reiwa 7); source names it in ids and lineage."""
    rows = csv.DictReader(io.StringIO(text))
    return Read(tuple(_row(line, cells, source) for line, cells in enumerate(rows, 1)))


@dataclass(slots=True)
class _Notes:
    unknown: list[str]
    faults: list[str]


def _row(line: int, cells: Mapping[str | None, str | None], source: str) -> Row:
    notes = _Notes([], ["more-cells"] if None in cells else [])
    try:
        incident = _incident(line, {key: (cell or "").strip() for key, cell in cells.items() if key}, source, notes)
    except ValueError as problem:
        return Row(line, "refused", reason=str(problem))
    return Row(line, "part" if notes.unknown else "read", incident, tuple(notes.unknown), tuple(notes.faults))


def _incident(line: int, cells: Mapping[str, str], source: str, notes: _Notes) -> Incident:
    day = read_day(cells.get("出没日", ""))
    _check_year(day, cells.get("出没年", ""), notes)
    lon, lat = _place(cells, notes)
    kind = _kind(cells)
    moment = _moment(cells.get("時刻", cells.get("時間", "")), kind, notes)
    return Incident(
        id=f"{source}-{line}",
        kind=kind,
        day=day,
        moment=moment,
        at=_at(day, moment),
        town=cells.get("市町名", ""),
        place=cells.get("場所", ""),
        settlement=cells.get("集落", ""),
        lon=lon,
        lat=lat,
        count=_count(cells.get("頭数", ""), kind, notes),
        note="" if kind == "injury" else cells.get("備考", ""),
        source=source,
    )


def _kind(cells: Mapping[str, str]) -> Kind:
    """The file of Reiwa 7 has no such column: its title says that all are sightings."""
    if "目撃痕跡種別" not in cells:
        return "sighting"
    kind = KINDS.get(cells["目撃痕跡種別"])
    if kind is None:
        raise ValueError(f"no kind of incident: {cells['目撃痕跡種別'][:20]!r}")
    return kind


def _check_year(day: date, year: str, notes: _Notes) -> None:
    """The column 出没年 says the year once more."""
    if year and year != f"R{day.year - 2018}":
        notes.faults.append("year-differs")


def _place(cells: Mapping[str, str], notes: _Notes) -> tuple[float, float]:
    """Longitude and latitude; the column WKT says them once more, and stands in where they are missing."""
    lon, lat = _number(cells.get("経度", "")), _number(cells.get("緯度", ""))
    found = _POINT.match(cells.get("WKT", ""))
    if lon is None or lat is None:
        if found is None:
            raise ValueError("no place")
        notes.faults.append("place-from-wkt")
        lon, lat = float(found[1]), float(found[2])
    elif found and (abs(float(found[1]) - lon) > SAME_PLACE or abs(float(found[2]) - lat) > SAME_PLACE):
        notes.faults.append("places-differ")
    west, south, east, north = BOUNDS
    if not (west <= lon <= east and south <= lat <= north):
        raise ValueError(f"a place outside the prefecture: {lon}, {lat}")
    return lon, lat


def _number(text: str) -> float | None:
    try:
        value = float(unicodedata.normalize("NFKC", text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _moment(text: str, kind: Kind, notes: _Notes) -> Moment:
    try:
        moment = read_moment(text)
    except ValueError:
        notes.faults.append("time-not-read")
        moment = Moment("unknown")
    if moment.precision == "unknown" and kind != "trace":  # a trace is found, nobody saw when it was made
        notes.unknown.append("time")
    return moment


def _at(day: date, moment: Moment) -> int | None:
    """The moment, for a range its middle; None where it is not known to within two hours."""
    if moment.start is None:
        return None
    until = moment.start if moment.until is None else moment.until
    if until - moment.start > DAY_MINUTES // 12:
        return None
    return micros_of(day, (moment.start + until) // 2)


def _count(text: str, kind: Kind, notes: _Notes) -> Count:
    """The number of animals; a trace needs none."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text).replace("〜", "~"))
    found = _COUNT.match(plain) or _DOUBTFUL.match(plain)
    if found and int(found[1]) > 0:
        low, high = int(found[1]), int(found[2] or found[1])
        return Count(min(low, high), max(low, high))
    if kind != "trace":
        notes.unknown.append("count")
    if plain not in ("", "-", "不明"):
        notes.faults.append("count-in-words")
    return Count()
