"""Words of the room: a KPI, its figures, and the readings behind each figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from urllib.parse import quote, urlencode

from kumihimo.base import jsontext, times

FigureState = Literal["known", "not-reached", "too-few"]
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Definition:
    """What is measured, how, and in which unit; words by language.

    type and attributes: what it rests on, as expanded names, also: other types with theirs. A figure is shown to
    whoever may read all of it. grows: it is larger where more people live; towns are compared per 1,000 of them. by:
    the pack that defines it, "" for the platform's own; form: how that pack makes it, such as sum.
    """

    id: str
    title: Mapping[str, str]
    method: Mapping[str, str]
    unit: Mapping[str, str]
    type: str
    attributes: tuple[str, ...]
    also: tuple[tuple[str, tuple[str, ...]], ...] = ()
    grows: bool = False
    by: str = ""
    form: str = ""

    @property
    def key(self) -> str:
        """The id, and of a pack's own KPI what else it must be to be the same one: whose it is, what it rests on and
        how it is made of that. An id alone may come to name something else.
        """
        if not self.by:
            return self.id
        told = jsontext.text([self.by, self.form, self.rests])
        return f"{self.id} {sha256(told.encode()).hexdigest()[:16]}"

    def is_like(self, other: Definition) -> bool:
        """Whether another, of another town, measures the same thing in the same unit."""
        return (self.id, self.unit, self.rests) == (other.id, other.unit, other.rests)

    @property
    def rests(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each type with the attributes that matter."""
        return ((self.type, self.attributes), *self.also)

    def rests_on(self, lang: str) -> str:
        """The names of types and attributes in short, for a reader."""
        opening, closing, between = ("（", "）", "、") if lang == "ja" else (" (", ")", ", ")
        told = []
        for type_, attributes in self.rests:
            short, *names = (name.rpartition("/")[2] for name in (type_, *attributes))
            told.append(f"{short}{opening}{', '.join(names)}{closing}" if names else short)
        return between.join(told)


@dataclass(frozen=True, slots=True)
class Lineage:
    """One reading behind a figure; attribute is the expanded name, term its short one, role what it stands for. Both
    names are "" where the entity itself is counted.
    """

    entity_id: str
    attribute: str
    term: str
    at: int
    value: float
    unit: str
    role: Mapping[str, str]


def temporal_path(entity_id: str, term: str, start: int, end: int) -> str:
    """Path and query of a temporal read of one attribute, of all for "", both ends included."""
    query = ({"attrs": term} if term else {}) | {
        "timerel": "between",
        "timeAt": times.text(times.from_micros(start - _SECOND)),
        "endTimeAt": times.text(times.from_micros(end + _SECOND)),
    }
    return f"/ngsi-ld/v1/temporal/entities/{quote(entity_id, safe='')}?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: value in the definition's unit where state is known, None otherwise; at orders the figures.

    until: where it is a span's, such as a month's, that span's end (microseconds, not within it); 0 for a moment's.
    is_now: it is made of things as they are now, and another one with the next reading.
    href leads to the subject's own page below the tenant; note says what limits the figure.
    """

    id: str
    kpi: str
    subject: str
    label: Mapping[str, str]
    at: int
    state: FigureState
    value: float | None
    lineage: tuple[Lineage, ...]
    href: str = ""
    note: Mapping[str, str] | None = None
    until: int = 0
    is_now: bool = False

    def is_over(self, now: int) -> bool:
        """Whether no later reading is of it: what it says changes only where the past is corrected."""
        return not self.is_now and self.until <= now

    def temporal_paths(self) -> list[str]:
        """The NGSI-LD temporal queries (clause 5.7.3) that give all readings behind the figure, below the platform's
        address: one for each attribute of an entity, over the whole span of a span's figure.
        """
        spans: dict[tuple[str, str], list[int]] = {}
        for one in self.lineage:
            spans.setdefault((one.entity_id, one.term), []).append(one.at)
        for (_, term), at in spans.items():
            if term and all(self.at <= one < self.until for one in at):
                at[:] = self.at + _SECOND, self.until - _SECOND
        return [temporal_path(entity, term, min(at), max(at)) for (entity, term), at in spans.items()]
