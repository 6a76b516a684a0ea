"""Reading one member of a subscription document: its type, its range, its name in the error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData, OperationNotSupported

_MAX_LIST = 1000
_MAX_TEXT = 4096
_Word = TypeVar("_Word", bound=str)


def wrong(member: str, needed: str) -> BadRequestData:
    """The error for a member that is not what is needed."""
    return BadRequestData(f"{member}: {needed}", member=member)


def as_object(value: Any, member: str) -> Mapping[str, Any]:
    """A JSON object that is not empty."""
    if not isinstance(value, dict) or not value:
        raise wrong(member, "an object with at least one member is needed")
    return value


def as_text(value: Any, member: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value or len(value) > _MAX_TEXT:
        raise wrong(member, f"a text of 1 to {_MAX_TEXT} characters is needed")
    return value


def as_texts(value: Any, member: str) -> tuple[str, ...]:
    """An array of texts with at least one; a single text stands for an array of it."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_LIST:
        raise wrong(member, f"an array of 1 to {_MAX_LIST} texts is needed")
    return tuple(dict.fromkeys(as_text(one, f"{member}[{place}]") for place, one in enumerate(value)))


def as_flag(value: Any, member: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong(member, "true or false is needed")
    return value


def as_number(value: Any, member: str, low: float, high: float) -> float:
    """A number in the range, both ends included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise wrong(member, "a number is needed")
    if not low <= value <= high:
        raise wrong(member, f"a number from {low:g} to {high:g} is needed")
    return float(value)


def as_moment(value: Any, member: str) -> int:
    """A date-time, as microseconds since the epoch."""
    try:
        return times.micros(times.parse(as_text(value, member)))
    except ValueError as problem:
        raise wrong(member, str(problem)) from problem


def as_word(value: Any, member: str, words: Sequence[_Word]) -> _Word:
    """One of these words."""
    for word in words:
        if value == word:
            return word
    raise wrong(member, f"one of {', '.join(words)} is needed")


def refuse(member: str, why: str) -> OperationNotSupported:
    """The error for a member of the specification that is not taken yet."""
    return OperationNotSupported(f"{member}: {why}", member=member)
