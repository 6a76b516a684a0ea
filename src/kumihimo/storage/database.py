"""The database port: one set of stores, two engines (decision 6).

A store's functions are `async def name_tx(tx, ...)` over the `Tx` they are handed. On SQLite the awaits never
suspend, so the same coroutine is driven to its end inside the tenant's writer thread; on PostgreSQL it runs on
the event loop. Therefore the work given to `write` and `read` may await nothing but its Tx.

SQL is written once: parameters are `$1`, `$2` …; integers BIGINT, text TEXT, reals DOUBLE PRECISION, moments
BIGINT microseconds, flags BIGINT 0/1, JSON as TEXT. What differs between the engines is asked of `Dialect`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")
Row = tuple[Any, ...]
Scope = str
"""A tenant's name, or PLATFORM."""

EACH = "\x1feach"
"""The step of a JSON path into each element of an array, or to a value itself that is none."""
MEMBERS = "\x1fmembers"
"""The step of a JSON path into the value of each member of an object; no key of ours holds such a character."""

PLATFORM: Scope = ""
"""The scope of tenants, administrators and contexts: a file or schema of its own."""


class Dialect(Protocol):
    """Named questions on which the engines differ; each gives a piece of SQL."""

    name: Literal["sqlite", "postgres"]

    def any_of(self, column: str, parameter: str) -> str:
        """A condition that the column is one of the JSON array of texts bound at `parameter`, e.g. "$3"."""
        ...

    def json_values(self, document: str, path: Sequence[str], beside: str = "") -> str:
        """A table expression (to stand after FROM, with an alias) of the values at `path` in the JSON text column.

        Path steps are literal object keys; "*" steps into each array element, EACH too but past what is no array,
        MEMBERS into each member's value of an object. The leaf's arrays are unnested.
        Columns: kind TEXT ('number','string','boolean','null','object'), num DOUBLE PRECISION, txt TEXT, and beside
        TEXT, the member of that name in the object that holds the path's last key; NULL where no name is given.
        """
        ...

    def json_text(self, document: str, key: str) -> str:
        """The member of the JSON text column's object, as text: of a string what it says, of all else its JSON."""
        ...

    def moment_text(self, micros: str) -> str:
        """A moment in microseconds as ISO 8601 text in UTC."""
        ...

    def json_at(self, document: str, path: Sequence[str]) -> str:
        """An expression of the JSON text of the value at the path of object keys; NULL where there is none."""
        ...

    def matches_pattern(self, text: str, parameter: str) -> str:
        """A condition that the text expression matches the RE2-subset pattern bound at `parameter`."""
        ...

    def geo_relation(self, geometry: str, relation: str, parameter: str) -> str:
        """A condition between a stored GeoJSON text and the GeoJSON text bound at `parameter`; planar lon/lat.

        relation: equals, disjoint, intersects, within, contains, overlaps.
        """
        ...

    def geo_distance(self, geometry: str, parameter: str) -> str:
        """Metres (geodesic, WGS84) between a stored GeoJSON text and the GeoJSON text bound at `parameter`."""
        ...

    def stored_bytes(self) -> str:
        """An expression, to stand after SELECT, of the bytes that the scope's tables and indexes take of the disk."""
        ...


class Tx(Protocol):
    """A transaction that was handed to a store; it neither begins nor ends it."""

    @property
    def dialect(self) -> Dialect: ...

    async def execute(self, sql: str, *parameters: Any) -> int:
        """Runs one statement; the number of rows it changed."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs one statement for each row of parameters."""
        ...

    async def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Adds rows by the quickest way the engine has; no conflict is settled, a key that is there is an error."""
        ...

    async def fetch(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of a query."""
        ...

    async def fetch_one(self, sql: str, *parameters: Any) -> Row | None:
        """The first row of a query, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Schema:
    """A room's tables: package whose schema.sql (schema.postgres.sql where it differs) holds them.

    The file is cut at lines "-- version N"; each part is applied once, in order, and never edited afterwards.
    """

    room: str
    package: str
    scope: Literal["tenant", "platform"] = "tenant"


Work = Callable[[Tx], Awaitable[T]]


class Removals:
    """What rooms do when a tenant is removed: works in the transaction in which it goes, on the platform's scope; told
    is called with its name once it is gone, in the process that removed it.
    """

    def __init__(self) -> None:
        self.works: list[Callable[[Tx, str], Awaitable[None]]] = []
        self.told: list[Callable[[str], object]] = []

    async def run_tx(self, tx: Tx, tenant: str) -> None:
        """Does the works."""
        for work in self.works:
            await work(tx, tenant)

    def tell(self, tenant: str) -> None:
        """Tells all; one that fails is logged and keeps nothing from the others, as the tenant is gone."""
        for tell in self.told:
            try:
                tell(tenant)
            except Exception:
                log.exception("a part was not told that a tenant is gone", extra={"tenant": tenant})


class Database(Protocol):
    """Every store's ground. All methods raise StorageRefused where the file is newer, damaged, in use or full."""

    dialect: Dialect
    removals: Removals

    async def open(self) -> None:
        """Opens, checks and migrates the platform scope; tenants are opened when first used."""
        ...

    async def close(self) -> None:
        """Finishes the writes under way, then closes."""
        ...

    async def tenants(self) -> list[str]:
        """Names of all tenants, sorted."""
        ...

    async def add_tenant(self, name: str) -> bool:
        """Makes the tenant; False where it exists already."""
        ...

    async def remove_tenant(self, name: str) -> bool:
        """Drops the tenant and all it holds; False where there is none."""
        ...

    async def write(self, scope: Scope, work: Work[T]) -> T:
        """Runs the work in the scope's next group commit; returns after the commit is durable.

        A work that raises is rolled back alone; a commit that fails is raised to all of its group.
        Raises NonexistentTenant for an unknown tenant.
        """
        ...

    async def read(self, scope: Scope, work: Work[T], *, quick: bool = False) -> T:
        """Runs the work on a consistent snapshot, read-only.

        quick says that the work reads a few rows by their keys, so that others may wait for it.
        """
        ...

    def stats(self) -> Mapping[str, float]:
        """Counters since the start: commits, works, works_failed, commits_failed, largest_group, group_seconds,
        commit_seconds, reads, waiting (a gauge), and what else the engine counts.
        """
        ...
