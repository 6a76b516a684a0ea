"""What the forms of a measure and of a target hold, and what they say when they come back."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from kumihimo.base.errors import Problem, Wording
from kumihimo.service.kpi.measures import LEVELS, STATES, Measure, Target
from kumihimo.service.kpi.measures_text import refuse

TEXTS: Final = ("title_ja", "title_en", "aim_ja", "aim_en", "owner")
MEASURE_FIELDS: Final = ("level", "parent", *TEXTS, "starts_on", "due_on", "state", "budget", "example", "why")
TARGET_FIELDS: Final = ("kpi", "subject", "baseline", "target", "better", "due_on", "owner", "why")

FIELD_OF: Final = {
    "order": "due_on",
    "budget": "budget",
    "parent": "parent",
    "level": "level",
    "kpi": "kpi",
    "subject": "subject",
    "why": "why",
    "note": "text",
    "verdict": "verdict",
}
"""The field that a refusal is about which names none: `measures.refused.{key}` → field."""


def filled(measure: Measure | None) -> dict[str, str]:
    """The fields of a measure's form; of a new one with what most have."""
    if measure is None:
        return dict.fromkeys(MEASURE_FIELDS, "") | {"level": "project", "state": "planned"}
    return {
        "level": measure.level,
        "parent": measure.parent,
        "title_ja": measure.title.get("ja", ""),
        "title_en": measure.title.get("en", ""),
        "aim_ja": measure.aim.get("ja", ""),
        "aim_en": measure.aim.get("en", ""),
        "owner": measure.owner,
        "starts_on": str(measure.starts_on),
        "due_on": "" if measure.due_on is None else str(measure.due_on),
        "state": measure.state,
        "budget": "" if measure.budget is None else str(measure.budget),
        "example": "on" if measure.is_example else "",
        "why": "",
    }


def measure_of(given: Mapping[str, str], id_: str, before: Measure | None) -> Measure:
    """The measure that a form says; its targets stay as they were. BadRequestData for what cannot be read."""
    level = next((one for one in LEVELS if one == given.get("level")), None)
    state = next((one for one in STATES if one == given.get("state")), None)
    if level is None or state is None:
        refuse("choice", f"a level is one of {', '.join(LEVELS)}, a state one of {', '.join(STATES)}")
    text = {name: _text(given, name) for name in TEXTS}
    return Measure(
        id=id_,
        level=level,
        title=_words(text["title_ja"], text["title_en"]),
        owner=text["owner"],
        starts_on=_day(given, "starts_on"),
        parent=given.get("parent", "").strip(),
        aim=_words(text["aim_ja"], text["aim_en"]),
        due_on=_day(given, "due_on") if given.get("due_on", "").strip() else None,
        state=state,
        budget=_budget(given.get("budget", "")),
        targets=() if before is None else before.targets,
        is_example=given.get("example") == "on",
    )


def filled_target(measure: Measure, target: Target | None) -> dict[str, str]:
    """The fields of a target's form; a new one is due when its measure is."""
    if target is None:
        due = "" if measure.due_on is None else str(measure.due_on)
        return dict.fromkeys(TARGET_FIELDS, "") | {"better": "higher", "due_on": due}
    return {
        "kpi": target.kpi,
        "subject": target.subject,
        "baseline": "" if target.baseline is None else f"{target.baseline:.15g}",
        "target": f"{target.target:.15g}",
        "better": target.better,
        "due_on": str(target.due_on),
        "owner": target.owner,
        "why": "",
    }


def target_of(given: Mapping[str, str], id_: str, measure: Measure) -> Target:
    """The target that a form says. BadRequestData for what cannot be read."""
    return Target(
        id=id_,
        measure=measure.id,
        kpi=given.get("kpi", ""),
        target=_number(given, "target"),
        better="lower" if given.get("better") == "lower" else "higher",
        due_on=_day(given, "due_on"),
        subject=given.get("subject", ""),
        baseline=_number(given, "baseline") if given.get("baseline", "").strip() else None,
        owner=_text(given, "owner"),
    )


def with_target(measure: Measure, target: Target) -> Measure:
    """The measure with a target in place of the one of its id, or as its last one."""
    if any(one.id == target.id for one in measure.targets):
        return replace(measure, targets=tuple(target if one.id == target.id else one for one in measure.targets))
    return replace(measure, targets=(*measure.targets, target))


def without_target(measure: Measure, id_: str) -> Measure:
    """The measure without a target."""
    return replace(measure, targets=tuple(one for one in measure.targets if one.id != id_))


def next_target(measure: Measure) -> str:
    """An id that no target of the measure has."""
    taken = {one.id for one in measure.targets}
    return next(name for number in range(1, len(taken) + 2) if (name := f"t{number}") not in taken)


def revision_of(given: Mapping[str, str]) -> int:
    """The revision that a form was made from. BadRequestData for what is none."""
    text = given.get("revision", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        refuse("choice", f"{text[:20]!r} is no revision")
    return int(text)


def wrong_field(problem: Problem | None) -> str:
    """The field of a form at which a refusal is to be said, "" where it is about none in particular."""
    if problem is None or problem.wording is None:
        return ""
    key, what = problem.wording.key.removeprefix("measures.refused."), problem.wording.values.get("what")
    if isinstance(what, Wording):
        return what.key.removeprefix("measures.f.")
    return FIELD_OF.get(key, "")


def _words(ja: str, en: str) -> dict[str, str]:
    return {lang: text for lang, text in (("ja", ja), ("en", en)) if text}


def _text(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "").replace("\r\n", "\n").strip()


def _plain(text: str) -> str:
    """Digits as a keyboard for Japanese may give them, and commas between thousands."""
    return unicodedata.normalize("NFKC", text).strip().replace(",", "").replace("−", "-")


def _day(given: Mapping[str, str], name: str) -> date:
    text = _plain(given.get(name, ""))
    try:
        return date.fromisoformat(text)
    except ValueError:
        refuse("day", f"{name}: {text[:20]!r} is no day; write it as 2027-03-31", what=_name(name))


def _number(given: Mapping[str, str], name: str) -> float:
    text = _plain(given.get(name, ""))
    try:
        return float(text)
    except ValueError:
        refuse("number", f"{name}: {text[:20]!r} is no number", what=_name(name))


def _budget(text: str) -> int | None:
    plain = _plain(text).removesuffix("円").strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdigit() and len(plain) < 20):
        refuse("number", f"budget: {text[:20]!r} is no number of yen", what=_name("budget"))
    return int(plain)


def _name(what: str) -> Wording:
    return Wording(f"measures.f.{what}", {})
