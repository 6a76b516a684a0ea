"""Where the values of a q path stand in the stored document (clause 4.9), the same for SQL and for memory."""

from __future__ import annotations

from collections.abc import Sequence

from kumihimo.platform.access.models import ANY_LANGUAGE
from kumihimo.platform.broker.models import QPath
from kumihimo.storage.database import EACH, MEMBERS

TIME_MEMBERS = frozenset({"observedAt", "createdAt", "modifiedAt", "expiresAt"})
TYPED = (EACH, "@value")
"""From values to what those of them hold that are JSON-LD value objects."""
NUMBER_WAYS = (("value",), ("json",), ("valueList",), ("value", *TYPED), ("valueList", *TYPED))
"""Members compared by a plain path that can hold numbers and flags."""
LANGUAGES = ("languageMap", MEMBERS)
VALUE_WAYS = (*NUMBER_WAYS, ("object",), ("vocab",), ("objectList",), LANGUAGES)
"""All of them; the last leads to the texts in every language."""

TARGET_WAYS = (("object",), ("objectList",))
EQUALITIES = frozenset({"exists", "==", "!="})
"""Operators that relationships can satisfy."""


def paths_of(path: QPath, *, exists: bool = False, numbers: bool = False, targets: bool = True) -> list[Sequence[str]]:
    """The ways to the path's values in a document; "*" steps into each element, MEMBERS into each member, EACH into
    each element of an array, or stays at what is none.

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
        # Of an array of objects, each may have the key.
        inside = [step for key in path.keys for step in (EACH, key)]
        ways: list[Sequence[str]] = [[*base, member, *inside] for member in ("value", "json")]
        ways.append([*base, "languageMap", *path.keys])
        return ways if exists else [*ways, [*ways[0], *TYPED]]
    if exists:
        return [base]
    leaves = NUMBER_WAYS if numbers else VALUE_WAYS
    return [[*base, *way] for way in leaves if targets or way not in TARGET_WAYS]


def type_beside(steps: Sequence[str]) -> str:
    """The member that names the type of the values at a way, in the object that holds the last step; "" for none."""
    if tuple(steps[-2:]) == TYPED:
        return "@type"
    return "valueType" if tuple(steps[-2:]) == ("*", "value") else ""
