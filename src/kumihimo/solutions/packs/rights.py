"""The rights that a pack asks for, as Cedar policies that stand in the town under the pack's name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from kumihimo.platform.access.titles import TITLES
from kumihimo.solutions.packs.models import OF_TOWN, STRANGER, Pack, Right, RoleTitle

Expand = Callable[[str], str]
"""The expanded name of a type or an attribute."""


def document_of(pack: Pack) -> str:
    """The name of the pack's document of policies."""
    return f"pack-{pack.id}"


def policies_text(pack: Pack, expand: Expand) -> str:
    """The policies, each with the reason before it; "" where the pack asks for none."""
    parts = [_policy("permit", one, expand, pack.roles.get(one.role)) for one in pack.rights]
    parts += [_policy("forbid", one, expand, pack.roles.get(one.role)) for one in pack.forbids]
    return "\n".join(parts)


def _policy(effect: str, right: Right, expand: Expand, title: RoleTitle | None) -> str:
    why = "\n".join(f"// {line}" for line in (right.why.ja, right.why.en) for line in line.splitlines())
    of_town = set(right.may) <= OF_TOWN
    whom = "principal is Anonymous" if right.role == STRANGER else f'principal in Role::"{right.role}"'
    does = ", ".join(f'Action::"{one}"' for one in right.may)
    heads = (
        ["resource is Tenant"] if of_town else [f"resource in EntityType::{_text(expand(one))}" for one in right.types]
    )
    conditions = _conditions(right, expand)
    titled = "" if title is None else _titled(title)
    return "\n".join(
        f"{why}\n{titled}{effect} (\n  {whom},\n  action in [{does}],\n  {head}\n){conditions};" for head in heads
    )


def _titled(title: RoleTitle) -> str:
    return "".join(f"@{key}({_text(title.in_(lang))})\n" for lang, key in TITLES.items())


def _conditions(right: Right, expand: Expand) -> str:
    asked = []
    if right.attributes:
        asked.append(f"{_list(expand(one) for one in right.attributes)}.contains(context.attribute)")
    if right.purposes:
        asked.append(f"{_list(right.purposes)}.contains(context.purpose)")
    when = f" when {{ {' && '.join(asked)} }}" if asked else ""
    left_out = [_holds(expand(name), value) for name, value in right.unless.items()]
    return f"{when} unless {{ {' || '.join(left_out)} }}" if left_out else when


def _holds(name: str, value: str | bool | int) -> str:
    said = _text(value) if isinstance(value, str) else str(value).lower()
    return f"(resource has {_text(name)} && resource[{_text(name)}].contains({said}))"


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(_text(one) for one in names) + "]"


def _text(name: str) -> str:
    """A Cedar text; expanded names and ours hold nothing that its escapes say otherwise than JSON's."""
    return json.dumps(name, ensure_ascii=False)
