"""Words of the wing: incidents, camera observations, detections, and what became of each row of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

Kind = Literal["sighting", "trace", "injury"]
Precision = Literal["minute", "hour", "range", "night", "unknown"]
RowState = Literal["read", "part", "refused"]


@dataclass(frozen=True, slots=True)
class Moment:
    """When in a day: minutes since midnight of local time, `until` that of a range's end, after midnight above 1440.

    start is None where precision is "unknown". approximate: the source says 頃 (about).
    """

    precision: Precision
    start: int | None = None
    until: int | None = None
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """How many animals: at least `low`, at most `high`; both None where it is not known."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """One row of an incident file. lon and lat in degrees; at in microseconds, None where the time of day is not
    known to the hour. note is the source's own text, "" for an injury: what happened to a person is not kept.
    """

    id: str
    kind: Kind
    day: date
    moment: Moment
    at: int | None
    town: str
    place: str
    settlement: str
    lon: float
    lat: float
    count: Count
    note: str
    source: str


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one row. line counts from 1, without the header. unknown: the names of what could not be known;
    faults: what was wrong but could be read; reason: why it was refused.
    """

    line: int
    state: RowState
    incident: Incident | None = None
    unknown: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it was read: one Row for each of its rows, in their order."""

    rows: tuple[Row, ...]

    @property
    def incidents(self) -> list[Incident]:
        """Those that were read, whole or in part."""
        return [row.incident for row in self.rows if row.incident is not None]

    def states(self) -> Counter[str]:
        """How many rows were read, read in part, refused."""
        return Counter(row.state for row in self.rows)

    def unknown(self) -> Counter[str]:
        """How often each thing was not known."""
        return Counter(name for row in self.rows for name in row.unknown)

    def faults(self) -> Counter[str]:
        """How often each fault was met."""
        return Counter(name for row in self.rows for name in row.faults)


def together(reads: Sequence[Read]) -> list[Incident]:
    """The incidents of several files, in order of day and moment; those without a moment come first in their day."""
    found = [one for read in reads for one in read.incidents]
    return sorted(found, key=lambda one: (one.day, one.moment.start or 0, one.id))


@dataclass(frozen=True, slots=True)
class Detection:
    """An animal that a sensor saw. at in microseconds; lon and lat of the sensor in degrees; confidence 0 to 1;
    species is the label as the sensor gave it.
    """

    id: str
    sensor: str
    species: str
    at: int
    lon: float
    lat: float
    confidence: float = 1.0
