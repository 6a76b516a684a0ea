"""What rights leave of a town is what a town would be that never had the rest: a model masks first and asks then.

The model knows of rights what is written here, and nothing of how the platform pushes them into its queries.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model import generate, slow_order, slow_query
from tests.model.house import House
from tests.model.translate import typed

from kumihimo.base.call import Call
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.access.models import (
    Clause,
    Names,
    Rights,
    RowAnd,
    RowIds,
    RowNode,
    RowNot,
    RowOr,
    RowQ,
    RowScope,
    RowTypes,
)
from kumihimo.platform.broker import masks
from kumihimo.platform.broker.models import Change, GeoQuery, Op, Ordering, OrderKey, QPath, Query
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.history.models import TemporalQuery
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY

ENTITIES, CALLERS, EACH = 24, 8, 2
SCOPES = ["/a", "/a/b", "/c"]
PLACE = "https://example.org/place"
NAMES = [*generate.NAMES, PLACE]
NEAR = GeoQuery("near", {"type": "Point", "coordinates": [136.0, 36.0]}, PLACE, max_distance=500_000)


# --- rights by chance, in plain shapes -----------------------------------------------------------------------


def some_rows(random: Random, depth: int = 0) -> Any:
    if depth < 2 and random.random() < 0.45:
        kind = random.choice(["and", "or", "not"])
        return (kind, [some_rows(random, depth + 1) for _ in range(1 if kind == "not" else random.randrange(3))])
    kind = random.choice(["types", "types", "ids", "scope", "q", "q"])
    if kind == "types":
        return (kind, random.sample(generate.TYPES, random.randrange(3)))
    if kind == "ids":
        return (kind, [f"urn:ngsi-ld:E:{number}" for number in random.sample(range(ENTITIES), ENTITIES // 2)])
    return (kind, random.choice(SCOPES) if kind == "scope" else generate.query(random, 2))


def some_clauses(random: Random, most: int) -> Any:
    return [
        (some_rows(random), random.sample(NAMES, random.randrange(3)), random.random() < 0.4)
        for _ in range(random.randrange(most + 1))
    ]


def translated(rows: Any) -> RowNode:
    kind, inner = rows
    if kind in ("and", "or"):
        parts = tuple(map(translated, inner))
        return RowAnd(parts) if kind == "and" else RowOr(parts)
    if kind == "not":
        return RowNot(translated(inner[0]))
    if kind in ("types", "ids"):
        return RowTypes(frozenset(inner)) if kind == "types" else RowIds(frozenset(inner))
    return RowScope(inner) if kind == "scope" else RowQ(typed(inner))


def rights_of(shown: Any, hidden: Any) -> Rights:
    def clauses(many: Any) -> tuple[Clause, ...]:
        return tuple(Clause(translated(rows), Names(frozenset(names), others)) for rows, names, others in many)

    return Rights(clauses(shown), clauses(hidden))


# --- the model -------------------------------------------------------------------------------------------------


def is_among(doc: Any, rows: Any) -> bool:
    kind, inner = rows
    if kind == "and":
        return all(is_among(doc, part) for part in inner)
    if kind == "or":
        return any(is_among(doc, part) for part in inner)
    if kind == "not":
        return not is_among(doc, inner[0])
    if kind == "types":
        return any(one in inner for one in doc["type"])
    if kind == "ids":
        return doc["id"] in inner
    return inner in doc.get("scope", []) if kind == "scope" else slow_query.answers(doc, inner)


def is_granted(doc: Any, name: str, shown: Any, hidden: Any) -> bool:
    def has(clauses: Any) -> bool:
        return any((name in names) != others and is_among(doc, rows) for rows, names, others in clauses)

    return has(shown) and not has(hidden)


def left(docs: Any, shown: Any, hidden: Any) -> Any:
    """The town as it is for somebody with these rights."""
    return [
        {**doc, "attrs": {name: many for name, many in doc["attrs"].items() if is_granted(doc, name, shown, hidden)}}
        for doc in docs
        if any(is_granted(doc, name, shown, hidden) for name in [*NAMES, "of no clause"])
    ]


def entity(random: Random, number: int) -> Any:
    doc = generate.entity(random, number)
    if random.random() < 0.6:
        doc["scope"] = random.sample(SCOPES, random.randrange(1, 3))
    if random.random() < 0.5:
        point = {"type": "Point", "coordinates": [random.choice([136.1, -70.0]), 36.0]}
        doc["attrs"][PLACE] = [{"type": "GeoProperty", "value": point}]
    return doc


# --- the questions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_rights_leave_is_all_there_is(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock, seed: int
) -> None:
    random = Random(seed)
    docs = [entity(random, number) for number in range(ENTITIES)]
    database = await any_database_factory([BROKER, HISTORY])
    await database.add_tenant("town")
    house = House(database, fake_clock)
    outcomes = await house.broker.apply(Call("town"), [Change(Op.CREATE, doc["id"], doc) for doc in docs])
    assert {one.status for one in outcomes} == {"created"}
    narrowed = 0
    for _ in range(CALLERS):
        shown, hidden = some_clauses(random, 4), some_clauses(random, 2)
        grant, town = Grant.of(rights_of(shown, hidden)), left(docs, shown, hidden)
        for doc in docs:
            seen = next((one for one in town if one["id"] == doc["id"]), None)
            assert masks.admits(grant.restriction, doc) is (seen is not None), (shown, hidden)
            assert seen is None or masks.masked(doc, grant.visible)["attrs"] == seen["attrs"], (shown, hidden)
        await _asked(house, random, town, grant)
        narrowed += len(town) > 0 and sum(len(one["attrs"]) for one in town) < sum(len(one["attrs"]) for one in docs)
    assert narrowed > CALLERS / 3


async def _asked(house: House, random: Random, town: Any, grant: Grant) -> None:
    """Everything that can be asked of current and past entities."""
    broker = house.broker
    whole = await broker.find("town", Query(grant.restriction, grant.visible, limit=ENTITIES, count=True))
    assert [(doc["id"], list(doc["attrs"])) for doc in whole.entities] == [
        (one["id"], list(one["attrs"])) for one in town
    ]
    assert whole.total == len(town)
    for _ in range(EACH):
        plain = generate.linked_query(random) if random.random() < 0.3 else generate.query(random)
        attrs = tuple(random.sample(NAMES, 2)) if random.random() < 0.4 else ()
        type_ = random.choice([None, None, *generate.TYPES])
        chosen = [
            one["id"]
            for one in town
            if slow_query.answers(one, plain, town)
            and (not attrs or any(name in one["attrs"] for name in attrs))
            and (type_ is None or type_ in one["type"])
        ]
        query = Query(grant.restriction, grant.visible, type_, q=typed(plain), attrs=attrs, limit=2, count=True)
        assert await _pages(house, query, len(chosen)) == chosen, plain
        keys = generate.order(random)
        order = Ordering(tuple(OrderKey(QPath(tuple(one[0]), one[1], tuple(one[2])), one[3]) for one in keys))
        ordered = await broker.find("town", Query(grant.restriction, grant.visible, order=order, limit=ENTITIES))
        assert [one["id"] for one in ordered.entities] == slow_order.ordered(town, keys), keys
    for name in NAMES:
        plain = ("term", [name], "", [], random.choice(["exists", "absent"]), [])
        for type_ in (None, *generate.TYPES):
            query = Query(grant.restriction, grant.visible, type_, q=typed(plain), limit=ENTITIES)
            assert [one["id"] for one in (await broker.find("town", query)).entities] == [
                one["id"] for one in town if slow_query.answers(one, plain) and (type_ is None or type_ in one["type"])
            ]
    near = await broker.find("town", Query(grant.restriction, grant.visible, geo=NEAR, limit=ENTITIES))
    assert [one["id"] for one in near.entities] == [
        one["id"] for one in town if PLACE in one["attrs"] and one["attrs"][PLACE][0]["value"]["coordinates"][0] > 0
    ]
    types = {one for doc in town for one in doc["type"]}
    census = await broker.census("town", grant.restriction, grant.visible)
    assert set(census.types) == types
    assert set(census.attributes) == {name for one in town for name in one["attrs"]}
    listed = await broker.types("town", grant.restriction, grant.visible)
    assert {name: set(attrs) for name, attrs, _ in listed} == {
        name: {attr for one in town if name in one["type"] for attr in one["attrs"]} for name in types
    }
    past = await History(house.database).find(
        "town", Query(grant.restriction, grant.visible, limit=ENTITIES, count=True), TemporalQuery("")
    )
    told = {one.doc["id"]: set(one.doc["attrs"]) - {"https://uri.etsi.org/ngsi-ld/scope"} for one in past.entities}
    assert told == {one["id"]: set(one["attrs"]) for one in town if one["attrs"]}
    assert past.total == len(told)


async def _pages(house: House, query: Query, total: int) -> list[str]:
    """The ids of all pages, by cursor; each tells the same number of all."""
    found: list[str] = []
    after = ""
    while True:
        page = await house.broker.find("town", Query(**{**_members(query), "after": after}))
        assert page.total == total
        found += [one["id"] for one in page.entities]
        if not page.after:
            return found
        after = page.after


def _members(query: Query) -> dict[str, Any]:
    return {name: getattr(query, name) for name in ("restriction", "visible", "types", "q", "attrs", "limit", "count")}
