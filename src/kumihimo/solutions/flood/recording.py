"""One recorded event as the wing plays it: gauges, stations, readings, and where the replay begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kumihimo.solutions.flood import read
from kumihimo.solutions.flood.models import Faults, Gauge, RainStation, Recorded

EventName = Literal["2024-06", "2023-08"]


@dataclass(frozen=True, slots=True)
class _Source:
    levels: str
    rain: str
    play_from: str


_SOURCES: dict[str, _Source] = {
    "2024-06": _Source("fukui_waterlevel_20240621_7d.csv.gz", "", "2024-06-23T05:00"),
    "2023-08": _Source("fukui_waterlevel_20230812_7d.csv.gz", "amedas_rain_20230810_10d.csv.gz", "2023-08-15T06:00"),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """An event. levels and rain are in order of time; play_from and end in microseconds: what lies before
    play_from is loaded at the start, the rest is played. stations is empty where there is no rain data.
    """

    event: EventName
    gauges: list[Gauge]
    stations: list[RainStation]
    levels: list[Recorded]
    rain: list[Recorded]
    play_from: int
    end: int
    faults: Faults


def load(event: EventName) -> Recording:
    """Reads the event's files. ValueError for an event that is not shipped."""
    source = _SOURCES.get(event)
    if source is None:
        raise ValueError(f"no event {event!r}; there are {', '.join(_SOURCES)}")
    faults = Faults()
    gauges = read.parse_gauges(read.data_text("fukui_sensors.csv"), read.data_text("fukui_suii_ichi.csv"), faults)
    levels = read.parse_levels(read.data_text(source.levels), [gauge.id for gauge in gauges], faults)
    rain = read.parse_rain(read.data_text(source.rain), faults) if source.rain else []
    end = levels[-1].at
    return Recording(
        event,
        read.mark_sea_level(gauges, levels),
        read.parse_stations(read.data_text("amedas_stations.csv")) if rain else [],
        levels,
        [one for one in rain if one.at <= end],
        read.local_time(source.play_from),
        end,
        faults,
    )
