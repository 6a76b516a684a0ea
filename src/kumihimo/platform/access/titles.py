"""What a role is called that policies bring: annotations before a policy title the role that it names.

`@role_ja("猟友会") @role_en("Hunters") permit (principal in Role::"hunter", …);` Roles of the start set keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kumihimo.platform.access.words import NAMED_ROLES

TITLES: Final = {"ja": "role_ja", "en": "role_en", "ja-easy": "role_ja_easy"}
"""The annotation that holds the title, by language."""
MAX_TITLE: Final = 40
"""Characters of a title; a longer one is none, so that no table is torn by it."""

Titles = Mapping[str, Mapping[str, str]]
"""Titles by language, by role."""


def title_in(policy: Any) -> tuple[str, Mapping[str, str]] | None:
    """The role that a policy of Cedar's JSON names, and its titles by language; None where ja or en is missing."""
    entity = policy["principal"].get("entity")
    if entity is None or entity["type"] != "Role" or entity["id"] in NAMED_ROLES:
        return None
    given = policy.get("annotations") or {}
    said = {lang: given[key] for lang, key in TITLES.items() if 0 < len((given.get(key) or "").strip()) <= MAX_TITLE}
    return (entity["id"], said) if {"ja", "en"} <= said.keys() else None


def titles_of(found: Iterable[tuple[str, Mapping[str, str]] | None]) -> Titles:
    """The titles by role; what stands first counts."""
    titles: dict[str, Mapping[str, str]] = {}
    for one in found:
        if one is not None:
            titles.setdefault(*one)
    return titles
