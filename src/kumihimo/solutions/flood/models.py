"""Words of the wing: levels, gauges, rain stations, readings, faults of the data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum


class Level(IntEnum):
    """How high a river stands against its own thresholds; NORMAL is below all of them."""

    NORMAL = 0
    STANDBY = 1  # 水防団待機水位: flood-fighting corps stand by
    CAUTION = 2  # はん濫注意水位: flood watch
    EVACUATION = 3  # 避難判断水位: evacuation is decided on
    DANGER = 4  # はん濫危険水位: overflow may come


LEVEL_NAMES: dict[Level, tuple[str, str]] = {
    Level.NORMAL: ("平常", "normal"),
    Level.STANDBY: ("水防団待機水位", "stand-by"),
    Level.CAUTION: ("はん濫注意水位", "flood watch"),
    Level.EVACUATION: ("避難判断水位", "evacuation decision"),
    Level.DANGER: ("はん濫危険水位", "flood danger"),
}


def level_name(level: int, lang: str) -> str:
    """The level's name in "ja" or "en"."""
    return LEVEL_NAMES[Level(level)][0 if lang == "ja" else 1]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds that a gauge has, in metres as the gauge itself counts; any may be missing."""

    standby: float | None = None
    caution: float | None = None
    evacuation: float | None = None
    danger: float | None = None

    def known(self) -> list[tuple[Level, float]]:
        """Level and height of those that exist, lowest first."""
        given = (
            (Level.STANDBY, self.standby),
            (Level.CAUTION, self.caution),
            (Level.EVACUATION, self.evacuation),
            (Level.DANGER, self.danger),
        )
        return [(level, height) for level, height in given if height is not None]

    def height(self, level: int) -> float | None:
        """The height of one level, None where the gauge has no such threshold."""
        return dict(self.known()).get(Level(level))


@dataclass(frozen=True, slots=True)
class Gauge:
    """A river gauge. zero is the height of its zero above sea level in metres, where the official list says it;
    sea_level tells that the gauge itself counts from sea level; position_source is "official", "geo3x3" or "made up".
    training marks one that no river has: its levels are whatever somebody publishes.
    """

    id: str
    name: str
    river: str
    address: str
    municipality: str
    manager: str
    thresholds: Thresholds
    lon: float
    lat: float
    position_source: str
    official_name: str = ""
    zero: float | None = None
    url: str = ""
    sea_level: bool = False
    training: bool = False


@dataclass(frozen=True, slots=True)
class RainStation:
    """An AMeDAS station; lon and lat in degrees."""

    id: str
    name: str
    kana: str
    name_en: str
    lon: float
    lat: float
    altitude: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded value: at in microseconds, value in metres (rivers) or millimetres of the past hour (rain)."""

    station: str
    at: int
    value: float


@dataclass(slots=True)
class Faults:
    """What was wrong with the data, counted by kind, with some examples of each; nothing is repaired in silence."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, kind: str, example: str) -> None:
        """Counts one fault; keeps the first three examples of its kind."""
        self.counts[kind] += 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < 3:
            kept.append(example[:120])
