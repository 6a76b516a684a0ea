"""A device and its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device; what follows `location` is kept by the registry.

    family names its codec; entity_type is an expanded name; location is (longitude, latitude) in WGS84 degrees;
    moments are microseconds, None where there is none yet. settings may hold `attribute` (expanded name),
    `min` and `max` (its own plausible range, in place of the family's). table: that of a family which a pack
    declares in this tenant, "" for the platform's own families and for one that is not there any more.
    """

    id: str
    family: str
    name: str
    entity_id: str
    entity_type: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    location: tuple[float, float] | None = None
    created_at: int = 0
    last_seen: int | None = None
    accepted: int = 0
    refused: int = 0
    last_refusal: str = ""
    last_refusal_ja: str = ""
    last_refusal_at: int | None = None
    table: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """What is kept of a device's key: the hash, "" for none, and that of the key before it, taken until `old_until`.

    Moments in microseconds; made_at is 0 where it is not known, used_at None where it was not used yet.
    """

    hashed: str = field(default="", repr=False)
    made_at: int = 0
    used_at: int | None = None
    old_hashed: str = field(default="", repr=False)
    old_until: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not taken: the name it gave itself, the way it came ("connect", "up", "http" …), and why."""

    at: int
    device: str
    way: str
    ja: str
    en: str


@dataclass(slots=True)
class Counts:
    """What happened to one device since its counters were last written."""

    accepted: int = 0
    refused: int = 0
    last_seen: int | None = None
    refusal: Refusal | None = None
    key_used: int | None = None
