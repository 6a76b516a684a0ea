"""The ready text by which a town publishes data: what anybody may read, with a log-in or without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kumihimo.platform.access.names import Expand, check_size, expanded, is_scope, refused

NAME: Final = "published"
"""The document's name that the ready text is put under."""
EXAMPLE_SCOPE: Final = "/public"
_READERS: Final = (("Anonymous", "who is not logged in"), ("Person", "who is"), ("Application", "a program"))
"""A permit says for whom: one for each kind that reads."""


def published_text(types: Sequence[str], attributes: Sequence[str], scope: str, expand: Expand) -> str:
    """Policies that let everybody read these attributes (all where none is given) of entities of these types, or of
    those in the scope ("/public/parks" and what is below it), or of both where both are given.

    Names may be short, `expand` makes the expanded ones. BadRequestData, with its field, for neither type nor scope, a
    wrong name, or more than one text holds.
    """
    kinds, names = expanded("types", types, expand), expanded("attributes", attributes, expand)
    if not kinds and not scope:
        said = "say which types of entities are published, or in which scope they are"
        raise refused("types", said).worded("refused.published.none")
    asked = [_any_of(f'resource in EntityType::"{one}"' for one in kinds)] if kinds else []
    asked += [f'resource in Scope::"{_scope(scope)}"'] if scope else []
    if names:
        listed = ", ".join(f'"{one}"' for one in names)
        asked.append(f"[{listed}].contains(context.attribute)")
    lines = ["// 公開 (published): what anybody may read. Each kind of reader has a permit of its own."]
    for kind, who in _READERS:
        head = f'permit (principal is {kind}, action == Action::"read", resource is Entity)'
        lines += [f"// {kind}: {who}", head, f"when {{ {' && '.join(asked)} }};"]
    text = "\n".join(lines)
    check_size(kinds, names, text)
    return text + "\n"


def words_of(text: str) -> list[str]:
    """The names in a field of a form: apart by spaces, commas or line ends, each once."""
    return list(dict.fromkeys(text.replace(",", " ").replace("、", " ").split()))


def _any_of(parts: Iterable[str]) -> str:
    each = list(parts)
    return each[0] if len(each) == 1 else f"({' || '.join(each)})"


def _scope(text: str) -> str:
    found = "/" + text.strip("/")
    if not is_scope(found):
        said = f"{text[:80]!r} is no scope; write it like /Japan/Fukui"
        raise refused("scope", said).worded("refused.published.scope", name=text[:80])
    return found
