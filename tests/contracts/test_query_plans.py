"""Among 100,000 entities, each class of queries uses an index on both engines, and none reads all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import filled
from tests.rights import only, rows

from kumihimo.base.errors import TooManyResults
from kumihimo.platform.broker import links, ordering, store
from kumihimo.platform.broker import query as queries
from kumihimo.platform.broker.models import (
    ALL_ATTRIBUTES,
    ALL_ROWS,
    GeoQuery,
    Ordering,
    OrderKey,
    QAnd,
    QLink,
    QOr,
    QPath,
    QTerm,
    Query,
    Selector,
    TypeAnd,
    TypeOr,
)
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.storage.database import Database

MANY = 100_000
POINT = {"type": "Point", "coordinates": [136.5, 36.5]}
BY_TYPE, BY_NAME = ("entity_type_1", "entity_type_pkey"), ("PRIMARY KEY (attribute=?", "entity_attribute_")
BY_ID, BY_PLACE = ("entity_1", "entity_id_key"), ("entity_geo_box", "entity_geo_box")


def entity(number: int) -> Any:
    place = {"type": "Point", "coordinates": [136 + number / MANY, 36 + number / MANY]}
    attrs: dict[str, Any] = {
        "location": [{"type": "GeoProperty", "value": place}],
        "level": [{"type": "Property", "value": number}],
    }
    if number % 1000 == 0:
        attrs["rare"] = [{"type": "Property", "value": number}]
        attrs["next"] = [{"type": "Relationship", "object": f"urn:ngsi-ld:E:{number + 1}"}]
    kind = "Rare" if number % 1000 == 0 else "Common"
    return {"id": f"urn:ngsi-ld:E:{number}", "type": [kind], "scope": ["/a"], "attrs": attrs}


async def town(factory: DatabaseFactory) -> Database:
    """The store as the broker's writes leave it, without their log."""
    database = await factory([SCHEMA])
    await database.add_tenant("town")

    async def work(tx: Any) -> None:
        docs = [(number, entity(number)) for number in range(1, MANY + 1)]
        await store.insert_entities_tx(tx, [(number, doc["id"], json.dumps(doc)) for number, doc in docs])
        for index in (store.index_types_tx, store.index_attributes_tx, store.index_geo_tx):
            await index(tx, docs, ())
        await tx.execute("ANALYZE")

    await database.write("town", work)
    return database


class Watched:
    """A transaction that tells the plan of each statement before it is run."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx
        self.dialect = tx.dialect
        self.plans: list[str] = []

    async def fetch(self, sql: str, *parameters: Any) -> Sequence[Any]:
        explain = "EXPLAIN QUERY PLAN " if self.dialect.name == "sqlite" else "EXPLAIN "
        self.plans.append("\n".join(str(row[-1]) for row in await self._tx.fetch(explain + sql, *parameters)))
        return list(await self._tx.fetch(sql, *parameters))


async def plans(database: Database, query: Query) -> str:
    async def work(tx: Any) -> str:
        watched = Watched(tx)
        found = await queries.find_texts_tx(watched, query)  # type: ignore[arg-type]  # a Tx that only reads
        assert found.texts, "a query that finds nothing shows little"
        return "\n".join(watched.plans)

    return await database.read("town", work)


def asked(**more: Any) -> Query:
    return Query(ALL_ROWS, ALL_ATTRIBUTES, **more)


LEVEL, RARE = QTerm(QPath(("level",)), ">", (5000,)), QTerm(QPath(("rare",)), ">", (5000,))
NEAR = GeoQuery("near", POINT, "location", max_distance=500.0)
SQUARE = {"type": "Polygon", "coordinates": [[[136.5, 36.5], [136.6, 36.5], [136.6, 36.6], [136.5, 36.5]]]}
ID = "urn:ngsi-ld:E:"
CLASSES: dict[str, tuple[Query, tuple[tuple[str, str], ...]]] = {
    "an id": (asked(ids=(ID + "7",)), (BY_ID,)),
    "ids": (asked(ids=tuple(f"{ID}{number}" for number in range(1, 500))), (BY_ID,)),
    "a rare type": (asked(types="Rare"), (BY_TYPE,)),
    "a common type": (asked(types="Common"), (("entity_type_1", "entity_type_"),)),
    "a type of several": (asked(types=TypeAnd(("Rare", TypeOr(("Rare", "Common"))))), (BY_TYPE,)),
    "a type and a pattern": (asked(types="Rare", id_pattern="000$"), (BY_TYPE,)),
    "a type and a scope": (asked(types="Rare", scope_q="/a"), (BY_TYPE,)),
    "a type and q": (asked(types="Rare", q=LEVEL), (BY_TYPE,)),
    "a type and an attribute": (asked(types="Rare", attrs=("level",)), (BY_TYPE,)),
    "an attribute": (asked(attrs=("rare",)), (BY_NAME,)),
    "an attribute that all have": (asked(attrs=("level",)), (BY_NAME,)),
    "attributes": (asked(attrs=("rare", "next")), (BY_NAME,)),
    "q": (asked(q=RARE), (BY_NAME,)),
    "q of what all have": (asked(q=LEVEL), (BY_NAME,)),
    "q with and": (asked(q=QAnd((LEVEL, RARE))), (BY_NAME,)),
    "q with or": (asked(q=QOr((RARE, QTerm(QPath(("next",)), "exists")))), (BY_NAME,)),
    "q of linked entities": (asked(q=QLink("next", LEVEL)), (BY_NAME, BY_ID)),
    "q of linked entities of a type": (asked(types="Rare", q=QLink("next", LEVEL, ("Common",))), (BY_TYPE, BY_ID)),
    "a place": (asked(geo=NEAR), (BY_PLACE,)),
    "a place and a type": (asked(geo=NEAR, types="Common"), (BY_PLACE,)),
    "an area": (asked(geo=GeoQuery("within", SQUARE, "location"), q=LEVEL), (BY_PLACE,)),
    "selectors": (
        asked(selectors=(Selector("Rare", id_pattern="7000$"), Selector("Common", (ID + "8",)))),
        (("entity_type", "entity_type"), BY_ID),
    ),
    "an order": (asked(types="Rare", order=Ordering((OrderKey(QPath(("level",)), descending=True),))), (BY_TYPE,)),
    "an order by distance": (
        asked(geo=NEAR, order=Ordering((OrderKey(QPath(("location",)), by_distance=True),), origin=POINT)),
        (BY_PLACE,),
    ),
    "a restriction": (
        Query(rows(types="Rare"), ALL_ATTRIBUTES, q=RARE),
        (BY_NAME, ("entity_type", "entity_type")),
    ),
}


def reads_all(plan: str) -> bool:
    """Whether a statement reads entities one after the other without an index that narrows them."""
    return "Seq Scan on entity " in plan or re.search(r"^SCAN (entity|e|s|l\d*)( |$)", plan, re.MULTILINE) is not None


async def test_each_class_of_queries_uses_an_index(
    any_database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for engine in ("sqlite", "postgres"):  # how a query is run is asked here, not how fast this machine is
        monkeypatch.setattr(f"kumihimo.storage.engines.{engine}.READ_SECONDS", 60.0)
    database = await town(any_database_factory)
    place = 0 if database.dialect.name == "sqlite" else 1
    for name, (query, indexes) in CLASSES.items():
        told = await plans(database, query)
        for index in indexes:
            assert index[place] in told, (name, told)
        assert not reads_all(told), (name, told)
    await linked_entities_are_found_by_their_ids(database, place)
    await too_many_are_not_ordered(database)


async def linked_entities_are_found_by_their_ids(database: Database, place: int) -> None:
    async def work(tx: Any) -> str:
        watched = Watched(tx)
        ids = [f"{ID}{number}" for number in range(1, 500)]
        assert len(await links._seen_tx(watched, ids, ALL_ROWS, ALL_ATTRIBUTES)) == len(ids)  # type: ignore[arg-type]
        return "\n".join(watched.plans)

    told = await database.read("town", work)
    assert BY_ID[place] in told
    assert not reads_all(told)


async def too_many_are_not_ordered(database: Database) -> None:
    """What is ordered is read whole, so there is an end to it."""
    order = Ordering((OrderKey(QPath((), "id")),))
    whole = await database.read("town", lambda tx: queries.find_texts_tx(tx, asked(order=order, limit=3)))
    assert [json.loads(one)["id"] for one in whole.texts] == [ID + "1", ID + "10", ID + "100"]
    most = ordering.MAX_ORDERED
    ordering.MAX_ORDERED = MANY - 1
    try:
        with pytest.raises(TooManyResults, match="narrow"):
            await database.read("town", lambda tx: queries.find_texts_tx(tx, asked(order=order)))
    finally:
        ordering.MAX_ORDERED = most


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
    assert await ids(attrs=("y", "x"), visible=only("y")) == [2, 5]
    assert await ids(scope_q="/福井/+") == [0, 1, 2, 3, 4, 5]
    assert await ids(scope_q="/福井/3,/福井/5") == [3, 5]
    assert await ids(restriction=rows(types="B", q=QTerm(QPath(("x",)), ">", (1,)))) == [5]
    assert await ids(restriction=rows(ids=())) == []
    assert await ids(restriction=rows(q=QTerm(QPath(("x",)), "exists")), visible=only()) == [
        1,
        2,
        4,
        5,
    ]
    assert await broker.types("town", ALL_ROWS, ALL_ATTRIBUTES) == [("A", ["x", "y"], 6), ("B", ["x", "y"], 3)]
    assert await broker.types("town", rows(ids=("urn:ngsi-ld:E:1",)), ALL_ATTRIBUTES) == [
        ("A", ["x"], 1),
        ("B", ["x"], 1),
    ]
    alone = await broker.get("town", "urn:ngsi-ld:E:5", ALL_ROWS, only("y"))
    assert alone is not None
    assert list(alone["attrs"]) == ["y"]
    assert await broker.get("town", "urn:ngsi-ld:E:4", rows(types="B"), ALL_ATTRIBUTES) is None
