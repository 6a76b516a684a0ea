"""The slow, obvious model of readings: what stands is the newest, what was is all of them, the last word holds."""

from __future__ import annotations

from typing import Any


class SlowReadings:
    def __init__(self) -> None:
        self.was: dict[tuple[str, str], dict[int, Any]] = {}

    def take(self, entity: str, attribute: str, at: int, value: Any) -> str:
        series = self.was.setdefault((entity, attribute), {})
        newest = max(series, default=None)
        if at in series and series[at] == value:
            return "duplicate"
        series[at] = value
        return "late" if newest is not None and at < newest else "stored"

    def stands(self, entity: str, attribute: str) -> Any:
        series = self.was[(entity, attribute)]
        return series[max(series)]

    def series(self, entity: str, attribute: str) -> list[tuple[int, Any]]:
        return sorted(self.was[(entity, attribute)].items())
