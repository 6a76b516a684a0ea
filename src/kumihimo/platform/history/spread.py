"""What the numbers of many entities were in a span of time: how many, their sum, the least and the most.

For figures over all entities of a type, month by month. An instance with observedAt is of the span in which it was
observed. One without is a state: it holds from its writing until the next one, its deletion or that of its entity.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kumihimo.base.errors import TooManyResults
from kumihimo.base.jsontext import text
from kumihimo.platform.broker.models import Query
from kumihimo.platform.history.find import ids_tx
from kumihimo.platform.history.models import MAX_INSTANCES
from kumihimo.platform.history.store import COUNTS, INSTANCE, TOMBSTONE
from kumihimo.storage.database import Database, Tx


class Life(NamedTuple):
    """When an entity was there, in microseconds. deleted_at: None where it is there now; is_apart: it never was among
    the current ones, and the past alone knows it.
    """

    created_at: int
    deleted_at: int | None
    is_apart: bool

    def holds(self, at: int) -> bool:
        """Whether it was there just before a moment. One that was made anew counts as never gone."""
        return not self.is_apart and self.created_at < at and (self.deleted_at is None or self.deleted_at >= at)


@dataclass(frozen=True, slots=True)
class Holders:
    """Entities by id with their lives. first: the oldest moment of what was asked for, None where there is nothing;
    touched: the oldest moment of all that was written about them since the moment asked for, 0 where something was
    taken away or changed its types, None where nothing was written.
    """

    lives: Mapping[str, Life]
    first: int | None
    touched: int | None


class Spread(NamedTuple):
    """The numbers of one attribute of one entity that were observed in a span."""

    entity_id: str
    attribute: str
    size: int
    total: float
    least: float
    most: float


class Seen(NamedTuple):
    """One number, and when it was observed (or written, of a state)."""

    entity_id: str
    attribute: str
    at: int
    number: float


@dataclass(frozen=True, slots=True)
class Span:
    """A span's spreads, and of each entity and attribute the newest numbers, as many as were asked for."""

    spreads: Sequence[Spread]
    newest: Sequence[Seen]


class Spreads:
    """Reads numbers of many entities at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def holders(self, tenant: str, query: Query, attributes: Sequence[str], since: int, most: int) -> Holders:
        """The entities that the query's types and restriction leave, deleted ones and those of the past alone among
        them. TooManyResults for more than `most`.
        """
        return await self._database.read(tenant, lambda tx: _holders_tx(tx, query, attributes, since, most))

    async def span(
        self,
        tenant: str,
        ids: Collection[str],
        attributes: Sequence[str],
        start: int,
        end: int,
        now: int,
        newest: int,
    ) -> Span:
        """What was observed from start on and before end; now: the moment after which what has expired is gone."""

        async def work(tx: Tx) -> Span:
            given = (text(list(ids)), attributes, start, end, now)
            return Span(await _spreads_tx(tx, *given), await _newest_tx(tx, *given, newest))

        return await self._database.read(tenant, work)

    async def states(
        self, tenant: str, lives: Mapping[str, Life], attributes: Sequence[str], ends: Sequence[int]
    ) -> list[list[Seen]]:
        """The states that held just before each of these moments, which ascend. TooManyResults for more than 100,000
        writings.
        """
        return await self._database.read(tenant, lambda tx: _states_tx(tx, lives, attributes, ends))


async def _holders_tx(tx: Tx, query: Query, attributes: Sequence[str], since: int, most: int) -> Holders:
    ids = await ids_tx(tx, query)
    if len(ids) > most:
        raise TooManyResults(f"there are {len(ids)} of these entities; at most {most} are put into one figure")
    given = text(sorted(ids))
    rows = await tx.fetch(
        "SELECT n.entity_id, n.created_at, n.deleted_at, n.apart FROM history_entity n"
        f" WHERE {tx.dialect.any_of('n.entity_id', '$1')}",
        given,
    )
    lives = {row[0]: Life(row[1], row[2], bool(row[3])) for row in rows}
    return Holders(lives, await _first_tx(tx, given, attributes), await _touched_tx(tx, given, since))


async def _first_tx(tx: Tx, ids: str, attributes: Sequence[str]) -> int | None:
    found = []
    for name in attributes:
        for column, which in (("observed_at", "IS NOT NULL"), ("modified_at", "IS NULL")):
            row = await tx.fetch_one(
                f"SELECT min(h.{column}) FROM history h WHERE {tx.dialect.any_of('h.entity_id', '$1')}"
                f" AND h.attribute = $2 AND h.observed_at {which} AND h.dataset = '' AND h.kind = 0"
                " AND h.number IS NOT NULL",
                ids,
                name,
            )
            if row is not None and row[0] is not None:
                found.append(int(row[0]))
    return min(found, default=None)


async def _touched_tx(tx: Tx, ids: str, since: int) -> int | None:
    gone = await tx.fetch_one(
        f"SELECT 1 FROM history_entity n WHERE {tx.dialect.any_of('n.entity_id', '$1')}"
        " AND n.modified_at >= $2 AND n.created_at < $2 LIMIT 1",
        ids,
        since,
    )
    if gone is not None:
        return 0
    row = await tx.fetch_one(
        "SELECT min(coalesce(h.observed_at, h.modified_at)) FROM history h"
        f" WHERE {tx.dialect.any_of('h.entity_id', '$1')} AND h.modified_at >= $2",
        ids,
        since,
    )
    return None if row is None or row[0] is None else int(row[0])


def _observed(tx: Tx) -> str:
    """Numbers observed in a span that count: $1 ids, $2 attribute, $3 start, $4 end, $5 now."""
    return (
        f"{tx.dialect.any_of('h.entity_id', '$1')} AND h.attribute = $2 AND h.observed_at >= $3 AND h.observed_at < $4"
        " AND h.dataset = '' AND h.kind = 0 AND h.number IS NOT NULL"
        f" AND (h.expires_at IS NULL OR h.expires_at > $5) AND {COUNTS}"
    )


async def _spreads_tx(tx: Tx, ids: str, attributes: Sequence[str], start: int, end: int, now: int) -> list[Spread]:
    sql = (
        "SELECT h.entity_id, count(*), sum(h.number), min(h.number), max(h.number) FROM history h"
        f" WHERE {_observed(tx)} GROUP BY h.entity_id ORDER BY h.entity_id"
    )
    found: list[Spread] = []
    for name in attributes:
        rows = await tx.fetch(sql, ids, name, start, end, now)
        found += [Spread(row[0], name, *row[1:]) for row in rows]
    return found


async def _newest_tx(
    tx: Tx, ids: str, attributes: Sequence[str], start: int, end: int, now: int, newest: int
) -> list[Seen]:
    """First the newest of each entity, then the second newest of each."""
    sql = (
        "SELECT r.entity_id, r.observed_at, r.number FROM (SELECT h.entity_id, h.observed_at, h.number,"
        " row_number() OVER (PARTITION BY h.entity_id ORDER BY h.observed_at DESC) AS place"
        f" FROM history h WHERE {_observed(tx)}) r ORDER BY r.place, r.observed_at DESC, r.entity_id LIMIT $6"
    )
    found: list[Seen] = []
    for name in attributes:
        rows = await tx.fetch(sql, ids, name, start, end, now, newest)
        found += [Seen(row[0], name, row[1], row[2]) for row in rows]
    return found


async def _states_tx(
    tx: Tx, lives: Mapping[str, Life], attributes: Sequence[str], ends: Sequence[int]
) -> list[list[Seen]]:
    ids, written = text(sorted(lives)), list[Any]()
    for name in attributes:
        rows = await tx.fetch(
            "SELECT h.modified_at, h.seq, h.ordinal, h.entity_id, h.kind, h.number FROM history h"
            f" WHERE {tx.dialect.any_of('h.entity_id', '$1')} AND h.attribute = $2 AND h.observed_at IS NULL"
            f" AND h.dataset = '' AND h.kind IN ({INSTANCE}, {TOMBSTONE}) LIMIT {MAX_INSTANCES + 1}",
            ids,
            name,
        )
        written += [(*row[:3], name, *row[3:]) for row in rows]
    if len(written) > MAX_INSTANCES:
        raise TooManyResults(f"values without observedAt were written more than {MAX_INSTANCES} times")
    written.sort(key=lambda row: row[:3])
    held: dict[tuple[str, str], Seen] = {}
    found, place = [], 0
    for end in ends:
        while place < len(written) and written[place][0] < end:
            at, _, _, name, entity_id, kind, number = written[place]
            place += 1
            if kind == INSTANCE and number is not None:
                held[entity_id, name] = Seen(entity_id, name, at, number)
            else:
                held.pop((entity_id, name), None)
        found.append([one for one in held.values() if lives[one.entity_id].holds(end)])
    return found
