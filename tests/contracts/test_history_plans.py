"""No question about the past reads the whole of history, on both engines."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import CALL, House

from kumihimo.base.ports import Reading
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, GeoQuery, QPath, QTerm, Query
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.models import METHODS, Aggregation, TemporalQuery
from kumihimo.platform.history.periods import parse_duration
from kumihimo.platform.history.query import entity_tx, find_tx
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.storage.database import Database

SECOND = 1_000_000
ENTITIES, READINGS = 80, 100
POINT = {"type": "Point", "coordinates": [136.5, 36.5]}
_WHOLE = re.compile(r"SCAN [ho]\b(?!.* USING)|Seq Scan on history ")


class Explained:
    """A transaction that keeps the plan of each query."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx
        self.dialect = tx.dialect
        self.plans: list[str] = []

    async def fetch(self, sql: str, *parameters: Any) -> Any:
        explain = "EXPLAIN QUERY PLAN " if self.dialect.name == "sqlite" else "EXPLAIN "
        rows = await self._tx.fetch(explain + sql, *parameters)
        self.plans.append(sql + "\n" + "\n".join(str(row[-1]) for row in rows))
        return await self._tx.fetch(sql, *parameters)

    async def fetch_one(self, sql: str, *parameters: Any) -> Any:
        return next(iter(await self.fetch(sql, *parameters)), None)


@pytest.fixture
async def town(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Database:
    database = await any_database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    house = House(database, fake_clock)
    for entity in range(ENTITIES):
        name = f"urn:ngsi-ld:G:{entity:03}"
        await house.ingest(CALL, [Reading(name, "Gauge", "level", n, n * SECOND) for n in range(READINGS)])
    await database.write("town", lambda tx: tx.execute("ANALYZE"))
    return database


SPANS = [
    TemporalQuery("after", 50 * SECOND),
    TemporalQuery("between", 10 * SECOND, 20 * SECOND, last_n=3),
    TemporalQuery("before", 50 * SECOND, timeproperty="modifiedAt"),
    TemporalQuery("after", 0, aggregation=Aggregation(METHODS, parse_duration("PT5M"))),
    TemporalQuery("after", 0, aggregation=Aggregation(METHODS, parse_duration("P1M"))),
]
QUERY = Query(ALL_ROWS, ALL_ATTRIBUTES, types="Gauge", limit=5)
QUERIES = [
    QUERY,
    replace(QUERY, q=QTerm(QPath(("level",)), ">", (98,))),
    replace(QUERY, geo=GeoQuery("near", POINT, "location", max_distance=500.0)),
    replace(QUERY, scope_q="/a/#"),
]


@pytest.mark.parametrize("span", SPANS)
async def test_history_is_not_read_whole(town: Database, span: TemporalQuery) -> None:
    async def work(tx: Any) -> list[str]:
        told: Any = Explained(tx)
        await entity_tx(told, "urn:ngsi-ld:G:007", span, ALL_ROWS, ALL_ATTRIBUTES)
        for query in QUERIES:
            await find_tx(told, query, span)
        return list(told.plans)

    plans = await town.read("town", work)
    assert len(plans) > 10
    for plan in plans:
        assert not _WHOLE.search(plan), plan
