"""For entities, moments and queries made by chance, both engines find by what was as the slow model does."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model import generate, slow_query
from tests.model.translate import typed

from kumihimo.base import times
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Query
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.change import upsert_tx
from kumihimo.platform.history.models import TemporalQuery
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.storage.database import Tx

ENTITIES, QUERIES, SPAN = 40, 120, 600
SECOND = 1_000_000


def over_time(random: Random, number: int) -> Any:
    """An entity whose attributes are those of three, each instance at a moment of its own."""
    docs = [generate.entity(random, number) for _ in range(3)]
    merged: dict[str, list[Any]] = {}
    moments = iter(random.sample(range(SPAN), 300))
    for doc in docs:
        for name, instances in doc["attrs"].items():
            for one in instances:
                at = times.text(times.from_micros(next(moments) * SECOND))
                merged.setdefault(name, []).append({**one, "observedAt": at})
    return {"id": docs[0]["id"], "type": docs[0]["type"], "attrs": merged}


def within(doc: Any, start: int, end: int) -> Any:
    """The entity with the instances of a span of time only."""
    kept = {
        name: [one for one in many if start <= times.micros(times.parse(one["observedAt"])) < end]
        for name, many in doc["attrs"].items()
    }
    return {**doc, "attrs": {name: many for name, many in kept.items() if many}}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_was_is_found_alike(any_database_factory: DatabaseFactory, fake_clock: FakeClock, seed: int) -> None:
    random = Random(seed)
    database = await any_database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    docs = [over_time(random, number) for number in range(ENTITIES)]

    async def keep(tx: Tx) -> None:
        for doc in docs:
            await upsert_tx(tx, doc, fake_clock.now())

    await database.write("town", keep)
    history, hits = History(database), 0
    for _ in range(QUERIES):
        plain = generate.query(random)
        start = random.randrange(SPAN) * SECOND
        end = start + random.choice([20, 100, SPAN]) * SECOND
        cut = [within(doc, start, end) for doc in docs]
        chosen = sorted(doc["id"] for doc in cut if doc["attrs"] and slow_query.answers(doc, plain))
        query = Query(ALL_ROWS, ALL_ATTRIBUTES, q=typed(plain), limit=ENTITIES, count=True)
        found = await history.find("town", query, TemporalQuery("between", start, end))
        assert [one.doc["id"] for one in found.entities] == chosen, (plain, start, end)
        assert found.total == len(chosen)
        given = {one.doc["id"]: sum(len(many) for many in one.doc["attrs"].values()) for one in found.entities}
        sizes = {doc["id"]: sum(len(many) for many in doc["attrs"].values()) for doc in cut}
        assert given == {one: sizes[one] for one in chosen}
        hits += 0 < len(chosen) < len(docs)
    assert hits > QUERIES / 4
