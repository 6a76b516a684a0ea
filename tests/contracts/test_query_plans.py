"""The queries that must be quick use an index on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import Nudges, filled, forget

from kumihimo.base.call import Call
from kumihimo.platform.broker import query as queries
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import (
    ALL_ATTRIBUTES,
    ALL_ROWS,
    Change,
    GeoQuery,
    Op,
    QPath,
    QTerm,
    Query,
    Restriction,
    Visible,
)
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.storage.database import Database

MANY = 3000
POINT = {"type": "Point", "coordinates": [136.5, 36.5]}


async def town(factory: DatabaseFactory, clock: FakeClock) -> Database:
    database = await factory([SCHEMA])
    await database.add_tenant("town")
    docs: list[Any] = [
        {
            "id": f"urn:ngsi-ld:E:{n}",
            "type": ["Rare" if n % 300 == 0 else "Common"],
            "attrs": {
                "location": [
                    {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136 + n / MANY, 36 + n / MANY]}}
                ]
            },
        }
        for n in range(MANY)
    ]
    broker = Broker(database, clock, Nudges(), forget)
    for start in range(0, MANY, 1000):
        await broker.apply(Call("town"), [Change(Op.CREATE, doc["id"], doc) for doc in docs[start : start + 1000]])
    if database.dialect.name == "postgres":
        await database.write("town", lambda tx: tx.execute("ANALYZE"))
    return database


async def plan(database: Database, query: Query) -> str:
    async def work(tx: Any) -> str:
        source, conditions, where = queries._statement(tx, query)
        number = queries._number(source)
        limit = conditions.bind(query.limit)
        sql = f"SELECT {number}, e.doc FROM {source}{queries._where(where)} ORDER BY {number} LIMIT {limit}"
        explain = "EXPLAIN QUERY PLAN " if tx.dialect.name == "sqlite" else "EXPLAIN "
        return "\n".join(str(row[-1]) for row in await tx.fetch(explain + sql, *conditions.parameters))

    return await database.read("town", work)


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        (Query(ALL_ROWS, ALL_ATTRIBUTES, ids=("urn:ngsi-ld:E:7",)), ("entity_1", "entity_id_key")),
        (Query(ALL_ROWS, ALL_ATTRIBUTES, types="Rare"), ("entity_type_1", "entity_type_pkey")),
        (Query(ALL_ROWS, ALL_ATTRIBUTES, types="Common"), ("entity_type_1", "entity_type_")),
        (
            Query(ALL_ROWS, ALL_ATTRIBUTES, geo=GeoQuery("near", POINT, "location", max_distance=500.0)),
            ("entity_geo_box", "entity_geo_box"),
        ),
        (
            Query(
                ALL_ROWS, ALL_ATTRIBUTES, types="Common", geo=GeoQuery("near", POINT, "location", max_distance=500.0)
            ),
            ("entity_geo_box", "entity_geo_box"),
        ),
    ],
)
async def test_an_index_leads(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock, query: Query, indexes: tuple[str, str]
) -> None:
    database = await town(any_database_factory, fake_clock)
    told = await plan(database, query)
    wanted = indexes[0] if database.dialect.name == "sqlite" else indexes[1]
    assert wanted in told, told
    assert "SCAN e" not in told, told
    assert "Seq Scan on entity e" not in told, told


async def test_ids_attrs_scopes_types_and_masks(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    docs: list[Any] = [
        {
            "id": f"urn:ngsi-ld:E:{n}",
            "type": ["A", "B"] if n % 2 else ["A"],
            "scope": [f"/福井/{n}"],
            "attrs": {name: [{"type": "Property", "value": n}] for name in ("x", "y")[: n % 3]},
        }
        for n in range(6)
    ]
    broker = await filled(any_database_factory, fake_clock, docs)

    async def ids(**more: Any) -> list[int]:
        visible = more.pop("visible", ALL_ATTRIBUTES)
        restriction = more.pop("restriction", ALL_ROWS)
        found = await broker.find("town", Query(restriction, visible, **more))
        return [int(doc["id"][-1]) for doc in found.entities]

    assert await ids(ids=("urn:ngsi-ld:E:4", "urn:ngsi-ld:E:1", "urn:ngsi-ld:none")) == [1, 4]
    assert await ids(attrs=("y",)) == [2, 5]
    assert await ids(attrs=("y", "x")) == [1, 2, 4, 5]
    assert await ids(attrs=("y", "x"), visible=Visible(frozenset({"y"}))) == [2, 5]
    assert await ids(scope_q="/福井/+") == [0, 1, 2, 3, 4, 5]
    assert await ids(scope_q="/福井/3,/福井/5") == [3, 5]
    assert await ids(restriction=Restriction(False, types="B", q=QTerm(QPath(("x",)), ">", (1,)))) == [5]
    assert await ids(restriction=Restriction(False, ids=())) == []
    assert await ids(
        restriction=Restriction(False, q=QTerm(QPath(("x",)), "exists")), visible=Visible(frozenset())
    ) == [
        1,
        2,
        4,
        5,
    ]
    assert await broker.types("town", ALL_ROWS) == [("A", ["x", "y"], 6), ("B", ["x", "y"], 3)]
    assert await broker.types("town", Restriction(False, ids=("urn:ngsi-ld:E:1",))) == [
        ("A", ["x"], 1),
        ("B", ["x"], 1),
    ]
    only = await broker.get("town", "urn:ngsi-ld:E:5", ALL_ROWS, Visible(frozenset({"y"})))
    assert only is not None
    assert list(only["attrs"]) == ["y"]
    assert await broker.get("town", "urn:ngsi-ld:E:4", Restriction(False, types="B"), ALL_ATTRIBUTES) is None
