"""Run 5, footprint: start, idle memory, memory and disk of the most entities of the query run. Of ours alone."""

from __future__ import annotations

from collections.abc import Iterator

from ground import Ground
from harness import Platform
from measures import Extent, Measure, Sample, Stage, Target
from query import station


def stages(extent: Extent, ground: Ground, *, full: bool = True) -> Iterator[Stage]:
    """A start of its own for each round, and idle memory; then, with full, the entities."""

    def start(_: Target) -> Sample:
        with ground.platform() as platform:
            return Sample(platform.started, "on a fresh folder")

    def idle(target: Target) -> Sample:
        return Sample(_ours(target).rss(), "before the first request")

    def fill(target: Target) -> None:
        target.upsert([station(number) for number in range(extent.entities[-1])])

    yield Stage(
        [
            Measure("exec to the first 200", "s", start, peers=False),
            Measure("idle memory", "MiB", idle, peers=False, rounds=1),
        ]
    )
    if full:
        yield Stage(at_full(extent, ground), prepare=fill)


def at_full(extent: Extent, ground: Ground) -> list[Measure]:
    """Memory and disk, once all entities are there."""
    size = extent.entities[-1]

    def memory(target: Target) -> Sample:
        return Sample(_ours(target).rss(), "after they were written, before the first question")

    def disk(target: Target) -> Sample:
        return Sample(ground.disk(_ours(target)) / size, "current state, history and log, with their indexes")

    return [
        Measure(f"memory at {size:,} entities", "MiB", memory, peers=False, rounds=1),
        Measure(f"disk per entity at {size:,}", "bytes", disk, peers=False, rounds=1),
    ]


def _ours(target: Target) -> Platform:
    assert target.platform
    return target.platform
