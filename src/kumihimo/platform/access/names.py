"""The names that policies are made of: one check for what people write, what ready texts hold and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import is_uri
from kumihimo.platform.access.words import MAX_ATTRIBUTES, MAX_BYTES

FIELD: Final = "field"
"""The member of a problem that names the field of the form it is about."""
MAX_TYPES: Final = 20
"""Types in one ready text."""
Expand = Callable[[str], str]
"""Makes the expanded name of a type or an attribute that may be short. BadRequestData for what is none."""


def is_expanded(name: str) -> bool:
    """Whether it is a whole IRI as a type or an attribute has one. No sign of it ends a text of Cedar's or stands for
    another in it.
    """
    return is_uri(name) and ("://" in name or name.startswith("urn:"))


def is_scope(text: str) -> bool:
    """Whether it is a scope like /Japan/Fukui (NGSI-LD 4.18), which holds no sign of Cedar's either."""
    levels = text[1:].split("/") if text.startswith("/") else [""]
    return all(level and level.replace("_", "a").isalnum() and level[0].isalpha() for level in levels)


def expanded(field: str, names: Iterable[str], expand: Expand) -> list[str]:
    """The expanded names of a field, each once. BadRequestData, with the field, for what names no type or attribute."""
    return list(dict.fromkeys(_expanded(field, one, expand) for one in names))


def _expanded(field: str, text: str, expand: Expand) -> str:
    try:
        found = expand(text)
    except BadRequestData:
        found = ""
    if not is_expanded(found):
        said = f"{text[:80]!r} names no type or attribute"
        raise refused(field, said).worded("refused.shared.name", name=text[:80])
    return found


def check_size(kinds: Sequence[str], names: Sequence[str], text: str) -> None:
    """BadRequestData, with its field, where a ready text of these types and attributes is more than one text holds."""
    if len(kinds) <= MAX_TYPES and len(names) <= MAX_ATTRIBUTES and len(text.encode()) < MAX_BYTES:
        return
    field = "attributes" if len(kinds) <= MAX_TYPES and names else "types"
    said = f"at most {MAX_TYPES} types and {MAX_ATTRIBUTES} attributes in one text of {MAX_BYTES} bytes"
    raise refused(field, said).worded("refused.shared.many", types=MAX_TYPES, attributes=MAX_ATTRIBUTES, most=MAX_BYTES)


def refused(field: str, said: str) -> BadRequestData:
    """What is refused about this field."""
    return BadRequestData(said, field=field)
