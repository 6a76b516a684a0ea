"""Expressions in CEL, bounded: what is too large is refused when it is read, what runs too long is cut off.

Google's own runtime checks types when an expression is read, stops after a number of rounds of its macros and takes no
deep nesting. Macros that double a text are held by their number here, so that no expression makes much of little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from cel_expr_python import cel

from kumihimo.service.rules.refusal import RuleRefused, Words

MAX_CHARACTERS: Final = 1000
MAX_MACROS: Final = 3
"""Macros (all, exists, exists_one, filter, map) in one expression."""
MAX_PLUS: Final = 24
MAX_PIECES: Final = 10
"""Expressions in the braces of one text."""
MAX_SAID: Final = 300
_MACRO: Final = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|filter|map)\s*\(")
_NAME: Final = re.compile(r"[a-z][a-zA-Z0-9_]{0,30}\Z", re.ASCII)
_POINTER: Final = re.compile(r"\s*\[[A-Z_]+\]\s*\Z")

FIXED: Final[dict[str, Any]] = {
    "entity": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "before": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "observed": cel.Type.Map(cel.Type.STRING, cel.Type.TIMESTAMP),
    "changed": cel.Type.List(cel.Type.STRING),
    "at": cel.Type.TIMESTAMP,
}
"""What every expression may ask: the entity's values by attribute, those from before the change, when each was
observed, which attributes changed, and the moment that is judged.
"""
_WORDS: Final = (
    "as break const continue else false for function if import in let loop namespace null package return true var void"
    " while bool bytes double duration dyn int list map string timestamp type uint size has matches"
)
_RESERVED: Final = frozenset(FIXED) | frozenset(_WORDS.split())
Variable = tuple[str, Literal["figure", "list"]]
"""A name of a rule's own: a window's figure, or a join's list."""


class Unanswered(Exception):
    """The expression has no answer for this entity: it asks for what is not there, or mixes kinds."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.words = Words(f"式の答えが出ません：{said}", f"the expression has no answer: {said}")


@dataclass(frozen=True, slots=True)
class Expression:
    """One that was read; `of` evaluates it."""

    text: str
    program: Any

    def of(self, values: Mapping[str, Any]) -> Any:
        """Its plain value. Unanswered where there is none."""
        try:
            found = self.program.eval(data=values)
            failed = found.type() == cel.Type.ERROR or found.type() == cel.Type.UNKNOWN
            plain = found.value() if failed else found.plain_value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as problem:
            raise Unanswered(said_of(problem)) from problem
        if failed:
            raise Unanswered(said_of(plain))
        return plain


@dataclass(frozen=True, slots=True)
class Template:
    """A text with expressions in braces; `of` fills it in."""

    pieces: tuple[str | Expression, ...]

    def of(self, values: Mapping[str, Any]) -> str:
        """The text. Unanswered where one of its expressions is."""
        return "".join(one if isinstance(one, str) else shown(one.of(values)) for one in self.pieces)


def said_of(problem: object) -> str:
    """What the runtime says, in one line without its marks."""
    first = str(problem).strip().splitlines()
    said = " ".join(one.strip() for one in first if one.strip() and not one.strip().startswith("|"))
    said = _POINTER.sub("", said.replace("INVALID_ARGUMENT: ", "").replace("ERROR: <input>:", "at "))
    return said[:MAX_SAID]


def check_name(name: str, where: str) -> str:
    """The name itself where it can stand in an expression; RuleRefused."""
    if not _NAME.match(name) or name in _RESERVED:
        raise RuleRefused(
            f"{where}: {name[:40]!r} cannot stand in a condition; use a small letter and then letters, digits and '_',"
            f" and none of {', '.join(FIXED)}",
            f"{where}：{name[:40]!r} は条件式で使えません。小文字の英字で始め、英数字と _ を使い、"
            f"{'、'.join(FIXED)} とは別の名前にしてください。",
        )
    return name


@lru_cache(maxsize=256)
def _environment(variables: tuple[Variable, ...]) -> Any:
    """Figures are of any kind, so that they can be compared with 3 as with 3.0."""
    own = {name: cel.Type.DYN if kind == "figure" else cel.Type.List(cel.Type.DYN) for name, kind in variables}
    return cel.NewEnv(variables={**FIXED, **own})


def read(text: str, variables: Sequence[Variable], where: str, *, wants_truth: bool = False) -> Expression:
    """The expression; RuleRefused where it is none, too large, or cannot be true or false where it must be."""
    _check_size(text, where)
    try:
        program = _environment(tuple(variables)).compile(text)
    except (RuntimeError, ValueError, TypeError) as problem:
        said = said_of(problem)
        raise RuleRefused(f"{where}: {said}", f"{where}：式が正しくありません（{said}）。") from problem
    kind = program.return_type()
    if wants_truth and kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise RuleRefused(
            f"{where}: this gives a {kind.name().lower()}; a condition must be true or false",
            f"{where}：条件は真か偽になる式で書いてください（いまの式は {kind.name().lower()} になります）。",
        )
    return Expression(text, program)


def _check_size(text: str, where: str) -> None:
    for found, most, en, ja in (
        (len(text), MAX_CHARACTERS, "characters", "文字"),
        (
            len(_MACRO.findall(text)),
            MAX_MACROS,
            "macros (all, exists, filter, map)",
            "個のマクロ（all、exists、filter、map）",
        ),
        (text.count("+"), MAX_PLUS, "plus signs", "個の + 記号"),
    ):
        if found > most:
            raise RuleRefused(
                f"{where}: the expression has {found} {en}; at most {most} are taken",
                f"{where}：式が大きすぎます（{found} {ja}）。{most} までです。",
            )


def read_template(text: str, variables: Sequence[Variable], where: str) -> Template:
    """The text with its expressions; "{{" and "}}" stand for the braces themselves. RuleRefused as `read`."""
    pieces: list[str | Expression] = []
    rest = text
    while rest:
        before, sign, rest = _split(rest)
        if before:
            pieces.append(before)
        if sign == "{":
            inside, closed, rest = rest.partition("}")
            if not closed:
                raise RuleRefused(f"{where}: a brace is opened and not closed", f"{where}：波括弧が閉じていません。")
            pieces.append(read(inside.strip(), variables, where))
    if sum(isinstance(one, Expression) for one in pieces) > MAX_PIECES:
        raise RuleRefused(
            f"{where}: at most {MAX_PIECES} expressions are taken in one text",
            f"{where}：式は {MAX_PIECES} 個までです。",
        )
    return Template(tuple(pieces))


def _split(text: str) -> tuple[str, str, str]:
    """What stands before the next opening brace, that brace or "", and what stands behind it."""
    found = ""
    at = 0
    while at < len(text):
        if text.startswith(("{{", "}}"), at):
            found += text[at]
            at += 2
        elif text[at] == "{":
            return found, "{", text[at + 1 :]
        else:
            found += text[at]
            at += 1
    return found, "", ""


def shown(value: Any) -> str:
    """A value as a text says it: 3.0 as 3."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)
