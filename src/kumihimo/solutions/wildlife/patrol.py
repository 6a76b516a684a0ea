"""Which traps are to be visited, and in which order: a short round through all of them.

Distances are straight lines, not roads: the order is a help, whoever drives knows the roads. A trap that closed comes
on the list whatever else; any other when its last visit is a day ago, since a caught animal must not wait.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

HOUR = 3_600_000_000
VISIT_EVERY = 24 * HOUR
EARTH_KM = 6371.0
Why = Literal["closed", "due", "never"]
Place = tuple[float, float]
"""Longitude and latitude in degrees."""


@dataclass(frozen=True, slots=True)
class Trap:
    """A trap as it stands; closed_at and visited_at in microseconds, None where it did not close or nobody came."""

    id: str
    name: str
    place: Place
    closed_at: int | None = None
    visited_at: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A trap on the list; km is the straight way from the stop before."""

    trap: Trap
    why: Why
    km: float = 0.0


def to_visit(traps: Sequence[Trap], now: int) -> list[Stop]:
    """The traps that are to be visited at `now`, those that closed first, then the longest unvisited."""
    stops = [Stop(trap, why) for trap in traps if (why := _why(trap, now)) is not None]
    return sorted(stops, key=lambda stop: (stop.why != "closed", stop.trap.visited_at or 0, stop.trap.id))


def _why(trap: Trap, now: int) -> Why | None:
    visited = trap.visited_at
    if trap.closed_at is not None and (visited is None or visited < trap.closed_at):
        return "closed"
    if visited is None:
        return "never"
    return "due" if now - visited >= VISIT_EVERY else None


def km(one: Place, other: Place) -> float:
    """Great-circle distance in kilometres."""
    lon1, lat1, lon2, lat2 = (math.radians(value) for value in (*one, *other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def round_trip(start: Place, stops: Sequence[Stop]) -> tuple[list[Stop], float]:
    """The stops in the order of a short round from `start` and back, and its length in kilometres (straight lines).

    The shorter of two heuristics of networkx: Christofides (at most one and a half times the shortest), and greedy
    with simulated annealing, whose seed is fixed so that the list does not change while nothing else does.
    """
    if not stops:
        return [], 0.0
    places = [start, *(stop.trap.place for stop in stops)]
    order = _tour(places)
    found = [
        replace(stops[index - 1], km=round(km(places[before], places[index]), 2))
        for before, index in itertools.pairwise(order[:-1])
    ]
    return found, round(_length(places, order), 2)


def _length(places: Sequence[Place], order: Sequence[int]) -> float:
    return sum(km(places[one], places[other]) for one, other in itertools.pairwise(order))


def _tour(places: Sequence[Place]) -> list[int]:
    """Indices of the round, from 0 to 0."""
    if len(places) <= 3:
        return [*range(len(places)), 0]
    import networkx as nx  # noqa: PLC0415 - half a second and many modules, for this page alone
    from networkx.algorithms import approximation as near  # noqa: PLC0415

    graph = nx.Graph()
    for one in range(len(places)):
        for other in range(one):
            graph.add_edge(one, other, weight=km(places[one], places[other]))
    greedy = near.greedy_tsp(graph, source=0)
    tours = [_from_start(near.christofides(graph))]
    tours.append(_from_start(near.simulated_annealing_tsp(graph, greedy, source=0, seed=1, max_iterations=20)))
    tours.append(_from_start(greedy))
    return min(tours, key=lambda order: _length(places, order))


def _from_start(cycle: Sequence[int]) -> list[int]:
    """The same round, turned so that it begins and ends at 0."""
    ring = list(cycle[:-1])
    at = ring.index(0)
    return [*ring[at:], *ring[:at], 0]
