"""The ready text by which a town publishes data: what anybody may read, with a log-in or without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.access.words import MAX_ATTRIBUTES

NAME: Final = "published"
"""The document's name that the ready text is put under."""
EXAMPLE_SCOPE: Final = "/public"
MAX_TYPES: Final = 20
_READERS: Final = (("Anonymous", "who is not logged in"), ("Person", "who is"), ("Application", "a program"))
"""A permit says for whom: one for each kind that reads."""
Expand = Callable[[str], str]


def published_text(types: Sequence[str], attributes: Sequence[str], scope: str, expand: Expand) -> str:
    """Policies that let everybody read these attributes (all where none is given) of entities of these types, or of
    those in the scope ("/public/parks" and what is below it), or of both where both are given.

    Names may be short, `expand` makes the expanded ones. BadRequestData for neither type nor scope, or a wrong name.
    """
    if not types and not scope:
        raise BadRequestData("say which types of entities are published, or in which scope they are")
    if len(types) > MAX_TYPES or len(attributes) > MAX_ATTRIBUTES:
        raise BadRequestData(f"at most {MAX_TYPES} types and {MAX_ATTRIBUTES} attributes in one text")
    asked = [_any_of(f'resource in EntityType::"{_name(expand(one))}"' for one in types)] if types else []
    asked += [f'resource in Scope::"{_name(_scope(scope))}"'] if scope else []
    if attributes:
        names = ", ".join(f'"{_name(expand(one))}"' for one in attributes)
        asked.append(f"[{names}].contains(context.attribute)")
    lines = ["// 公開 (published): what anybody may read. Each kind of reader has a permit of its own."]
    for kind, who in _READERS:
        head = f'permit (principal is {kind}, action == Action::"read", resource is Entity)'
        lines += [f"// {kind}: {who}", head, f"when {{ {' && '.join(asked)} }};"]
    return "\n".join(lines) + "\n"


def words_of(text: str) -> list[str]:
    """The names in a field of a form: apart by spaces, commas or line ends, each once."""
    return list(dict.fromkeys(text.replace(",", " ").replace("、", " ").split()))


def _any_of(parts: Iterable[str]) -> str:
    each = list(parts)
    return each[0] if len(each) == 1 else f"({' || '.join(each)})"


def _scope(text: str) -> str:
    return "/" + text.strip("/")


def _name(text: str) -> str:
    """The name, where it can stand between quotation marks as it is."""
    if not text.isprintable() or any(sign in text for sign in '"\\ '):
        raise BadRequestData(f"{text[:80]!r} is no name that can be published")
    return text
