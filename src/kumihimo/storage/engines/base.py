"""What both engines share: limits of the group commit, its counters, and the registry's statements."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from kumihimo.base.errors import NonexistentTenant, Overloaded, TooComplexQuery

MAX_GROUP = 512
"""Works in one commit at most."""
MAX_GROUP_SECONDS = 0.025
"""A group that has run so long is committed, so that a heavy work delays only its own group."""
MAX_WAITING = 8192
"""Works that may wait for one tenant's writer before more are refused."""
READ_SECONDS = 10.0
"""A read that has run so long is ended, so that one query cannot hold up everyone's."""

TENANTS = "SELECT name, id FROM tenant ORDER BY name"
TENANT_ID = "SELECT id FROM tenant WHERE name = $1"
ADD_TENANT = "INSERT INTO tenant (id, name, created_at) VALUES ($1, $2, $3)"
REMOVE_TENANT = "DELETE FROM tenant WHERE name = $1"


class Job(NamedTuple):
    """A work that waits and the asyncio future of whoever waits for it."""

    work: Any
    future: Any


class Done(NamedTuple):
    """What a work gave, or what it raised."""

    future: Any
    value: Any
    error: BaseException | None


@dataclass(slots=True)
class Stats:
    """Counters of the writers since the start; seconds are wall time."""

    commits: int = 0
    works: int = 0
    works_failed: int = 0
    commits_failed: int = 0
    largest_group: int = 0
    group_seconds: float = 0.0
    commit_seconds: float = 0.0
    reads: int = 0

    def add(self, other: Stats) -> None:
        """Takes over what a writer that ends has counted."""
        self.commits += other.commits
        self.works += other.works
        self.works_failed += other.works_failed
        self.commits_failed += other.commits_failed
        self.largest_group = max(self.largest_group, other.largest_group)
        self.group_seconds += other.group_seconds
        self.commit_seconds += other.commit_seconds
        self.reads += other.reads

    def group(self, works: int, failed: int, seconds: float, commit_seconds: float) -> None:
        """Notes one commit."""
        self.commits += 1
        self.works += works
        self.works_failed += failed
        self.largest_group = max(self.largest_group, works)
        self.group_seconds += seconds
        self.commit_seconds += commit_seconds

    def numbers(self) -> dict[str, float]:
        """The counters by name."""
        return asdict(self)


def resolve(done: list[Done]) -> None:
    """Answers everyone of a group; to be called on the event loop."""
    for future, value, error in done:
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def refuse_waiting(scope: str, waiting: int) -> Overloaded:
    """What a caller hears whose work finds the queue full."""
    name = f"tenant {scope!r}" if scope else "the platform"
    return Overloaded(f"{waiting} writes of {name} wait already; try again in a second", retry_after=1)


def no_tenant(name: str) -> NonexistentTenant:
    """What a caller hears who names a tenant that there is not."""
    said = NonexistentTenant(f"there is no tenant {name[:64]!r}")
    return said.said(f"テナント「{name[:64]}」はありません")


def too_long(seconds: float) -> TooComplexQuery:
    """What a caller hears whose read was ended."""
    return TooComplexQuery(
        f"the query took longer than {seconds:g} seconds and was ended; narrow it by a type, ids or a place, "
        "or ask for less in q"
    )
