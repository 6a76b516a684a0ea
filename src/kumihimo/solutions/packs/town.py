"""What is missing in a town for a pack, and what it has to see to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.jsonld.context import Context
from kumihimo.solutions.packs.models import STRANGER, Held, Item, Pack
from kumihimo.solutions.packs.parameters import lacking
from kumihimo.solutions.packs.ports import PackDoors

_EVERYBODY = frozenset({STRANGER, "device"})
"""Roles that nobody is given."""


def missing_of(doors: PackDoors, held: Held, values: Mapping[str, Any], others: Sequence[Pack]) -> list[str]:
    """What must be there before the pack can be installed, each with what to do."""
    pack = held.pack
    found = [f"the platform has no part {one!r}; it comes with another version" for one in _without(pack, doors)]
    if pack.rules and doors.rule_sets is None:
        found.append("the platform has no room of rules, and the pack has rules")
    kinds = {one.family for one in pack.devices} | set(pack.families)
    found += [f"there is no device family {one!r}" for one in sorted(kinds - set(doors.families))]
    known = {one.id for one in doors.kpi.definitions()}
    found += [
        f"the platform has no figure {one.source!r}" for one in pack.kpis if one.source and one.source not in known
    ]
    found += [f"say a value of the parameter {one.name} ({one.title.en})" for one in lacking(pack, values)]
    for other in others:
        found += _clashes(pack, other)
    return found


def _without(pack: Pack, doors: PackDoors) -> list[str]:
    return sorted(set(pack.parts) - set(doors.parts))


def _clashes(pack: Pack, other: Pack) -> list[str]:
    """Two packs may not both say what a type is, unless they say the same."""
    theirs = {one.type: one for one in other.models if not one.needs}
    found = []
    for one in pack.models:
        same = theirs.get(one.type)
        if same is None:
            continue
        if not one.needs and other.changed_from.partition(" ")[0] != pack.id != other.id:
            found.append(f"the pack {other.id} brings the model {one.type} already")
        differing = [name for name, unit in one.units.items() if same.units.get(name, unit) != unit]
        found += [f"{one.type}.{name} has another unit in the pack {other.id}" for name in differing]
    return found


async def later_of(doors: PackDoors, held: Held, tenant: str, context: Context, shipped: Sequence[Item]) -> list[str]:
    """What the town has to see to, and what it should know; nothing of it stops an installation."""
    counts = {name: count for name, _, count in await doors.broker.types(tenant, ALL_ROWS, ALL_ATTRIBUTES)}
    found = []
    for one in held.pack.models:
        count = counts.get(context.expand_type(one.type), 0)
        if one.needs and not count:
            found.append(f"there is no {one.type} yet, which the pack needs")
        if not one.needs and count and not shipped:
            found.append(f"there are {count} {one.type} already; what the pack allows is allowed on them too")
    members = {one.role for one in await doors.rules.members.list(tenant, 1000)}
    asked = {one.role for one in held.pack.rights} | {one.decides for one in held.pack.alerts}
    found += [f"nobody holds the role {one} yet" for one in sorted(asked - members - _EVERYBODY)]
    found += [f"devices to bring: {family}, {what}" for family, what in held.pack.families.items()]
    if held.pack.devices:
        found.append("each device needs its key: kumihimo device rotate")
    return found
