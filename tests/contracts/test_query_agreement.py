"""For documents and queries made by chance, both engines, memory and the slow model answer alike."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model import generate, slow_order, slow_query
from tests.model.house import filled
from tests.model.translate import typed, typed_types
from tests.rights import only, rows

from kumihimo.platform.broker import evaluate
from kumihimo.platform.broker.models import (
    ALL_ATTRIBUTES,
    ALL_ROWS,
    GeoQuery,
    Ordering,
    OrderKey,
    QPath,
    Query,
    Visible,
)

ENTITIES, QUERIES, FEW = 60, 150, 30


@pytest.mark.parametrize("seed", [1, 2])
async def test_all_four_answer_alike(any_database_factory: DatabaseFactory, fake_clock: FakeClock, seed: int) -> None:
    random = Random(seed)
    docs = [generate.entity(random, number) for number in range(ENTITIES)]
    broker = await filled(any_database_factory, fake_clock, docs)
    hits = 0
    for _ in range(QUERIES):
        plain, selection = generate.query(random), generate.types(random) if random.random() < 0.5 else None
        q, types = typed(plain), None if selection is None else typed_types(selection)
        chosen = [
            doc["id"]
            for doc in docs
            if slow_query.answers(doc, plain) and (selection is None or slow_query.has_types(doc["type"], selection))
        ]
        in_memory = [
            doc["id"]
            for doc in docs
            if evaluate.matches_q(doc, q) and (types is None or evaluate.matches_types(doc["type"], types))
        ]
        assert in_memory == chosen, plain
        query = Query(ALL_ROWS, ALL_ATTRIBUTES, types=types, q=q, limit=ENTITIES, count=True)
        found = await broker.find("town", query)
        assert [doc["id"] for doc in found.entities] == chosen, (plain, selection)
        assert found.total == len(chosen)
        limited = Query(rows(types=types, q=q), ALL_ATTRIBUTES, limit=ENTITIES)
        assert [doc["id"] for doc in (await broker.find("town", limited)).entities] == chosen, plain
        hits += 0 < len(chosen) < len(docs)
    assert hits > QUERIES / 4


@pytest.mark.parametrize("seed", [7])
async def test_linked_entities_are_asked_alike(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock, seed: int
) -> None:
    random = Random(seed)
    docs = [generate.entity(random, number) for number in range(ENTITIES)]
    broker = await filled(any_database_factory, fake_clock, docs)
    seen = only(*generate.NAMES[:3])
    allowed_rows = rows(types=generate.TYPES[0])
    allowed = [masked(doc, seen) for doc in docs if generate.TYPES[0] in doc["type"]]
    hits = 0
    for _ in range(FEW):
        plain = generate.linked_query(random)
        for town, visible, restriction in ((docs, ALL_ATTRIBUTES, ALL_ROWS), (allowed, seen, allowed_rows)):
            by_id = {doc["id"]: doc for doc in town}
            chosen = [doc["id"] for doc in town if slow_query.answers(doc, plain, town)]
            in_memory = [doc["id"] for doc in town if evaluate.matches_q(doc, typed(plain), by_id.get)]
            assert in_memory == chosen, plain
            found = await broker.find("town", Query(restriction, visible, q=typed(plain), limit=ENTITIES))
            assert [doc["id"] for doc in found.entities] == chosen, plain
            hits += 0 < len(chosen) < len(town)
    assert hits > FEW / 5


@pytest.mark.parametrize("seed", [9, 10])
async def test_orders_are_alike(any_database_factory: DatabaseFactory, fake_clock: FakeClock, seed: int) -> None:
    random = Random(seed)
    docs = [generate.entity(random, number) for number in range(ENTITIES)]
    broker = await filled(any_database_factory, fake_clock, docs)
    seen = only(*generate.NAMES[:2])
    for _ in range(FEW):
        keys = generate.order(random)
        order = Ordering(tuple(OrderKey(QPath(tuple(one[0]), one[1], tuple(one[2])), one[3]) for one in keys))
        for town, visible in ((docs, ALL_ATTRIBUTES), ([masked(doc, seen) for doc in docs], seen)):
            wanted = slow_order.ordered(town, keys)
            found = await broker.find("town", Query(ALL_ROWS, visible, order=order, limit=ENTITIES, count=True))
            assert [doc["id"] for doc in found.entities] == wanted, keys
            assert (found.total, found.more) == (ENTITIES, False)
        page = await broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES, order=order, limit=7, offset=7))
        assert [doc["id"] for doc in page.entities] == slow_order.ordered(docs, keys)[7:14]
        assert page.more


def masked(doc: Any, visible: Visible) -> Any:
    """The entity without the attributes that may not be seen."""
    names = visible.flat
    assert names is not None
    return {**doc, "attrs": {name: many for name, many in doc["attrs"].items() if name in names}}


async def test_pages_by_cursor_and_by_offset_are_the_whole(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    random = Random(3)
    docs = [generate.entity(random, number) for number in range(ENTITIES)]
    broker = await filled(any_database_factory, fake_clock, docs)
    for types in (generate.TYPES[0], typed_types(("or", generate.TYPES[:2])), None):
        whole = (await broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES, types=types, limit=1000))).entities
        by_cursor: list[Any] = []
        after = ""
        while True:
            found = await broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES, types=types, limit=7, after=after))
            by_cursor += found.entities
            after = found.after
            if not after:
                break
        by_offset: list[Any] = []
        while len(by_offset) < len(whole):
            page = Query(ALL_ROWS, ALL_ATTRIBUTES, types=types, limit=7, offset=len(by_offset))
            by_offset += (await broker.find("town", page)).entities
        assert by_cursor == by_offset == whole
        empty = await broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES, types=types, limit=0, count=True))
        assert (empty.entities, empty.total) == ([], len(whole))


async def test_an_invisible_attribute_is_not_there(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    random = Random(4)
    docs = [generate.entity(random, number) for number in range(ENTITIES)]
    broker = await filled(any_database_factory, fake_clock, docs)
    visible = only(*generate.NAMES[:2])
    bare = [masked(doc, visible) for doc in docs]
    for _ in range(60):
        plain = generate.query(random)
        chosen = [doc["id"] for doc in bare if slow_query.answers(doc, plain)]
        found = await broker.find("town", Query(ALL_ROWS, visible, q=typed(plain), limit=ENTITIES))
        assert [doc["id"] for doc in found.entities] == chosen, plain
        assert all(set(doc["attrs"]) <= set(generate.NAMES[:2]) for doc in found.entities)
    hidden = Query(ALL_ROWS, visible, attrs=(generate.NAMES[2],))
    assert (await broker.find("town", hidden)).entities == []


def place(number: int, shape: Any) -> Any:
    location = {"type": "GeoProperty", "value": shape}
    return {"id": f"urn:ngsi-ld:P:{number}", "type": ["P"], "attrs": {"location": [location]}}


def shapes(random: Random, count: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(count):
        lon, lat = round(136 + random.random(), 3), round(36 + random.random(), 3)
        size = round(random.random() / 5, 3)
        square = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
        found.append(
            random.choice(
                [
                    {"type": "Point", "coordinates": [lon, lat]},
                    {"type": "LineString", "coordinates": [[lon, lat], [lon + size, lat - size]]},
                    {"type": "Polygon", "coordinates": [square]},
                    {"type": "Polygon", "coordinates": [[square[0], square[2], square[1], square[3], square[0]]]},
                ]
            )
        )
    return found


async def test_places_are_found_alike(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    random = Random(5)
    docs = [place(number, shape) for number, shape in enumerate(shapes(random, 80))]
    docs.append({"id": "urn:ngsi-ld:P:none", "type": ["P"], "attrs": {}})
    broker = await filled(any_database_factory, fake_clock, docs)
    relations: list[Any] = ["equals", "disjoint", "intersects", "within", "contains", "overlaps"]
    asked = [GeoQuery(relation, shape, "location") for relation in relations for shape in shapes(random, 6)]
    asked += [GeoQuery("equals", docs[n]["attrs"]["location"][0]["value"], "location") for n in range(5)]
    hits = 0
    for geo in asked:
        chosen = [doc["id"] for doc in docs if evaluate.matches_geo(doc, geo)]
        found = await broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES, geo=geo, limit=100))
        assert [doc["id"] for doc in found.entities] == chosen, geo
        hits += bool(chosen)
    assert hits > 10


@pytest.mark.parametrize("metres", [0.5, 1000.0, 20_000.0, 60_000.0])
async def test_points_near_are_found_alike(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock, metres: float
) -> None:
    random = Random(6)
    spots = [[round(136 + random.random(), 4), round(36 + random.random(), 4)] for _ in range(60)]
    spots += [[179.99, 0.0], [-179.99, 0.0], [10.0, 89.99], [-170.0, 89.99]]
    docs = [place(number, {"type": "Point", "coordinates": spot}) for number, spot in enumerate(spots)]
    broker = await filled(any_database_factory, fake_clock, docs)
    for centre in ([136.5, 36.5], spots[0], [180.0, 0.0], [0.0, 90.0]):
        shape = {"type": "Point", "coordinates": centre}
        for geo in (
            GeoQuery("near", shape, "location", max_distance=metres),
            GeoQuery("near", shape, "location", min_distance=metres),
        ):
            chosen = [doc["id"] for doc in docs if evaluate.matches_geo(doc, geo)]
            found = await broker.find("town", Query(ALL_ROWS, ALL_ATTRIBUTES, geo=geo, limit=100))
            assert [doc["id"] for doc in found.entities] == chosen, geo
