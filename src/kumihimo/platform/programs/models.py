"""Words of the room: programs, their functions, what these take and give, and the bounds that all of it has."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from kumihimo.base import times

MODULES: Final = frozenset(
    (
        *("bisect", "cmath", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools"),
        *("heapq", "itertools", "json", "math", "operator", "re", "statistics", "string", "typing", "unicodedata"),
    )
)
"""Modules of the standard library that a program may import: those that only reckon, and answer the same to the same.
Not random (a trial on the past must tell what happens at work) and not zoneinfo (it reads files; Japan has one offset).
"""
MAX_SOURCE: Final = 64 * 1024
MAX_IMPORTS: Final = 20
MAX_FUNCTIONS: Final = 10
MAX_VALUES: Final = 20
MAX_TEXT: Final = 2000
"""Characters of a text that a function gives."""
MAX_CALL: Final = 256 * 1024
"""Bytes of what a function is called with."""
MAX_ANSWER: Final = 64 * 1024
MAX_DEPTH: Final = 8

Kind = Literal["number", "integer", "flag", "text", "time", "place", "entities"]
"""time: a date-time with its zone, as text; place: [longitude, latitude]; entities: a list of objects, as a join of a
rule gives it, which a function takes and does not give.
"""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class ProgramFailed(Exception):
    """A program did not do what it says that it does; the words hold nothing of what it was given."""

    def __init__(self, ja: str, en: str) -> None:
        super().__init__(en)
        self.ja = ja
        self.en = en


class ProgramsUnsafe(ProgramFailed):
    """Programs from outside are not run here, as this system cannot keep them from doing more than reckon."""


class ProgramLate(ProgramFailed):
    """A program gave no answer in time, and its process was ended."""


class ProgramReached(ProgramFailed):
    """A program tried to do more than reckon, and its process was ended by the kernel."""


@dataclass(frozen=True, slots=True)
class Value:
    """Something that a function takes or gives. least and most bound a number; one that is not needed may be None."""

    name: str
    kind: Kind
    unit: str = ""
    least: float | None = None
    most: float | None = None
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a program: it is called by the names of what it takes, and answers a dict of what it gives."""

    name: str
    takes: tuple[Value, ...]
    gives: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A program: its text, the modules that it imports, and its functions."""

    source: str
    imports: tuple[str, ...]
    functions: tuple[Function, ...]

    @property
    def mark(self) -> str:
        """The same for equal programs alone."""
        return hashlib.sha256(repr((self.source, self.imports, self.functions)).encode()).hexdigest()

    def function(self, name: str) -> Function | None:
        """The function of this name."""
        return next((one for one in self.functions if one.name == name), None)


def check_taken(function: Function, given: Mapping[str, Any]) -> None:
    """ProgramFailed where a call does not bring what the function takes."""
    _check(function.takes, given, f"{function.name}() に渡す", f"what {function.name}() is given")


def check_given(function: Function, found: Any) -> dict[str, Any]:
    """What the function answered; ProgramFailed where that is not what it says it gives."""
    if not isinstance(found, dict):
        raise ProgramFailed(
            f"{function.name}() の答えが、名前と値の組（dict）ではありません",
            f"{function.name}() did not answer a dict of what it gives",
        )
    _check(function.gives, found, f"{function.name}() の答えの", f"what {function.name}() gives")
    return found


def _check(values: Sequence[Value], given: Mapping[str, Any], ja: str, en: str) -> None:
    known = {one.name for one in values}
    if others := sorted(set(given) - known):
        raise ProgramFailed(f"{ja} {others[0][:64]!r} は宣言にありません", f"{en}: {others[0][:64]!r} is not declared")
    for one in values:
        value = given.get(one.name)
        if value is None:
            if one.needed:
                raise ProgramFailed(f"{ja} {one.name} がありません", f"{en}: {one.name} is not there")
        elif not _fits(one, value):
            raise ProgramFailed(
                f"{ja} {one.name} が、宣言された {one.kind} とその範囲に合いません",
                f"{en}: {one.name} is no {one.kind} within the bounds that are declared",
            )


def _fits(one: Value, value: Any) -> bool:
    if one.kind in ("number", "integer"):
        return _is_number(value, whole=one.kind == "integer") and _is_within(one, value)
    if one.kind == "flag":
        return isinstance(value, bool)
    if one.kind == "text":
        return isinstance(value, str) and len(value) <= MAX_TEXT and "\x00" not in value
    if one.kind == "time":
        return _is_time(value)
    if one.kind == "place":
        return _is_place(value)
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return False
    return bool(abs(value) < 1e300 and math.isfinite(value))


def _is_within(one: Value, value: float) -> bool:
    return (one.least is None or value >= one.least) and (one.most is None or value <= one.most)


def _is_time(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return isinstance(times.parse(value), datetime)
    except ValueError:
        return False


def _is_place(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not all(_is_number(one, whole=False) for one in value):
        return False
    return bool(abs(value[0]) <= 180 and abs(value[1]) <= 90)
