"""Detections of the same animal, merged into encounters: within minutes and metres of each other, of one species.

Two detections belong together where they are near in time and place and name one species; what belongs together in
a chain is one encounter. So the order in which they came does not matter, and merging again what
was merged changes nothing. "Same animal" is a likely guess from nearness, not an identification, and it is said so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kumihimo.solutions.wildlife.models import Detection

MINUTE = 60_000_000
WITHIN = 10 * MINUTE
METRES = 300.0
EARTH = 6_371_000.0
UNSURE = frozenset({"", "unknown", "animal"})
"""Labels that say nothing of the species."""


@dataclass(frozen=True, slots=True)
class Encounter:
    """One or more detections of what is likely the same animal; first and last in microseconds, lon and lat of the
    surest detection.
    """

    detections: tuple[Detection, ...]

    @property
    def first(self) -> int:
        """When it was first seen."""
        return min(one.at for one in self.detections)

    @property
    def last(self) -> int:
        """When it was last seen."""
        return max(one.at for one in self.detections)

    @property
    def surest(self) -> Detection:
        """The detection that says most: a species before none, then confidence, then the earliest."""
        return min(self.detections, key=lambda one: (one.species in UNSURE, -one.confidence, one.at, one.id))

    @property
    def id(self) -> str:
        """That of its earliest detection."""
        return min(self.detections, key=lambda one: (one.at, one.id)).id


def metres(one: Detection, other: Detection) -> float:
    """Distance on the ground between two detections' sensors."""
    lon1, lat1, lon2, lat2 = (math.radians(value) for value in (one.lon, one.lat, other.lon, other.lat))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH * math.asin(math.sqrt(min(1.0, half)))


def near(one: Detection, other: Detection, within: int = WITHIN, reach: float = METRES) -> bool:
    """Whether two detections are near enough in time and place to be of the same animal."""
    return abs(one.at - other.at) <= within and metres(one, other) <= reach


def merge(detections: Sequence[Detection], within: int = WITHIN, reach: float = METRES) -> list[Encounter]:
    """The encounters, in order of their first detection. A detection that is there twice (its id) counts once."""
    ordered = sorted({one.id: one for one in detections}.values(), key=lambda one: (one.at, one.id))
    pairs = list(_near_pairs(ordered, within, reach))
    groups = _Groups(len(ordered))
    for index, other in pairs:
        if _label(ordered[index]) == _label(ordered[other]):
            groups.join(index, other)
    _place_unsure(ordered, pairs, groups)
    found: dict[int, list[Detection]] = {}
    for index, one in enumerate(ordered):
        found.setdefault(groups.root(index), []).append(one)
    return [Encounter(tuple(group)) for _, group in sorted(found.items())]


def _label(one: Detection) -> str:
    return "" if one.species in UNSURE else one.species


def _near_pairs(ordered: Sequence[Detection], within: int, reach: float) -> Iterator[tuple[int, int]]:
    oldest = 0
    for index, one in enumerate(ordered):
        while ordered[oldest].at < one.at - within:
            oldest += 1
        for other in range(oldest, index):
            if near(one, ordered[other], within, reach):
                yield index, other


def _place_unsure(ordered: Sequence[Detection], pairs: Sequence[tuple[int, int]], groups: _Groups) -> None:
    """What names no species goes to those beside it where these are of one species; between two it stays by itself,
    so that a bear is never taken for the boar that passed before it.
    """
    beside: dict[int, set[int]] = {}
    for one, other in pairs:
        for unsure, sure in ((one, other), (other, one)):
            if not _label(ordered[unsure]) and _label(ordered[sure]):
                beside.setdefault(groups.root(unsure), set()).add(sure)
    for group, known in beside.items():
        if len({_label(ordered[index]) for index in known}) == 1:
            for index in known:
                groups.join(group, index)


class _Groups:
    """Disjoint sets of 0 to size - 1; a set is known by its smallest member."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, index: int) -> int:
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
