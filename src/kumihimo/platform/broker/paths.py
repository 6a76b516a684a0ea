"""Where the values of a q path stand in the stored document (clause 4.9), the same for SQL and for memory."""

from __future__ import annotations

from collections.abc import Sequence

from kumihimo.base import times
from kumihimo.platform.access.models import ANY_LANGUAGE
from kumihimo.platform.broker.models import QPath
from kumihimo.storage.database import MEMBERS

TIME_MEMBERS = frozenset({"observedAt", "createdAt", "modifiedAt", "expiresAt"})
MICROSECONDS = 26
"""Characters of a moment up to its microseconds."""
NUMBER_WAYS = (("value",), ("json",), ("valueList",))
"""Members compared by a plain path that can hold numbers and flags."""
LANGUAGES = ("languageMap", MEMBERS)
VALUE_WAYS = (*NUMBER_WAYS, ("object",), ("vocab",), ("objectList",), ("value", "@value"), LANGUAGES)
"""All of them: of the last, the first is a typed value (a DateTime), the other the texts in every language."""

TARGET_WAYS = (("object",), ("objectList",))
EQUALITIES = frozenset({"exists", "==", "!="})
"""Operators that relationships can satisfy."""


def paths_of(path: QPath, *, exists: bool = False, numbers: bool = False, targets: bool = True) -> list[Sequence[str]]:
    """The ways to the path's values in a document; "*" steps into each element, MEMBERS into each member.

    With `exists`, a path that ends at an attribute asks for the attribute itself, whatever its value is. With
    `numbers`, ways to values that are always texts are left out; without `targets`, those to what relationships
    name, which have no order and match no pattern (clause 4.9).
    """
    base: list[str] = []
    for attribute in path.attributes:
        base += ["attrs", attribute, "*"]
    if path.member:
        return [[*base, path.member, *path.keys]]
    if path.keys == (ANY_LANGUAGE,):
        return [[*base, *LANGUAGES]]
    if path.keys:
        members = ("value", "json", "languageMap")
        return [[*base, member, *path.keys] for member in members]
    if exists:
        return [base]
    ways = NUMBER_WAYS if numbers else VALUE_WAYS
    return [[*base, *way] for way in ways if targets or way not in TARGET_WAYS]


def time_key(text: str) -> str:
    """A moment so that texts order as moments do: UTC, no zone, no zeros behind the second's fraction.

    What is no date-time (a date alone) is taken as the beginning of one.
    """
    try:
        text = times.text(times.parse(text))
    except ValueError:
        return text.rstrip("Z")
    return stored_time_key(text)


def stored_time_key(text: str) -> str:
    """The same for a stored moment, which is in UTC; what is behind the microseconds does not count."""
    text = text.rstrip("Z")[:MICROSECONDS]
    return text.rstrip("0").rstrip(".") if "." in text else text
