"""The ready text of an agreement: what people with a role of another tenant may read here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.ids import is_uri
from kumihimo.platform.access.published import MAX_TYPES, Expand
from kumihimo.platform.access.words import MAX_ATTRIBUTES, MAX_BYTES, check_role_anywhere

FIELD: Final = "field"
"""The member of a problem that names the field of the form it is about."""


class Share(NamedTuple):
    """What an agreement shares: types and attributes by their names, or the text of its permits as it was written."""

    types: Sequence[str]
    attributes: Sequence[str]
    subscribe: bool = False
    text: str | None = None


def shared_text(
    role: str, types: Sequence[str], attributes: Sequence[str], expand: Expand, *, subscribe: bool = False
) -> str:
    """A permit by which those with the role ("sabae/officer") read these attributes (all where none is given) of
    entities of these types, as they are and as they were; with subscribe they may also have changes sent to them.

    Names may be short, `expand` makes the expanded ones. BadRequestData, with its field, for no type, a wrong name, or
    more than one text holds.
    """
    with at_field("role"):
        check_role_anywhere(role)
    kinds, names = expanded("types", types, expand), expanded("attributes", attributes, expand)
    if not kinds:
        raise _refused("types", "say which types of entities are shared").worded("refused.shared.types")
    of_types = " ||\n    ".join(f'resource in EntityType::"{one}"' for one in kinds)
    asked = [of_types if len(kinds) == 1 else f"({of_types})"]
    if names:
        listed = ",\n    ".join(f'"{one}"' for one in names)
        asked.append(f"[{listed}].contains(context.attribute)")
    text = "\n".join([
        f"// 共有 (shared): what {role} may read here, as it is and as it was.",
        "permit (",
        f'  principal in Role::"{role}",',
        f"  action in [{', '.join(_actions(subscribe))}],",
        "  resource is Entity",
        ") when {",
        "  " + " &&\n  ".join(asked),
        "};",
    ])  # fmt: skip
    over = _over(kinds, names, text)
    if over:
        raise over
    return text + "\n"


def expanded(field: str, names: Iterable[str], expand: Expand) -> list[str]:
    """The expanded names of a field, each once. BadRequestData, with the field, for what names no type or attribute."""
    return list(dict.fromkeys(_name(field, one, expand) for one in names))


@contextmanager
def at_field(name: str) -> Iterator[None]:
    """What is refused in here is about this field, where it says no other itself."""
    try:
        yield
    except Problem as problem:
        problem.extra.setdefault(FIELD, name)
        raise


def _name(field: str, text: str, expand: Callable[[str], str]) -> str:
    """The expanded name. No sign that is_uri lets pass ends a text of Cedar's or stands for another in it."""
    try:
        found = expand(text)
    except BadRequestData:
        found = ""
    if not is_uri(found) or not ("://" in found or found.startswith("urn:")):
        said = f"{text[:80]!r} names no type or attribute"
        raise _refused(field, said).worded("refused.shared.name", name=text[:80])
    return found


def _actions(subscribe: bool) -> Iterator[str]:
    yield 'Action::"read"'
    if subscribe:
        yield 'Action::"subscribe"'


def _over(kinds: list[str], names: list[str], text: str) -> BadRequestData | None:
    if len(kinds) <= MAX_TYPES and len(names) <= MAX_ATTRIBUTES and len(text.encode()) < MAX_BYTES:
        return None
    field = "attributes" if len(kinds) <= MAX_TYPES and names else "types"
    said = f"at most {MAX_TYPES} types and {MAX_ATTRIBUTES} attributes in one text of {MAX_BYTES} bytes"
    return _refused(field, said).worded(
        "refused.shared.many", types=MAX_TYPES, attributes=MAX_ATTRIBUTES, most=MAX_BYTES
    )


def _refused(field: str, said: str) -> BadRequestData:
    return BadRequestData(said, field=field)
