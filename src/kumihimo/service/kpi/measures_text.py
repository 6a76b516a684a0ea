"""Measures as text: the TOML file that a planner edits, the JSON that is kept, and what a measure may say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NoReturn

import msgspec

from kumihimo.base.errors import BadRequestData, Word, Wording
from kumihimo.service.kpi.measures import LEVELS, Better, Frozen, Level, Measure, State, Target

MAX_BYTES: Final = 1024 * 1024
"""Bytes of a file of measures."""
MAX_TARGETS: Final = 20
"""Targets of one measure."""
MAX_TITLE: Final = 200
MAX_AIM: Final = 2000
MAX_OWNER: Final = 100
MAX_BUDGET: Final = 10**15
NEW: Final = "new"
"""No id of a measure, as the page of a new one has it in its address."""
_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LANGUAGES: Final = ("ja", "en")


class TargetEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A target as a file has it; the members are those of `Target`."""

    kpi: str
    target: float
    better: Better
    due_on: date
    id: str = ""
    subject: str = ""
    baseline: float | None = None
    owner: str = ""


class MeasureEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A measure as a file has it; the members are those of `Measure`, title and aim with ja and en."""

    id: str
    level: Level
    title: dict[str, str]
    owner: str
    starts_on: date
    parent: str = ""
    aim: dict[str, str] = {}
    due_on: date | None = None
    state: State = "planned"
    budget: int | None = None
    example: bool = False
    targets: tuple[TargetEntry, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    measures: tuple[MeasureEntry, ...] = ()


# --- a file ------------------------------------------------------------------------------------------------


def write(measures: Iterable[Measure]) -> str:
    """The TOML text of measures; `read` gives them back, without who changed them when."""
    return msgspec.toml.encode(_File(tuple(entry_of(one) for one in measures))).decode()


def read(text: str) -> list[Measure]:
    """The measures of a TOML text, in its order. BadRequestData where it is none, with the place where it is wrong."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        refuse("size", f"the file is longer than {MAX_BYTES} bytes", limit=MAX_BYTES)
    try:
        found = msgspec.toml.decode(text.replace("\r\n", "\n"), type=_File)
    except (msgspec.DecodeError, RecursionError, ValueError) as problem:
        refuse("file", f"this is no file of measures: {problem}", why=str(problem))
    measures = [checked(measure_of(one)) for one in found.measures]
    twice = [one.id for at, one in enumerate(measures) if any(one.id == each.id for each in measures[:at])]
    if twice:
        refuse("twice", f"{twice[0]!r} is in the file twice", id=twice[0])
    return measures


# --- what is kept ------------------------------------------------------------------------------------------


def kept(measure: Measure) -> str:
    """The JSON of a measure."""
    return msgspec.json.encode(entry_of(measure)).decode()


def of_kept(content: str, revision: int, changed_at: int, changed_by: str) -> Measure:
    """The measure of its JSON."""
    entry = msgspec.json.decode(content, type=MeasureEntry)
    return measure_of(entry, revision, changed_at, changed_by)


def kept_frozen(frozen: Sequence[Frozen]) -> str:
    """The JSON of what a check note froze."""
    return msgspec.json.encode(frozen).decode()


def of_kept_frozen(content: str) -> tuple[Frozen, ...]:
    """What a check note froze."""
    return msgspec.json.decode(content, type=tuple[Frozen, ...])


def entry_of(measure: Measure) -> MeasureEntry:
    """The measure as a file has it."""
    return MeasureEntry(
        id=measure.id,
        level=measure.level,
        title=dict(measure.title),
        owner=measure.owner,
        starts_on=measure.starts_on,
        parent=measure.parent,
        aim=dict(measure.aim),
        due_on=measure.due_on,
        state=measure.state,
        budget=measure.budget,
        example=measure.is_example,
        targets=tuple(
            TargetEntry(one.kpi, one.target, one.better, one.due_on, one.id, one.subject, one.baseline, one.owner)
            for one in measure.targets
        ),
    )


def measure_of(entry: MeasureEntry, revision: int = 0, changed_at: int = 0, changed_by: str = "") -> Measure:
    """The measure that a file has; a target without an id gets its number in the measure."""
    targets = tuple(
        Target(
            id=one.id or f"t{number}",
            measure=entry.id,
            kpi=one.kpi,
            target=one.target,
            better=one.better,
            due_on=one.due_on,
            subject=one.subject,
            baseline=one.baseline,
            owner=one.owner,
        )
        for number, one in enumerate(entry.targets, 1)
    )
    return Measure(
        id=entry.id,
        level=entry.level,
        title=entry.title,
        owner=entry.owner,
        starts_on=entry.starts_on,
        parent=entry.parent,
        aim=entry.aim,
        due_on=entry.due_on,
        state=entry.state,
        budget=entry.budget,
        targets=targets,
        is_example=entry.example,
        revision=revision,
        changed_at=changed_at,
        changed_by=changed_by,
    )


# --- what it may say ---------------------------------------------------------------------------------------


def refuse(key: str, detail: str, **values: Word) -> NoReturn:
    """Raises BadRequestData with the text `measures.refused.{key}`."""
    raise BadRequestData(detail).worded(f"measures.refused.{key}", **values)


def checked(measure: Measure) -> Measure:
    """The measure itself where it can be kept; BadRequestData says what is wrong with it."""
    if not _ID.match(measure.id) or measure.id == NEW:
        refuse("id", f"{measure.id[:64]!r} is no id: use 1 to 64 of a-z, 0-9 and '-'", id=measure.id[:64])
    _words("title", measure.title, MAX_TITLE)
    if not measure.title.get("ja"):
        refuse("needed", f"{measure.id}: the title in Japanese is needed", what=_name("title_ja"))
    _words("aim", measure.aim, MAX_AIM)
    _text("owner", measure.owner, MAX_OWNER)
    if not measure.owner:
        refuse("needed", f"{measure.id}: an owner is needed", what=_name("owner"))
    if measure.due_on is not None and measure.due_on < measure.starts_on:
        refuse("order", f"{measure.id} is due on {measure.due_on}, before it starts ({measure.starts_on})")
    if measure.budget is not None and not 0 <= measure.budget <= MAX_BUDGET:
        refuse("budget", f"{measure.id}: a budget is a number of yen from 0 to {MAX_BUDGET}", limit=MAX_BUDGET)
    if measure.parent and not _ID.match(measure.parent):
        refuse("parent", f"there is no measure {measure.parent[:64]!r}", id=measure.parent[:64])
    if len(measure.targets) > MAX_TARGETS:
        refuse("targets", f"{measure.id} has more than {MAX_TARGETS} targets", limit=MAX_TARGETS)
    if len({one.id for one in measure.targets}) < len(measure.targets):
        refuse("twice", f"{measure.id}: two targets have the same id", id=measure.id)
    for target in measure.targets:
        _target(measure, target)
    return measure


def _target(measure: Measure, target: Target) -> None:
    if not _ID.match(target.id):
        refuse("id", f"{target.id[:64]!r} is no id of a target", id=target.id[:64])
    for what, text in (("kpi", target.kpi), ("subject", target.subject), ("owner", target.owner)):
        _text(what, text, MAX_TITLE)
    numbers = [target.target] if target.baseline is None else [target.target, target.baseline]
    if not all(math.isfinite(one) for one in numbers):
        refuse("number", f"{measure.id}: a target and a baseline are finite numbers", what=_name("target"))
    if target.due_on < measure.starts_on:
        refuse("order", f"{measure.id}: a target is due on {target.due_on}, before the start ({measure.starts_on})")


def check_place(measure: Measure, above: Measure | None, below: Iterable[Measure]) -> None:
    """BadRequestData unless the measure above is of a higher level, and all below are of lower ones."""
    rank = LEVELS.index(measure.level)
    if measure.parent and above is None:
        refuse("parent", f"there is no measure {measure.parent!r}", id=measure.parent)
    if above is not None and LEVELS.index(above.level) >= rank:
        refuse("level", f"{measure.id} is a {measure.level}; it stands below a higher level, not below a {above.level}")
    if any(LEVELS.index(one.level) <= rank for one in below):
        refuse("level", f"{measure.id} has measures below it that are of no lower level than {measure.level}")


def _words(what: str, words: Mapping[str, str], limit: int) -> None:
    if any(lang not in _LANGUAGES for lang in words):
        refuse("language", f"{what}: the languages are ja and en")
    for text in words.values():
        _text(what, text, limit)


def _text(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        refuse("long", f"{what}: at most {limit} characters", what=_name(what), limit=limit)
    if _CONTROL.search(text):
        refuse("control", f"{what}: a text holds no control characters", what=_name(what))


def _name(what: str) -> Wording:
    return Wording(f"measures.f.{what}", {})


# --- what changed ------------------------------------------------------------------------------------------


def differences(
    before: Measure | None, after: Measure, kpis: Mapping[str, str] | None = None
) -> list[tuple[str, str, str]]:
    """What changed from one version to the next: the member, what it was and what it is; of a new one all it says.

    A target is one line, under the name "target": its KPI, by its title where kpis has it, relation, value and day.
    """
    old, new = {} if before is None else _flat(before, kpis or {}), _flat(after, kpis or {})
    names = dict.fromkeys([*new, *old])
    return [
        (name.partition(":")[0], old.get(name, ""), new.get(name, ""))
        for name in names
        if old.get(name, "") != new.get(name, "")
    ]


def _flat(measure: Measure, kpis: Mapping[str, str]) -> dict[str, str]:
    members = {
        "level": measure.level,
        "parent": measure.parent,
        **{f"title_{lang}": measure.title.get(lang, "") for lang in _LANGUAGES},
        **{f"aim_{lang}": measure.aim.get(lang, "") for lang in _LANGUAGES},
        "owner": measure.owner,
        "starts_on": str(measure.starts_on),
        "due_on": "" if measure.due_on is None else str(measure.due_on),
        "state": measure.state,
        "budget": "" if measure.budget is None else f"{measure.budget:,}",
        "example": "✓" if measure.is_example else "",
    }
    return members | {f"target:{one.id}": _line(one, kpis) for one in measure.targets}


def _line(target: Target, kpis: Mapping[str, str]) -> str:
    relation = "≥" if target.better == "higher" else "≤"
    baseline = "" if target.baseline is None else f"{target.baseline:g} → "
    parts = (
        kpis.get(target.kpi, target.kpi),
        target.subject,
        f"{baseline}{relation} {target.target:g}",
        str(target.due_on),
        target.owner,
    )
    return " · ".join(part for part in parts if part)
