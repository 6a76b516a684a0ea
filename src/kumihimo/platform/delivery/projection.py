"""Which members a notification tells of an entity and of those behind it (clauses 4.21 and 5.2.14): attributes, pick,
omit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.projections import Named, parse_members
from kumihimo.platform.delivery.members import as_texts, wrong
from kumihimo.platform.delivery.models import Projection
from kumihimo.platform.jsonld.present import SYSTEM
from kumihimo.platform.jsonld.rendering import Rendering

Expand = Callable[[str], str]

HEAD = ("id", "type", "scope")
"""Members that every entity may have beside its attributes."""


def read_projection(notification: Mapping[str, Any], depth: int, expand: Expand) -> Projection:
    """The projection of `notification`, `depth` links deep at most; BadRequestData that names the member."""
    if "attributes" in notification:
        for other in ("pick", "omit"):
            if other in notification:
                raise wrong(f"notification.{other}", f"give either attributes or {other}")
        names = as_texts(notification["attributes"], "notification.attributes")
        return Projection(pick=(*HEAD, *SYSTEM, *(expand(one) for one in names)))
    pick, omit = (_members(notification, name, depth) for name in ("pick", "omit"))
    return _projected(pick, omit, expand)


def _members(notification: Mapping[str, Any], name: str, depth: int) -> tuple[Named, ...]:
    if name not in notification:
        return ()
    member = f"notification.{name}"
    try:
        named = parse_members(",".join(as_texts(notification[name], member)))
    except BadRequestData as problem:
        raise wrong(member, str(problem).removeprefix(f"{member}: ")) from problem
    if _depth(named) > depth:
        raise wrong(member, "members of linked entities are named more deeply than join and joinLevel reach")
    return named


def _depth(named: Sequence[Named]) -> int:
    return max((1 + _depth(one.inside) for one in named if one.inside), default=0)


def _projected(pick: Sequence[Named], omit: Sequence[Named], expand: Expand) -> Projection:
    """Of what omit names with braces, only what is inside is left out, and the relationship stays."""

    def full(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name if name in HEAD else expand(name) for name in dict.fromkeys(names))

    picked = [one.name for one in pick]
    omitted = [one.name for one in omit if not one.inside]
    both = sorted(set(picked) & set(omitted))
    if both:
        raise wrong("notification.omit", f"{both[0]!r} is in pick as well")
    linked = []
    for name in dict.fromkeys(one.name for one in (*pick, *omit) if one.inside):
        inside = [tuple(part for one in many if one.name == name for part in one.inside) for many in (pick, omit)]
        linked.append((expand(name), _projected(inside[0], inside[1], expand)))
    return Projection(full(picked), full(omitted), tuple(linked))


def projected(look: Rendering, projection: Projection) -> Rendering:
    """The look with these members, and what lies behind its relationships with theirs."""
    behind = look.behind("")
    return replace(
        look,
        pick=projection.pick,
        omit=projection.omit,
        linked=tuple((name, projected(behind, inner)) for name, inner in projection.linked),
    )
