"""The write contract and the query model: what callers say to the broker, whatever the engine (decisions 6 and 8)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from kumihimo.base.errors import Problem
from kumihimo.platform.access.grants import (
    ALL_ATTRIBUTES,
    ALL_ROWS,
    EVERYTHING,
    NO_ATTRIBUTES,
    NO_ROWS,
    NOTHING,
    Grant,
    Restriction,
    Visible,
)
from kumihimo.platform.access.models import (
    EVERY_ROW,
    NO_ROW,
    QAnd,
    QLink,
    QNode,
    QOperator,
    QOr,
    QPath,
    QRange,
    QTerm,
    QValue,
    RowAnd,
    RowIds,
    RowNode,
    RowNot,
    RowOr,
    RowScope,
    RowTypes,
    TypeAnd,
    TypeNode,
    TypeOr,
)
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.storage.database import Tx

__all__ = [
    "ALL_ATTRIBUTES",
    "ALL_ROWS",
    "ANYTHING",
    "EVERYTHING",
    "EVERY_ROW",
    "NOTHING",
    "NO_ATTRIBUTES",
    "NO_ROW",
    "NO_ROWS",
    "Allowed",
    "Change",
    "Found",
    "GeoQuery",
    "GeoRelation",
    "Grant",
    "HistoryKind",
    "HistoryRow",
    "Op",
    "OrderKey",
    "Ordering",
    "Outcome",
    "OutcomeStatus",
    "QAnd",
    "QLink",
    "QNode",
    "QOperator",
    "QOr",
    "QPath",
    "QRange",
    "QTerm",
    "QValue",
    "Query",
    "Remember",
    "Restriction",
    "RowAnd",
    "RowIds",
    "RowNode",
    "RowNot",
    "RowOr",
    "RowScope",
    "RowTypes",
    "Selector",
    "TypeAnd",
    "TypeNode",
    "TypeOr",
    "Visible",
]

# --- writing -------------------------------------------------------------------------------------------


class Op(StrEnum):
    """What a change does; the clause of ETSI GS CIM 009 V1.9.1 in which the operation is described."""

    CREATE = "create"  # 5.6.1
    UPSERT = "upsert"  # 5.6.8, mode replace: created, or replaced whole
    UPSERT_UPDATE = "upsertUpdate"  # 5.6.8, mode update: created, or appended with overwrite
    REPLACE = "replace"  # 5.6.18: the entity must exist
    APPEND = "append"  # 5.6.3: attributes added, existing ones overwritten
    APPEND_NEW = "appendNew"  # 5.6.3 noOverwrite: existing ones are left and reported
    UPDATE = "update"  # 5.6.2: attributes overwritten or added; a scope only where there is one
    REPLACE_ATTRIBUTE = "replaceAttribute"  # 5.6.19: the instances must exist
    PARTIAL_UPDATE = "partialUpdate"  # 5.6.4: members of one attribute instance
    MERGE = "merge"  # 5.6.17
    DELETE_ATTRIBUTE = "deleteAttribute"  # 5.6.5
    DELETE = "delete"  # 5.6.6
    READING = "reading"  # ours: one device reading; an older one never replaces newer state (decision 4)


@dataclass(frozen=True, slots=True)
class Merging:
    """How a merge takes what it is given (clauses 5.6.17 and 6.5.3.4).

    simplified: attributes came in the simplified form, so that those that stand say what kind they are; a text for a
    LanguageProperty is in the language lang. observed: the moment of attributes that have one and are given none.
    """

    simplified: bool = False
    lang: str = ""
    observed: str = ""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the writer of a change may do: grant is of the action, write or delete; sight of reading."""

    grant: Grant = EVERYTHING
    sight: Grant = EVERYTHING

    @property
    def eyes(self) -> Grant:
        """What the writer knows of: what may be read, or where that is nothing what may be written."""
        return self.grant if self.sight == NOTHING else self.sight


ANYTHING = Allowed()


@dataclass(frozen=True, slots=True)
class Change:
    """One planned change of one entity.

    doc holds what is written (absent for deletions); for PARTIAL_UPDATE and DELETE_ATTRIBUTE, attribute names
    the expanded attribute, dataset the instance ("" is the default instance), every asks for all instances. merging
    is for MERGE. allowed is what its writer may do, which for parts of the platform is anything; keeps are attributes
    that a replacement leaves as they are, which `permit` says.
    """

    op: Op
    id: str
    doc: EntityDoc | None = None
    attribute: str = ""
    dataset: str = ""
    every: bool = False
    merging: Merging = Merging()
    allowed: Allowed = ANYTHING
    keeps: tuple[str, ...] = ()


OutcomeStatus = Literal["created", "updated", "deleted", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change. seq is its log record's, 0 where nothing was logged.

    updated and not_updated name expanded attributes; not_updated gives the reason beside each.
    stale tells for a READING that it is in history but newer state stood already; duplicate, that it was
    there already and was ignored.
    """

    id: str
    status: OutcomeStatus
    seq: int = 0
    problem: Problem | None = None
    updated: tuple[str, ...] = ()
    not_updated: tuple[tuple[str, str], ...] = ()
    stale: bool = False
    duplicate: bool = False


# --- what history is told ----------------------------------------------------------------------------------

HistoryKind = Literal["entity", "instance", "reading", "tombstone", "entityDeleted"]


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One thing to remember, in the transaction of the write that caused it.

    entity: the entity came to be or changed its types (types is set). instance: an attribute instance was
    written. reading: as instance, but one of the same attribute, dataset and observedAt that stands already is a
    duplicate (same content) or is corrected (other content). tombstone: the instance was deleted at `at`.
    entityDeleted: the entity was deleted at `at`.

    seq is the log record's, 0 for a late reading that changed no state; ordinal counts within it; `at` (when it
    was written) and observed_at (None where the instance has none) are microseconds since the epoch.
    """

    kind: HistoryKind
    entity_id: str
    at: int
    seq: int = 0
    ordinal: int = 0
    attribute: str = ""
    dataset: str = ""
    observed_at: int | None = None
    instance: Instance | None = None
    types: tuple[str, ...] = ()


Remember = Callable[[Tx, Sequence[HistoryRow]], Awaitable[Collection[int] | None]]
"""Keeps the rows in the transaction it is handed; answers the places of the rows that were duplicates."""


# --- geography (clause 4.10) -----------------------------------------------------------------------------

GeoRelation = Literal["near", "equals", "disjoint", "intersects", "within", "contains", "overlaps"]


@dataclass(frozen=True, slots=True)
class GeoQuery:
    """geometry is a GeoJSON geometry; distances in metres, of which exactly one is set where relation is near."""

    relation: GeoRelation
    geometry: dict[str, Any]
    property: str
    max_distance: float | None = None
    min_distance: float | None = None


# --- query --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selector:
    """One of several ways to be selected (clause 5.2.33): all that is given holds. ids go before the pattern."""

    types: TypeNode | None = None
    ids: tuple[str, ...] = ()
    id_pattern: str = ""


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One element of orderBy (clause 4.23): a path as in q, where id, type and scope are members of no attribute."""

    path: QPath
    descending: bool = False
    by_distance: bool = False


@dataclass(frozen=True, slots=True)
class Ordering:
    """How the entities are ordered: by the keys one after the other, then by creation.

    collation is a language tag (RFC 5646); origin the GeoJSON geometry from which distances are measured, {} where no
    key asks for it; lang chooses the language by which a LanguageProperty is ordered.
    """

    keys: tuple[OrderKey, ...]
    collation: str = "und"
    origin: dict[str, Any] = field(default_factory=dict)
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """What to find (clause 5.7.2). restriction and visible have no default on purpose: everyone must say them.

    attrs: the entity has at least one of these. selectors: it satisfies at least one. after: opaque keyset cursor of
    the page before, in the order of creation; where an order is asked for, pages are found by offset alone.
    """

    restriction: Restriction
    visible: Visible
    types: TypeNode | None = None
    ids: tuple[str, ...] = ()
    id_pattern: str = ""
    selectors: tuple[Selector, ...] = ()
    attrs: tuple[str, ...] = ()
    q: QNode | None = None
    geo: GeoQuery | None = None
    scope_q: str = ""
    order: Ordering | None = None
    limit: int = 20
    offset: int = 0
    after: str = ""
    count: bool = False


@dataclass(frozen=True, slots=True)
class FoundTexts:
    """As Found, each entity as its JSON text in the stored form; an entity that did not change is the same text."""

    texts: list[str] = field(default_factory=list)
    total: int | None = None
    after: str = ""
    more: bool = False


@dataclass(slots=True)
class Found:
    """A page of entities; more tells of a page behind it, after is its cursor where they are ordered by creation."""

    entities: list[EntityDoc] = field(default_factory=list)
    total: int | None = None
    after: str = ""
    more: bool = False
