"""Camera-trap packages (Camtrap DP 1.0): where cameras stood, what was seen, and which pictures may be pointed at.

People are in such packages by accident. An observation of a human is counted and nothing else of it is kept, and a
picture is only pointed at where somebody or something said what is on it and that is an animal or nothing: a picture
of a human, of a vehicle, or of what was not classified stays out (docs/decisions, pictures with people on them).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kumihimo.base import times

ObservationType = Literal["animal", "blank", "human", "vehicle", "unknown", "unclassified"]
TYPES = ("animal", "human", "vehicle", "blank", "unknown", "unclassified")
"""observationType of Camtrap DP 1.0."""

HARMLESS = frozenset({"animal", "blank"})
"""A picture is pointed at only where everything that was said of it is one of these."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A deployment: a camera at a place for a time. Moments in microseconds, lon and lat in degrees, uncertainty in
    metres. Who set it up is not kept.
    """

    id: str
    name: str
    lon: float
    lat: float
    uncertainty: float | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Observation:
    """An animal that was seen. media is "" where no picture may be pointed at; count None where it was not said;
    level: "media" (one picture) or "event" (a series of them). Moments in microseconds.
    """

    id: str
    camera: str
    event: str
    level: str
    start: int
    end: int
    species: str
    count: int | None
    life_stage: str
    media: str


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it was read. kept_out counts the rows of which nothing was kept, by why; refused: (file, line,
    reason). Rows = len(cameras) + len(observations) + kept_out + refused, for the two files.
    """

    cameras: tuple[Camera, ...]
    observations: tuple[Observation, ...]
    kept_out: Counter[str]
    pictures: Counter[str]
    refused: tuple[tuple[str, int, str], ...]


def read_package(deployments: str, observations: str, media: str) -> Package:
    """Reads the three tables of a package. pictures counts the media rows: "pointed-at", "kept-out"."""
    refused: list[tuple[str, int, str]] = []
    cameras = _cameras(deployments, refused)
    said = _said_of_pictures(observations)
    found, kept_out = _observations(observations, cameras, said, refused)
    pictures: Counter[str] = Counter(
        "pointed-at" if _may_be_pointed_at(row.get("mediaID") or "", said) else "kept-out" for row in _rows(media)
    )
    return Package(tuple(cameras.values()), tuple(found), kept_out, pictures, tuple(refused))


def _rows(text: str) -> csv.DictReader[str]:
    return csv.DictReader(io.StringIO(text))


def _cameras(text: str, refused: list[tuple[str, int, str]]) -> dict[str, Camera]:
    found: dict[str, Camera] = {}
    for line, row in enumerate(_rows(text), 1):
        try:
            camera = _camera(row)
        except (ValueError, KeyError) as problem:
            refused.append(("deployments", line, str(problem)))
            continue
        if camera.id in found:
            refused.append(("deployments", line, f"the deployment {camera.id} is there twice"))
            continue
        found[camera.id] = camera
    return found


def _camera(row: Mapping[str, str]) -> Camera:
    lon, lat = float(row["longitude"]), float(row["latitude"])
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError(f"no place on Earth: {lon}, {lat}")
    start, end = _moment(row["deploymentStart"]), _moment(row["deploymentEnd"])
    if end < start:
        raise ValueError("the deployment ends before it starts")
    uncertainty = row.get("coordinateUncertainty") or ""
    name = row.get("locationName") or row["deploymentID"]
    return Camera(row["deploymentID"], name, lon, lat, float(uncertainty) if uncertainty else None, start, end)


def _moment(text: str) -> int:
    """Microseconds of an ISO 8601 moment with its zone. ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a zone: {text!r}")
    return times.micros(moment)


def _said_of_pictures(text: str) -> dict[str, set[str]]:
    """What was said of each picture. What was said of a series is said of each picture that names its event."""
    by_event: dict[str, set[str]] = {}
    by_picture: dict[str, set[str]] = {}
    events: dict[str, str] = {}
    for row in _rows(text):
        kind, picture, event = row.get("observationType") or "", row.get("mediaID") or "", row.get("eventID") or ""
        if picture:
            by_picture.setdefault(picture, set()).add(kind)
            events[picture] = event
        elif event:
            by_event.setdefault(event, set()).add(kind)
    for picture, event in events.items():
        by_picture[picture] |= by_event.get(event, set())
    return by_picture


def _may_be_pointed_at(picture: str, said: Mapping[str, set[str]]) -> bool:
    kinds = said.get(picture, set())
    return bool(kinds) and kinds <= HARMLESS


def _observations(
    text: str, cameras: Mapping[str, Camera], said: Mapping[str, set[str]], refused: list[tuple[str, int, str]]
) -> tuple[list[Observation], Counter[str]]:
    found: list[Observation] = []
    kept_out: Counter[str] = Counter()
    for line, row in enumerate(_rows(text), 1):
        kind = row.get("observationType") or ""
        if kind in TYPES and kind != "animal":
            kept_out[kind] += 1
            continue
        try:
            found.append(_observation(row, kind, cameras, said))
        except (ValueError, KeyError) as problem:
            refused.append(("observations", line, str(problem)))
    return found, kept_out


def _observation(
    row: Mapping[str, str], kind: str, cameras: Mapping[str, Camera], said: Mapping[str, set[str]]
) -> Observation:
    if kind != "animal":
        raise ValueError(f"no observationType of Camtrap DP: {kind[:20]!r}")
    if row["deploymentID"] not in cameras:
        raise ValueError(f"no such deployment: {row['deploymentID'][:40]!r}")
    if row.get("scientificName") == "Homo sapiens":
        raise ValueError("a human that is called an animal")
    picture = row.get("mediaID") or ""
    return Observation(
        id=row["observationID"],
        camera=row["deploymentID"],
        event=row.get("eventID") or "",
        level=row["observationLevel"],
        start=_moment(row["eventStart"]),
        end=_moment(row["eventEnd"]),
        species=row.get("scientificName") or "",
        count=int(row["count"]) if row.get("count") else None,
        life_stage=row.get("lifeStage") or "",
        media=picture if _may_be_pointed_at(picture, said) else "",
    )
