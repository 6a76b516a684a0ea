"""Run 5, footprint: start, idle memory, memory and disk of 100,000 entities of the query run. Of ours alone."""

from __future__ import annotations

from collections.abc import Iterator

from ground import Ground
from measures import Extent, Measure, Sample, Stage, Target
from query import station


def stages(extent: Extent, ground: Ground) -> Iterator[Stage]:
    """A start of its own for each round, then the entities in the platform of the run."""

    def start(_: Target) -> Sample:
        with ground.platform() as platform:
            return Sample(platform.started, "on a fresh folder")

    def idle(target: Target) -> Sample:
        assert target.platform
        return Sample(target.platform.rss(), "before the first request")

    size = extent.entities[-1]
    before: list[int] = []

    def fill(target: Target) -> None:
        assert target.platform
        before.append(ground.disk(target.platform))
        target.upsert([station(number) for number in range(size)])

    def full(target: Target) -> Sample:
        assert target.platform
        return Sample(target.platform.rss())

    def disk(target: Target) -> Sample:
        assert target.platform
        return Sample(
            (ground.disk(target.platform) - before[0]) / size, "current state, history and log, with their indexes"
        )

    yield Stage(
        [
            Measure("exec to the first 200", "s", start, peers=False),
            Measure("idle memory", "MiB", idle, peers=False, rounds=1),
        ]
    )
    yield Stage(
        [
            Measure(f"memory at {size:,} entities", "MiB", full, peers=False, rounds=1),
            Measure(f"disk per entity at {size:,}", "bytes", disk, peers=False, rounds=1),
        ],
        prepare=fill,
    )
