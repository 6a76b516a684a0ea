"""What comes back beside entities, which are plain dicts in the form that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Entity = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of many entities: how many were created or updated, and why others were not, by id."""

    created: int = 0
    updated: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def __add__(self, other: Written) -> Written:
        refused = {**self.refused, **other.refused}
        return Written(self.created + other.created, self.updated + other.updated, refused)


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of the past. time is aware; for figures of periods it is the period's beginning and until its end."""

    entity: str
    attribute: str
    time: datetime
    value: Any
    figure: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a feed tells. seq is the position from which a feed goes on (`after`)."""

    kind: Literal["current", "entityCreated", "entityUpdated", "entityDeleted"]
    seq: int
    entity: dict[str, Any]
    at: datetime | None = None
