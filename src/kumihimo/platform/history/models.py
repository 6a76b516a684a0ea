"""What may be asked of the past, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kumihimo.platform.history.periods import Duration
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.jsonld.temporal import SCOPE

__all__ = [
    "MAX_INSTANCES",
    "METHODS",
    "PAGE_INSTANCES",
    "SCOPE",
    "Aggregation",
    "Evolution",
    "Extent",
    "Figures",
    "FoundPast",
    "Method",
    "TemporalQuery",
    "Timerel",
]

PAGE_INSTANCES = 10_000
"""Instances of one attribute in an answer at most, where the setting says nothing else."""
MAX_INSTANCES = 100_000
"""Instances of all attributes and entities in an answer at most."""

Method = Literal["totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq"]
METHODS: tuple[Method, ...] = ("totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq")
"""Aggregation methods (clause 4.5.19.1)."""
Timerel = Literal["before", "after", "between", ""]


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Which figures of each period (clause 4.5.19); a duration of nothing is the whole range.

    strict refuses an attribute to which none of the methods applies; otherwise it is left out.
    """

    methods: tuple[Method, ...]
    period: Duration
    strict: bool = False


@dataclass(frozen=True, slots=True)
class TemporalQuery:
    """Which instances (clause 4.11): moments are microseconds; timerel "" is all of time.

    last_n keeps the newest of each attribute, 0 all. datasets are the datasetIds of the instances wanted, "" for the
    default one; None is all. now is the moment after which what has expired is gone. Entities are ordered by their ids:
    as the collation has it, "" by their characters; descending from the last to the first.
    """

    timerel: Timerel
    time_at: int = 0
    end_time_at: int = 0
    timeproperty: str = "observedAt"
    last_n: int = 0
    attrs: tuple[str, ...] = ()
    datasets: frozenset[str] | None = None
    aggregation: Aggregation | None = None
    now: int = 0
    descending: bool = False
    collation: str = ""
    page: int = PAGE_INSTANCES


@dataclass(frozen=True, slots=True)
class Extent:
    """The oldest and the newest moment of an answer that is not the whole (clause 6.3.10)."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one attribute and dataset: for each method value, beginning and end of each period."""

    kind: str
    dataset: str
    methods: Mapping[str, list[tuple[Any, int, int]]]


@dataclass(slots=True)
class Evolution:
    """An entity over time; its attrs hold many instances each, in the order of time, each with its instanceId.

    emptied names attributes of which nothing is in this part, with their kinds. figures stand in the place of
    instances where aggregation was asked for.
    """

    doc: EntityDoc
    extent: Extent | None = None
    emptied: dict[str, str] = field(default_factory=dict)
    figures: dict[str, list[Figures]] | None = None


@dataclass(slots=True)
class FoundPast:
    """A page of entities over time, ordered by id; after is the cursor of the next page, "" where there is none."""

    entities: list[Evolution] = field(default_factory=list)
    total: int | None = None
    after: str = ""
    extent: Extent | None = None
