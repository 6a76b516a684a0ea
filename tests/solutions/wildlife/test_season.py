"""A season played: real reports, simulated devices, and what follows from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.fakes import DatabaseFactory
from tests.solutions.wildlife.wildlife_house import House, opened, until

from kumihimo.base.jsontext import loads
from kumihimo.platform.access.grants import ALL_ROWS
from kumihimo.solutions.wildlife import demo, entities
from kumihimo.solutions.wildlife.demo import prepare, tell_between
from kumihimo.solutions.wildlife.kpis import Figures
from kumihimo.solutions.wildlife.patrol import km
from kumihimo.solutions.wildlife.reports import report_of
from kumihimo.solutions.wildlife.season import SEES_KM, TENANT, TOWN, Season, load
from kumihimo.solutions.wildlife.watching import Watching

DAY = 24 * 3600 * 1_000_000


@pytest.fixture(scope="module")
def season() -> Season:
    return load()


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    async with opened(database_factory, sites=()) as found:
        yield found


def short(season: Season, days: int) -> Season:
    """The first days of the season, after a few incidents."""
    end = season.start + days * DAY
    return replace(
        season,
        past=season.past[-60:],
        coming=tuple(one for one in season.coming if one.at is not None and one.at <= end),
        steps=tuple(step for step in season.steps if step.at <= end),
        said=tuple(said for said in season.said if said.at <= end),
        end=end,
    )


def test_detections_are_those_of_real_reports_and_the_rest_says_that_it_is_simulated(season: Season) -> None:
    assert load() == season
    assert {one.town for one in (*season.past, *season.coming)} == {TOWN}
    moments = {one.at for one in season.coming}
    sensors = {site.device_id: site for site in season.sites if site.kind == "sensor"}
    seen = [step for step in season.steps if step.device in sensors]
    assert len(seen) > 40
    for step in seen:
        assert any(at is not None and 0 <= step.at - at <= 10 * 60_000_000 for at in moments)
    for site in season.sites:
        assert "模擬" in site.name
    near = [min(km((site.lon, site.lat), (one.lon, one.lat)) for site in sensors.values()) for one in season.coming]
    assert sum(far <= SEES_KM for far in near) >= 20


def test_every_report_of_the_play_is_one_that_the_form_takes(season: Season) -> None:
    made = [report_of(said.form, said.at) for said in season.said]
    assert len({one.entity_id for one in made}) == len(made)
    assert {one.kind for one in made} == {"damage", "catch", "visit"}
    assert all("simulated" in said.form["note"] for said in season.said)


def test_what_devices_send_is_in_order_and_a_trap_that_closes_opens_again(season: Season) -> None:
    assert [step.at for step in season.steps] == sorted(step.at for step in season.steps)
    switches = [(step.device, loads(step.body)["closed"]) for step in season.steps if step.device.startswith("trap")]
    assert sum(closed for _, closed in switches) == sum(not closed for _, closed in switches) > 5


@pytest.mark.enable_socket
async def test_from_detection_to_siren_to_catch_to_figures(house: House, season: Season) -> None:
    """Played step by step over real MQTT: the permission decides by day, a simulated siren confirms, figures follow."""
    doors = house.doors
    prepared = await prepare(doors, 3600.0, lambda: short(season, 6))
    assert not prepared.kept
    watching = Watching(doors)

    async def connected() -> bool:
        return all(actor._link is not None for actor in prepared.actors)

    async def all_ended() -> bool:
        await doors.alerts.follow(TENANT, await doors.commands(TENANT))
        return not await doors.alerts.unfinished(TENANT)

    actors = [asyncio.create_task(actor.run()) for actor in prepared.actors]
    try:
        await until(connected)
        while await prepared.player.step():
            await watching.look(TENANT)
        await tell_between(doors, prepared.season, season.start, prepared.season.end)
        await until(all_ended)
    finally:
        for actor in actors:
            actor.cancel()
        await asyncio.gather(*actors, return_exceptions=True)
        await prepared.player.close()
    encounters = await doors.docs(TENANT, entities.ENCOUNTER)
    assert 4 <= len(encounters) < len(prepared.season.steps)
    decisions = await doors.alerts.decisions(TENANT)
    states = {(step.proposal.name, step.state) for one in decisions for step in one.steps}
    assert ("sound", "confirmed") in states
    assert all("simulated" in one.who for one in decisions)
    figures = Figures(doors)
    assert [one.state for one in await figures.notice_seconds(TENANT, ALL_ROWS)] == ["known"]
    assert (await figures.visits_per_catch(TENANT, ALL_ROWS))[0].label["en"] == "2024-10"


@pytest.mark.enable_socket
async def test_a_second_start_goes_on_where_the_first_one_was(house: House, season: Season) -> None:
    first = await prepare(house.doors, 3600.0, lambda: short(season, 2))
    await tell_between(house.doors, first.season, season.start, season.start + DAY)
    second = await prepare(house.doors, 3600.0, lambda: short(season, 2))
    assert second.kept
    assert second.player.state().recorded == season.start + DAY
    assert demo.recorded_now(second, TENANT, 1) == season.start + DAY
    assert demo.recorded_now(second, "another-town", 1) == demo.recorded_now(None, TENANT, 1) == 1
