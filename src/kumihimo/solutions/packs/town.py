"""What is missing in a town for a pack, and what it has to see to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.solutions.packs.models import STRANGER, Held, Item, Pack, Said
from kumihimo.solutions.packs.parameters import lacking
from kumihimo.solutions.packs.ports import PackDoors

_EVERYBODY: Final = frozenset({STRANGER, "device"})
"""Roles that nobody is given."""
_MEMBERS: Final = 1000


def missing_of(doors: PackDoors, held: Held, values: Mapping[str, Any], others: Sequence[Pack]) -> Iterator[Said]:
    """What must be there before the pack can be installed, each with what to do."""
    yield from _of_platform(doors, held.pack)
    for one in lacking(held.pack, values):
        yield Said(
            ja=f"パラメーター {one.name}（{one.title.ja}）の値を決めてください",
            en=f"say a value of the parameter {one.name} ({one.title.en})",
        )
    for other in others:
        yield from _clashes(held.pack, other)


def _of_platform(doors: PackDoors, pack: Pack) -> Iterator[Said]:
    for name in sorted(set(pack.parts) - set(doors.parts)):
        yield Said(
            ja=f"この基盤には機能「{name}」がありません",
            en=f"the platform has no part {name!r}; another version may have it",
        )
    if pack.rules and doors.rule_sets is None:
        yield Said(
            ja="この基盤には規則の機能がありません", en="the platform has no room of rules, and the pack has rules"
        )
    kinds = {one.family for one in pack.devices} | set(pack.families)
    for name in sorted(kinds - set(doors.families) - {one.name for one in pack.codecs}):
        yield Said(ja=f"端末の種類「{name}」がありません", en=f"there is no device family {name!r}")
    known = {one.id for one in doors.kpi.registered()}
    for kpi in pack.kpis:
        if kpi.source and kpi.source not in known:
            yield Said(
                ja=f"この基盤には指標「{kpi.source}」がありません", en=f"the platform has no figure {kpi.source!r}"
            )


def _clashes(pack: Pack, other: Pack) -> Iterator[Said]:
    """Two packs may not both say what a type is, unless one is the town's copy of the other."""
    theirs = {one.type: one for one in other.models if not one.needs}
    for one in pack.models:
        same = theirs.get(one.type)
        if same is None:
            continue
        if not one.needs:
            yield Said(
                ja=f"モデル {one.type} はパック {other.id} がすでに使っています",
                en=f"the pack {other.id} brings the model {one.type} already",
            )
        for name, unit in one.units.items():
            if same.units.get(name, unit) != unit:
                yield Said(
                    ja=f"{one.type}.{name} の単位がパック {other.id} と違います",
                    en=f"{one.type}.{name} has another unit in the pack {other.id}",
                )


async def later_of(doors: PackDoors, held: Held, tenant: str, context: Context, shipped: Sequence[Item]) -> list[Said]:
    """What the town has to see to, and what it should know; nothing of it stops an installation."""
    pack = held.pack
    counts = {name: count for name, _, count in await doors.broker.types(tenant, ALL_ROWS, ALL_ATTRIBUTES)}
    members = {one.role for one in await doors.rules.members.list(tenant, _MEMBERS)}
    asked = {one.role for one in pack.rights} | {one.decides for one in pack.alerts}
    found = list(_of_models(pack, context, counts, is_new=not shipped))
    found += [
        Said(ja=f"役割 {one} を持つ人がまだいません", en=f"nobody holds the role {one} yet")
        for one in sorted(asked - members - _EVERYBODY)
    ]
    found += [
        Said(ja=f"用意する端末: {family}（{_in(what, 'ja')}）", en=f"devices to bring: {family}, {_in(what, 'en')}")
        for family, what in pack.families.items()
    ]
    if pack.devices and not shipped:
        found.append(
            Said(
                ja="端末ごとに鍵が必要です: kumihimo device rotate",
                en="each device needs its key: kumihimo device rotate",
            )
        )
    return found


def _of_models(pack: Pack, context: Context, counts: Mapping[str, int], *, is_new: bool) -> Iterator[Said]:
    for one in pack.models:
        count = counts.get(context.expand_type(one.type), 0)
        if one.needs and not count:
            yield Said(
                ja=f"このパックが使う {one.type} がまだありません",
                en=f"there is no {one.type} yet, which the pack needs",
            )
        if not one.needs and count and is_new:
            yield Said(
                ja=f"{one.type} がすでに {count} 件あります。パックの権限はこれらにも及びます",
                en=f"there are {count} {one.type} already; what the pack allows is allowed on them too",
            )


def _in(what: str | Said, lang: str) -> str:
    """What is said in this language, or the words that stand for all."""
    return what if isinstance(what, str) else what.in_(lang)
