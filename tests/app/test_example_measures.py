"""The measures that the demonstration's towns begin with."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from tests.contracts.test_measures import World, make_world
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import House

from kumihimo.app.measures import FILE, show_measures
from kumihimo.base.call import Actor, Call
from kumihimo.platform.access.grants import Restriction
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.kpi.measures import LEVELS
from kumihimo.service.kpi.measures_door import Measures, tree_of
from kumihimo.service.kpi.measures_text import read
from kumihimo.service.kpi.models import Figure
from kumihimo.solutions.flood.leadtime import LEAD_TIME
from kumihimo.solutions.wildlife.kpis import DAMAGED_AREA, NOTICE_SECONDS, VISITS_PER_CATCH

FLOOD, WILDLIFE = "kumihimo.solutions.flood", "kumihimo.solutions.wildlife"


class Demo:
    """What is asked of a platform here."""

    def __init__(self, world: World) -> None:
        self.measures = world.measures


async def nothing(_: str, __: Restriction) -> list[Figure]:
    return []


@pytest.fixture
async def world(database_factory: DatabaseFactory, fake_clock: FakeClock) -> World:
    world = await make_world(database_factory, fake_clock)
    for definition in (LEAD_TIME, NOTICE_SECONDS, VISITS_PER_CATCH, DAMAGED_AREA):
        world.kpi.register(definition, nothing)
    return world


@pytest.mark.parametrize(
    ("package", "kpis"),
    [(FLOOD, {LEAD_TIME.id}), (WILDLIFE, {NOTICE_SECONDS.id, VISITS_PER_CATCH.id, DAMAGED_AREA.id})],
)
async def test_each_wing_ships_one_tree_that_says_that_it_is_an_example(
    world: World, package: str, kpis: set[str]
) -> None:
    given = read(files(package).joinpath(FILE).read_text("utf-8"))
    assert all(one.is_example and "例" in one.owner and one.title.get("en") for one in given)
    assert [len(tree_of(given)), {one.level for one in given}] == [1, set(LEVELS)]
    assert {target.kpi for one in given for target in one.targets} == kpis
    demo: Any = Demo(world)
    await show_measures(demo, "town", package)
    assert [one.id for branch in await world.measures.tree("town") for one in branch.walk()] == [
        one.id for branch in tree_of(given) for one in branch.walk()
    ]


async def test_what_people_made_stays_and_a_town_without_the_kpis_has_no_example(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    demo: Any = Demo(world)
    system = Call("town", Actor("system", "test"))
    await show_measures(demo, "town", FLOOD)
    for id_ in ("river-watch", "early-evacuation"):
        await world.measures.remove(system, id_, revision=1)
    await show_measures(demo, "town", FLOOD)
    assert [one.measure.id for one in await world.measures.tree("town")] == ["flood-safety"]
    nudges = House(world.database, world.clock).nudges
    world.measures = Measures(world.database, world.clock, nudges, world.access, Kpi())
    demo = Demo(world)
    await show_measures(demo, "other", FLOOD)
    assert await world.measures.tree("other") == []
    assert "example measures were not taken" in caplog.text
