"""Whether rules of one set would set each other off without end: what one changes, another watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kumihimo.service.rules.compile import Act, Ready


def find_loop(rules: Sequence[Ready]) -> list[str]:
    """The names of rules in a circle, [] where there is none. A loop over several sets is cut when it runs (hops)."""
    follows = {one.name: [other.name for other in rules if _sets_off(one, other)] for one in rules}
    done: set[str] = set()
    for name in follows:
        if loop := _walk(name, follows, [], done):
            return loop
    return []


def _walk(name: str, follows: dict[str, list[str]], path: list[str], done: set[str]) -> list[str]:
    if name in path:
        return path[path.index(name) :]
    if name in done:
        return []
    for other in follows[name]:
        if loop := _walk(other, follows, [*path, name], done):
            return loop
    done.add(name)
    return []


def _sets_off(one: Ready, other: Ready) -> bool:
    if not other.by_change:
        return False
    return any(act.sets and _touches(one, act, other) for act in one.acts)


def _touches(one: Ready, act: Act, other: Ready) -> bool:
    """Whether the change may be one that the other rule looks at; an entity that is named may be of any type."""
    if other.watch and other.watch.isdisjoint(act.sets):
        return False
    if act.action.entity and not act.type:
        return True
    types = frozenset({act.type}) if act.action.entity else one.types
    return not types or not types.isdisjoint(other.types)
