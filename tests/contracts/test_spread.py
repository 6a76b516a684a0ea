"""Numbers of many entities in a span of time, on both engines: as a reader with pencil and paper counts them."""

from __future__ import annotations

from random import Random

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import CALL, E1, E2, House, entity, fragment

from kumihimo.base import times
from kumihimo.base.errors import TooManyResults
from kumihimo.base.ports import Reading
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Op, Query
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.spread import Holders, Seen, Spread, Spreads
from kumihimo.platform.history.store import SCHEMA as HISTORY

SECOND = 1_000_000
OF_TYPE = Query(ALL_ROWS, ALL_ATTRIBUTES, types="G")


@pytest.fixture
async def house(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await any_database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    return House(database, fake_clock)


async def holders(house: House, since: int = 0, most: int = 100, query: Query = OF_TYPE) -> Holders:
    return await Spreads(house.database).holders("town", query, ("level",), since, most)


def now(house: House) -> int:
    return times.micros(house.clock.now())


@pytest.mark.parametrize("seed", range(3))
async def test_spreads_are_what_the_readings_that_count_give(house: House, seed: int) -> None:
    random = Random(seed)
    stands: dict[tuple[str, int], float] = {}
    for _ in range(60):
        name, at, value = random.choice([E1, E2]), random.randrange(1, 30), random.choice([1.5, 2, -3, 7])
        await house.ingest(CALL, [Reading(name, "G", "level", value, at * SECOND)])
        stands[name, at] = value
    spreads = Spreads(house.database)
    found = await spreads.span("town", [E1, E2], ("level",), 5 * SECOND, 20 * SECOND, now(house), 4)
    inside = {key: value for key, value in stands.items() if 5 <= key[1] < 20}
    expected = [
        Spread(name, "level", len(many), sum(many), min(many), max(many))
        for name in (E1, E2)
        if (many := [value for key, value in inside.items() if key[0] == name])
    ]
    assert found.spreads == expected
    each = {name: sorted((at for one, at in inside if one == name), reverse=True) for name in (E1, E2)}
    turns = sorted((place, -at, name) for name, many in each.items() for place, at in enumerate(many))
    assert found.newest == [Seen(name, "level", -at * SECOND, inside[name, -at]) for _, at, name in turns[:4]], (
        "the newest of each before the second newest of any"
    )
    assert (await holders(house)).first == min(at for _, at in stands) * SECOND


async def test_a_value_without_a_moment_holds_until_the_next_or_its_end(house: House) -> None:
    ends = []
    for change in (
        (Op.CREATE, entity(E1, level=5)),
        (Op.APPEND, fragment(level=7)),
        (Op.APPEND, fragment(level="dry")),
        (Op.APPEND, fragment(level=9)),
        (Op.DELETE, None),
    ):
        house.clock.advance(10)
        ends.append(now(house))
        await house.one(*change)
    ends.append(now(house) + 1)
    query = Query(ALL_ROWS, ALL_ATTRIBUTES, types="T")
    lives = (await holders(house, query=query)).lives
    held = await Spreads(house.database).states("town", lives, ("level",), ends)
    assert [[one.number for one in many] for many in held] == [[], [5.0], [7.0], [], [9.0], []]
    life = lives[E1]
    assert [life.holds(end) for end in ends] == [False, True, True, True, True, False]


async def test_what_was_written_since_is_told_by_its_oldest_moment(house: House) -> None:
    await house.ingest(CALL, [Reading(E1, "G", "level", 1.0, 100 * SECOND)])
    house.clock.advance(60)
    since = now(house)
    assert (await holders(house, since)).touched is None
    house.clock.advance(60)
    await house.ingest(CALL, [Reading(E1, "G", "level", 1.0, 500 * SECOND)])
    await house.ingest(CALL, [Reading(E2, "G", "level", 1.0, 40 * SECOND)])
    later = await holders(house, since)
    assert (later.touched, set(later.lives)) == (40 * SECOND, {E1, E2})
    house.clock.advance(60)
    since = now(house)
    await house.one(Op.DELETE)
    gone = await holders(house, since)
    assert (gone.touched, gone.lives[E1].deleted_at is None, gone.lives[E2].deleted_at) == (0, False, None)


async def test_no_figure_is_made_of_more_entities_than_may_be(house: House) -> None:
    for name in (E1, E2):
        await house.ingest(CALL, [Reading(name, "G", "level", 1.0, SECOND)])
    assert len((await holders(house, most=2)).lives) == 2
    with pytest.raises(TooManyResults, match="at most 1"):
        await holders(house, most=1)
