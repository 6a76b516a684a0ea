"""The instances of one entity over time, as much of them as one answer holds (clauses 5.7.3, 6.3.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from kumihimo.base import times
from kumihimo.base.errors import TooManyResults
from kumihimo.base.jsontext import parse
from kumihimo.platform.history.models import MAX_INSTANCES, Evolution, Extent, TemporalQuery
from kumihimo.platform.history.window import MODIFIED, Spans, Window
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.storage.database import Row, Tx

INSTANCE_ID = "urn:ngsi-ld:Instance:"
HEAD = f"SELECT types, created_at, {MODIFIED}, deleted_at FROM history_entity n WHERE n.entity_id = $1"


class Point(NamedTuple):
    """One instance and its moment."""

    moment: int
    instance: Instance


class Series(NamedTuple):
    """The instances of each attribute, oldest first; reached is where the part ends, None where it is the whole."""

    attrs: dict[str, list[Point]]
    reached: int | None

    def size(self) -> int:
        """How many instances there are."""
        return sum(len(points) for points in self.attrs.values())


def head(entity_id: str, row: Row) -> EntityDoc:
    """The entity without attributes, from a row of HEAD."""
    doc: dict[str, Any] = {
        "id": entity_id,
        "type": parse(row[0]),
        "createdAt": times.text(times.from_micros(row[1])),
        "modifiedAt": times.text(times.from_micros(row[2])),
        "attrs": {},
    }
    if row[3] is not None:
        doc["deletedAt"] = times.text(times.from_micros(row[3]))
    return cast("EntityDoc", doc)


async def series_tx(tx: Tx, entity_id: str, query: TemporalQuery, window: Window, within: Spans | None) -> Series:
    """What the query gives of the entity, with the page of instances as its limit (clause 6.3.10).

    With lastN the newest are given, else the oldest; where an attribute has more than fit, all attributes end at the
    same moment, so that the range that is given lacks nothing.
    """
    backwards = query.last_n > 0
    rows = await _rows_tx(tx, entity_id, query, window, within)
    found: dict[str, list[Point]] = {}
    many: dict[str, int] = {}
    for attribute, seq, ordinal, instance, at, count in rows[:MAX_INSTANCES]:
        one = parse(instance)
        one["instanceId"] = f"{INSTANCE_ID}{seq}-{ordinal}"
        found.setdefault(attribute, []).append(Point(at, one))
        many[attribute] = count
    full = [points for name, points in found.items() if _is_cut(len(points), many[name], query)]
    reached = [points[-1].moment for points in full]
    if len(rows) > MAX_INSTANCES:
        reached.append(_before(rows))
    if backwards:
        found = {name: points[::-1] for name, points in found.items()}
    end = None if not reached else max(reached) if backwards else min(reached)
    return Series({name: found[name] for name in sorted(found)}, end)


def _is_cut(given: int, many: int, query: TemporalQuery) -> bool:
    """Whether the page of instances holds fewer of an attribute than were asked for."""
    wanted = min(many, query.last_n) if query.last_n else many
    return query.page <= given < wanted and (not query.last_n or query.last_n > query.page)


async def _rows_tx(tx: Tx, entity_id: str, query: TemporalQuery, window: Window, within: Spans | None) -> list[Row]:
    """Attribute, seq, ordinal, instance, moment, and how many the attribute has, in the order of the paging."""
    bound: list[Any] = [entity_id]

    def bind(value: Any) -> str:
        bound.append(value)
        return f"${len(bound)}"

    backwards = query.last_n > 0
    order = "DESC" if backwards else "ASC"
    limit = min(query.last_n, query.page) if backwards else query.page
    # Of one moment all are given: lastN is a number of moments (clause 5.7.4.4), and a part that did not hold all of
    # its last moment would lack some, as the next part begins there.
    rank = "dense_rank" if backwards and query.last_n <= query.page else "rank"
    ranked = (
        f"SELECT h.attribute, h.seq, h.ordinal, h.instance, {window.moment} AS moment,"
        f" {rank}() OVER (PARTITION BY h.attribute ORDER BY {window.moment} {order}) AS place,"
        " count(*) OVER (PARTITION BY h.attribute) AS many"
        f" FROM history h WHERE h.entity_id = $1 AND {window.shown(bind, within)}"
    )
    return await tx.fetch(
        f"SELECT attribute, seq, ordinal, instance, moment, many FROM ({ranked}) r WHERE place <= {limit}"
        f" ORDER BY moment {order}, seq {order}, ordinal {order} LIMIT {MAX_INSTANCES + 1}",
        *bound,
    )


def _before(rows: Sequence[Row]) -> int:
    """The last moment of which all rows are here."""
    beyond = rows[-1][4]
    for row in reversed(rows):
        if row[4] != beyond:
            return int(row[4])
    raise TooManyResults(f"more than {MAX_INSTANCES} instances have the moment {times.text(times.from_micros(beyond))}")


def assemble(docs: Sequence[EntityDoc], series: Sequence[Series], query: TemporalQuery) -> list[Evolution]:
    """Entities with their instances, all ended where the first of them ends; the extent of all is in each."""
    backwards = query.last_n > 0
    reached = [one.reached for one in series if one.reached is not None]
    end = None if not reached else max(reached) if backwards else min(reached)
    found = [_ended(doc, one, end, backwards=backwards) for doc, one in zip(docs, series, strict=True)]
    if end is None:
        return [evolution for evolution, _ in found]
    moments = [moment for _, many in found for moment in many] or [end]
    extent = Extent(min(moments), max(moments))
    for evolution, _ in found:
        evolution.extent = extent
    return [evolution for evolution, _ in found]


def _ended(doc: EntityDoc, series: Series, end: int | None, *, backwards: bool) -> tuple[Evolution, list[int]]:
    """The entity up to the end, and the moments of its instances."""
    evolution, moments = Evolution(doc), []
    for name, points in series.attrs.items():
        kept = [one for one in points if end is None or (one.moment >= end if backwards else one.moment <= end)]
        doc["attrs"][name] = [one.instance for one in kept]
        moments += [one.moment for one in kept]
        if not kept:
            evolution.emptied[name] = points[0].instance["type"]
    return evolution, moments
