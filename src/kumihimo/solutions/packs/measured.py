"""A pack's own figures among the KPIs of the town that runs it, each with the values behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from kumihimo.base import times
from kumihimo.base.errors import TooManyResults
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, Grant, Restriction
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.kpi.door import Measured
from kumihimo.service.kpi.models import Definition, Figure, Lineage
from kumihimo.solutions.packs.figures import entities_of, figure_of, number_of, value_of
from kumihimo.solutions.packs.installed import Installed
from kumihimo.solutions.packs.items import context_of
from kumihimo.solutions.packs.models import FigureEntry, Held, KpiEntry, Pack, Said
from kumihimo.solutions.packs.months import Asked, Series
from kumihimo.solutions.packs.running import RUNS, mark_of
from kumihimo.solutions.packs.said import method_of, note_of, page_of, role_of

SHOWN: Final = 200
"""So many values stand behind a figure at most; where there are more, the newest."""
_TOO_MANY: Final = {
    "ja": "（対象が多すぎるため、月ごとの値は求めていません）",
    "en": "(of too many entities for figures of months)",
}


class OwnKpis:
    """What the packs of each tenant measure, beside what is the platform's own. It is read once for each change."""

    def __init__(self, packs: Installed) -> None:
        self._packs = packs
        self._series = Series(packs.doors)
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
            found += await self._measured(held, mark_of(install))
        self._known[tenant] = (marks, found)
        return found

    async def _measured(self, held: Held, mark: str) -> Sequence[Measured]:
        context = await context_of(self._packs.doors.contexts, held)
        asked = [
            Asked(mark, held.pack, kpi, kpi.figure, definition_of(held.pack, kpi, kpi.figure, context), context)
            for kpi in held.pack.kpis
            if kpi.figure is not None
        ]
        return [(one.definition, partial(self._figures, one)) for one in asked]

    async def _figures(self, asked: Asked, tenant: str, restriction: Restriction) -> Sequence[Figure]:
        """The months, and as the entities are now."""
        try:
            series = await self._series.figures(tenant, asked, restriction)
        except TooManyResults:
            return [await self._now(asked, tenant, restriction, _TOO_MANY)]
        return [*series, await self._now(asked, tenant, restriction)]

    async def _now(
        self, asked: Asked, tenant: str, restriction: Restriction, more: Mapping[str, str] | None = None
    ) -> Figure:
        doors, entry, id_ = self._packs.doors, asked.entry, asked.definition.id
        docs = await entities_of(doors.broker, tenant, asked.definition.type, Grant(restriction, ALL_ATTRIBUTES))
        value, now = figure_of(entry, docs, asked.context), times.micros(doors.clock.now())
        behind = sorted(_behind(entry, docs, asked.context, now), key=lambda one: (one.at, one.entity_id))
        note = note_of(asked.kpi, len(behind))
        return Figure(
            id=f"{id_}.now",
            kpi=id_,
            subject=asked.pack.id,
            label={"ja": "現在", "en": "now"},
            at=max((one.at for one in behind), default=now),
            state="too-few" if value is None else "known",
            value=value,
            lineage=tuple(behind[-SHOWN:]),
            href=page_of(asked.pack, entry.type),
            note=note if more is None else {lang: f"{words} {more[lang]}" for lang, words in note.items()},
            is_now=True,
        )


def definition_of(pack: Pack, kpi: KpiEntry, entry: FigureEntry, context: Context) -> Definition:
    """The KPI as the room of figures knows it."""
    names = tuple(context.expand(name) for name in (entry.attribute, entry.of) if name)
    return Definition(
        id=kpi.id,
        title=_words(kpi.title),
        method=method_of(pack, entry),
        unit=_words(kpi.unit),
        type=context.expand_type(entry.type),
        attributes=names,
        by=pack.id,
        form=entry.kind,
    )


def _words(said: Said) -> dict[str, str]:
    return {"ja": said.ja, "en": said.en}


def _behind(entry: FigureEntry, docs: Sequence[EntityDoc], context: Context, now: int) -> Iterator[Lineage]:
    """The values behind the figure; of a count, the entities themselves."""
    if entry.kind == "count":
        for doc in docs:
            yield Lineage(doc["id"], "", "", _moment(doc, "", now), 1.0, "", role_of(""))
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
            yield Lineage(doc["id"], long, name, _moment(doc, long, now), number, _unit(doc, long), role_of(role))


def _moment(doc: EntityDoc, attribute: str, now: int) -> int:
    """When it was observed, or else changed."""
    instances = [one for one in doc["attrs"].get(attribute, []) if "datasetId" not in one]
    said = [one.get("observedAt") or one.get("modifiedAt", "") for one in instances] or [doc.get("modifiedAt", "")]
    return times.micros(times.parse(said[0])) if said[0] else now


def _unit(doc: EntityDoc, attribute: str) -> str:
    return next((one.get("unitCode", "") for one in doc["attrs"].get(attribute, []) if "datasetId" not in one), "")
