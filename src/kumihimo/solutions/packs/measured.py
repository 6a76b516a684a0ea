"""A pack's own figures among the KPIs of the town that runs it, each with the values behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from kumihimo.base import times
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, Grant, Restriction
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.kpi.door import Measured
from kumihimo.service.kpi.models import Definition, Figure, Lineage
from kumihimo.solutions.packs.figures import entities_of, figure_of, number_of, value_of
from kumihimo.solutions.packs.installed import Installed
from kumihimo.solutions.packs.items import context_of
from kumihimo.solutions.packs.models import FigureEntry, Held, KpiEntry, Pack, Said
from kumihimo.solutions.packs.ports import PackDoors
from kumihimo.solutions.packs.running import RUNS, mark_of

SHOWN: Final = 200
"""So many values stand behind a figure at most; where there are more, the newest."""
_KINDS: Final = {
    "count": ("の数", "the number of"),
    "sum": ("の合計", "the sum of"),
    "mean": ("の平均", "the mean of"),
    "least": ("の最小", "the least of"),
    "most": ("の最大", "the most of"),
}
_ROLES: Final[dict[str, tuple[str, str]]] = {"": ("値", "value"), "part": ("分子", "part"), "of": ("分母", "whole")}


class OwnKpis:
    """What the packs of each tenant measure, beside what is the platform's own. It is read once for each change."""

    def __init__(self, packs: Installed) -> None:
        self._packs = packs
        self._known: dict[str, tuple[Sequence[str], Sequence[Measured]]] = {}
        packs.doors.database.removals.told.append(lambda tenant: self._known.pop(tenant, None))

    async def offered(self, tenant: str) -> Sequence[Measured]:
        """As service.kpi's Offered."""
        installs = [one for one in await self._packs.all(tenant) if one.state in RUNS]
        marks, known = [mark_of(one) for one in installs], self._known.get(tenant)
        if known is not None and known[0] == marks:
            return known[1]
        found: list[Measured] = []
        for install in installs:
            _, held = await self._packs.get(tenant, install.id)
            found += await self._measured(held)
        self._known[tenant] = (marks, found)
        return found

    async def _measured(self, held: Held) -> Sequence[Measured]:
        context = await context_of(self._packs.doors.contexts, held)
        return [
            (
                made := definition_of(held.pack, kpi, kpi.figure, context),
                partial(self._figures, held, kpi, made, context),
            )
            for kpi in held.pack.kpis
            if kpi.figure is not None
        ]

    async def _figures(
        self, held: Held, kpi: KpiEntry, definition: Definition, context: Context, tenant: str, restriction: Restriction
    ) -> Sequence[Figure]:
        """The one figure: as the entities are now."""
        if kpi.figure is None:
            return []
        doors: PackDoors = self._packs.doors
        docs = await entities_of(doors.broker, tenant, definition.type, Grant(restriction, ALL_ATTRIBUTES))
        value, now = figure_of(kpi.figure, docs, context), times.micros(doors.clock.now())
        behind = sorted(_behind(kpi.figure, docs, context, now), key=lambda one: (one.at, one.entity_id))
        return [
            Figure(
                id=f"{definition.id}.now",
                kpi=definition.id,
                subject=held.pack.id,
                label={"ja": "現在", "en": "now"},
                at=max((one.at for one in behind), default=now),
                state="too-few" if value is None else "known",
                value=value,
                lineage=tuple(behind[-SHOWN:]),
                href=_page_of(held.pack, kpi.figure.type),
                note=_note(kpi, len(behind)),
            )
        ]


def definition_of(pack: Pack, kpi: KpiEntry, entry: FigureEntry, context: Context) -> Definition:
    """The KPI as the room of figures knows it."""
    names = tuple(context.expand(name) for name in (entry.attribute, entry.of) if name)
    return Definition(
        id=kpi.id,
        title=_words(kpi.title),
        method=_method(pack, entry),
        unit=_words(kpi.unit),
        type=context.expand_type(entry.type),
        attributes=names,
    )


def _words(said: Said) -> dict[str, str]:
    return {"ja": said.ja, "en": said.en}


def _method(pack: Pack, entry: FigureEntry) -> Mapping[str, str]:
    name = f"{pack.title.ja} {pack.version}", f"{pack.title.en} {pack.version}"
    if entry.kind == "share":
        ja = f"今ある {entry.type} の {entry.attribute} の合計を {entry.of} の合計で割る"
        en = f"the sum of {entry.attribute} divided by that of {entry.of}, over each {entry.type} as it is now"
    else:
        what_ja, what_en = _KINDS[entry.kind]
        of_ja = f" の {entry.attribute} " if entry.attribute else " "
        of_en = f"{entry.attribute}, over each {entry.type}" if entry.attribute else entry.type
        ja, en = f"今ある {entry.type}{of_ja}{what_ja}", f"{what_en} {of_en} as it is now"
    return {"ja": f"{ja}。パック「{name[0]}」が定めた指標。", "en": f"{en}. Defined by the pack {name[1]}."}


def _behind(entry: FigureEntry, docs: Sequence[EntityDoc], context: Context, now: int) -> Iterator[Lineage]:
    """The values behind the figure; of a count, the entities themselves."""
    if entry.kind == "count":
        for doc in docs:
            yield Lineage(doc["id"], "", "", _moment(doc, "", now), 1.0, "", _role(""))
        return
    for doc in docs:
        found = [
            (name, role, number)
            for name, role in ((entry.attribute or "", "part" if entry.of else ""), (entry.of or "", "of"))
            if name and (number := number_of(value_of(doc, context.expand(name)))) is not None
        ]
        if len(found) < (2 if entry.of else 1):
            continue  # one of the two alone is in no share
        for name, role, number in found:
            long = context.expand(name)
            yield Lineage(doc["id"], long, name, _moment(doc, long, now), number, _unit(doc, long), _role(role))


def _role(name: str) -> dict[str, str]:
    ja, en = _ROLES[name]
    return {"ja": ja, "en": en}


def _moment(doc: EntityDoc, attribute: str, now: int) -> int:
    """When it was observed, or else changed."""
    instances = [one for one in doc["attrs"].get(attribute, []) if "datasetId" not in one]
    said = [one.get("observedAt") or one.get("modifiedAt", "") for one in instances] or [doc.get("modifiedAt", "")]
    return times.micros(times.parse(said[0])) if said[0] else now


def _unit(doc: EntityDoc, attribute: str) -> str:
    return next((one.get("unitCode", "") for one in doc["attrs"].get(attribute, []) if "datasetId" not in one), "")


def _page_of(pack: Pack, kind: str) -> str:
    """The pack's page of these entities, or the page of the town's packs."""
    found = next((one.id for one in pack.screens if one.type == kind), "")
    return f"/packs/{pack.id}/{found}" if found else "/packs"


def _note(kpi: KpiEntry, count: int) -> dict[str, str]:
    ja, en = f"もとになった値 {count} 件", f"made of {count} values"
    if kpi.target is None:
        return {"ja": ja, "en": en}
    bound = ("以上", "at least") if kpi.better == "higher" else ("以下", "at most")
    return {
        "ja": f"{ja}。パックの目標: {kpi.target:g} {bound[0]}",
        "en": f"{en}; the pack's target: {bound[1]} {kpi.target:g}",
    }
