"""The figures of a pack, made of the entities as they are now and as whoever asks may see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Grant, Query
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.packs.models import FigureEntry, KpiEntry

MAX_ENTITIES: Final = 10_000
"""Entities of a type that a figure or a page looks at."""
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class FigureNow:
    """A KPI's value now, None where there are too few data; reached says whether the target is, None without one."""

    kpi: KpiEntry
    value: float | None
    reached: bool | None


async def entities_of(broker: Broker, tenant: str, kind: str, grant: Grant) -> list[EntityDoc]:
    """The entities of an expanded type that may be seen, up to MAX_ENTITIES."""
    query = Query(grant.restriction, grant.visible, types=kind, limit=_PAGE)
    return await broker.find_all(tenant, query, MAX_ENTITIES)


def value_of(doc: EntityDoc, attribute: str) -> Any:
    """The value of an expanded attribute's default instance; None where there is none."""
    instances = doc["attrs"].get(attribute, [])
    found = next((one for one in instances if "datasetId" not in one), None)
    if found is None:
        return None
    for member in ("value", "object", "languageMap", "vocab"):
        if member in found:
            return found.get(member)
    return None


def number_of(value: Any) -> float | None:
    """The value as a number, None where it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def figure_of(entry: FigureEntry, docs: Sequence[EntityDoc], context: Context) -> float | None:
    """The figure; None where it rests on nothing."""
    if entry.kind == "count":
        return float(len(docs))
    attribute = context.expand(entry.attribute or "")
    if entry.kind == "share":
        of = context.expand(entry.of or "")
        pairs = [
            (part, whole)
            for doc in docs
            if (part := number_of(value_of(doc, attribute))) is not None
            and (whole := number_of(value_of(doc, of))) is not None
        ]
        total = sum(whole for _, whole in pairs)
        return sum(part for part, _ in pairs) / total if total else None
    numbers = list(_numbers(docs, attribute))
    if not numbers:
        return None
    if entry.kind == "mean":
        return sum(numbers) / len(numbers)
    if entry.kind == "sum":
        return sum(numbers)
    return min(numbers) if entry.kind == "least" else max(numbers)


def _numbers(docs: Sequence[EntityDoc], attribute: str) -> Iterator[float]:
    for doc in docs:
        number = number_of(value_of(doc, attribute))
        if number is not None:
            yield number


def against(kpi: KpiEntry, value: float | None) -> FigureNow:
    """The figure beside its target."""
    if value is None or kpi.target is None:
        return FigureNow(kpi, value, None)
    return FigureNow(kpi, value, value >= kpi.target if kpi.better == "higher" else value <= kpi.target)
