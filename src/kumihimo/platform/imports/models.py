"""What is said of an import: how far it is, and what became of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kumihimo.platform.history.bulk import Past

State = Literal["running", "done"]


@dataclass(frozen=True, slots=True)
class Run:
    """One file's import. position counts its records (rows of a CSV, pieces of JSON) that are committed.

    stored, duplicates, corrected and refused count instances; settled counts those that became current state. Moments
    in microseconds.
    """

    id: str
    title: str
    state: State = "running"
    position: int = 0
    stored: int = 0
    duplicates: int = 0
    corrected: int = 0
    refused: int = 0
    settled: int = 0
    begun_at: int = 0
    changed_at: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of a file: from position before to position after.

    types names the types of each entity in rows. refused counts what the reader, or who expanded it, could not take.
    may_create says whether entities that there are not come to be, or their rows are refused.
    """

    import_id: str
    before: int
    after: int
    rows: Sequence[Past]
    types: Mapping[str, Sequence[str]]
    refused: int = 0
    may_create: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """The run after a batch, and some of the reasons for what was refused in it."""

    run: Run
    reasons: Sequence[str] = field(default_factory=tuple)
