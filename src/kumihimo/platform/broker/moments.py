"""DateTime, Date and Time as values (clause 4.6.3): how they are named and written, how they compare (clause 4.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, get_args

from kumihimo.base import times
from kumihimo.platform.jsonld.models import NGSI_LD

Kind = Literal["Time", "Date", "DateTime"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""In the order of clause 4.23.2."""

WRITTEN: Mapping[Kind, str] = {
    "Time": "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?Z?",
    "Date": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "DateTime": "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?Z",
}
"""Patterns of the stored texts, for both engines and for memory: in UTC. What is written otherwise is mere text."""
LENGTH: Mapping[Kind, int] = {"Time": 15, "Date": 10, "DateTime": 26}
"""Characters that count: up to the microseconds."""

_FULL = {kind: re.compile(pattern + r"\Z") for kind, pattern in WRITTEN.items()}


def names_of(kind: Kind) -> tuple[str, ...]:
    """What `@type` or `valueType` may say for it."""
    return kind, f"ngsi-ld:{kind}", NGSI_LD + kind


_KIND_OF: dict[str, Kind] = {name: kind for kind in KINDS for name in names_of(kind)}


def is_named(name: Any) -> bool:
    """Whether this type name is that of a moment."""
    return isinstance(name, str) and name in _KIND_OF


def stored_kind(name: Any, value: Any) -> Kind | None:
    """What a stored value of this type name is; None where it is no moment, or not written as one."""
    kind = _KIND_OF.get(name) if isinstance(name, str) else None
    return kind if kind is not None and isinstance(value, str) and _FULL[kind].match(value) else None


def wanted_kind(text: str) -> Kind | None:
    """What a text of a query is written as; a date-time may have an offset. None where it is no moment."""
    if _FULL["Time"].match(text):
        return "Time"
    parse = date.fromisoformat if _FULL["Date"].match(text) else times.parse
    try:
        parse(text)
    except ValueError:
        return None
    return "Date" if parse is not times.parse else "DateTime"


def key(kind: Kind, stored: str) -> str:
    """A stored moment so that texts of one kind order as moments do: without zone, and zeros behind the fraction."""
    cut = stored.replace(",", ".").rstrip("Z")[: LENGTH[kind]]
    return cut.rstrip("0").rstrip(".") if "." in cut else cut


def wanted_key(kind: Kind, text: str) -> str:
    """The same for a text of a query that `wanted_kind` finds to be of the kind."""
    return key(kind, times.text(times.parse(text)) if kind == "DateTime" else text)


def loose_key(text: str) -> str:
    """The key of a date-time for members that hold nothing else; what is none (a date) is the beginning of one."""
    try:
        return wanted_key("DateTime", text)
    except ValueError:
        return text.rstrip("Z")
