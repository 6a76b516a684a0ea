"""Words of measures: what a town does (政策・施策・事務事業), what it wants to reach by when, and what reviews noted.

Nothing here asks anybody: `standing` judges a target by the figures it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from kumihimo.base import times
from kumihimo.base.times import JST
from kumihimo.service.kpi.models import Figure

"""Days of measures are days of Japan."""

Level = Literal["policy", "programme", "project"]
"""政策, 施策, 事務事業."""
State = Literal["planned", "running", "ended", "stopped"]
Better = Literal["higher", "lower"]
NoteKind = Literal["plan", "do", "check", "act"]
"""計画, 実行, 評価, 改善."""
Verdict = Literal["continue", "change", "stop"]
"""What a note of the kind act says of the measure; "" for other notes."""
StandingState = Literal["reached", "on-the-way", "behind", "open", "overdue", "too-few", "no-data"]

LEVELS: Final[tuple[Level, ...]] = ("policy", "programme", "project")
STATES: Final[tuple[State, ...]] = ("planned", "running", "ended", "stopped")
NOTE_KINDS: Final[tuple[NoteKind, ...]] = ("plan", "do", "check", "act")
VERDICTS: Final[tuple[Verdict, ...]] = ("continue", "change", "stop")
STANDINGS: Final[tuple[StandingState, ...]] = (
    "no-data",
    "too-few",
    "reached",
    "overdue",
    "open",
    "on-the-way",
    "behind",
)
"""In the order in which they are looked at."""


def said(words: Mapping[str, str], lang: str) -> str:
    """Words in a language, in Japanese where there are none in it, "" where there are none at all."""
    return words.get(lang) or words.get("ja", "")


def day_of(at: int) -> date:
    """The day in Japan of a moment in microseconds."""
    return times.from_micros(at).astimezone(JST).date()


@dataclass(frozen=True, slots=True)
class Target:
    """What a measure wants a KPI to be by when.

    kpi: the id of a definition; baseline and target in its unit. subject: that of the figures that count (of a month
    "2026-11", of a gauge its id), "" for all of them. baseline: what it was before, None where nobody knows.
    """

    id: str
    measure: str
    kpi: str
    target: float
    better: Better
    due_on: date
    subject: str = ""
    baseline: float | None = None
    owner: str = ""

    def is_reached_by(self, value: float) -> bool:
        """Whether a value is as good as the target."""
        return value >= self.target if self.better == "higher" else value <= self.target


@dataclass(frozen=True, slots=True)
class Measure:
    """A policy, programme or project of a town with its targets.

    title and aim (what it wants to achieve) by language, Japanese always there. parent: the id of the measure above it,
    "" for none. owner: a role or an office (誰が). starts_on and due_on: its first and last day (何時までに), due_on
    None where no end is set. budget in yen. revision counts its changes. is_example: made up to show what a measure is.
    """

    id: str
    level: Level
    title: Mapping[str, str]
    owner: str
    starts_on: date
    parent: str = ""
    aim: Mapping[str, str] = field(default_factory=dict)
    due_on: date | None = None
    state: State = "planned"
    budget: int | None = None
    targets: tuple[Target, ...] = ()
    is_example: bool = False
    revision: int = 0
    changed_at: int = 0
    changed_by: str = ""

    def called(self, lang: str) -> str:
        """Its title in a language."""
        return said(self.title, lang)


@dataclass(frozen=True, slots=True)
class Branch:
    """A measure with those below it."""

    measure: Measure
    below: tuple[Branch, ...] = ()

    def walk(self) -> Iterator[Measure]:
        """The measure and all below it, each before its own."""
        yield self.measure
        for one in self.below:
            yield from one.walk()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target stands. figure: the newest known figure that counts, None where there is none.

    counted: figures that count, known those of them with a value. share: how much of the way from the baseline to the
    target is done (0.5: half; below 0: it became worse), expected: how much a steady way would have done by today; None
    where that cannot be said.
    """

    state: StandingState
    figure: Figure | None = None
    counted: int = 0
    known: int = 0
    share: float | None = None
    expected: float | None = None

    @property
    def actual(self) -> float | None:
        """The newest value, in the KPI's unit."""
        return None if self.figure is None else self.figure.value

    @property
    def readings(self) -> int:
        """How many readings the newest value rests on."""
        return 0 if self.figure is None else len(self.figure.lineage)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A target as it stood when a check note was written: all that is needed to read it later, whatever changed since.

    value and readings: of the newest figure then (its id and label), at: the moment the figure stands for
    (microseconds); None and 0 where there was none. rests: the types and attributes that the KPI rested on then, so
    that it can be told who may see it.
    """

    target_id: str
    kpi: str
    title: Mapping[str, str]
    unit: Mapping[str, str]
    subject: str
    baseline: float | None
    target: float
    better: Better
    due_on: date
    state: StandingState
    figure: str = ""
    label: Mapping[str, str] = field(default_factory=dict)
    value: float | None = None
    at: int | None = None
    readings: int = 0
    rests: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """A measure as a change left it; made_at in microseconds, made_by: the actor."""

    measure: Measure
    made_at: int
    made_by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A review note (PDCA). at in microseconds; by: the actor who wrote it. A note of the kind check freezes the
    targets, one of the kind act has a verdict. Notes are never changed or removed.
    """

    id: str
    measure: str
    kind: NoteKind
    text: str
    at: int
    by: str
    verdict: Verdict | Literal[""] = ""
    frozen: tuple[Frozen, ...] = ()


def counting(target: Target, figures: Sequence[Figure], since: date | None = None) -> list[Figure]:
    """The figures that count for a target, the newest first: of its KPI and subject, and of no day before since."""
    found = [
        one
        for one in figures
        if one.kpi == target.kpi and target.subject in ("", one.subject) and (since is None or day_of(one.at) >= since)
    ]
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)


def standing(target: Target, figures: Sequence[Figure], today: date, since: date | None = None) -> Standing:
    """How a target stands on a day. since: the day its measure began; figures of days before it do not count.

    The newest figure with a value decides; the first of these that holds:

    - no-data: no figure counts. too-few: there are some, and none of them has a value.
    - reached: the value is as good as the target, or better.
    - overdue: the target's day is over (today is after due_on).
    - open: it cannot be said whether the pace is enough, as there is no baseline, or no since.
    - on-the-way: at least as much of the way from baseline to target is done as of the time from since to due_on.
    - behind: less is; also where the baseline was as good as the target already, so that it became worse.
    """
    counted = counting(target, figures, since)
    newest = next((one for one in counted if one.state == "known" and one.value is not None), None)
    known = sum(1 for one in counted if one.state == "known" and one.value is not None)
    if newest is None or newest.value is None:
        return Standing("too-few" if counted else "no-data", counted=len(counted))
    share, expected = _done(target, newest.value), _expected(target, today, since)
    return Standing(_state(target, newest.value, today, share, expected), newest, len(counted), known, share, expected)


def _state(target: Target, value: float, today: date, share: float | None, expected: float | None) -> StandingState:
    if target.is_reached_by(value):
        return "reached"
    if today > target.due_on:
        return "overdue"
    if target.baseline is None or expected is None:
        return "open"
    if share is None:
        return "behind"
    return "on-the-way" if share >= expected else "behind"


def _done(target: Target, value: float) -> float | None:
    """How much of the way is done; None where there is no baseline, or nothing to be gained from it."""
    if target.baseline is None or target.is_reached_by(target.baseline):
        return None
    return (value - target.baseline) / (target.target - target.baseline)


def _expected(target: Target, today: date, since: date | None) -> float | None:
    """How much of the time is over, from 0 to 1; all of it where there is none between."""
    if since is None:
        return None
    span = (target.due_on - since).days
    return 1.0 if span <= 0 else min(max((today - since).days / span, 0.0), 1.0)
