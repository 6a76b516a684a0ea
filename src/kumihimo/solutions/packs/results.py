"""A pack's figures in a town as they are now, and the rows of its pages: as whoever asks may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kumihimo.base.errors import Problem
from kumihimo.platform.broker.models import Grant
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.jsonld.models import NGSI_LD, EntityDoc
from kumihimo.solutions.packs.figures import FigureNow, against, entities_of, figure_of, number_of, value_of
from kumihimo.solutions.packs.models import Held, ScreenEntry
from kumihimo.solutions.packs.parameters import Values
from kumihimo.solutions.packs.ports import PackDoors

LOCATION: Final = NGSI_LD + "location"


@dataclass(frozen=True, slots=True)
class Row:
    """An entity on a page of a pack: its cells in the order of the columns; marked: its mark's words apply."""

    id: str
    cells: tuple[str, ...]
    marked: bool
    point: dict[str, Any] | None


async def figures_of(doors: PackDoors, held: Held, tenant: str, context: Context, grant: Grant) -> list[FigureNow]:
    """Each KPI of the pack, of as much as the caller may see; one of the platform's own where it may read what that
    rests on.
    """
    found = []
    for kpi in held.pack.kpis:
        value: float | None = None
        if kpi.figure is not None:
            docs = await entities_of(doors.broker, tenant, context.expand_type(kpi.figure.type), grant)
            value = figure_of(kpi.figure, docs, context)
        elif kpi.source is not None:
            value = await _newest(doors, tenant, kpi.source, grant)
        found.append(against(kpi, value))
    return found


async def _newest(doors: PackDoors, tenant: str, kpi: str, grant: Grant) -> float | None:
    """The newest figure of the platform's own that is known."""
    try:
        figures = await doors.kpi.figures(tenant, kpi, grant)
    except Problem:
        return None
    known = [one for one in figures if one.state == "known" and one.value is not None]
    return max(known, key=lambda one: one.at).value if known else None


async def rows_of(
    doors: PackDoors, tenant: str, screen: ScreenEntry, context: Context, grant: Grant, values: Values
) -> list[Row]:
    """The entities of a page, in its order; those without a value to order by come last."""
    docs = await entities_of(doors.broker, tenant, context.expand_type(screen.type), grant)
    names = [context.expand(name) for name in screen.columns]
    if screen.order is not None:
        docs = _ordered(docs, context.expand(screen.order), descending=screen.descending)
    return [
        Row(
            doc["id"],
            tuple(cell_of(value_of(doc, name)) for name in names),
            _is_marked(screen, doc, context, values),
            _point(doc),
        )
        for doc in docs
    ]


def _ordered(docs: Sequence[EntityDoc], attribute: str, *, descending: bool) -> list[EntityDoc]:
    numbers = [doc for doc in docs if number_of(value_of(doc, attribute)) is not None]
    texts = [doc for doc in docs if isinstance(value_of(doc, attribute), str)]
    placed = {doc["id"] for doc in (*numbers, *texts)}
    numbers.sort(key=lambda doc: number_of(value_of(doc, attribute)) or 0.0, reverse=descending)
    texts.sort(key=lambda doc: str(value_of(doc, attribute)), reverse=descending)
    return [*numbers, *texts, *(doc for doc in docs if doc["id"] not in placed)]


def _is_marked(screen: ScreenEntry, doc: EntityDoc, context: Context, values: Values) -> bool:
    marks = screen.marks
    if marks is None:
        return False
    number = number_of(value_of(doc, context.expand(marks.attribute)))
    limit = number_of(values.get(marks.below or marks.above or ""))
    if number is None or limit is None:
        return False
    return number < limit if marks.below else number > limit


def cell_of(value: Any) -> str:
    """A value in a table's cell: what an object says stands one after the other."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "✓" if value else "–"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict):
        if isinstance(value.get("coordinates"), list):
            return ", ".join(str(one) for one in value["coordinates"])[:60]
        return " ".join(cell_of(one) for one in value.values())
    if isinstance(value, list):
        return ", ".join(cell_of(one) for one in value)
    return str(value)


def _point(doc: EntityDoc) -> dict[str, Any] | None:
    value = value_of(doc, LOCATION)
    return value if isinstance(value, dict) and value.get("type") == "Point" else None
