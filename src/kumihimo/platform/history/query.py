"""What was: the temporal evolution of entities (ETSI GS CIM 009 clauses 4.11, 5.7.3 and 5.7.4).

Entities are selected by their current state, by the same query as the broker's; what of them is given is selected
by time. A deleted entity is found by its id only. An instance without observedAt has its place in time by when it
was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast
from urllib.parse import quote, unquote

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.base.jsontext import parse, text
from kumihimo.platform.broker import query as current
from kumihimo.platform.broker.evaluate import admits
from kumihimo.platform.broker.models import Found, Query, Restriction, Visible
from kumihimo.platform.history.apart import apart_tx
from kumihimo.platform.history.store import COUNTS
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.storage.database import Database, Row, Tx

MAX_INSTANCES = 10_000
"""Instances of one attribute and dataset in an answer at most; the newest are kept."""

INSTANCE_ID = "urn:ngsi-ld:Instance:"
_COLUMNS = {"observedAt": "observed_at", "createdAt": "created_at", "modifiedAt": "modified_at"}
_PAGE = 200


@dataclass(frozen=True, slots=True)
class TemporalQuery:
    """Which instances (clause 4.11): moments are microseconds; timerel "" is all of time.

    last_n keeps the newest of each attribute, 0 all (up to MAX_INSTANCES).
    """

    timerel: Literal["before", "after", "between", ""]
    time_at: int = 0
    end_time_at: int = 0
    timeproperty: str = "observedAt"
    last_n: int = 0
    attrs: tuple[str, ...] = ()


class History:
    """Reads what the broker's writes left behind."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entity(
        self, tenant: str, entity_id: str, query: TemporalQuery, restriction: Restriction, visible: Visible
    ) -> EntityDoc | None:
        """The temporal evolution of one entity, deleted ones included; None where there is none that may be seen.

        attrs hold all matching instances in the order of time, each with its instanceId.
        """
        return await self._database.read(tenant, lambda tx: entity_tx(tx, entity_id, query, restriction, visible))

    async def find(self, tenant: str, query: Query, temporal: TemporalQuery) -> Found:
        """The temporal evolution of the entities that the query selects and that have matching instances."""
        return await self._database.read(tenant, lambda tx: find_tx(tx, query, temporal))

    async def points(
        self, tenant: str, entity_id: str, attribute: str, start: int, end: int, limit: int = 10_000
    ) -> list[tuple[int, Any]]:
        """Moments (microseconds) and numbers of the default instance's series, ascending, both ends included.

        Where there are more than `limit`, the newest are given.
        """
        return await self._database.read(tenant, lambda tx: points_tx(tx, entity_id, attribute, start, end, limit))


async def entity_tx(
    tx: Tx, entity_id: str, query: TemporalQuery, restriction: Restriction, visible: Visible
) -> EntityDoc | None:
    """As `History.entity`."""
    condition = _Condition(query, visible)
    row = await tx.fetch_one(
        "SELECT types, created_at, modified_at, scope FROM history_entity WHERE entity_id = $1", entity_id
    )
    if row is None or not await _admitted_tx(tx, entity_id, row, restriction):
        return None
    doc = _head(entity_id, row)
    doc["attrs"] = await _attrs_tx(tx, entity_id, condition)
    return doc


async def _admitted_tx(tx: Tx, entity_id: str, row: Row, restriction: Restriction) -> bool:
    """The restriction is asked of the entity as it stands; a deleted one has types and id left only."""
    if restriction.everything:
        return True
    bare = _head(entity_id, row)
    bare["attrs"] = {}
    standing = await current.get_tx(tx, entity_id, restriction, Visible(frozenset()))
    return standing is not None or (restriction.q is None and admits(restriction, bare))


def _head(entity_id: str, row: Row) -> EntityDoc:
    doc = {
        "id": entity_id,
        "type": parse(row[0]),
        "createdAt": times.text(times.from_micros(row[1])),
        "modifiedAt": times.text(times.from_micros(row[2])),
        "attrs": {},
    }
    scope = parse(row[3])
    if scope:
        doc["scope"] = scope
    return cast("EntityDoc", doc)


async def find_tx(tx: Tx, query: Query, temporal: TemporalQuery) -> Found:
    """As `History.find`; the page counts entities that have matching instances."""
    condition = _Condition(temporal, query.visible)
    everyone = replace(query, limit=1, offset=0, after="", count=False)
    selected = await current.selected_tx(tx, everyone)
    selected += [(_APART, one) for one in await apart_tx(tx, query)]
    matching = await _holders_tx(tx, selected, condition)
    holders = [(number, one) for number, one in selected if one in matching]
    total = len(holders) if query.count else None
    if query.after:
        behind = _place(query.after)
        holders = [one for one in holders if _behind(one, behind)]
    page = holders[query.offset : query.offset + max(query.limit, 0)]
    more = len(holders) > query.offset + len(page)
    entities = [await entity_tx(tx, one, temporal, query.restriction, query.visible) for _, one in page]
    after = _cursor(page[-1]) if more and page else ""
    return Found([one for one in entities if one is not None], total, after)


_APART = 1 << 62
"""Where entities that never stood among the current ones come in the order: last, by their ids."""


def _cursor(place: tuple[int, str]) -> str:
    return "a:" + quote(place[1], safe=":") if place[0] == _APART else current.cursor(place[0])


def _place(after: str) -> tuple[int, str]:
    return (_APART, unquote(after[2:])) if after.startswith("a:") else (current.cursor_number(after), "")


def _behind(one: tuple[int, str], place: tuple[int, str]) -> bool:
    return one > place if one[0] == _APART == place[0] else one[0] > place[0]


async def _holders_tx(tx: Tx, selected: Sequence[tuple[int, str]], condition: _Condition) -> set[str]:
    """Those of the entities that have a matching instance."""
    found: set[str] = set()
    for start in range(0, len(selected), _PAGE):
        where, parameters = condition.sql(tx, 1)
        ids = text([one for _, one in selected[start : start + _PAGE]])
        rows = await tx.fetch(
            f"SELECT n.entity_id FROM history_entity n WHERE {tx.dialect.any_of('n.entity_id', '$1')}"
            f" AND EXISTS (SELECT 1 FROM history h WHERE h.entity_id = n.entity_id AND {where})",
            ids,
            *parameters,
        )
        found.update(row[0] for row in rows)
    return found


async def _attrs_tx(tx: Tx, entity_id: str, condition: _Condition) -> dict[str, list[Instance]]:
    where, parameters = condition.sql(tx, 1)
    moment = condition.moment
    # The newest of each attribute are wanted, so they are counted from the end and put in order afterwards.
    ranked = (
        "SELECT h.attribute, h.dataset, h.seq, h.ordinal, h.instance, "
        f"{moment} AS moment, row_number() OVER (PARTITION BY h.attribute, h.dataset "
        f"ORDER BY {moment} DESC, h.seq DESC, h.ordinal DESC) AS place "
        f"FROM history h WHERE h.entity_id = $1 AND {where}"
    )
    rows = await tx.fetch(
        f"SELECT attribute, seq, ordinal, instance FROM ({ranked}) r WHERE place <= {condition.most} "
        "ORDER BY attribute, moment, seq, ordinal",
        entity_id,
        *parameters,
    )
    attrs: dict[str, list[Instance]] = {}
    for attribute, seq, ordinal, instance in rows:
        one = parse(instance)
        one["instanceId"] = f"{INSTANCE_ID}{seq}-{ordinal}"
        attrs.setdefault(attribute, []).append(one)
    return attrs


class _Condition:
    """The temporal query as a condition on `history h`."""

    def __init__(self, query: TemporalQuery, visible: Visible) -> None:
        column = _COLUMNS.get(query.timeproperty)
        if column is None:
            raise BadRequestData(f"timeproperty {query.timeproperty[:40]!r} is none of {', '.join(_COLUMNS)}")
        if query.timerel == "between" and query.end_time_at < query.time_at:
            raise BadRequestData("endTimeAt is before timeAt")
        self.moment = f"coalesce(h.{column}, h.modified_at)" if column == "observed_at" else f"h.{column}"
        self.most = min(query.last_n, MAX_INSTANCES) if query.last_n > 0 else MAX_INSTANCES
        self._query = query
        self._visible = visible

    def sql(self, tx: Tx, bound: int) -> tuple[str, list[Any]]:
        """The condition and what is bound in it, behind the `bound` places that are taken."""
        query = self._query
        parts, parameters = ["h.kind = 0", COUNTS], []

        def bind(value: Any) -> str:
            parameters.append(value)
            return f"${bound + len(parameters)}"

        if query.timerel == "before":
            parts.append(f"{self.moment} < {bind(query.time_at)}")
        elif query.timerel == "after":
            parts.append(f"{self.moment} > {bind(query.time_at)}")
        elif query.timerel == "between":
            parts.append(f"{self.moment} >= {bind(query.time_at)} AND {self.moment} < {bind(query.end_time_at)}")
        if query.attrs:
            parts.append(tx.dialect.any_of("h.attribute", bind(text(list(query.attrs)))))
        if self._visible.attributes is not None:
            parts.append(tx.dialect.any_of("h.attribute", bind(text(sorted(self._visible.attributes)))))
        return " AND ".join(parts), parameters


async def points_tx(
    tx: Tx, entity_id: str, attribute: str, start: int, end: int, limit: int = 10_000
) -> list[tuple[int, Any]]:
    """As `History.points`."""
    rows = await tx.fetch(
        "SELECT h.observed_at, h.number FROM history h WHERE h.entity_id = $1 AND h.attribute = $2 AND h.dataset = ''"
        f" AND h.observed_at >= $3 AND h.observed_at <= $4 AND h.number IS NOT NULL AND h.kind = 0 AND {COUNTS}"
        " ORDER BY h.observed_at DESC, h.seq DESC, h.ordinal DESC LIMIT $5",
        entity_id,
        attribute,
        start,
        end,
        limit,
    )
    return [(row[0], row[1]) for row in reversed(rows)]
