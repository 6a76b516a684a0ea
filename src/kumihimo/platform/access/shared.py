"""The ready text of an agreement: what people with a role of another tenant may read here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from kumihimo.base.errors import Problem
from kumihimo.platform.access.names import FIELD, Expand, check_size, expanded, refused
from kumihimo.platform.access.words import check_role_anywhere


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
        raise refused("types", "say which types of entities are shared").worded("refused.shared.types")
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
    check_size(kinds, names, text)
    return text + "\n"


@contextmanager
def at_field(name: str) -> Iterator[None]:
    """What is refused in here is about this field, where it says no other itself."""
    try:
        yield
    except Problem as problem:
        problem.extra.setdefault(FIELD, name)
        raise


def _actions(subscribe: bool) -> Iterator[str]:
    yield 'Action::"read"'
    if subscribe:
        yield 'Action::"subscribe"'
