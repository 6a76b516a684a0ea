"""The members of a rule set's parts: one table from which the text is read and written and the form is built."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from kumihimo.service.rules.definition import ACTION_KINDS, FIGURES, REPEATS, Action, Definition, Join, Rule, Window
from kumihimo.service.rules.refusal import RuleRefused

Kind = Literal["line", "text", "names", "number", "flag", "choice", "value", "values", "terms"]
"""line: a text of one line; text: of many; names: a list of texts; value: any JSON value but null; values: a table;
terms: a table of texts.
"""

MAX_LINE: Final = 200
MAX_TEXT: Final = 4000
MAX_NAMES: Final = 20
MAX_TERMS: Final = 1000
"""Short names of a set's own: those of all models of a pack."""
MAX_NUMBER: Final = 1_000_000
MAX_DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name in text, form and model. only: the kinds of action that have it."""

    name: str
    kind: Kind
    choices: Sequence[str] = ()
    only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """A table of the text: its own members, and the arrays of tables in it, as (name in the text, in the model)."""

    model: type
    members: tuple[Member, ...]
    parts: tuple[tuple[str, str, Part], ...] = ()


def _of(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


WINDOW: Final = Part(
    Window,
    (
        Member("name", "line"),
        Member("figure", "choice", FIGURES),
        Member("attribute", "line"),
        Member("minutes", "number"),
    ),
)
JOIN: Final = Part(
    Join,
    (
        Member("name", "line"),
        Member("types", "names"),
        Member("relationship", "line"),
        Member("metres", "number"),
        Member("inside", "flag"),
    ),
)
ACTION: Final = Part(
    Action,
    (
        Member("do", "choice", ACTION_KINDS),
        Member("function", "line", only=_of("compute")),
        Member("topic", "line", only=_of("notify")),
        Member("whole_town", "flag", only=_of("notify")),
        Member("entity", "line", only=_of("change", "notify", "compute")),
        Member("area", "line", only=_of("notify")),
        Member("urgent", "flag", only=_of("notify")),
        Member("type", "line", only=_of("change", "compute")),
        Member("attribute", "line", only=_of("change")),
        Member("attributes", "names", only=_of("compute")),
        Member("value", "value", only=_of("change")),
        Member("expression", "text", only=_of("change")),
        Member("severity", "number", only=_of("alert")),
        Member("title_ja", "line", only=_of("alert", "notify")),
        Member("title_en", "line", only=_of("alert", "notify")),
        Member("title_easy", "line", only=_of("notify")),
        Member("text_ja", "text", only=_of("notify")),
        Member("text_en", "text", only=_of("notify")),
        Member("text_easy", "text", only=_of("notify")),
        Member("device", "line", only=_of("command")),
        Member("name", "line", only=_of("command")),
        Member("arguments", "values", only=_of("command", "compute")),
        Member("reason", "line", only=_of("command")),
        Member("to", "line", only=_of("notify")),
        Member("title", "line", only=_of("notify")),
        Member("text", "text", only=_of("notify", "task")),
        Member("whom", "line", only=_of("task")),
        Member("minutes", "number", only=_of("task")),
    ),
)
RULE: Final = Part(
    Rule,
    (
        Member("name", "line"),
        Member("note", "text"),
        Member("types", "names"),
        Member("watch", "names"),
        Member("condition", "text"),
        Member("repeat", "choice", REPEATS),
        Member("quiet_minutes", "number"),
        Member("absence_minutes", "number"),
        Member("schedule", "line"),
    ),
    (("window", "windows", WINDOW), ("join", "joins", JOIN), ("then", "actions", ACTION)),
)
SET: Final = Part(
    Definition,
    (
        Member("name", "line"),
        Member("title_ja", "line"),
        Member("title_en", "line"),
        Member("note", "text"),
        Member("names", "terms"),
    ),
    (("rule", "rules", RULE),),
)
MOST: Final = {"rule": 50, "window": 5, "join": 3, "then": 10}
"""How many of each a text may hold in one place."""


def default_of(part: Part, name: str) -> Any:
    """What a member is where it is not given."""
    return getattr(part.model(), next(one.name for one in fields(part.model) if one.name == name))


def model_of(part: Part, table: Mapping[str, Any], where: str) -> Any:
    """The model of a table. RuleRefused, with the place, for a member that there is not, or of another kind."""
    known = {one.name: one for one in part.members}
    inner = {name: (into, below) for name, into, below in part.parts}
    given: dict[str, Any] = {}
    for name, value in table.items():
        here = f"{where}.{name}" if where else name
        if name in known:
            given[name] = checked(known[name], value, here)
        elif name in inner:
            into, below = inner[name]
            given[into] = tuple(model_of(below, one, each) for one, each in _tables(name, value, here))
        else:
            there = ", ".join((*known, *inner))
            raise RuleRefused(
                f"{here}: there is no such member; there are {there}",
                f"{here}：この項目はありません。使えるのは {there} です。",
            )
    return part.model(**given)


def table_of(part: Part, model: Any) -> dict[str, Any]:
    """The table of a model, without what is as it would be anyway."""
    found: dict[str, Any] = {}
    plain = part.model()
    for one in part.members:
        value = getattr(model, one.name)
        if value != getattr(plain, one.name) or (one.name in ("name", "do", "figure") and not one.only):
            found[one.name] = list(value) if one.kind == "names" else value
    for name, into, below in part.parts:
        if inner := [table_of(below, each) for each in getattr(model, into)]:
            found[name] = inner
    return {name: value for name, value in found.items() if value is not None}


def _tables(name: str, value: Any, where: str) -> list[tuple[Mapping[str, Any], str]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise RuleRefused(f"{where}: write [[{name}]] tables here", f"{where}：[[{name}]] の表で書いてください。")
    if len(value) > MOST[name]:
        raise RuleRefused(
            f"{where}: {len(value)} are given; at most {MOST[name]} are taken",
            f"{where}：{len(value)} 個あります。{MOST[name]} 個までです。",
        )
    return [(one, f"{where}[{number}]") for number, one in enumerate(value, 1)]


def checked(member: Member, value: Any, where: str) -> Any:
    """The value as the model holds it; RuleRefused where it is of another kind or too large."""
    if member.kind in ("line", "text"):
        return _text(value, where, MAX_LINE if member.kind == "line" else MAX_TEXT, lines=member.kind == "text")
    if member.kind == "choice":
        if value not in member.choices:
            there = ", ".join(member.choices)
            raise RuleRefused(f"{where}: choose one of {there}", f"{where}：{there} から選んでください。")
        return value
    if member.kind == "names":
        if not isinstance(value, list) or len(value) > MAX_NAMES:
            raise RuleRefused(
                f"{where}: give a list of at most {MAX_NAMES} texts",
                f"{where}：{MAX_NAMES} 個までの文字列の並びで書いてください。",
            )
        names = (_text(one, where, MAX_LINE).strip() for one in value)
        return tuple(dict.fromkeys(one for one in names if one))
    if member.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
            raise RuleRefused(
                f"{where}: give a whole number from 0 to {MAX_NUMBER}",
                f"{where}：0 から {MAX_NUMBER} の整数で書いてください。",
            )
        return value
    if member.kind == "flag":
        if not isinstance(value, bool):
            raise RuleRefused(f"{where}: give true or false", f"{where}：true か false で書いてください。")
        return value
    return _terms(value, where) if member.kind == "terms" else _values(member, value, where)


def _text(value: Any, where: str, most: int, *, lines: bool = False) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise RuleRefused(
            f"{where}: give a text of at most {most} characters", f"{where}：{most} 文字までの文字列で書いてください。"
        )
    allowed = "\n\t" if lines else ""
    if any(not one.isprintable() and one not in allowed and one != "\u3000" for one in value):
        raise RuleRefused(
            f"{where}: it holds a character that cannot be shown", f"{where}：表示できない文字が含まれています。"
        )
    return value


def _terms(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_TERMS:
        raise RuleRefused(
            f"{where}: give a table of at most {MAX_TERMS} names and what they stand for",
            f"{where}：名前とそれが表すものの表を {MAX_TERMS} 個まで書いてください。",
        )
    return {_text(name, where, MAX_LINE): _text(one, f"{where}.{name[:64]}", MAX_LINE) for name, one in value.items()}


def _values(member: Member, value: Any, where: str) -> Any:
    if member.kind == "values" and not isinstance(value, dict):
        raise RuleRefused(f"{where}: give a table of names and values", f"{where}：名前と値の表で書いてください。")
    if not _is_json(value, MAX_DEPTH) or len(str(value)) > MAX_TEXT:
        raise RuleRefused(
            f"{where}: give texts, finite numbers, true, false, lists and tables, {MAX_TEXT} characters at most",
            f"{where}：文字列、数、true、false とその並びや表で、{MAX_TEXT} 文字まで書けます。",
        )
    return value


def _is_json(value: Any, depth: int) -> bool:
    if isinstance(value, list):
        return depth > 0 and all(_is_json(one, depth - 1) for one in value)
    if isinstance(value, dict):
        return depth > 0 and all(isinstance(name, str) and _is_json(one, depth - 1) for name, one in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | bool) or (isinstance(value, int) and abs(value) < 2**63)
