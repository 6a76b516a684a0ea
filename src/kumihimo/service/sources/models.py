"""What a source is, and how it fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kumihimo.platform.imports.observations import Layout

Kind = Literal["folder", "url"]
Outcome = Literal["new", "taken", "unchanged", "aside", "failed"]
"""new: it was not looked at yet; aside: something could not be read and is not tried again before it changes."""
ContentState = Literal["seen", "taken", "aside"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source's files are read: into the current state as `kumihimo import` does, or into history."""

    entity_type: str = ""
    id_column: str = ""
    history: Layout | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """place is a folder of this machine or a URL; every in seconds, moments in microseconds.

    taken and refused count entities or observations since it was added, failures the looks in a row that failed.
    validators are what the URL's last answer said of its version (RFC 9110 section 8.8), as request headers. detail
    says why the last look failed; reasons what of the content that was found last was not taken, until other is found.
    """

    name: str
    kind: Kind
    place: str
    every: int
    reading: Reading
    added_at: int = 0
    next_run: int = 0
    last_run: int | None = None
    outcome: Outcome = "new"
    detail: str = ""
    taken: int = 0
    refused: int = 0
    failures: int = 0
    validators: Mapping[str, str] = field(default_factory=dict)
    reasons: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """A file of a source as it was last found. mark tells versions apart; of what was set aside detail says why."""

    name: str
    mark: str
    state: ContentState
    detail: str = ""
    at: int = 0


@dataclass(slots=True)
class Look:
    """What came of one look at a source."""

    taken: int = 0
    refused: int = 0
    files: int = 0
    aside: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    more: bool = False
    validators: Mapping[str, str] = field(default_factory=dict)
